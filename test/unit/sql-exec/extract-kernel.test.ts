// I313: the parts of many times at once are those of each.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { constantVector, scalarAt, vectorFromScalars, type DataType, type Scalar, type Vector } from "#columnar";
import { extractPart, truncateTimestamp } from "../../../src/sql/functions/date-trunc.ts";
import { datePartKernel, extractKernel } from "../../../src/sql/functions/extract-kernel.ts";

const UNITS = ["minute", "hour", "day", "dow", "isodow", "doy", "week", "month", "quarter", "year", "hours", "DOW"];
const MICROS_PER_DAY = 86_400_000_000;
const TIMESTAMP: DataType = { kind: "timestamp", utc: true };

const inRange = fc
  .integer({ min: Date.UTC(1600, 0, 1), max: Date.UTC(2399, 11, 31) })
  .map((ms) => ms * 1000 + (ms % 1000));
const edge = fc
  .tuple(
    fc.integer({ min: -40_000, max: 40_000 }),
    fc.constantFrom(-1, 0, 1, MICROS_PER_DAY - 1, 3_600_000_000, 59_999_999),
  )
  .map(([day, micros]) => day * MICROS_PER_DAY + micros);
const time = fc.oneof(inRange, edge, fc.constant(null));

/** The unit that a test's name for it means. */
function plainUnit(unit: string): string {
  return unit === "hours" ? "hour" : unit.toLowerCase();
}

test.each(UNITS)("I313 extract(%s) of many times", (unit) => {
  fc.assert(
    fc.property(fc.array(time, { minLength: 1, maxLength: 80 }), fc.boolean(), (times, sorted) => {
      const list = sorted ? times.toSorted((a, b) => (a ?? 0) - (b ?? 0)) : times;
      const args = [constantVector({ kind: "string" }, unit, list.length), vectorFromScalars(TIMESTAMP, list)];
      const expected = list.map((micros) => (micros === null ? null : extractPart(plainUnit(unit), micros)));
      const numeric = extractKernel(args, list.length);
      const float = datePartKernel(args, list.length);
      const read = (vector: typeof numeric): Scalar[] =>
        list.map((_, i) => (vector === undefined ? "none" : scalarAt(vector, i)));
      expect(read(float)).toEqual(expected);
      expect(read(numeric)).toEqual(
        expected.map((part) => (part === null || part === undefined ? part : { unscaled: BigInt(part), scale: 0 })),
      );
    }),
    { numRuns: 60 },
  );
});

function unit(name: string): Vector {
  return constantVector({ kind: "string" }, name, 1);
}

function one(micros: number): Vector {
  return vectorFromScalars(TIMESTAMP, [micros]);
}

test("I313 parts of many values, times without parts and years far away go row by row", () => {
  for (const name of ["second", "epoch", "century", "nonsense", "constructor"]) {
    expect(extractKernel([unit(name), one(0)], 1)).toBeUndefined();
  }
  for (const micros of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
    for (const name of ["hour", "minute", "day", "year"]) {
      expect(extractKernel([unit(name), one(micros)], 1)).toBeUndefined();
    }
  }
  expect(
    extractKernel([unit("year"), one(truncateTimestamp("year", -20_000 * 366 * MICROS_PER_DAY))], 1),
  ).toBeUndefined();
});
