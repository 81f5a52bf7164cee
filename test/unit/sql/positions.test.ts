// Correlated subqueries of every kind in every place give PostgreSQL's answer, optimized or not.
// FIRN_ALL_POSITIONS=1 runs all of them and 420 with another subquery inside, else every fifth and 60.

import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { loadOracle } from "../../support/sql-oracle.ts";
import { correlatedPositions, nestedPositions } from "../../support/sql-positions.ts";
import { caseCatalog, ORACLE_TABLES } from "../../support/sql-tables.ts";
import { verdictOn } from "../../support/sql-verdict.ts";

let db: PGlite;

beforeAll(async () => {
  await initSqlParser();
  db = await PGlite.create();
  await loadOracle(db, ORACLE_TABLES);
}, 60_000);

afterAll(async () => {
  await db.close();
});

const runsAll = process.env["FIRN_ALL_POSITIONS"] === "1";
const positions = correlatedPositions();
const chosen = [
  ...(runsAll ? positions : positions.slice(0, Math.ceil(positions.length / 5))),
  ...nestedPositions(runsAll ? 420 : 60),
];

test.each(chosen)("I380 $name", async ({ sql }) => {
  const { expected, ours, plain } = await verdictOn(db, sql, caseCatalog);
  expect(ours.columns).toEqual(expected.columns);
  expect(ours.rows).toEqual(expected.rows);
  expect(plain.rows).toEqual(expected.rows);
});
