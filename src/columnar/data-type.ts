// The types a column can have: SQL's names for meaning, with one physical representation each.

/**
 * A column's type. Physical values in a flat vector:
 *
 * | kind | values | meaning |
 * |---|---|---|
 * | boolean | Uint8Array | 0 or 1 |
 * | int16, int32 | Int32Array | |
 * | int64 | Float64Array or BigInt64Array | Float64Array only while every value is within ±(2^53 - 1) |
 * | float32, float64 | Float64Array | float32 values are already rounded to single precision |
 * | decimal | Decimal[] | exact; `precision` and `scale` absent for PostgreSQL's unconstrained numeric |
 * | string, json, uuid | string[] | uuid in lower-case canonical form |
 * | binary | Uint8Array[] | |
 * | date | Int32Array | days since 1970-01-01 |
 * | time | Float64Array | microseconds since midnight |
 * | timestamp | Float64Array | microseconds since 1970-01-01T00:00:00; `utc` true for timestamptz |
 * | interval | Interval[] | |
 * | list | unknown[][] | elements as scalars |
 * | struct, map | plain objects | read-only pass-through |
 * | null | none | the type of a bare NULL |
 */
export type DataType =
  | { readonly kind: "null" }
  | { readonly kind: "boolean" }
  | { readonly kind: "int16" }
  | { readonly kind: "int32" }
  | { readonly kind: "int64" }
  | { readonly kind: "float32" }
  | { readonly kind: "float64" }
  | { readonly kind: "decimal"; readonly precision?: number; readonly scale?: number }
  | { readonly kind: "string" }
  | { readonly kind: "json" }
  | { readonly kind: "uuid" }
  | { readonly kind: "binary" }
  | { readonly kind: "date" }
  | { readonly kind: "time" }
  | { readonly kind: "timestamp"; readonly utc: boolean }
  | { readonly kind: "interval" }
  | { readonly kind: "list"; readonly element: DataType }
  | { readonly kind: "struct"; readonly fields: readonly { readonly name: string; readonly type: DataType }[] }
  | { readonly kind: "map"; readonly key: DataType; readonly value: DataType };

/** The tag of a {@link DataType}. */
export type TypeKind = DataType["kind"];

/** An exact decimal: `unscaled` × 10^-`scale`; `scale` ≥ 0. PostgreSQL keeps the scale for display. */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** PostgreSQL's interval: three independent parts, never normalized into each other. */
export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: number;
}

/**
 * One value outside a vector. int64 is a number when within ±(2^53 - 1), else a bigint; timestamps, dates and
 * times are their physical numbers; null is SQL NULL.
 */
export type Scalar =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Decimal
  | Interval
  | readonly Scalar[]
  | { readonly [key: string]: Scalar };
