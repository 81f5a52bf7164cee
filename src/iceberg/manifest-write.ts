// Encodes manifests and manifest lists. Mirrors manifest-read.ts.

import { LakeError, stringToUtf8, stringifyJson } from "#core";
import { writeAvroFile } from "#codec";
import type { Scalar } from "#columnar";
import { compareScalars } from "./compare.ts";
import type { ContentFile, DataFile, DeleteFile } from "./data-file.ts";
import {
  STATUS_ADDED,
  STATUS_DELETED,
  STATUS_EXISTING,
  type EntryStatus,
  type ManifestEntry,
  type ManifestFile,
  type PartitionFieldSummary,
} from "./manifest.ts";
import {
  decimalByteLength,
  manifestEntrySchema,
  manifestListSchema,
  sanitizeAvroName,
  type PartitionTupleField,
} from "./manifest-schema.ts";
import type { IcebergSchema } from "./schema.ts";
import { bigintToFixedBytes, isDecimal, scalarToSingleValue, uuidToBytes } from "./single-value.ts";

import type { PartitionSpec } from "./table-metadata.ts";
import { parseDecimalType } from "./type-names.ts";

interface ManifestDraftCommon {
  readonly path: string;
  /** That of the table. */
  readonly formatVersion: number;
  readonly schema: IcebergSchema;
  readonly spec: PartitionSpec;
  /** Types of the spec's partition values. */
  readonly tuple: readonly PartitionTupleField[];
  /** The snapshot being made. */
  readonly snapshotId: bigint;
}

/** A manifest to encode; every entry's file has the spec. */
export type ManifestDraft = ManifestDraftCommon &
  (
    | { readonly content?: "data"; readonly entries: readonly ManifestEntry[] }
    | { readonly content: "deletes"; readonly entries: readonly ManifestEntry<DeleteFile>[] }
  );

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

/** Format versions whose manifests are written. */
const WRITABLE_VERSIONS: readonly number[] = [1, 2, 3];

/**
 * Encodes a manifest.
 *
 * Errors: `metadata_invalid` for an entry of another spec or kind, or an existing or deleted one without its numbers;
 * `unsupported_operation` for a format version or partition transform that cannot be written, and for delete files in
 * format version 1.
 */
export function encodeManifest(draft: ManifestDraft): EncodedManifest {
  const { tuple, formatVersion } = draft;
  checkVersion(formatVersion);
  const content = draft.content ?? "data";
  if (formatVersion === 1 && content === "deletes") {
    throw new LakeError("unsupported_operation", "Tables of format version 1 have no delete files.");
  }
  const records = draft.entries.map((entry) => entryToRecord(entry, draft));
  const metadata = new Map(
    Object.entries({
      schema: stringifyJson(draft.schema),
      "schema-id": String(draft.schema["schema-id"]),
      "partition-spec": stringifyJson(draft.spec.fields),
      "partition-spec-id": String(draft.spec["spec-id"]),
      "format-version": String(formatVersion),
      // All files of format version 1 are data files.
      ...(formatVersion === 1 ? {} : { content }),
    }).map(([key, value]) => [key, stringToUtf8(value)] as const),
  );
  const bytes = writeAvroFile(manifestEntrySchema(tuple, formatVersion), metadata, records, "deflate");
  return { bytes, file: summarize(draft, content, bytes.length) };
}

function checkVersion(formatVersion: number): void {
  if (WRITABLE_VERSIONS.includes(formatVersion)) return;
  throw new LakeError("unsupported_operation", `Manifests of format version ${formatVersion} are not written.`);
}

function entryToRecord(
  entry: ManifestEntry<DataFile | DeleteFile>,
  { spec, tuple, content, formatVersion, snapshotId }: ManifestDraft,
): Record<string, unknown> {
  const { dataFile } = entry;
  if (dataFile.specId !== spec["spec-id"] || dataFile.partition.length !== spec.fields.length) {
    throw new LakeError("metadata_invalid", `The file ${dataFile.filePath} does not have spec ${spec["spec-id"]}.`);
  }
  if ((dataFile.content === 0) !== (content !== "deletes")) {
    throw new LakeError("metadata_invalid", `The file ${dataFile.filePath} is of a kind the manifest does not list.`);
  }
  if (entry.status !== STATUS_ADDED && (entry.sequenceNumber === null || entry.fileSequenceNumber === null)) {
    throw new LakeError("metadata_invalid", `The entry of ${dataFile.filePath} lacks its sequence numbers.`);
  }
  return {
    status: entry.status,
    // Format version 1 has nothing to inherit it from.
    snapshot_id: entry.snapshotId ?? (formatVersion === 1 ? snapshotId : null),
    sequence_number: entry.sequenceNumber,
    file_sequence_number: entry.fileSequenceNumber,
    data_file: { ...contentFileToRecord(dataFile, tuple), ...ownFields(dataFile, entry.status) },
  };
}

