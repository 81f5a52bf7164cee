// Plans with and without their rewrites give the same rows, on tables with nulls, NaNs, deleted rows and fresh ones.

import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { answerOf, unordered, type PlanAnswer } from "../support/plan-answer.ts";
import { createQueryLake, type QueryLake, type Row } from "../support/query-lake.ts";

const DAY_MICROS = 86_400_000_000;
const DAY_0 = Date.UTC(2024, 0, 1) * 1000;
const DAYS = 5;
const ROWS_PER_FILE = 60;

/** mulberry32 */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function rowsOf(seed: number, day: number, count: number): Row[] {
  const random = generator(seed);
  // One file has no value of `n` at all, one no null.
  const nullShare = day === 1 ? 1 : day === 2 ? 1000 : 4;
  return Array.from({ length: count }, (_, i) => ({
    id: seed * 1000 + i,
    at: DAY_0 + day * DAY_MICROS + random(DAY_MICROS / 1e6) * 1e6,
    n: random(nullShare) === 0 ? null : day * 10 + random(15),
    x: random(9) === 0 ? null : random(12) === 0 ? Number.NaN : random(8) === 0 ? -0 : (random(40) - 20) / 4 + day,
    s:
      random(6) === 0 ? null : `${"common prefix of text ".repeat(2)}${String.fromCodePoint(97 + day, 97 + random(5))}`,
    k: random(5) === 0 ? null : random(30),
    p: { unscaled: BigInt(random(2000) - 1000 + day * 100), scale: 2 },
    d: random(7) === 0 ? null : 19_723 + day + random(2),
  }));
}

let lake: QueryLake;

beforeAll(async () => {
  lake = await createQueryLake();
  const partitioned = "partitioning = ARRAY['day(at)'], format_version = 3, \"write.delete.mode\" = 'merge-on-read'";
  const columns = "id bigint, at timestamptz, n int, x double precision, s text, k bigint, p numeric(9,2), d date";
  const change = async (sql: string): Promise<void> => {
    const { problem } = await lake.change(sql);
    if (problem !== undefined) throw new Error(JSON.stringify(problem));
  };
  await change(`CREATE TABLE e (${columns}) WITH (${partitioned})`);
  for (let day = 0; day < DAYS; day++)
    await lake.append("e", rowsOf(day + 1, day, ROWS_PER_FILE), { rowGroupRows: 16 });
  // A file across all days' values, two with deleted rows, and rows that are in no file yet.
  await lake.append("e", [...rowsOf(11, 0, 10), ...rowsOf(12, 4, 10)], { rowGroupRows: 7 });
  await change("DELETE FROM e WHERE id % 7 = 3 AND id < 3000");
  lake.ingest("e", rowsOf(21, 2, 9), 0);
  lake.ingest("e", rowsOf(22, 4, 4), 1);
  await lake.createTable("keys", [
    ["k", "long"],
    ["label", "string"],
    ["day", "timestamptz"],
  ]);
  await lake.append("keys", [
    { k: 3, label: "a", day: DAY_0 + DAY_MICROS },
    { k: 17, label: "b", day: null },
    { k: 17, label: "c", day: DAY_0 + 3 * DAY_MICROS },
    { k: 900, label: "d", day: DAY_0 },
    { k: null, label: "e", day: DAY_0 },
  ]);
});

const COLUMNS = ["id", "at", "n", "x", "s", "k", "p", "d"] as const;
const CONDITIONS = [
  "true",
  "n > 20",
  "n IS NOT NULL",
  "at >= '2024-01-02' AND at < '2024-01-04'",
  "at >= '2024-01-02 13:00:00'",
  "k % 3 = 1",
  "x <= 2.5",
  "s LIKE 'common prefix of text common prefix of text c%'",
  "p > 1.5 AND id > 0",
  "d = '2024-01-03'",
  "n IS NULL",
];

const filesSkippedFor = ({ scans }: PlanAnswer, reason: string): number =>
  scans
    .flatMap(({ pruning }) => pruning)
    .filter((entry) => entry.reason.startsWith(reason))
    .reduce((sum, { files, rowGroups }) => sum + files + rowGroups, 0);

