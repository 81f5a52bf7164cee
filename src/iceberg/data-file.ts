// Data files and delete files as table operations pass them around, and their plain JSON form for RPC and workflow state.
// Source: Iceberg table spec, data_file.

import { LakeError } from "#core";
import type { Scalar } from "#columnar";

/**
 * What data files and delete files have in common.
 *
 * Shapes: maps are keyed by field id. `partition` has one value for each field of the spec, in the physical form
 * of the transform's result: day, month, year and hour are integers since 1970.
 * Units/ranges: bounds are single-value binary; a missing key means unknown.
 * Ownership: shared; bounds may be views of a manifest's bytes and may not be mutated.
 */
export interface ContentFile {
  /** 0 data, 1 position deletes or a deletion vector, 2 equality deletes. */
  readonly content: 0 | 1 | 2;
  readonly filePath: string;
  /** PARQUET, AVRO, ORC, or PUFFIN for a deletion vector. */
  readonly fileFormat: string;
  readonly specId: number;
  readonly partition: readonly Scalar[];
  readonly recordCount: number;
  readonly fileSizeBytes: number;
  readonly columnSizes: ReadonlyMap<number, number>;
  readonly valueCounts: ReadonlyMap<number, number>;
  readonly nullValueCounts: ReadonlyMap<number, number>;
  readonly nanValueCounts: ReadonlyMap<number, number>;
  readonly lowerBounds: ReadonlyMap<number, Uint8Array>;
  readonly upperBounds: ReadonlyMap<number, Uint8Array>;
  readonly splitOffsets: readonly number[];
  readonly sortOrderId?: number;
  readonly keyMetadata?: Uint8Array;
}

/** One immutable data file of a table. */
export interface DataFile extends ContentFile {
  readonly content: 0;
  /** Row id of the file's first row, format version 3; its other rows count up from there. Inheritance is done. */
  readonly firstRowId?: bigint;
}

/** One immutable file of deletes. */
export interface DeleteFile extends ContentFile {
  readonly content: 1 | 2;
  /** Columns whose values name the deleted rows; only equality deletes have them. */
  readonly equalityIds?: readonly number[];
  /** The only data file the deletes are about; every deletion vector has one. */
  readonly referencedDataFile?: string;
  /** Where a deletion vector's blob starts in its Puffin file. */
  readonly contentOffset?: number;
  readonly contentSizeBytes?: number;
}

/** Whether a delete file is a deletion vector: a bitmap of one data file's deleted positions. */
export function isDeletionVector(file: DeleteFile): boolean {
  return file.content === 1 && file.fileFormat === "PUFFIN";
}

type CountsJson = Readonly<Record<string, number>>;
type BoundsJson = Readonly<Record<string, string>>;

/** A scalar in plain JSON: values JSON lacks are wrapped in one-key objects. */
export type ScalarJson =
  | null
  | boolean
  | number
  | string
  | { readonly int64: string }
  | { readonly number: string }
  | { readonly base64: string }
  | { readonly unscaled: string; readonly scale: number };

/** {@link ContentFile} in plain JSON; bytes are base64. */
export interface ContentFileJson {
  readonly content: 0 | 1 | 2;
  readonly filePath: string;
  readonly fileFormat: string;
  readonly specId: number;
  readonly partition: readonly ScalarJson[];
  readonly recordCount: number;
  readonly fileSizeBytes: number;
  readonly columnSizes: CountsJson;
  readonly valueCounts: CountsJson;
  readonly nullValueCounts: CountsJson;
  readonly nanValueCounts: CountsJson;
  readonly lowerBounds: BoundsJson;
  readonly upperBounds: BoundsJson;
  readonly splitOffsets: readonly number[];
  readonly sortOrderId?: number;
  readonly keyMetadata?: string;
}

/** {@link DataFile} in plain JSON. */
export interface DataFileJson extends ContentFileJson {
  readonly content: 0;
  /** A decimal integer. */
  readonly firstRowId?: string;
}

/** {@link DeleteFile} in plain JSON. */
export interface DeleteFileJson extends ContentFileJson {
  readonly content: 1 | 2;
  readonly equalityIds?: readonly number[];
  readonly referencedDataFile?: string;
  readonly contentOffset?: number;
  readonly contentSizeBytes?: number;
}

/** The file in plain JSON; inverse of {@link dataFileFromJson}. */
export function dataFileToJson(file: DataFile): DataFileJson {
  return {
    ...contentFileToJson(file),
    content: 0,
    ...(file.firstRowId === undefined ? {} : { firstRowId: file.firstRowId.toString() }),
  };
}

/** The file of its plain JSON; inverse of {@link dataFileToJson}. */
export function dataFileFromJson(json: DataFileJson): DataFile {
  return {
    ...contentFileFromJson(json),
    content: 0,
    ...(json.firstRowId === undefined ? {} : { firstRowId: BigInt(json.firstRowId) }),
  };
}

