// Where the checks of an operation start: the snapshot it was planned on.

import { historySince, type SnapshotHistory } from "./snapshot-history.ts";
import { branchHead } from "./snapshot-commit.ts";
import type { OperationContext } from "./table-deps.ts";
import { findSnapshot, type Snapshot, type TableMetadata } from "./table-metadata.ts";

/** The snapshot an operation was planned on, when it is told; an undefined id means a branch without any. */
export interface PlannedOn {
  readonly snapshotId: bigint | undefined;
}

/** One check of what others committed. */
export type HistoryCheck = (history: SnapshotHistory) => Promise<string | undefined>;

/**
 * A validation that runs checks on the history since `start`, or since the branch's head in the table the operation
 * began with. What earlier steps of the same transaction made is no part of it. Nothing is read while nobody else moved
 * the branch.
 */
export function createHistoryValidation(
  context: OperationContext,
  branch: string,
  start: PlannedOn | undefined,
  checks: readonly HistoryCheck[],
): (base: TableMetadata, head: Snapshot | undefined) => Promise<string | undefined> {
  return async (base, head) => {
    if (checks.length === 0) return undefined;
    const from = foreignAncestor(context, plannedOn(context, branch, start));
    const since = await historySince(base, head, from, () => context.deps.loadHistory(context.table.identifier));
    if (since === undefined) {
      return `the history since snapshot ${from ?? "the first"} is not known: it was expired or replaced meanwhile`;
    }
    const foreign = since.snapshots.filter((snapshot) => context.isOwnSnapshot?.(snapshot["snapshot-id"]) !== true);
    if (foreign.length === 0) return undefined;
    const history = { ...since, snapshots: foreign };
    for (const check of checks) {
      const reason = await check(history);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}

/** The snapshot an operation was planned on: what it was told, or the branch's head when it began. */
export function plannedOn(context: OperationContext, branch: string, start: PlannedOn | undefined): bigint | undefined {
  return start === undefined ? branchHead(context.table.metadata, branch)?.["snapshot-id"] : start.snapshotId;
}

/** The snapshot, or the last before it that is not of the same transaction: others build on that one. */
function foreignAncestor({ table, isOwnSnapshot }: OperationContext, planned: bigint | undefined): bigint | undefined {
  let from = planned;
  while (from !== undefined && isOwnSnapshot?.(from) === true) {
    from = findSnapshot(table.metadata, from)?.["parent-snapshot-id"];
  }
  return from;
}
