// Which joins a query is run with: keys out of ORs, connected tables next to each other, subqueries without products.

import { beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { column, memoryCatalog, memoryTable } from "../../support/memory-table.ts";
import { runSql, type TextRow } from "../../support/sql-run.ts";

beforeAll(() => initSqlParser());

const INT = { kind: "int32" } as const;
const rows = (count: number, modulo: number): { k: number; v: number }[] =>
  Array.from({ length: count }, (_, i) => ({ k: i % modulo, v: i }));
const columns = [column("k", INT), column("v", INT)];
const tables = [
  memoryTable("default.big", columns, rows(400, 40)),
  memoryTable("default.middle", columns, rows(40, 20)),
  memoryTable("default.small", columns, rows(20, 20)),
];

function sorted(rows: readonly TextRow[]): readonly string[] {
  return rows.map((row) => row.join()).toSorted((a, b) => a.localeCompare(b));
}

async function explained(sql: string): Promise<{ readonly joins: readonly string[]; readonly rows: unknown }> {
  const answer = await runSql(memoryCatalog(tables), sql);
  const plain = await runSql(memoryCatalog(tables), sql, { optimize: false });
  expect(sorted(answer.rows)).toEqual(sorted(plain.rows));
  const { text } = answer.prepared.explain();
  return {
    joins: text.flatMap((line) => /-> {2}(.* Join|Nested Loop.*?) {2}/.exec(line)?.[1] ?? []),
    rows: answer.rows,
  };
}

test("I244 what every branch of an OR asks joins by key", async () => {
  const { joins } = await explained(
    "SELECT count(*) FROM big, small WHERE (big.k = small.k AND big.v < 10) OR (big.k = small.k AND small.v > 15) OR (small.v = 3 AND big.k = small.k)",
  );
  expect(joins).toEqual(["Hash Join"]);
});

test("I244 a branch of an OR that asks nothing more makes the others superfluous", async () => {
  const { rows: answer } = await explained(
    "SELECT count(*) FROM small WHERE v < 5 OR (v < 5 AND k = 1) OR (k = 2 AND v < 5)",
  );
  expect(answer).toEqual([["5"]]);
});

test("I244 tables that no condition connects are not multiplied where another table connects them", async () => {
  const { joins } = await explained(
    "SELECT count(*), sum(big.v) FROM small, middle, big WHERE big.k = small.v AND big.v = middle.v AND small.k < 5",
  );
  expect(joins).toEqual(["Hash Join", "Hash Join"]);
});

test("I244 the columns of reordered joins stay in their order", async () => {
  const { rows: answer } = await explained(
    "SELECT * FROM small s, middle m, big b WHERE b.k = s.v AND b.v = m.v AND s.k = 7",
  );
  expect(answer).toEqual([["7", "7", "7", "7", "7", "7"]]);
});

test.each([
  ["EXISTS", "Hash Semi Join"],
  ["NOT EXISTS", "Hash Anti Join"],
])("I244 %s with an inequality is one join", async (exists, join) => {
  const { joins } = await explained(
    `SELECT b.v FROM big b WHERE ${exists} (SELECT 1 FROM middle m WHERE m.k = b.k AND m.v <> b.v AND m.v > 10)`,
  );
  expect(joins).toEqual([join]);
});

/** The tables in the order in which a query's plan names them: of a join, the streamed input first. */
async function tablesOf(sql: string): Promise<readonly string[]> {
  const answer = await runSql(memoryCatalog(tables), sql);
  const plain = await runSql(memoryCatalog(tables), sql, { optimize: false });
  expect(sorted(answer.rows)).toEqual(sorted(plain.rows));
  const { text } = answer.prepared.explain();
  return text.flatMap((line) => /Scan on default\.(\w+)/.exec(line)?.[1] ?? []);
}

test("I293 joins hold the smaller input, outer joins too", async () => {
  expect(await tablesOf("SELECT count(*) FROM small s JOIN big b ON s.k = b.k")).toEqual(["big", "small"]);
  expect(await tablesOf("SELECT s.v, b.v FROM small s LEFT JOIN big b ON s.v = b.v AND b.k > 30")).toEqual([
    "big",
    "small",
  ]);
});

test("I293 columns that equalities connect through a third join where that is less", async () => {
  const sql =
    "SELECT count(*) FROM big b, middle m, small s WHERE b.k = m.k AND m.k = s.k AND s.v = 3 AND b.v + m.v <> s.v";
  // Each row of small has its 3 rows of big: the 2 of middle come last.
  expect(await tablesOf(sql)).toEqual(["big", "middle", "small"]);
});

test.each(["EXISTS", "NOT EXISTS"])("I293 %s over a table that is larger holds the smaller one", async (exists) => {
  const answer = await runSql(
    memoryCatalog(tables),
    `SELECT s.v FROM small s WHERE ${exists} (SELECT 1 FROM big b WHERE b.k = s.k AND b.v > 390)`,
  );
  const plain = await runSql(
    memoryCatalog(tables),
    `SELECT s.v FROM small s WHERE ${exists} (SELECT 1 FROM big b WHERE b.k = s.k AND b.v > 390)`,
    { optimize: false },
  );
  expect(sorted(answer.rows)).toEqual(sorted(plain.rows));
  expect(answer.prepared.explain().text.join("\n")).toContain("Held: left input");
});

test("I293 a semi join that leaves few rows goes below the joins above which it is written", async () => {
  const sql =
    "SELECT b.v, s.v FROM big b JOIN small s ON s.v = b.k WHERE b.v IN (SELECT m.v FROM middle m WHERE m.k = 3 AND m.v < 30)";
  expect(await tablesOf(sql)).toEqual(["small", "big", "middle"]);
});

test("I293 an OR over two tables narrows each of them", async () => {
  const sql =
    "SELECT b.v, s.v FROM big b, small s WHERE b.v = s.v AND ((b.k = 1 AND s.k = 1) OR (b.k = 2 AND s.k IN (2, 3)))";
  const answer = await runSql(memoryCatalog(tables), sql);
  const plain = await runSql(memoryCatalog(tables), sql, { optimize: false });
  expect(sorted(answer.rows)).toEqual(sorted(plain.rows));
  const text = answer.prepared.explain().text.join("\n");
  expect(text).toContain("((k = 1) OR (k = 2))");
  expect(text).toContain("((k = 1) OR (k IN (2, 3)))");
});
