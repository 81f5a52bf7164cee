// Names and types of a result's columns as clients see them.

import type { ColumnSchema, DataType } from "#columnar";

/** A result column as the JSON body describes it. */
export interface ResultColumn {
  readonly name: string;
  /** PostgreSQL's name of the type. */
  readonly type: string;
}

/**
 * The columns with distinct names, so that rows as objects lose nothing: the second `a` becomes `a_1`, the third
 * `a_2`, skipping names that are taken.
 */
export function distinctColumns(columns: readonly ColumnSchema[]): ColumnSchema[] {
  const taken = new Set(columns.map((column) => column.name));
  const used = new Set<string>();
  return columns.map((column) => {
    let name = column.name;
    for (let suffix = 1; used.has(name); suffix++) {
      const candidate = `${column.name}_${suffix}`;
      if (!taken.has(candidate)) name = candidate;
    }
    used.add(name);
    taken.add(name);
    return { ...column, name };
  });
}

/** PostgreSQL's name of a type; types PostgreSQL lacks have their Iceberg name. */
export function typeName(type: DataType): string {
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
    case "binary":
      return "bytea";
    case "timestamp":
      return type.utc ? "timestamp with time zone" : "timestamp without time zone";
    case "time":
      return "time without time zone";
    case "list":
      return `${typeName(type.element)}[]`;
    case "json":
    case "uuid":
    case "date":
    case "interval":
    case "struct":
    case "map":
      return type.kind;
  }
}