/** Row ids of added files are inherited: they are not known before the commit. */
function ownFields(file: DataFile | DeleteFile, status: EntryStatus): Record<string, unknown> {
  if (file.content === 0) {
    const firstRowId = status === STATUS_ADDED ? undefined : file.firstRowId;
    return { equality_ids: null, first_row_id: firstRowId ?? null, ...NO_DELETE_FIELDS };
  }
  return {
    equality_ids: file.equalityIds ?? null,
    first_row_id: null,
    referenced_data_file: file.referencedDataFile ?? null,
    content_offset: file.contentOffset ?? null,
    content_size_in_bytes: file.contentSizeBytes ?? null,
  };
}

const NO_DELETE_FIELDS = { referenced_data_file: null, content_offset: null, content_size_in_bytes: null };

/** Format version 1 wants a default here, which nobody reads. */
const DEFAULT_BLOCK_BYTES = 64 * 1024 * 1024;

function contentFileToRecord(file: ContentFile, tuple: readonly PartitionTupleField[]): Record<string, unknown> {
  const values = partitionRecordNames(tuple).map((name, index) => [
    name,
    partitionValueToAvro(tuple[index] as PartitionTupleField, file.partition[index] ?? null),
  ]);
  return {
    content: file.content,
    file_path: file.filePath,
    file_format: file.fileFormat,
    partition: Object.fromEntries(values),
    record_count: file.recordCount,
    file_size_in_bytes: file.fileSizeBytes,
    block_size_in_bytes: DEFAULT_BLOCK_BYTES,
    column_sizes: mapToEntries(file.columnSizes),
    value_counts: mapToEntries(file.valueCounts),
    null_value_counts: mapToEntries(file.nullValueCounts),
    nan_value_counts: mapToEntries(file.nanValueCounts),
    lower_bounds: mapToEntries(file.lowerBounds),
    upper_bounds: mapToEntries(file.upperBounds),
    key_metadata: file.keyMetadata ?? null,
    split_offsets: file.splitOffsets.length === 0 ? null : file.splitOffsets,
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

function summarize(draft: ManifestDraft, content: ManifestFile["content"], lengthBytes: number): UnsequencedManifest {
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
    content,
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
  /** That of the table. */
  readonly formatVersion: number;
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | undefined;
  readonly sequenceNumber: bigint;
  /** The snapshot's; format version 3 requires it. */
  readonly firstRowId?: bigint;
}

/**
 * Encodes a manifest list.
 *
 * Errors: `metadata_invalid` in format version 3 when the header or a data manifest lacks its first row id;
 * `unsupported_operation` for format versions that cannot be written.
 */
export function encodeManifestList(header: ManifestListHeader, manifests: readonly ManifestFile[]): Uint8Array {
  const { formatVersion, firstRowId } = header;
  checkVersion(formatVersion);
  const uncounted = manifests.find((manifest) => manifest.countsUnknown === true);
  if (uncounted !== undefined) {
    throw new LakeError("unsupported_operation", `The files of the manifest ${uncounted.path} were not counted.`);
  }
  if (formatVersion >= 3) checkRowIds(header, manifests);
  const metadata = new Map(
    Object.entries({
      "snapshot-id": String(header.snapshotId),
      "parent-snapshot-id": header.parentSnapshotId === undefined ? "null" : String(header.parentSnapshotId),
      ...(formatVersion === 1 ? {} : { "sequence-number": String(header.sequenceNumber) }),
      ...(formatVersion < 3 ? {} : { "first-row-id": String(firstRowId) }),
      "format-version": String(formatVersion),
    }).map(([key, value]) => [key, stringToUtf8(value)] as const),
  );
  return writeAvroFile(
    manifestListSchema(formatVersion),
    metadata,
    manifests.map((manifest) => manifestToRecord(manifest, formatVersion)),
    "deflate",
  );
}

function checkRowIds(header: ManifestListHeader, manifests: readonly ManifestFile[]): void {
  const lacking = manifests.find((manifest) => manifest.content === "data" && manifest.firstRowId === undefined);
  if (header.firstRowId !== undefined && lacking === undefined) return;
  throw new LakeError("metadata_invalid", "A manifest list of format version 3 lacks first row ids.", {
    context: { snapshotId: header.snapshotId, manifest: lacking?.path },
  });
}

function manifestToRecord(manifest: ManifestFile, formatVersion: number): Record<string, unknown> {
  const summaries = manifest.partitions.map((summary) => ({
    contains_null: summary.containsNull,
    contains_nan: summary.containsNan ?? null,
    lower_bound: summary.lowerBound ?? null,
    upper_bound: summary.upperBound ?? null,
  }));
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
    // Nothing is known of manifests that no list described before.
    partitions: formatVersion === 1 && summaries.length === 0 ? null : summaries,
    key_metadata: manifest.keyMetadata ?? null,
    first_row_id: manifest.firstRowId ?? null,
  };
}
