// The filter that a join's held keys make for scans, against a set of them.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { scalarAt, vectorFromScalars, type DataType, type Scalar, type Vector } from "#columnar";
import { createKeyFilter } from "../../src/sql/execute/key-filter.ts";

const small = fc.constantFrom(null, -3, -1, 0, 1, 2, 31, 32, 33, 64, 5000);
const far = fc.constantFrom(null, 0, 1, 2_147_483_647, -2_147_483_648, 90_000_000);
const values = fc.oneof(fc.array(small, { maxLength: 60 }), fc.array(far, { maxLength: 10 }));
const kinds = fc.constantFrom<DataType>({ kind: "int32" }, { kind: "int64" }, { kind: "date" });

function coded(vector: Vector, length: number): Vector {
  if (vector.encoding !== "flat" || length === 0) return vector;
  const codes = Int32Array.from({ length }, (_, i) => (i * 7) % length);
  return { encoding: "dictionary", type: vector.type, length, codes, dictionary: vector, validity: undefined };
}

test("I294 a filter keeps exactly the rows whose key some held row has", () => {
  let filters = 0;
  fc.assert(
    fc.property(values, values, kinds, kinds, fc.boolean(), (held, scanned, heldType, scannedType, isCoded) => {
      const keys = vectorFromScalars(heldType, held);
      const flat = vectorFromScalars(scannedType, scanned);
      const column = isCoded ? coded(flat, scanned.length) : flat;
      const filter = createKeyFilter(keys, held.length);
      if (filter === undefined) return;
      filters += 1;
      const present = new Set<Scalar>(held.filter((value) => value !== null));
      const all = Array.from({ length: column.length }, (_, row) => row);
      const isComparable = (heldType.kind === "date") === (scannedType.kind === "date");
      const expected = all.filter((row) => !isComparable || present.has(scalarAt(column, row)));
      expect([...(filter.select(column, undefined) ?? all)]).toEqual(expected);
      const even = Int32Array.from(all.filter((row) => row % 2 === 0));
      const left = filter.select(column, even) ?? even;
      expect([...left]).toEqual(expected.filter((row) => row % 2 === 0));
    }),
    { numRuns: 500 },
  );
  expect(filters).toBeGreaterThan(100);
});

test("I294 there is no filter of texts or of integers beyond 2^53", () => {
  expect(createKeyFilter(vectorFromScalars({ kind: "string" }, ["a"]), 1)).toBeUndefined();
  expect(createKeyFilter(vectorFromScalars({ kind: "int64" }, [9_223_372_036_854_775_807n, 1]), 2)).toBeUndefined();
});
