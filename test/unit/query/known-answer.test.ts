import { expect, test } from "vitest";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

const COUNT = "SELECT count(*) AS n FROM events";

async function createAsked(): Promise<QueryLake> {
  const lake = await createQueryLake();
  await lake.createTable("events", [
    ["id", "string"],
    ["n", "int"],
  ]);
  await lake.append("events", [{ id: "a", n: 1 }]);
  lake.ingest("events", [{ id: "b", n: 2 }], 1);
  await lake.query(COUNT);
  await lake.settle();
  return lake;
}

test("I401 a known answer costs one call for its tables and one a shard, and reads nothing", async () => {
  const lake = await createAsked();
  lake.calls.catalog = 0;
  lake.calls.fresh = 0;
  lake.dataReads.length = 0;
  const known = await lake.known(COUNT);
  expect(known).toMatchObject({ ok: true, body: { rows: [{ n: 2 }] }, stats: { cache: "memory", success: true } });
  expect(known?.stats.tables).toEqual(["default.events"]);
  expect(lake.calls.fresh).toBe(2);
  expect(lake.dataReads).toEqual([]);
});

test.each<readonly [string, (lake: QueryLake) => Promise<unknown> | void, number]>([
  ["rows were acknowledged", (lake) => lake.ingest("events", [{ id: "c", n: 3 }]), 3],
  ["rows were flushed", (lake) => lake.flush("events", 1), 2],
  ["files were added", (lake) => lake.append("events", [{ id: "c", n: 3 }]), 3],
  ["files were rewritten", (lake) => lake.compact("events"), 2],
])("I401 nothing is known any more once %s", async (_what, change, count) => {
  const lake = await createAsked();
  await change(lake);
  expect(await lake.known(COUNT)).toBeUndefined();
  expect((await lake.query(COUNT)).body?.rows).toEqual([{ n: count }]);
  expect((await lake.known(COUNT))?.body?.rows).toEqual([{ n: count }]);
});

test("I401 a question of another caller, with a profile, past the cache or after an invalidation is not known", async () => {
  const lake = await createAsked();
  expect(await lake.known(COUNT, {}, undefined, { namespaces: ["web"] })).toBeUndefined();
  expect(await lake.known(COUNT, { profile: true })).toBeUndefined();
  expect(await lake.known(COUNT, { cache: "bypass" })).toBeUndefined();
  expect(await lake.known(COUNT, { limits: { rows: 0.5 } })).toBeUndefined();
  expect(await lake.known("SELECT")).toBeUndefined();
  await lake.deps().cache.invalidate({ table: "default.events" });
  expect(await lake.known(COUNT)).toBeUndefined();
});

test("I401 within maxAge an answer is known without asking anybody, beyond it is asked for", async () => {
  const lake = await createAsked();
  lake.calls.catalog = 0;
  lake.calls.fresh = 0;
  lake.ingest("events", [{ id: "c", n: 3 }]);
  lake.clock.ms += 5000;
  expect(await lake.known(COUNT, { maxAge: 10 })).toMatchObject({
    body: { rows: [{ n: 2 }], cache: "stale-memory", age_seconds: 5 },
  });
  expect(lake.calls).toMatchObject({ catalog: 0, fresh: 0 });
  lake.clock.ms += 6000;
  expect(await lake.known(COUNT, { maxAge: 10 })).toBeUndefined();
});

test("I401 where locations cannot be told nothing is known, and a probe that fails is no error", async () => {
  const lake = await createAsked();
  const { answerKnown } = await import("#query");
  const deps = lake.deps();
  const context = { queryId: "q", userId: "u" };
  const unable = { ...deps, probe: { ...deps.probe, tableLocations: () => Promise.resolve(undefined) } };
  expect(await answerKnown(unable as typeof deps, { sql: COUNT }, context)).toBeUndefined();
  const failing = { ...deps, probe: { ...deps.probe, tableLocations: () => Promise.reject(new Error("gone")) } };
  expect(await answerKnown(failing as typeof deps, { sql: COUNT }, context)).toBeUndefined();
  expect(await answerKnown({ ...deps, probe: undefined }, { sql: COUNT }, context)).toBeUndefined();
});

test("I401 a large answer is known too, and counted once", async () => {
  const lake = await createQueryLake();
  const sql = "SELECT x, repeat('a', 100) AS text FROM generate_series(1, 30000) s(x), (SELECT 1 FROM events) e";
  await lake.createTable("events", [["id", "string"]]);
  await lake.append("events", [{ id: "a" }]);
  const first = await lake.query(sql);
  await lake.settle();
  await lake.query(sql);
  const hits = (): number => lake.deps().cache.statistics().memory.hits + lake.deps().cache.statistics().r2.hits;
  const before = hits();
  const known = await lake.known(sql);
  expect(known?.body?.rows).toEqual(first.body?.rows);
  expect(known?.stats.rows_returned).toBe(30_000);
  expect(hits()).toBe(before + 1);
});
