// The order in which a scan's filter tests its conjuncts.

import { beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { column, memoryCatalog, memoryTable } from "../../support/memory-table.ts";
import { runSql } from "../../support/sql-run.ts";

beforeAll(() => initSqlParser());

const INT = { kind: "int32" } as const;
const rows = Array.from({ length: 60 }, (_, i) => ({ a: i % 7, b: i % 11, t: `t${i % 5}` }));
const table = memoryTable("default.t", [column("a", INT), column("b", INT), column("t", { kind: "string" })], rows);

async function conditionOf(where: string): Promise<string> {
  const sql = `SELECT a, b FROM t WHERE ${where}`;
  const answer = await runSql(memoryCatalog([table]), sql);
  const plain = await runSql(memoryCatalog([table]), sql, { optimize: false });
  expect(answer.rows).toEqual(plain.rows);
  const line = answer.prepared.explain().text.find((text) => text.includes("Condition:"));
  return line?.replace(/^.*Condition: /, "") ?? "";
}

test("I370 a column beside a constant is tested before two columns, these before what is computed", async () => {
  expect(await conditionOf("lower(t) || t = 't1t1' AND a < b AND b > 3 AND t IN ('t1', 't2')")).toBe(
    "((b > 3) AND (t IN ('t1', 't2')) AND (a < b) AND ((lower(t) || t) = 't1t1'))",
  );
});

test("I370 what may fail is tested neither earlier nor later than it stands", async () => {
  expect(await conditionOf("a < b AND b <> 0 AND 10 / b > 2 AND a = b AND a = 1")).toMatch(
    /^\(\(b <> 0\) AND \(a < b\) AND \(\(10 \/ b\) > 2\) AND \(a = 1\) AND \(a = b\)\)$/,
  );
});

test("I370 what chance decides stays where it stands", async () => {
  expect(await conditionOf("random() >= 0 AND a = 1")).toMatch(/random\(\).*a = 1/);
});
