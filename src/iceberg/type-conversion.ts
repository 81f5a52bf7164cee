// Iceberg types to and from the column types the engine and the Parquet code use.

import { LakeError } from "#core";
import type { ColumnSchema, DataType, Scalar, StructField } from "#columnar";
import { initialDefault } from "./default-value.ts";
import { isNanosecondType, microsecondType } from "./nanosecond-time.ts";
import { childFields, type IcebergField, type IcebergSchema, type IcebergType } from "./schema.ts";
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
 * Errors: `unsupported_column_type` for types the engine has no vector for (nanosecond timestamps, variant, geometry,
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
  throw new LakeError("unsupported_column_type", `Columns of Iceberg type ${type} cannot be read here.`, {
    details: { column_type: type },
  });
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
  /** Why no value of the column can be read; `type` is then that of a bare NULL, so that statements can be planned. */
  readonly unreadable?: UnreadableType;
}

/** A type without a vector, and where in a column it is. */
export interface UnreadableType {
  /** As the specification writes it. */
  readonly type: string;
  /** Dotted path of the field that has it: the column itself, or a field inside it. */
  readonly path: string;
}

/**
 * The schema's top-level columns in order. Columns of types that cannot be read are among them: whoever reads or copies
 * columns asks {@link requireReadable} first. Nanosecond timestamps are microseconds: see nanosecond-time.ts.
 */
export function schemaToColumns(schema: IcebergSchema): IcebergColumn[] {
  return schema.fields.map((field) => {
    const base = { name: field.name, nullable: !field.required, fieldId: field.id };
    const unreadable = unreadableType(field.type, field.name);
    if (unreadable !== undefined) return { ...base, type: UNREADABLE, unreadable };
    const nanos = isNanosecondType(field.type);
    return {
      ...base,
      type: nanos ? microsecondType(field.type) : icebergTypeToDataType(field.type),
      // A default with nanoseconds is refused where a file needs it.
      ...(field["initial-default"] === undefined || nanos ? {} : { missing: initialDefault(field) }),
    };
  });
}

const UNREADABLE: DataType = { kind: "null" };

/** The first type inside a column's that cannot be read; undefined when the whole column can be. */
export function unreadableType(type: IcebergType, path: string): UnreadableType | undefined {
  if (isNanosecondType(type)) return undefined;
  return unreadableInside(type, path);
}

function unreadableInside(type: IcebergType, path: string): UnreadableType | undefined {
  if (typeof type === "string") return isReadablePrimitive(type) ? undefined : { type, path };
  for (const child of childFields(type)) {
    const found = unreadableInside(child.type, `${path}.${child.name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isReadablePrimitive(type: string): boolean {
  return (
    Object.hasOwn(DATA_TYPE_BY_PRIMITIVE, type) ||
    parseDecimalType(type) !== undefined ||
    parseFixedType(type) !== undefined
  );
}

/**
 * Passes when every column can be read. Errors: `unsupported_column_type`, naming each column that cannot and its type.
 */
export function requireReadable(columns: readonly IcebergColumn[], table?: string): void {
  const refused = columns.flatMap(({ name, unreadable }) =>
    unreadable === undefined ? [] : [{ name, ...unreadable }],
  );
  const [first] = refused;
  if (first === undefined) return;
  const described = refused.map(({ name, path, type }) =>
    path === name ? `"${name}" of type ${type}` : `"${name}" with its field ${path} of type ${type}`,
  );
  const what = described.length === 1 ? "the column" : "the columns";
  const where = table === undefined ? "" : ` of ${table}`;
  throw new LakeError("unsupported_column_type", `Firn cannot read ${what} ${described.join(", ")}${where}.`, {
    details: { column: first.name, column_type: first.type },
  });
}

/**
 * The schema's columns as the Parquet writer wants them. Same shape as #parquet's ParquetField.
 *
 * Errors: `unsupported_column_type` for columns that cannot be read, and for nanosecond timestamps, which are not written.
 */
export function schemaToParquetFields(schema: IcebergSchema): IcebergColumn[] {
  const columns = schemaToColumns(schema);
  requireReadable(columns);
  for (const { name, type } of schema.fields) {
    if (!isNanosecondType(type)) continue;
    throw new LakeError("unsupported_column_type", `Firn cannot write the column "${name}" of type ${type}.`, {
      details: { column: name, column_type: type },
    });
  }
  return columns;
}
