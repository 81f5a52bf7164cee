// The client's half of every commit: prepare against a base, send, and on failure find out what happened. A commit is of
// one table or of several together; the catalog applies all of it or nothing.

import { LakeError, tableNameToString, type Clock, type RandomSource, type TableIdentifier } from "#core";
import { catalogError, classifyCommitFailure } from "./catalog-transport.ts";
import { MAIN_BRANCH, findSnapshot, type TableMetadata } from "./table-metadata.ts";
import type { TableRequirement, TableUpdate } from "./table-update.ts";
import type { CatalogCommitOutcome, CommitOutcome, Table } from "./table.ts";

/** What is sent for one attempt. */
export interface CommitAttempt {
  readonly requirements: readonly TableRequirement[];
  /** None at all when the base needs no change: then nothing is sent for the table. */
  readonly updates: readonly TableUpdate[];
}

/** A change that can be prepared anew for every base. */
export interface CommitPlan {
  /** The attempt for this base, or why the change cannot be made on it. May write files. */
  prepare(base: TableMetadata): Promise<CommitAttempt | { readonly conflict: string }>;
  /** Whether the metadata holds the change already, so that a lost answer is found again. */
  isApplied(metadata: TableMetadata): boolean;
  /** The snapshot the change makes, if any. Commits with one require their branch to be at the base's snapshot. */
  readonly snapshotId?: bigint | undefined;
  /** The branch that snapshot goes to; default main. */
  readonly branch?: string;
  /** Called once nothing of this change can get into the table: deletes what was written. */
  discard(): Promise<void>;
  /** Called once the change is in: deletes what lost attempts wrote. */
  finish(metadata: TableMetadata): Promise<void>;
}

/** A table's part of a commit. */
export interface CommitChange {
  readonly table: TableIdentifier;
  readonly attempt: CommitAttempt;
}

/** What the loop needs from its surroundings. */
export interface CommitDeps {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
  /** Sends one commit; the tables after it in the order given. Rejects as iceberg-js does. */
  readonly send: (changes: readonly CommitChange[]) => Promise<readonly Table[]>;
  readonly reload: (table: TableIdentifier) => Promise<Table>;
  /** As `reload`, with all snapshots: a commit is looked for among those that others committed on top of, too. */
  readonly reloadWhole: (table: TableIdentifier) => Promise<Table>;
  /** The metadata file at a location. */
  readonly readMetadata: (location: string) => Promise<TableMetadata>;
}

/** A table to change and how. */
export interface CommitTarget {
  readonly table: Table;
  readonly plan: CommitPlan;
}

/** Attempts in all unless the caller or the table says otherwise. */
const DEFAULT_ATTEMPTS = 5;
/** Property of the number of attempts after the first. */
const RETRIES_PROPERTY = "commit.retry.num-retries";
/** Upper bound of the first wait; doubles each time. */
const BASE_DELAY_MS = 100;
/**
 * The same after a lost race, tripling: Firn's catalog answers one when it is the writer's turn, and others wait for it a
 * little while only.
 */
const RACE_DELAY_MS = 20;
const MAX_DELAY_MS = 5000;

/** Commits a plan of one table. See {@link runCommits}. */
export async function runCommit(
  deps: CommitDeps,
  table: Table,
  plan: CommitPlan,
  attempts?: number,
): Promise<CommitOutcome> {
  const outcome = await runCommits(deps, [{ table, plan }], attempts);
  if (outcome.outcome !== "committed") return outcome;
  const after = outcome.tables[0] ?? table;
  // A change that turned out to change no file has made no snapshot.
  const made = findSnapshot(after.metadata, plan.snapshotId)?.["snapshot-id"];
  return { outcome: "committed", table: after, ...(made === undefined ? {} : { snapshotId: made }) };
}

/**
 * Commits plans of different tables together. A lost race is prepared again on the new bases. After an unknown outcome
 * the tables are reloaded: the change is in if it is seen there; it can no longer get in once a branch has left the
 * snapshot it required; otherwise the same change, with the same snapshot ids, is sent again, which the catalog can
 * apply once at most.
 *
 * Errors: the catalog's refusal of the request itself, and what a preparation fails with; then nothing was committed and
 * written files were deleted.
 * Concurrency: the catalog's pointer swap is the commit point.
 */
