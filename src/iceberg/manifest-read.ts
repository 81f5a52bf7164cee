// Decodes manifests and manifest lists of any writer. Mirrors manifest-write.ts.

import { LakeError, stringToUtf8, utf8ToString } from "#core";
import {
  compileAvroDecoder,
  createAvroCursor,
  readAvroBlocks,
  readAvroBytes,
  readAvroFile,
  type AvroCursor,
} from "#codec";
import type { Scalar } from "#columnar";
import type { ContentFile, DataFile, DeleteFile } from "./data-file.ts";
import { createEntrySlots, type EntrySlots } from "./manifest-layout.ts";
import { forEachEntry, type ManifestSource } from "./manifest-walk.ts";
import {
  STATUS_ADDED,
  STATUS_DELETED,
  STATUS_EXISTING,
  type EntryStatus,
  type ManifestEntry,
  type ManifestFile,
  type PartitionFieldSummary,
} from "./manifest.ts";
import type { PartitionTupleField } from "./manifest-schema.ts";
import type { ColumnMetrics } from "./partition-pruning.ts";
import { encodedBounds, encodedCounts, seekBound, seekCount } from "./metric-map.ts";
import type { PartitionSpec } from "./table-metadata.ts";

type AvroRecordValue = Readonly<Record<string, unknown>>;

/**
 * Decodes a manifest list, of format version 1 too. Errors: `metadata_invalid`.
 */
export function decodeManifestList(bytes: Uint8Array): ManifestFile[] {
  return readAvroFile(bytes).records.map((record) => {
    if (typeof record === "object" && record !== null) return recordToManifest(record as AvroRecordValue);
    throw new LakeError("metadata_invalid", "A manifest list holds something else than manifests.");
  });
}

/**
 * What a manifest list would say of a manifest that none lists: format version 1 lets a snapshot name its manifests
 * itself. Errors: `metadata_invalid`.
 */
export function describeManifest(path: string, bytes: Uint8Array): ManifestFile {
  const file = readAvroBlocks(bytes);
  const specId = Number(utf8ToString(file.metadata.get("partition-spec-id") ?? new Uint8Array(0)) || "0");
  if (!Number.isSafeInteger(specId)) throw new LakeError("metadata_invalid", `The manifest ${path} names no spec.`);
  const described = { ...UNLISTED_MANIFEST, path, lengthBytes: bytes.length, specId };
  return { ...described, ...countEntries(bytes, described) };
}

const UNLISTED_MANIFEST = {
  content: "data",
  sequenceNumber: 0n,
  minSequenceNumber: 0n,
  addedSnapshotId: 0n,
  addedFiles: 0,
  existingFiles: 0,
  deletedFiles: 0,
  addedRows: 0,
  existingRows: 0,
  deletedRows: 0,
  partitions: [],
} as const;

/** The manifest with its counts taken from its entries. Errors: `metadata_invalid`. */
export function withCounts(manifest: ManifestFile, bytes: Uint8Array): ManifestFile {
  const { countsUnknown: _unknown, ...known } = manifest;
  return { ...known, ...countEntries(bytes, known) };
}

function countEntries(
  bytes: Uint8Array,
  manifest: ManifestFile,
): ManifestCounts & Partial<Pick<ManifestFile, "addedSnapshotId">> {
  const files = [0, 0, 0];
  const rows = [0, 0, 0];
  // Without a list only the entries tell which snapshot made the manifest.
  let { addedSnapshotId } = manifest;
  forEachEntry(bytes, [], manifest.path, (slots) => {
    if (addedSnapshotId === 0n) addedSnapshotId = wide(slots.snapshotId) ?? 0n;
    files[slots.status] = (files[slots.status] as number) + 1;
    rows[slots.status] = (rows[slots.status] as number) + slots.recordCount;
  });
  return {
    addedSnapshotId,
    addedFiles: files[STATUS_ADDED] as number,
    existingFiles: files[STATUS_EXISTING] as number,
    deletedFiles: files[STATUS_DELETED] as number,
    addedRows: rows[STATUS_ADDED] as number,
    existingRows: rows[STATUS_EXISTING] as number,
    deletedRows: rows[STATUS_DELETED] as number,
  };
}

