// Encodes manifests and manifest lists. Mirrors manifest-read.ts.

import { LakeError, stringToUtf8, stringifyJson } from "#core";
import { writeAvroFile } from "#codec";
import type { Scalar } from "#columnar";
import { compareScalars } from "./compare.ts";
import type { DataFile } from "./data-file.ts";
import {
  STATUS_ADDED,
  STATUS_DELETED,
  STATUS_EXISTING,
  type ManifestEntry,
  type ManifestFile,
  type PartitionFieldSummary,
} from "./manifest.ts";
import {
  MANIFEST_LIST_SCHEMA,
  decimalByteLength,
  manifestEntrySchema,
  sanitizeAvroName,
  type PartitionTupleField,
} from "./manifest-schema.ts";
import type { IcebergSchema } from "./schema.ts";
import { bigintToFixedBytes, isDecimal, scalarToSingleValue, uuidToBytes } from "./single-value.ts";

import type { PartitionSpec } from "./table-metadata.ts";
import { parseDecimalType } from "./type-conversion.ts";

/** A manifest to encode; every entry's file has the spec. */
export interface ManifestDraft {
  readonly path: string;
  readonly schema: IcebergSchema;
  readonly spec: PartitionSpec;
  /** Types of the spec's partition values. */
  readonly tuple: readonly PartitionTupleField[];
  readonly entries: readonly ManifestEntry[];
  /** The snapshot being made. */
  readonly snapshotId: bigint;
}

/** An encoded manifest. `file` lacks only its sequence number, which the commit's attempt decides. */
export interface EncodedManifest {
  readonly bytes: Uint8Array;
  readonly file: UnsequencedManifest;
}

/** A manifest list line whose sequence number is not decided yet; undefined minimum means that number. */
export type UnsequencedManifest = Omit<ManifestFile, "sequenceNumber" | "minSequenceNumber"> & {
  readonly minSequenceNumber: bigint | undefined;
};

/** Gives a new manifest the sequence number of the commit attempt. */
export function sequenceManifest(manifest: UnsequencedManifest, sequenceNumber: bigint): ManifestFile {
  const { minSequenceNumber } = manifest;
  return { ...manifest, sequenceNumber, minSequenceNumber: minSequenceNumber ?? sequenceNumber };
}

/**
 * Encodes a manifest of data files.
 *
 * Errors: `metadata_invalid` for an entry of another spec, or an existing or deleted one without its numbers.
 */
export function encodeManifest(draft: ManifestDraft): EncodedManifest {
  const { tuple } = draft;
  const records = draft.entries.map((entry) => entryToRecord(entry, draft.spec, tuple));
  const metadata = new Map(
    Object.entries({
      schema: stringifyJson(draft.schema),
      "schema-id": String(draft.schema["schema-id"]),
      "partition-spec": stringifyJson(draft.spec.fields),
      "partition-spec-id": String(draft.spec["spec-id"]),
      "format-version": "2",
      content: "data",
    }).map(([key, value]) => [key, stringToUtf8(value)] as const),
  );
  const bytes = writeAvroFile(manifestEntrySchema(tuple), metadata, records, "deflate");
  return { bytes, file: summarize(draft, bytes.length) };
}

function entryToRecord(
  entry: ManifestEntry,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
): Record<string, unknown> {
  const { dataFile } = entry;
  if (dataFile.specId !== spec["spec-id"] || dataFile.partition.length !== spec.fields.length) {
    throw new LakeError("metadata_invalid", `The file ${dataFile.filePath} does not have spec ${spec["spec-id"]}.`);
  }
  if (entry.status !== STATUS_ADDED && (entry.sequenceNumber === null || entry.fileSequenceNumber === null)) {
    throw new LakeError("metadata_invalid", `The entry of ${dataFile.filePath} lacks its sequence numbers.`);
  }
  return {
    status: entry.status,
    snapshot_id: entry.snapshotId,
    sequence_number: entry.sequenceNumber,
    file_sequence_number: entry.fileSequenceNumber,
    data_file: dataFileToRecord(dataFile, tuple),
  };
}

function dataFileToRecord(file: DataFile, tuple: readonly PartitionTupleField[]): Record<string, unknown> {
  const values = partitionRecordNames(tuple).map((name, index) => [
    name,
    partitionValueToAvro(tuple[index] as PartitionTupleField, file.partition[index] ?? null),
  ]);
  return {
    content: 0,
    file_path: file.filePath,
    file_format: file.fileFormat,
    partition: Object.fromEntries(values),
    record_count: file.recordCount,
    file_size_in_bytes: file.fileSizeBytes,
    column_sizes: mapToEntries(file.columnSizes),
    value_counts: mapToEntries(file.valueCounts),
    null_value_counts: mapToEntries(file.nullValueCounts),
    nan_value_counts: mapToEntries(file.nanValueCounts),
    lower_bounds: mapToEntries(file.lowerBounds),
    upper_bounds: mapToEntries(file.upperBounds),
    key_metadata: null,
    split_offsets: file.splitOffsets.length === 0 ? null : file.splitOffsets,
    equality_ids: null,
    sort_order_id: file.sortOrderId ?? null,
  };
}

