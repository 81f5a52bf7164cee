// Type names in SQL text: PostgreSQL's, and the names other lakehouse dialects use for the same types.

import { nearestName } from "#core";
import type { Node, TypeName } from "libpg-query";
import type { DataType } from "#columnar";
import { spanAt, unsupported, type BindContext } from "./context.ts";
import { builtInName, stringsOf } from "./ast.ts";
import { sqlError } from "./errors.ts";

const TYPES: Readonly<Record<string, DataType>> = {
  bool: { kind: "boolean" },
  boolean: { kind: "boolean" },
  int2: { kind: "int16" },
  smallint: { kind: "int16" },
  int4: { kind: "int32" },
  int: { kind: "int32" },
  integer: { kind: "int32" },
  int8: { kind: "int64" },
  bigint: { kind: "int64" },
  long: { kind: "int64" },
  float4: { kind: "float32" },
  real: { kind: "float32" },
  float8: { kind: "float64" },
  double: { kind: "float64" },
  numeric: { kind: "decimal" },
  decimal: { kind: "decimal" },
  text: { kind: "string" },
  string: { kind: "string" },
  varchar: { kind: "string" },
  bpchar: { kind: "string" },
  name: { kind: "string" },
  json: { kind: "json" },
  jsonb: { kind: "json", canonical: true },
  uuid: { kind: "uuid" },
  bytea: { kind: "binary" },
  binary: { kind: "binary" },
  date: { kind: "date" },
  time: { kind: "time" },
  timestamp: { kind: "timestamp", utc: false },
  datetime: { kind: "timestamp", utc: false },
  timestamptz: { kind: "timestamp", utc: true },
  interval: { kind: "interval" },
};

/** PostgreSQL's types that are not here. */
const REFUSED = new Set(
  (
    "char timetz money bit varbit xml point line lseg box path polygon circle inet cidr macaddr macaddr8 oid tsvector " +
    "tsquery int4range int8range numrange tsrange tstzrange daterange jsonpath record regclass regtype pg_lsn hstore"
  ).split(" "),
);

/** The type that a call written like a function casts to, as in `float8(x)`. */
export function typeOfFunctionName(name: string): DataType | undefined {
  return TYPES[name];
}

/** A type as written, with what its modifiers ask beyond the type. */
export interface NamedType {
  readonly type: DataType;
  /** varchar(n): an explicit cast cuts the text to n characters. */
  readonly maxLength: number | undefined;
  /** char(n): blanks at the end mean nothing. */
  readonly isPadded?: boolean;
  /** timestamp(n), time(n): digits of the second's fraction that are kept. */
  readonly fractionDigits?: number;
  /** interval '1' day, interval '1-2' year to month: the last unit is that of a bare number, and what is smaller is cut. */
  readonly intervalUnits?: { readonly first: string; readonly last: string };
}

/** Units by their bits in an interval's field mask (PostgreSQL, utils/timestamp.h), from the largest. */
const INTERVAL_UNITS = [
  [1 << 2, "year"],
  [1 << 1, "month"],
  [1 << 3, "day"],
  [1 << 10, "hour"],
  [1 << 11, "minute"],
  [1 << 12, "second"],
] as const;
const INTERVAL_FULL_RANGE = 0x7fff;
const MAX_PRECISION = 1000;

function integerOf(node: Node): number | undefined {
  return "A_Const" in node && node.A_Const.ival !== undefined ? (node.A_Const.ival.ival ?? 0) : undefined;
}

/**
 * The type a name means.
 *
 * Errors: `type_mismatch` for unknown names, with the nearest; `sql_unsupported` for types and modifiers that
 * exist in PostgreSQL but not here.
 */
export function resolveTypeName(context: BindContext, node: TypeName): NamedType {
  const name = builtInName(node.names);
  const base = TYPES[name];
  if (base === undefined) {
    if (REFUSED.has(name)) throw unsupported(context, `Type ${name} is`, node.location);
    const nearest = nearestName(name, Object.keys(TYPES));
    throw sqlError("type_mismatch", `Type "${name}" does not exist.`, spanAt(context, node.location), nearest);
  }
  const modifiers = (node.typmods ?? []).map((modifier) => integerOf(modifier));
  const named = applyModifiers(context, node, name, base, modifiers);
  if ((node.arrayBounds ?? []).length === 0) return named;
  refuseModifiers(context, named, node);
  return { type: { kind: "list", element: named.type }, maxLength: undefined };
}

/** Refuses modifiers that only a cast of a single value applies. */
function refuseModifiers(context: BindContext, named: NamedType, node: TypeName): void {
  if (named.maxLength === undefined && named.fractionDigits === undefined && named.intervalUnits === undefined) return;
  throw unsupported(
    context,
    `A length or precision of ${stringsOf(node.names).at(-1) ?? "a type"} here is`,
    node.location,
  );
}

/** The type a name means where values are not cast by themselves. Errors: `sql_unsupported` for varchar(n) and its kin. */
export function resolvePlainType(context: BindContext, node: TypeName): DataType {
  const named = resolveTypeName(context, node);
  refuseModifiers(context, named, node);
  return named.type;
}

function applyModifiers(
  context: BindContext,
  node: TypeName,
  name: string,
  base: DataType,
  modifiers: readonly (number | undefined)[],
): NamedType {
  const plain: NamedType = {
    type: base,
    maxLength: undefined,
    ...(name === "bpchar" ? { isPadded: true } : {}),
  };
  const [first, second] = modifiers;
  if (modifiers.length === 0) return plain;
  if (base.kind === "decimal" && first !== undefined) {
    const scale = second ?? 0;
    if (first < 1 || first > MAX_PRECISION || scale > first || scale < 0) {
      throw sqlError(
        "type_mismatch",
        `Numeric (${first},${scale}) is not a valid type.`,
        spanAt(context, node.location),
      );
    }
    return { ...plain, type: { kind: "decimal", precision: first, scale } };
  }
  if (base.kind === "string" && first !== undefined) return { ...plain, maxLength: first };
  if (base.kind === "interval" && first !== undefined) {
    const units = INTERVAL_UNITS.flatMap(([bit, unit]) => ((first & bit) === 0 ? [] : [unit]));
    const [largest, smallest] = [units[0], units.at(-1)];
    if (largest === undefined || smallest === undefined) {
      throw unsupported(context, "This range of an interval is", node.location);
    }
    return {
      ...plain,
      ...(first === INTERVAL_FULL_RANGE ? {} : { intervalUnits: { first: largest, last: smallest } }),
      ...(second === undefined ? {} : { fractionDigits: Math.min(second, 6) }),
    };
  }
  // Six digits are what every value has.
  if ((base.kind === "timestamp" || base.kind === "time") && first !== undefined && first <= 6 && first >= 0) {
    return first === 6 ? plain : { ...plain, fractionDigits: first };
  }
  throw unsupported(context, `The modifier of type ${name} is`, node.location);
}
