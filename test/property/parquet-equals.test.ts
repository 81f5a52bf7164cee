// A scan for one text of a column gives every row that has it, whole, whatever it leaves undecoded.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { rowAt, vectorFromScalars, type Scalar } from "#columnar";
import { encodeParquet, type ParquetField } from "#parquet";
import { scanBatches } from "../support/parquet-files.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const FIELDS: readonly ParquetField[] = [
  { name: "n", fieldId: 1, type: { kind: "int64" }, nullable: true },
  { name: "key", fieldId: 2, type: { kind: "string" }, nullable: true },
  { name: "note", fieldId: 3, type: { kind: "string" }, nullable: true },
];

type Row = readonly [number | null, string | null, string | null];

/** Rows of the scan whose key is the text, and how many rows came in all. */
async function scanFor(
  rows: readonly Row[],
  text: string,
  how: { readonly rowGroupRows: number; readonly batchRows: number; readonly dictionary: boolean },
): Promise<{ readonly found: Scalar[][]; readonly rowCount: number }> {
  const columns = FIELDS.map(({ type }, c) =>
    vectorFromScalars(
      type,
      rows.map((row) => row[c] ?? null),
    ),
  );
  const { bytes } = encodeParquet([...FIELDS], [{ rowCount: rows.length, columns }], {
    rowGroupRows: how.rowGroupRows,
    ...(how.dictionary ? {} : { dictionary: false }),
  });
  const found: Scalar[][] = [];
  let rowCount = 0;
  const equals = { position: 1, text };
  for (const batch of await scanBatches(bytes, {
    fieldIds: [1, 2, 3],
    batchRows: how.batchRows,
    keepText: true,
    equals,
  })) {
    rowCount += batch.rowCount;
    for (let i = 0; i < batch.rowCount; i++) {
      const row = rowAt(batch, i);
      if (row[1] === text) found.push(row);
    }
  }
  return { found, rowCount };
}

test("I100 every row with the text comes, in order, with all its columns", async () => {
  const key = fc.constantFrom(null, "", "a", "b", "aa", "é", "日本", "\ufffd", "x".repeat(200));
  const row = fc.tuple(fc.option(fc.integer()), key, fc.option(fc.string({ unit: "binary" })));
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 150, size: "max" }),
      fc.constantFrom("", "a", "é", "日本", "\ufffd", "x".repeat(200), "nowhere"),
      fc.record({
        rowGroupRows: fc.integer({ min: 1, max: 80 }),
        batchRows: fc.integer({ min: 1, max: 40 }),
        dictionary: fc.boolean(),
      }),
      async (rows, text, how) => {
        const wellFormed = rows.map(([n, k, note]): Row => [n, k, note?.toWellFormed() ?? null]);
        const { found } = await scanFor(wellFormed, text, how);
        expect(found).toEqual(wellFormed.filter((each) => each[1] === text));
      },
    ),
    { numRuns: 150 },
  );
});

test("pages without the text are passed over, and the rows behind them are the right ones", async () => {
  const rowCount = 150_000;
  const wanted = new Set([0, 70_001, 70_002, 149_999]);
  const rows = Array.from({ length: rowCount }, (_, i): Row => {
    return [i, wanted.has(i) ? "wanted" : i % 11 === 0 ? null : `key-${i}`, i % 7 === 0 ? null : `note ${i}`];
  });
  const how = { rowGroupRows: rowCount, batchRows: 4096, dictionary: true };
  const hit = await scanFor(rows, "wanted", how);
  expect(hit.found).toEqual(rows.filter((row) => row[1] === "wanted"));
  expect(hit.rowCount).toBeLessThan(rowCount);
  const miss = await scanFor(rows, "not there", how);
  expect(miss).toEqual({ found: [], rowCount: 0 });
});
