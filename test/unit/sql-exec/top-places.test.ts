// I316: a filter on row_number or rank gives the same rows whether or not rows are left out before the window.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { vectorFromScalars, type Batch, type ColumnSchema, type DataType, type Scalar } from "#columnar";
import { initSqlParser } from "#sql";
import { memoryCatalog } from "../../support/memory-table.ts";
import { runSql, type TextRow } from "../../support/sql-run.ts";
import type { Expr, PlanNode } from "../../../src/sql/plan.ts";
import { topPlaces } from "../../../src/sql/execute/window/top-places.ts";
import { batchTable, scanOf, testContext } from "./tables.ts";

beforeAll(async () => {
  await initSqlParser();
});

const INT: DataType = { kind: "int32" };
const FLOAT: DataType = { kind: "float64" };
const TEXT: DataType = { kind: "string" };
const COLUMNS: readonly ColumnSchema[] = [
  { name: "p", type: INT, nullable: true },
  { name: "n", type: INT, nullable: true },
  { name: "f", type: FLOAT, nullable: true },
  { name: "t", type: TEXT, nullable: true },
  { name: "id", type: INT, nullable: false },
];

const row = fc.tuple(
  fc.option(fc.nat(2), { freq: 8 }),
  fc.option(fc.integer({ min: -3, max: 3 }), { freq: 12 }),
  fc.option(fc.constantFrom(0, -0, 1.5, -2, Number.NaN, Number.POSITIVE_INFINITY), { freq: 12 }),
  fc.option(fc.constantFrom("a", "b", "c"), { freq: 8 }),
);
/** Batches of which many have no NULL in n, so that rows are left out. */
const batch = fc.oneof(
  fc.array(row, { minLength: 1, maxLength: 40 }),
  fc.array(
    row.map(([p, n, f, t]) => [p, n ?? 1, f ?? 0, t] as const),
    { minLength: 1, maxLength: 60 },
  ),
);

/** Windows and conditions; `%` stands for a place. */
const WINDOWS = [
  "row_number() OVER (PARTITION BY p ORDER BY n DESC, id)",
  "rank() OVER (PARTITION BY p ORDER BY n)",
  "row_number() OVER (ORDER BY n, t, id)",
  "rank() OVER (PARTITION BY p, t ORDER BY f DESC NULLS LAST)",
  "row_number() OVER (PARTITION BY t ORDER BY f, id)",
  "row_number() OVER (PARTITION BY p ORDER BY t, id)",
  "dense_rank() OVER (PARTITION BY p ORDER BY n)",
];
const CONDITIONS = ["place <= %", "% > place", "place = %", "place <= % AND n > -2", "place BETWEEN 2 AND %"];

function tableOf(batches: readonly (readonly (readonly Scalar[])[])[]) {
  let id = 0;
  const made = batches.map((rows): Batch => {
    const withId = rows.map((each) => [...each, id++]);
    return {
      rowCount: rows.length,
      columns: COLUMNS.map(({ type }, c) =>
        vectorFromScalars(
          type,
          withId.map((each) => each[c] ?? null),
        ),
      ),
    };
  });
  return memoryCatalog([batchTable("t", COLUMNS, made)]);
}

test.each(WINDOWS)("I316 %s", async (window) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(batch, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...CONDITIONS),
      fc.integer({ min: 0, max: 5 }),
      async (batches, condition, place) => {
        const catalog = tableOf(batches);
        const places = `SELECT id, n, ${window} AS place FROM t`;
        const where = condition.replace("%", String(place));
        const sorted = async (sql: string): Promise<readonly TextRow[]> => (await runSql(catalog, sql)).rows;
        // A count beside the place needs all rows, so none is left out.
        const all = `SELECT id, n, ${window} AS place, count(*) OVER (PARTITION BY p) AS c FROM t`;
        expect(await sorted(`SELECT id, n, place FROM (${places}) AS s WHERE ${where} ORDER BY id`)).toEqual(
          await sorted(`SELECT id, n, place FROM (${all}) AS s WHERE ${where} AND c > 0 ORDER BY id`),
        );
      },
    ),
    { numRuns: 40 },
  );
});

test("I316 only rows that may be among the first, and their equals, pass", async () => {
  const batches = Array.from({ length: 10 }, (_, b): Batch => {
    const rows = Array.from({ length: 100 }, (_each, i) => [i % 2, (b * 371 + i * 113) % 1000]);
    return {
      rowCount: rows.length,
      columns: [0, 1].map((c) =>
        vectorFromScalars(
          INT,
          rows.map((each) => each[c] ?? null),
        ),
      ),
    };
  });
  const columns = COLUMNS.slice(0, 2);
  const expr = (index: number): Expr => ({ kind: "column", index, name: columns[index]?.name ?? "", type: INT });
  const node: Extract<PlanNode, { kind: "window" }> = {
    kind: "window",
    input: scanOf(columns, batches),
    partitionBy: [expr(0)],
    orderBy: [{ expr: expr(1), descending: true, nullsFirst: false }],
    calls: [],
    columns,
  };
  let passed = 0;
  const input = async function* (): AsyncGenerator<Batch> {
    for (const each of batches) yield await Promise.resolve(each);
  };
  for await (const each of topPlaces(node, 2, input(), testContext(new Map()))) passed += each.rowCount;
  expect(passed).toBeGreaterThanOrEqual(4);
  expect(passed).toBeLessThan(100);
});