describe("I320 the first rows of an order are those of the whole sort", () => {
  const key = fc.record({
    column: fc.constantFrom(...COLUMNS),
    direction: fc.constantFrom("", " DESC"),
    nulls: fc.constantFrom("", " NULLS FIRST", " NULLS LAST"),
  });
  const query = fc.record({
    keys: fc.array(key, { minLength: 1, maxLength: 3 }),
    condition: fc.constantFrom(...CONDITIONS),
    limit: fc.integer({ min: 1, max: 70 }),
    offset: fc.constantFrom(0, 0, 3, 150),
    shape: fc.constantFrom("plain", "union", "subquery", "left join"),
  });

  test("of any type, with ties, nulls and an offset", async () => {
    let skipped = 0;
    await fc.assert(
      fc.asyncProperty(query, async ({ keys, condition, limit, offset, shape }) => {
        const from = {
          plain: `e WHERE ${condition}`,
          subquery: `(SELECT * FROM e WHERE ${condition}) q`,
          union: `(SELECT * FROM e WHERE ${condition} UNION ALL SELECT * FROM e WHERE n = 12) q`,
          "left join": `(SELECT e.* FROM e LEFT JOIN keys ON e.k = keys.k) e WHERE ${condition}`,
        }[shape];
        const order = keys.map(({ column, direction, nulls }) => `${column}${direction}${nulls}`).join(", ");
        const columns = keys.map(({ column }, i) => `${column} AS k${i}`).join(", ");
        const sql = `SELECT ${columns} FROM ${from} ORDER BY ${order}`;
        const all = await answerOf(lake, sql, { optimize: false });
        const first = await answerOf(lake, `${sql} LIMIT ${limit} OFFSET ${offset}`);
        // Rows that are equal in all keys are equal here.
        expect({ sql, rows: first.rows }).toEqual({ sql, rows: all.rows.slice(offset, offset + limit) });
        skipped += filesSkippedFor(first, "top-N bound");
      }),
      { numRuns: 90, seed: 320 },
    );
    expect(skipped).toBeGreaterThan(100);
  });
});

describe("I321 what a join's keys rule out is no row of the answer", () => {
  const query = fc.record({
    key: fc.constantFrom("e.k = o.k", "e.at = o.at", "e.s = o.s", "e.d = o.d", "e.p = o.p", "e.x = o.x", "e.n = o.k"),
    type: fc.constantFrom("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "semi", "anti", "exists", "grouped"),
    condition: fc.constantFrom(...CONDITIONS),
    other: fc.constantFrom("id < 1030", "id = 3005", "k = 3", "id IN (2004, 21001)", "false", "k IS NULL", "n > 40"),
  });

  test("of any type and join", async () => {
    let skipped = 0;
    await fc.assert(
      fc.asyncProperty(query, async ({ key, type, condition, other }) => {
        const where = CONDITIONS.includes(condition)
          ? condition.replaceAll(/\b(n|at|k|x|s|p|d|id)\b(?! prefix)/g, "e.$1")
          : "";
        const [mine = "", theirs = ""] = key.split(" = ");
        const o = `(SELECT * FROM e WHERE ${other}) o`;
        const sql =
          type === "semi"
            ? `SELECT e.id FROM e WHERE ${mine} IN (SELECT ${theirs} FROM ${o}) AND ${where}`
            : type === "anti"
              ? `SELECT e.id FROM e WHERE NOT EXISTS (SELECT 1 FROM ${o} WHERE ${key}) AND ${where}`
              : type === "exists"
                ? `SELECT e.id FROM e WHERE EXISTS (SELECT 1 FROM ${o} WHERE ${key}) AND ${where}`
                : type === "grouped"
                  ? `SELECT g.v, g.c, o.id FROM (SELECT ${mine} AS v, count(*) AS c FROM e WHERE ${where} GROUP BY 1) g JOIN ${o} ON g.v = ${theirs}`
                  : `SELECT e.id, o.id FROM e ${type} ${o} ON ${key} WHERE ${where}`;
        const plain = await answerOf(lake, sql, { optimize: false });
        const fast = await answerOf(lake, sql);
        expect({ sql, rows: unordered(fast.rows) }).toEqual({ sql, rows: unordered(plain.rows) });
        skipped += filesSkippedFor(fast, "join keys");
      }),
      { numRuns: 90, seed: 321 },
    );
    expect(skipped).toBeGreaterThan(100);
  });
});

describe("I322 what metadata answers is what reading answers", () => {
  const call = fc.constantFrom(
    "count(*)",
    ...COLUMNS.flatMap((column) => [`count(${column})`, `min(${column})`, `max(${column})`]),
    "max(n::bigint)",
    "min(at::timestamp)",
    "sum(n)",
  );
  const query = fc.record({
    calls: fc.array(call, { minLength: 1, maxLength: 4 }),
    condition: fc.constantFrom(...CONDITIONS, "id > 4000", "id >= 1010 AND at IS NOT NULL", "d <> '2024-01-03'"),
    shape: fc.constantFrom("plain", "subquery"),
  });

  test("of any type and condition", async () => {
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(query, async ({ calls, condition, shape }) => {
        const sql =
          shape === "plain"
            ? `SELECT ${calls.join(", ")} FROM e WHERE ${condition}`
            : `SELECT ${calls.join(", ")} FROM (SELECT *, 1 AS one FROM e WHERE ${condition}) q`;
        const plain = await answerOf(lake, sql, { optimize: false });
        const fast = await answerOf(lake, sql);
        expect({ sql, rows: fast.rows }).toEqual({ sql, rows: plain.rows });
        answered += filesSkippedFor(fast, "answered from metadata");
      }),
      { numRuns: 90, seed: 322 },
    );
    expect(answered).toBeGreaterThan(100);
  });
});

