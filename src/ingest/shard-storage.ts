// The SQLite tables of an ingest shard. Statements only: what they mean together is shard.ts's business.
//
// | table | a row is | deleted |
// |---|---|---|
// | shard_state | the one JSON document of {@link ShardState} | never |
// | row_chunks | consecutive rows not yet known to be in the table | when their flush is committed |
// | seen_0, seen_1 | the id of a row flushed in the current or the previous window | a window after its own ended |
// | idempotency | a key, the hash of its body, the reply | 24 h after it was stored |
// | schemas | a table schema that rows were validated against | with the table |
// | flush_plan | the one flush in progress | when it is committed |
// | flush_files | a stored Parquet file of the flush in progress | when it is committed |

import { required, type TableIdentifier } from "#core";
import type { DataFileJson, IcebergSchema } from "#iceberg";
import type { RowChunk } from "./row-chunk.ts";
import type { AppendReply, ErrorStatus } from "./shard-protocol.ts";
import type { SqlDatabase, SqlRow, SqlValue } from "./sql-database.ts";

/** Everything about a shard that is neither rows nor ids. */
export interface ShardState {
  /** Undefined until the first append. */
  readonly table?: TableIdentifier;
  readonly tableUuid: string;
  readonly shardIndex: number;
  readonly schemaId: number;
  readonly nextSequence: number;
  /** Rows from here on are kept; all before are in the table. */
  readonly firstRetainedSequence: number;
  readonly pendingRows: number;
  readonly pendingBytes: number;
  /** Which of seen_0 and seen_1 takes ids now. */
  readonly seenWindow: 0 | 1;
  readonly seenWindowStartMs: number;
  readonly seenIds: readonly [number, number];
  readonly rowsAccepted: number;
  readonly rowsDuplicate: number;
  readonly rowsFlushed: number;
  readonly flushes: number;
  readonly flushFailures: number;
  /** Failed flush attempts since the last that succeeded. */
  readonly consecutiveFailures: number;
  /** After a failure, when to try again. */
  readonly retryAtMs: number;
  readonly filesWritten: number;
  readonly bytesWritten: number;
  readonly lastFlushMs: number | null;
  readonly lastError: ErrorStatus | null;
}

/** The state of a shard that has never been written to. */
export const EMPTY_SHARD_STATE: ShardState = {
  tableUuid: "",
  shardIndex: 0,
  schemaId: 0,
  nextSequence: 1,
  firstRetainedSequence: 1,
  pendingRows: 0,
  pendingBytes: 0,
  seenWindow: 0,
  seenWindowStartMs: 0,
  seenIds: [0, 0],
  rowsAccepted: 0,
  rowsDuplicate: 0,
  rowsFlushed: 0,
  flushes: 0,
  flushFailures: 0,
  consecutiveFailures: 0,
  retryAtMs: 0,
  filesWritten: 0,
  bytesWritten: 0,
  lastFlushMs: null,
  lastError: null,
};

/** A flush that has been decided and not yet committed. Its borders shrink at most before the first file exists. */
export interface FlushPlan {
  readonly batchId: string;
  readonly tableUuid: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly schemaId: number;
  readonly specId: number;
  /** Whether every file is stored and kept in `flush_files`: from then on none of them is written again. */
  readonly filesReady: boolean;
}

/** A chunk with its place in the sequence. */
export interface StoredChunk extends RowChunk {
  readonly firstSequence: number;
}

/** A chunk's place and size, without its bytes. */
export interface ChunkExtent {
  readonly firstSequence: number;
  readonly rowCount: number;
  readonly sizeBytes: number;
}

/** A stored reply. */
export interface IdempotencyEntry {
  readonly bodyHash: string;
  readonly reply: AppendReply;
}