function recordToManifest(record: AvroRecordValue): ManifestFile {
  const keyMetadata = bytesOrUndefined(record["key_metadata"]);
  const firstRowId = wide(record["first_row_id"]);
  return {
    path: text(record["manifest_path"], "manifest_path"),
    lengthBytes: count(record["manifest_length"], "manifest_length"),
    specId: count(record["partition_spec_id"] ?? 0, "partition_spec_id"),
    content: manifestContent(record["content"]),
    sequenceNumber: wide(record["sequence_number"]) ?? 0n,
    minSequenceNumber: wide(record["min_sequence_number"]) ?? 0n,
    addedSnapshotId: wide(record["added_snapshot_id"]) ?? 0n,
    ...readCounts(record),
    partitions: ((record["partitions"] ?? []) as readonly AvroRecordValue[]).map(recordToSummary),
    ...(keyMetadata === undefined ? {} : { keyMetadata }),
    ...(firstRowId === undefined ? {} : { firstRowId }),
  };
}

function manifestContent(value: unknown): ManifestFile["content"] {
  if (value === undefined || value === null || value === 0) return "data";
  if (value === 1) return "deletes";
  throw new LakeError("metadata_invalid", "A manifest list names a manifest of unknown content.");
}

type ManifestCounts = Pick<
  ManifestFile,
  "countsUnknown" | "addedFiles" | "existingFiles" | "deletedFiles" | "addedRows" | "existingRows" | "deletedRows"
>;

/** Writers before Iceberg 1.0 called the counters of files added_data_files_count and so on. */
function readCounts(record: AvroRecordValue): ManifestCounts {
  const values = ["added", "existing", "deleted"].map((kind) => ({
    files: record[`${kind}_files_count`] ?? record[`${kind}_data_files_count`],
    rows: record[`${kind}_rows_count`],
  }));
  if (values.some(({ files, rows }) => isNothing(files) || isNothing(rows))) return UNKNOWN_COUNTS;
  const [added, existing, deleted] = values.map(({ files, rows }) => ({
    files: count(files, "files_count"),
    rows: count(rows, "rows_count"),
  })) as [FilesAndRows, FilesAndRows, FilesAndRows];
  return {
    addedFiles: added.files,
    existingFiles: existing.files,
    deletedFiles: deleted.files,
    addedRows: added.rows,
    existingRows: existing.rows,
    deletedRows: deleted.rows,
  };
}

interface FilesAndRows {
  readonly files: number;
  readonly rows: number;
}

const UNKNOWN_COUNTS: ManifestCounts = {
  countsUnknown: true,
  addedFiles: 1,
  existingFiles: 0,
  deletedFiles: 0,
  addedRows: 0,
  existingRows: 0,
  deletedRows: 0,
};

