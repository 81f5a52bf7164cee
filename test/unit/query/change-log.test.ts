// What is written down of statements that change rows.

import { beforeAll, beforeEach, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

let lake: QueryLake;

beforeAll(() => initSqlParser());

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.createTable("t", [
    ["id", "long", "required"],
    ["grp", "string"],
  ]);
  await lake.append("t", [{ id: 1, grp: "a" }]);
});

test.each([
  ["DELETE FROM t WHERE grp = 'Ann Smith' -- Ann Smith", true],
  ["DELETE FROM t WHERE grp IN ('Ann Smith', 'b') OR id = 12345678", true],
  ["UPDATE t SET grp = 'Ann Smith' WHERE id = 12345678", true],
  ["INSERT INTO t VALUES (12345678, 'Ann Smith')", true],
  ["MERGE INTO t USING (VALUES (12345678, 'Ann Smith')) s (i, g) ON t.id = s.i WHEN MATCHED THEN DELETE", true],
  ["DELETE FROM t WHERE nosuch = 'Ann Smith'", true],
  ["DELETE FROM t WHERE grp = 'Ann Smith'", false],
])("C200 the constants of %s are in no statistic", async (sql, mayWrite) => {
  const { stats } = await lake.query(sql, {}, undefined, { mayWrite });
  expect(stats.query_text).toMatch(/^(DELETE FROM|UPDATE|INSERT INTO|MERGE INTO) t\b/);
  expect(JSON.stringify(stats)).not.toMatch(/Ann Smith|12345678/);
});

test("the text of a query is kept as it was sent", async () => {
  const { stats } = await lake.query("SELECT id FROM t WHERE grp = 'a'");
  expect(stats.query_text).toBe("SELECT id FROM t WHERE grp = 'a'");
});
