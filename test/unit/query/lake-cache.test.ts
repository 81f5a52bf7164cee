// The result cache under real queries: what hits, what misses, and that nothing is ever stale.

import { beforeEach, expect, test } from "vitest";
import { createQueryLake, type QueryLake, type Row } from "../../support/query-lake.ts";

const DAY_MICROS = 86_400_000_000;
const DAY_0 = Date.UTC(2024, 0, 1) * 1000;

const rowsOf = (day: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({ id: day * 100 + i, at: DAY_0 + day * DAY_MICROS + i * 1e6 }));

let lake: QueryLake;

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.createTable(
    "events",
    [
      ["id", "long"],
      ["at", "timestamptz"],
    ],
    { fields: [{ "source-id": 2, transform: "day", name: "at_day" }] },
  );
  await lake.append("events", rowsOf(0, 10));
  await lake.append("events", rowsOf(1, 10));
});

const DAY_ZERO = "SELECT count(id) AS n, max(id) AS top FROM events WHERE at < '2024-01-02'";

test("the same question again is answered from memory, in another isolate from KV, without reading data", async () => {
  const first = await lake.query(DAY_ZERO);
  await lake.settle();
  lake.dataReads.length = 0;
  const second = await lake.query(DAY_ZERO);
  const elsewhere = await lake.query(DAY_ZERO, {}, lake.newIsolate());
  expect([first, second, elsewhere].map(({ stats }) => stats.cache)).toEqual(["miss", "memory", "kv"]);
  expect(second.body?.rows).toEqual([{ n: 10, top: 9 }]);
  expect(elsewhere.body?.rows).toEqual(second.body?.rows);
  expect(lake.dataReads).toEqual([]);
  expect(second.stats).toMatchObject({
    success: true,
    rows_returned: 1,
    files_total: 2,
    files_scanned: 0,
    rows_scanned: 0,
  });
  expect(second.stats.fingerprint).toBe(first.stats.fingerprint);
});

test("I62 rows that the query cannot see leave its answer cached: other partitions, other events", async () => {
  await lake.query(DAY_ZERO);
  await lake.append("events", rowsOf(2, 5));
  lake.ingest("events", rowsOf(3, 5));
  const again = await lake.query(DAY_ZERO);
  expect([again.stats.cache, again.body?.rows]).toEqual(["memory", [{ n: 10, top: 9 }]]);
  await lake.flush("events");
  expect((await lake.query(DAY_ZERO)).stats.cache).toBe("memory");
});

test("rows that the query can see make it miss, fresh or in files", async () => {
  await lake.query(DAY_ZERO);
  lake.ingest("events", [{ id: 50, at: DAY_0 + 1 }]);
  const fresh = await lake.query(DAY_ZERO);
  expect([fresh.stats.cache, fresh.body?.rows]).toEqual(["miss", [{ n: 11, top: 50 }]]);
  expect((await lake.query(DAY_ZERO)).stats.cache).toBe("memory");
  await lake.append("events", [{ id: 60, at: DAY_0 + 2 }]);
  const appended = await lake.query(DAY_ZERO);
  expect([appended.stats.cache, appended.body?.rows]).toEqual(["miss", [{ n: 12, top: 60 }]]);
});

test("answers with fresh rows stay out of KV, which the next second would outdate", async () => {
  lake.ingest("events", [{ id: 50, at: DAY_0 + 1 }]);
  await lake.query(DAY_ZERO);
  await lake.settle();
  expect((await lake.query(DAY_ZERO, {}, lake.newIsolate())).stats.cache).toBe("miss");
});

test("maxAge gives an older answer without touching catalog, log or data, and only within its age", async () => {
  const first = await lake.query(DAY_ZERO, { maxAge: 300 });
  await lake.settle();
  lake.ingest("events", [{ id: 50, at: DAY_0 + 1 }]);
  lake.clock.ms += 200_000;
  lake.calls.catalog = 0;
  lake.calls.fresh = 0;
  const older = await lake.query(DAY_ZERO, { maxAge: 300 });
  expect(older.stats).toMatchObject({
    cache: "stale-memory",
    success: true,
    fingerprint: first.stats.fingerprint,
    query_pattern: first.stats.query_pattern,
    tables: ["default.events"],
    storage_reads: 0,
  });
  expect(older.body).toMatchObject({ age_seconds: 200, rows: [{ n: 10 }] });
  expect((await lake.query(DAY_ZERO, { maxAge: 300 }, lake.newIsolate())).stats.cache).toBe("stale-kv");
  expect(lake.calls).toMatchObject({ catalog: 0, fresh: 0 });
  expect((await lake.query(DAY_ZERO, { maxAge: 199 })).body?.rows).toMatchObject([{ n: 11 }]);
  expect((await lake.query(DAY_ZERO)).body?.rows).toMatchObject([{ n: 11 }]);
});