export async function runCommits(
  deps: CommitDeps,
  targets: readonly CommitTarget[],
  attempts: number = defaultAttempts(targets),
): Promise<CatalogCommitOutcome> {
  const plans = targets.map(({ plan }) => plan);
  let tables: readonly Table[] = targets.map(({ table }) => table);
  let lastReason = "the table kept changing";
  let unanswered: Unanswered | undefined;

  for (let attempt = 1; attempt <= attempts; attempt++) {
    const prepared = await prepareAll(plans, tables);
    if ("conflict" in prepared) {
      lastReason = prepared.conflict;
      break;
    }
    if ("failure" in prepared) {
      // Expiry may have taken files of a base that is no longer the table's: the change is tried on the present one.
      const isLast = attempt === attempts || !mayBeOutdated(prepared.failure);
      const reload = unanswered === undefined ? deps.reload : deps.reloadWhole;
      const moved = isLast ? undefined : await reloadMoved(reload, tables);
      if (moved === undefined) return endUnprepared(plans, prepared.failure, unanswered?.error);
      try {
        checkSameTables(targets, moved);
      } catch (error) {
        return endUnprepared(plans, error, unanswered?.error);
      }
      tables = moved;
    } else {
      let isRace = false;
      try {
        return await committed(plans, await sendChanges(deps, tables, prepared.attempts));
      } catch (cause) {
        const error = catalogError(cause);
        const meaning = classifyCommitFailure(error);
        if (meaning === "rejected" && unanswered === undefined) {
          await discardAll(plans);
          throw error;
        }
        lastReason = error.message;
        isRace = error.code === "commit_conflict";
        if (meaning === "unknown")
          unanswered = { error, heads: headsOf(plans, tables), first: unanswered?.first ?? tables };
      }
      const ceilingMs = isRace ? RACE_DELAY_MS * 3 ** (attempt - 1) : BASE_DELAY_MS * 2 ** (attempt - 1);
      await deps.sleep(deps.random.nextUnit() * Math.min(MAX_DELAY_MS, ceilingMs));
      try {
        const reload = unanswered === undefined ? deps.reload : deps.reloadWhole;
        tables = await Promise.all(tables.map((table) => reloadOrKeep(reload, table)));
        checkSameTables(targets, tables);
      } catch (error) {
        return endUnprepared(plans, error, unanswered?.error);
      }
    }
    const isIn = await Promise.all(
      plans.map((plan, index) => isApplied(deps, plan, unanswered?.first[index], tables[index] as Table)),
    );
    if (isIn.every((told) => told === true)) return committed(plans, tables);
    if (unanswered !== undefined && isIn.includes(undefined)) return { outcome: "unknown", error: unanswered.error };
    if (unanswered !== undefined && hasMoved(plans, unanswered.heads, headsOf(plans, tables))) unanswered = undefined;
  }
  if (unanswered !== undefined) return { outcome: "unknown", error: unanswered.error };
  await discardAll(plans);
  return { outcome: "conflict", reason: lastReason };
}

/** An attempt without an answer: it may still get in while every branch is where it required it to be. */
interface Unanswered {
  readonly error: LakeError;
  readonly heads: readonly (bigint | undefined)[];
  /** What the first such attempt was prepared on. */
  readonly first: readonly Table[];
}

/**
 * Whether a change is in the table, perhaps under what others committed since it was sent on the base `from`: a snapshot
 * is seen among all snapshots; a change of metadata alone is looked for in each metadata file since, because the next
 * commit may have undone it. Undefined when those files are gone.
 */
async function isApplied(
  deps: CommitDeps,
  plan: CommitPlan,
  from: Table | undefined,
  now: Table,
): Promise<boolean | undefined> {
  if (plan.isApplied(now.metadata)) return true;
  if (from === undefined || plan.snapshotId !== undefined || from.metadataLocation === now.metadataLocation)
    return false;
  const log = now.metadata["metadata-log"].map((entry) => entry["metadata-file"]);
  const start = log.indexOf(from.metadataLocation);
  if (start < 0) return undefined;
  try {
    for (const location of log.slice(start + 1)) {
      if (plan.isApplied(await deps.readMetadata(location))) return true;
    }
  } catch {
    return undefined;
  }
  return false;
}

/** The end of a commit that cannot go on: its files stay as long as an attempt without an answer may be using them. */
async function endUnprepared(
  plans: readonly CommitPlan[],
  failure: unknown,
  unanswered: LakeError | undefined,
): Promise<CatalogCommitOutcome> {
  if (unanswered !== undefined) return { outcome: "unknown", error: unanswered };
  await discardAll(plans);
  throw failure;
}

