// Column vectors: what the Parquet decoder makes, the SQL engine works on, and the writer consumes.

import type { DataType, Decimal, Interval, Scalar } from "./data-type.ts";

/** The physical arrays a flat vector may hold; which one follows from the type, see {@link DataType}. */
export type VectorValues =
  | Uint8Array
  | Int32Array
  | Float64Array
  | BigInt64Array
  | readonly string[]
  | readonly Uint8Array[]
  | readonly Decimal[]
  | readonly Interval[]
  | readonly (readonly Scalar[])[]
  | readonly { readonly [key: string]: Scalar }[];

/**
 * One value a row. `values` has `length` entries; entries at null rows exist and are unspecified.
 *
 * Shapes: `validity` has one byte a row, 1 present and 0 null; undefined when no row is null.
 * Ownership: vectors are immutable once made; views may share buffers.
 */
export interface FlatVector {
  readonly encoding: "flat";
  readonly type: DataType;
  readonly length: number;
  readonly values: VectorValues;
  readonly validity: Uint8Array | undefined;
}

/**
 * Codes into a dictionary. Row i is null when `validity` says so, else `dictionary` at `codes[i]`. Codes at null
 * rows are 0. Dictionary entries are distinct unless the writer of a file erred; kernels must not rely on it.
 */
export interface DictionaryVector {
  readonly encoding: "dictionary";
  readonly type: DataType;
  readonly length: number;
  readonly codes: Int32Array;
  readonly dictionary: FlatVector;
  readonly validity: Uint8Array | undefined;
}

/** The same value in every row; `value` null makes every row null. */
export interface ConstantVector {
  readonly encoding: "constant";
  readonly type: DataType;
  readonly length: number;
  readonly value: Scalar;
}

/** A column of one batch. */
export type Vector = FlatVector | DictionaryVector | ConstantVector;

/** Columns of equal length. `rowCount` counts also when there are no columns. */
export interface Batch {
  readonly rowCount: number;
  readonly columns: readonly Vector[];
}

/** A named column of a schema. */
export interface ColumnSchema {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

/** Rows a batch aims for: big enough to amortize dispatch, small enough to stay in cache. */
export const BATCH_ROWS = 16_384;
