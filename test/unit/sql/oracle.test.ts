// Every query of cases/*.sql gives PostgreSQL's answer: names, types and rows, optimized or not.

import { readFileSync, readdirSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { askOracle, loadOracle } from "../../support/sql-oracle.ts";
import { runSql, type TextRow } from "../../support/sql-run.ts";
import { caseCatalog, ORACLE_TABLES } from "../../support/sql-tables.ts";

const CASES = `${import.meta.dirname}/cases`;

let db: PGlite;

beforeAll(async () => {
  await initSqlParser();
  db = await PGlite.create();
  await loadOracle(db, ORACLE_TABLES);
}, 60_000);

afterAll(async () => {
  await db.close();
});

/** A query whose last ORDER BY is outside parentheses promises an order. */
function isOrdered(sql: string): boolean {
  return sql.lastIndexOf("ORDER BY") > sql.lastIndexOf(")") || /\bORDER BY\b[^()]*(\([^()]*\)[^()]*)*$/.test(sql);
}

function sorted(rows: readonly TextRow[]): readonly TextRow[] {
  return rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

for (const file of readdirSync(CASES).filter((name) => name.endsWith(".sql"))) {
  const queries = readFileSync(`${CASES}/${file}`, "utf8")
    .split(/;\n/)
    .map((query) => query.trim())
    .filter((query) => query !== "");
  describe(`cases of ${file}`, () => {
    test.each(queries)("I40 %s", async (sql) => {
      const expected = await askOracle(db, sql);
      const ours = await runSql(caseCatalog({ appliesPredicates: true }), sql);
      const plain = await runSql(caseCatalog(), sql, { optimize: false });
      const arrange = isOrdered(sql) ? (rows: readonly TextRow[]) => rows : sorted;
      expect(ours.columns).toEqual(expected.columns);
      expect(arrange(ours.rows)).toEqual(arrange(expected.rows));
      expect(arrange(plain.rows)).toEqual(arrange(expected.rows));
      const known = expected.types.map((type, i) => (type.startsWith("oid") ? ours.types[i] : type));
      expect(ours.types).toEqual(known);
    });
  });
}