/** Errors: `table_not_found` when a table is another of the name: the change was planned for the one that is gone. */
function checkSameTables(targets: readonly CommitTarget[], tables: readonly Table[]): void {
  for (const [index, { table }] of targets.entries()) {
    if (tables[index]?.metadata["table-uuid"] === table.metadata["table-uuid"]) continue;
    const name = tableNameToString(table.identifier);
    throw new LakeError("table_not_found", `The table ${name} was dropped and created anew; nothing was committed.`, {
      details: { table: name },
    });
  }
}

/** Whether a preparation may have failed because a file of its base was deleted meanwhile. */
function mayBeOutdated(failure: unknown): boolean {
  return failure instanceof LakeError && (failure.code === "metadata_invalid" || failure.code === "not_found");
}

/** The tables as they are now, if that is another base; undefined when it is not or cannot be told. */
async function reloadMoved(
  reload: CommitDeps["reload"],
  tables: readonly Table[],
): Promise<readonly Table[] | undefined> {
  try {
    const now = await Promise.all(tables.map((table) => reload(table.identifier)));
    return now.some((table, index) => table.metadataLocation !== tables[index]?.metadataLocation) ? now : undefined;
  } catch {
    // The failure that led here says more.
    return undefined;
  }
}

function defaultAttempts(targets: readonly CommitTarget[]): number {
  const retries = targets.map(({ table }) => Number(table.metadata.properties[RETRIES_PROPERTY] ?? Number.NaN));
  const valid = retries.filter((count) => Number.isInteger(count) && count >= 0);
  return valid.length === 0 ? DEFAULT_ATTEMPTS : Math.max(...valid) + 1;
}

/** Sends the tables that change; the others are answered as they are. */
async function sendChanges(
  deps: CommitDeps,
  tables: readonly Table[],
  prepared: readonly CommitAttempt[],
): Promise<readonly Table[]> {
  const changes = tables.flatMap((table, index): CommitChange[] => {
    const attempt = prepared[index] as CommitAttempt;
    return attempt.updates.length === 0 ? [] : [{ table: table.identifier, attempt }];
  });
  if (changes.length === 0) return tables;
  const sent = await deps.send(changes);
  let next = 0;
  return tables.map((table, index) => {
    if ((prepared[index] as CommitAttempt).updates.length === 0) return table;
    next += 1;
    return sent[next - 1] ?? table;
  });
}

function headsOf(plans: readonly CommitPlan[], tables: readonly Table[]): (bigint | undefined)[] {
  return plans.map((plan, index) => tables[index]?.metadata.refs[plan.branch ?? MAIN_BRANCH]?.["snapshot-id"]);
}

/** Whether a branch that an attempt pinned is elsewhere now. */
function hasMoved(
  plans: readonly CommitPlan[],
  required: readonly (bigint | undefined)[],
  now: readonly (bigint | undefined)[],
): boolean {
  return plans.some((plan, index) => plan.snapshotId !== undefined && required[index] !== now[index]);
}

async function committed(plans: readonly CommitPlan[], tables: readonly Table[]): Promise<CatalogCommitOutcome> {
  for (const [index, plan] of plans.entries()) await plan.finish((tables[index] as Table).metadata);
  return { outcome: "committed", tables };
}

async function discardAll(plans: readonly CommitPlan[]): Promise<void> {
  for (const plan of plans) await plan.discard();
}

/** Prepares every plan; the first that cannot be made, or fails, ends it. */
async function prepareAll(
  plans: readonly CommitPlan[],
  tables: readonly Table[],
): Promise<
  { readonly attempts: readonly CommitAttempt[] } | { readonly conflict: string } | { readonly failure: unknown }
> {
  const attempts: CommitAttempt[] = [];
  for (const [index, plan] of plans.entries()) {
    try {
      const prepared = await plan.prepare((tables[index] as Table).metadata);
      if ("conflict" in prepared) return prepared;
      attempts.push(prepared);
    } catch (failure) {
      return { failure };
    }
  }
  return { attempts };
}

async function reloadOrKeep(reload: CommitDeps["reload"], table: Table): Promise<Table> {
  try {
    return await reload(table.identifier);
  } catch (error) {
    // Without an answer the next attempt uses the base it has: its requirements protect it.
    if (error instanceof LakeError && classifyCommitFailure(error) !== "rejected") return table;
    throw error;
  }
}
