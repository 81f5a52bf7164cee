// Correlated subqueries of every kind in every place give PostgreSQL's answer, optimized or not.
// FIRN_ALL_POSITIONS=1 runs all of them, else every fifth.

import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { askOracle, loadOracle } from "../../support/sql-oracle.ts";
import { correlatedPositions } from "../../support/sql-positions.ts";
import { runSql, type TextRow } from "../../support/sql-run.ts";
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

function sorted(rows: readonly TextRow[]): readonly TextRow[] {
  return rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

const positions = correlatedPositions();
const chosen =
  process.env["FIRN_ALL_POSITIONS"] === "1" ? positions : positions.slice(0, Math.ceil(positions.length / 5));

test.each(chosen)("I380 $name", async ({ sql }) => {
  const expected = await askOracle(db, sql);
  const ours = await runSql(caseCatalog({ appliesPredicates: true }), sql);
  const plain = await runSql(caseCatalog(), sql, { optimize: false });
  expect(ours.columns).toEqual(expected.columns);
  expect(sorted(ours.rows)).toEqual(sorted(expected.rows));
  expect(sorted(plain.rows)).toEqual(sorted(expected.rows));
});
