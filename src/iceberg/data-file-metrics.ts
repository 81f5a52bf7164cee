// Column metrics of a data file from its Parquet footer, in the modes of write.metadata.metrics.*.

import type { Scalar } from "#columnar";
import { columnStatistics, type ColumnTotals, type ParquetMetadata } from "#parquet";
import { truncateBytesUpward, truncateString, truncateStringUpward } from "./bound-truncation.ts";
import type { DataFile } from "./data-file.ts";
import { isNanosecondType } from "./nanosecond-time.ts";
import { fieldsById, type IcebergSchema, type LocatedField } from "./schema.ts";
import { scalarToSingleValue } from "./single-value.ts";
import type { PartitionSpec } from "./table-metadata.ts";
import { parseShapesType } from "./type-names.ts";

/** How much is kept about a column. */
type MetricsMode =
  | { readonly kind: "none" | "counts" | "full" }
  | { readonly kind: "truncate"; readonly length: number };

const DEFAULT_MODE: MetricsMode = { kind: "truncate", length: 16 };
const NO_METRICS: MetricsMode = { kind: "none" };
/** Columns that get the default mode; later ones get none unless named by a property. */
const DEFAULT_MAX_COLUMNS = 100;
const MODE_PROPERTY = "write.metadata.metrics.default";
const COLUMN_MODE_PREFIX = "write.metadata.metrics.column.";
const MAX_COLUMNS_PROPERTY = "write.metadata.metrics.max-inferred-column-defaults";

