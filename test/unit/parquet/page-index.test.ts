// The page indexes of a merged, recompressed file point at its pages.

import { beforeAll, expect, test } from "vitest";
import { ByteCursor, readThriftStruct, thriftInteger, thriftStruct, thriftStructs } from "#codec";
import { vectorFromScalars, type Scalar } from "#columnar";
import { encodeParquet, readParquetMetadata, type ParquetField } from "#parquet";
import { bytesReader } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const FIELDS: readonly ParquetField[] = [
  { name: "kind", fieldId: 1, type: { kind: "string" }, nullable: true },
  { name: "id", fieldId: 2, type: { kind: "int64" }, nullable: false },
  { name: "noise", fieldId: 3, type: { kind: "float64" }, nullable: false },
];

function integer(struct: ReturnType<typeof readThriftStruct>, id: number): number {
  return thriftInteger(struct, id) ?? Number.NaN;
}

test.each(["zstd", "snappy", "uncompressed"] as const)(
  "%s: every location is a data page of its size",
  async (compression) => {
    const rows = Array.from({ length: 90_000 }, (_, i) => i);
    const columns: Scalar[][] = [
      rows.map((i) => ["a", "b", null][i % 3] ?? null),
      rows.map((i) => i * 3),
      rows.map((i) => Math.sin(i) * 1e6),
    ];
    const vectors = FIELDS.map((field, index) => vectorFromScalars(field.type, columns[index] ?? []));
    const options = { compression, rowGroupRows: 50_000 };
    const { bytes } = encodeParquet(FIELDS, [{ rowCount: rows.length, columns: vectors }], options);
    const { footerBytes, rowGroups } = await readParquetMetadata(bytesReader(bytes));
    const footer = readThriftStruct(new ByteCursor(bytes, bytes.length - 8 - footerBytes, bytes.length - 8));
    let pages = 0;
    for (const [groupIndex, group] of thriftStructs(footer, 4).entries()) {
      for (const [index, chunk] of thriftStructs(group, 1).entries()) {
        const facts = rowGroups[groupIndex]?.columns[index];
        const columnIndex = readThriftStruct(
          new ByteCursor(bytes, integer(chunk, 6), integer(chunk, 6) + integer(chunk, 7)),
        );
        const offsetIndex = readThriftStruct(
          new ByteCursor(bytes, integer(chunk, 4), integer(chunk, 4) + integer(chunk, 5)),
        );
        const locations = thriftStructs(offsetIndex, 1);
        expect(thriftStruct(chunk, 3)?.has(9)).toBe(true);
        expect(columnIndex.has(2)).toBe(true);
        let end = 0;
        for (const location of locations) {
          const cursor = new ByteCursor(bytes, integer(location, 1));
          const header = readThriftStruct(cursor);
          expect(integer(header, 1)).toBe(0);
          end = cursor.position + integer(header, 3);
          expect(end).toBe(integer(location, 1) + integer(location, 2));
          pages += 1;
        }
        // The last data page ends where the chunk does.
        expect(end).toBe((facts?.offset ?? 0) + (facts?.compressedBytes ?? 0));
      }
    }
    expect(pages).toBeGreaterThan(6);
  },
);

test("zstd stores noise plainly and compresses the rest", () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => i);
  let state = 7;
  const noise = rows.map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const low = state;
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (low + state / 2 ** 32) / (1 + (state % 977));
  });
  const columns = [
    vectorFromScalars(
      { kind: "string" },
      rows.map((i) => ["a", "b"][i % 2] ?? null),
    ),
    vectorFromScalars({ kind: "int64" }, rows),
    vectorFromScalars({ kind: "float64" }, noise),
  ];
  const { metadata } = encodeParquet(FIELDS, [{ rowCount: rows.length, columns }]);
  const chunks = metadata.rowGroups[0]?.columns ?? [];
  expect(chunks.map((chunk) => chunk.codec)).toEqual([6, 6, 0]);
  for (const chunk of chunks) expect(chunk.compressedBytes).toBeLessThanOrEqual(chunk.uncompressedBytes);
});
