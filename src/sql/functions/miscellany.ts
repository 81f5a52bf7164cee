// Functions that belong to no family: identifiers, conversions between types, session information.

import { LakeError } from "#core";
import type { DataType, Scalar } from "#columnar";
import { dataTypeToName, scalarToText } from "../values/index.ts";
import type { FunctionCatalog } from "./definition.ts";

const TEXT: DataType = { kind: "string" };

function toJson(value: Scalar, type: DataType): string {
  if (value === null) return "null";
  switch (type.kind) {
    case "json":
      return value as string;
    case "boolean":
      return value === true ? "true" : "false";
    case "int16":
    case "int32":
    case "int64":
    case "decimal":
      return scalarToText(value, type);
    case "float32":
    case "float64":
      return Number.isFinite(value) ? scalarToText(value, type) : JSON.stringify(scalarToText(value, type));
    case "timestamp": {
      const text = scalarToText(value, type).replace(" ", "T");
      return JSON.stringify(type.utc ? `${text}:00` : text);
    }
    case "list":
      return `[${(value as readonly Scalar[]).map((item) => toJson(item, type.element)).join(",")}]`;
    case "struct":
      return `{${type.fields.map((field) => `${JSON.stringify(field.name)}:${toJson((value as Record<string, Scalar>)[field.name] ?? null, field.type)}`).join(",")}}`;
    case "null":
    case "string":
    case "uuid":
    case "binary":
    case "date":
    case "time":
    case "interval":
    case "map":
      return JSON.stringify(scalarToText(value, type));
  }
}

/** A scalar of a type as JSON text, as PostgreSQL's to_json gives it. */
export const scalarToJson = toJson;

/** Adds the rest. */
export function defineMiscellany({ definePolymorphic, alias, define }: FunctionCatalog): void {
  definePolymorphic("pg_typeof", {
    signature: "any -> text",
    options: { strict: false, safe: true },
    resolve: ([type, ...rest]) =>
      type === undefined || rest.length > 0 ? undefined : { argTypes: [type], returnType: TEXT },
    implement:
      ([type]) =>
      () =>
        // A type's name alone: precision and scale are the column's.
        dataTypeToName(type ?? TEXT).replaceAll(/numeric\(\d+,\d+\)/g, "numeric"),
  });
  alias("pg_typeof", "typeof");
  // The value of a correlated scalar subquery, with the number of rows it came from. No name that SQL could write.
  definePolymorphic("single row", {
    signature: "any, int8 -> any",
    options: { strict: false },
    resolve: ([type, count, ...rest]) =>
      type === undefined || count === undefined || rest.length > 0
        ? undefined
        : { argTypes: [type, count], returnType: type },
    implement: () => (value: Scalar, count: Scalar) => {
      if (count !== null && Number(count) > 1) {
        const message = "More than one row returned by a subquery used as an expression.";
        throw new LakeError("sql_runtime_error", message);
      }
      return value;
    },
  });
  // What LIMIT or OFFSET gives when the query runs.
  define(
    "row count",
    "int8, text -> int8",
    (count, clause) => {
      if (Number(count) < 0) throw new LakeError("invalid_parameter", `${String(clause)} must not be negative.`);
      return count;
    },
    { safe: false },
  );
  definePolymorphic("num_nulls", {
    signature: "any, ... -> int4",
    options: { strict: false, safe: true },
    resolve: (given) => ({ argTypes: given, returnType: { kind: "int32" } }),
    implement:
      () =>
      (...values: readonly Scalar[]) =>
        values.filter((value) => value === null).length,
  });
  definePolymorphic("num_nonnulls", {
    signature: "any, ... -> int4",
    options: { strict: false, safe: true },
    resolve: (given) => ({ argTypes: given, returnType: { kind: "int32" } }),
    implement:
      () =>
      (...values: readonly Scalar[]) =>
        values.filter((value) => value !== null).length,
  });
  define("version", "-> text", () => "Firn (PostgreSQL dialect)", { safe: true });
}
