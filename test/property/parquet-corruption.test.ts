// Damaged files end in data_invalid, whatever byte is wrong: no crash, no hang, no giant allocation.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { LakeError, concatBytes } from "#core";
import { vectorFromScalars } from "#columnar";
import { encodeParquet, readParquetMetadata, type ParquetField } from "#parquet";
import { bytesReader, scanRows, withDuckDb } from "../support/parquet-files.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const FIELDS: readonly ParquetField[] = [
  { name: "id", fieldId: 1, type: { kind: "int64" }, nullable: false },
  { name: "name", fieldId: 2, type: { kind: "string" }, nullable: true },
  { name: "kind", fieldId: 3, type: { kind: "string" }, nullable: false },
  { name: "price", fieldId: 4, type: { kind: "float64" }, nullable: true },
  { name: "flag", fieldId: 5, type: { kind: "boolean" }, nullable: true },
];

function sampleFile(compression: "zstd" | "snappy" | "uncompressed" | "gzip"): Uint8Array {
  const rows = Array.from({ length: 300 }, (_, i) => i);
  const columns = [
    rows.map((i) => i * i),
    rows.map((i) => (i % 7 === 0 ? null : `name ${i}`)),
    rows.map((i) => ["a", "bb", "ccc"][i % 3] ?? null),
    rows.map((i) => (i % 5 === 0 ? null : i / 7)),
    rows.map((i) => (i % 11 === 0 ? null : i % 2 === 0)),
  ].map((values, index) => vectorFromScalars(FIELDS[index]?.type ?? { kind: "null" }, values));
  return encodeParquet(FIELDS, [{ rowCount: rows.length, columns }], { compression, rowGroupRows: 120 }).bytes;
}

/** How reading ends: "rows", an error's code, or the error itself when it is not ours. */
async function outcomeOf(bytes: Uint8Array): Promise<unknown> {
  try {
    await scanRows(bytes);
    return "rows";
  } catch (error) {
    return error instanceof LakeError ? error.code : error;
  }
}

const HARMLESS = ["rows", "data_invalid"];

for (const compression of ["uncompressed", "snappy", "zstd", "gzip"] as const) {
  test(`C100 flipped bytes in a ${compression} file give data_invalid or rows`, async () => {
    const file = sampleFile(compression);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(file.length - 1), value: fc.integer({ min: 0, max: 255 }) }), {
          minLength: 1,
          maxLength: 4,
        }),
        async (changes) => {
          const damaged = file.slice();
          for (const { at, value } of changes) damaged[at] = value;
          expect(HARMLESS).toContain(await outcomeOf(damaged));
        },
      ),
      { numRuns: 400 },
    );
  });
}

test("C100 damage in the footer's thrift gives data_invalid or rows", async () => {
  const file = sampleFile("uncompressed");
  const { footerBytes } = await readParquetMetadata(bytesReader(file));
  await fc.assert(
    fc.asyncProperty(fc.nat(footerBytes + 7), fc.integer({ min: 0, max: 255 }), async (back, value) => {
      const damaged = file.slice();
      damaged[file.length - 1 - back] = value;
      expect(HARMLESS).toContain(await outcomeOf(damaged));
    }),
    { numRuns: 800 },
  );
});

test("C100 a file cut anywhere gives data_invalid", async () => {
  const file = sampleFile("zstd");
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), async (length) => {
      await expect(scanRows(file.subarray(0, length))).rejects.toMatchObject({ code: "data_invalid" });
    }),
    { numRuns: 200 },
  );
});

test("C100 random bytes between magics give data_invalid", async () => {
  const magic = new TextEncoder().encode("PAR1");
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (noise) => {
      const length = new Uint8Array([noise.length & 255, noise.length >> 8, 0, 0]);
      expect(HARMLESS).toContain(await outcomeOf(concatBytes([magic, noise, length, magic])));
    }),
    { numRuns: 500 },
  );
});

test("C100 flipped bytes in version 2 pages with delta encodings give data_invalid or rows", async () => {
  const file = await withDuckDb((duckdb) =>
    duckdb.copy(
      `SELECT i::BIGINT * 12345678901 AS a, 'prefix ' || i AS b, i / 3.0 AS c, i::INTEGER AS d,
         CASE WHEN i % 3 = 0 THEN NULL ELSE i % 2 = 0 END AS e FROM range(500) r(i)`,
      "CODEC uncompressed, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1",
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ at: fc.nat(file.length - 1), value: fc.integer({ min: 0, max: 255 }) }), {
        minLength: 1,
        maxLength: 4,
      }),
      async (changes) => {
        const damaged = file.slice();
        for (const { at, value } of changes) damaged[at] = value;
        expect(HARMLESS).toContain(await outcomeOf(damaged));
      },
    ),
    { numRuns: 400 },
  );
});

test("C100 flipped bytes in nested columns give data_invalid or rows", async () => {
  const file = await withDuckDb((duckdb) =>
    duckdb.copy("SELECT [i, i + 1] AS l, {'a': i, 'b': 'x' || i} AS st, MAP {'k': i} AS m FROM range(50) r(i)"),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 }), async (at, value) => {
      const damaged = file.slice();
      damaged[at] = value;
      expect(HARMLESS).toContain(await outcomeOf(damaged));
    }),
    { numRuns: 400 },
  );
});
