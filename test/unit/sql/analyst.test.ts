// What analysts ask of events and a shop's tables gives PostgreSQL's answer: funnels, retention, sessions, cohorts, gaps
// and islands, as-of joins, trees, calendars, JSON.

import { readFileSync, readdirSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { ANALYST_TABLES, analystCatalog } from "../../support/analyst-tables.ts";
import { loadOracle } from "../../support/sql-oracle.ts";
import { verdictOn } from "../../support/sql-verdict.ts";

const CASES = `${import.meta.dirname}/analyst`;

let db: PGlite;

beforeAll(async () => {
  await initSqlParser();
  db = await PGlite.create();
  await loadOracle(db, ANALYST_TABLES);
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
    test.each(queries)("I382 %s", async (sql) => {
      const { expected, ours, plain, types } = await verdictOn(db, sql, analystCatalog);
      expect(ours.columns).toEqual(expected.columns);
      expect(ours.rows).toEqual(expected.rows);
      expect(plain.rows).toEqual(expected.rows);
      expect(ours.types).toEqual(types);
    });
  });
}
