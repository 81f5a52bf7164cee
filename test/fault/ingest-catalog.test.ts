// Ingest over the real catalog: Iceberg commits through the REST protocol, requests and replies lost on the way, other
// writers and compaction in between, crashes anywhere.

import { readParquet } from "parquet-wasm/esm/parquet_wasm.js";
import { beforeAll, expect, test } from "vitest";
import { liveDataFiles, type CatalogClient, type DataFile, type Table } from "#iceberg";
import { ensureTable, EVENTS_TABLE, shardWatermark } from "#ingest";
import { createIcebergLake, seededRandom, type IcebergLake } from "../support/iceberg-lake.ts";
import { Crash, createIngestWorld, idsOfIpc, type IngestWorld } from "../support/ingest-world.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(() => loadParquetWasm());

interface CatalogWorld {
  readonly lake: IcebergLake;
  readonly world: IngestWorld;
  /** A client whose requests always arrive: another writer, and the test's own view. */
  readonly client: CatalogClient;
  /** Decides what happens to the next request of ingest. */
  fate: (request: Request) => "arrives" | "lost" | "reply_lost";
}

async function newWorld(): Promise<CatalogWorld> {
  const lake = await createIcebergLake();
  const { client } = lake;
  const ingestClient = lake.newClient({
    snapshots: "refs",
    wrap: (send) => async (request) => {
      const fate = context.fate(request);
      if (fate === "lost") return new Response("unavailable", { status: 503 });
      const reply = await send(request);
      return fate === "reply_lost" ? new Response("gateway timeout", { status: 504 }) : reply;
    },
  });
  const loadTable = (): Promise<Table> => ensureTable(client, EVENTS_TABLE.identifier);
  const world = await createIngestWorld({
    shardCount: 2,
    loadTable,
    committerLoadTable: () => ensureTable(ingestClient, EVENTS_TABLE.identifier),
    liveFiles: async () => (await liveDataFiles(await loadTable())).map(({ dataFile }) => dataFile),
    io: lake.io,
    shard: { flushRows: 6 },
  });
  const context: CatalogWorld = { lake, world, client, fate: () => "arrives" };
  return context;
}

/** What compaction does to a file: the same rows in another file, replaced in one commit. */
async function rewriteOneFile({ lake, client }: CatalogWorld): Promise<void> {
  const table = await client.loadTable(EVENTS_TABLE.identifier);
  const [oldest] = await liveDataFiles(table);
  if (oldest === undefined) return;
  const bytes = await lake.io.read(oldest.dataFile.filePath);
  const copy: DataFile = { ...oldest.dataFile, filePath: oldest.dataFile.filePath.replace(".parquet", "-c.parquet") };
  await lake.io.write(copy.filePath, bytes);
  const outcome = await table.newRewrite().deleteFiles([oldest.dataFile]).addFiles([copy]).commit();
  expect(outcome.outcome).toBe("committed");
}

async function quietly(world: IngestWorld, run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch {
    await world.restart();
    return false;
  }
}

test("the tables are created once, by whoever comes first", async () => {
  const { client } = await newWorld();
  const tables = await Promise.all(Array.from({ length: 5 }, () => ensureTable(client, EVENTS_TABLE.identifier)));
  expect(new Set(tables.map((table) => table.metadata["table-uuid"])).size).toBe(1);
  const { metadata } = await client.loadTable("default.events");
  expect(metadata.schemas[0]?.fields).toEqual(EVENTS_TABLE.schema.fields);
  expect(metadata["partition-specs"][0]?.fields).toEqual(EVENTS_TABLE.partitionSpec.fields);
});

/** Later numbers are earlier in the day. */
const timeOf = (i: number): string => new Date(Date.UTC(2024, 0, 1 + (i % 2), 12, 60 - i)).toISOString();

test("I13 a flush is one snapshot with files by day, sorted, and its watermark", async () => {
  const { world, client, lake } = await newWorld();
  await world.post(
    Array.from({ length: 10 }, (_, i) => ({ event_id: `e${i}`, event_type: "t", timestamp: timeOf(i) })),
  );
  await Promise.all([world.shard(0).flush(), world.shard(1).flush()]);
  const table = await client.loadTable(EVENTS_TABLE.identifier);
  const files = (await liveDataFiles(table)).map(({ dataFile }) => dataFile);
  expect(files.reduce((sum, file) => sum + file.recordCount, 0)).toBe(10);
  expect(new Set(files.map((file) => file.partition[0]))).toEqual(new Set([19723, 19724]));
  expect(files.every((file) => file.filePath.includes("/data/timestamp_day=2024-01-0"))).toBe(true);
  for (const file of files) {
    const ids = idsOfIpc(readParquet(await lake.io.read(file.filePath)).intoIPCStream());
    expect(ids).toEqual(ids.toSorted().toReversed());
  }
  const rows = await Promise.all([0, 1].map(async (index) => (await world.shard(index).status()).rowsFlushed));
  expect([0, 1].map((index) => shardWatermark(table.metadata, index))).toEqual(rows);
  expect((await world.tableIds()).toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => `e${i}`));
});

test("I14 I15 I16 lost requests, lost replies, crashes, compaction: every event once", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const context = await newWorld();
    const { world } = context;
    const random = seededRandom(seed);
    context.fate = (request) => {
      const roll = random.nextUnit();
      if (request.method !== "POST") return roll < 0.1 ? "lost" : "arrives";
      return roll < 0.2 ? "lost" : roll < 0.5 ? "reply_lost" : "arrives";
    };
    world.onStep = (name) => {
      if (random.nextUnit() < 0.02) throw new Crash(name);
    };
    const acknowledged = new Set<string>();
    const attempted = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const ids = Array.from({ length: 5 }, () => `id-${Math.floor(random.nextUnit() * 60)}`);
      for (const id of ids) attempted.add(id);
      const events = ids.map((event_id) => ({ event_id, event_type: "t" }));
      if (await quietly(world, () => world.post(events))) for (const id of ids) acknowledged.add(id);
      world.clock.ms += 61_000;
      await quietly(world, () => world.runAlarms());
      await rewriteOneFile(context);
    }
    context.fate = () => "arrives";
    world.onStep = () => undefined;
    await world.restart();
    await Promise.all([world.shard(0).flush(), world.shard(1).flush()]);
    const seen = await world.tableIds();
    expect([seed, seen.length]).toEqual([seed, new Set(seen).size]);
    expect([...acknowledged].filter((id) => !seen.includes(id))).toEqual([]);
    expect(seen.filter((id) => !attempted.has(id))).toEqual([]);
  }
});

test("a schema that grows between append and flush keeps every row", async () => {
  const { world, client, lake } = await newWorld();
  await world.post([{ event_id: "a", event_type: "t" }]);
  const table = await client.loadTable(EVENTS_TABLE.identifier);
  const response = await lake.handler(
    new Request("http://catalog.test/v1/namespaces/default/tables/events", {
      method: "POST",
      body: JSON.stringify({
        requirements: [],
        updates: [
          {
            action: "add-schema",
            schema: {
              type: "struct",
              fields: [...table.schema().fields, { id: 8, name: "country", type: "string", required: false }],
            },
          },
          { action: "set-current-schema", "schema-id": -1 },
        ],
      }),
    }),
  );
  expect(response.status).toBe(200);
  await world.post([{ event_id: "b", event_type: "t", country: "IS" }]);
  expect((await world.visibleIds()).toSorted()).toEqual(["a", "b"]);
  await Promise.all([world.shard(0).flush(), world.shard(1).flush()]);
  expect((await world.tableIds()).toSorted()).toEqual(["a", "b"]);
});