test("an answer found current again is young again", async () => {
  await lake.query(DAY_ZERO);
  lake.clock.ms += 1_000_000;
  expect((await lake.query(DAY_ZERO)).stats.cache).toBe("memory");
  lake.clock.ms += 50_000;
  expect((await lake.query(DAY_ZERO, { maxAge: 60 })).stats.cache).toBe("stale-memory");
});

test("cache: bypass neither reads nor writes the cache", async () => {
  // Counts alone would read no file.
  const sumOfDay = DAY_ZERO.replace("count(id)", "sum(id)");
  const first = await lake.query(sumOfDay, { cache: "bypass" });
  expect(first.stats.cache).toBe("bypass");
  expect((await lake.query(sumOfDay)).stats.cache).toBe("miss");
  lake.dataReads.length = 0;
  await lake.query(sumOfDay, { cache: "bypass" });
  expect(lake.dataReads.length).toBeGreaterThan(0);
});

test("C62 a query that depends on the time or on chance is never answered from an exact entry", async () => {
  const recent = "SELECT count(id) AS n FROM events WHERE at >= now() - interval '13 days'";
  const before = await lake.query(recent);
  expect(before.body?.rows).toEqual([{ n: 10 }]);
  lake.clock.ms += 86_400_000;
  const after = await lake.query(recent);
  expect([after.stats.cache, after.body?.rows]).toEqual(["miss", [{ n: 0 }]]);
  const age = await lake.query("SELECT max(age(at)) AS a FROM events");
  lake.clock.ms += 86_400_000;
  expect((await lake.query("SELECT max(age(at)) AS a FROM events")).body?.rows).not.toEqual(age.body?.rows);
  const random = await lake.query("SELECT random() AS r");
  expect((await lake.query("SELECT random() AS r")).body?.rows).not.toEqual(random.body?.rows);
  const today = await lake.query("SELECT current_date AS d, 'now'::timestamptz AS t");
  lake.clock.ms += 86_400_000;
  expect((await lake.query("SELECT current_date AS d, 'now'::timestamptz AS t")).body?.rows).not.toEqual(
    today.body?.rows,
  );
});

test.each([
  ["read", "SELECT ('tod' || substr('a', 1, 1 + 0 * max(id)::int) || 'y')::date AS d FROM events"],
  ["folded", "SELECT ('to' || 'day')::date AS d, count(*) AS n FROM events"],
  [
    "read in a condition",
    "SELECT count(*) AS n FROM events WHERE at > ('no' || substr('w', 1, id::int + 1))::timestamptz",
  ],
])("C62 a text of the time that is %s keeps an answer out of the exact cache", async (_how, sql) => {
  lake.clock.ms = DAY_0 / 1000;
  const first = await lake.query(sql);
  lake.clock.ms += 5 * 86_400_000;
  const second = await lake.query(sql);
  expect([first.stats.cache, second.stats.cache]).toEqual(["miss", "miss"]);
  expect(second.body?.rows).not.toEqual(first.body?.rows);
});

test("a text of a fixed time that is cast leaves an answer in the exact cache", async () => {
  const sql = "SELECT ('2024-01-0' || (1 + 0 * max(id)))::date AS d FROM events";
  await lake.query(sql);
  expect((await lake.query(sql)).stats.cache).toBe("memory");
});

test("a time-dependent query is still answered within maxAge", async () => {
  const recent = "SELECT count(id) AS n FROM events WHERE at > now() - interval '14 days'";
  await lake.query(recent, { maxAge: 60 });
  lake.clock.ms += 59_000;
  expect((await lake.query(recent, { maxAge: 60 })).stats.cache).toBe("stale-memory");
});