describe("I323 rows that are read twice are those that each reader would make", () => {
  const inner = fc.constantFrom(
    "SELECT k, count(*) AS c, min(n) AS m FROM e GROUP BY k",
    "SELECT DISTINCT d AS k, n AS c, k AS m FROM e",
    "SELECT e.k, o.n AS c, o.id AS m FROM e JOIN e o ON e.id = o.k + 1000",
    "SELECT k, n AS c, row_number() OVER (PARTITION BY k ORDER BY id) AS m FROM e",
    "SELECT k, sum(c) AS c, max(m) AS m FROM (SELECT k, d, count(*) AS c, max(id) AS m FROM e GROUP BY k, d) q GROUP BY k",
  );
  const hint = fc.constantFrom("", "MATERIALIZED ", "NOT MATERIALIZED ");
  const outer = fc.constantFrom(
    "SELECT a.k, b.c FROM w a JOIN w b ON a.c = b.m",
    "SELECT count(*) FROM w UNION ALL SELECT max(c) FROM w UNION ALL SELECT 1 FROM w WHERE c > 3",
    "SELECT c FROM w WHERE c = (SELECT max(c) FROM w) UNION ALL SELECT m FROM w WHERE k IS NULL",
    "SELECT * FROM w WHERE c > 2 EXCEPT SELECT * FROM w WHERE m < 20",
    "SELECT k FROM w WHERE EXISTS (SELECT 1 FROM w o WHERE o.m = w.c)",
    "SELECT k, c FROM (SELECT * FROM w ORDER BY k, c, m LIMIT 5) q UNION ALL SELECT k, c FROM w WHERE c < 2",
  );

  test("with every hint, in memory and put aside", async () => {
    let shared = 0;
    await fc.assert(
      fc.asyncProperty(inner, hint, outer, async (query, materialized, reading) => {
        const sql = `WITH w AS ${materialized}(${query}) ${reading}`;
        const plain = await answerOf(lake, sql, { optimize: false });
        const fast = await answerOf(lake, sql);
        expect({ sql, rows: unordered(fast.rows) }).toEqual({ sql, rows: unordered(plain.rows) });
        if (fast.explain.some((line) => line.includes("Shared Scan"))) shared += 1;
      }),
      { numRuns: 60, seed: 323 },
    );
    expect(shared).toBeGreaterThan(30);
  });
});

