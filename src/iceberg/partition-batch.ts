// Dividing rows among partitions, and where their files go.

import { stringToUtf8, stringifyJson } from "#core";
import { scalarAt, type Batch, type Scalar } from "#columnar";
import { scalarToJson } from "./data-file.ts";
import { fieldVector } from "./field-vector.ts";
import { murmur3 } from "./murmur3.ts";
import type { IcebergSchema } from "./schema.ts";
import { fieldsById } from "./schema.ts";
import type { PartitionField, PartitionSpec, TableMetadata } from "./table-metadata.ts";
import { applyTransform, fieldTransform, partitionValueToText, transformResultType } from "./transform.ts";

/** Rows of one batch that belong to one partition. */
export interface BatchPartition {
  /** One value for each field of the spec. */
  readonly partition: readonly Scalar[];
  /** Folder such as timestamp_day=2024-01-15, without slashes around it; empty when unpartitioned. */
  readonly path: string;
  /** Row numbers in ascending order. */
  readonly rows: Int32Array<ArrayBuffer>;
}

/** Values of one partition field: a code for every row, and what the codes mean. */
interface FieldCodes {
  readonly codes: Int32Array;
  readonly values: readonly Scalar[];
}

/**
 * Divides a batch whose columns are the schema's, in order. Partitions come in order of their first row; together
 * their rows are all rows of the batch.
 *
 * Cost: one pass for each partition field; the transform runs once for each distinct value.
 * Errors: `unsupported_operation` for transforms that are not known.
 */
export function splitByPartition(batch: Batch, schema: IcebergSchema, spec: PartitionSpec): BatchPartition[] {
  if (batch.rowCount === 0) return [];
  const fields = spec.fields.map((field) => fieldCodes(batch, schema, field));
  const rowsByKey = new Map<number | string, number[]>();
  for (let row = 0; row < batch.rowCount; row++) {
    const key = rowKey(fields, row);
    const rows = rowsByKey.get(key);
    if (rows === undefined) rowsByKey.set(key, [row]);
    else rows.push(row);
  }
  return [...rowsByKey.values()].map((rows) => {
    const first = rows[0] as number;
    const partition = fields.map(({ codes, values }) => values[codes[first] as number] ?? null);
    return { partition, path: partitionPath(schema, spec, partition), rows: Int32Array.from(rows) };
  });
}

function rowKey(fields: readonly FieldCodes[], row: number): number | string {
  if (fields.length === 0) return 0;
  if (fields.length === 1) return (fields[0] as FieldCodes).codes[row] as number;
  return fields.map(({ codes }) => codes[row]).join(",");
}

function fieldCodes(batch: Batch, schema: IcebergSchema, partitionField: PartitionField): FieldCodes {
  const source = fieldVector(batch, schema, partitionField["source-id"]);
  const codes = new Int32Array(batch.rowCount);
  // A void field may outlive its column.
  if (source === undefined) return { codes, values: [null] };
  const { vector: column, field } = source;
  const transform = fieldTransform(partitionField);
  const values: Scalar[] = [];
  const codeByValue = new Map<unknown, number>();
  const codeOf = (from: Scalar): number => {
    const value = applyTransform(transform, field.type, from);
    const valueKey = scalarKey(value);
    const known = codeByValue.get(valueKey);
    if (known !== undefined) return known;
    codeByValue.set(valueKey, values.length);
    return values.push(value) - 1;
  };
  if (column.encoding === "flat" && column.values instanceof Float64Array && isStepwise(partitionField.transform)) {
    const extremes = presentExtremes(column.values, column.validity);
    // Between two values of one period lie only values of that period.
    if (extremes !== undefined && codeOf(extremes.min) === codeOf(extremes.max)) return { codes, values };
    values.length = 0;
    codeByValue.clear();
  }
  const codeBySource = new Map<unknown, number>();
  const codeByEntry = column.encoding === "dictionary" ? new Int32Array(column.dictionary.length) : undefined;
  for (let row = 0; row < batch.rowCount; row++) {
    let entry = -1;
    if (codeByEntry !== undefined && column.encoding === "dictionary" && column.validity?.[row] !== 0) {
      entry = column.codes[row] as number;
      const known = codeByEntry[entry] as number;
      if (known > 0) {
        codes[row] = known - 1;
        continue;
      }
    }
    const value = scalarAt(column, row);
    const sourceKey = scalarKey(value);
    let code = codeBySource.get(sourceKey);
    if (code === undefined) {
      code = codeOf(value);
      rememberSource(codeBySource, sourceKey, code);
    }
    if (codeByEntry !== undefined && entry >= 0) codeByEntry[entry] = code + 1;
    codes[row] = code;
  }
  return { codes, values };
}

