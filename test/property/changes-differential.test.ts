// Random sequences of INSERT, UPDATE, DELETE, MERGE and TRUNCATE on tables of real files: after each statement the
// counts and the rows are PostgreSQL's.

import { PGlite } from "@electric-sql/pglite";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import {
  LAKE_COLUMNS,
  POSTGRES_COLUMNS,
  ROWS_AS_TEXT,
  changeSequence,
  type ChangeSequence,
} from "../support/change-grammar.ts";
import { createQueryLake, type QueryLake } from "../support/query-lake.ts";

const RUNS = Number(process.env["FIRN_CHANGE_FUZZ_RUNS"] ?? 30);

let db: PGlite;

beforeAll(async () => {
  await initSqlParser();
  db = await PGlite.create();
  await db.exec("SET TIME ZONE 'UTC'; SET extra_float_digits = 1;");
}, 60_000);

afterAll(() => db.close());

/** What a statement did: the number of rows, or that it was refused. */
type Outcome = number | "error";

async function inOracle(sql: string): Promise<Outcome> {
  try {
    return (await db.query(sql)).affectedRows ?? 0;
  } catch {
    return "error";
  }
}

/** Codes for what PostgreSQL refuses as well; anything else is a bug that must not pass for a refusal. */
const REFUSALS = new Set([
  "cardinality_violation",
  "numeric_out_of_range",
  "division_by_zero",
  "type_mismatch",
  "invalid_text_representation",
]);

async function inLake(lake: QueryLake, sql: string): Promise<Outcome> {
  const { body, problem } = await lake.change(sql);
  if (body !== undefined) {
    return Number(body["rows_inserted"]) + Number(body["rows_updated"]) + Number(body["rows_deleted"]);
  }
  if (problem === undefined || !REFUSALS.has(problem.code)) throw new Error(`${sql}: ${JSON.stringify(problem)}`);
  return "error";
}

async function createTables({ format, partition }: ChangeSequence): Promise<QueryLake> {
  const lake = await createQueryLake();
  await db.exec(
    `DROP TABLE IF EXISTS t, s; CREATE TABLE t (${POSTGRES_COLUMNS}); CREATE TABLE s (${POSTGRES_COLUMNS});`,
  );
  await lake.createTable("s", LAKE_COLUMNS);
  const table = await lake.createTable("t", LAKE_COLUMNS, partition);
  if (format === 3) {
    await table.upgradeFormatVersion(3).commit();
    const update = (await lake.catalog.loadTable("default.t")).updateProperties();
    for (const operation of ["delete", "update", "merge"]) update.set(`write.${operation}.mode`, "merge-on-read");
    await update.commit();
  }
  return lake;
}

async function oracleRows(): Promise<readonly string[]> {
  const { rows } = await db.query(`SELECT ${ROWS_AS_TEXT} FROM t`);
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

async function lakeRows(lake: QueryLake): Promise<readonly string[]> {
  const { body, problem } = await lake.query(`SELECT ${ROWS_AS_TEXT} FROM t`, { cache: "bypass" });
  if (body === undefined) throw new Error(JSON.stringify(problem));
  return body.rows.map((row) => JSON.stringify(row)).toSorted();
}

async function countedRows(lake: QueryLake): Promise<unknown> {
  const { body } = await lake.query("SELECT count(*) AS n FROM t", { cache: "bypass" });
  return body?.rows[0]?.["n"];
}

test(
  "I220 after every statement of a random sequence the rows are PostgreSQL's, copied or marked",
  { timeout: 30_000 + RUNS * 1000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(changeSequence, async (sequence) => {
        const lake = await createTables(sequence);
        for (const sql of [...sequence.setup, ...sequence.statements]) {
          const expected = await inOracle(sql);
          const found = await inLake(lake, sql);
          const rows = await oracleRows();
          // PostgreSQL does not count what TRUNCATE removes.
          const changed = sql.startsWith("TRUNCATE") ? 0 : expected;
          expect({ sql, changed: sql.startsWith("TRUNCATE") ? 0 : found, rows: await lakeRows(lake) }).toEqual({
            sql,
            changed,
            rows,
          });
          // What metadata says of the table is what its files hold.
          expect(await countedRows(lake)).toBe(rows.length);
        }
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 25_000 + RUNS * 900 },
    );
  },
);
