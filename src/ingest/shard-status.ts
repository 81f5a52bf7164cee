// A shard's state as operators and metrics see it.

import { tableNameToString, type Clock } from "#core";
import type { ShardStatus } from "./shard-protocol.ts";
import type { ShardState } from "./shard-storage.ts";

/** Describes a shard. `oldestReceivedMs` is undefined when no row waits. */
export function shardStatus(
  state: ShardState,
  pendingIds: number,
  oldestReceivedMs: number | undefined,
  clock: Clock,
): ShardStatus {
  return {
    table: state.table === undefined ? "" : tableNameToString(state.table),
    shardIndex: state.shardIndex,
    pendingRows: state.pendingRows,
    pendingBytes: state.pendingBytes,
    oldestPendingAgeMs: oldestReceivedMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestReceivedMs),
    nextSequence: state.nextSequence,
    firstRetainedSequence: state.firstRetainedSequence,
    dedupeIds: state.seenIds[0] + state.seenIds[1] + pendingIds,
    rowsAccepted: state.rowsAccepted,
    rowsDuplicate: state.rowsDuplicate,
    rowsFlushed: state.rowsFlushed,
    flushes: state.flushes,
    flushFailures: state.flushFailures,
    filesWritten: state.filesWritten,
    bytesWritten: state.bytesWritten,
    lastFlushMs: state.lastFlushMs,
    lastError: state.lastError,
  };
}
