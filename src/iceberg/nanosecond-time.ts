// Timestamps with nanoseconds (format version 3) among engines that count microseconds: a value is read exactly or
// refused, never cut. In manifests, and in predicates on them, such values stay nanoseconds.

import { LakeError } from "#core";
import { constantVector, type DataType, type FlatVector, type Scalar, type TypeKind, type Vector } from "#columnar";
import type { IcebergSchema, IcebergType } from "./schema.ts";
import type { IcebergPredicate } from "./table.ts";

const NANOS_PER_MICRO = 1000;

/** The types with nanoseconds. */
export type NanosecondType = "timestamp_ns" | "timestamptz_ns";

/** Whether values of the type are nanoseconds since 1970. */
export function isNanosecondType(type: IcebergType | undefined): type is NanosecondType {
  return type === "timestamp_ns" || type === "timestamptz_ns";
}

/** The type that values are read as. */
export function microsecondType(type: NanosecondType): DataType & { readonly kind: "timestamp" } {
  return { kind: "timestamp", utc: type === "timestamptz_ns" };
}

/** Predicates in microseconds on the schema's columns as planning wants them: nanoseconds where the column has them. */
export function toStoredPredicates<P extends IcebergPredicate>(
  schema: IcebergSchema,
  predicates: readonly P[],
): readonly P[] {
  const nanos = new Set(schema.fields.filter((field) => isNanosecondType(field.type)).map((field) => field.id));
  if (nanos.size === 0) return predicates;
  return predicates.map((predicate) =>
    nanos.has(predicate.fieldId) ? { ...predicate, values: predicate.values.map(microsToNanos) } : predicate,
  );
}

function microsToNanos(value: Scalar): Scalar {
  // Infinite times are no integers and lie beyond every stored one.
  if (typeof value !== "bigint" && !(typeof value === "number" && Number.isInteger(value))) return value;
  return BigInt(value) * BigInt(NANOS_PER_MICRO);
}

/** Nanoseconds as microseconds, cut below: for what may be imprecise, such as ruling out. */
export function nanosToMicrosBelow(value: Scalar): Scalar {
  if (typeof value === "number") return Math.floor(value / NANOS_PER_MICRO);
  if (typeof value !== "bigint") return value;
  const step = BigInt(NANOS_PER_MICRO);
  return Number((value - (((value % step) + step) % step)) / step);
}

/**
 * Nanoseconds as whole microseconds. Errors: `numeric_out_of_range` for a value that has none.
 */
export function nanosToMicros(value: Scalar, column: string): Scalar {
  if (value === null) return null;
  const micros = nanosToMicrosBelow(value);
  if (typeof micros === "number" && BigInt(value as number | bigint) === BigInt(micros) * BigInt(NANOS_PER_MICRO)) {
    return micros;
  }
  throw new LakeError(
    "numeric_out_of_range",
    `Column "${column}" has a time with nanoseconds, which a timestamp of microseconds cannot hold; it was not cut.`,
    { details: { column } },
  );
}

/** Dictionaries are shared by all batches of a chunk. */
const convertedDictionaries = new WeakMap<FlatVector, FlatVector>();

/** A vector of int64 nanoseconds as timestamps. Errors: as {@link nanosToMicros}. */
export function nanosVectorToMicros(
  vector: Vector,
  type: DataType & { readonly kind: "timestamp" },
  column: string,
): Vector {
  if (vector.encoding === "constant") return constantVector(type, nanosToMicros(vector.value, column), vector.length);
  if (vector.encoding === "flat") return flatToMicros(vector, type, column);
  let dictionary = convertedDictionaries.get(vector.dictionary);
  if (dictionary === undefined) {
    dictionary = flatToMicros(vector.dictionary, type, column);
    convertedDictionaries.set(vector.dictionary, dictionary);
  }
  return { ...vector, type, dictionary };
}

function flatToMicros({ values, validity, length }: FlatVector, type: DataType, column: string): FlatVector {
  const micros = new Float64Array(length);
  if (values instanceof Float64Array || values instanceof BigInt64Array) {
    for (let i = 0; i < length; i++) {
      if (validity === undefined || validity[i] === 1) micros[i] = nanosToMicros(values[i] ?? null, column) as number;
    }
    return { encoding: "flat", type, length, values: micros, validity };
  }
  const kind: TypeKind = "int64";
  throw new LakeError("data_invalid", `Column "${column}" is not stored as ${kind} nanoseconds.`);
}
