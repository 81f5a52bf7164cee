// Keys that lie too far apart for an array of places and close enough for a bit each find the held rows that a map finds.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { vectorFromScalars, type DataType } from "#columnar";
import { indexRows, type IndexedKey, type JoinIndex } from "../../src/sql/execute/join-index.ts";

const INT: DataType = { kind: "int32" };
const BIG: DataType = { kind: "int64" };

/** The held rows of a key, by the index's chains. */
function rowsOf({ first, next }: JoinIndex, id: number): readonly number[] {
  const rows: number[] = [];
  for (let row = id < 0 ? -1 : (first[id] ?? -1); row >= 0; row = next?.[row] ?? -1) rows.push(row);
  return rows;
}

type Key = readonly [number | null, number | null];

/** Pairs whose first part lies in a range of 70,000 and more, and whose second is one of two. */
const key = fc.tuple(
  fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: -50_000, max: 50_000 }) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  fc.constantFrom<number | null>(3, 4, null),
);
const ends: readonly Key[] = [
  [-50_000, 3],
  [50_000, 4],
];
const held = fc.array(key, { minLength: 600, maxLength: 700 }).map((rows): readonly Key[] => [...rows, ...ends]);

test.each([1, 2])("I373 keys of %i columns that have a bit each find their rows", (width) => {
  fc.assert(
    fc.property(held, fc.array(key, { maxLength: 60 }), (rows, others) => {
      const keys: readonly IndexedKey[] = [
        { type: BIG, otherType: INT, nullsEqual: false },
        { type: INT, otherType: BIG, nullsEqual: false },
      ].slice(0, width);
      const vectorsOf = (list: readonly Key[]) =>
        keys.map(({ type }, k) =>
          vectorFromScalars(
            type,
            list.map((values) => values[k] ?? null),
          ),
        );
      const index = indexRows(keys, vectorsOf(rows), rows.length);
      // As many ids as keys: neither the places of an array nor none at all.
      const textOf = (values: Key): string | undefined =>
        values.slice(0, width).includes(null) ? undefined : values.slice(0, width).join();
      const expected = new Map<string, number[]>();
      for (const [row, values] of rows.entries()) {
        const text = textOf(values);
        if (text !== undefined) expected.set(text, [...(expected.get(text) ?? []), row]);
      }
      expect(index.first).toHaveLength(expected.size);
      const looked: readonly Key[] = [...others, ...rows.slice(0, 50), [-50_001, 3], [50_001, 4], [2_000_000_000, 3]];
      const ids = index.find(vectorsOf(looked), looked.length);
      expect(looked.map((_, i) => rowsOf(index, ids[i] ?? -1))).toEqual(
        looked.map((values) => expected.get(textOf(values) ?? "") ?? []),
      );
    }),
    { numRuns: 30 },
  );
});
