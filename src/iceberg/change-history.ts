// Where the checks of an operation start: the snapshot it was planned on.

import { historySince, type SnapshotHistory } from "./snapshot-history.ts";
import { branchHead } from "./snapshot-commit.ts";
import type { OperationContext } from "./table-deps.ts";
import type { Snapshot, TableMetadata } from "./table-metadata.ts";

/** The snapshot an operation was planned on, when it is told; an undefined id means a branch without any. */
export interface PlannedOn {
  readonly snapshotId: bigint | undefined;
}

/** One check of what others committed. */
export type HistoryCheck = (history: SnapshotHistory) => Promise<string | undefined>;

/**
 * A validation that runs checks on the history since `start`, or since the branch's head in the table the operation
 * began with. Nothing is read while the branch has not moved.
 */
export function createHistoryValidation(
  context: OperationContext,
  branch: string,
  start: PlannedOn | undefined,
  checks: readonly HistoryCheck[],
): (base: TableMetadata, head: Snapshot | undefined) => Promise<string | undefined> {
  return async (base, head) => {
    if (checks.length === 0) return undefined;
    const from = start === undefined ? branchHead(context.table.metadata, branch)?.["snapshot-id"] : start.snapshotId;
    const history = await historySince(base, head, from, () => context.deps.loadHistory(context.table.identifier));
    if (history === undefined) {
      return `the history since snapshot ${from ?? "the first"} is not known: it was expired or replaced meanwhile`;
    }
    if (history.snapshots.length === 0) return undefined;
    for (const check of checks) {
      const reason = await check(history);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}
