// Types that only columns of tables have: values of them are read and written as other types. Each is told by the mark
// that files give it.

import type { TypeName } from "libpg-query";
import type { DataType } from "#columnar";
import { stringsOf } from "../bind/ast.ts";
import { unsupported, type BindContext } from "../bind/context.ts";
import { resolveTypeName } from "../bind/type-names.ts";

const NANOSECONDS: DataType = { kind: "int64", stored: { kind: "timestamp_ns", utc: false } };
const NANOSECONDS_UTC: DataType = { kind: "int64", stored: { kind: "timestamp_ns", utc: true } };

const COLUMN_TYPES: Readonly<Record<string, DataType>> = {
  timestamp_ns: NANOSECONDS,
  timestamptz_ns: NANOSECONDS_UTC,
  variant: { kind: "struct", stored: "variant", fields: [] },
  geometry: { kind: "binary", stored: { kind: "geometry" } },
  geography: { kind: "binary", stored: { kind: "geography" } },
};

/** Digits of a second that nanoseconds have; microseconds have six. */
const NANO_DIGITS = 9;

/** The type of a column as written. Errors: those of type names; `sql_unsupported` for a length of text. */
export function columnType(context: BindContext, node: TypeName): DataType {
  const own = ownType(node);
  if (own === undefined) {
    const { type, maxLength } = resolveTypeName(context, node);
    if (maxLength !== undefined) throw unsupported(context, "A length of text is", node.location);
    return type;
  }
  return (node.arrayBounds ?? []).length === 0 ? own : { kind: "list", element: own };
}

function ownType({ names, typmods = [] }: TypeName): DataType | undefined {
  const name = stringsOf(names).at(-1) ?? "";
  const [modifier] = typmods;
  if (modifier === undefined) return COLUMN_TYPES[name];
  if (typmods.length > 1 || !("A_Const" in modifier) || modifier.A_Const.ival?.ival !== NANO_DIGITS) return undefined;
  if (name === "timestamp") return NANOSECONDS;
  return name === "timestamptz" ? NANOSECONDS_UTC : undefined;
}