/** What a written Parquet file becomes a data file of. */
export interface ParquetDataFile {
  readonly metadata: ParquetMetadata;
  readonly location: string;
  readonly fileSizeBytes: number;
  readonly schema: IcebergSchema;
  readonly spec: PartitionSpec;
  /** One value for each field of the spec. */
  readonly partition: readonly Scalar[];
  readonly sortOrderId?: number;
  /** The table's, for its write.metadata.metrics settings; default none. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** The data file with metrics of every column the schema knows. */
export function dataFileFromParquet(file: ParquetDataFile): DataFile {
  const fields = fieldsById(file.schema);
  const modes = metricsModes(fields, file.properties ?? {});
  const columnSizes = new Map<number, number>();
  const valueCounts = new Map<number, number>();
  const nullValueCounts = new Map<number, number>();
  const nanValueCounts = new Map<number, number>();
  const lowerBounds = new Map<number, Uint8Array>();
  const upperBounds = new Map<number, Uint8Array>();
  for (const [fieldId, totals] of columnStatistics(file.metadata)) {
    const located = fields.get(fieldId);
    const mode = modes.get(fieldId) ?? NO_METRICS;
    if (located === undefined || mode.kind === "none") continue;
    columnSizes.set(fieldId, totals.sizeBytes);
    valueCounts.set(fieldId, totals.valueCount);
    if (totals.nullCount !== undefined) nullValueCounts.set(fieldId, totals.nullCount);
    if (totals.nanCount !== undefined) nanValueCounts.set(fieldId, totals.nanCount);
    if (mode.kind === "counts" || located.repeated) continue;
    const { lower, upper } = columnBounds(located, totals, mode);
    if (lower !== undefined) lowerBounds.set(fieldId, lower);
    if (upper !== undefined) upperBounds.set(fieldId, upper);
  }
  return {
    content: 0,
    filePath: file.location,
    fileFormat: "PARQUET",
    specId: file.spec["spec-id"],
    partition: file.partition,
    recordCount: file.metadata.numRows,
    fileSizeBytes: file.fileSizeBytes,
    columnSizes,
    valueCounts,
    nullValueCounts,
    nanValueCounts,
    lowerBounds,
    upperBounds,
    splitOffsets: file.metadata.splitOffsets,
    ...(file.sortOrderId === undefined ? {} : { sortOrderId: file.sortOrderId }),
  };
}

function metricsModes(
  fields: ReadonlyMap<number, LocatedField>,
  properties: Readonly<Record<string, string>>,
): ReadonlyMap<number, MetricsMode> {
  const stated = parseMode(properties[MODE_PROPERTY]);
  const fallback = stated ?? DEFAULT_MODE;
  // The limit is for tables that say nothing: a stated default is meant for every column.
  const limit = stated === undefined ? columnLimit(properties[MAX_COLUMNS_PROPERTY]) : Number.POSITIVE_INFINITY;
  let leaves = 0;
  const modes = new Map<number, MetricsMode>();
  for (const [id, { field, path }] of fields) {
    if (typeof field.type !== "string") continue;
    leaves += 1;
    const inferred = leaves <= limit ? fallback : NO_METRICS;
    modes.set(id, parseMode(properties[COLUMN_MODE_PREFIX + path]) ?? inferred);
  }
  return modes;
}

function columnLimit(text: string | undefined): number {
  const limit = Number(text ?? DEFAULT_MAX_COLUMNS);
  return Number.isSafeInteger(limit) && limit >= 0 ? limit : DEFAULT_MAX_COLUMNS;
}

function parseMode(text: string | undefined): MetricsMode | undefined {
  const name = text?.trim().toLowerCase();
  if (name === "none" || name === "counts" || name === "full") return { kind: name };
  const length = Number(/^truncate\((\d+)\)$/.exec(name ?? "")?.[1] ?? 0);
  return length > 0 ? { kind: "truncate", length } : undefined;
}

/** The only types whose bounds may be shortened. */
const TRUNCATED_TYPES = new Set(["string", "binary"]);

interface BoundBytes {
  readonly lower: Uint8Array | undefined;
  readonly upper: Uint8Array | undefined;
}

function columnBounds({ field }: LocatedField, totals: ColumnTotals, mode: MetricsMode): BoundBytes {
  const { type } = field;
  if (typeof type !== "string" || parseShapesType(type) !== undefined) return NO_BOUNDS;
  if (isNanosecondType(type)) return nanosecondBounds(type, totals);
  const length = mode.kind === "truncate" && TRUNCATED_TYPES.has(type) ? mode.length : undefined;
  const { min, max } = totals;
  return {
    lower: encodeBound(type, length === undefined ? min : truncateDown(min, length)),
    upper: encodeBound(type, length === undefined ? max : truncateUp(max, length)),
  };
}

const NO_BOUNDS: BoundBytes = { lower: undefined, upper: undefined };
const NANOS_PER_MICRO = 1000n;

function isWhole(value: Scalar | undefined): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function nanosecondBounds(type: string, { min, max, minNanos, maxNanos }: ColumnTotals): BoundBytes {
  if (minNanos !== undefined && maxNanos !== undefined) {
    return { lower: encodeBound(type, minNanos), upper: encodeBound(type, maxNanos) };
  }
  // Files that count in microseconds, or whose statistics say no more.
  if (!isWhole(min) || !isWhole(max)) return NO_BOUNDS;
  return {
    lower: encodeBound(type, BigInt(min) * NANOS_PER_MICRO),
    upper: encodeBound(type, BigInt(max) * NANOS_PER_MICRO + NANOS_PER_MICRO - 1n),
  };
}

function truncateDown(value: Scalar | undefined, length: number): Scalar | undefined {
  if (typeof value === "string") return truncateString(value, length);
  return value instanceof Uint8Array ? value.subarray(0, length) : value;
}

function truncateUp(value: Scalar | undefined, length: number): Scalar | undefined {
  if (typeof value === "string") return truncateStringUpward(value, length);
  return value instanceof Uint8Array ? truncateBytesUpward(value, length) : value;
}

/** Nulls and NaN are never bounds. */
function encodeBound(type: string, value: Scalar | undefined): Uint8Array | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isNaN(value)) return undefined;
  return scalarToSingleValue(type, value);
}
