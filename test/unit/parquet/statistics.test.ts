// Bounds prune data, so they must hold; and they answer min and max only where they say they are exact.

import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { vectorFromScalars, type DataType, type Scalar } from "#columnar";
import { compareBounds, encodeParquet, readParquetMetadata, type ParquetColumnChunk } from "#parquet";
import { TYPED_ARBITRARIES } from "../../support/parquet-arbitraries.ts";
import { bytesReader, withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

async function chunkOf(type: DataType, values: readonly Scalar[]): Promise<ParquetColumnChunk | undefined> {
  const fields = [{ name: "x", fieldId: 1, type, nullable: true }];
  const { bytes } = encodeParquet(fields, [{ rowCount: values.length, columns: [vectorFromScalars(type, values)] }]);
  return (await readParquetMetadata(bytesReader(bytes))).rowGroups[0]?.columns[0];
}

describe.each(TYPED_ARBITRARIES.map((typed) => [typed.type.kind, typed] as const))("%s", (_kind, { type, values }) => {
  test("I103 no value lies outside the bounds, and an exact bound is a value", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(values, { freq: 5 }), { minLength: 1, maxLength: 60 }), async (scalars) => {
        const chunk = await chunkOf(type, scalars);
        const present = scalars.filter((value) => value !== null && !Number.isNaN(value));
        const { min, max } = chunk ?? {};
        const outside = present.filter(
          (value) =>
            (min !== undefined && compareBounds(value, min) < 0) ||
            (max !== undefined && compareBounds(value, max) > 0),
        );
        expect(outside).toEqual([]);
        expect(chunk?.nullCount).toBe(scalars.length - scalars.filter((value) => value !== null).length);
        const isValue = (bound: Scalar | undefined): boolean =>
          bound !== undefined && present.some((value) => compareBounds(value, bound) === 0);
        expect([chunk?.isMinExact === true && !isValue(min), chunk?.isMaxExact === true && !isValue(max)]).toEqual([
          false,
          false,
        ]);
      }),
      { numRuns: 25 },
    );
  });
});

test("short text has exact bounds, long text has truncated ones that say so", async () => {
  expect(await chunkOf({ kind: "string" }, ["b", "a", "ü"])).toMatchObject({
    min: "a",
    max: "ü",
    isMinExact: true,
    isMaxExact: true,
  });
  const long = "x".repeat(5000);
  const chunk = await chunkOf({ kind: "string" }, [long]);
  const isTruncated = typeof chunk?.min === "string" && chunk.min.length < long.length;
  expect(chunk?.isMinExact).toBe(!isTruncated);
  expect(compareBounds(chunk?.max ?? "", long)).toBeGreaterThanOrEqual(0);
});

test("zero bounds of doubles are widened to both zeros and then not exact", async () => {
  const chunk = await chunkOf({ kind: "float64" }, [0, 5]);
  expect(chunk).toMatchObject({ min: -0, max: 5, isMinExact: false });
  expect(Object.is((await chunkOf({ kind: "float64" }, [-5, -0]))?.max, 0)).toBe(true);
});

test("NaN never is a bound", async () => {
  expect(await chunkOf({ kind: "float64" }, [Number.NaN, 1, 2])).toMatchObject({ min: 1, max: 2 });
  const chunk = await chunkOf({ kind: "float64" }, [Number.NaN]);
  expect([chunk?.min, chunk?.max]).toEqual([undefined, undefined]);
});

test("unannotated text bounds of other writers are bounds, not values", async () => {
  await withDuckDb(async (duckdb) => {
    const file = await duckdb.copy("SELECT 'short' AS s, 7 AS i, repeat('long', 100) AS l");
    const columns = (await readParquetMetadata(bytesReader(file))).rowGroups[0]?.columns;
    expect(columns?.[1]).toMatchObject({ min: 7, max: 7, isMinExact: true, isMaxExact: true });
    const text = columns?.[2];
    expect(text?.min === undefined || compareBounds(text.min, "long".repeat(100)) <= 0).toBe(true);
  });
});
