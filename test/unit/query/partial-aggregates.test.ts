// Aggregations of unchanged files are remembered: a growing table costs only what is new, and the answer stays exact.

import { beforeEach, expect, test } from "vitest";
import type { IsolateState } from "#query";
import { createQueryLake, type QueryLake, type Row } from "../../support/query-lake.ts";

const DAY_MICROS = 86_400_000_000;
const DAY_0 = Date.UTC(2024, 0, 1) * 1000;

const rowsOf = (day: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    id: day * 100 + i,
    at: DAY_0 + day * DAY_MICROS + i * 1e6,
    kind: i % 3 === 0 ? null : i % 3 === 1 ? "a" : "ä\u0000",
  }));

let lake: QueryLake;

/** A cache of its own that remembers aggregations of tables of any size. */
const newIsolate = (): IsolateState => ({ ...lake.newIsolate(), partialMinBytes: 0 });

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.createTable(
    "events",
    [
      ["id", "long"],
      ["at", "timestamptz"],
      ["kind", "string"],
    ],
    { fields: [{ "source-id": 2, transform: "day", name: "at_day" }] },
  );
  for (let day = 0; day < 4; day++) await lake.append("events", rowsOf(day, 20));
  lake.clock.ms = (DAY_0 + 4 * DAY_MICROS) / 1000;
});

const readPaths = (): number => new Set(lake.dataReads).size;

async function ask(sql: string, isolate: IsolateState): Promise<{ cache: string; rows: unknown; read: number }> {
  lake.dataReads.length = 0;
  const { body, stats, problem } = await lake.query(sql, {}, isolate);
  expect(problem).toBeUndefined();
  const read = readPaths();
  await lake.settle();
  return { cache: stats.cache, rows: body?.rows, read };
}

const BY_KIND =
  "SELECT kind, count(*) AS n, sum(id) AS total, avg(id) AS mean, min(at) AS first, max(kind) AS top, bool_or(id > 300) AS any FROM events GROUP BY kind ORDER BY kind";

test("I250 after an append only the new files are read, and the answer is that of a query without a cache", async () => {
  const isolate = newIsolate();
  expect(await ask(BY_KIND, isolate)).toMatchObject({ cache: "miss", read: 4 });
  await lake.append("events", rowsOf(5, 7));
  const grown = await ask(BY_KIND, isolate);
  expect(grown).toMatchObject({ cache: "partial", read: 1 });
  const fresh = await lake.query(BY_KIND, { cache: "bypass" });
  expect(grown.rows).toEqual(fresh.body?.rows);
});

test("I250 fresh rows are merged, and another isolate finds the aggregations in KV", async () => {
  await ask(BY_KIND, newIsolate());
  lake.ingest("events", rowsOf(6, 5));
  const elsewhere = await ask(BY_KIND, newIsolate());
  expect(elsewhere).toMatchObject({ cache: "partial", read: 0 });
  expect(elsewhere.rows).toEqual((await lake.query(BY_KIND, { cache: "bypass" })).body?.rows);
});

test("I250 a window that moves with the clock reads only the files at its edge again", async () => {
  const isolate = newIsolate();
  const lastDays = "SELECT count(id) AS n, avg(id) AS mean FROM events WHERE at >= now() - interval '3 days 12 hours'";
  expect(await ask(lastDays, isolate)).toMatchObject({ cache: "miss", rows: [{ n: 60, mean: 209.5 }] });
  lake.clock.ms += 3_600_000;
  await lake.append("events", rowsOf(4, 2));
  const moved = await ask(lastDays, isolate);
  expect(moved).toMatchObject({ cache: "partial", read: 1 });
  expect(moved.rows).toEqual((await lake.query(lastDays, { cache: "bypass" })).body?.rows);
  // The window's start reaches into a day: that day's file is read with the condition, each time.
  lake.clock.ms -= 16 * 3_600_000;
  const edge = await ask(lastDays, isolate);
  expect(edge).toMatchObject({ cache: "partial", read: 1 });
  expect(edge.rows).toEqual((await lake.query(lastDays, { cache: "bypass" })).body?.rows);
});

test("I250 deleted rows leave the aggregations", async () => {
  const isolate = newIsolate();
  await ask(BY_KIND, isolate);
  await lake.change("DELETE FROM events WHERE id = 100");
  expect((await ask(BY_KIND, isolate)).rows).toEqual((await lake.query(BY_KIND, { cache: "bypass" })).body?.rows);
});

