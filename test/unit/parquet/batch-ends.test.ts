// I317: batches end with pages of the largest column, and hold every row whatever the other columns' pages are.

import { beforeAll, expect, test } from "vitest";
import { BATCH_ROWS, scalarAt, vectorFromScalars, type Scalar } from "#columnar";
import { encodeParquet, type ParquetField } from "#parquet";
import { scanBatches } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const ROWS = 70_000;
const FIELDS: readonly ParquetField[] = [
  { name: "kind", fieldId: 1, type: { kind: "string" }, nullable: false },
  { name: "name", fieldId: 2, type: { kind: "string" }, nullable: true },
  { name: "n", fieldId: 3, type: { kind: "int64" }, nullable: true },
];
const VALUES: readonly (readonly Scalar[])[] = [
  Array.from({ length: ROWS }, (_, i) => (i < 30_000 ? "common" : i % 1000 === 7 ? "rare" : "other")),
  Array.from({ length: ROWS }, (_, i) => (i % 40_000 === 39_999 ? null : `name-${(i * 7919) % 1_000_003}`)),
  Array.from({ length: ROWS }, (_, i) => (i % 17 === 0 ? null : i * 3)),
];

function encoded(pageBytes: number): Uint8Array {
  const columns = FIELDS.map(({ type }, c) => vectorFromScalars(type, VALUES[c] ?? []));
  return encodeParquet([...FIELDS], [{ rowCount: ROWS, columns }], { pageBytes }).bytes;
}

// Pages of 20,000 rows; text pages of some 1,500, 11,000 and 23,000.
test.each([1 << 20, 20_000, 150_000, 300_000])("I317 pages of at most %i bytes", async (pageBytes) => {
  const batches = await scanBatches(encoded(pageBytes), { fieldIds: [1, 2, 3], keepText: true });
  const read: Scalar[][] = FIELDS.map(() => []);
  for (const { rowCount, columns } of batches) {
    expect(rowCount).toBeLessThanOrEqual(BATCH_ROWS * 2);
    for (const [c, column] of columns.entries()) for (let i = 0; i < rowCount; i++) read[c]?.push(scalarAt(column, i));
  }
  expect(read.map((values, c) => values.findIndex((value, i) => value !== VALUES[c]?.[i]))).toEqual([-1, -1, -1]);
  expect(read.map(({ length }) => length)).toEqual([ROWS, ROWS, ROWS]);
});

test.each([1 << 20, 20_000, 150_000])("I317 a wanted text amid pages of at most %i bytes", async (pageBytes) => {
  const equals = { position: 0, text: "rare" };
  const batches = await scanBatches(encoded(pageBytes), { fieldIds: [1, 2, 3], keepText: true, equals });
  const found: Scalar[][] = [];
  let rows = 0;
  for (const { rowCount, columns } of batches) {
    rows += rowCount;
    for (let i = 0; i < rowCount; i++) {
      const row = columns.map((column) => scalarAt(column, i));
      if (row[0] === "rare") found.push(row);
    }
  }
  const expected = Array.from({ length: ROWS }, (_, i) => VALUES.map((values) => values[i] ?? null));
  expect(found).toEqual(expected.filter(([kind]) => kind === "rare"));
  expect(rows).toBeLessThan(ROWS);
});
