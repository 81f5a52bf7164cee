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
 * | decimal | Decimal[], made when first asked for where {@link decimalBlockOf} has the numbers | exact; `precision` and `scale` absent for PostgreSQL's unconstrained numeric |
 * | string, json, uuid | string[] | uuid in lower-case canonical form; json with `canonical` is PostgreSQL's jsonb: texts in its normal form |
 * | binary | Uint8Array[] | `length` is the width of Iceberg's fixed[length], which is stored so; absent when values vary |
 * | date | Int32Array | days since 1970-01-01 |
 * | time | Float64Array | microseconds since midnight |
 * | timestamp | Float64Array or BigInt64Array | microseconds since 1970-01-01T00:00:00; `utc` true for timestamptz; BigInt64Array only in vectors that are copied from file to file, where a value is not exact as a double |
 * | interval | Interval[] | |
 * | list | unknown[][] | elements as scalars |
 * | struct | plain objects | fields by name, all of them present |
 * | map | [key, value][] | entries in stored order; keys are never null |
 * | null | none | the type of a bare NULL |
 *
 * Ids and nullability of nested fields matter only to files: they find fields after a rename and tell how they are
 * written; so does `stored`, how a file marks values that SQL knows as something else or in another form. Two types that
 * differ in nothing else are the same type to SQL.
 */
export type DataType =
  | { readonly kind: "null" }
  | { readonly kind: "boolean" }
  | { readonly kind: "int16" }
  | { readonly kind: "int32" }
  | { readonly kind: "int64"; readonly stored?: StoredNanoseconds }
  | { readonly kind: "float32" }
  | { readonly kind: "float64" }
  | { readonly kind: "decimal"; readonly precision?: number; readonly scale?: number }
  | { readonly kind: "string" }
  | { readonly kind: "json"; readonly canonical?: true }
  | { readonly kind: "uuid" }
  | { readonly kind: "binary"; readonly length?: number; readonly stored?: StoredShapes }
  | { readonly kind: "date" }
  | { readonly kind: "time" }
  | { readonly kind: "timestamp"; readonly utc: boolean }
  | { readonly kind: "interval" }
  | ListType
  | StructType
  | MapType;

/** Integers that are nanoseconds since 1970-01-01T00:00:00; `utc` as with timestamps. */
export interface StoredNanoseconds {
  readonly kind: "timestamp_ns";
  readonly utc: boolean;
}

/** Bytes that are shapes in Well-Known Binary; what is absent is the default of the format. */
export interface StoredShapes {
  readonly kind: "geometry" | "geography";
  /** Coordinate reference system. */
  readonly crs?: string;
  /** How edges run between points; geography alone. */
  readonly algorithm?: string;
}

/** A list; elements may be null unless `elementRequired`. */
export interface ListType {
  readonly kind: "list";
  readonly element: DataType;
  readonly elementId?: number;
  readonly elementRequired?: boolean;
}

/** A field of a struct; may be null unless `required`. */
export interface StructField {
  readonly name: string;
  readonly type: DataType;
  readonly id?: number;
  readonly required?: boolean;
  /** The value in files that lack the field (Iceberg's initial-default); default null. */
  readonly missing?: Scalar;
}

/** A struct. */
export interface StructType {
  readonly kind: "struct";
  /** A value of no fixed type: its fields are `metadata` and `value`, both binary. */
  readonly stored?: "variant";
  readonly fields: readonly StructField[];
}

/** A map; values may be null unless `valueRequired`. */
export interface MapType {
  readonly kind: "map";
  readonly key: DataType;
  readonly value: DataType;
  readonly keyId?: number;
  readonly valueId?: number;
  readonly valueRequired?: boolean;
}

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
 * times are their physical numbers (timestamps that are not exact as a double are bigints); null is SQL NULL. A map is the list of its [key, value] pairs.
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
