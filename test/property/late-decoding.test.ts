// Columns that stay as a file stores them until somebody reads them, and the conditions that look at them there.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import {
  gather,
  pick,
  scalarAt,
  vectorFromScalars,
  type Batch,
  type DataType,
  type Scalar,
  type Vector,
} from "#columnar";
import { encodeParquet, type ParquetField } from "#parquet";
import { emptyScanStatistics, initSqlParser, type TableSource } from "#sql";
import { memoryCatalog } from "../support/memory-table.ts";
import { TYPED_ARBITRARIES } from "../support/parquet-arbitraries.ts";
import { scanBatches } from "../support/parquet-files.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";
import { runSql } from "../support/sql-run.ts";

beforeAll(async () => {
  loadParquetWasm();
  await initSqlParser();
});

function fieldsOf(types: readonly DataType[]): ParquetField[] {
  return types.map((type, index) => ({ name: `c${index}`, fieldId: index + 1, type, nullable: true }));
}

interface Layout {
  readonly rowGroupRows: number;
  readonly batchRows: number;
  readonly dictionary: boolean;
}

const layouts: fc.Arbitrary<Layout> = fc.record({
  rowGroupRows: fc.integer({ min: 20, max: 90 }),
  batchRows: fc.integer({ min: 5, max: 90 }),
  dictionary: fc.boolean(),
});

/** Batches of a file with the columns, as a query meets them. */
function storedBatches(types: readonly DataType[], columns: readonly Vector[], layout: Layout): Promise<Batch[]> {
  const { rowGroupRows, batchRows, dictionary } = layout;
  const rowCount = columns[0]?.length ?? 0;
  const { bytes } = encodeParquet(fieldsOf(types), [{ rowCount, columns }], {
    rowGroupRows,
    ...(dictionary ? {} : { dictionary: false }),
  });
  const fieldIds = types.map((_, index) => index + 1);
  return scanBatches(bytes, { fieldIds, batchRows, keepText: true, wideTimestamps: true });
}

function scalarsOf(vector: Vector): Scalar[] {
  return Array.from({ length: vector.length }, (_, row) => scalarAt(vector, row));
}

test.each(TYPED_ARBITRARIES.map((each) => [each.type.kind, each] as const))(
  "I360 rows that are picked of undecoded %s are the rows that were written",
  async (_, { type, values }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(values, fc.constant(null)), { minLength: 1, maxLength: 30 }),
        fc.boolean(),
        layouts,
        fc.infiniteStream(fc.nat(3)),
        async (some, hasNulls, layout, steps) => {
          const present = hasNulls ? some : some.map((value) => value ?? some.find((each) => each !== null) ?? null);
          // Values come again, so that dictionaries pay.
          const written = Array.from({ length: 180 }, (_each, row) => present[(row * 7) % present.length] ?? null);
          const expected = scalarsOf(vectorFromScalars(type, written));
          let first = 0;
          for (const { rowCount, columns } of await storedBatches([type], [vectorFromScalars(type, written)], layout)) {
            const [column] = columns as [Vector];
            for (let step = 0; step < 4; step++) {
              const share = steps.next().value as number;
              const rows = Int32Array.from({ length: rowCount }, (_each, row) => row).filter(
                (row) => share === 3 || (row * 5 + step) % (share * 9 + 2) === 0,
              );
              const wanted = [...rows].map((row) => expected[first + row]);
              expect(scalarsOf(pick(column, rows))).toEqual(wanted);
              const gathered =
                step === 1 ? gather(column, rows.toReversed()) : pick(column, rows.toReversed().toSorted());
              expect(scalarsOf(gathered)).toEqual(step === 1 ? wanted.toReversed() : wanted);
            }
            expect(scalarsOf(column)).toEqual(expected.slice(first, first + rowCount));
            first += rowCount;
          }
          expect(first).toBe(180);
        },
      ),
      { numRuns: 25 },
    );
  },
);

const TYPES: readonly DataType[] = [
  { kind: "int64" },
  { kind: "date" },
  { kind: "date" },
  { kind: "decimal", precision: 15, scale: 2 },
  { kind: "string" },
  { kind: "int32" },
];

/** A table that gives batches as they are. */
function tableOf(batches: readonly Batch[]): TableSource {
  return {
    name: "t",
    columns: TYPES.map((type, index) => ({ name: `c${index}`, type, nullable: true })),
    planScan: ({ columns }) =>
      Promise.resolve({
        identity: "t",
        statistics: emptyScanStatistics("t"),
        async *open() {
          for (const batch of batches) {
            yield await Promise.resolve({
              rowCount: batch.rowCount,
              columns: columns.map((index) => batch.columns[index] as Vector),
            });
          }
        },
      }),
  };
}

const CONDITIONS = [
  "c0 >= 3",
  "c0 <> 5",
  "c1 < DATE '1970-01-08'",
  "c1 < c2",
  "c2 >= c1",
  "c1 <> c2",
  "c3 BETWEEN 0.02 AND 0.07",
  "c3 < 0.055",
  "c4 IN ('a', 'bc')",
  "c4 LIKE 'b%'",
  "c4 LIKE '%c'",
  "c4 NOT LIKE '%b%c%'",
  "c4 NOT LIKE '_'",
  "c4 <> 'a'",
  "c5 = 2",
  "c5 IS NOT NULL",
  "c4 IS NULL",
  "c0 < c5",
  "(c5 = 1 OR c0 = 4)",
  "10 / (c5 + 20) = 0",
  "c0 IN (SELECT k FROM (VALUES (1), (2), (3), (5)) AS v (k))",
];

const cell = fc.option(fc.nat(9), { freq: 5 });
const rowsOfTable = fc.array(fc.tuple(cell, cell, cell, cell, cell, cell), { minLength: 1, maxLength: 40 });

/** A small number as a value of each column. */
function valueOf(type: DataType, small: number | null): Scalar {
  if (small === null) return null;
  if (type.kind === "decimal") return { unscaled: BigInt(small), scale: 2 };
  return type.kind === "string" ? (["a", "b", "bc", "c", "ä"][small % 5] as string) : small;
}

test("I361 a condition keeps the same rows of columns as they are stored and of plain ones", async () => {
  let kept = 0;
  await fc.assert(
    fc.asyncProperty(
      rowsOfTable,
      fc.boolean(),
      fc.uniqueArray(fc.constantFrom(...CONDITIONS), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      layouts,
      async (some, hasNulls, conditions, joins, layout) => {
        const rows = Array.from({ length: 150 }, (_, row) => some[(row * 3) % some.length] as (typeof some)[number]);
        const columns = TYPES.map((type, c) =>
          vectorFromScalars(
            type,
            rows.map((row) => valueOf(type, row[c] ?? (hasNulls ? null : c))),
          ),
        );
        const stored = await storedBatches(TYPES, columns, layout);
        const from = joins ? "t JOIN (VALUES (1), (4), (7)) AS u (k) ON t.c0 = u.k" : "t";
        const sql = `SELECT * FROM ${from} WHERE ${conditions.join(" AND ")}`;
        const late = await runSql(memoryCatalog([tableOf(stored)]), sql);
        const plain = await runSql(memoryCatalog([tableOf([{ rowCount: rows.length, columns }])]), sql, {
          optimize: false,
        });
        expect(late.rows.map((row) => row.join("|")).toSorted()).toEqual(
          plain.rows.map((row) => row.join("|")).toSorted(),
        );
        kept += late.rows.length;
      },
    ),
    { numRuns: 150 },
  );
  expect(kept).toBeGreaterThan(500);
});
