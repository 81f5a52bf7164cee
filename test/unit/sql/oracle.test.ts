// Every query of cases/*.sql gives PostgreSQL's answer: names, types and rows, optimized or not.

import { readFileSync, readdirSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { loadOracle } from "../../support/sql-oracle.ts";
import { caseCatalog, ORACLE_TABLES } from "../../support/sql-tables.ts";
import { verdictOn } from "../../support/sql-verdict.ts";

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

for (const file of readdirSync(CASES).filter((name) => name.endsWith(".sql"))) {
  const queries = readFileSync(`${CASES}/${file}`, "utf8")
    .split(/;\n/)
    .map((query) => query.trim())
    .filter((query) => query !== "");
  describe(`cases of ${file}`, () => {
    test.each(queries)("I40 %s", async (sql) => {
      const { expected, ours, plain, types } = await verdictOn(db, sql, caseCatalog);
      expect(ours.columns).toEqual(expected.columns);
      expect(ours.rows).toEqual(expected.rows);
      expect(plain.rows).toEqual(expected.rows);
      expect(ours.types).toEqual(types);
    });
  });
}
