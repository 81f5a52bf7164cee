// Random queries: PostgreSQL, our unoptimized plan and our optimized plan over a source that skips every row it
// may give the same rows.

import { PGlite } from "@electric-sql/pglite";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { randomQuery } from "../support/sql-grammar.ts";
import { askOracle, loadOracle } from "../support/sql-oracle.ts";
import { runSql, type TextRow } from "../support/sql-run.ts";
import { caseCatalog, ORACLE_TABLES } from "../support/sql-tables.ts";

const RUNS = Number(process.env["FIRN_SQL_FUZZ_RUNS"] ?? 500);

let db: PGlite;

beforeAll(async () => {
  await initSqlParser();
  db = await PGlite.create();
  await loadOracle(db, ORACLE_TABLES);
}, 60_000);

afterAll(async () => {
  await db.close();
});

function sorted(rows: readonly TextRow[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

/** Rows in any order, or that the query fails. */
async function outcome(
  run: () => Promise<{ readonly rows: readonly TextRow[] }>,
): Promise<readonly string[] | "error"> {
  try {
    return sorted((await run()).rows);
  } catch (error) {
    // A bug of ours must not pass for a query that both refuse.
    if (error instanceof Error && error.name === "InvariantViolation") throw error;
    return "error";
  }
}

test(
  "I45 I49 C40 every plan of a random query gives PostgreSQL's rows, whatever scans skip",
  { timeout: 20_000 + RUNS * 100 },
  async () => {
    await fc.assert(
      fc.asyncProperty(randomQuery, async (sql) => {
        const expected = await outcome(() => askOracle(db, sql));
        const plain = await outcome(() => runSql(caseCatalog(), sql, { optimize: false }));
        const optimized = await outcome(() => runSql(caseCatalog({ appliesPredicates: true }), sql));
        expect(plain).toEqual(expected);
        expect(optimized).toEqual(expected);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 15_000 + RUNS * 90 },
    );
  },
);
