// Which encoding the writer takes for which values.

import { expect, test } from "vitest";
import { decimalVector, vectorFromScalars, type DataType, type Vector } from "#columnar";
import { encodeParquet } from "#parquet";
import { columnEncoding, takesDelta } from "../../../src/parquet/column-encoding.ts";
import { ENCODING } from "../../../src/parquet/encodings.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

loadParquetWasm();

const ROWS = 50_000;
const DECIMAL: DataType = { kind: "decimal", precision: 15, scale: 2 };

/** The same numbers in every run, without a pattern. */
function scattered(range: number): (row: number) => number {
  return (row) => (Math.imul(row + 1, 0x9e37_79b1) >>> 7) % range;
}

function integers(valueOf: (row: number) => number): Vector {
  return vectorFromScalars(
    { kind: "int64" },
    Array.from({ length: ROWS }, (_, row) => valueOf(row)),
  );
}

function decimals(valueOf: (row: number) => number): Vector {
  const unscaled = Float64Array.from({ length: ROWS }, (_, row) => valueOf(row));
  return decimalVector(DECIMAL, { unscaled, scale: 2 }, undefined);
}

test.for<[string, Vector, string]>([
  ["keys that ascend and repeat a few times", integers((row) => Math.floor(row / 4) * 3), "delta"],
  ["few values in no order", integers(scattered(50)), "dictionary"],
  ["long runs of few values", integers((row) => Math.floor(row / 1000)), "dictionary"],
  ["values that hardly repeat", integers(scattered(1_000_000)), "delta"],
  ["prices", decimals(scattered(10_000_000)), "delta"],
  ["rates", decimals(scattered(11)), "dictionary"],
])("%s", ([, vector, expected]) => {
  expect(columnEncoding(vector)).toBe(expected);
  const field = { name: "c", type: vector.type, nullable: true, fieldId: 1 };
  const { metadata } = encodeParquet([field], [{ rowCount: ROWS, columns: [vector] }]);
  const encodings = metadata.rowGroups[0]?.columns[0]?.encodings ?? [];
  expect(encodings.includes(ENCODING.rleDictionary)).toBe(expected === "dictionary");
  expect(encodings.includes(ENCODING.deltaBinaryPacked)).toBe(expected === "delta");
});

test("only what is stored as integers takes delta", () => {
  expect(takesDelta(DECIMAL)).toBe(true);
  expect(takesDelta({ kind: "decimal", precision: 19, scale: 2 })).toBe(false);
  expect(takesDelta({ kind: "decimal" })).toBe(false);
  expect(takesDelta({ kind: "float64" })).toBe(false);
});

test("keys that ascend take a fraction of a dictionary's bytes", () => {
  const vector = integers((row) => Math.floor(row / 4) * 3);
  const field = { name: "c", type: vector.type, nullable: true, fieldId: 1 };
  const { bytes } = encodeParquet([field], [{ rowCount: ROWS, columns: [vector] }], { compression: "uncompressed" });
  expect(bytes.length).toBeLessThan((ROWS * 5) / 8);
});
