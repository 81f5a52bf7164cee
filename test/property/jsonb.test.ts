// jsonb's order, equality and normal form are PostgreSQL's.

import { PGlite } from "@electric-sql/pglite";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { compareJsonbTexts, jsonbKey } from "../../src/sql/values/jsonb.ts";
import { askOracle, loadOracle } from "../support/sql-oracle.ts";
import { runSql } from "../support/sql-run.ts";
import { caseCatalog } from "../support/sql-tables.ts";

let db: PGlite;

beforeAll(async () => {
  await initSqlParser();
  db = await PGlite.create();
  await loadOracle(db, []);
}, 60_000);

afterAll(async () => {
  await db.close();
});

const number = fc.constantFrom("0", "1", "1.0", "1.50", "1.5", "-2", "1e2", "100.00", "12345678901234567890.10");
const text = fc.constantFrom('""', '"a"', '"b"', '"1.0"', '"aé"', '"a\\"0.0"');
const space = fc.constantFrom("", " ", "  ");
const { document } = fc.letrec<{ document: string }>((tie) => ({
  document: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.oneof(number, text, fc.constantFrom("null", "true", "false", "[]", "{}")),
    fc
      .tuple(space, fc.array(tie("document"), { maxLength: 3 }))
      .map(([blank, items]) => `[${items.join(`,${blank}`)}]`),
    fc
      .tuple(space, fc.array(fc.tuple(fc.constantFrom("a", "b", "aa", "é"), tie("document")), { maxLength: 3 }))
      .map(
        ([blank, members]) =>
          `{${members.map(([key, value]) => `"${key}"${blank}:${blank}${value}`).join(`${blank},`)}}`,
      ),
  ),
}));

test("I390 jsonb sorts, groups and reads as in PostgreSQL", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(document, { minLength: 2, maxLength: 40 }), async (documents) => {
      const rows = documents.map((item, i) => `(${i}, '${item}'::jsonb)`).join(", ");
      const sql = `SELECT i, j, dense_rank() OVER (ORDER BY j), count(*) OVER (PARTITION BY j) FROM (VALUES ${rows}) t(i, j) ORDER BY i`;
      const expected = await askOracle(db, sql);
      const actual = await runSql(caseCatalog(), sql);
      expect(actual.rows).toEqual(expected.rows);
      for (const [, a] of expected.rows) {
        for (const [, b] of expected.rows) {
          const areEqual = compareJsonbTexts(a ?? "", b ?? "") === 0;
          expect(jsonbKey(a ?? "") === jsonbKey(b ?? "")).toBe(areEqual);
        }
      }
    }),
    { numRuns: 40 },
  );
});
