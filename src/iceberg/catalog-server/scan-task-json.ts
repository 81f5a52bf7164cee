// Scan tasks and content files as the REST protocol has them. Source: Iceberg REST OpenAPI, FileScanTask, ContentFile;
// counts and bounds as Java's ContentFileParser reads them, bounds in single-value binary.

import { bytesToHex, stringifyJson } from "#core";
import type { Scalar } from "#columnar";
import type { ContentFile, DeleteFile } from "../data-file.ts";
import { defaultToJson } from "../default-value.ts";
import type { PartitionTupleField } from "../manifest-schema.ts";
import type { PlacedFile } from "../scan-page.ts";
import type { LiveDeleteFile } from "../table.ts";

/** Looks up the types of a spec's partition values. */
export type TupleOf = (specId: number) => readonly PartitionTupleField[];

/** The text of a task; `references` are positions among the reply's delete files, `residual` is its filter's text. */
export function scanTaskText(
  { file }: PlacedFile,
  residual: string,
  references: readonly number[],
  statsIds: readonly number[],
  tupleOf: TupleOf,
): string {
  const { dataFile } = file;
  const members = [
    ...contentFileMembers(dataFile, "data", tupleOf),
    ...(dataFile.firstRowId === undefined ? [] : [`"first-row-id":${dataFile.firstRowId}`]),
    ...metricMembers(dataFile, statsIds),
  ];
  const deletes = references.length === 0 ? "" : `,"delete-file-references":[${references.join()}]`;
  return `{"data-file":{${members.join()}}${deletes},"residual-filter":${residual}}`;
}

/** The text of a delete file. */
export function deleteFileText({ deleteFile }: LiveDeleteFile, tupleOf: TupleOf): string {
  const content = deleteFile.content === 2 ? "equality-deletes" : "position-deletes";
  return `{${[...contentFileMembers(deleteFile, content, tupleOf), ...deleteMembers(deleteFile)].join()}}`;
}

function deleteMembers(file: DeleteFile): string[] {
  const { equalityIds, referencedDataFile, contentOffset, contentSizeBytes } = file;
  return [
    ...(equalityIds === undefined ? [] : [`"equality-ids":[${equalityIds.join()}]`]),
    ...(referencedDataFile === undefined ? [] : [`"referenced-data-file":${JSON.stringify(referencedDataFile)}`]),
    ...(contentOffset === undefined ? [] : [`"content-offset":${contentOffset}`]),
    ...(contentSizeBytes === undefined ? [] : [`"content-size-in-bytes":${contentSizeBytes}`]),
  ];
}

function contentFileMembers(file: ContentFile, content: string, tupleOf: TupleOf): string[] {
  const tuple = tupleOf(file.specId);
  const partition = file.partition.map((value, index) => partitionValueText(tuple[index]?.type, value));
  return [
    `"spec-id":${file.specId}`,
    `"content":"${content}"`,
    `"file-path":${JSON.stringify(file.filePath)}`,
    `"file-format":${JSON.stringify(file.fileFormat.toLowerCase())}`,
    `"partition":[${partition.join()}]`,
    `"file-size-in-bytes":${file.fileSizeBytes}`,
    `"record-count":${file.recordCount}`,
    ...(file.splitOffsets.length === 0 ? [] : [`"split-offsets":[${file.splitOffsets.join()}]`]),
    ...(file.sortOrderId === undefined ? [] : [`"sort-order-id":${file.sortOrderId}`]),
    ...(file.keyMetadata === undefined ? [] : [`"key-metadata":${quotedHex(file.keyMetadata)}`]),
  ];
}

const FLOAT_TYPES = new Set<unknown>(["float", "double"]);

function partitionValueText(type: PartitionTupleField["type"] | undefined, value: Scalar): string {
  if (value === null || type === undefined) return "null";
  // Java takes no integer for a float, and has NaN and the infinities in quotes.
  if (typeof value === "number" && FLOAT_TYPES.has(type)) {
    if (!Number.isFinite(value)) return JSON.stringify(String(value));
    return Number.isInteger(value) ? `${Object.is(value, -0) ? "-0" : BigInt(value)}.0` : String(value);
  }
  const json = value instanceof Uint8Array ? hex(value) : defaultToJson(type, value);
  return stringifyJson(json);
}

function hex(bytes: Uint8Array): string {
  return bytesToHex(bytes).toUpperCase();
}

function quotedHex(bytes: Uint8Array): string {
  return `"${hex(bytes)}"`;
}

function metricMembers(file: ContentFile, ids: readonly number[]): string[] {
  if (ids.length === 0) return [];
  const map = <V>(name: string, values: ReadonlyMap<number, V>, text: (value: V) => string): string => {
    const found = ids.flatMap((id) => {
      const value = values.get(id);
      return value === undefined ? [] : [[id, text(value)] as const];
    });
    return `"${name}":{"keys":[${found.map(([id]) => id).join()}],"values":[${found.map(([, item]) => item).join()}]}`;
  };
  return [
    map("column-sizes", file.columnSizes, String),
    map("value-counts", file.valueCounts, String),
    map("null-value-counts", file.nullValueCounts, String),
    map("nan-value-counts", file.nanValueCounts, String),
    map("lower-bounds", file.lowerBounds, quotedHex),
    map("upper-bounds", file.upperBounds, quotedHex),
  ];
}
