// Decodes manifests and manifest lists of any writer. Mirrors manifest-write.ts.

import { LakeError } from "#core";
import { readAvroFile, type AvroField, type AvroSchema } from "#codec";
import type { Scalar } from "#columnar";
import type { ContentFile, DataFile, DeleteFile } from "./data-file.ts";
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
  const keyMetadata = bytesOrUndefined(record["key_metadata"]);
  const firstRowId = wide(record["first_row_id"]);
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
    ...(keyMetadata === undefined ? {} : { keyMetadata }),
    ...(firstRowId === undefined ? {} : { firstRowId }),
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
 * Decodes a manifest of data files; null ids, sequence numbers and row ids are filled in from the manifest list's
 * line.
 *
 * Errors: `metadata_invalid`; `unsupported_operation` for a manifest of delete files.
 */
export function decodeManifest(
  bytes: Uint8Array,
  manifest: ManifestFile,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
): ManifestEntry[] {
  expectContent(manifest, "data");
  const file = readAvroFile(bytes);
  const columns = partitionColumns(file.schema, tuple);
  const entries = file.records.map((item) => {
    const record = item as AvroRecordValue;
    return recordToEntry(record, manifest, recordToDataFile(fileRecord(record), manifest, spec, columns));
  });
  return manifest.firstRowId === undefined ? entries : inheritRowIds(entries, manifest.firstRowId);
}

/**
 * Decodes a manifest of delete files; null ids and sequence numbers are filled in from the manifest list's line.
 *
 * Errors: `metadata_invalid`; `unsupported_operation` for a manifest of data files.
 */
export function decodeDeleteManifest(
  bytes: Uint8Array,
  manifest: ManifestFile,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
): ManifestEntry<DeleteFile>[] {
  expectContent(manifest, "deletes");
  const file = readAvroFile(bytes);
  const columns = partitionColumns(file.schema, tuple);
  return file.records.map((item) => {
    const record = item as AvroRecordValue;
    return recordToEntry(record, manifest, recordToDeleteFile(fileRecord(record), manifest, spec, columns));
  });
}

function expectContent(manifest: ManifestFile, content: ManifestFile["content"]): void {
  if (manifest.content === content) return;
  throw new LakeError("unsupported_operation", `The manifest ${manifest.path} lists ${manifest.content} files.`);
}

/** Live files without a row id get the manifest's plus the rows of those before them. */
function inheritRowIds(entries: readonly ManifestEntry[], firstRowId: bigint): ManifestEntry[] {
  let next = firstRowId;
  return entries.map((entry) => {
    if (entry.status === STATUS_DELETED || entry.dataFile.firstRowId !== undefined) return entry;
    const dataFile = { ...entry.dataFile, firstRowId: next };
    next += BigInt(dataFile.recordCount);
    return { ...entry, dataFile };
  });
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

function fileRecord(record: AvroRecordValue): AvroRecordValue {
  const file = record["data_file"];
  if (typeof file === "object" && file !== null) return file as AvroRecordValue;
  throw new LakeError("metadata_invalid", "A manifest lacks data_file.");
}

function recordToEntry<F extends ContentFile>(
  record: AvroRecordValue,
  manifest: ManifestFile,
  dataFile: F,
): ManifestEntry<F> {
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
    dataFile,
  };
}

/** Manifests of format version 1 have sequence number 0 and let every entry inherit it. */
function inheritedSequenceNumber(status: EntryStatus, manifest: ManifestFile): bigint | null {
  return status === STATUS_ADDED || manifest.sequenceNumber === 0n ? manifest.sequenceNumber : null;
}

function recordToDataFile(
  record: AvroRecordValue,
  manifest: ManifestFile,
  spec: PartitionSpec,
  columns: readonly PartitionColumn[],
): DataFile {
  if ((record["content"] ?? 0) !== 0) throw wrongContent(manifest);
  const firstRowId = wide(record["first_row_id"]);
  return {
    ...recordToContentFile(record, spec, columns),
    content: 0,
    ...(firstRowId === undefined ? {} : { firstRowId }),
  };
}

function recordToDeleteFile(
  record: AvroRecordValue,
  manifest: ManifestFile,
  spec: PartitionSpec,
  columns: readonly PartitionColumn[],
): DeleteFile {
  const content = record["content"];
  if (content !== 1 && content !== 2) throw wrongContent(manifest);
  const { equality_ids: equalityIds, referenced_data_file: referenced } = record;
  const { content_offset: offset, content_size_in_bytes: size } = record;
  return {
    ...recordToContentFile(record, spec, columns),
    content,
    ...(Array.isArray(equalityIds) ? { equalityIds: equalityIds.map(count) } : {}),
    ...(typeof referenced === "string" ? { referencedDataFile: referenced } : {}),
    ...(wide(offset) === undefined ? {} : { contentOffset: count(offset) }),
    ...(wide(size) === undefined ? {} : { contentSizeBytes: count(size) }),
  };
}

function wrongContent(manifest: ManifestFile): LakeError {
  return new LakeError("metadata_invalid", `The manifest ${manifest.path} of ${manifest.content} lists another kind.`);
}

function recordToContentFile(
  record: AvroRecordValue,
  spec: PartitionSpec,
  columns: readonly PartitionColumn[],
): Omit<ContentFile, "content"> {
  const partition = record["partition"] as AvroRecordValue;
  const sortOrderId = record["sort_order_id"];
  const keyMetadata = bytesOrUndefined(record["key_metadata"]);
  return {
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
    ...(keyMetadata === undefined ? {} : { keyMetadata }),
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
