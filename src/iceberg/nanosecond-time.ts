// Timestamps with nanoseconds (format version 3) in a SQL that counts microseconds. SQL sees each rounded down to its
// microsecond; files, manifests and predicates on them have all digits, and statements that write never lose any.

import { LakeError } from "#core";
import type { Scalar } from "#columnar";
import { fieldsById, type IcebergSchema, type IcebergType } from "./schema.ts";
import { narrowInteger } from "./single-value.ts";
import type { IcebergPredicate } from "./table.ts";

const NANOS_PER_MICRO = 1000n;

/** The types with nanoseconds. */
export type NanosecondType = "timestamp_ns" | "timestamptz_ns";

/** Whether values of the type are nanoseconds since 1970. */
export function isNanosecondType(type: IcebergType | undefined): type is NanosecondType {
  return type === "timestamp_ns" || type === "timestamptz_ns";
}

/** Whether a value of the schema, at any depth, is nanoseconds. */
export function hasNanoseconds(schema: IcebergSchema): boolean {
  return [...fieldsById(schema).values()].some(({ field }) => isNanosecondType(field.type));
}

/**
 * Predicates on what SQL sees of the schema's columns as conditions on what is stored, which the same rows fulfil or,
 * of several values, rows between them too: for ruling out.
 */
export function toStoredPredicates<P extends IcebergPredicate>(
  schema: IcebergSchema,
  predicates: readonly P[],
): readonly P[] {
  const nanos = nanosecondFields(schema);
  if (nanos.size === 0) return predicates;
  return predicates.flatMap((predicate) => (nanos.has(predicate.fieldId) ? storedConditions(predicate) : [predicate]));
}

/**
 * Conditions on what is stored that prove the predicates of the rows that fulfil them; undefined where there are none
 * so simple.
 */
export function toProvingPredicates<P extends IcebergPredicate>(
  schema: IcebergSchema,
  predicates: readonly P[],
): readonly P[] | undefined {
  const nanos = nanosecondFields(schema);
  const isInexact = ({ fieldId, operator, values }: P): boolean =>
    nanos.has(fieldId) && (operator === "<>" || (operator === "in" && values.length > 1));
  return predicates.some(isInexact) ? undefined : toStoredPredicates(schema, predicates);
}

function nanosecondFields(schema: IcebergSchema): ReadonlySet<number> {
  return new Set(schema.fields.filter((field) => isNanosecondType(field.type)).map((field) => field.id));
}

function storedConditions<P extends IcebergPredicate>(predicate: P): P[] {
  const { operator, values } = predicate;
  // Infinite times are no integers and lie beyond every stored one.
  const micros = values.filter((value): value is number | bigint => isWhole(value)).map(BigInt);
  const [first] = micros;
  if (first === undefined || micros.length < values.length) return [predicate];
  const condition = (op: P["operator"], value: bigint): P => ({ ...predicate, operator: op, values: [value] });
  switch (operator) {
    case "=":
    case "in": {
      const least = micros.reduce((a, b) => (b < a ? b : a), first);
      const greatest = micros.reduce((a, b) => (b > a ? b : a), first);
      return [condition(">=", firstNano(least)), condition("<=", lastNano(greatest))];
    }
    case "<":
    case ">=":
    case "<>":
      return [condition(operator, firstNano(first))];
    case "<=":
    case ">":
      return [condition(operator, lastNano(first))];
    case "is_null":
    case "is_not_null":
    case "starts_with":
      return [predicate];
  }
}

function firstNano(micros: bigint): bigint {
  return micros * NANOS_PER_MICRO;
}

function lastNano(micros: bigint): bigint {
  return firstNano(micros) + NANOS_PER_MICRO - 1n;
}

function isWhole(value: Scalar): boolean {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

/** Nanoseconds as microseconds, rounded down. */
export function nanosToMicrosBelow(value: Scalar): Scalar {
  if (typeof value !== "bigint" && typeof value !== "number") return value;
  const nanos = BigInt(value);
  return narrowInteger((nanos - (((nanos % NANOS_PER_MICRO) + NANOS_PER_MICRO) % NANOS_PER_MICRO)) / NANOS_PER_MICRO);
}

/** Nanoseconds as whole microseconds. Errors: `numeric_out_of_range` for a value that has none. */
export function nanosToMicrosExactly(value: Scalar, column: string): Scalar {
  if (typeof value !== "bigint" && typeof value !== "number") return value;
  if (BigInt(value) % NANOS_PER_MICRO === 0n) return nanosToMicrosBelow(value);
  throw new LakeError(
    "numeric_out_of_range",
    `Column "${column}" has a time with nanoseconds, which SQL would cut to microseconds; nothing was written.`,
    { details: { column } },
  );
}

/** Microseconds as nanoseconds. Errors: `numeric_out_of_range` before 1677 and after 2262. */
export function microsToNanos(value: Scalar, column: string): Scalar {
  if (value === null) return null;
  const nanos = isWhole(value) ? BigInt(value as number | bigint) * NANOS_PER_MICRO : undefined;
  if (nanos !== undefined && BigInt.asIntN(64, nanos) === nanos) return narrowInteger(nanos);
  throw new LakeError(
    "numeric_out_of_range",
    `Column "${column}" counts nanoseconds, and a time is too far from now to be counted so.`,
    { details: { column } },
  );
}
