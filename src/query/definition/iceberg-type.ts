// SQL types as Iceberg's, for columns that SQL creates.

import type { DataType } from "#columnar";
import { LakeError } from "#core";
import type { IcebergField, IcebergType } from "#iceberg";
import { dataTypeToName, type DefinedColumn } from "#sql";

/** Iceberg's decimals have at most so many digits. */
const MAX_PRECISION = 38;
/** How a view's schema, which nobody casts by, tells of an unconstrained numeric. */
const SHOWN_NUMERIC = "decimal(38, 10)";

/** How types without an exact counterpart are treated. */
export type TypeUse = "table" | "view";

/**
 * The fields of new columns. Ids count from 1, nested fields after all columns; the catalog may assign others.
 *
 * Errors: `type_mismatch` naming a column whose values Iceberg could not hold.
 */
export function columnsToFields(columns: readonly DefinedColumn[], use: TypeUse): readonly IcebergField[] {
  let lastId = columns.length;
  const nextId = (): number => (lastId += 1);
  return columns.map(({ name, type, required }, index) => ({
    id: index + 1,
    name,
    required,
    type: dataTypeToIceberg(type, name, use, nextId),
  }));
}

/** The Iceberg type of a column's values. Errors: as {@link columnsToFields}. */
export function dataTypeToIceberg(type: DataType, column: string, use: TypeUse, nextId: () => number): IcebergType {
  const refuse = (why: string): LakeError =>
    new LakeError("type_mismatch", `Column "${column}" is ${dataTypeToName(type)}: ${why}`, { details: { column } });
  switch (type.kind) {
    case "boolean":
    case "uuid":
    case "date":
    case "time":
    case "string":
      return type.kind;
    case "int16":
    case "int32":
      return "int";
    case "int64":
      if (type.stored === undefined) return "long";
      return type.stored.utc ? "timestamptz_ns" : "timestamp_ns";
    case "float32":
      return "float";
    case "float64":
      return "double";
    case "decimal": {
      const { precision, scale = 0 } = type;
      if (precision !== undefined && precision <= MAX_PRECISION) return `decimal(${precision}, ${scale})`;
      if (use === "view") return SHOWN_NUMERIC;
      throw refuse(`tables hold numeric(p, s) with at most ${MAX_PRECISION} digits; cast it, as to numeric(38, 9).`);
    }
    case "binary":
      if (type.stored !== undefined) return type.stored.kind;
      return type.length === undefined ? "binary" : `fixed[${type.length}]`;
    case "timestamp":
      return type.utc ? "timestamptz" : "timestamp";
    case "json":
    case "null":
      return "string";
    case "interval":
      if (use === "view") return "string";
      throw refuse("tables hold no intervals; cast it, as to text.");
    case "list":
      return {
        type: "list",
        "element-id": nextId(),
        "element-required": false,
        element: dataTypeToIceberg(type.element, column, use, nextId),
      };
    case "struct":
      if (type.stored !== undefined) return type.stored;
      return {
        type: "struct",
        fields: type.fields.map((field) => ({
          id: nextId(),
          name: field.name,
          required: false,
          type: dataTypeToIceberg(field.type, column, use, nextId),
        })),
      };
    case "map":
      return {
        type: "map",
        "key-id": nextId(),
        key: dataTypeToIceberg(type.key, column, use, nextId),
        "value-id": nextId(),
        "value-required": false,
        value: dataTypeToIceberg(type.value, column, use, nextId),
      };
  }
}
