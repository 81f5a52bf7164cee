import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { askOracle, loadOracle } from "../../support/sql-oracle.ts";
import { runSql } from "../../support/sql-run.ts";
import { caseCatalog, ORACLE_TABLES } from "../../support/sql-tables.ts";

let db: PGlite;

beforeAll(async () => {
  await initSqlParser();
  db = await PGlite.create();
  await loadOracle(db, ORACLE_TABLES);
}, 60_000);

afterAll(async () => {
  await db.close();
});

test.each([
  ["SELECT id FROM t WHERE grp = $1 ORDER BY id", ["a"]],
  ["SELECT id FROM t WHERE i2 > $1 ORDER BY id", [3]],
  ["SELECT id FROM t WHERE tz >= $1 AND tz < $2 ORDER BY id", ["2024-01-15", "2024-01-16"]],
  ["SELECT id FROM t WHERE b = $1 ORDER BY id", [true]],
  ["SELECT id FROM t WHERE i8 = $1", ["9007199254740993"]],
  ["SELECT id FROM t WHERE i2 = ANY ($1) ORDER BY id", [[1, 8]]],
  ["SELECT id FROM t WHERE grp = ANY ($1::text[]) ORDER BY id", [["a", "c"]]],
  ["SELECT id FROM t WHERE grp = ANY ($1) ORDER BY id", [[]]],
  ["SELECT id FROM t WHERE grp IS NOT DISTINCT FROM $1 ORDER BY id", [null]],
  ["SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2", [2, 1]],
  ["SELECT $1::int + 1, $2::text, $1::int * 2", [5, "x"]],
  ["SELECT id + $1 FROM t ORDER BY id", [10]],
  ["SELECT id FROM t WHERE txt LIKE $1 ORDER BY id", ["a%"]],
  ["SELECT date_trunc($1, tz) FROM t ORDER BY id", ["day"]],
  ["SELECT id FROM t WHERE d = $1", ["2024-02-29"]],
  ["SELECT COALESCE(grp, $1) FROM t ORDER BY id", ["none"]],
  ["SELECT id FROM t WHERE n > $1 ORDER BY id", [2.5]],
  ["SELECT id FROM t WHERE f8 > $1 ORDER BY id", [2.4]],
  ["SELECT id FROM t WHERE tz > $1::timestamptz - interval '1 day' ORDER BY id", ["2024-02-29"]],
])("parameters are typed by their place: %s", async (sql, params) => {
  const expected = await askOracle(db, sql, params);
  expect((await runSql(caseCatalog(), sql, { params: params })).rows).toEqual(expected.rows);
});

test("a parameter without a place that types it keeps its own type", async () => {
  const answer = await runSql(caseCatalog(), "SELECT $1, $2, $3, $4, $5", { params: [7, "x", true, 1.5, null] });
  expect(answer.types).toEqual(["int32", "string", "boolean", "float64", "string"]);
  expect(answer.rows).toEqual([["7", "x", "true", "1.5", null]]);
});

test.each([
  ["SELECT $2", [1], /parameter \$2/],
  ["SELECT $1", [{ a: 1 }], /string, number, boolean or null/],
  ["SELECT $1", [[1]], /= ANY/],
])("%s with %j is an invalid parameter", async (sql, params, message) => {
  await expect(runSql(caseCatalog(), sql, { params })).rejects.toMatchObject({
    code: "invalid_parameter",
    message: expect.stringMatching(message),
  });
});

test.each([
  ["SELECT id FROM t WHERE grp = :g AND i2 > :low ORDER BY id", { g: "a", low: 0 }],
  ['SELECT :x::int + :x::int, \':x\', $$:x$$, ":x" FROM (SELECT 1 AS ":x") q -- :y\n /* :z */', { x: 4 }],
  [
    "SELECT id FROM t WHERE tz >= :from AND tz < :to::timestamptz ORDER BY id",
    { from: "2024-01-15", to: "2024-01-16" },
  ],
  ["SELECT id FROM t WHERE i2 = ANY (:list) ORDER BY id", { list: [1, 8] }],
  ["SELECT id FROM t WHERE grp = ANY (:list::text[]) ORDER BY id LIMIT :n", { list: ["a", "c"], n: 1 }],
  ["SELECT CASE WHEN id=:a THEN :b ELSE :b END FROM t ORDER BY id", { a: 1, b: "x" }],
  ["SELECT '{\"a\": 1}'::jsonb->>'a', '12:30'::time, E'it\\'s :no' WHERE :ok", { ok: true }],
])("I243 parameters by name: %s", async (sql, params) => {
  const names = Object.keys(params);
  const numbered = names.reduce(
    (text, name, i) => text.replaceAll(new RegExp(`(?<![:'$"y*-] ?):${name}\\b(?!['$"])`, "g"), `$${i + 1}`),
    sql,
  );
  const expected = await askOracle(db, numbered, Object.values(params));
  expect((await runSql(caseCatalog(), sql, { params })).rows).toEqual(expected.rows);
});

test.each([
  ["SELECT :day", { dya: 1 }, ":day", 'There is no value for parameter :day. Did you mean "dya"?'],
  ["SELECT 1, :x", [1], ":x", "There is no value for parameter :x: send params as an object with its names."],
  ["SELECT $1", { x: 1 }, "$1", "There is no value for parameter $1: params is an object, so write :name."],
  ["SELECT :constructor", {}, ":constructor", "There is no value for parameter :constructor."],
  ["SELECT 1, :x", { x: {} }, ":x", "Parameter :x must be a string, number, boolean or null."],
])("I243 %s with %j is an invalid parameter", async (sql, params, at, message) => {
  const error: unknown = await runSql(caseCatalog(), sql, { params }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "invalid_parameter", message });
  const { details } = error as { details: { start: number; end: number } };
  expect(sql.slice(details.start, details.end)).toBe(at);
});

test("I243 positions after a named parameter are those of the text as written", async () => {
  const sql = "SELECT :a_long_name::int AS x, nope FROM t";
  await expect(runSql(caseCatalog(), sql, { params: { a_long_name: 1 } })).rejects.toMatchObject({
    code: "undefined_column",
    details: { start: sql.indexOf("nope"), end: sql.indexOf(" FROM") },
  });
  await expect(runSql(caseCatalog(), "SELECT :a, $1", { params: [1] })).rejects.toMatchObject({
    code: "sql_syntax_error",
    details: { start: 11, end: 13 },
  });
});
