// What SQL's comparisons say of a value, by the types of JavaScript alone and independent of the code under test.

import type { Decimal, Scalar } from "#columnar";
import { compareBytes, compareCodePoints } from "#core";
import type { IcebergPredicate } from "#iceberg";

/** PostgreSQL's order of two values of one type: NaN is equal to itself and above every number. Decimals share a scale. */
export function comparePlainly(a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  const [left, right] = [toNumber(a), toNumber(b)];
  const [leftNan, rightNan] = [Number.isNaN(left), Number.isNaN(right)];
  if (leftNan || rightNan) return Number(leftNan) - Number(rightNan);
  return left < right ? -1 : Number(left > right);
}

function toNumber(value: Scalar): number | bigint {
  if (typeof value === "boolean") return Number(value);
  return typeof value === "object" ? (value as Decimal).unscaled : (value as number | bigint);
}

/** Whether SQL's filter keeps a row with this value. */
export function matches(value: Scalar, { operator, values }: Pick<IcebergPredicate, "operator" | "values">): boolean {
  if (operator === "is_null") return value === null;
  if (value === null) return false;
  const first = values[0] ?? null;
  switch (operator) {
    case "=":
      return comparePlainly(value, first) === 0;
    case "<>":
      return comparePlainly(value, first) !== 0;
    case "<":
      return comparePlainly(value, first) < 0;
    case "<=":
      return comparePlainly(value, first) <= 0;
    case ">":
      return comparePlainly(value, first) > 0;
    case ">=":
      return comparePlainly(value, first) >= 0;
    case "in":
      return values.some((candidate) => comparePlainly(value, candidate) === 0);
    case "is_not_null":
      return true;
    case "starts_with":
      return typeof value === "string" && typeof first === "string" && value.startsWith(first);
  }
}
