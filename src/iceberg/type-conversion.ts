// Iceberg types to and from the column types the engine and the Parquet code use. Three types of format version 3 have
// two forms: that of SQL, and that of files, which is what is copied from file to file.
//
// | type | in SQL | in files |
// |---|---|---|
// | timestamp_ns, timestamptz_ns | timestamp, microseconds | int64, nanoseconds |
// | variant | json | struct of metadata and value |
// | geometry, geography | binary, Well-Known Binary | the same, annotated |

import { LakeError } from "#core";
import type { ColumnSchema, DataType, Scalar, StructField } from "#columnar";
import { VARIANT_TYPE } from "#parquet";
import { initialDefault, writeDefault } from "./default-value.ts";
import { isNanosecondType, nanosToMicrosBelow, nanosToMicrosExactly } from "./nanosecond-time.ts";
import type { IcebergField, IcebergSchema, IcebergType } from "./schema.ts";
import { parseDecimalType, parseFixedType, parseShapesType } from "./type-names.ts";

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
  timestamp_ns: { kind: "timestamp", utc: false },
  timestamptz_ns: { kind: "timestamp", utc: true },
  string: { kind: "string" },
  uuid: { kind: "uuid" },
  binary: { kind: "binary" },
  variant: { kind: "json" },
  // Every value of an unknown column is null, and no file has one.
  unknown: { kind: "null" },
};

/** The types whose form in files is another. */
const STORED_TYPE_BY_PRIMITIVE: Readonly<Record<string, DataType>> = {
  timestamp_ns: { kind: "int64", stored: { kind: "timestamp_ns", utc: false } },
  timestamptz_ns: { kind: "int64", stored: { kind: "timestamp_ns", utc: true } },
  variant: VARIANT_TYPE,
};

/**
 * The column type that SQL sees of an Iceberg type, with the ids, nullability and initial defaults of nested fields.
 * Errors: `unsupported_column_type` for a name that is no type.
 */
export function icebergTypeToDataType(type: IcebergType): DataType {
  return convertType(type, SQL_FORM);
}

/** The column type of an Iceberg type as files hold it. Errors: as {@link icebergTypeToDataType}. */
export function icebergTypeToStoredType(type: IcebergType): DataType {
  return convertType(type, STORED_FORM);
}

/** How types become those of one side. */
interface TypeForm {
  readonly primitive: (type: string) => DataType | undefined;
  /** The value of a field's initial default. */
  readonly missing: (field: IcebergField) => Scalar;
}

const SQL_FORM: TypeForm = {
  primitive: (type) => DATA_TYPE_BY_PRIMITIVE[type] ?? (parseShapesType(type) === undefined ? undefined : BINARY),
  missing: sqlDefault,
};

const STORED_FORM: TypeForm = {
  primitive(type) {
    const shapes = parseShapesType(type);
    if (shapes !== undefined) return { kind: "binary", stored: shapes };
    return STORED_TYPE_BY_PRIMITIVE[type] ?? DATA_TYPE_BY_PRIMITIVE[type];
  },
  missing: initialDefault,
};

const BINARY: DataType = { kind: "binary" };

/** The initial default as SQL has it. */
function sqlDefault(field: IcebergField): Scalar {
  const value = initialDefault(field);
  return isNanosecondType(field.type) ? nanosToMicrosBelow(value) : value;
}

function convertType(type: IcebergType, form: TypeForm): DataType {
  if (typeof type !== "string") {
    switch (type.type) {
      case "struct":
        return { kind: "struct", fields: type.fields.map((field) => fieldToStructField(field, form)) };
      case "list":
        return {
          kind: "list",
          element: convertType(type.element, form),
          elementId: type["element-id"],
          elementRequired: type["element-required"],
        };
      case "map":
        return {
          kind: "map",
          key: convertType(type.key, form),
          value: convertType(type.value, form),
          keyId: type["key-id"],
          valueId: type["value-id"],
          valueRequired: type["value-required"],
        };
    }
  }
  const plain = form.primitive(type);
  if (plain !== undefined) return plain;
  const decimal = parseDecimalType(type);
  if (decimal !== undefined) return { kind: "decimal", ...decimal };
  const length = parseFixedType(type);
  if (length !== undefined) return { kind: "binary", length };
  throw new LakeError("unsupported_column_type", `Columns of Iceberg type ${type} cannot be read here.`, {
    details: { column_type: type },
  });
}

function fieldToStructField(field: IcebergField, form: TypeForm): StructField {
  const hasDefault = field["initial-default"] !== undefined;
  return {
    name: field.name,
    type: convertType(field.type, form),
    id: field.id,
    required: field.required,
    ...(hasDefault ? { missing: form.missing(field) } : {}),
  };
}

/**
 * What SQL puts into rows that do not give the field a value; null without a default. Errors: `numeric_out_of_range` for
 * a default with nanoseconds, which SQL would cut; `metadata_invalid`.
 */
export function sqlWriteDefault(field: IcebergField): Scalar {
  const value = writeDefault(field);
  return isNanosecondType(field.type) ? nanosToMicrosExactly(value, field.name) : value;
}

/** A column with the field id that finds it in data files. */
export interface IcebergColumn extends ColumnSchema {
  readonly fieldId: number;
  /** The value in files that lack the column (its initial default); default null. */
  readonly missing?: Scalar;
}

/** The schema's top-level columns in order, as SQL sees them. */
export function schemaToColumns(schema: IcebergSchema): IcebergColumn[] {
  return columnsOf(schema, SQL_FORM);
}

/**
 * The schema's columns as files hold them: what the Parquet writer wants, and what is copied from file to file. Same
 * shape as #parquet's ParquetField.
 */
export function schemaToParquetFields(schema: IcebergSchema): IcebergColumn[] {
  return columnsOf(schema, STORED_FORM);
}

function columnsOf(schema: IcebergSchema, form: TypeForm): IcebergColumn[] {
  return schema.fields.map((field) => ({
    name: field.name,
    nullable: !field.required,
    fieldId: field.id,
    type: convertType(field.type, form),
    ...(field["initial-default"] === undefined ? {} : { missing: form.missing(field) }),
  }));
}