test("different formats, parameters and texts do not share answers; layout of the text does not matter", async () => {
  await lake.query("SELECT count(id) AS n FROM events WHERE id < $1", { params: [5] });
  const other = await lake.query("SELECT count(id) AS n FROM events WHERE id < $1", { params: [6] });
  expect([other.stats.cache, other.body?.rows]).toEqual(["miss", [{ n: 6 }]]);
  const csv = await lake.query("SELECT count(id) AS n FROM events WHERE id < $1", { params: [5], format: "csv" });
  expect(csv.stats.cache).toBe("miss");
  const spaced = await lake.query("select  count(id) as n\nfrom events where id < $1", { params: [5] });
  expect(spaced.stats.cache).toBe("memory");
});

test("I61 identical queries at the same time read the data once", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => lake.query(DAY_ZERO)));
  expect(answers.every(({ body }) => body?.rows[0]?.["n"] === 10)).toBe(true);
  expect(lake.dataReads).toHaveLength(1);
});

test("a table made anew under the same name shares nothing with the old one", async () => {
  const sql = "SELECT max(id) AS top FROM again";
  for (const id of [1, 2]) {
    await lake.createTable("again", [["id", "long"]]);
    lake.ingest("again", [{ id }]);
    const { body, stats } = await lake.query(sql);
    expect([stats.cache, body?.rows]).toEqual(["miss", [{ top: id }]]);
    await lake.drop("again");
  }
});

test("invalidating a table makes its next query read again", async () => {
  const isolate = lake.newIsolate();
  await lake.query(DAY_ZERO, { maxAge: 300 }, isolate);
  await lake.settle();
  lake.clock.ms += 1;
  await isolate.cache.invalidate({ table: "default.events" });
  expect((await lake.query(DAY_ZERO, { maxAge: 300 }, isolate)).stats.cache).toBe("miss");
});

test("I334 a hundred identical queries at once run once", async () => {
  await lake.createTable("t", [["id", "long"]]);
  for (let file = 0; file < 3; file++) await lake.append("t", [{ id: file }, { id: file + 10 }]);
  const isolate = lake.newIsolate();
  const sql = "SELECT sum(id) AS total FROM t WHERE id <> 7";
  const { stats: alone } = await lake.query(sql, { cache: "bypass" }, lake.newIsolate());
  lake.dataReads.length = 0;
  const replies = await Promise.all(Array.from({ length: 100 }, () => lake.query(sql, {}, isolate)));
  expect(replies.map(({ problem }) => problem).filter((problem) => problem !== undefined)).toEqual([]);
  expect(new Set(replies.map(({ body }) => JSON.stringify(body?.rows)))).toEqual(new Set(['[{"total":36}]']));
  expect(replies.filter(({ stats }) => stats.cache === "miss")).toHaveLength(1);
  expect(new Set(lake.dataReads).size).toBe(alone.files_scanned);
  expect(lake.dataReads.length).toBeLessThanOrEqual(2 * alone.files_scanned);
});

/** Five hundred rows of about 100 bytes. */
function wideRows(first: number): { id: number; name: string }[] {
  return Array.from({ length: 500 }, (_, i) => ({ id: first + i, name: `name ${first + i} `.repeat(8) }));
}

test("I407 what needs more memory than it may use runs once, however many ask, until rows or limits change", async () => {
  await lake.createTable("wide", [
    ["id", "long"],
    ["name", "string"],
  ]);
  await lake.append("wide", wideRows(0));
  const isolate = lake.newIsolate(2000);
  const sql = "SELECT array_agg(name ORDER BY id DESC) AS names FROM wide";
  const ask = (memoryBytes: number): ReturnType<typeof lake.query> => {
    return lake.query(sql, { limits: { memoryBytes } }, isolate);
  };
  expect((await ask(20_000)).problem).toMatchObject({ code: "memory_limit_exceeded" });
  lake.dataReads.length = 0;
  const replies = await Promise.all(Array.from({ length: 100 }, () => ask(20_000)));
  expect(new Set(replies.map(({ problem }) => problem?.code))).toEqual(new Set(["memory_limit_exceeded"]));
  expect(lake.dataReads).toEqual([]);
  expect((await ask(20_000_000)).ok).toBe(true);
  lake.dataReads.length = 0;
  await lake.append("wide", wideRows(500));
  expect((await ask(20_000)).problem).toMatchObject({ code: "memory_limit_exceeded" });
  expect(lake.dataReads).not.toEqual([]);
});
