// Nothing that a query says is ignored: every field of its parse tree is read while it is bound, but for those that say
// nothing.

import { readFileSync, readdirSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { initSqlParser, type TableCatalog } from "#sql";
import { bindStatement } from "../../../src/sql/bind/bind.ts";
import { functionRegistry } from "../../../src/sql/functions/index.ts";
import { parseStatement } from "../../../src/sql/parser/parse.ts";
import { analystCatalog } from "../../support/analyst-tables.ts";
import { watchTree } from "../../support/read-tree.ts";
import { correlatedPositions } from "../../support/sql-positions.ts";
import { caseCatalog } from "../../support/sql-tables.ts";

beforeAll(() => initSqlParser());

/** Fields that may stay unread, and why. */
const SAYS_NOTHING: Readonly<Record<string, RegExp>> = {
  "where a list begins and ends": /_(start|end)$/,
  "-1 until PostgreSQL's own analysis": /\.typemod$|^SQLValueFunction\.typmod$|^NamedArgExpr\.argnumber$/,
  "there is no inheritance and every table is permanent": /^RangeVar\.(inh|relpersistence)$/,
  "functions in FROM read the items before them in any case": /^RangeFunction\.(lateral|is_rowsfrom)$/,
  "how a call or a row was written, where that makes no difference": /^(FuncCall\.funcformat|RowExpr\.row_format)$/,
  "without LIMIT there is nothing to be tied with": /limitOption$/,
  "bounds of array types mean nothing to PostgreSQL either": /^Integer\.ival$/,
  "the frame is read of a copy, which a window may inherit":
    /(\.over|^WindowDef)\.(frameOptions|startOffset|endOffset)$/,
  "always true of a column definition": /^ColumnDef\.is_local$/,
  "JSON text is taken as JSON with FORMAT JSON or without": /^Json\w+(\.\w+)*\.(format|encoding|returning)$/,
  "defaults of columns that are numbers or parts": /^JsonTableColumn\.(quotes|wrapper)$/,
  "an array of a query always leaves NULLs out": /^JsonArrayQueryConstructor\.absent_on_null$/,
};

async function unreadBy(sql: string, catalog: TableCatalog): Promise<readonly string[]> {
  const statement = parseStatement(sql);
  if (!("SelectStmt" in statement.statement)) return [];
  const { tree, unread } = watchTree(statement.statement.SelectStmt);
  await bindStatement(statement, tree, { catalog, registry: functionRegistry, params: [], statementTimeMicros: 0 });
  return [...unread()].filter((field) => !Object.values(SAYS_NOTHING).some((pattern) => pattern.test(field)));
}

function queriesOf(folder: string): readonly string[] {
  const path = `${import.meta.dirname}/${folder}`;
  return readdirSync(path).flatMap((file) =>
    readFileSync(`${path}/${file}`, "utf8")
      .split(/;\n/)
      .map((query) => query.trim())
      .filter((query) => query !== ""),
  );
}

test.each([
  { name: "cases", queries: () => queriesOf("cases"), catalog: caseCatalog },
  { name: "analyst", queries: () => queriesOf("analyst"), catalog: analystCatalog },
  { name: "positions", queries: () => correlatedPositions().map(({ sql }) => sql), catalog: caseCatalog },
])("I383 every field of the queries in $name is read", async ({ queries, catalog }) => {
  const ignored: Record<string, readonly string[]> = {};
  for (const sql of queries()) {
    const fields = await unreadBy(sql, catalog());
    if (fields.length > 0) ignored[sql] = fields;
  }
  expect(queries().length).toBeGreaterThan(200);
  expect(ignored).toEqual({});
});

test("I383 a field that nobody reads is found", async () => {
  const statement = parseStatement("SELECT id FROM t");
  if (!("SelectStmt" in statement.statement)) throw new Error("no SELECT");
  const withMore = { ...statement.statement.SelectStmt, somethingNew: { said: true } };
  const { tree, unread } = watchTree(withMore);
  await bindStatement(statement, tree, {
    catalog: caseCatalog(),
    registry: functionRegistry,
    params: [],
    statementTimeMicros: 0,
  });
  expect(unread()).toContain("SelectStmt.somethingNew");
});
