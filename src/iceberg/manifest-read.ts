// Decodes manifests and manifest lists of any writer. Mirrors manifest-write.ts.

import { LakeError } from "#core";
import { readAvroFile, type AvroField, type AvroSchema } from "#codec";
import type { Scalar } from "#columnar";
import type { DataFile } from "./data-file.ts";
import {
  STATUS_ADDED,
  STATUS_DELETED,
  type EntryStatus,
  type ManifestEntry,
  type ManifestFile,
  type PartitionFieldSummary,
} from "./manifest.ts";
import { sanitizeAvroName, type PartitionTupleField } from "./manifest-schema.ts";
import { bytesToBigint, bytesToUuid } from "./single-value.ts";
import type { PartitionSpec } from "./table-metadata.ts";
import { parseDecimalType } from "./type-conversion.ts";

type AvroRecordValue = Readonly<Record<string, unknown>>;

/**
 * Decodes a manifest list, of format version 1 too. Errors: `metadata_invalid`.
 */
export function decodeManifestList(bytes: Uint8Array): ManifestFile[] {
  return readAvroFile(bytes).records.map((record) => recordToManifest(record as AvroRecordValue));
}

function recordToManifest(record: AvroRecordValue): ManifestFile {
  const keyMetadata = record["key_metadata"];
  return {
    path: text(record["manifest_path"], "manifest_path"),
    lengthBytes: count(record["manifest_length"]),
    specId: count(record["partition_spec_id"]),
    content: record["content"] === 1 ? "deletes" : "data",
    sequenceNumber: wide(record["sequence_number"]) ?? 0n,
    minSequenceNumber: wide(record["min_sequence_number"]) ?? 0n,
    addedSnapshotId: wide(record["added_snapshot_id"]) ?? 0n,
    addedFiles: countOf(record, "added_files_count", "added_data_files_count"),
    existingFiles: countOf(record, "existing_files_count", "existing_data_files_count"),
    deletedFiles: countOf(record, "deleted_files_count", "deleted_data_files_count"),
    addedRows: count(record["added_rows_count"]),
    existingRows: count(record["existing_rows_count"]),
    deletedRows: count(record["deleted_rows_count"]),
    partitions: ((record["partitions"] ?? []) as readonly AvroRecordValue[]).map(recordToSummary),
    ...(keyMetadata instanceof Uint8Array ? { keyMetadata: keyMetadata.slice() } : {}),
  };
}

/** Writers before Iceberg 1.0 called the counters added_data_files_count and so on. */
function countOf(record: AvroRecordValue, name: string, formerName: string): number {
  return count(record[name] ?? record[formerName]);
}

function recordToSummary(record: AvroRecordValue): PartitionFieldSummary {
  const containsNan = record["contains_nan"];
  return {
    containsNull: record["contains_null"] === true,
    containsNan: typeof containsNan === "boolean" ? containsNan : undefined,
    lowerBound: bytesOrUndefined(record["lower_bound"]),
    upperBound: bytesOrUndefined(record["upper_bound"]),
  };
}

/** Copies, so that a small bound does not hold the whole decoded block. */
function bytesOrUndefined(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value.slice() : undefined;
}

/**
 * Decodes a manifest of data files; null ids and numbers are filled in from the manifest list's line.
 *
 * Errors: `metadata_invalid`; `unsupported_operation` for a manifest of delete files.
 */
export function decodeManifest(
  bytes: Uint8Array,
  manifest: ManifestFile,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
): ManifestEntry[] {
  if (manifest.content === "deletes") {
    throw new LakeError("unsupported_operation", "The table has delete files, which cannot be read here.");
  }
  const file = readAvroFile(bytes);
  const columns = partitionColumns(file.schema, tuple);
  return file.records.map((record) => recordToEntry(record as AvroRecordValue, manifest, spec, columns));
}

/** A spec's field with the name its values have in this manifest. */
interface PartitionColumn {
  readonly avroName: string | undefined;
  readonly field: PartitionTupleField;
}

function partitionColumns(schema: AvroSchema, tuple: readonly PartitionTupleField[]): PartitionColumn[] {
  const dataFile = recordField(recordFields(schema), "data_file");
  const partition = recordField(recordFields(dataFile?.type), "partition");
  const written = recordFields(partition?.type);
  return tuple.map((field) => ({
    field,
    avroName: (
      written.find((candidate) => candidate["field-id"] === field.fieldId) ??
      written.find((candidate) => candidate.name === sanitizeAvroName(field.name))
    )?.name,
  }));
}

