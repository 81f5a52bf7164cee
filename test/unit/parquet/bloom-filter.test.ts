// Bloom filters: other writers' files, DuckDB's reading of ours, and no value that is there ever ruled out.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { stringToUtf8 } from "#core";
import { xxHash64 } from "#codec";
import { vectorFromScalars, type DataType, type Scalar } from "#columnar";
import {
  bloomMightHold,
  bloomProbe,
  bytesToBloomFilter,
  chunkMightHold,
  encodeParquet,
  readBloomFilter,
  readParquetMetadata,
  type ParquetField,
  type ParquetWriteOptions,
} from "#parquet";
import { TYPED_ARBITRARIES } from "../../support/parquet-arbitraries.ts";
import { bytesReader, withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const GOLDEN = fileURLToPath(import.meta.resolve("../../golden/parquet/"));

function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(GOLDEN, name)));
}

function hashOf(text: string): { readonly high: number; readonly low: number } {
  const bytes = stringToUtf8(text);
  const out = new Uint32Array(2);
  xxHash64(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, out);
  return { high: out[1] ?? 0, low: out[0] ?? 0 };
}

test.each([
  ["", "ef46db3751d8e999"],
  ["a", "d24ec4f1a98c6e5b"],
  ["abc", "44bc2cf5ad770999"],
  ["message digest", "066ed728fceeb3be"],
  ["abcdefghijklmnopqrstuvwxyz", "cfe1f278fa89835c"],
  ["12345678901234567890123456789012345678901234567890123456789012345678901234567890", "e04a477f19ee145d"],
])("XXH64 of %j", (text, expected) => {
  const { high, low } = hashOf(text);
  expect(high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0")).toBe(expected);
});

test("the filter that parquet-testing has for hello, parquet, bloom, filter holds them and little else", () => {
  const filter = bytesToBloomFilter(golden("bloom_filter.xxhash.bin"));
  expect(filter.bitset).toHaveLength(1024);
  const holds = (text: string): boolean => {
    const { high, low } = hashOf(text);
    return bloomMightHold(filter, high, low);
  };
  expect(["hello", "parquet", "bloom", "filter"].map(holds)).toEqual([true, true, true, true]);
  expect(Array.from({ length: 200 }, (_, i) => holds(`absent ${i}`)).filter(Boolean)).toEqual([]);
});

describe.each(["data_index_bloom_encoding_stats.parquet", "data_index_bloom_encoding_with_length.parquet"])(
  "%s",
  (name) => {
    test("its filter holds its values and rules others out", async () => {
      const reader = bytesReader(golden(name));
      const metadata = await readParquetMetadata(reader);
      const [column] = metadata.columns;
      const chunk = metadata.rowGroups[0]?.columns[0];
      if (column === undefined || chunk === undefined) throw new Error("no column");
      expect(chunk.bloomFilterOffset).toBeGreaterThan(0);
      const asked = async (text: string): Promise<boolean> =>
        chunkMightHold(reader, chunk, bloomProbe([text], column) ?? []);
      const words = ["Hello", "This is", "a", "test", "How", "are you", "doing ", "today", "the quick", "brown fox"];
      for (const word of words) expect(await asked(word)).toBe(true);
      for (const word of ["hello", "nope", ""]) expect(await asked(word)).toBe(false);
      expect((await readBloomFilter(reader, chunk))?.bitset.length).toBeGreaterThan(0);
    });
  },
);

function encode(type: DataType, values: readonly Scalar[], options: ParquetWriteOptions = {}): Uint8Array {
  const fields: ParquetField[] = [{ name: "x", fieldId: 1, type, nullable: true }];
  const bloomFilters = [{ fieldId: leafId(type), falsePositiveRate: 0.01, maxBytes: 1 << 20 }];
  const batch = { rowCount: values.length, columns: [vectorFromScalars(type, values)] };
  return encodeParquet(fields, [batch], { bloomFilters, ...options }).bytes;
}

function leafId(type: DataType): number {
  return type.kind === "list" ? (type.elementId ?? 1) : 1;
}

/** For each row group, whether it may hold the value. */
async function groupsThatMightHold(bytes: Uint8Array, value: Scalar): Promise<(boolean | undefined)[]> {
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  const column = metadata.columns.find(({ leafIndex }) => leafIndex === 0);
  if (column === undefined) throw new Error("no column");
  const probe = bloomProbe([value], column);
  return Promise.all(
    metadata.rowGroups.map(async ({ columns: [chunk] }) =>
      chunk === undefined || probe === undefined ? undefined : chunkMightHold(reader, chunk, probe),
    ),
  );
}

for (const { type, values } of TYPED_ARBITRARIES) {
  const label = type.kind === "decimal" ? `decimal(${type.precision}, ${type.scale})` : type.kind;
  test(`I142 no value of a ${label} column is ruled out by its filter`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(values), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        fc.boolean(),
        async (rows, rowGroupRows, dictionary, inList) => {
          const stored: DataType = inList ? { kind: "list", element: type, elementId: 9 } : type;
          const bytes = encode(stored, inList ? rows.map((row) => [row]) : rows, { rowGroupRows, dictionary });
          for (const [index, value] of rows.entries()) {
            if (value === null) continue;
            const answers = await groupsThatMightHold(bytes, value);
            expect(answers[Math.floor(index / rowGroupRows)]).not.toBe(false);
          }
        },
      ),
      { numRuns: 12 },
    );
  });
}

