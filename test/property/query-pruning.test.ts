import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { DataType, Scalar } from "#columnar";
import { matchesValue, mightMatch, type FieldPredicate } from "../../src/query/field-predicate.ts";

interface Case {
  readonly type: DataType;
  readonly value: fc.Arbitrary<Exclude<Scalar, null>>;
  readonly compare: (a: Scalar, b: Scalar) => number;
}

const byNumber = (a: Scalar, b: Scalar): number => {
  const [x, y] = [a as number | bigint, b as number | bigint];
  return Number(x > y) - Number(x < y);
};
const hundredths = (value: Scalar): number => {
  const { unscaled, scale } = value as { unscaled: bigint; scale: number };
  return Number(unscaled * 10n ** BigInt(2 - scale));
};
const byCodePoint = (a: Scalar, b: Scalar): number => {
  const [x, y] = [Array.from(a as string), Array.from(b as string)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = (x[i]?.codePointAt(0) ?? 0) - (y[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
};

const CASES: Case[] = [
  {
    type: { kind: "int64" },
    value: fc.oneof(fc.integer({ min: -5, max: 5 }), fc.bigInt(2n ** 60n, 2n ** 60n + 4n)),
    compare: byNumber,
  },
  {
    type: { kind: "float64" },
    value: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0)),
    compare: byNumber,
  },
  {
    type: { kind: "string" },
    value: fc.string({ unit: fc.constantFrom("a", "b", "é", "\u{FFFF}", "\u{1F600}"), maxLength: 4 }),
    compare: byCodePoint,
  },
  { type: { kind: "boolean" }, value: fc.boolean(), compare: byNumber },
  {
    type: { kind: "decimal" },
    value: fc.record({ unscaled: fc.bigInt(-30n, 30n), scale: fc.integer({ min: 0, max: 2 }) }),
    compare: (a, b) => hundredths(a) - hundredths(b),
  },
];

const OPERATORS = ["=", "<>", "<", "<=", ">", ">=", "in", "is_null", "is_not_null", "starts_with"] as const;

test("C55 pruning never drops a row group that holds a matching row", () => {
  const scenario = fc.constantFrom(...CASES).chain((each) =>
    fc.record({
      each: fc.constant(each),
      rows: fc.array(fc.option(each.value, { nil: null, freq: 4 }), { minLength: 1, maxLength: 6 }),
      operator: fc.constantFrom(...OPERATORS.filter((name) => name !== "starts_with" || each.type.kind === "string")),
      operands: fc.array(each.value, { minLength: 1, maxLength: 3 }),
      knowsBounds: fc.boolean(),
      knowsNulls: fc.boolean(),
    }),
  );
  let pruned = 0;
  fc.assert(
    fc.property(scenario, ({ each, rows, operator, operands, knowsBounds, knowsNulls }) => {
      const values = operator === "in" ? operands : operands.slice(0, 1);
      const predicate: FieldPredicate = { fieldId: 1, name: "c", type: each.type, operator, values };
      const ordered = rows.filter((row) => row !== null && !Number.isNaN(row)).toSorted(each.compare);
      const might = mightMatch(predicate, {
        rowCount: rows.length,
        nullCount: knowsNulls ? rows.filter((row) => row === null).length : undefined,
        min: knowsBounds ? ordered[0] : undefined,
        max: knowsBounds ? ordered.at(-1) : undefined,
      });
      const matches = rows.some((row) => matchesValue(predicate, row));
      if (!might) pruned += 1;
      expect(matches && !might).toBe(false);
    }),
    { numRuns: 5000, seed: 7 },
  );
  // The property would hold trivially if nothing were ever pruned.
  expect(pruned).toBeGreaterThan(500);
});

function onDouble(operator: FieldPredicate["operator"], value: number): FieldPredicate {
  return { fieldId: 1, name: "c", type: { kind: "float64" }, operator, values: [value] };
}

test("NaN is the largest number and equals itself", () => {
  expect(matchesValue(onDouble("=", Number.NaN), Number.NaN)).toBe(true);
  expect(matchesValue(onDouble(">", 1e308), Number.NaN)).toBe(true);
  expect(matchesValue(onDouble("<", Number.NaN), 1)).toBe(true);
  expect(matchesValue(onDouble("<>", 1), Number.NaN)).toBe(true);
  expect(mightMatch(onDouble(">", 10), { rowCount: 2, nullCount: 0, min: 1, max: 2 })).toBe(true);
});
