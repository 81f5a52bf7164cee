// What is written is what is read: every type, with nulls, in any row group and batch size.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { sliceVector, vectorFromScalars, type Batch, type Scalar } from "#columnar";
import { createParquetWriter, encodeParquet, type ParquetField } from "#parquet";
import { concatBytes } from "#core";
import { TYPED_ARBITRARIES } from "../support/parquet-arbitraries.ts";
import { scanRows } from "../support/parquet-files.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const columnArbitrary = fc.constantFrom(...TYPED_ARBITRARIES).chain(({ type, values }) =>
  fc.record({
    type: fc.constant(type),
    // Few distinct values make dictionaries, many make plain and delta pages.
    pool: fc.array(values, { minLength: 1, maxLength: 30 }),
    picks: fc.array(fc.option(fc.nat(), { freq: 5 }), { maxLength: 120 }),
  }),
);

for (const { type } of TYPED_ARBITRARIES) {
  const label = type.kind === "decimal" ? `decimal(${type.precision}, ${type.scale})` : type.kind;
  test(`I100 a column of ${label} survives a file unchanged`, async () => {
    const arbitrary = columnArbitrary.filter((column) => column.type === type);
    await fc.assert(
      fc.asyncProperty(
        arbitrary,
        fc.constantFrom("zstd", "snappy", "uncompressed", "gzip" as const),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 50 }),
        fc.boolean(),
        async ({ pool, picks }, compression, rowGroupRows, batchRows, dictionary) => {
          const values = picks.map((pick): Scalar => (pick === null ? null : (pool[pick % pool.length] ?? null)));
          const fields: ParquetField[] = [{ name: "x", fieldId: 7, type, nullable: true }];
          const batch = { rowCount: values.length, columns: [vectorFromScalars(type, values)] };
          const { bytes, metadata } = encodeParquet(fields, [batch], {
            compression: compression as "zstd",
            rowGroupRows,
            ...(dictionary ? {} : { dictionary }),
          });
          expect(metadata.numRows).toBe(values.length);
          expect(metadata.rowGroups).toHaveLength(Math.ceil(values.length / rowGroupRows));
          const rows = await scanRows(bytes, { batchRows });
          expect(rows.map(([value]) => value)).toEqual(values);
          const kept = await scanRows(bytes, { batchRows, keepText: true });
          expect(kept).toEqual(rows);
        },
      ),
      { numRuns: 15 },
    );
  });
}

test("I100 a streamed file equals the file written at once, but for nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.integer()), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 60 }),
      async (values, rowGroupRows, pieceRows) => {
        const fields: ParquetField[] = [{ name: "x", fieldId: 1, type: { kind: "int32" }, nullable: true }];
        const column = vectorFromScalars({ kind: "int32" }, values);
        const whole: Batch = { rowCount: values.length, columns: [column] };
        const parts: Uint8Array[] = [];
        const writer = createParquetWriter(
          fields,
          (bytes) => {
            parts.push(bytes);
            return Promise.resolve();
          },
          { rowGroupRows },
        );
        for (let start = 0; start < values.length; start += pieceRows) {
          const end = Math.min(values.length, start + pieceRows);
          await writer.write({ rowCount: end - start, columns: [sliceVector(column, start, end)] });
        }
        const metadata = await writer.close();
        const streamed = concatBytes(parts);
        expect(writer.writtenBytes).toBe(streamed.length);
        expect(streamed).toEqual(encodeParquet(fields, [whole], { rowGroupRows }).bytes);
        expect(metadata.rowGroups).toHaveLength(Math.ceil(values.length / rowGroupRows));
      },
    ),
    { numRuns: 25 },
  );
});
