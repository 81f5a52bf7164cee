// Pairs of ids have the ids of their first appearance, whether or not one side decides the other, and until when.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PairTable } from "../../src/sql/execute/pair-table.ts";

interface Row {
  readonly left: number;
  readonly right: number;
}

/** Values as dense ids in order of first appearance, as columns are encoded. */
function dense(values: readonly number[], known: Map<number, number>): Int32Array {
  return Int32Array.from(values, (value) => {
    const id = known.get(value) ?? known.size;
    known.set(value, id);
    return id;
  });
}

/** Rows in which the left value decides the right one, or the other way round, but for the last ones. */
const rows = fc
  .tuple(
    fc.constantFrom("left", "right", "both", "none"),
    fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { maxLength: 120 }),
    fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { maxLength: 20 }),
  )
  .map(([deciding, drawn, last]): readonly Row[] => [
    ...drawn.map(([a, b]) => {
      if (deciding === "left") return { left: a, right: a % 7 };
      if (deciding === "right") return { left: b % 7, right: b };
      return deciding === "both" ? { left: a, right: a + 100 } : { left: a, right: b };
    }),
    ...last.map(([left, right]) => ({ left, right })),
  ]);

test("I372 the id of a pair is that of its first appearance", () => {
  fc.assert(
    fc.property(rows, rows, fc.integer({ min: 1, max: 50 }), (inserted, looked, size) => {
      const table = new PairTable();
      const lefts = new Map<number, number>();
      const rights = new Map<number, number>();
      const expected = new Map<string, number>();
      for (let start = 0; start < inserted.length; start += size) {
        const part = inserted.slice(start, start + size);
        const left = dense(
          part.map((row) => row.left),
          lefts,
        );
        const right = dense(
          part.map((row) => row.right),
          rights,
        );
        const ids = part.map((row) => {
          const key = `${row.left} ${row.right}`;
          const id = expected.get(key) ?? expected.size;
          expected.set(key, id);
          return id;
        });
        table.encode(left, right, part.length, lefts.size, rights.size, true, left);
        expect([...left]).toEqual(ids);
        expect(table.count).toBe(expected.size);
      }
      const pairs = Array.from({ length: table.count }, (_, id) => `${table.lefts[id]} ${table.rights[id]}`);
      expect(pairs).toEqual(
        [...expected.keys()].map((key) => {
          const [left, right] = key.split(" ").map(Number) as [number, number];
          return `${lefts.get(left)} ${rights.get(right)}`;
        }),
      );
      const left = Int32Array.from(looked, (row) => lefts.get(row.left) ?? -1);
      const right = Int32Array.from(looked, (row) => rights.get(row.right) ?? -1);
      const found = new Int32Array(looked.length);
      table.encode(left, right, looked.length, lefts.size, rights.size, false, found);
      expect([...found]).toEqual(looked.map((row) => expected.get(`${row.left} ${row.right}`) ?? -1));
    }),
    { numRuns: 300 },
  );
});