test.each([
  ["a sum of floats depends on the order of the rows", "SELECT sum(id::float8) AS n FROM events"],
  ["distinct values", "SELECT count(DISTINCT kind) AS n FROM events"],
  ["chance", "SELECT count(*) AS n FROM events WHERE random() >= 0"],
  ["the clock", "SELECT max(age(at)) AS n FROM events"],
  ["two tables", "SELECT count(*) AS n FROM events a JOIN events b ON a.id = b.id"],
])("%s: computed as a whole", async (_why, sql) => {
  const isolate = newIsolate();
  await ask(sql, isolate);
  await lake.append("events", rowsOf(7, 3));
  expect(await ask(sql, isolate)).toMatchObject({ cache: "miss" });
});

test("groups too many to be worth keeping are computed as a whole", async () => {
  const isolate = newIsolate();
  await lake.append(
    "events",
    Array.from({ length: 9000 }, (_, id) => ({ id, at: DAY_0, kind: "x" })),
  );
  const sql = "SELECT id, count(*) AS n FROM events GROUP BY id ORDER BY id LIMIT 3";
  const first = await ask(sql, isolate);
  await lake.append("events", rowsOf(8, 3));
  const second = await ask(sql, isolate);
  expect(second.rows).toEqual(first.rows);
});

test("small tables are not worth a look into the cache", async () => {
  const isolate = lake.newIsolate();
  await ask(BY_KIND, isolate);
  await lake.append("events", rowsOf(5, 7));
  expect(await ask(BY_KIND, isolate)).toMatchObject({ cache: "miss" });
});

test("I250 a text of the time that is read keeps an aggregation out of what is remembered of files", async () => {
  const isolate = newIsolate();
  const sql = "SELECT count(*) AS n FROM events WHERE at > ('no' || substr('w', 1, id::int + 1))::timestamptz";
  lake.clock.ms = (DAY_0 + 2 * DAY_MICROS) / 1000;
  const first = await ask(sql, isolate);
  lake.clock.ms = (DAY_0 + 3 * DAY_MICROS) / 1000;
  await lake.append("events", rowsOf(5, 7));
  const second = await ask(sql, isolate);
  const exact = await lake.query(sql, { cache: "bypass" });
  expect([first.cache, second.cache]).toEqual(["miss", "miss"]);
  expect(second.rows).toEqual(exact.body?.rows);
  expect(second.rows).not.toEqual(first.rows);
});

test("I403 counts and extremes that metadata cannot tell are remembered, those it tells are not", async () => {
  const isolate = newIsolate();
  const kept = "SELECT count(*) AS n, min(at) AS first, max(id) AS last FROM events WHERE kind = 'a'";
  expect(await ask(kept, isolate)).toMatchObject({ cache: "miss", read: 4 });
  await lake.append("events", rowsOf(5, 7));
  const grown = await ask(kept, isolate);
  expect(grown).toMatchObject({ cache: "partial", read: 1 });
  expect(grown.rows).toEqual((await lake.query(kept, { cache: "bypass" })).body?.rows);
  lake.ingest("events", rowsOf(6, 5));
  expect((await ask(kept, isolate)).rows).toEqual((await lake.query(kept, { cache: "bypass" })).body?.rows);
  for (const told of ["", " WHERE at >= '2024-01-02'"]) {
    const answer = await ask(`SELECT count(*) AS n, count(kind) AS k FROM events${told}`, isolate);
    expect(answer).toMatchObject({ cache: "miss", read: 0 });
  }
});

test("I403 a grouping below a join is remembered with the groups that the join leaves out", async () => {
  const isolate = newIsolate();
  const groups = "SELECT id, count(*) AS n, min(at) AS first FROM events GROUP BY id";
  const joined = `SELECT g.id, g.n FROM (${groups}) AS g JOIN (VALUES (1::bigint), (102)) AS v(id) ON g.id = v.id ORDER BY 1`;
  expect((await ask(joined, isolate)).rows).toEqual([
    { id: 1, n: 1 },
    { id: 102, n: 1 },
  ]);
  const all = `SELECT count(*) AS n FROM (${groups}) AS g`;
  expect(await ask(all, isolate)).toMatchObject({ rows: [{ n: 80 }] });
});
