// Ingest against somebody else's catalog with its quirks: reserved properties, a limit on commits, races told as 400,
// replies lost, snapshots of other writers on top, crashes anywhere. Every acknowledged event is in the table once.

import { beforeAll, expect, test } from "vitest";
import { createCatalogClient, liveDataFiles, type CatalogClient, type DataFile } from "#iceberg";
import { ensureTable, EVENTS_TABLE, recordedWatermarks } from "#ingest";
import { createForeignWorld, foreignError, type ForeignWorld } from "../support/foreign-catalog.ts";
import { seededRandom } from "../support/iceberg-lake.ts";
import { Crash, createIngestWorld, type IngestWorld } from "../support/ingest-world.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(() => loadParquetWasm());

interface Setting {
  readonly foreign: ForeignWorld;
  readonly world: IngestWorld;
  /** A client whose requests always arrive. */
  readonly client: CatalogClient;
  readonly clock: { ms: number };
}

async function newSetting(seed: number): Promise<Setting> {
  const clock = { ms: Date.UTC(2024, 0, 15) };
  const foreign = await createForeignWorld({ nowMs: () => clock.ms, seed });
  const clientOver = (send: (request: Request) => Promise<Response>, clientSeed: number): CatalogClient =>
    createCatalogClient({
      uri: "http://catalog.internal",
      fetch: (input, init) => send(new Request(input, init)),
      io: foreign.lake.io,
      bucket: "lake",
      clock: { nowMs: () => clock.ms },
      random: seededRandom(clientSeed),
      sleep: (ms) => {
        clock.ms += Math.ceil(ms);
        return Promise.resolve();
      },
    });
  const { client } = foreign.lake;
  const through = clientOver(foreign.gateway, seed * 31);
  const loadTable = (): ReturnType<typeof ensureTable> => ensureTable(client, EVENTS_TABLE.identifier);
  const world = await createIngestWorld({
    shardCount: 2,
    loadTable,
    committerLoadTable: () => ensureTable(through, EVENTS_TABLE.identifier),
    liveFiles: async () => (await liveDataFiles(await loadTable())).map(({ dataFile }) => dataFile),
    io: foreign.lake.io,
    shard: { flushRows: 6 },
  });
  await loadTable();
  return { foreign, world, client, clock };
}

/** Another engine rewrites a file and knows nothing of our summary keys. */
async function foreignRewrite({ client, foreign }: Setting): Promise<void> {
  const table = await client.loadTable(EVENTS_TABLE.identifier);
  const [oldest] = await liveDataFiles(table);
  if (oldest === undefined) return;
  const bytes = await foreign.lake.io.read(oldest.dataFile.filePath);
  const copy: DataFile = { ...oldest.dataFile, filePath: oldest.dataFile.filePath.replace(".parquet", "-f.parquet") };
  await foreign.lake.io.write(copy.filePath, bytes);
  await table.newRewrite().deleteFiles([oldest.dataFile]).addFiles([copy]).commit();
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

for (const manner of ["refuse", "drop"] as const) {
  test(`I170 I173 every event once where watermark properties are met with "${manner}"`, async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const setting = await newSetting(seed);
      const { world, foreign } = setting;
      const random = seededRandom(seed * 17);
      foreign.quirks.reserved = { prefix: "firn.ingest.watermark", manner };
      foreign.quirks.racesAre400 = true;
      foreign.quirks.commitsPerMinute = 20;
      foreign.quirks.before = (request) => {
        if (request.method !== "POST") return undefined;
        const roll = random.nextUnit();
        if (roll < 0.1) return foreignError(400, "ConcurrentUpdateError", "lost the race");
        if (roll < 0.2) return foreignError(503, "ServiceUnavailable", "busy", { "retry-after": "5" });
        if (roll < 0.25) throw new TypeError("connection reset");
        return undefined;
      };
      foreign.quirks.after = (request, response) => {
        if (request.method !== "POST" || random.nextUnit() > 0.25) return response;
        return foreignError(500, "CommitStateUnknownException", "who knows");
      };
      world.onStep = (name) => {
        if (random.nextUnit() < 0.02) throw new Crash(name);
      };
      const acknowledged = new Set<string>();
      for (let round = 0; round < 10; round++) {
        const ids = Array.from({ length: 5 }, () => `id-${Math.floor(random.nextUnit() * 60)}`);
        const events = ids.map((event_id) => ({ event_id, event_type: "t" }));
        if (await quietly(world, () => world.post(events))) for (const id of ids) acknowledged.add(id);
        world.clock.ms += 61_000;
        setting.clock.ms += 61_000;
        await quietly(world, () => world.runAlarms());
        await foreignRewrite(setting);
      }
      foreign.quirks.before = () => undefined;
      foreign.quirks.after = (_request, response) => response;
      world.onStep = () => undefined;
      await world.restart();
      await Promise.all([world.shard(0).flush(), world.shard(1).flush()]);
      const seen = await world.tableIds();
      expect([seed, seen.length]).toEqual([seed, new Set(seen).size]);
      expect([...acknowledged].filter((id) => !seen.includes(id))).toEqual([]);
      const { metadata } = await setting.client.loadTable(EVENTS_TABLE.identifier);
      expect(Object.keys(metadata.properties).filter((name) => name.includes("watermark"))).toEqual([]);
      expect(recordedWatermarks(metadata).size).toBe(2);
    }
  });
}

test("I170 compaction carries the watermarks of a table without properties", async () => {
  const setting = await newSetting(3);
  const { world, foreign, client } = setting;
  foreign.quirks.reserved = { prefix: "firn.ingest.watermark", manner: "refuse" };
  await world.post(Array.from({ length: 8 }, (_, i) => ({ event_id: `e${i}`, event_type: "t" })));
  await Promise.all([world.shard(0).flush(), world.shard(1).flush()]);
  const before = recordedWatermarks((await client.loadTable(EVENTS_TABLE.identifier)).metadata);
  await foreignRewrite(setting);
  const { metadata } = await client.loadTable(EVENTS_TABLE.identifier);
  const head = metadata.snapshots.find((snapshot) => snapshot["snapshot-id"] === metadata["current-snapshot-id"]);
  expect(head?.summary.operation).toBe("replace");
  expect(JSON.parse(head?.summary["firn.ingest.watermarks"] ?? "{}")).toEqual(Object.fromEntries(before));
  expect((await world.visibleIds()).toSorted()).toEqual(Array.from({ length: 8 }, (_, i) => `e${i}`));
});

test("L30 flushes that the catalog puts off wait for it, and none is lost", async () => {
  const setting = await newSetting(4);
  const { world, foreign } = setting;
  foreign.quirks.commitsPerMinute = 4;
  for (let round = 0; round < 12; round++) {
    await world.post([{ event_id: `r${round}`, event_type: "t" }]);
    await Promise.all([world.shard(0).flush(), world.shard(1).flush()]);
  }
  expect((await world.tableIds()).length).toBe(12);
  for (const from of foreign.commits) {
    expect(foreign.commits.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(4);
  }
});
