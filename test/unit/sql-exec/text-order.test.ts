// I315: the order of texts by their bytes is the order of their code points.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { looseTextOf, vectorFromScalars, type FlatVector, type LooseText, type Scalar } from "#columnar";
import { sortRows } from "../../../src/sql/execute/sort-rows.ts";
import { extremeTexts, rankTexts } from "../../../src/sql/execute/text-order.ts";
import { scalarComparator } from "../../../src/sql/values/index.ts";
import { toTextBlock } from "../../support/text-blocks.ts";

const TEXT = { kind: "string" } as const;
const compare = scalarComparator(TEXT);

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.string({ unit: fc.constantFrom("\0", "a", "b"), maxLength: 20 }),
  fc
    .tuple(fc.constantFrom("user-", "a very long start that all of them have "), fc.nat(3000))
    .map(([start, n]) => `${start}${n}`),
  fc.constantFrom("", "\0", "\u{1f600}", "\uffff", "\ue000", "z".repeat(300), `${"z".repeat(299)}y`),
);
const texts = fc.array(fc.option(text, { freq: 12 }), { minLength: 1, maxLength: 200 });

function asBytes(values: readonly Scalar[]): FlatVector {
  return toTextBlock(vectorFromScalars(TEXT, values));
}

test("I315 ranks are those of comparing texts, equal ones the same", () => {
  fc.assert(
    fc.property(texts, (values) => {
      const vector = asBytes(values);
      const ranks = rankTexts(TEXT, looseTextOf(vector) as LooseText, vector.validity, values.length);
      const different = [...new Set(values.filter((value) => value !== null))].toSorted((a, b) => compare(a, b));
      expect([...ranks]).toEqual(values.map((value) => (value === null ? 0 : different.indexOf(value))));
    }),
    { numRuns: 300 },
  );
});

test("I315 sorting rows by bytes is sorting them by strings", () => {
  fc.assert(
    fc.property(texts, fc.boolean(), fc.boolean(), (values, descending, nullsFirst) => {
      const keys = (vector: FlatVector) => [{ vector, descending, nullsFirst }];
      expect(sortRows(keys(asBytes(values)), values.length)).toEqual(
        sortRows(keys(vectorFromScalars(TEXT, values)), values.length),
      );
    }),
  );
});

test("I315 the least and the greatest text are the first and the last in order", () => {
  fc.assert(
    fc.property(texts, (values) => {
      const vector = asBytes(values);
      const found = extremeTexts(looseTextOf(vector) as LooseText, vector.validity, values.length);
      const sorted = values.filter((value) => value !== null).toSorted((a, b) => compare(a, b));
      expect(found && [values[found.least], values[found.greatest]]).toEqual(
        sorted.length === 0 ? undefined : [sorted[0], sorted.at(-1)],
      );
    }),
  );
});
