import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { createIdFilter } from "../../../src/ingest/id-filter.ts";
import { createFakeLake } from "../../support/fake-lake.ts";
import { createIngestWorld, type IngestWorld } from "../../support/ingest-world.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(() => loadParquetWasm());

const DAY_MS = 86_400_000;

function newWorld(): Promise<IngestWorld> {
  const lake = createFakeLake();
  return createIngestWorld({
    shardCount: 1,
    loadTable: () => lake.loadTable(),
    liveFiles: () => Promise.resolve(lake.files),
  });
}

async function duplicatesOf(world: IngestWorld, ids: readonly string[]): Promise<number> {
  return (await world.post(ids.map((event_id) => ({ event_id, event_type: "t" })))).duplicates;
}

test("I11 ids are recognised while pending, after a flush, and after a restart of each", async () => {
  const world = await newWorld();
  await duplicatesOf(world, ["a", "b"]);
  expect(await duplicatesOf(world, ["a"])).toBe(1);
  await world.restart();
  expect(await duplicatesOf(world, ["b"])).toBe(1);
  await world.shard(0).flush();
  expect(await duplicatesOf(world, ["a", "new"])).toBe(1);
  await world.restart();
  expect(await duplicatesOf(world, ["a", "b", "new"])).toBe(3);
  expect((await world.shard(0).status()).dedupeIds).toBe(3);
});

test("I11 flushed ids are recognised through the filter, however many there are", async () => {
  const world = await newWorld();
  const ids = Array.from({ length: 3000 }, (_, i) => `event-${i}`);
  for (let start = 0; start < ids.length; start += 500) {
    expect(await duplicatesOf(world, ids.slice(start, start + 500))).toBe(0);
    await world.shard(0).flush();
  }
  expect(await duplicatesOf(world, ids)).toBe(3000);
  expect(
    await duplicatesOf(
      world,
      Array.from({ length: 3000 }, (_, i) => `other-${i}`),
    ),
  ).toBe(0);
});

test("I11 an id is kept for 24 hours after its flush and forgotten within 48 of traffic", async () => {
  const world = await newWorld();
  const tick = async (id: string): Promise<void> => {
    await duplicatesOf(world, [id]);
    world.clock.ms += 11_000;
    await world.runAlarms();
  };
  await tick("old");
  world.clock.ms += DAY_MS - 22_000;
  expect(await duplicatesOf(world, ["old"])).toBe(1);
  world.clock.ms += 22_000;
  await tick("t1");
  expect(await duplicatesOf(world, ["old"])).toBe(1);
  world.clock.ms += DAY_MS;
  await tick("t2");
  expect(await duplicatesOf(world, ["t1"])).toBe(1);
  expect(await duplicatesOf(world, ["old"])).toBe(0);
});

test("an id with quotes, newlines or any other text is itself and nothing else", async () => {
  const world = await newWorld();
  const ids = ['"', "\\", "\n", "'; DROP TABLE seen_0; --", "é", "e\u0301", "😀", "\u2028", "1", "1.0", "true", "null"];
  expect(await duplicatesOf(world, ids)).toBe(0);
  await world.shard(0).flush();
  expect(await duplicatesOf(world, ids)).toBe(ids.length);
});

test("the filter has no false negatives and few false positives", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 200 }), (ids) => {
      const filter = createIdFilter(ids.length);
      for (const id of ids) filter.add(id);
      expect(ids.every((id) => filter.mightHave(id))).toBe(true);
    }),
  );
  const filter = createIdFilter(50_000);
  for (let i = 0; i < 50_000; i++) filter.add(`in-${i}`);
  let claimed = 0;
  for (let i = 0; i < 20_000; i++) if (filter.mightHave(`out-${i}`)) claimed += 1;
  expect(claimed / 20_000).toBeLessThan(0.03);
});
