// Statistics bytes to bounds, and per-column totals over a file for Iceberg's metrics.
// Source: parquet.thrift (Statistics): min_value and max_value only; the older min and max have no defined order.

import { compareBytes, compareCodePoints, utf8ToStringStrict } from "#core";
import { uuidText, type Decimal, type Scalar } from "#columnar";
import { thriftBinary, thriftBoolean, thriftInteger, type ThriftStruct, type ThriftValue } from "#codec";
import { bigEndianToBigInt, halfToDouble } from "./number-bytes.ts";
import type { ParquetColumn, ParquetColumnChunk, ParquetMetadata } from "./metadata.ts";

/** What a chunk's Statistics struct says. */
export type ChunkStatistics = Pick<
  ParquetColumnChunk,
  "nullCount" | "min" | "max" | "minNanos" | "maxNanos" | "isMinExact" | "isMaxExact"
>;

/** Reads a Statistics struct; anything malformed inside it counts as absent. */
export function readStatistics(struct: ThriftStruct | undefined, column: ParquetColumn): ChunkStatistics {
  if (struct === undefined) {
    return { nullCount: undefined, min: undefined, max: undefined, isMinExact: false, isMaxExact: false };
  }
  const nullCount = thriftInteger(struct, 3);
  const { min, max } = readBounds(thriftBinary(struct, 6), thriftBinary(struct, 5), column);
  const isFloat = isFloating(column);
  // Only variable-length bounds are ever truncated; without the flag they may have been.
  const fixed = column.physicalType !== "byte_array" && column.physicalType !== "fixed_len_byte_array";
  const zeroWidened = isFloat && (min === 0 || max === 0);
  return {
    nullCount: nullCount !== undefined && nullCount >= 0 ? nullCount : undefined,
    min,
    max,
    ...(column.conversion === "nanos" ? nanosBounds(thriftBinary(struct, 6), thriftBinary(struct, 5)) : {}),
    isMinExact: min !== undefined && !zeroWidened && (thriftBoolean(struct, 8) ?? fixed),
    isMaxExact: max !== undefined && !zeroWidened && (thriftBoolean(struct, 7) ?? fixed),
  };
}

function nanosBounds(
  lower: Uint8Array | undefined,
  upper: Uint8Array | undefined,
): Pick<ChunkStatistics, "minNanos" | "maxNanos"> {
  if (lower?.length !== 8 || upper?.length !== 8) return {};
  return { minNanos: signedLong(lower), maxNanos: signedLong(upper) };
}

function signedLong(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0, true);
}

/** Bounds from their stored bytes; undefined when absent, not decodable or NaN. A zero is widened to both zeros. */
export function readBounds(
  lower: ThriftValue | undefined,
  upper: ThriftValue | undefined,
  column: ParquetColumn,
): { readonly min: Scalar | undefined; readonly max: Scalar | undefined } {
  const min = lower instanceof Uint8Array ? boundToScalar(lower, column) : undefined;
  const max = upper instanceof Uint8Array ? boundToScalar(upper, column) : undefined;
  if (Number.isNaN(min) || Number.isNaN(max)) return { min: undefined, max: undefined };
  const isFloat = isFloating(column);
  return { min: isFloat && min === 0 ? -0 : min, max: isFloat && max === 0 ? 0 : max };
}

function isFloating({ physicalType }: ParquetColumn): boolean {
  return physicalType === "float" || physicalType === "double";
}

function boundToScalar(bytes: Uint8Array, column: ParquetColumn): Scalar | undefined {
  const { type, physicalType, conversion } = column;
  if (type === undefined || physicalType === "int96") return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (physicalType) {
    case "boolean":
      return bytes.length === 1 ? bytes[0] !== 0 : undefined;
    case "int32": {
      if (bytes.length !== 4) return undefined;
      const value = conversion === "unsigned" ? view.getUint32(0, true) : view.getInt32(0, true);
      if (type.kind === "decimal") return { unscaled: BigInt(value), scale: type.scale ?? 0 };
      return conversion === "millis" ? value * 1000 : value;
    }
    case "int64":
      return bytes.length === 8 ? int64Bound(view, column) : undefined;
    case "float":
      return bytes.length === 4 ? view.getFloat32(0, true) : undefined;
    case "double":
      return bytes.length === 8 ? view.getFloat64(0, true) : undefined;
    case "byte_array":
    case "fixed_len_byte_array":
      if (type.kind === "decimal") return { unscaled: bigEndianToBigInt(bytes), scale: type.scale ?? 0 };
      if (type.kind === "uuid") return bytes.length === 16 ? uuidText(bytes) : undefined;
      if (conversion === "float16") return bytes.length === 2 ? halfToDouble(view.getUint16(0, true)) : undefined;
      if (type.kind === "string" || type.kind === "json") return utf8ToStringStrict(bytes);
      // Shapes have no order; what some writers give as their bounds are those of the bytes.
      return type.kind === "binary" && type.stored !== undefined ? undefined : bytes.slice();
  }
}