/** The file in plain JSON; inverse of {@link deleteFileFromJson}. */
export function deleteFileToJson(file: DeleteFile): DeleteFileJson {
  return { ...contentFileToJson(file), content: file.content, ...deleteFields(file) };
}

/** The file of its plain JSON; inverse of {@link deleteFileToJson}. */
export function deleteFileFromJson(json: DeleteFileJson): DeleteFile {
  return { ...contentFileFromJson(json), content: json.content, ...deleteFields(json) };
}

function deleteFields(
  file: DeleteFile | DeleteFileJson,
): Pick<DeleteFile, "equalityIds" | "referencedDataFile" | "contentOffset" | "contentSizeBytes"> {
  const { equalityIds, referencedDataFile, contentOffset, contentSizeBytes } = file;
  return {
    ...(equalityIds === undefined ? {} : { equalityIds }),
    ...(referencedDataFile === undefined ? {} : { referencedDataFile }),
    ...(contentOffset === undefined ? {} : { contentOffset }),
    ...(contentSizeBytes === undefined ? {} : { contentSizeBytes }),
  };
}

function contentFileToJson(file: ContentFile): Omit<ContentFileJson, "content"> {
  return {
    filePath: file.filePath,
    fileFormat: file.fileFormat,
    specId: file.specId,
    partition: file.partition.map(scalarToJson),
    recordCount: file.recordCount,
    fileSizeBytes: file.fileSizeBytes,
    columnSizes: Object.fromEntries(file.columnSizes),
    valueCounts: Object.fromEntries(file.valueCounts),
    nullValueCounts: Object.fromEntries(file.nullValueCounts),
    nanValueCounts: Object.fromEntries(file.nanValueCounts),
    lowerBounds: boundsToJson(file.lowerBounds),
    upperBounds: boundsToJson(file.upperBounds),
    splitOffsets: file.splitOffsets,
    ...(file.sortOrderId === undefined ? {} : { sortOrderId: file.sortOrderId }),
    ...(file.keyMetadata === undefined ? {} : { keyMetadata: bytesToBase64(file.keyMetadata) }),
  };
}

function contentFileFromJson(json: ContentFileJson): Omit<ContentFile, "content"> {
  return {
    filePath: json.filePath,
    fileFormat: json.fileFormat,
    specId: json.specId,
    partition: json.partition.map(scalarFromJson),
    recordCount: json.recordCount,
    fileSizeBytes: json.fileSizeBytes,
    columnSizes: countsFromJson(json.columnSizes),
    valueCounts: countsFromJson(json.valueCounts),
    nullValueCounts: countsFromJson(json.nullValueCounts),
    nanValueCounts: countsFromJson(json.nanValueCounts),
    lowerBounds: boundsFromJson(json.lowerBounds),
    upperBounds: boundsFromJson(json.upperBounds),
    splitOffsets: json.splitOffsets,
    ...(json.sortOrderId === undefined ? {} : { sortOrderId: json.sortOrderId }),
    ...(json.keyMetadata === undefined ? {} : { keyMetadata: base64ToBytes(json.keyMetadata) }),
  };
}

function countsFromJson(json: CountsJson): Map<number, number> {
  return new Map(Object.entries(json).map(([id, count]) => [Number(id), count]));
}

function boundsToJson(bounds: ReadonlyMap<number, Uint8Array>): BoundsJson {
  return Object.fromEntries([...bounds].map(([id, bytes]) => [id, bytesToBase64(bytes)]));
}

function boundsFromJson(json: BoundsJson): Map<number, Uint8Array> {
  return new Map(Object.entries(json).map(([id, text]) => [Number(id), base64ToBytes(text)]));
}

/** A partition value in plain JSON; equal values give equal JSON. Errors: `metadata_invalid` for nested values. */
export function scalarToJson(value: Scalar): ScalarJson {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "bigint") return { int64: value.toString() };
  if (typeof value === "number") {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { number: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (value instanceof Uint8Array) return { base64: bytesToBase64(value) };
  if ("unscaled" in value && typeof value.unscaled === "bigint") {
    return { unscaled: value.unscaled.toString(), scale: Number(value.scale) };
  }
  throw new LakeError("metadata_invalid", "A partition value is neither a primitive nor null.");
}

function scalarFromJson(json: ScalarJson): Scalar {
  if (json === null || typeof json !== "object") return json;
  if ("int64" in json) return BigInt(json.int64);
  if ("number" in json) return Number(json.number);
  if ("base64" in json) return base64ToBytes(json.base64);
  return { unscaled: BigInt(json.unscaled), scale: json.scale };
}

function bytesToBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function base64ToBytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
