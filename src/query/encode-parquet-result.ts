// A result as a Parquet file. What Parquet has no type for is written as the text that the CSV and JSON formats show.

import { scalarAt, vectorFromScalars, type Batch, type ColumnSchema, type DataType, type Vector } from "#columnar";
import { createParquetWriter, type ParquetField } from "#parquet";
import { jsonWriter, plainWriter } from "./value-text.ts";

const TEXT: DataType = { kind: "string" };
/** The widest decimal that other readers take. */
const MAX_PRECISION = 38;

/** How a column is stored. */
interface StoredColumn {
  readonly type: DataType;
  readonly convert: (vector: Vector) => Vector;
}

/** Bytes of rows in a row group: encoding takes about five times as many. */
const ROW_GROUP_BYTES = 4 * 1024 * 1024;

/**
 * Encodes a result row group by row group, zstd compressed, columns in order with field ids from 1. What was emitted is
 * no Parquet file before the end, where the footer is.
 *
 * Intervals and numerics without precision become text; lists, structs and maps that hold them become JSON.
 */
export function createParquetResultEncoder(
  columns: readonly ColumnSchema[],
  emit: (bytes: Uint8Array<ArrayBuffer>) => void,
): { add(batch: Batch): Promise<void>; finish(): Promise<void> } {
  const stored = columns.map(({ type }) => storedColumn(type));
  const fields = columns.map(({ name }, index): ParquetField => ({
    name,
    fieldId: index + 1,
    type: stored[index]?.type ?? TEXT,
    nullable: true,
  }));
  const sink = (bytes: Uint8Array): Promise<void> => Promise.resolve(emit(new Uint8Array(bytes)));
  const writer = createParquetWriter(fields, sink, { rowGroupBytes: ROW_GROUP_BYTES });
  return {
    add: ({ rowCount, columns: vectors }) =>
      writer.write({
        rowCount,
        columns: vectors.map((vector, index) => stored[index]?.convert(vector) ?? vector),
      }),
    async finish() {
      await writer.close();
    },
  };
}

function storedColumn(type: DataType): StoredColumn {
  if (isStorable(type)) return { type, convert: (vector) => vector };
  const isNested = type.kind === "list" || type.kind === "struct" || type.kind === "map";
  const write = isNested ? jsonWriter(type) : plainWriter(type);
  return {
    type: isNested ? { kind: "json" } : TEXT,
    convert(vector) {
      const texts = Array.from({ length: vector.length }, (_, row) => {
        const value = scalarAt(vector, row);
        return value === null ? null : write(value);
      });
      return vectorFromScalars(isNested ? { kind: "json" } : TEXT, texts);
    },
  };
}

function isStorable(type: DataType): boolean {
  switch (type.kind) {
    case "null":
    case "interval":
      return false;
    case "decimal":
      return type.precision !== undefined && type.scale !== undefined && type.precision <= MAX_PRECISION;
    case "list":
      return isStorable(type.element);
    case "struct":
      return type.fields.length > 0 && type.fields.every((field) => isStorable(field.type));
    case "map":
      return isStorable(type.key) && isStorable(type.value);
    case "boolean":
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "string":
    case "json":
    case "uuid":
    case "binary":
    case "date":
    case "time":
    case "timestamp":
      return true;
  }
}
