// What a table's write properties ask of the Parquet writer, within what an isolate can hold.
// Source: Iceberg docs, "Configuration", write properties.

import { parseSizeBytes } from "#core";
import type { BloomFilterColumn, ParquetCompression, ParquetWriteOptions } from "#parquet";
import { fieldsById, type IcebergSchema } from "./schema.ts";
import type { TableMetadata } from "./table-metadata.ts";

/** 128 MiB, the runbook's size; Iceberg's own default of 512 MB suits clusters, not isolates. */
export const DEFAULT_TARGET_FILE_BYTES = 128 * 1024 * 1024;

/**
 * Decoded bytes of a row group at most. Encoding holds a row group about five times over, and an isolate has 128 MB for
 * everything, so larger values of write.parquet.row-group-size-bytes are cut to this.
 */
const MAX_ROW_GROUP_BYTES = 10 * 1024 * 1024;
/** Rows of a few values each make row groups useless for skipping. */
const MIN_ROW_GROUP_BYTES = 4 * 1024;
/** A page is one unit of reading: larger ones than this defeat page skipping, smaller ones cost more than they save. */
const MIN_PAGE_BYTES = 1024;
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** Iceberg's default for write.parquet.bloom-filter-max-bytes. */
const DEFAULT_BLOOM_BYTES = 1024 * 1024;
/** Iceberg's default for write.parquet.bloom-filter-fpp.column.*. */
const DEFAULT_BLOOM_RATE = 0.01;

const BLOOM_ENABLED = "write.parquet.bloom-filter-enabled.column.";
const BLOOM_RATE = "write.parquet.bloom-filter-fpp.column.";

type Properties = TableMetadata["properties"];

/** `write.target-file-size-bytes` when it is usable, else {@link DEFAULT_TARGET_FILE_BYTES}. */
export function targetFileBytes(properties: Properties): number {
  return sizeProperty(properties, "write.target-file-size-bytes") ?? DEFAULT_TARGET_FILE_BYTES;
}

/**
 * The Parquet options for files of the schema. Values that make no sense are passed over: a table stays writable
 * whatever its properties say, as with Iceberg's engines for properties they do not know.
 */
export function tableWriteOptions(properties: Properties, schema: IcebergSchema): ParquetWriteOptions {
  const rowGroupBytes = sizeProperty(properties, "write.parquet.row-group-size-bytes") ?? MAX_ROW_GROUP_BYTES;
  const pageBytes = sizeProperty(properties, "write.parquet.page-size-bytes");
  const dictionaryBytes = sizeProperty(properties, "write.parquet.dict-size-bytes");
  const level = countProperty(properties, "write.parquet.compression-level");
  const bloomFilters = bloomFilterColumns(properties, schema);
  return {
    compression: compressionOf(properties["write.parquet.compression-codec"]),
    rowGroupBytes: clamp(rowGroupBytes, MIN_ROW_GROUP_BYTES, MAX_ROW_GROUP_BYTES),
    ...(pageBytes === undefined ? {} : { pageBytes: clamp(pageBytes, MIN_PAGE_BYTES, MAX_PAGE_BYTES) }),
    ...(dictionaryBytes === undefined ? {} : { dictionaryBytes }),
    ...(level === undefined ? {} : { compressionLevel: level }),
    ...(bloomFilters.length === 0 ? {} : { bloomFilters }),
  };
}

const COMPRESSIONS: readonly ParquetCompression[] = ["zstd", "gzip", "brotli", "snappy", "lz4", "uncompressed"];

function compressionOf(codec: string | undefined): ParquetCompression {
  const name = codec?.trim().toLowerCase();
  return COMPRESSIONS.find((compression) => compression === name) ?? "zstd";
}

function bloomFilterColumns(properties: Properties, schema: IcebergSchema): BloomFilterColumn[] {
  const maxBytes = sizeProperty(properties, "write.parquet.bloom-filter-max-bytes") ?? DEFAULT_BLOOM_BYTES;
  const columns: BloomFilterColumn[] = [];
  for (const [fieldId, { field, path }] of fieldsById(schema)) {
    if (typeof field.type !== "string" || properties[BLOOM_ENABLED + path]?.toLowerCase() !== "true") continue;
    const rate = Number(properties[BLOOM_RATE + path] ?? DEFAULT_BLOOM_RATE);
    const falsePositiveRate = rate > 0 && rate < 1 ? rate : DEFAULT_BLOOM_RATE;
    columns.push({ fieldId, falsePositiveRate, maxBytes });
  }
  return columns;
}

function sizeProperty(properties: Properties, name: string): number | undefined {
  const text = properties[name];
  if (text === undefined) return undefined;
  try {
    return Math.max(1, parseSizeBytes(text, name));
  } catch {
    return undefined;
  }
}

function countProperty(properties: Properties, name: string): number | undefined {
  const count = Number(properties[name] ?? Number.NaN);
  return Number.isSafeInteger(count) && count > 0 ? count : undefined;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
