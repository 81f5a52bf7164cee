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
