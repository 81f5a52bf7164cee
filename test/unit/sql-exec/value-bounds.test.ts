// Values too large, too late or too precise end a query with an error, not the isolate with it.

import { beforeAll, expect, test } from "vitest";
import { initSqlParser, prepareQuery } from "#sql";
import { memoryCatalog } from "../../support/memory-table.ts";
import { runSql } from "../../support/sql-run.ts";

beforeAll(() => initSqlParser());

const CATALOG = memoryCatalog([]);
/** 300 short texts in one batch. */
const T = "(SELECT 'row ' || n AS s FROM generate_series(1, 300) g(n)) t";

async function codeOf(sql: string): Promise<unknown> {
  const end = await runSql(CATALOG, sql).catch((error: unknown) => error);
  return end instanceof Error ? ((end as { code?: unknown }).code ?? String(end)) : "answered";
}

function doubling(first: string, step: string, times: number, last: string): string {
  const steps = Array.from({ length: times }, (_, i) => `, a${i + 1} AS (SELECT ${step} x FROM a${i})`).join("");
  return `WITH a0 AS (SELECT ${first} x)${steps} ${last.replace("last", `a${times}`)}`;
}

test.each([
  "SELECT repeat('a', 60000000)",
  `SELECT repeat(s, 1000000) FROM ${T}`,
  `SELECT length(repeat(s, 1000000)) FROM ${T}`,
  `SELECT max(repeat(s, 1000000)) FROM ${T}`,
  `SELECT lpad(s, 5000000) FROM ${T}`,
  `SELECT upper(lpad(s, 1000000)), lower(lpad(s, 1000000)) FROM ${T}`,
  "SELECT replace(repeat('a', 8000000), 'a', repeat('b', 8000000))",
  "SELECT regexp_replace(repeat('a', 8000000), 'a', repeat('b', 8000), 'g')",
  "SELECT string_to_array(repeat('a,', 4000000), ',')",
  "SELECT regexp_split_to_array(repeat('a', 8000000), '')",
  "SELECT format('%2147483647s', 'a')",
  `SELECT concat(${Array.from({ length: 100 }, () => "repeat('a', 8000000)").join(", ")})`,
  `SELECT array_to_string(ARRAY[${Array.from({ length: 100 }, () => "repeat('a', 8000000)").join(", ")}], ',')`,
  doubling("repeat(s, 100)", "x || x", 20, "SELECT length(x) FROM last").replace("x)", `x FROM ${T})`),
  doubling("ARRAY[1, 2, 3]", "x || x", 24, "SELECT cardinality(x) FROM last"),
])("a value that no isolate can hold ends with memory_limit_exceeded: %s", async (sql) => {
  expect(await codeOf(sql)).toBe("memory_limit_exceeded");
});

test.each([
  doubling("9::numeric", "x * x", 26, "SELECT length(x::text) FROM last"),
  doubling("1e100000", "x * x", 2, "SELECT x FROM last"),
  "SELECT 1e400::float8",
  "SELECT 1e-400::float8",
  "SELECT '294276-12-31 23:59:59.999999'::timestamp",
  "SELECT to_timestamp(1e20)",
  "SELECT now() + interval '170000000 years'",
  "SELECT interval '99999999999 years'",
  "SELECT interval '1 day' * 1e20",
  "SELECT interval '1 day' * 'NaN'::float8",
  "SELECT 'infinity'::timestamp - 'infinity'",
  "SELECT age('infinity'::timestamp, 'infinity')",
  "SELECT date '2024-01-01' + 2147483647",
])("a value outside its type's range ends with numeric_out_of_range: %s", async (sql) => {
  expect(await codeOf(sql)).toBe("numeric_out_of_range");
});

test("rounding to absurd places costs nothing", async () => {
  const { rows } = await runSql(
    CATALOG,
    "SELECT length(round(1.5, 1000000)::text), round(1.5, -1000000), length(trunc(1.5, 2147483647)::text), round(15, -1)",
  );
  expect(rows).toEqual([["16385", "0", "16385", "20"]]);
});

test("factorials raised to large powers end soon", async () => {
  expect(await codeOf("SELECT factorial(5000) ^ 1000")).toBe("numeric_out_of_range");
});

test("an array of several dimensions is one value, as a literal and as a constructor", async () => {
  expect((await runSql(CATALOG, "SELECT '{{1,2},{3,4}}'::int[]")).rows).toEqual([["{{1,2},{3,4}}"]]);
  expect((await runSql(CATALOG, "SELECT ARRAY[ARRAY[1, 2], ARRAY[3, 4]]")).rows).toEqual([["{{1,2},{3,4}}"]]);
});

test("lone surrogates are no characters", async () => {
  expect(await codeOf("SELECT chr(55296)")).toBe("sql_runtime_error");
});

test("a select list longer than PostgreSQL's is refused", async () => {
  expect(await codeOf(`SELECT ${Array.from({ length: 1664 }, () => "s").join(",")} FROM ${T} LIMIT 1`)).toBe(
    "answered",
  );
  expect(await codeOf(`SELECT ${Array.from({ length: 1665 }, () => "s").join(",")} FROM ${T} LIMIT 1`)).toBe(
    "sql_unsupported",
  );
});

test("a condition over steps that use each other twice does not grow with every step", async () => {
  const sql = doubling("length(s)", "x + x", 26, "SELECT x FROM last WHERE x <> 1 AND x + 1 IS NOT NULL").replace(
    "x)",
    `x FROM ${T})`,
  );
  expect(await codeOf(sql)).toBe("answered");
});

test("the time limit ends a function within its batch", async () => {
  let nowMs = 0;
  const clock = { nowMs: () => (nowMs += 1) };
  const prepared = await prepareQuery(`SELECT regexp_replace(s, '[0-9]+', 'x') FROM ${T}`, {
    catalog: CATALOG,
    params: [],
    clock,
  });
  const batches = prepared.execute({
    signal: new AbortController().signal,
    memoryLimitBytes: 2 ** 26,
    timeLimitMs: 4,
    clock,
  });
  const drain = async (): Promise<void> => {
    for await (const batch of batches) expect(batch.rowCount).toBeLessThan(0);
  };
  await expect(drain()).rejects.toMatchObject({ code: "time_limit_exceeded" });
});