describe("I325 a condition on one side's key may be asked of the other side's", () => {
  const query = fc.record({
    type: fc.constantFrom("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"),
    on: fc.constantFrom("a.k = b.k", "a.k = b.k AND a.d = b.d", "a.k = b.k AND a.n < b.n", "a.k = b.k AND b.k < 20"),
    where: fc.constantFrom(
      "a.k = 7",
      "a.k IN (3, 17, NULL)",
      "b.k > 12",
      "a.k <= 4 AND b.d > '2024-01-02'",
      "a.k < 3 OR b.k IS NULL",
    ),
    shape: fc.constantFrom("join", "semi", "anti"),
  });

  test("of any join", async () => {
    let carried = 0;
    await fc.assert(
      fc.asyncProperty(query, async ({ type, on, where, shape }) => {
        const exists = `(SELECT 1 FROM e b WHERE ${on})`;
        const own = where.includes("b.") ? "a.k > 12" : where;
        const sql =
          shape === "join"
            ? `SELECT a.id, b.id FROM e a ${type} e b ON ${on} WHERE ${where}`
            : `SELECT a.id FROM e a WHERE ${own} AND ${shape === "anti" ? "NOT " : ""}EXISTS ${exists}`;
        const plain = await answerOf(lake, sql, { optimize: false });
        const fast = await answerOf(lake, sql);
        expect({ sql, rows: unordered(fast.rows) }).toEqual({ sql, rows: unordered(plain.rows) });
        if (fast.explain.some((line) => line.includes("condition_over_join_key"))) carried += 1;
      }),
      { numRuns: 40, seed: 325 },
    );
    expect(carried).toBeGreaterThan(10);
  });
});

describe("I326 a condition on a function of a column is true for the rows it was true for", () => {
  const operator = fc.constantFrom("=", "<", "<=", ">", ">=", "IN");
  const moment = fc.integer({ min: -30, max: 150 }).map((hours) => {
    return new Date((DAY_0 + hours * 3.6e9) / 1000).toISOString().replace("T", " ").replace(".000Z", "+00");
  });
  const condition = fc
    .record({
      of: fc.constantFrom(
        "at::date",
        "date_trunc('day', at)",
        "date_trunc('hour', at)",
        "date_trunc('week', at)",
        "at + interval '1 day 3 hours'",
        "at - interval '90 minutes'",
      ),
      operator,
      values: fc.array(moment, { minLength: 1, maxLength: 3 }),
      isNegated: fc.boolean(),
    })
    .map(({ of, operator: compare, values, isNegated }) => {
      const type = of === "at::date" ? "date" : "timestamptz";
      const texts = values.map((value) => `'${type === "date" ? value.slice(0, 10) : value}'::${type}`);
      const right = compare === "IN" ? `IN (${[...texts, "NULL"].join(", ")})` : `${compare} ${texts[0] ?? ""}`;
      return `${isNegated && compare !== "IN" ? "NOT " : ""}(${of} ${right})`;
    });
  const text = fc
    .record({
      of: fc.constantFrom("lower(s)", "upper(s)", "to_char(at, 'YYYY-MM-DD HH24')", "date_format(at, '%Y-%m-%d')"),
      day: fc.integer({ min: 0, max: 5 }),
      end: fc.constantFrom("a", "c", "K"),
    })
    .map(({ of, day, end }) => {
      const common = `${"common prefix of text ".repeat(2)}${String.fromCodePoint(97 + day)}${end}`;
      if (of.startsWith("lower")) return `lower(s) = '${common.toLowerCase()}'`;
      if (of.startsWith("upper")) return `upper(s) = '${common.toUpperCase()}'`;
      return of.startsWith("to_char") ? `${of} = '2024-01-0${day + 1} 07'` : `${of} = '2024-01-0${day + 1}'`;
    });

  test("of any unit, interval, pattern and case", async () => {
    let rewritten = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(condition, text), fc.option(condition, { nil: "k = 3" }), async (one, other) => {
        for (const sql of [`SELECT id FROM e WHERE ${one}`, `SELECT id FROM e WHERE ${one} OR ${other}`]) {
          const plain = await answerOf(lake, sql, { optimize: false });
          const fast = await answerOf(lake, sql);
          expect({ sql, rows: unordered(fast.rows) }).toEqual({ sql, rows: unordered(plain.rows) });
          if (fast.explain.some((line) => line.startsWith("Rewrite: "))) rewritten += 1;
        }
      }),
      { numRuns: 40, seed: 326 },
    );
    expect(rewritten).toBeGreaterThan(40);
  });
});