function recordFields(schema: AvroSchema | undefined): readonly AvroField[] {
  const fields = typeof schema === "object" && "fields" in schema ? schema.fields : undefined;
  return Array.isArray(fields) ? (fields as readonly AvroField[]) : [];
}

function recordField(fields: readonly AvroField[], name: string): AvroField | undefined {
  return fields.find((field) => field.name === name);
}

function recordToEntry(
  record: AvroRecordValue,
  manifest: ManifestFile,
  spec: PartitionSpec,
  columns: readonly PartitionColumn[],
): ManifestEntry {
  const status = record["status"];
  if (status !== 0 && status !== STATUS_ADDED && status !== STATUS_DELETED) {
    throw new LakeError("metadata_invalid", `The manifest ${manifest.path} has an entry of unknown status.`);
  }
  const inherited = inheritedSequenceNumber(status, manifest);
  return {
    status,
    snapshotId: wide(record["snapshot_id"]) ?? manifest.addedSnapshotId,
    sequenceNumber: wide(record["sequence_number"]) ?? inherited,
    fileSequenceNumber: wide(record["file_sequence_number"]) ?? inherited,
    dataFile: recordToDataFile(record["data_file"] as AvroRecordValue, spec, columns),
  };
}

/** Manifests of format version 1 have sequence number 0 and let every entry inherit it. */
function inheritedSequenceNumber(status: EntryStatus, manifest: ManifestFile): bigint | null {
  return status === STATUS_ADDED || manifest.sequenceNumber === 0n ? manifest.sequenceNumber : null;
}

function recordToDataFile(record: AvroRecordValue, spec: PartitionSpec, columns: readonly PartitionColumn[]): DataFile {
  const partition = record["partition"] as AvroRecordValue;
  const sortOrderId = record["sort_order_id"];
  return {
    content: 0,
    filePath: text(record["file_path"], "file_path"),
    fileFormat: text(record["file_format"], "file_format").toUpperCase(),
    specId: spec["spec-id"],
    partition: columns.map(({ avroName, field }) =>
      avroName === undefined ? null : avroToPartitionValue(field, partition[avroName]),
    ),
    recordCount: count(record["record_count"]),
    fileSizeBytes: count(record["file_size_in_bytes"]),
    columnSizes: entriesToMap(record["column_sizes"], count),
    valueCounts: entriesToMap(record["value_counts"], count),
    nullValueCounts: entriesToMap(record["null_value_counts"], count),
    nanValueCounts: entriesToMap(record["nan_value_counts"], count),
    lowerBounds: entriesToMap(record["lower_bounds"], copyBytes),
    upperBounds: entriesToMap(record["upper_bounds"], copyBytes),
    splitOffsets: ((record["split_offsets"] ?? []) as readonly unknown[]).map(count),
    ...(typeof sortOrderId === "number" ? { sortOrderId } : {}),
  };
}

function avroToPartitionValue(field: PartitionTupleField, value: unknown): Scalar {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) {
    if (field.type === "uuid") return bytesToUuid(value);
    const decimal = typeof field.type === "string" ? parseDecimalType(field.type) : undefined;
    return decimal === undefined ? value.slice() : { unscaled: bytesToBigint(value), scale: decimal.scale };
  }
  return value as Scalar;
}

/** Iceberg's int-keyed maps are arrays of key and value; some writers use a real map with string keys. */
function entriesToMap<T>(value: unknown, convert: (value: unknown) => T): Map<number, T> {
  if (value instanceof Map) {
    return new Map([...(value as ReadonlyMap<string, unknown>)].map(([key, item]) => [Number(key), convert(item)]));
  }
  const entries = (value ?? []) as readonly { readonly key: number; readonly value: unknown }[];
  return new Map(entries.map((entry) => [entry.key, convert(entry.value)]));
}

function copyBytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value.slice() : new Uint8Array(0);
}

function count(value: unknown): number {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : 0;
}

function wide(value: unknown): bigint | undefined {
  return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : undefined;
}

function text(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new LakeError("metadata_invalid", `A manifest lacks ${name}.`);
}
