// An ingest shard: the write-ahead log between an accepted event and the table. An append is one SQLite transaction;
// a flush turns the oldest rows into Parquet files and has them committed together with the shard's watermark.
//
// What makes it exactly once:
// - a plan (which rows, which files) is stored before any file is written, and its files' metadata before they are
//   submitted, so a repeated attempt submits the very same files;
// - the watermark is in the same commit as the files, so whether a plan is in the table is read, never guessed;
// - rows are deleted only after their watermark was seen in the table.

import { LakeError, tableNameToString, type Clock, type RandomSource, type TableIdentifier } from "#core";
import type { FileIO, Table } from "#iceberg";
import { errorToLogFields, logEvent, type LogSink } from "#telemetry";
import { appendRows } from "./append.ts";
import { createIdIndex } from "./id-index.ts";
import { prepareFlushFiles } from "./flush-files.ts";
import { createFreshReader, noFreshRows } from "./fresh-rows.ts";
import type {
  AppendReply,
  AppendRequest,
  CommitterClient,
  FlushReport,
  FreshRows,
  ShardClient,
  ShardStatus,
} from "./shard-protocol.ts";
import { DEFAULT_SHARD_OPTIONS, type ShardOptions } from "./shard-options.ts";
import { shardStatus } from "./shard-status.ts";
import { EMPTY_SHARD_STATE, openShardStorage, type FlushPlan, type ShardState } from "./shard-storage.ts";
import type { AlarmClock, SqlDatabase } from "./sql-database.ts";
import { shardWatermark } from "./watermarks.ts";

/** What a shard needs from its surroundings. */
export interface ShardDeps {
  readonly db: SqlDatabase;
  readonly alarms: AlarmClock;
  /** Loads a table, creating it when it is one of ours. Errors: `table_not_found`. */
  readonly loadTable: (table: TableIdentifier) => Promise<Table>;
  readonly io: Pick<FileIO, "write">;
  readonly committer: (table: TableIdentifier) => Pick<CommitterClient, "submit">;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: LogSink;
  readonly options?: Partial<ShardOptions>;
}

/** A shard: its client's methods, plus what the platform calls. */
export interface IngestShardCore extends ShardClient {
  /** After construction, before any call: stores an alarm when rows are waiting without one. */
  start(): Promise<void>;
  /** Never throws: a failure is logged and another alarm is stored. */
  alarm(): Promise<void>;
}

type FlushEnd = "idle" | "committed" | "discarded";

