// What the ingest Durable Objects build from their bindings.

import { sleep, systemClock, systemRandom, type TableIdentifier } from "#core";
import { createCatalogClient, createFileIO, type FileIO, type Table } from "#iceberg";
import { ensureTable, type AlarmClock, type SqlDatabase, type SqlRow, type SqlValue } from "#ingest";
import { createR2Store } from "#storage";

/** Table access over the catalog's service binding and the lake's bucket. */
export interface LakeAccess {
  readonly io: FileIO;
  /** Loads a table, creating it when it is one of ours. */
  readonly loadTable: (table: TableIdentifier) => Promise<Table>;
}

/** Builds table access; cheap, nothing is called yet. */
export function createLakeAccess(env: CollectorEnv): LakeAccess {
  const io = createFileIO(createR2Store(env.LAKE), env.LAKE_BUCKET);
  const catalog = createCatalogClient({
    uri: "http://catalog",
    fetch: (input, init) => env.CATALOG.fetch(new Request(input, init)),
    io,
    clock: systemClock,
    random: systemRandom,
    sleep,
  });
  return { io, loadTable: (table) => ensureTable(catalog, table) };
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
