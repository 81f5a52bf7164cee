// What is known of a set of values, and whether a predicate could match any of them. The one place where pruning is
// decided, for partition values, partition summaries and column bounds alike.

import { compareBytes } from "#core";
import type { Scalar } from "#columnar";
import { truncateString } from "./bound-truncation.ts";
import { compareScalars } from "./compare.ts";
import type { IcebergPredicate } from "./table.ts";

/** Values somewhere between two bounds. An undefined bound means nothing is known on that side. */
export interface ColumnRange {
  readonly lower: Scalar | undefined;
  readonly upper: Scalar | undefined;
  readonly mayHaveNull: boolean;
  readonly mayHaveValue: boolean;
  /** NaN is outside the bounds and, as in PostgreSQL, above every number. */
  readonly mayHaveNan: boolean;
}

/** A range of which nothing is known. */
export const UNKNOWN_RANGE: ColumnRange = {
  lower: undefined,
  upper: undefined,
  mayHaveNull: true,
  mayHaveValue: true,
  mayHaveNan: true,
};

/** The range of exactly one value. */
export function rangeOfValue(value: Scalar): ColumnRange {
  if (value === null) return { ...UNKNOWN_RANGE, mayHaveValue: false, mayHaveNan: false };
  if (typeof value === "number" && Number.isNaN(value)) return { ...UNKNOWN_RANGE, mayHaveNull: false };
  return { lower: value, upper: value, mayHaveNull: false, mayHaveValue: true, mayHaveNan: false };
}

/** Whether a row with a value in the range might fulfil the predicate. May be wrong only by saying yes. */
export function mightMatch(range: ColumnRange, predicate: Pick<IcebergPredicate, "operator" | "values">): boolean {
  const { operator, values } = predicate;
  if (operator === "is_null") return range.mayHaveNull;
  if (!range.mayHaveValue) return false;
  if (operator === "is_not_null" || values.length === 0 || values.some(isNan)) return true;
  if (operator === "in") return values.some((value) => value !== null && mightEqual(range, value));
  const value = values[0] ?? null;
  // A comparison with NULL is never true.
  if (value === null) return false;
  switch (operator) {
    case "=":
      return mightEqual(range, value);
    case "<>":
      return range.mayHaveNan || !isOnly(range, value);
    case "<":
      return range.lower === undefined || compareScalars(range.lower, value) < 0;
    case "<=":
      return range.lower === undefined || compareScalars(range.lower, value) <= 0;
    case ">":
      return range.mayHaveNan || range.upper === undefined || compareScalars(range.upper, value) > 0;
    case ">=":
      return range.mayHaveNan || range.upper === undefined || compareScalars(range.upper, value) >= 0;
    case "starts_with":
      if (value instanceof Uint8Array) return mightStartWithBytes(range, value);
      return typeof value !== "string" || mightStartWith(range, value);
  }
}

const UUID_EQUALITIES = new Set<IcebergPredicate["operator"]>(["=", "in"]);

/**
 * {@link mightMatch} for uuids. Java wrote their bounds in the order of pairs of signed integers for years, where the
 * specification has unsigned bytes: a value is ruled out only by both orders, and a comparison never.
 */
export function mightMatchUuid(range: ColumnRange, predicate: Pick<IcebergPredicate, "operator" | "values">): boolean {
  const { operator, values } = predicate;
  if (operator === "is_null" || operator === "is_not_null") return mightMatch(range, predicate);
  if (!range.mayHaveValue) return false;
  if (!UUID_EQUALITIES.has(operator)) return true;
  const signed = { ...range, lower: signedOrder(range.lower), upper: signedOrder(range.upper) };
  return (
    mightMatch(range, predicate) ||
    mightMatch(signed, { operator, values: values.map((value) => signedOrder(value) ?? null) })
  );
}

/** Text whose order is that of the uuid's halves as signed integers. */
function signedOrder(uuid: Scalar | undefined): Scalar | undefined {
  if (typeof uuid !== "string") return uuid;
  return uuid.replace(/^(.)(.{18})(.)/, (_all, high: string, middle: string, low: string) => {
    return flipSign(high) + middle + flipSign(low);
  });
}

function flipSign(digit: string): string {
  return (Number.parseInt(digit, 16) ^ 8).toString(16);
}

function isNan(value: Scalar): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

function mightEqual(range: ColumnRange, value: Scalar): boolean {
  return (
    (range.lower === undefined || compareScalars(range.lower, value) <= 0) &&
    (range.upper === undefined || compareScalars(range.upper, value) >= 0)
  );
}

function isOnly(range: ColumnRange, value: Scalar): boolean {
  return (
    range.lower !== undefined &&
    range.upper !== undefined &&
    compareScalars(range.lower, value) === 0 &&
    compareScalars(range.upper, value) === 0
  );
}

/** Strings with the prefix are at or above it, and below every string whose own prefix is greater. */
function mightStartWith(range: ColumnRange, prefix: string): boolean {
  const { lower, upper } = range;
  const length = Array.from(prefix).length;
  if (typeof lower === "string" && compareScalars(truncateString(lower, length), prefix) > 0) return false;
  return typeof upper !== "string" || compareScalars(upper, prefix) >= 0;
}

/** The same of text as its UTF-8 bytes. */
function mightStartWithBytes({ lower, upper }: ColumnRange, prefix: Uint8Array): boolean {
  if (lower instanceof Uint8Array && compareBytes(lower.subarray(0, prefix.length), prefix) > 0) return false;
  return !(upper instanceof Uint8Array) || compareBytes(upper, prefix) >= 0;
}