function partitionRecordNames(tuple: readonly PartitionTupleField[]): string[] {
  return tuple.map((field) => sanitizeAvroName(field.name));
}

function mapToEntries<T>(map: ReadonlyMap<number, T>): { key: number; value: T }[] | null {
  if (map.size === 0) return null;
  return [...map].map(([key, value]) => ({ key, value })).toSorted((a, b) => a.key - b.key);
}

function partitionValueToAvro(field: PartitionTupleField, value: Scalar): unknown {
  if (value === null || typeof field.type !== "string") return null;
  const decimal = parseDecimalType(field.type);
  if (decimal !== undefined && isDecimal(value)) {
    return bigintToFixedBytes(value.unscaled, decimalByteLength(decimal.precision));
  }
  if (field.type === "uuid" && typeof value === "string") return uuidToBytes(value);
  if (field.type === "boolean") return value === true || value === 1;
  return value;
}

function summarize(draft: ManifestDraft, lengthBytes: number): UnsequencedManifest {
  const files = [0, 0, 0];
  const rows = [0, 0, 0];
  let minSequenceNumber: bigint | undefined;
  for (const { status, sequenceNumber, dataFile } of draft.entries) {
    files[status] = (files[status] as number) + 1;
    rows[status] = (rows[status] as number) + dataFile.recordCount;
    if (status === STATUS_DELETED || sequenceNumber === null) continue;
    if (minSequenceNumber === undefined || sequenceNumber < minSequenceNumber) minSequenceNumber = sequenceNumber;
  }
  return {
    path: draft.path,
    lengthBytes,
    specId: draft.spec["spec-id"],
    content: "data",
    minSequenceNumber,
    addedSnapshotId: draft.snapshotId,
    addedFiles: files[STATUS_ADDED] as number,
    existingFiles: files[STATUS_EXISTING] as number,
    deletedFiles: files[STATUS_DELETED] as number,
    addedRows: rows[STATUS_ADDED] as number,
    existingRows: rows[STATUS_EXISTING] as number,
    deletedRows: rows[STATUS_DELETED] as number,
    partitions: draft.tuple.map((field, index) =>
      summarizeField(
        field.type as string,
        draft.entries.map((entry) => entry.dataFile.partition[index] ?? null),
      ),
    ),
  };
}

function summarizeField(type: string, values: readonly Scalar[]): PartitionFieldSummary {
  let containsNull = false;
  let containsNan = false;
  let lower: Scalar = null;
  let upper: Scalar = null;
  for (const value of values) {
    if (value === null) containsNull = true;
    else if (typeof value === "number" && Number.isNaN(value)) containsNan = true;
    else {
      if (lower === null || compareScalars(value, lower) < 0) lower = value;
      if (upper === null || compareScalars(value, upper) > 0) upper = value;
    }
  }
  return {
    containsNull,
    containsNan,
    lowerBound: lower === null ? undefined : scalarToSingleValue(type, lower),
    upperBound: upper === null ? undefined : scalarToSingleValue(type, upper),
  };
}

/** What a manifest list says of itself. */
export interface ManifestListHeader {
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | undefined;
  readonly sequenceNumber: bigint;
}

/** Encodes a manifest list. */
export function encodeManifestList(header: ManifestListHeader, manifests: readonly ManifestFile[]): Uint8Array {
  const metadata = new Map(
    Object.entries({
      "snapshot-id": String(header.snapshotId),
      "parent-snapshot-id": header.parentSnapshotId === undefined ? "null" : String(header.parentSnapshotId),
      "sequence-number": String(header.sequenceNumber),
      "format-version": "2",
    }).map(([key, value]) => [key, stringToUtf8(value)] as const),
  );
  return writeAvroFile(MANIFEST_LIST_SCHEMA, metadata, manifests.map(manifestToRecord), "deflate");
}

function manifestToRecord(manifest: ManifestFile): Record<string, unknown> {
  return {
    manifest_path: manifest.path,
    manifest_length: manifest.lengthBytes,
    partition_spec_id: manifest.specId,
    content: manifest.content === "data" ? 0 : 1,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.minSequenceNumber,
    added_snapshot_id: manifest.addedSnapshotId,
    added_files_count: manifest.addedFiles,
    existing_files_count: manifest.existingFiles,
    deleted_files_count: manifest.deletedFiles,
    added_rows_count: manifest.addedRows,
    existing_rows_count: manifest.existingRows,
    deleted_rows_count: manifest.deletedRows,
    partitions: manifest.partitions.map((summary) => ({
      contains_null: summary.containsNull,
      contains_nan: summary.containsNan ?? null,
      lower_bound: summary.lowerBound ?? null,
      upper_bound: summary.upperBound ?? null,
    })),
    key_metadata: manifest.keyMetadata ?? null,
  };
}