/** Whether a transform keeps order, so that equal results at both ends mean equal results between. */
function isStepwise(transform: string): boolean {
  return transform === "year" || transform === "month" || transform === "day" || transform === "hour";
}

/** The least and greatest value; undefined when there is a null or nothing at all. */
function presentExtremes(
  values: Float64Array,
  validity: Uint8Array | undefined,
): { readonly min: number; readonly max: number } | undefined {
  if (values.length === 0 || validity?.includes(0) === true) return undefined;
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min <= max ? { min, max } : undefined;
}

/** Distinct source values remembered; a column of all different values should not be held twice. */
const MAX_REMEMBERED = 65_536;

function rememberSource(codeBySource: Map<unknown, number>, key: unknown, code: number): void {
  if (codeBySource.size >= MAX_REMEMBERED) codeBySource.clear();
  codeBySource.set(key, code);
}

/** Equal for equal values, as a Map key. */
function scalarKey(value: Scalar): unknown {
  return typeof value === "object" && value !== null ? stringifyJson(scalarToJson(value)) : value;
}

/** Longest part of a partition's folder, bytes; object keys end at 1,024 and hold the table's location too. */
const MAX_FOLDER_BYTES = 120;
/** Most folders of a partition; further fields share the last one. */
const MAX_FOLDERS = 4;

/** `text`, or its beginning and a hash when it is too long for a folder's name. Values are read from manifests, never from paths. */
function boundedFolder(text: string): string {
  if (text.length <= MAX_FOLDER_BYTES) return text;
  const hash = (murmur3(stringToUtf8(text)) >>> 0).toString(16).padStart(8, "0");
  let start = text.slice(0, MAX_FOLDER_BYTES - 9);
  while (!isDecodable(start)) start = start.slice(0, start.lastIndexOf("%"));
  return `${start}~${hash}`;
}

/**
 * The folder of a partition, names and values percent-encoded as Iceberg's engines do. Long parts are shortened and
 * fields beyond the third share a folder, so that every object key fits.
 */
export function partitionPath(schema: IcebergSchema, spec: PartitionSpec, partition: readonly Scalar[]): string {
  const fields = fieldsById(schema);
  const folders = spec.fields.map((field, index) => {
    const transform = fieldTransform(field);
    const type = transformResultType(transform, fields.get(field["source-id"])?.field.type ?? "string");
    const text = partitionValueToText(transform, type, partition[index] ?? null);
    return boundedFolder(`${encodeURIComponent(field.name.toWellFormed())}=${encodeURIComponent(text.toWellFormed())}`);
  });
  return [...folders.slice(0, MAX_FOLDERS - 1), ...joinedFolders(folders.slice(MAX_FOLDERS - 1))].join("/");
}

/** Whether a cut left every percent-encoded character whole. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function joinedFolders(folders: readonly string[]): string[] {
  return folders.length < 2 ? [...folders] : [boundedFolder(folders.join("~"))];
}

/** Where a new data file goes: under write.data.path or the table's data folder. */
export function newDataFileLocation(
  metadata: Pick<TableMetadata, "location" | "properties">,
  fileName: string,
  path: string,
): string {
  const folder = (metadata.properties["write.data.path"] ?? `${metadata.location}/data`).replace(/\/+$/, "");
  return path === "" ? `${folder}/${fileName}` : `${folder}/${path}/${fileName}`;
}
