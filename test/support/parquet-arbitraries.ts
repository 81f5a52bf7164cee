// Random columns of every type that Parquet files hold, for property tests.

import * as fc from "fast-check";
import type { DataType, Scalar } from "#columnar";

/** A type and an arbitrary of its non-null values. */
export interface TypedArbitrary {
  readonly type: DataType;
  readonly values: fc.Arbitrary<Scalar>;
}

const SAFE = Number.MAX_SAFE_INTEGER;

/** 64-bit integers in their scalar form: numbers within ±(2^53 - 1), else bigints. */
export const int64Scalars: fc.Arbitrary<Scalar> = fc.oneof(
  fc.integer(),
  fc.integer({ min: -SAFE, max: SAFE }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => {
    const narrow = Number(value);
    return Number.isSafeInteger(narrow) ? narrow : value;
  }),
);

/** Text without unpaired surrogates, which UTF-8 cannot hold. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom("", "a", "click", "höhe", "日本", "😀😀"),
);

export function decimals(precision: number, scale: number): TypedArbitrary {
  const limit = 10n ** BigInt(precision) - 1n;
  return {
    type: { kind: "decimal", precision, scale },
    values: fc.bigInt({ min: -limit, max: limit }).map((unscaled) => ({ unscaled, scale })),
  };
}

const float32 = fc.float({ noNaN: false }).map(Math.fround);

/** Every writable type. */
export const TYPED_ARBITRARIES: readonly TypedArbitrary[] = [
  { type: { kind: "boolean" }, values: fc.boolean() },
  { type: { kind: "int32" }, values: fc.integer() },
  { type: { kind: "int64" }, values: int64Scalars },
  { type: { kind: "float32" }, values: float32 },
  { type: { kind: "float64" }, values: fc.double() },
  decimals(5, 2),
  decimals(18, 0),
  decimals(38, 10),
  { type: { kind: "string" }, values: texts },
  { type: { kind: "uuid" }, values: fc.uuid() },
  { type: { kind: "binary" }, values: fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes)) },
  { type: { kind: "date" }, values: fc.integer({ min: -1_000_000, max: 1_000_000 }) },
  { type: { kind: "time" }, values: fc.integer({ min: 0, max: 86_399_999_999 }) },
  { type: { kind: "timestamp", utc: true }, values: fc.integer({ min: -SAFE, max: SAFE }) },
  { type: { kind: "timestamp", utc: false }, values: fc.integer({ min: -SAFE, max: SAFE }) },
];