function isNothing(value: unknown): boolean {
  return value === undefined || value === null;
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

/** One entry of a manifest while it is walked over: reading is done in place, and only of what is asked for. */
export interface EntryView extends ColumnMetrics {
  readonly partition: readonly Scalar[];
  readonly recordCount: number;
  readonly fileSizeBytes: number;
}

/** Whether a live entry is wanted; the view is good only during the call. */
export type EntryTest = (view: EntryView) => boolean;

/**
 * Decodes a manifest of data files; null ids, sequence numbers and row ids are filled in from the manifest list's
 * line.
 *
 * Errors: `metadata_invalid`; `unsupported_operation` for a manifest of delete files.
 */
export function decodeManifest(
  source: ManifestSource,
  manifest: ManifestFile,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
): ManifestEntry[] {
  expectContent(manifest, "data");
  return readEntries(source, manifest, tuple, undefined, (slots, block, rowId) =>
    dataFileOf(slots, block, manifest, spec, rowId),
  );
}

/** The live entries of a manifest of data files that pass the test. Errors: as {@link decodeManifest}. */
export function decodeLiveEntries(
  source: ManifestSource,
  manifest: ManifestFile,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
  test: EntryTest,
): ManifestEntry[] {
  expectContent(manifest, "data");
  return readEntries(source, manifest, tuple, test, (slots, block, rowId) =>
    dataFileOf(slots, block, manifest, spec, rowId),
  );
}

/**
 * Decodes a manifest of delete files; null ids and sequence numbers are filled in from the manifest list's line.
 *
 * Errors: `metadata_invalid`; `unsupported_operation` for a manifest of data files.
 */
export function decodeDeleteManifest(
  source: ManifestSource,
  manifest: ManifestFile,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
): ManifestEntry<DeleteFile>[] {
  expectContent(manifest, "deletes");
  return readEntries(source, manifest, tuple, undefined, (slots, block) => deleteFileOf(slots, block, manifest, spec));
}

/** The live entries of a manifest of delete files that pass the test. Errors: as {@link decodeDeleteManifest}. */
export function decodeLiveDeletes(
  source: ManifestSource,
  manifest: ManifestFile,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
  test: EntryTest,
): ManifestEntry<DeleteFile>[] {
  expectContent(manifest, "deletes");
  return readEntries(source, manifest, tuple, test, (slots, block) => deleteFileOf(slots, block, manifest, spec));
}

function expectContent(manifest: ManifestFile, content: ManifestFile["content"]): void {
  if (manifest.content === content) return;
  throw new LakeError("unsupported_operation", `The manifest ${manifest.path} lists ${manifest.content} files.`);
}

/** All entries, or the live ones that pass the test. */
function readEntries<F extends ContentFile>(
  source: ManifestSource,
  manifest: ManifestFile,
  tuple: readonly PartitionTupleField[],
  test: EntryTest | undefined,
  toFile: (slots: Readonly<EntrySlots>, block: Uint8Array, rowId: bigint | undefined) => F,
): ManifestEntry<F>[] {
  const entries: ManifestEntry<F>[] = [];
  const place: EntryPlace = { slots: createEntrySlots(), cursor: createAvroCursor(new Uint8Array(0)) };
  const view = createEntryView(place);
  let nextRowId = manifest.firstRowId;
  forEachEntry(source, tuple, manifest.path, (slots, cursor) => {
    place.slots = slots;
    place.cursor = cursor;
    const isLive = slots.status !== STATUS_DELETED;
    let rowId = wide(slots.firstRowId);
    // Live files without a row id get the manifest's plus the rows of those before them.
    if (nextRowId !== undefined && isLive && rowId === undefined) {
      rowId = nextRowId;
      nextRowId += BigInt(slots.recordCount);
    }
    if (test !== undefined && (!isLive || !test(view))) return;
    entries.push(toEntry(slots, manifest, toFile(slots, cursor.bytes, rowId)));
  });
  return entries;
}

/** Where the entry lies that is looked at. */
interface EntryPlace {
  slots: Readonly<EntrySlots>;
  cursor: AvroCursor;
}

function createEntryView(place: EntryPlace): EntryView {
  return {
    get partition() {
      return place.slots.partition;
    },
    get recordCount() {
      return place.slots.recordCount;
    },
    get fileSizeBytes() {
      return place.slots.fileSizeBytes;
    },
    valueCounts: { get: (fieldId) => seekCount(place.cursor, place.slots.valueCountsAt, fieldId) },
    nullValueCounts: { get: (fieldId) => seekCount(place.cursor, place.slots.nullValueCountsAt, fieldId) },
    nanValueCounts: { get: (fieldId) => seekCount(place.cursor, place.slots.nanValueCountsAt, fieldId) },
    lowerBounds: { get: (fieldId) => seekBound(place.cursor, place.slots.lowerBoundsAt, fieldId) },
    upperBounds: { get: (fieldId) => seekBound(place.cursor, place.slots.upperBoundsAt, fieldId) },
  };
}

function toEntry<F extends ContentFile>(
  slots: Readonly<EntrySlots>,
  manifest: ManifestFile,
  dataFile: F,
): ManifestEntry<F> {
  const status = slots.status as EntryStatus;
  const inherited = inheritedSequenceNumber(status, manifest);
  return {
    status,
    snapshotId: wide(slots.snapshotId) ?? manifest.addedSnapshotId,
    sequenceNumber: wide(slots.sequenceNumber) ?? inherited,
    fileSequenceNumber: wide(slots.fileSequenceNumber) ?? inherited,
    dataFile,
  };
}

/** Manifests of format version 1 have sequence number 0 and let every entry inherit it. */
function inheritedSequenceNumber(status: EntryStatus, manifest: ManifestFile): bigint | null {
  return status === STATUS_ADDED || manifest.sequenceNumber === 0n ? manifest.sequenceNumber : null;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function dataFileOf(
  slots: Readonly<EntrySlots>,
  block: Uint8Array,
  manifest: ManifestFile,
  spec: PartitionSpec,
  rowId: bigint | undefined,
): DataFile {
  if (slots.content !== 0) throw wrongContent(manifest);
  const file: Mutable<DataFile> = contentFileOf(slots, block, spec, 0);
  if (rowId !== undefined) file.firstRowId = rowId;
  return file;
}

function deleteFileOf(
  slots: Readonly<EntrySlots>,
  block: Uint8Array,
  manifest: ManifestFile,
  spec: PartitionSpec,
): DeleteFile {
  const { content, contentOffset, contentSizeBytes } = slots;
  if (content !== 1 && content !== 2) throw wrongContent(manifest);
  const file: Mutable<DeleteFile> = contentFileOf(slots, block, spec, content);
  const equalityIds = integersAt(block, slots.equalityIdsAt);
  if (equalityIds.length > 0) file.equalityIds = equalityIds;
  if (slots.referencedDataFileAt >= 0) file.referencedDataFile = textAt(block, slots.referencedDataFileAt);
  if (contentOffset >= 0) file.contentOffset = contentOffset;
  if (contentSizeBytes >= 0) file.contentSizeBytes = contentSizeBytes;
  return file;
}

function wrongContent(manifest: ManifestFile): LakeError {
  return new LakeError("metadata_invalid", `The manifest ${manifest.path} of ${manifest.content} lists another kind.`);
}

/** The file holds a copy of its entry's bytes, so that a few files do not keep whole blocks in memory. */
function contentFileOf<C extends ContentFile["content"]>(
  slots: Readonly<EntrySlots>,
  block: Uint8Array,
  spec: PartitionSpec,
  content: C,
): Mutable<ContentFile> & { content: C } {
  const { start } = slots;
  const bytes = block.slice(start, slots.end);
  const at = (offset: number): number => (offset < 0 ? -1 : offset - start);
  const file: Mutable<ContentFile> & { content: C } = {
    content,
    filePath: textAt(bytes, at(slots.filePathAt)),
    fileFormat: formatAt(bytes, at(slots.fileFormatAt)),
    specId: spec["spec-id"],
    partition: slots.partition,
    recordCount: slots.recordCount,
    fileSizeBytes: slots.fileSizeBytes,
    columnSizes: encodedCounts(bytes, at(slots.columnSizesAt)),
    valueCounts: encodedCounts(bytes, at(slots.valueCountsAt)),
    nullValueCounts: encodedCounts(bytes, at(slots.nullValueCountsAt)),
    nanValueCounts: encodedCounts(bytes, at(slots.nanValueCountsAt)),
    lowerBounds: encodedBounds(bytes, at(slots.lowerBoundsAt)),
    upperBounds: encodedBounds(bytes, at(slots.upperBoundsAt)),
    splitOffsets: integersAt(bytes, at(slots.splitOffsetsAt)),
  };
  if (slots.sortOrderId >= 0) file.sortOrderId = slots.sortOrderId;
  if (slots.keyMetadataAt >= 0) file.keyMetadata = bytesAt(bytes, at(slots.keyMetadataAt));
  return file;
}

function cursorAt(bytes: Uint8Array, offset: number): AvroCursor {
  const cursor = createAvroCursor(bytes);
  cursor.offset = offset;
  return cursor;
}

function bytesAt(bytes: Uint8Array, offset: number): Uint8Array {
  return readAvroBytes(cursorAt(bytes, offset));
}

function textAt(bytes: Uint8Array, offset: number): string {
  return utf8ToString(bytesAt(bytes, offset));
}

const PARQUET = "PARQUET";
const ENCODED_PARQUET = Uint8Array.of(PARQUET.length * 2, ...stringToUtf8(PARQUET));

/** Nearly every file has the same format, which then is not decoded. */
function formatAt(bytes: Uint8Array, offset: number): string {
  const isParquet = ENCODED_PARQUET.every((byte, index) => bytes[offset + index] === byte);
  return isParquet ? PARQUET : textAt(bytes, offset).toUpperCase();
}

const readIntegers = compileAvroDecoder({ type: "array", items: "long" });
const NO_INTEGERS: readonly number[] = [];

function integersAt(bytes: Uint8Array, offset: number): readonly number[] {
  return offset < 0 ? NO_INTEGERS : (readIntegers(cursorAt(bytes, offset)) as readonly (number | bigint)[]).map(Number);
}

function count(value: unknown, name: string): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new LakeError("metadata_invalid", `A manifest list's ${name} is no count.`);
}

function wide(value: unknown): bigint | undefined {
  return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : undefined;
}

function text(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new LakeError("metadata_invalid", `A manifest lacks ${name}.`);
}