function int64Bound(view: DataView, { type, conversion }: ParquetColumn): Scalar {
  const value = view.getBigInt64(0, true);
  if (type?.kind === "decimal") {
    return { unscaled: conversion === "unsigned" ? BigInt.asUintN(64, value) : value, scale: type.scale ?? 0 };
  }
  if (conversion === "millis") return Number(value) * 1000;
  if (conversion === "nanos") return Number((value - (((value % 1000n) + 1000n) % 1000n)) / 1000n);
  const narrow = Number(value);
  return Number.isSafeInteger(narrow) ? narrow : value;
}

/** Totals of one column over a file; a bound is undefined when any row group with values lacks it. */
export interface ColumnTotals {
  readonly column: ParquetColumn;
  /** Compressed bytes of the column's chunks. */
  readonly sizeBytes: number;
  /** Values including nulls. */
  readonly valueCount: number;
  readonly nullCount: number | undefined;
  /** Known only for files that this process has just written. */
  readonly nanCount: number | undefined;
  readonly min: Scalar | undefined;
  readonly max: Scalar | undefined;
  /** See ParquetColumnChunk. */
  readonly minNanos: Scalar | undefined;
  readonly maxNanos: Scalar | undefined;
}

/** Totals of every leaf that has a field id, by field id, over all row groups. */
export function columnStatistics(metadata: ParquetMetadata): ReadonlyMap<number, ColumnTotals> {
  const totals = new Map<number, ColumnTotals>();
  for (const column of metadata.columns) {
    if (column.fieldId === undefined) continue;
    const chunks = metadata.rowGroups.map((group) => group.columns[column.leafIndex] as ParquetColumnChunk);
    const bounded = chunks.filter((chunk) => chunk.nullCount === undefined || chunk.nullCount < chunk.valueCount);
    totals.set(column.fieldId, {
      column,
      sizeBytes: sum(chunks, (chunk) => chunk.compressedBytes) ?? 0,
      valueCount: sum(chunks, (chunk) => chunk.valueCount) ?? 0,
      nullCount: sum(chunks, (chunk) => chunk.nullCount),
      nanCount: sum(chunks, (chunk) => chunk.nanCount),
      min: extreme(bounded, (chunk) => chunk.min, -1),
      max: extreme(bounded, (chunk) => chunk.max, 1),
      minNanos: extreme(bounded, (chunk) => chunk.minNanos, -1),
      maxNanos: extreme(bounded, (chunk) => chunk.maxNanos, 1),
    });
  }
  return totals;
}

function sum<T>(items: readonly T[], of: (item: T) => number | undefined): number | undefined {
  let total = 0;
  for (const item of items) {
    const value = of(item);
    if (value === undefined) return undefined;
    total += value;
  }
  return total;
}

function extreme(
  chunks: readonly ParquetColumnChunk[],
  of: (chunk: ParquetColumnChunk) => Scalar | undefined,
  sign: 1 | -1,
): Scalar | undefined {
  let best: Scalar | undefined;
  for (const chunk of chunks) {
    const value = of(chunk);
    if (value === undefined) return undefined;
    if (best === undefined || compareBounds(value, best) * sign > 0) best = value;
  }
  return best;
}

/** Orders two bounds of one column as Parquet does: numbers by value, text and binary by unsigned bytes. */
export function compareBounds(a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  if (isDecimal(a) && isDecimal(b)) return a.unscaled < b.unscaled ? -1 : Number(a.unscaled > b.unscaled);
  if (a === b) return Object.is(a, b) ? 0 : Object.is(a, -0) ? -1 : 1;
  return (a as number) < (b as number) ? -1 : 1;
}

function isDecimal(value: Scalar): value is Decimal {
  return typeof value === "object" && value !== null && "unscaled" in value;
}
