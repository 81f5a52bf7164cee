// Scalar functions and operators against PostgreSQL, call by call.

import type { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { argument, askFirn, askPostgres, callToSql, startPostgres } from "./postgres-oracle.ts";
import { SCALAR_CASES } from "./scalar-cases.ts";

let postgres: PGlite;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres.close();
});

test.each(SCALAR_CASES)("%s agrees with PostgreSQL", async (name, calls) => {
  const ours: Record<string, unknown> = {};
  const theirs: Record<string, unknown> = {};
  for (const call of calls) {
    const args = call.map((source) => argument(source));
    const sql = callToSql(name, args);
    ours[sql] = askFirn(name, args);
    theirs[sql] = await askPostgres(postgres, sql);
  }
  expect(ours).toEqual(theirs);
});
