// Making vectors out of scalars: the slow, general way in. Decoders and kernels fill typed arrays themselves.

import { InvariantViolation } from "#core";
import type { DataType, Scalar } from "./data-type.ts";
import { decimalsToBlock, decimalVector } from "./decimal-vector.ts";
import { exactTimestamps } from "./int64.ts";
import type { ConstantVector, FlatVector, VectorValues } from "./vector.ts";

/**
 * A flat vector of the type's physical form holding the scalars; null makes a null row.
 *
 * int64 values may be numbers or bigints, decimals must already be {@link Decimal}s. The result is a
 * BigInt64Array only when a value lies outside ±(2^53 - 1). Errors: InvariantViolation when a scalar does not
 * have the type's form.
 */
export function vectorFromScalars(type: DataType, values: readonly Scalar[]): FlatVector {
  const length = values.length;
  const validity = validityOf(values);
  if (type.kind === "decimal") {
    const block = decimalsToBlock(presentOr(values, null, "object"));
    if (block !== undefined) return decimalVector(type, block, validity);
  }
  return { encoding: "flat", type, length, values: valuesFromScalars(type, values), validity };
}

/** The same value in every row. */
export function constantVector(type: DataType, value: Scalar, length: number): ConstantVector {
  return { encoding: "constant", type, length, value };
}

function validityOf(values: readonly Scalar[]): Uint8Array | undefined {
  const firstNull = values.indexOf(null);
  if (firstNull < 0) return undefined;
  const validity = new Uint8Array(values.length).fill(1, 0, firstNull);
  for (let i = firstNull; i < values.length; i++) validity[i] = values[i] === null ? 0 : 1;
  return validity;
}

function valuesFromScalars(type: DataType, values: readonly Scalar[]): VectorValues {
  switch (type.kind) {
    case "null":
      return new Uint8Array(values.length);
    case "boolean":
      return Uint8Array.from(values, (value) => (value === true || value === 1 ? 1 : 0));
    case "int16":
    case "int32":
    case "date":
      return Int32Array.from(values, (value) => (value === null ? 0 : toNumber(value)));
    case "float32":
      return Float64Array.from(values, (value) => (value === null ? 0 : Math.fround(toNumber(value))));
    case "float64":
    case "time":
      return Float64Array.from(values, (value) => (value === null ? 0 : toNumber(value)));
    case "timestamp":
      return timestampsFromScalars(values);
    case "int64":
      return integersFromScalars(values);
    case "string":
    case "json":
    case "uuid":
      return presentOr(values, "", "string") as readonly string[];
    case "binary":
      return presentOr(values, EMPTY_BYTES, "object") as readonly Uint8Array[];
    case "decimal":
      return presentOr(values, ZERO_DECIMAL, "object") as VectorValues;
    case "interval":
      return presentOr(values, ZERO_INTERVAL, "object") as VectorValues;
    case "list":
    case "map":
      return presentOr(values, EMPTY_LIST, "object") as VectorValues;
    case "struct":
      return presentOr(values, EMPTY_RECORD, "object") as VectorValues;
  }
}

const EMPTY_BYTES = new Uint8Array(0);
const ZERO_DECIMAL = Object.freeze({ unscaled: 0n, scale: 0 });
const ZERO_INTERVAL = Object.freeze({ months: 0, days: 0, micros: 0 });
const EMPTY_LIST: readonly Scalar[] = Object.freeze([]);
const EMPTY_RECORD = Object.freeze({});

function toNumber(value: Scalar): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  throw new InvariantViolation(`a numeric column was given ${typeof value}`);
}

function integersFromScalars(values: readonly Scalar[]): Float64Array | BigInt64Array {
  const exact = values.every(
    (value) => value === null || (typeof value === "number" ? Number.isSafeInteger(value) : isSafeBigInt(value)),
  );
  if (exact) return Float64Array.from(values, (value) => (value === null ? 0 : toNumber(value)));
  return BigInt64Array.from(values, (value) => {
    if (typeof value === "bigint") return value;
    if (value === null) return 0n;
    return BigInt(toNumber(value));
  });
}

function timestampsFromScalars(values: readonly Scalar[]): Float64Array | BigInt64Array {
  if (!values.some((value) => typeof value === "bigint")) {
    return Float64Array.from(values, (value) => (value === null ? 0 : toNumber(value)));
  }
  return exactTimestamps(
    BigInt64Array.from(values, (value) => {
      if (typeof value === "bigint") return value;
      return value === null ? 0n : BigInt(toNumber(value));
    }),
  );
}

function isSafeBigInt(value: Scalar): boolean {
  return (
    typeof value === "bigint" && value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
  );
}

function presentOr(values: readonly Scalar[], filler: Scalar, expected: "string" | "object"): readonly Scalar[] {
  return values.map((value) => {
    if (value === null) return filler;
    if (typeof value !== expected) throw new InvariantViolation(`a ${expected} column was given ${typeof value}`);
    return value;
  });
}
