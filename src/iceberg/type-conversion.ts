// Iceberg types to and from the column types the engine and the Parquet code use.

import { LakeError } from "#core";
import type { ColumnSchema, DataType } from "#columnar";
import type { IcebergSchema, IcebergType } from "./schema.ts";

const DECIMAL = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/;
const FIXED = /^fixed\[\s*(\d+)\s*\]$/;

/** Precision and scale of a decimal type's name, or undefined for any other name. */
export function parseDecimalType(name: string): { readonly precision: number; readonly scale: number } | undefined {
  const match = DECIMAL.exec(name);
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) };
}

/** Length in bytes of a fixed type's name, or undefined for any other name. */
export function parseFixedType(name: string): number | undefined {
  const match = FIXED.exec(name);
  return match === null ? undefined : Number(match[1]);
}

const DATA_TYPE_BY_PRIMITIVE: Readonly<Record<string, DataType>> = {
  boolean: { kind: "boolean" },
  int: { kind: "int32" },
  long: { kind: "int64" },
  float: { kind: "float32" },
  double: { kind: "float64" },
  date: { kind: "date" },
  time: { kind: "time" },
  timestamp: { kind: "timestamp", utc: false },
  timestamptz: { kind: "timestamp", utc: true },
  string: { kind: "string" },
  uuid: { kind: "uuid" },
  binary: { kind: "binary" },
};

/**
 * The column type of an Iceberg type.
 *
 * Errors: `unsupported_operation` for types the engine has no vector for (nanosecond timestamps, variant, geometry).
 */
export function icebergTypeToDataType(type: IcebergType): DataType {
  if (typeof type !== "string") {
    switch (type.type) {
      case "struct":
        return {
          kind: "struct",
          fields: type.fields.map((field) => ({ name: field.name, type: icebergTypeToDataType(field.type) })),
        };
      case "list":
        return { kind: "list", element: icebergTypeToDataType(type.element) };
      case "map":
        return { kind: "map", key: icebergTypeToDataType(type.key), value: icebergTypeToDataType(type.value) };
    }
  }
  const plain = DATA_TYPE_BY_PRIMITIVE[type];
  if (plain !== undefined) return plain;
  const decimal = parseDecimalType(type);
  if (decimal !== undefined) return { kind: "decimal", ...decimal };
  if (parseFixedType(type) !== undefined) return { kind: "binary" };
  throw new LakeError("unsupported_operation", `Columns of Iceberg type ${type} cannot be read here.`);
}

/** A column with the field id that finds it in data files. */
export interface IcebergColumn extends ColumnSchema {
  readonly fieldId: number;
}

/** The schema's top-level columns in order. Errors: as {@link icebergTypeToDataType}. */
export function schemaToColumns(schema: IcebergSchema): IcebergColumn[] {
  return schema.fields.map((field) => ({
    name: field.name,
    type: icebergTypeToDataType(field.type),
    nullable: !field.required,
    fieldId: field.id,
  }));
}

/** The schema's columns as the Parquet writer wants them. Same shape as #parquet's ParquetField. */
export function schemaToParquetFields(schema: IcebergSchema): IcebergColumn[] {
  return schemaToColumns(schema);
}
