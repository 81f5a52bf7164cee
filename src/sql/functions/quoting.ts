// Values and names as they are written in SQL text.

import type { DataType, Scalar } from "#columnar";
import { scalarToText } from "../values/index.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";

const TEXT: DataType = { kind: "string" };

/** PostgreSQL's keywords that are no plain names (pg_get_keywords() of version 18, all but the unreserved). */
const KEYWORDS = new Set(
  (
    "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both " +
    "case cast char character check coalesce collate collation column concurrently constraint create cross " +
    "current_catalog current_date current_role current_schema current_time current_timestamp current_user dec " +
    "decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign " +
    "freeze from full grant greatest group grouping having ilike in initially inner inout int integer " +
    "intersect interval into is isnull join json json_array json_arrayagg json_exists json_object " +
    "json_objectagg json_query json_scalar json_serialize json_table json_value lateral leading least left " +
    "like limit localtime localtimestamp merge_action national natural nchar none normalize not notnull null " +
    "nullif numeric offset on only or order out outer overlaps overlay placing position precision primary " +
    "real references returning right row select session_user setof similar smallint some substring symmetric " +
    "system_user table tablesample then time timestamp to trailing treat trim true union unique user using " +
    "values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists " +
    "xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable"
  ).split(" "),
);

/** A name as SQL has to write it. */
export function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) && !KEYWORDS.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** A text as a literal. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

/** A value of any type as a literal of its text. */
function quoter(ofNull: string | null): PolymorphicFunction {
  return {
    signature: "any -> text",
    options: { safe: true, strict: ofNull === null },
    resolve: ([type, ...rest]) =>
      type === undefined || rest.length > 0
        ? undefined
        : { argTypes: [type.kind === "null" ? TEXT : type], returnType: TEXT },
    implement:
      ([type]) =>
      (value: Scalar) =>
        value === null ? ofNull : quoteLiteral(scalarToText(value, type ?? TEXT)),
  };
}

/** Adds functions that quote. */
export function defineQuoting({ define, definePolymorphic }: FunctionCatalog): void {
  define("quote_ident", "text -> text", quoteIdentifier, { safe: true });
  definePolymorphic("quote_literal", quoter(null));
  definePolymorphic("quote_nullable", quoter("NULL"));
}
