// Numbers have the ids of their first appearance, near each other or far apart, integers or not.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { NumberTable } from "../../src/sql/execute/hash-table.ts";

const near = (start: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 3000 }).map((i) => start + i);
const keys = fc.oneof(
  { weight: 4, arbitrary: fc.array(near(0), { maxLength: 300 }) },
  { weight: 4, arbitrary: fc.array(near(5_000_000), { maxLength: 300 }) },
  { weight: 4, arbitrary: fc.array(near(-2000), { maxLength: 300 }) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: -1e6, max: 1e6 }).map((start) => Array.from({ length: 2000 }, (_, i) => start + i)),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 1e6 }).map((start) => Array.from({ length: 900 }, (_, i) => start - i * 7)),
  },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.constantFrom(
        0.5,
        -0,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        2 ** 53 - 1,
        -(2 ** 53 - 1),
        2 ** 52,
        -(2 ** 52),
        2 ** 52 - 3,
        2 ** 32,
        2 ** 31,
        1e300,
      ),
      { maxLength: 10 },
    ),
  },
);

test("I375 numbers are told apart by their values, in order of first appearance", () => {
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 6 }), keys, (parts, looked) => {
      const table = new NumberTable();
      // A Map's keys are equal as the table's: NaN is one, -0 is 0.
      const expected = new Map<number, number>();
      for (const part of parts) {
        const out = new Int32Array(part.length);
        table.encode(Float64Array.from(part), part.length, true, out);
        const ids = part.map((key) => {
          const id = expected.get(key) ?? expected.size;
          expected.set(key, id);
          return id;
        });
        expect([...out]).toEqual(ids);
        expect(table.idOf(123.25, false)).toBe(-1);
      }
      expect(table.count).toBe(expected.size);
      expect([...table.keys.subarray(0, table.count)]).toEqual([...expected.keys()]);
      expect(looked.map((key) => table.idOf(key, false))).toEqual(looked.map((key) => expected.get(key) ?? -1));
    }),
    { numRuns: 300 },
  );
});
