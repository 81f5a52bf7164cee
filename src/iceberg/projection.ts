// Inclusive projection: what a condition on a column implies for the partition value made from it. Every row that
// fulfils the condition has a partition value that fulfils the projection; the converse need not hold.

import type { Scalar } from "#columnar";
import { compareScalars } from "./compare.ts";
import type { IcebergType } from "./schema.ts";
import { isDecimal, narrowInteger } from "./single-value.ts";
import type { IcebergPredicate } from "./table.ts";
import { applyTransform, canTransform, type Transform } from "./transform.ts";
import { parseDecimalType } from "./type-names.ts";

type Condition = Pick<IcebergPredicate, "operator" | "values">;

const TIME_KINDS = new Set<Transform["kind"]>(["year", "month", "day", "hour"]);
const INTEGER_TYPES = new Set([
  "int",
  "long",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "timestamp_ns",
  "timestamptz_ns",
]);

/** The projection, or undefined when the condition says nothing about the partition value. */
export function projectCondition(
  condition: Condition,
  transform: Transform,
  sourceType: IcebergType,
): Condition | undefined {
  if (transform.kind === "void" || transform.kind === "unknown") return undefined;
  if (condition.operator === "is_null" || condition.operator === "is_not_null") return condition;
  if (typeof sourceType !== "string" || !canTransform(transform, sourceType)) return undefined;
  if (condition.values.some((value) => !hasSourceForm(sourceType, value))) return undefined;
  if (transform.kind === "identity") return condition;
  const apply = (value: Scalar): Scalar => applyTransform(transform, sourceType, value);
  switch (condition.operator) {
    case "=":
    case "in":
      return projectEquality(condition, transform, apply);
    case "<":
    case "<=":
    case ">":
    case ">=":
      return transform.kind === "bucket" ? undefined : projectRange(condition, transform, sourceType, apply);
    case "starts_with":
      return projectPrefix(condition, transform, apply);
    case "<>":
      return undefined;
  }
}

/** Whether a value is one the column could hold: others, such as 1.5 for a long, cannot be transformed. */
function hasSourceForm(type: string, value: Scalar): boolean {
  if (value === null) return true;
  if (INTEGER_TYPES.has(type))
    return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
  const decimal = parseDecimalType(type);
  if (decimal !== undefined) return isDecimal(value) && value.scale === decimal.scale;
  if (type === "binary" || type.startsWith("fixed")) return value instanceof Uint8Array;
  if (type === "string" || type === "uuid") return typeof value === "string";
  return true;
}

function projectEquality(condition: Condition, transform: Transform, apply: (value: Scalar) => Scalar): Condition {
  const values = condition.values.map(apply);
  return { operator: "in", values: TIME_KINDS.has(transform.kind) ? values.flatMap(withEarlierRounding) : values };
}

/**
 * Early writers rounded times before 1970 towards zero, one above the floor the specification asks for: both values
 * have to be looked at.
 */
function withEarlierRounding(value: Scalar): Scalar[] {
  return typeof value === "number" && value < 0 ? [value, value + 1] : [value];
}

function projectRange(
  condition: Condition,
  transform: Transform,
  sourceType: string,
  apply: (value: Scalar) => Scalar,
): Condition | undefined {
  const { operator } = condition;
  const value = condition.values[0] ?? null;
  const isUpper = operator === "<" || operator === "<=";
  // A strict bound on integers is an inclusive one on the neighbour; elsewhere equality is let in.
  const isStrictInteger = INTEGER_TYPES.has(sourceType) && (operator === "<" || operator === ">");
  const bound = isStrictInteger && value !== null ? neighbour(value as number | bigint, isUpper ? -1n : 1n) : value;
  const projected = apply(bound);
  // Truncation goes down; a result above its value has wrapped around, and bounds nothing.
  if (transform.kind === "truncate" && bound !== null && projected !== null && compareScalars(projected, bound) > 0) {
    return undefined;
  }
  const limit =
    isUpper && TIME_KINDS.has(transform.kind) && typeof projected === "number" && projected < 0
      ? projected + 1
      : projected;
  return { operator: isUpper ? "<=" : ">=", values: [limit] };
}

function neighbour(value: number | bigint, step: bigint): number | bigint {
  return narrowInteger(BigInt(value) + step);
}

function projectPrefix(
  condition: Condition,
  transform: Transform,
  apply: (value: Scalar) => Scalar,
): Condition | undefined {
  const prefix = condition.values[0];
  if (transform.kind !== "truncate" || typeof prefix !== "string") return undefined;
  const truncated = apply(prefix);
  return { operator: truncated === prefix ? "starts_with" : "=", values: [truncated] };
}
