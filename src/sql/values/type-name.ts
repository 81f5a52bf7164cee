// PostgreSQL's names for our types, used in messages, EXPLAIN and result headers.

import type { DataType } from "#columnar";

/** PostgreSQL's name of a type, such as `timestamp with time zone` or `numeric(10,2)`. */
export function dataTypeToName(type: DataType): string {
  switch (type.kind) {
    case "null":
      return "unknown";
    case "boolean":
      return "boolean";
    case "int16":
      return "smallint";
    case "int32":
      return "integer";
    case "int64":
      return "bigint";
    case "float32":
      return "real";
    case "float64":
      return "double precision";
    case "decimal":
      return type.precision === undefined ? "numeric" : `numeric(${type.precision},${type.scale ?? 0})`;
    case "string":
      return "text";
    case "json":
      return type.canonical === true ? "jsonb" : "json";
    case "uuid":
      return "uuid";
    case "binary":
      return "bytea";
    case "date":
      return "date";
    case "time":
      return "time without time zone";
    case "timestamp":
      return type.utc ? "timestamp with time zone" : "timestamp without time zone";
    case "interval":
      return "interval";
    case "list":
      return `${dataTypeToName(type.element)}[]`;
    case "struct":
      return `struct(${type.fields.map((field) => `${field.name} ${dataTypeToName(field.type)}`).join(", ")})`;
    case "map":
      return `map(${dataTypeToName(type.key)}, ${dataTypeToName(type.value)})`;
  }
}

/** Whether two types are the same; precision and scale of numeric count only when `strict`. */
export function typesEqual(a: DataType, b: DataType, strict = false): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "timestamp":
      return b.kind === "timestamp" && a.utc === b.utc;
    case "json":
      return b.kind === "json" && a.canonical === b.canonical;
    case "decimal":
      return !strict || (b.kind === "decimal" && a.precision === b.precision && a.scale === b.scale);
    case "list":
      return b.kind === "list" && typesEqual(a.element, b.element, strict);
    case "map":
      return b.kind === "map" && typesEqual(a.key, b.key, strict) && typesEqual(a.value, b.value, strict);
    case "struct":
      return (
        b.kind === "struct" &&
        a.fields.length === b.fields.length &&
        a.fields.every((field, i) => {
          const other = b.fields[i];
          return other !== undefined && field.name === other.name && typesEqual(field.type, other.type, strict);
        })
      );
    case "null":
    case "boolean":
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "string":
    case "uuid":
    case "binary":
    case "date":
    case "time":
    case "interval":
      return true;
  }
}
