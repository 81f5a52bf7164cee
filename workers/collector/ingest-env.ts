// What the ingest Durable Objects build from their bindings.

import type { TableIdentifier } from "#core";
import { createTableMemory, type FileIO, type Table } from "#iceberg";
import { ensureTable, type AlarmClock, type SqlDatabase, type SqlRow, type SqlValue } from "#ingest";
import { openCatalog, openFiles, readCommitsPerMinute } from "../lake.ts";

/** Table access over the catalog's service binding and the lake's bucket. */
export interface LakeAccess {
  readonly io: FileIO;
  /** Loads a table, creating it when it is one of ours. */
  readonly loadTable: (table: TableIdentifier) => Promise<Table>;
  /** Commits a minute that the catalog takes for one table; undefined: unlimited. */
  readonly commitsPerMinute: () => Promise<number | undefined>;
}

/** Tables that this isolate has loaded; one that has not changed is not sent again. */
const MAX_TABLES = 32;
const tables = createTableMemory(MAX_TABLES);

/** Builds table access; cheap, nothing is called yet. */
export function createLakeAccess(env: CollectorEnv): LakeAccess {
  const io = openFiles(env);
  const catalog = openCatalog(env, io, { tables, snapshots: "refs" });
  return {
    io,
    loadTable: (table) => ensureTable(catalog, table),
    commitsPerMinute: () => readCommitsPerMinute(env),
  };
}

/** SQLite of a Durable Object. */
export function createDurableSql(storage: DurableObjectStorage): SqlDatabase {
  return {
    exec: (sql, ...bindings) =>
      storage.sql
        .exec(sql, ...bindings)
        .toArray()
        .map(rowFromCursor),
    transaction: (body) => storage.transactionSync(body),
  };
}

/** Blobs come as ArrayBuffer from the platform. */
function rowFromCursor(row: Readonly<Record<string, SqlStorageValue>>): SqlRow {
  const entries = Object.entries(row).map(([name, value]): [string, SqlValue] => [
    name,
    value instanceof ArrayBuffer ? new Uint8Array(value) : value,
  ]);
  return Object.fromEntries(entries);
}

/** The alarm of a Durable Object. */
export function createDurableAlarm(storage: DurableObjectStorage): AlarmClock {
  return {
    get: () => storage.getAlarm(),
    set: (atMs) => storage.setAlarm(atMs),
    clear: () => storage.deleteAlarm(),
  };
}
