// What every metadata table is made of: named, typed columns and rows of scalars.

import type { ColumnSchema, DataType, Scalar } from "#columnar";

/** A metadata table's content; rows are made while they are read. */
export interface MetadataRows {
  readonly columns: readonly ColumnSchema[];
  rows(): AsyncIterable<readonly Scalar[]>;
}

export const BOOLEAN: DataType = { kind: "boolean" };
export const INT: DataType = { kind: "int32" };
export const LONG: DataType = { kind: "int64" };
export const TEXT: DataType = { kind: "string" };
export const BYTES: DataType = { kind: "binary" };
export const TIMESTAMP: DataType = { kind: "timestamp", utc: true };

/** A map type. */
export function mapOf(key: DataType, value: DataType): DataType {
  return { kind: "map", key, value };
}

/** A column. */
export function column(name: string, type: DataType, nullable = true): ColumnSchema {
  return { name, type, nullable };
}

/** A 64-bit integer as a scalar; null for undefined. */
export function long(value: bigint | undefined | null): Scalar {
  if (value === undefined || value === null) return null;
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

const MICROS_PER_MILLI = 1000;

/** Milliseconds since 1970 as a timestamp scalar. */
export function timestamp(ms: number): Scalar {
  return ms * MICROS_PER_MILLI;
}

/** Rows that are at hand. */
export function rowsOf(columns: readonly ColumnSchema[], rows: readonly (readonly Scalar[])[]): MetadataRows {
  return {
    columns,
    async *rows() {
      yield* await Promise.resolve(rows);
    },
  };
}