test("filters rule out nearly every absent value, at the size the rate asks for", async () => {
  const rows = Array.from({ length: 4000 }, (_, i) => `user-${i}`);
  const bytes = encode({ kind: "string" }, rows, { rowGroupRows: 1000 });
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  for (const group of metadata.rowGroups) {
    const filter = await readBloomFilter(reader, group.columns[0] as never);
    expect(filter?.bitset).toHaveLength(2048);
  }
  let passed = 0;
  for (let i = 4000; i < 4500; i++) {
    passed += (await groupsThatMightHold(bytes, `user-${i}`)).filter((might) => might !== false).length;
  }
  expect(passed).toBeLessThan(40);
  expect(await groupsThatMightHold(bytes, "user-2500")).toMatchObject([false, false, true, false]);
});

test("a filter is never larger than allowed, and one too small still holds everything", async () => {
  const rows = Array.from({ length: 3000 }, (_, i) => i * 7);
  const bloomFilters = [{ fieldId: 1, falsePositiveRate: 0.01, maxBytes: 100 }];
  const bytes = encode({ kind: "int64" }, rows, { bloomFilters });
  const metadata = await readParquetMetadata(bytesReader(bytes));
  const chunk = metadata.rowGroups[0]?.columns[0];
  expect((await readBloomFilter(bytesReader(bytes), chunk as never))?.bitset).toHaveLength(64);
  expect(await groupsThatMightHold(bytes, 2999 * 7)).toEqual([true]);
});

test("DuckDB rules out with our filters what is absent and keeps what is there", async () => {
  const rows = Array.from({ length: 300 }, (_, i) => `user-${i}`);
  const bytes = encode({ kind: "string" }, rows, { rowGroupRows: 100 });
  await withDuckDb(async (duckdb) => {
    const excludes = async (value: string): Promise<unknown[]> => {
      const found = await duckdb.query(
        `SELECT bloom_filter_excludes FROM parquet_bloom_probe(FILE, 'x', '${value}') ORDER BY row_group_id`,
        bytes,
      );
      return found.flat();
    };
    expect(await excludes("user-150")).toEqual([true, false, true]);
    expect(await excludes("nobody")).toEqual([true, true, true]);
    expect(await duckdb.query("SELECT count(*) FROM FILE WHERE x = 'user-150'", bytes)).toEqual([["1"]]);
  });
});

test("large filters are asked for one block, not read whole", async () => {
  const rows = Array.from({ length: 120_000 }, (_, i) => i);
  const bloomFilters = [{ fieldId: 1, falsePositiveRate: 0.0001, maxBytes: 1 << 20 }];
  const bytes = encode({ kind: "int32" }, rows, { bloomFilters });
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  const chunk = metadata.rowGroups[0]?.columns[0];
  const [column] = metadata.columns;
  if (chunk === undefined || column === undefined) throw new Error("no column");
  expect(chunk.bloomFilterBytes).toBeGreaterThan(400_000);
  reader.requests.length = 0;
  expect(await chunkMightHold(reader, chunk, bloomProbe([77_777], column) ?? [])).toBe(true);
  expect(reader.requests.map(({ length }) => length)).toEqual([64, 32]);
  expect(await chunkMightHold(reader, chunk, bloomProbe([777_777], column) ?? [])).toBe(false);
});

test("values that the column cannot hold are absent, and those with several forms are not asked for", async () => {
  const bytes = encode({ kind: "int32" }, [1, 2, 3]);
  expect(await groupsThatMightHold(bytes, 5_000_000_000)).toEqual([false]);
  expect(await groupsThatMightHold(bytes, 1.5)).toEqual([false]);
  const floats = encode({ kind: "float64" }, [0, 1.5]);
  expect(await groupsThatMightHold(floats, -0)).toEqual([undefined]);
  expect(await groupsThatMightHold(floats, Number.NaN)).toEqual([undefined]);
  expect(await groupsThatMightHold(floats, 1.5)).toEqual([true]);
  expect(await groupsThatMightHold(floats, 2.5)).toEqual([false]);
});

test("a damaged filter is data_invalid", async () => {
  const bytes = encode({ kind: "string" }, ["a", "b"]).slice();
  const metadata = await readParquetMetadata(bytesReader(bytes));
  const chunk = metadata.rowGroups[0]?.columns[0];
  bytes[chunk?.bloomFilterOffset ?? 0] = 0xff;
  await expect(groupsThatMightHold(bytes, "a")).rejects.toMatchObject({ code: "data_invalid" });
});