/** Opens the shard kept in `deps.db`. */
export function createIngestShard(deps: ShardDeps): IngestShardCore {
  const options = { ...DEFAULT_SHARD_OPTIONS, ...deps.options };
  const storage = openShardStorage(deps.db);
  const fresh = createFreshReader(storage, options.freshPageBytes);
  const ids = createIdIndex(storage);
  let state = storage.loadState();
  let alarmAtMs: number | null = null;
  let running: Promise<FlushEnd> | undefined;

  /** Saves within the caller's transaction; the memory copy follows once it is through. */
  function commitState(change: () => ShardState): void {
    state = storage.transaction(() => {
      const next = change();
      storage.saveState(next);
      return next;
    });
  }

  function isOverThreshold(): boolean {
    return state.pendingBytes >= options.flushBytes || state.pendingRows >= options.flushRows;
  }

  function nextDueMs(): number | null {
    if (state.pendingRows === 0) return null;
    if (state.consecutiveFailures > 0) return state.retryAtMs;
    if (isOverThreshold()) return deps.clock.nowMs();
    return (storage.oldestReceivedMs() ?? deps.clock.nowMs()) + options.flushAgeMs;
  }

  async function armBy(dueMs: number | null): Promise<void> {
    if (dueMs === null || (alarmAtMs !== null && alarmAtMs <= dueMs)) return;
    alarmAtMs = dueMs;
    await deps.alarms.set(dueMs);
  }

  /** Makes the shard belong to the table the request names. Errors: `commit_conflict` when the catalog has another. */
  async function adoptTable(request: AppendRequest): Promise<void> {
    const table = await deps.loadTable(request.table);
    if (table.metadata["table-uuid"] !== request.tableUuid) {
      throw new LakeError("commit_conflict", "The table was replaced while the request was under way.", {
        details: { reason: "table_replaced" },
      });
    }
    if (state.tableUuid === request.tableUuid) return;
    reportDiscard(state.pendingRows, "table_replaced");
    // A shard whose storage is new continues after what the table already has.
    const firstSequence = shardWatermark(table.metadata, request.shardIndex) + 1;
    commitState(() => {
      storage.clear();
      return {
        ...state,
        table: request.table,
        tableUuid: request.tableUuid,
        shardIndex: request.shardIndex,
        schemaId: request.schema["schema-id"],
        nextSequence: firstSequence,
        firstRetainedSequence: firstSequence,
        pendingRows: 0,
        pendingBytes: 0,
        seenIds: [0, 0],
        consecutiveFailures: 0,
      };
    });
    fresh.forget();
    ids.reload();
  }

  function reportDiscard(rows: number, reason: string): void {
    if (rows === 0) return;
    logEvent(deps.log, { event: "shard_flush", level: "error", ...labels(), outcome: "discarded", reason, rows });
  }

  function labels(): { readonly table: string; readonly shard: number } {
    return { table: state.table === undefined ? "" : tableNameToString(state.table), shard: state.shardIndex };
  }

  async function append(request: AppendRequest): Promise<AppendReply> {
    if (request.tableUuid !== state.tableUuid) await adoptTable(request);
    const result = storage.transaction(() => appendRows(storage, ids, state, request, options, deps.clock.nowMs()));
    state = result.state;
    ids.addPending(result.acceptedIds);
    // No await since the transaction: rows and alarm become durable together, before the reply may leave.
    if (alarmAtMs === null || isOverThreshold()) await armBy(nextDueMs());
    return result.reply;
  }

  function flushOnce(): Promise<FlushEnd> {
    running ??= attemptFlush().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function attemptFlush(): Promise<FlushEnd> {
    const startedMs = deps.clock.nowMs();
    try {
      const end = await flushOldest(startedMs);
      if (state.consecutiveFailures > 0) commitState(() => ({ ...state, consecutiveFailures: 0 }));
      return end;
    } catch (error) {
      noteFailure(error);
      throw error;
    }
  }

  function noteFailure(error: unknown): void {
    const failures = state.consecutiveFailures + 1;
    const ceiling = Math.min(options.retryMaxMs, options.retryBaseMs * 2 ** Math.min(failures - 1, 20));
    const nowMs = deps.clock.nowMs();
    commitState(() => ({
      ...state,
      flushFailures: state.flushFailures + 1,
      consecutiveFailures: failures,
      retryAtMs: nowMs + Math.round(ceiling * (0.5 + deps.random.nextUnit() / 2)),
      lastError: {
        code: error instanceof LakeError ? error.code : "internal",
        message: error instanceof Error ? error.message : String(error),
        atMs: nowMs,
      },
    }));
    logEvent(deps.log, {
      event: "shard_flush",
      level: "error",
      ...labels(),
      outcome: "failed",
      failures,
      retry_in_ms: state.retryAtMs - nowMs,
      ...errorToLogFields(error),
    });
  }

  async function flushOldest(startedMs: number): Promise<FlushEnd> {
    if (state.pendingRows === 0 || state.table === undefined) return "idle";
    const identifier = state.table;
    const { tableUuid } = state;
    const table = await deps.loadTable(identifier);
    // The shard may have been handed to a replaced table while it waited.
    if (state.tableUuid !== tableUuid) return "discarded";
    if (table.metadata["table-uuid"] !== tableUuid) return discardRows("table_replaced");
    const plan = storage.loadPlan() ?? planFlush(table);
    if (shardWatermark(table.metadata, state.shardIndex) < plan.lastSequence) {
      await storeFiles(plan, table);
      if (state.tableUuid !== tableUuid) return "discarded";
      const current = storage.loadPlan() ?? plan;
      const reply = await deps.committer(identifier).submit({
        table: identifier,
        tableUuid,
        shardIndex: state.shardIndex,
        firstSequence: current.firstSequence,
        lastSequence: current.lastSequence,
        files: storage.loadPlanFiles(),
      });
      if (state.tableUuid !== tableUuid) return "discarded";
      if (reply.outcome === "table_replaced") return discardRows("table_replaced");
    }
    return finishFlush(storage.loadPlan() ?? plan, startedMs);
  }

  /** Decides which rows the next flush takes: whole chunks from the oldest on, up to the flush size. */
  function planFlush(table: Table, maxChunks = Number.MAX_SAFE_INTEGER): FlushPlan {
    let rows = 0;
    let bytes = 0;
    let chunks = 0;
    for (const extent of storage.chunkExtents(state.firstRetainedSequence, options.flushRows)) {
      const over = bytes + extent.sizeBytes > options.flushBytes || rows + extent.rowCount > options.flushRows;
      if (chunks > 0 && (over || chunks >= maxChunks)) break;
      rows += extent.rowCount;
      bytes += extent.sizeBytes;
      chunks += 1;
    }
    const plan: FlushPlan = {
      batchId: deps.random.uuid(),
      tableUuid: state.tableUuid,
      firstSequence: state.firstRetainedSequence,
      lastSequence: state.firstRetainedSequence + rows - 1,
      schemaId: schemaIdFor(table, state.schemaId),
      specId: table.metadata["default-spec-id"],
      filesReady: false,
    };
    storage.transaction(() => storage.savePlan(plan));
    return plan;
  }

  async function storeFiles(plan: FlushPlan, table: Table): Promise<void> {
    let current = plan;
    while (!current.filesReady) {
      const chunks = storage.readChunks(current.firstSequence, current.lastSequence);
      const files = prepareFlushFiles(current, state.shardIndex, chunks, table.metadata);
      if (files.partitions > options.maxFilesPerFlush && chunks.length > 1) {
        current = planFlush(table, Math.floor(chunks.length / 2));
        continue;
      }
      const stored = await files.write(deps.io);
      if (state.tableUuid !== plan.tableUuid) return;
      const ready = current;
      storage.transaction(() => storage.savePlanFiles(ready, stored));
      return;
    }
  }

  /** Rows of a dropped table have nowhere to go. */
  function discardRows(reason: string): FlushEnd {
    reportDiscard(state.pendingRows, reason);
    commitState(() => {
      storage.clear();
      return {
        ...EMPTY_SHARD_STATE,
        rowsAccepted: state.rowsAccepted,
        rowsDuplicate: state.rowsDuplicate,
        rowsFlushed: state.rowsFlushed,
        flushes: state.flushes,
        flushFailures: state.flushFailures,
        filesWritten: state.filesWritten,
        bytesWritten: state.bytesWritten,
        shardIndex: state.shardIndex,
      };
    });
    fresh.forget();
    ids.reload();
    return "discarded";
  }

  function finishFlush(plan: FlushPlan, startedMs: number): FlushEnd {
    const files = storage.loadPlanFiles();
    const flushedBytes = files.reduce((sum, file) => sum + file.fileSizeBytes, 0);
    const rows = plan.lastSequence - plan.firstSequence + 1;
    const nowMs = deps.clock.nowMs();
    const flushedIds = storage.pendingIds(plan.lastSequence);
    commitState(() => {
      storage.indexIds(plan.lastSequence, state.seenWindow);
      const seenIds: [number, number] = [...state.seenIds];
      seenIds[state.seenWindow] += flushedIds.length;
      const encodedBytes = storage.dropChunks(plan.lastSequence);
      storage.dropPlan();
      return {
        ...state,
        seenIds,
        firstRetainedSequence: plan.lastSequence + 1,
        pendingRows: state.pendingRows - rows,
        pendingBytes: state.pendingBytes - encodedBytes,
        rowsFlushed: state.rowsFlushed + rows,
        flushes: state.flushes + 1,
        filesWritten: state.filesWritten + files.length,
        bytesWritten: state.bytesWritten + flushedBytes,
        lastFlushMs: nowMs,
      };
    });
    fresh.forget();
    ids.moveFlushed(flushedIds);
    logEvent(deps.log, {
      event: "shard_flush",
      ...labels(),
      outcome: "committed",
      batch_id: plan.batchId,
      rows,
      files: files.length,
      file_bytes: flushedBytes,
      watermark: plan.lastSequence,
      duration_ms: nowMs - startedMs,
    });
    return "committed";
  }

  async function flush(): Promise<FlushReport> {
    const before = state;
    const target = before.nextSequence - 1;
    let batches = 0;
    while (state.tableUuid === before.tableUuid && state.firstRetainedSequence <= target) {
      const end = await flushOnce();
      if (end === "committed") batches += 1;
      else break;
    }
    return {
      batches,
      rows: state.rowsFlushed - before.rowsFlushed,
      files: state.filesWritten - before.filesWritten,
      bytes: state.bytesWritten - before.bytesWritten,
      watermark: state.firstRetainedSequence - 1,
      pendingRows: state.pendingRows,
    };
  }

  function prune(nowMs: number): void {
    commitState(() => {
      storage.dropExpiredReplies(nowMs);
      if (nowMs - state.seenWindowStartMs < options.dedupeWindowMs) return state;
      const window = state.seenWindow === 0 ? 1 : 0;
      storage.clearOtherWindow(state.seenWindow);
      const seenIds: [number, number] = [...state.seenIds];
      seenIds[window] = 0;
      return { ...state, seenWindow: window, seenWindowStartMs: nowMs, seenIds };
    });
    if (state.seenWindowStartMs === nowMs) ids.reload();
  }

  async function runAlarm(): Promise<void> {
    alarmAtMs = null;
    if (state.pendingRows > 0) await armBy(deps.clock.nowMs() + options.alarmLeaseMs);
    prune(deps.clock.nowMs());
    for (;;) {
      const due = nextDueMs();
      if (due === null || due > deps.clock.nowMs()) return;
      if ((await flushOnce()) !== "committed") return;
    }
  }

  return {
    append,
    flush,
    readFresh({ tableUuid, afterSequence, extentOnly = false }): Promise<FreshRows> {
      const rows = tableUuid === state.tableUuid ? fresh.read(state, afterSequence) : noFreshRows(state, afterSequence);
      return Promise.resolve(extentOnly ? { ...rows, ipc: new Uint8Array(0) } : rows);
    },
    tableDropped(tableUuid) {
      if (state.tableUuid === tableUuid) discardRows("table_dropped");
      return Promise.resolve();
    },
    status: (): Promise<ShardStatus> =>
      Promise.resolve(shardStatus(state, ids.pendingIds, storage.oldestReceivedMs(), deps.clock)),
    async start() {
      alarmAtMs = await deps.alarms.get();
      await armBy(nextDueMs());
    },
    async alarm() {
      try {
        await runAlarm();
      } catch (error) {
        // A failed flush has logged itself and set the time of the next; anything else must not end the alarms.
        if (state.retryAtMs <= deps.clock.nowMs()) noteFailure(error);
      }
      const due = nextDueMs();
      alarmAtMs = due;
      await (due === null ? deps.alarms.clear() : deps.alarms.set(due));
    },
  };
}

/** The rows' newest schema while the table still lists it, else the table's current one. */
function schemaIdFor(table: Table, rowsSchemaId: number): number {
  const listed = table.metadata.schemas.some((schema) => schema["schema-id"] === rowsSchemaId);
  return listed ? rowsSchemaId : table.metadata["current-schema-id"];
}