const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS shard_state (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS row_chunks (first_sequence INTEGER PRIMARY KEY, row_count INTEGER NOT NULL,
     size_bytes INTEGER NOT NULL, received_ms INTEGER NOT NULL, ids TEXT NOT NULL, body BLOB NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS seen_0 (id TEXT PRIMARY KEY) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS seen_1 (id TEXT PRIMARY KEY) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS idempotency (key TEXT PRIMARY KEY, body_hash TEXT NOT NULL, reply TEXT NOT NULL,
     expires_ms INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS idempotency_expiry ON idempotency (expires_ms)`,
  `CREATE TABLE IF NOT EXISTS schemas (schema_id INTEGER PRIMARY KEY, json TEXT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS flush_plan (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS flush_files (ordinal INTEGER PRIMARY KEY, json TEXT NOT NULL)`,
];

/** The shard's tables as operations. Callers group them in transactions. */
export interface ShardStorage {
  transaction<T>(body: () => T): T;
  loadState(): ShardState;
  saveState(state: ShardState): void;
  /** Of these ids, the positions of those of flushed rows. */
  findSeen(ids: readonly string[]): number[];
  /** Calls with every id of {@link findSeen}'s index, in no order that matters. */
  forEachSeen(visit: (id: string) => void): void;
  /** Adds the ids of rows up to a sequence to the index; they stay beside their rows as well. */
  indexIds(throughSequence: number, window: 0 | 1): void;
  /** Ids of retained rows up to a sequence. */
  pendingIds(throughSequence: number): string[];
  /** Empties the window that is not `current`. */
  clearOtherWindow(current: 0 | 1): void;
  /** `ids` has one id a row. Returns the bytes that are stored. */
  addChunk(chunk: StoredChunk, ids: readonly string[], receivedMs: number): number;
  /** Extents of the chunk that holds a sequence and those after it, in order, at most `limit`. */
  chunkExtents(fromSequence: number, limit: number): ChunkExtent[];
  /** Chunks that begin at or after one sequence and at or before another, in order. */
  readChunks(fromSequence: number, throughSequence: number): StoredChunk[];
  /** Deletes chunks that begin at or before a sequence; it must be the end of a chunk. Returns their bytes. */
  dropChunks(throughSequence: number): number;
  oldestReceivedMs(): number | undefined;
  findReply(key: string, nowMs: number): IdempotencyEntry | undefined;
  saveReply(key: string, entry: IdempotencyEntry, expiresMs: number): void;
  dropExpiredReplies(nowMs: number): void;
  saveSchema(schema: IcebergSchema): void;
  loadSchema(schemaId: number): IcebergSchema;
  loadPlan(): FlushPlan | undefined;
  savePlan(plan: FlushPlan): void;
  /** Keeps the files of the plan, which are all stored, and marks it ready. */
  savePlanFiles(plan: FlushPlan, files: readonly DataFileJson[]): void;
  loadPlanFiles(): DataFileJson[];
  dropPlan(): void;
  /** Forgets rows, ids, replies, schemas and plan. */
  clear(): void;
}

/** Ids read at a time when all are visited. */
const SCAN_PAGE = 10_000;

/** Opens the shard's tables, creating them when absent. */
export function openShardStorage(db: SqlDatabase): ShardStorage {
  db.transaction(() => {
    for (const statement of SCHEMA) db.exec(statement);
  });

  return {
    transaction: (body) => db.transaction(body),
    loadState() {
      const row = db.exec("SELECT json FROM shard_state WHERE id = 1")[0];
      // Members added to the state later take their first value.
      return row === undefined
        ? EMPTY_SHARD_STATE
        : { ...EMPTY_SHARD_STATE, ...(JSON.parse(text(row["json"])) as Partial<ShardState>) };
    },
    saveState: (state) => void db.exec("INSERT OR REPLACE INTO shard_state VALUES (1, ?)", json(state)),
    findSeen: (ids) =>
      db
        .exec(
          `SELECT key FROM json_each(?) AS item WHERE EXISTS (SELECT 1 FROM seen_0 WHERE id = item.value)
             OR EXISTS (SELECT 1 FROM seen_1 WHERE id = item.value)`,
          json(ids),
        )
        .map((row) => integer(row["key"])),
    forEachSeen(visit) {
      for (const table of ["seen_0", "seen_1"]) {
        let after = "";
        for (;;) {
          const rows = db.exec(`SELECT id FROM ${table} WHERE id > ? ORDER BY id LIMIT ${SCAN_PAGE}`, after);
          for (const row of rows) visit(text(row["id"]));
          if (rows.length < SCAN_PAGE) break;
          after = text(rows.at(-1)?.["id"]);
        }
      }
    },
    indexIds: (throughSequence, window) =>
      // Sorted, so that each page of the index is written once a flush however many ids fall on it.
      void db.exec(
        `INSERT OR IGNORE INTO seen_${window} SELECT item.value FROM row_chunks, json_each(row_chunks.ids) AS item
         WHERE first_sequence <= ? ORDER BY item.value`,
        throughSequence,
      ),
    pendingIds: (throughSequence) =>
      db
        .exec("SELECT ids FROM row_chunks WHERE first_sequence <= ?", throughSequence)
        .flatMap((row) => JSON.parse(text(row["ids"])) as string[]),
    clearOtherWindow(current) {
      const other = 1 - current;
      // Dropping frees whole pages; deleting would visit every row.
      db.exec(`DROP TABLE seen_${other}`);
      db.exec(`CREATE TABLE seen_${other} (id TEXT PRIMARY KEY) WITHOUT ROWID`);
    },
    addChunk(chunk, ids, receivedMs) {
      const idList = json(ids);
      const sizeBytes = chunk.body.length + idList.length;
      const { firstSequence, rowCount, body } = chunk;
      db.exec(
        "INSERT INTO row_chunks VALUES (?, ?, ?, ?, ?, ?)",
        firstSequence,
        rowCount,
        sizeBytes,
        receivedMs,
        idList,
        body,
      );
      return sizeBytes;
    },
    chunkExtents: (fromSequence, limit) =>
      db
        .exec(
          `SELECT first_sequence, row_count, size_bytes FROM row_chunks
           WHERE first_sequence >= (SELECT coalesce(max(first_sequence), 0) FROM row_chunks WHERE first_sequence <= ?)
           ORDER BY first_sequence LIMIT ?`,
          fromSequence,
          limit,
        )
        .map(rowToExtent),
    readChunks: (fromSequence, throughSequence) =>
      db
        .exec(
          "SELECT first_sequence, row_count, body FROM row_chunks WHERE first_sequence BETWEEN ? AND ? ORDER BY 1",
          fromSequence,
          throughSequence,
        )
        .map((row) => ({
          firstSequence: integer(row["first_sequence"]),
          rowCount: integer(row["row_count"]),
          body: row["body"] as Uint8Array,
        })),
    dropChunks(throughSequence) {
      const total = db.exec(
        "SELECT coalesce(sum(size_bytes), 0) AS bytes FROM row_chunks WHERE first_sequence <= ?",
        throughSequence,
      )[0];
      db.exec("DELETE FROM row_chunks WHERE first_sequence <= ?", throughSequence);
      return integer(total?.["bytes"]);
    },
    oldestReceivedMs() {
      const row = db.exec("SELECT received_ms FROM row_chunks ORDER BY first_sequence LIMIT 1")[0];
      return row === undefined ? undefined : integer(row["received_ms"]);
    },
    findReply(key, nowMs) {
      const row = db.exec("SELECT body_hash, reply FROM idempotency WHERE key = ? AND expires_ms > ?", key, nowMs)[0];
      return row === undefined
        ? undefined
        : { bodyHash: text(row["body_hash"]), reply: JSON.parse(text(row["reply"])) as AppendReply };
    },
    saveReply: (key, entry, expiresMs) =>
      void db.exec(
        "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?)",
        key,
        entry.bodyHash,
        json(entry.reply),
        expiresMs,
      ),
    dropExpiredReplies: (nowMs) => void db.exec("DELETE FROM idempotency WHERE expires_ms <= ?", nowMs),
    saveSchema: (schema) =>
      void db.exec("INSERT OR REPLACE INTO schemas VALUES (?, ?)", schema["schema-id"], json(schema)),
    loadSchema(schemaId) {
      const row = required(db.exec("SELECT json FROM schemas WHERE schema_id = ?", schemaId)[0], `schema ${schemaId}`);
      return JSON.parse(text(row["json"])) as IcebergSchema;
    },
    loadPlan() {
      const row = db.exec("SELECT json FROM flush_plan WHERE id = 1")[0];
      return row === undefined ? undefined : (JSON.parse(text(row["json"])) as FlushPlan);
    },
    savePlan: (plan) => void db.exec("INSERT OR REPLACE INTO flush_plan VALUES (1, ?)", json(plan)),
    savePlanFiles(plan, files) {
      db.exec("DELETE FROM flush_files");
      for (const [ordinal, file] of files.entries())
        db.exec("INSERT INTO flush_files VALUES (?, ?)", ordinal, json(file));
      db.exec("INSERT OR REPLACE INTO flush_plan VALUES (1, ?)", json({ ...plan, filesReady: true }));
    },
    loadPlanFiles: () =>
      db
        .exec("SELECT json FROM flush_files ORDER BY ordinal")
        .map((row) => JSON.parse(text(row["json"])) as DataFileJson),
    dropPlan() {
      db.exec("DELETE FROM flush_plan");
      db.exec("DELETE FROM flush_files");
    },
    clear() {
      for (const table of ["row_chunks", "seen_0", "seen_1", "idempotency", "schemas", "flush_plan", "flush_files"]) {
        db.exec(`DELETE FROM ${table}`);
      }
    },
  };
}

function rowToExtent(row: SqlRow): ChunkExtent {
  return {
    firstSequence: integer(row["first_sequence"]),
    rowCount: integer(row["row_count"]),
    sizeBytes: integer(row["size_bytes"]),
  };
}

function json(value: unknown): string {
  return JSON.stringify(value);
}

function integer(value: SqlValue | undefined): number {
  return Number(value);
}

function text(value: SqlValue | undefined): string {
  return String(value);
}
