// Several changes of one table as one: each operation's plan is prepared on what the ones before it made, and all their
// updates are sent together. A lost race prepares them all again on the new base.

import { LakeError, tableNameToString, type TableIdentifier } from "#core";
import { runCommit, type CommitAttempt, type CommitPlan } from "./commit-loop.ts";
import { applyUpdates } from "./metadata-builder.ts";
import { hasChanges } from "./metadata-changes.ts";
import { baseRequirements } from "./snapshot-commit.ts";
import type { OperationContext, TableDeps } from "./table-deps.ts";
import { MAIN_BRANCH, findSnapshot, type TableMetadata } from "./table-metadata.ts";
import type { TableRequirement, TableUpdate } from "./table-update.ts";
import type { CatalogClient, CatalogTransaction, Table, TableOperations, Transaction } from "./table.ts";

/** Makes a table whose operations become steps. */
type CreateTable = (
  deps: TableDeps,
  identifier: TableIdentifier,
  metadata: TableMetadata,
  metadataLocation: string,
  steps: Pick<OperationContext, "submit" | "isOwnSnapshot">,
) => Table;

/** What a commit of several tables takes of a transaction. */
export interface TransactionParts {
  readonly start: Table;
  readonly plan: CommitPlan;
}

const partsByTransaction = new WeakMap<Transaction, TransactionParts>();

/** The plan of a transaction made here. Errors: `invalid_option` for any other. */
export function transactionParts(transaction: Transaction): TransactionParts {
  const parts = partsByTransaction.get(transaction);
  if (parts === undefined) throw new LakeError("invalid_option", "The transaction is not one of this catalog client.");
  return parts;
}

interface Prepared {
  readonly attempt: CommitAttempt;
  readonly after: TableMetadata;
}

/** Starts a transaction. */
export function createTransaction(
  deps: TableDeps,
  start: Table,
  tableOperations: (context: () => OperationContext) => TableOperations,
  createTable: CreateTable,
): Transaction {
  const plans: CommitPlan[] = [];
  const staged: Prepared[] = [];
  let working = start.metadata;

  const submit: OperationContext["submit"] = async (plan) => {
    const prepared = await prepareStep(deps, plan, working);
    if ("conflict" in prepared) {
      await plan.discard();
      return { outcome: "conflict", reason: prepared.conflict };
    }
    plans.push(plan);
    staged.push(prepared);
    working = prepared.after;
    const made = findSnapshot(working, plan.snapshotId)?.["snapshot-id"];
    return { outcome: "committed", table: workingTable(), ...(made === undefined ? {} : { snapshotId: made }) };
  };
  const isOwnSnapshot = (snapshotId: bigint): boolean => plans.some((step) => step.snapshotId === snapshotId);
  const steps = { submit, isOwnSnapshot };
  const workingTable = (): Table => createTable(deps, start.identifier, working, start.metadataLocation, steps);

  let sent: { readonly base: TableMetadata; readonly after: TableMetadata } | undefined;
  /** The first attempt sends what was prepared step by step. */
  let isFirst = true;
  const prepareAll = async (base: TableMetadata): Promise<CommitAttempt | { readonly conflict: string }> => {
    const prepared = isFirst && base === start.metadata ? staged : await prepareSteps(deps, plans, base);
    isFirst = false;
    if ("conflict" in prepared) return prepared;
    sent = { base, after: prepared.at(-1)?.after ?? base };
    return joinAttempts(
      base,
      prepared.map((step) => step.attempt),
    );
  };
  const plan: CommitPlan = {
    get snapshotId() {
      return plans.findLast((step) => step.snapshotId !== undefined)?.snapshotId;
    },
    get branch() {
      return plans.findLast((step) => step.snapshotId !== undefined)?.branch ?? MAIN_BRANCH;
    },
    prepare: prepareAll,
    isApplied(metadata) {
      // All or nothing: snapshots are told by their ids. Other changes may cover one another, and are told by their sum.
      const told = plans.filter((step) => step.snapshotId !== undefined);
      if (told.length > 0) return told.every((step) => step.isApplied(metadata));
      return sent !== undefined && hasChanges(sent.base, sent.after, metadata);
    },
    async discard() {
      for (const step of plans) await step.discard();
    },
    async finish(metadata) {
      for (const step of plans) await step.finish(metadata);
    },
  };
  const transaction: Transaction = {
    ...tableOperations(() => ({ deps, table: workingTable(), ...steps })),
    table: workingTable,
    async commitTransaction(options) {
      if (plans.length === 0) return { outcome: "committed", table: start };
      return runCommit(deps.commit, start, plan, options?.attempts);
    },
    abort: () => plan.discard(),
  };
  partsByTransaction.set(transaction, { start, plan });
  return transaction;
}

