import { expect, test } from "vitest";
import { vectorFromScalars } from "#columnar";
import { encodeParquet, readParquetMetadata } from "#parquet";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

/** A file of so many columns and rows that do not compress, and what reading its footer reads. */
async function readsOf(columns: number, rows: number): Promise<{ readonly size: number; readonly reads: number[] }> {
  loadParquetWasm();
  const fields = Array.from({ length: columns }, (_, index) => ({
    name: `column_${index}`,
    fieldId: index + 1,
    type: { kind: "string" as const },
    required: false,
  }));
  let state = 7;
  const noise = (): string => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state.toString(36).repeat(2);
  };
  const values = fields.map(({ type }) => vectorFromScalars(type, Array.from({ length: rows }, noise)));
  const { bytes } = encodeParquet(fields as never, [{ rowCount: rows, columns: values }]);
  const reads: number[] = [];
  const metadata = await readParquetMetadata({
    sizeBytes: bytes.length,
    read(offset, length) {
      reads.push(length);
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  });
  expect(metadata.numRows).toBe(rows);
  expect(metadata.columns).toHaveLength(columns);
  return { size: bytes.length, reads };
}

test("I343 a footer is read with at most a 64th of its file, or 16 KiB where that is more", async () => {
  const { size, reads } = await readsOf(1, 60_000);
  expect(size).toBeGreaterThan(300_000);
  expect(reads).toEqual([16_384]);
});

test("I343 a footer that is larger than the first read takes a second one of its own size", async () => {
  const { reads } = await readsOf(400, 2);
  expect(reads).toHaveLength(2);
  expect(reads[0]).toBe(16_384);
  expect(reads[1]).toBeGreaterThan(16_384);
});
