// Bound expressions as text: for EXPLAIN and for the canonical text of a plan.

import type { DataType, Scalar } from "#columnar";
import type { AggregateCall, Expr, FrameBound, SortKey, WindowCall } from "../plan.ts";
import { dataTypeToName, scalarToText } from "../values/index.ts";

const IS_SYMBOL = /^[^a-z_]/i;
/** Lists longer than this are shortened where a person reads them. */
const SHOWN_LIST_ITEMS = 8;

/** How an expression is written. */
export interface TextOptions {
  /** Columns by number, full lists and types of literals: equal texts mean equal expressions. */
  readonly isCanonical?: boolean;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A constant as SQL text. */
export function scalarToSql(value: Scalar, type: DataType): string {
  if (value === null) return "NULL";
  if (typeof value === "boolean") return String(value);
  const isNumber = typeof value === "number" || typeof value === "bigint";
  if (isNumber && ["int16", "int32", "int64"].includes(type.kind)) return String(value);
  const text = quote(scalarToText(value, type.kind === "null" ? { kind: "string" } : type));
  return type.kind === "string" || type.kind === "null" ? text : `${text}::${dataTypeToName(type)}`;
}

/** An expression as SQL text over its input's column names. */
export function expressionToText(expr: Expr, options: TextOptions = {}): string {
  const show = (part: Expr): string => expressionToText(part, options);
  switch (expr.kind) {
    case "column":
      return options.isCanonical === true ? `#${expr.index}` : expr.name;
    case "literal":
      if (expr.subquery !== undefined) return `(subquery ${expr.subquery + 1})`;
      if (expr.source !== undefined) return expr.source;
      return options.isCanonical === true && expr.value !== null
        ? `${scalarToSql(expr.value, expr.type)}:${expr.type.kind}`
        : scalarToSql(expr.value, expr.type);
    case "call":
      return callToText(expr.function, expr.args.map(show));
    case "cast":
      return `${expr.lenient === true ? "TRY_CAST" : "CAST"}(${show(expr.arg)} AS ${dataTypeToName(expr.type)})`;
    case "and":
    case "or":
      return `(${expr.args.map(show).join(expr.kind === "and" ? " AND " : " OR ")})`;
    case "not":
      return `NOT ${show(expr.arg)}`;
    case "is_null":
      return `(${show(expr.arg)} IS ${expr.negated ? "NOT " : ""}NULL)`;
    case "in_list": {
      const isShort = options.isCanonical === true || expr.list.length <= SHOWN_LIST_ITEMS;
      const items = isShort ? expr.list.map(show) : [...expr.list.slice(0, SHOWN_LIST_ITEMS).map(show), "…"];
      return `(${show(expr.arg)} ${expr.negated ? "NOT IN" : "IN"} (${items.join(", ")}))`;
    }
    case "case": {
      const branches = expr.branches.map(({ when, then }) => `WHEN ${show(when)} THEN ${show(then)}`);
      return `CASE ${branches.join(" ")} ELSE ${show(expr.otherwise)} END`;
    }
    case "coalesce":
      return `COALESCE(${expr.args.map(show).join(", ")})`;
  }
}

function callToText(name: string, args: readonly string[]): string {
  const [a = "", b = ""] = args;
  if (IS_SYMBOL.test(name) && args.length === 2) return `(${a} ${name} ${b})`;
  if (IS_SYMBOL.test(name) && args.length === 1) return `(${name}${a})`;
  if (name === "is_distinct_from") return `(${a} IS DISTINCT FROM ${b})`;
  if (name === "is_not_distinct_from") return `(${a} IS NOT DISTINCT FROM ${b})`;
  return `${name}(${args.join(", ")})`;
}

/** A sort key with its direction. */
export function sortKeyToText(key: SortKey, options: TextOptions = {}): string {
  const nulls = key.nullsFirst === key.descending ? "" : key.nullsFirst ? " NULLS FIRST" : " NULLS LAST";
  return `${expressionToText(key.expr, options)}${key.descending ? " DESC" : ""}${nulls}`;
}

/** An aggregate call. */
export function aggregateToText(call: AggregateCall, options: TextOptions = {}): string {
  const list = (exprs: readonly Expr[]): string => exprs.map((expr) => expressionToText(expr, options)).join(", ");
  const order = call.orderBy.map((key) => sortKeyToText(key, options)).join(", ");
  const isWithinGroup = call.directArgs.length > 0 || (call.args.length === 0 && call.orderBy.length > 0);
  const args = isWithinGroup ? list(call.directArgs) : call.args.length === 0 ? "*" : list(call.args);
  const inner = `${call.distinct ? "DISTINCT " : ""}${args}${!isWithinGroup && order !== "" ? ` ORDER BY ${order}` : ""}`;
  const within = isWithinGroup ? ` WITHIN GROUP (ORDER BY ${order})` : "";
  const filter = call.filter === undefined ? "" : ` FILTER (WHERE ${expressionToText(call.filter, options)})`;
  return `${call.function}(${inner})${within}${filter}`;
}

/** A window call with its frame; the window itself stands on the operator. */
export function windowCallToText({ call, isAggregate, frame }: WindowCall, options: TextOptions = {}): string {
  const text = isAggregate
    ? aggregateToText(call, options)
    : `${call.function}(${call.args.map((arg) => expressionToText(arg, options)).join(", ")})`;
  const edge = (bound: FrameBound, side: "PRECEDING" | "FOLLOWING"): string => {
    switch (bound.kind) {
      case "unbounded":
        return `UNBOUNDED ${side}`;
      case "current_row":
        return "CURRENT ROW";
      case "offset":
        return `${expressionToText(bound.offset, options)} ${bound.direction.toUpperCase()}`;
      case "value":
        return expressionToText(bound.value, options);
    }
  };
  const isDefault =
    frame.mode === "range" &&
    frame.start.kind === "unbounded" &&
    frame.end.kind === "current_row" &&
    frame.exclude === "none";
  if (isDefault) return text;
  const exclude = frame.exclude === "none" ? "" : ` EXCLUDE ${frame.exclude.toUpperCase().replace("_", " ")}`;
  return `${text} ${frame.mode.toUpperCase()} BETWEEN ${edge(frame.start, "PRECEDING")} AND ${edge(frame.end, "FOLLOWING")}${exclude}`;
}