async function prepareStep(
  deps: TableDeps,
  plan: CommitPlan,
  base: TableMetadata,
): Promise<Prepared | { readonly conflict: string }> {
  let attempt: CommitAttempt | { readonly conflict: string };
  try {
    attempt = await plan.prepare(base);
  } catch (error) {
    await plan.discard();
    throw error;
  }
  if ("conflict" in attempt) return attempt;
  const after = applyUpdates({ location: "", metadata: base }, attempt.updates, deps.clock.nowMs());
  // The log of metadata files is the catalog's: steps in between have none.
  return { attempt, after: { ...after, "metadata-log": base["metadata-log"] } };
}

async function prepareSteps(
  deps: TableDeps,
  plans: readonly CommitPlan[],
  base: TableMetadata,
): Promise<readonly Prepared[] | { readonly conflict: string }> {
  const steps: Prepared[] = [];
  let working = base;
  for (const plan of plans) {
    const attempt = await plan.prepare(working);
    if ("conflict" in attempt) return attempt;
    const after = applyUpdates({ location: "", metadata: working }, attempt.updates, deps.clock.nowMs());
    working = { ...after, "metadata-log": base["metadata-log"] };
    steps.push({ attempt, after: working });
  }
  return steps;
}

/** One attempt of all steps: their updates in order, and their requirements as they stand in the base. */
function joinAttempts(base: TableMetadata, attempts: readonly CommitAttempt[]): CommitAttempt {
  const updates: TableUpdate[] = attempts.flatMap((attempt) => [...attempt.updates]);
  const requirements = new Map<string, TableRequirement>();
  for (const requirement of [...baseRequirements(base), ...attempts.flatMap((attempt) => [...attempt.requirements])]) {
    const key =
      requirement.type === "assert-ref-snapshot-id" ? `${requirement.type} ${requirement.ref}` : requirement.type;
    if (!requirements.has(key)) requirements.set(key, requirementOn(base, requirement));
  }
  return { requirements: [...requirements.values()], updates };
}

/** What a requirement demands of the base; a later step asks for what an earlier one leaves. */
function requirementOn(base: TableMetadata, requirement: TableRequirement): TableRequirement {
  switch (requirement.type) {
    case "assert-create":
    case "assert-table-uuid":
      return requirement;
    case "assert-ref-snapshot-id":
      return { ...requirement, "snapshot-id": base.refs[requirement.ref]?.["snapshot-id"] ?? null };
    case "assert-last-assigned-field-id":
      return { ...requirement, "last-assigned-field-id": base["last-column-id"] };
    case "assert-current-schema-id":
      return { ...requirement, "current-schema-id": base["current-schema-id"] };
    case "assert-last-assigned-partition-id":
      return { ...requirement, "last-assigned-partition-id": base["last-partition-id"] };
    case "assert-default-spec-id":
      return { ...requirement, "default-spec-id": base["default-spec-id"] };
    case "assert-default-sort-order-id":
      return { ...requirement, "default-sort-order-id": base["default-sort-order-id"] };
  }
}

/** Starts a transaction of several tables; `commit` sends them together. */
export function createCatalogTransaction(commit: CatalogClient["commitTransaction"]): CatalogTransaction {
  const byName = new Map<string, Transaction>();
  return {
    on(table) {
      const name = tableNameToString(table.identifier);
      const known = byName.get(name);
      if (known !== undefined) return known;
      const transaction = table.newTransaction();
      byName.set(name, transaction);
      return transaction;
    },
    commit: (options) => commit([...byName.values()], options),
  };
}
