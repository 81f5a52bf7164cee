// Iceberg types to and from the column types the engine and the Parquet code use.

import { LakeError } from "#core";
import type { ColumnSchema, DataType, Scalar, StructField } from "#columnar";
import { initialDefault } from "./default-value.ts";
import type { IcebergField, IcebergSchema, IcebergType } from "./schema.ts";
import { parseDecimalType, parseFixedType } from "./type-names.ts";

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
  // Every value of an unknown column is null.
  unknown: { kind: "null" },
};

/**
 * The column type of an Iceberg type, with the ids, nullability and initial defaults of nested fields.
 *
 * Errors: `unsupported_operation` for types the engine has no vector for (nanosecond timestamps, variant, geometry,
 * geography).
 */
export function icebergTypeToDataType(type: IcebergType): DataType {
  if (typeof type !== "string") {
    switch (type.type) {
      case "struct":
        return { kind: "struct", fields: type.fields.map(fieldToStructField) };
      case "list":
        return {
          kind: "list",
          element: icebergTypeToDataType(type.element),
          elementId: type["element-id"],
          elementRequired: type["element-required"],
        };
      case "map":
        return {
          kind: "map",
          key: icebergTypeToDataType(type.key),
          value: icebergTypeToDataType(type.value),
          keyId: type["key-id"],
          valueId: type["value-id"],
          valueRequired: type["value-required"],
        };
    }
  }
  const plain = DATA_TYPE_BY_PRIMITIVE[type];
  if (plain !== undefined) return plain;
  const decimal = parseDecimalType(type);
  if (decimal !== undefined) return { kind: "decimal", ...decimal };
  const length = parseFixedType(type);
  if (length !== undefined) return { kind: "binary", length };
  throw new LakeError("unsupported_operation", `Columns of Iceberg type ${type} cannot be read here.`);
}

function fieldToStructField(field: IcebergField): StructField {
  const hasDefault = field["initial-default"] !== undefined;
  return {
    name: field.name,
    type: icebergTypeToDataType(field.type),
    id: field.id,
    required: field.required,
    ...(hasDefault ? { missing: initialDefault(field) } : {}),
  };
}

/** A column with the field id that finds it in data files. */
export interface IcebergColumn extends ColumnSchema {
  readonly fieldId: number;
  /** The value in files that lack the column (its initial default); default null. */
  readonly missing?: Scalar;
}

/** The schema's top-level columns in order. Errors: as {@link icebergTypeToDataType}. */
export function schemaToColumns(schema: IcebergSchema): IcebergColumn[] {
  return schema.fields.map((field) => ({
    name: field.name,
    type: icebergTypeToDataType(field.type),
    nullable: !field.required,
    fieldId: field.id,
    ...(field["initial-default"] === undefined ? {} : { missing: initialDefault(field) }),
  }));
}

/** The schema's columns as the Parquet writer wants them. Same shape as #parquet's ParquetField. */
export function schemaToParquetFields(schema: IcebergSchema): IcebergColumn[] {
  return schemaToColumns(schema);
}
