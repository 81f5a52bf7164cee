// The client's half of every commit: prepare against a base, send, and on failure find out what happened.

import { LakeError, type Clock, type RandomSource } from "#core";
import { catalogError, classifyCommitFailure } from "./catalog-transport.ts";
import type { TableMetadata } from "./table-metadata.ts";
import { MAIN_BRANCH } from "./table-metadata.ts";
import type { TableRequirement, TableUpdate } from "./table-update.ts";
import type { CommitOutcome, Table } from "./table.ts";

/** What is sent for one attempt. */
export interface CommitAttempt {
  readonly requirements: readonly TableRequirement[];
  readonly updates: readonly TableUpdate[];
}

/** A change that can be prepared anew for every base. */
export interface CommitPlan {
  /** The attempt for this base, or why the change cannot be made on it. May write files. */
  prepare(base: TableMetadata): Promise<CommitAttempt | { readonly conflict: string }>;
  /** Whether the metadata holds the change already, so that a lost answer is found again. */
  isApplied(metadata: TableMetadata): boolean;
  /** The snapshot the change makes, if any. Commits with one require main to be at the base's snapshot. */
  readonly snapshotId?: bigint;
  /** Called once nothing of this change can get into the table: deletes what was written. */
  discard(): Promise<void>;
  /** Called once the change is in: deletes what lost attempts wrote. */
  finish(metadata: TableMetadata): Promise<void>;
}

/** What the loop needs from its surroundings. */
export interface CommitDeps {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
  /** Sends one commit. Rejects as iceberg-js does. */
  readonly send: (attempt: CommitAttempt) => Promise<Table>;
  readonly reload: () => Promise<Table>;
}

/** Attempts in all unless the caller says otherwise. */
const DEFAULT_ATTEMPTS = 5;
/** Upper bound of the first wait; doubles each time. */
const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;

/**
 * Commits a plan. A lost race is prepared again on the new base. After an unknown outcome the table is reloaded: the
 * change is in if it is seen there; it can no longer get in once main has left the base it required; otherwise the
 * same change, with the same snapshot id, is sent again, which the catalog can apply once at most.
 *
 * Errors: the catalog's refusal of the request itself; then nothing was committed and written files were deleted.
 * Concurrency: the catalog's pointer swap is the commit point.
 */
export async function runCommit(
  deps: CommitDeps,
  start: Table,
  plan: CommitPlan,
  attempts: number = DEFAULT_ATTEMPTS,
): Promise<CommitOutcome> {
  let table = start;
  let lastReason = "the table kept changing";
  /** An attempt without an answer: it may still get in while main is where it required it to be. */
  let unanswered: { readonly error: LakeError; readonly requiredHead: bigint | undefined } | undefined;

  for (let attempt = 1; attempt <= attempts; attempt++) {
    const prepared = await prepareOrDiscard(plan, table.metadata, unanswered !== undefined);
    if ("conflict" in prepared) {
      lastReason = prepared.conflict;
      break;
    }
    try {
      return await committed(plan, await deps.send(prepared));
    } catch (cause) {
      const error = catalogError(cause);
      const meaning = classifyCommitFailure(error);
      if (meaning === "rejected" && unanswered === undefined) {
        await plan.discard();
        throw error;
      }
      lastReason = error.message;
      if (meaning === "unknown") unanswered = { error, requiredHead: headOf(table.metadata) };
    }
    await deps.sleep(deps.random.nextUnit() * Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (attempt - 1)));
    const reloaded = await reloadOrKeep(deps, table);
    if (plan.isApplied(reloaded.metadata)) return committed(plan, reloaded);
    if (plan.snapshotId !== undefined && headOf(reloaded.metadata) !== unanswered?.requiredHead) unanswered = undefined;
    table = reloaded;
  }
  if (unanswered !== undefined) return { outcome: "unknown", error: unanswered.error };
  await plan.discard();
  return { outcome: "conflict", reason: lastReason };
}

function headOf(metadata: TableMetadata): bigint | undefined {
  return metadata.refs[MAIN_BRANCH]?.["snapshot-id"];
}

async function committed(plan: CommitPlan, table: Table): Promise<CommitOutcome> {
  await plan.finish(table.metadata);
  return {
    outcome: "committed",
    table,
    ...(plan.snapshotId === undefined ? {} : { snapshotId: plan.snapshotId }),
  };
}

/** A preparation that fails leaves nothing behind, unless an earlier attempt may still be using its files. */
async function prepareOrDiscard(
  plan: CommitPlan,
  base: TableMetadata,
  mayBeApplied: boolean,
): Promise<CommitAttempt | { readonly conflict: string }> {
  try {
    return await plan.prepare(base);
  } catch (error) {
    if (!mayBeApplied) await plan.discard();
    throw error;
  }
}

async function reloadOrKeep(deps: CommitDeps, table: Table): Promise<Table> {
  try {
    return await deps.reload();
  } catch (error) {
    // Without an answer the next attempt uses the base it has: its requirements protect it.
    if (error instanceof LakeError && classifyCommitFailure(error) !== "rejected") return table;
    throw error;
  }
}
