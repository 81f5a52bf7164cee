// Everything that a running Firn stores: objects, keys, rows of Durable Objects and of the optimizer's database.

import type { Harness } from "./harness.ts";
import type { WorkerName } from "../../scripts/lib/worker-configs.ts";

/** One stored object, key or row. */
export interface StoredThing {
  /** Where it is, for people. */
  readonly name: string;
  /** What it holds, as it is stored. */
  readonly parts: readonly Uint8Array[];
}

/** Durable Object classes with the Worker that owns them. */
const DURABLE_OBJECTS: readonly (readonly [WorkerName, string])[] = [
  ["collector", "IngestShard"],
  ["collector", "TableCommitter"],
  ["catalog", "Catalog"],
  ["compactor", "JobLedger"],
];

/** Tables of the runtime itself, which it keeps closed. */
const OWN_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*'";

/** Reads all of it, one thing after the other. */
export async function* storedThings(firn: Harness): AsyncGenerator<StoredThing> {
  yield* storedObjects(firn);
  yield* storedKeys(firn);
  for (const [worker, className] of DURABLE_OBJECTS) yield* durableObjectRows(firn, worker, className);
  yield* databaseRows(firn);
}

async function* storedObjects(firn: Harness): AsyncGenerator<StoredThing> {
  const { LAKE } = (await firn.worker("query").getEnv()) as { readonly LAKE: R2Bucket };
  for (let cursor: string | undefined; ;) {
    const page = await LAKE.list(cursor === undefined ? {} : { cursor });
    for (const { key, customMetadata } of page.objects) {
      const object = await LAKE.get(key);
      const bytes = object === null ? new Uint8Array() : new Uint8Array(await object.arrayBuffer());
      yield { name: `R2 ${key}`, parts: [bytes, cellBytes(customMetadata)] };
    }
    if (!page.truncated) return;
    ({ cursor } = page);
  }
}

async function* storedKeys(firn: Harness): AsyncGenerator<StoredThing> {
  const { RESULT_CACHE } = (await firn.worker("query").getEnv()) as { readonly RESULT_CACHE: KVNamespace };
  for (let cursor: string | undefined; ;) {
    const page = await RESULT_CACHE.list(cursor === undefined ? {} : { cursor });
    for (const { name, metadata } of page.keys) {
      const value = await RESULT_CACHE.get(name, "arrayBuffer");
      yield { name: `KV ${name}`, parts: [new Uint8Array(value ?? new ArrayBuffer(0)), cellBytes(metadata)] };
    }
    if (page.list_complete) return;
    ({ cursor } = page);
  }
}

async function* durableObjectRows(firn: Harness, worker: WorkerName, className: string): AsyncGenerator<StoredThing> {
  const handle = firn.worker(worker);
  for (const id of await handle.listDurableObjectIds(className)) {
    const storage = await handle.getDurableObjectStorage(className, { id });
    yield* rowsOfTables(className, (sql) => storage.exec<Record<string, SqlStorageValue>>(sql));
  }
}

async function* databaseRows(firn: Harness): AsyncGenerator<StoredThing> {
  const { STATE } = (await firn.worker("optimizer").getEnv()) as { readonly STATE: D1Database };
  yield* rowsOfTables("D1", async (sql) => (await STATE.prepare(sql).all()).results);
}

async function* rowsOfTables(
  where: string,
  exec: (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>,
): AsyncGenerator<StoredThing> {
  for (const { name } of await exec(OWN_TABLES)) {
    for (const row of await exec(`SELECT * FROM "${String(name)}"`)) {
      yield { name: `${where} ${String(name)}`, parts: Object.values(row).map(cellBytes) };
    }
  }
}

function cellBytes(cell: unknown): Uint8Array {
  if (cell instanceof ArrayBuffer) return new Uint8Array(cell);
  if (ArrayBuffer.isView(cell)) return new Uint8Array(cell.buffer, cell.byteOffset, cell.byteLength);
  if (Array.isArray(cell) && cell.every((byte) => typeof byte === "number")) return Uint8Array.from(cell);
  return new TextEncoder().encode(typeof cell === "string" ? cell : JSON.stringify(cell ?? null));
}
