// Equality delete files: rows whose values name the rows they delete. Source: Iceberg table spec, "Equality Delete
// Files".

import { LakeError } from "#core";
import { scalarAt, type DataType, type Scalar, type Vector } from "#columnar";
import { readParquetMetadata, scanParquet, type RangeReader } from "#parquet";
import type { DeleteFile } from "./data-file.ts";
import type { IcebergField, LocatedField } from "./schema.ts";
import { allFieldsById } from "./spec-tuple.ts";
import { currentSchema, type TableMetadata } from "./table-metadata.ts";
import { icebergTypeToStoredType } from "./type-conversion.ts";

/** A value as a Map key: equal for equal values of one column. */
export type ValueKey = string | number | bigint | boolean | null;

/** A column whose values are compared. */
export interface EqualityColumn {
  readonly fieldId: number;
  /** The top-level column it lies in: itself unless nested. */
  readonly rootFieldId: number;
  readonly rootType: DataType;
  /** Names from the root down to the column, the root's left out; empty for a top-level column. */
  readonly path: readonly string[];
}

/** What deletes with the same columns and scope say: each key's latest data sequence number. */
export interface EqualityKeys {
  readonly columns: readonly EqualityColumn[];
  readonly sequenceByKey: ReadonlyMap<ValueKey, number>;
}

/** Bytes of an entry in the map of keys beside its text, estimated from V8's tables. */
const ENTRY_BYTES = 64;

/** Errors: `unsupported_operation` for deletes that are not Parquet. */
export function requireParquetDeletes(file: DeleteFile): void {
  if (file.fileFormat === "PARQUET") return;
  throw new LakeError(
    "unsupported_operation",
    `The delete file ${file.filePath} is ${file.fileFormat}: only Parquet and deletion vectors are read here.`,
  );
}

/**
 * The columns with these ids as any schema of the table has them. A dropped column is still compared.
 * Errors: `metadata_invalid` for an unknown column or one inside a list or map.
 */
export function equalityColumns(metadata: TableMetadata, fieldIds: readonly number[]): readonly EqualityColumn[] {
  const fields = allFieldsById(metadata);
  const roots = [...metadata.schemas.flatMap((schema) => schema.fields), ...currentSchema(metadata).fields];
  return fieldIds.map((fieldId) => {
    const located = fields.get(fieldId);
    const column = located === undefined || located.repeated ? undefined : locateColumn(located, roots);
    if (column === undefined) {
      throw new LakeError("metadata_invalid", `Equality deletes compare the field ${fieldId}, which cannot be found.`);
    }
    return column;
  });
}

function locateColumn({ field }: LocatedField, roots: readonly IcebergField[]): EqualityColumn | undefined {
  // The newest schema's root comes last and has the names that values are read by.
  for (const root of roots.toReversed()) {
    const path = pathTo(root, field.id);
    if (path === undefined) continue;
    // Values are compared as they are stored.
    const rootType = icebergTypeToStoredType(root.type);
    return { fieldId: field.id, rootFieldId: root.id, rootType, path };
  }
  return undefined;
}

function pathTo(field: IcebergField, fieldId: number): readonly string[] | undefined {
  if (field.id === fieldId) return [];
  if (typeof field.type === "string" || field.type.type !== "struct") return undefined;
  for (const child of field.type.fields) {
    const path = pathTo(child, fieldId);
    if (path !== undefined) return [child.name, ...path];
  }
  return undefined;
}

/**
 * Adds a delete file's keys to a map.
 *
 * Cost: the file is read once; `takeBytes` is told as the map grows and may throw. Errors: `data_invalid`,
 * `unsupported_operation` for another format than Parquet.
 */
export async function addEqualityKeys(
  reader: RangeReader,
  file: DeleteFile,
  sequenceNumber: bigint,
  columns: readonly EqualityColumn[],
  sequenceByKey: Map<ValueKey, number>,
  takeBytes: (bytes: number) => void,
): Promise<void> {
  requireParquetDeletes(file);
  const metadata = await readParquetMetadata(reader);
  const roots = rootColumns(columns);
  const scan = scanParquet(reader, metadata, {
    columns: roots.map(({ rootFieldId, rootType }) => ({ fieldId: rootFieldId, type: rootType })),
  });
  const sequence = Number(sequenceNumber);
  for await (const batch of scan) {
    const keyAt = createKeyReader(columns, (fieldId) => {
      const index = roots.findIndex((root) => root.rootFieldId === fieldId);
      return batch.columns[index] as Vector;
    });
    let bytes = 0;
    for (let row = 0; row < batch.rowCount; row++) {
      const key = keyAt(row);
      const known = sequenceByKey.get(key);
      if (known === undefined) bytes += ENTRY_BYTES + (typeof key === "string" ? key.length * 2 : 0);
      if (known === undefined || known < sequence) sequenceByKey.set(key, sequence);
    }
    takeBytes(bytes);
  }
}

/** The top-level columns to read, each once. */
export function rootColumns(columns: readonly EqualityColumn[]): readonly EqualityColumn[] {
  return columns.filter(
    (column, index) => columns.findIndex((other) => other.rootFieldId === column.rootFieldId) === index,
  );
}

/** Reads the key of a row: its values in the columns. `columnOf` gives a top-level column by field id. */
export function createKeyReader(
  columns: readonly EqualityColumn[],
  columnOf: (fieldId: number) => Vector,
): (row: number) => ValueKey {
  const readers = columns.map((column) => {
    const vector = columnOf(column.rootFieldId);
    return (row: number): ValueKey => valueKey(descend(scalarAt(vector, row), column.path));
  });
  const [only] = readers;
  if (only !== undefined && readers.length === 1) return only;
  return (row) => readers.map((read) => taggedKey(read(row))).join("");
}

/** A struct that is null has null fields. */
function descend(value: Scalar, path: readonly string[]): Scalar {
  let at = value;
  for (const name of path) {
    at = typeof at === "object" && at !== null ? ((at as Readonly<Record<string, Scalar>>)[name] ?? null) : null;
  }
  return at;
}

function valueKey(value: Scalar): ValueKey {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return Array.from(value, (byte) => String.fromCharCode(byte)).join("");
  if ("unscaled" in value && typeof value.unscaled === "bigint") return value.unscaled;
  throw new LakeError("metadata_invalid", "Equality deletes compare a column that is neither a primitive nor null.");
}

/** Cannot be confused with the key of other values, nor run into the next one. */
function taggedKey(key: ValueKey): string {
  const text = String(key);
  return `${key === null ? "n" : (typeof key)[0]}${text.length}:${text}`;
}
