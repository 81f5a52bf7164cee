import * as fc from "fast-check";
import { expect, test } from "vitest";
import { gatherBatch, vectorFromScalars, type Batch, type DataType, type Scalar, type Vector } from "#columnar";
import { compareRows, isSortedBy, sortedRowOrder, type SortKey } from "../../../src/maintenance/sort-rows.ts";

function batchOf(columns: readonly Vector[]): Batch {
  return { rowCount: columns[0]?.length ?? 0, columns };
}

/** Dictionary-encodes a list with repeated and null entries, as files of other writers may. */
function dictionaryOf(type: DataType, dictionary: readonly Scalar[], codes: readonly number[]): Vector {
  return {
    encoding: "dictionary",
    type,
    length: codes.length,
    codes: Int32Array.from(codes),
    dictionary: vectorFromScalars(type, dictionary),
    validity: undefined,
  };
}

const CASES: readonly { readonly type: DataType; readonly value: fc.Arbitrary<Scalar> }[] = [
  { type: { kind: "boolean" }, value: fc.boolean() },
  { type: { kind: "int32" }, value: fc.integer() },
  { type: { kind: "int64" }, value: fc.maxSafeInteger() },
  {
    type: { kind: "int64" },
    value: fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
  },
  { type: { kind: "float64" }, value: fc.double() },
  { type: { kind: "timestamp", utc: true }, value: fc.integer({ min: 0, max: 86_400_000_000 * 3 }) },
  { type: { kind: "string" }, value: fc.string({ unit: "binary", maxLength: 4 }) },
  { type: { kind: "binary" }, value: fc.uint8Array({ maxLength: 3 }) },
  {
    type: { kind: "decimal", precision: 20, scale: 2 },
    value: fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }).map((unscaled) => ({ unscaled, scale: 2 })),
  },
];

const keyOptions = fc.record({
  direction: fc.constantFrom("asc" as const, "desc" as const),
  nullOrder: fc.constantFrom("nulls-first" as const, "nulls-last" as const),
});

test("rows of every type sort as a comparison sort would, nulls where asked", () => {
  for (const { type, value } of CASES) {
    fc.assert(
      fc.property(fc.array(fc.option(value), { maxLength: 40 }), keyOptions, (values, options) => {
        const batch = batchOf([vectorFromScalars(type, values)]);
        const keys: SortKey[] = [{ column: 0, ...options }];
        const order = sortedRowOrder(batch, keys);
        const reference = values
          .map((_, row) => row)
          .toSorted((a, b) => compareRows(batch, a, batch, b, keys) || a - b);
        expect([...order]).toEqual(reference);
      }),
      { numRuns: 60 },
    );
  }
});

test("equal rows of the first key are ordered by the second, then by position", () => {
  const batch = batchOf([
    vectorFromScalars({ kind: "string" }, ["b", "a", "b", null, "a", "b"]),
    vectorFromScalars({ kind: "int32" }, [1, 2, 3, 4, 2, 3]),
  ]);
  const keys: SortKey[] = [
    { column: 0, direction: "asc", nullOrder: "nulls-last" },
    { column: 1, direction: "desc", nullOrder: "nulls-first" },
  ];
  expect([...sortedRowOrder(batch, keys)]).toEqual([1, 4, 2, 5, 0, 3]);
  expect(isSortedBy(batch, keys)).toBe(false);
  expect(isSortedBy(gatherBatch(batch, sortedRowOrder(batch, keys)), keys)).toBe(true);
});

test("a dictionary with repeated and null entries does not split equal values", () => {
  const batch = batchOf([
    dictionaryOf({ kind: "string" }, ["x", "a", "x", null], [0, 2, 1, 3, 2, 0]),
    vectorFromScalars({ kind: "int32" }, [5, 4, 3, 2, 1, 0]),
  ]);
  const keys: SortKey[] = [
    { column: 0, direction: "asc", nullOrder: "nulls-first" },
    { column: 1, direction: "asc", nullOrder: "nulls-first" },
  ];
  expect([...sortedRowOrder(batch, keys)]).toEqual([3, 2, 5, 4, 1, 0]);
});

test("NaN is above every number and -0 below 0, as Iceberg orders them", () => {
  const values = [0, Number.NaN, -0, Infinity, -Infinity, -1, 1];
  const batch = batchOf([vectorFromScalars({ kind: "float64" }, values)]);
  const order = sortedRowOrder(batch, [{ column: 0, direction: "asc", nullOrder: "nulls-first" }]);
  expect([...order].map((row) => values[row])).toEqual([-Infinity, -1, -0, 0, 1, Infinity, Number.NaN]);
});

test("strings sort by code point: above U+FFFF comes after U+FFFD", () => {
  const values = ["\u{1F600}", "\uFFFD", "z", ""];
  const batch = batchOf([vectorFromScalars({ kind: "string" }, values)]);
  const order = sortedRowOrder(batch, [{ column: 0, direction: "asc", nullOrder: "nulls-first" }]);
  expect([...order].map((row) => values[row])).toEqual(["", "z", "\uFFFD", "\u{1F600}"]);
});
