// Conditions of a scan by field id: what bounds prove, and what a single value decides. PostgreSQL's order: NaN is
// the largest number and equals itself, text goes by code point.

import { compareBytes, compareCodePoints } from "#core";
import type { DataType, Decimal, Scalar } from "#columnar";
import type { ScanPredicate } from "#sql";

/** A scan predicate on a column known by its field id. */
export interface FieldPredicate {
  readonly fieldId: number;
  readonly name: string;
  readonly type: DataType;
  readonly operator: ScanPredicate["operator"];
  readonly values: readonly Scalar[];
}

/** What is known of a column's values in some set of rows; undefined parts are unknown. */
export interface ValueBounds {
  readonly rowCount: number;
  readonly nullCount: number | undefined;
  /** At or below every value that is neither null nor NaN. */
  readonly min: Scalar | undefined;
  /** At or above every value that is neither null nor NaN. */
  readonly max: Scalar | undefined;
}

/**
 * Whether some row within the bounds may fulfil the predicate. False is a proof; true may be wrong.
 */
export function mightMatch(predicate: FieldPredicate, bounds: ValueBounds): boolean {
  const { nullCount, rowCount, min, max } = bounds;
  if (predicate.operator === "is_null") return nullCount !== 0;
  if (nullCount !== undefined && nullCount >= rowCount) return false;
  if (predicate.operator === "is_not_null") return true;
  if (predicate.operator === "in") {
    return predicate.values.some((value) => value !== null && mightEqual(value, min, max));
  }
  const [value] = predicate.values;
  if (value === undefined || value === null) return false;
  if (isNaNValue(value)) return true;
  const mayHoldNaN = predicate.type.kind === "float32" || predicate.type.kind === "float64";
  switch (predicate.operator) {
    case "=":
      return mightEqual(value, min, max);
    case "<>":
      // Bounds of text may be cut short, so equal bounds prove one value only where every bound is exact.
      return true;
    case "<":
      return min === undefined || order(min, value) < 0;
    case "<=":
      return min === undefined || order(min, value) <= 0;
    case ">":
      return mayHoldNaN || max === undefined || order(max, value) > 0;
    case ">=":
      return mayHoldNaN || max === undefined || order(max, value) >= 0;
    case "starts_with":
      return mightStartWith(value, min, max);
  }
}

/**
 * Whether every row within the bounds fulfils the predicate. True is a proof; false may be wrong.
 */
export function mustMatch(predicate: FieldPredicate, { rowCount, nullCount, min, max }: ValueBounds): boolean {
  const { operator, type, values } = predicate;
  if (operator === "is_null") return nullCount === rowCount;
  if (nullCount !== 0) return false;
  if (operator === "is_not_null") return true;
  const [value] = values;
  if (value === undefined || value === null || isNaNValue(value)) return false;
  // NaNs are not within the bounds, and are above every number.
  const mayHoldNaN = type.kind === "float32" || type.kind === "float64";
  switch (operator) {
    case "<":
      return !mayHoldNaN && max !== undefined && order(max, value) < 0;
    case "<=":
      return !mayHoldNaN && max !== undefined && order(max, value) <= 0;
    case ">":
      return min !== undefined && order(min, value) > 0;
    case ">=":
      return min !== undefined && order(min, value) >= 0;
    case "=":
    case "in":
    case "<>":
    case "starts_with":
      return false;
  }
}

/** Whether a value, possibly null, fulfils the predicate; exact. */
export function matchesValue(predicate: FieldPredicate, value: Scalar): boolean {
  if (predicate.operator === "is_null") return value === null;
  if (value === null) return false;
  if (predicate.operator === "is_not_null") return true;
  if (predicate.operator === "in") {
    return predicate.values.some((item) => item !== null && order(value, item) === 0);
  }
  const [bound] = predicate.values;
  if (bound === undefined || bound === null) return false;
  switch (predicate.operator) {
    case "=":
      return order(value, bound) === 0;
    case "<>":
      return order(value, bound) !== 0;
    case "<":
      return order(value, bound) < 0;
    case "<=":
      return order(value, bound) <= 0;
    case ">":
      return order(value, bound) > 0;
    case ">=":
      return order(value, bound) >= 0;
    case "starts_with":
      return typeof value === "string" && typeof bound === "string" && value.startsWith(bound);
  }
}

/** Whether values of the type can be compared here. */
export function isComparable(type: DataType): boolean {
  switch (type.kind) {
    case "boolean":
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "decimal":
    case "string":
    case "uuid":
    case "binary":
    case "date":
    case "time":
    case "timestamp":
      return true;
    case "null":
    case "json":
    case "interval":
    case "list":
    case "struct":
    case "map":
      return false;
  }
}

function mightEqual(value: Scalar, min: Scalar | undefined, max: Scalar | undefined): boolean {
  if (isNaNValue(value)) return true;
  return (min === undefined || order(min, value) <= 0) && (max === undefined || order(max, value) >= 0);
}

function mightStartWith(prefix: Scalar, min: Scalar | undefined, max: Scalar | undefined): boolean {
  if (typeof prefix !== "string") return true;
  if (typeof max === "string" && compareCodePoints(max, prefix) < 0) return false;
  return typeof min !== "string" || compareCodePoints(min, prefix) <= 0 || min.startsWith(prefix);
}

function isNaNValue(value: Scalar): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

/** PostgreSQL's order of two values of a column that are not NULL. */
export function compareValues(a: Scalar, b: Scalar): number {
  return order(a, b);
}

function order(a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  if (isDecimal(a) && isDecimal(b)) return compareDecimals(a, b);
  if (isNaNValue(a) || isNaNValue(b)) return Number(isNaNValue(a)) - Number(isNaNValue(b));
  // Numbers, bigints and booleans compare across each other by value.
  const left = a as number | bigint;
  const right = b as number | bigint;
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

function isDecimal(value: Scalar): value is Decimal {
  return typeof value === "object" && value !== null && "unscaled" in value;
}

function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const left = a.unscaled * 10n ** BigInt(scale - a.scale);
  const right = b.unscaled * 10n ** BigInt(scale - b.scale);
  if (left < right) return -1;
  return left > right ? 1 : 0;
}
