// Expressions: from the parse tree to bound expressions over the scope's row.

import type { A_Const, CaseExpr, Node, SQLValueFunction, TypeCast } from "libpg-query";
import type { DataType } from "#columnar";
import { LakeError } from "#core";
import { BOOLEAN, FALSE, caseBranch, INT32, INT64, TIMESTAMPTZ, TRUE, TEXT, UNKNOWN, literal } from "../expressions.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { listDepth } from "../values/list-text.ts";
import { castScalar, typesEqual } from "../values/index.ts";
import { bindArray } from "./arrays.ts";
import { builtInName, itemsOf, nodeKind, locationOf, stringOf } from "./ast.ts";
import { bindFunction, bindGrouping } from "./calls.ts";
import { bindCall, bindParameter, coerce, coerceCondition, resolveUnknown, unify } from "./coerce.ts";
import { spanAt, unsupported, type BindContext } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { bindJsonFunction, bindJsonSyntax } from "./json-functions.ts";
import { bindOperator } from "./operators.ts";
import { isOfTable, lookupColumn, missingColumn } from "./scope.ts";
import { bindRowItems, bindRowTest, bindRowValue, bindWholeRow } from "./row-values.ts";
import { bindSubLink } from "./subquery.ts";
import { bindFields, bindIndirection } from "./subscripts.ts";
import { resolveTypeName } from "./type-names.ts";

const INT32_MAX_DIGITS = 2_147_483_647;
const FEATURE_NAMES: Readonly<Record<string, string>> = {
  CollateClause: "COLLATE is",
  SetToDefault: "DEFAULT is",
  CurrentOfExpr: "CURRENT OF is",
  NamedArgExpr: "Named arguments are",
  List: "A list here is",
};

/** Binds an expression; untyped literals stay untyped until their place gives a type. */
export function bindExpr(node: Node | undefined, env: ExprEnvironment): Expr {
  const { context } = env;
  if (node === undefined) throw new LakeError("sql_unsupported", "An empty expression is not supported.");
  const span = spanAt(context, locationOf(node));
  const expr = bindNode(node, env, span);
  // Literals shared as constants have no place of their own.
  if (expr !== TRUE && expr !== FALSE && !context.spans.has(expr)) context.spans.set(expr, span);
  return expr;
}

function bindNode(node: Node, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  if ("ColumnRef" in node) return bindColumn(node.ColumnRef.fields ?? [], env, span);
  if ("A_Const" in node) return bindConstant(node.A_Const, span);
  if ("A_Expr" in node) return bindOperator(node.A_Expr, env, spanAt(context, node.A_Expr.location));
  if ("FuncCall" in node) return bindFunction(node.FuncCall, env, spanAt(context, node.FuncCall.location));
  if ("TypeCast" in node) return bindCast(node.TypeCast, env, span);
  if ("ParamRef" in node) return bindParameter(context, node.ParamRef.number ?? 0, span);
  if ("BoolExpr" in node) {
    const { boolop, args = [] } = node.BoolExpr;
    const name = boolop === "AND_EXPR" ? "AND" : boolop === "OR_EXPR" ? "OR" : "NOT";
    const bound = args.map((arg) => coerceCondition(context, env.bind(arg, env), name));
    const [first] = bound;
    if (boolop === "NOT_EXPR" && first !== undefined) return { kind: "not", arg: first, type: BOOLEAN };
    return { kind: boolop === "AND_EXPR" ? "and" : "or", args: bound, type: BOOLEAN };
  }
  if ("JsonFuncExpr" in node) return bindJsonFunction(node.JsonFuncExpr, env, span);
  if ("NullTest" in node && node.NullTest.arg !== undefined && "RowExpr" in node.NullTest.arg) {
    const items = node.NullTest.arg.RowExpr.args ?? [];
    const row = bindRowValue(items, env, span);
    return bindRowTest(row, node.NullTest.nulltesttype === "IS_NOT_NULL", context, span);
  }
  if ("NullTest" in node) {
    const arg = env.bind(node.NullTest.arg, env);
    if (arg.type.kind === "struct") {
      return bindRowTest(arg, node.NullTest.nulltesttype === "IS_NOT_NULL", context, span);
    }
    return { kind: "is_null", arg, negated: node.NullTest.nulltesttype === "IS_NOT_NULL", type: BOOLEAN };
  }
  if ("BooleanTest" in node) {
    const arg = coerceCondition(context, env.bind(node.BooleanTest.arg, env), "IS TRUE");
    return bindBooleanTest(arg, node.BooleanTest.booltesttype ?? "IS_TRUE");
  }
  if ("CaseExpr" in node) return bindCase(node.CaseExpr, { ...env, sets: undefined }, span);
  if ("CoalesceExpr" in node) {
    const bound = (node.CoalesceExpr.args ?? []).map((arg) => env.bind(arg, env));
    const { exprs, type } = unify(context, bound, "COALESCE", span);
    return { kind: "coalesce", args: exprs, type };
  }
  if ("MinMaxExpr" in node) {
    const bound = (node.MinMaxExpr.args ?? []).map((arg) => env.bind(arg, env));
    const name = node.MinMaxExpr.op === "IS_LEAST" ? "least" : "greatest";
    return bindCall(context, name, unify(context, bound, name.toUpperCase(), span).exprs, span);
  }
  if ("SQLValueFunction" in node) return bindTimeFunction(context, node.SQLValueFunction, span);
  if ("SubLink" in node) return bindSubLink(node.SubLink, env, spanAt(context, node.SubLink.location));
  if ("GroupingFunc" in node) return bindGrouping(node.GroupingFunc.args ?? [], env, span);
  if ("A_ArrayExpr" in node) return bindArray(node, env, span);
  if ("RowExpr" in node) return bindRowValue(node.RowExpr.args ?? [], env, span);
  if ("A_Indirection" in node) return bindIndirection(node.A_Indirection, env, span);
  if ("CollateClause" in node && builtInName(node.CollateClause.collname) === "C") {
    return env.bind(node.CollateClause.arg, env);
  }
  const json = bindJsonSyntax(node, env, span);
  if (json !== undefined) return json;
  const feature = FEATURE_NAMES[nodeKind(node)] ?? `The expression form ${nodeKind(node)} is`;
  throw unsupported(context, feature, locationOf(node));
}

function bindColumn(fields: readonly Node[], env: ExprEnvironment, span: SourceSpan): Expr {
  const { scope } = env;
  if (fields.some((field) => "A_Star" in field)) {
    const row = fields.length < 2 ? undefined : bindWholeRow(stringOf(fields.at(-2)) ?? "", env, span);
    if (row !== undefined) return row;
    throw sqlError("sql_unsupported", "* here is not supported.", span);
  }
  const parts = fields.map((field) => stringOf(field) ?? "");
  const name = parts.at(-1) ?? "";
  const relation = parts.at(-2);
  const place = lookupColumn(scope, relation, name);
  const isElsewhere = place.kind === "found" && !isOfTable(place.column, parts.slice(0, -1));
  const found: typeof place = isElsewhere ? { kind: "missing" } : place;
  const output = relation === undefined ? env.outputs?.find((target) => target.name === name) : undefined;
  if (found.kind === "missing" && output !== undefined) return { ...output.expr };
  if (found.kind === "missing") {
    const fields = bindFields(parts, env, span);
    if (fields !== undefined) return fields;
  }
  if (found.kind === "missing" && relation === undefined) {
    const row = bindWholeRow(name, env, span);
    if (row !== undefined) return row;
  }
  if (isElsewhere) {
    throw sqlError("undefined_table", `Invalid reference to FROM-clause entry for table "${relation ?? ""}".`, span);
  }
  if (found.kind === "missing") throw missingColumn(scope, relation, name, span);
  if (found.kind === "ambiguous") {
    throw sqlError("ambiguous_column", `Column reference "${parts.join(".")}" is ambiguous.`, span);
  }
  // A fresh object for each reference, so that each has its own place in the text.
  return { ...found.column.expr };
}

function bindConstant(constant: A_Const, span: SourceSpan): Expr {
  if (constant.isnull === true) return literal(null, UNKNOWN);
  if (constant.ival !== undefined) return literal(constant.ival.ival ?? 0, INT32);
  if (constant.boolval !== undefined) return literal(constant.boolval.boolval ?? false, BOOLEAN);
  if (constant.sval !== undefined) return literal(constant.sval.sval ?? "", UNKNOWN);
  if (constant.fval !== undefined) return bindNumber(constant.fval.fval ?? "0", span);
  throw sqlError("sql_unsupported", "Bit string constants are not supported.", span);
}

/** A number that is not a plain integer token: bigint when it fits, else numeric. */
function bindNumber(text: string, span: SourceSpan): Expr {
  const isInteger = /^[-+]?(\d[\d_]*|0[xob][\da-f_]+)$/i.test(text);
  if (isInteger) {
    const value = BigInt(text.replaceAll("_", "").replace(/^\+/, ""));
    if (BigInt.asIntN(64, value) === value) {
      const small = Number(value);
      const fitsInt32 = Math.abs(small) <= INT32_MAX_DIGITS;
      return literal(Number.isSafeInteger(small) ? small : value, fitsInt32 ? INT32 : INT64);
    }
  }
  const type: DataType = { kind: "decimal" };
  try {
    return literal(castScalar(text.replaceAll("_", ""), UNKNOWN, type), type);
  } catch {
    throw sqlError("invalid_text_representation", `Invalid number "${text}".`, span);
  }
}

function bindCast(cast: TypeCast, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  if (cast.typeName === undefined) throw unsupported(context, "A cast without a type is", cast.location);
  const { type, maxLength, intervalUnits, isPadded, fractionDigits } = resolveTypeName(context, cast.typeName);
  if (cast.arg !== undefined && "A_ArrayExpr" in cast.arg && type.kind === "list") {
    return bindArray(cast.arg, env, span, type.element);
  }
  let arg = env.bind(cast.arg, env);
  if (intervalUnits !== undefined && arg.kind === "literal" && typeof arg.value === "string" && isUntyped(arg)) {
    arg = literal(withIntervalUnit(arg.value, intervalUnits.first, intervalUnits.last), UNKNOWN);
  }
  const nested = nestedType(arg, type);
  if (nested !== undefined) return coerce(context, arg, nested, "explicit", context.spans.get(arg) ?? span);
  const result = coerce(context, arg, type, "explicit", isUntyped(arg) ? (context.spans.get(arg) ?? span) : span);
  const trimmed =
    intervalUnits === undefined
      ? result
      : bindCall(context, "cut_interval", [result, literal(intervalUnits.last, TEXT)], span);
  if (fractionDigits !== undefined) {
    return bindCall(context, "round_fraction", [trimmed, literal(fractionDigits, INT32)], span);
  }
  if (intervalUnits !== undefined) return trimmed;
  const cut = maxLength === undefined ? result : bindCall(context, "left", [result, literal(maxLength, INT32)], span);
  return isPadded === true ? bindCall(context, "rtrim", [cut], span) : cut;
}

function isUntyped(expr: Expr): boolean {
  return expr.kind === "literal" && expr.type.kind === "null";
}

/** The text of an interval whose units are known: a bare number counts the last, `1:02` may be minutes and seconds. */
function withIntervalUnit(text: string, first: string, last: string): string {
  const plain = text.trim();
  if (/^[-+]?\d+(\.\d+)?$/.test(plain)) return `${plain} ${last}`;
  const isMinutes = first === "minute" && last === "second" && /^[-+]?\d+:\d+(\.\d+)?$/.test(plain);
  return isMinutes ? plain.replace(/^[-+]?/, (sign) => `${sign}00:`) : text;
}

/** int[] is of any dimension: the literal tells how many, which a list's type must. */
function nestedType(arg: Expr, type: DataType): DataType | undefined {
  if (type.kind !== "list" || arg.kind !== "literal" || arg.type.kind !== "null" || typeof arg.value !== "string") {
    return undefined;
  }
  const depth = listDepth(arg.value);
  if (depth < 2) return undefined;
  return Array.from({ length: depth - 1 }).reduce<DataType>((element) => ({ kind: "list", element }), type);
}

/** The condition with NULL as false. */
function definitely(value: Expr): Expr {
  return { kind: "coalesce", args: [value, FALSE], type: BOOLEAN };
}

function not(value: Expr): Expr {
  return { kind: "not", arg: value, type: BOOLEAN };
}

function bindBooleanTest(arg: Expr, test: string): Expr {
  switch (test) {
    case "IS_NOT_TRUE":
      return not(definitely(arg));
    case "IS_FALSE":
      return definitely(not(arg));
    case "IS_NOT_FALSE":
      return not(definitely(not(arg)));
    case "IS_UNKNOWN":
    case "IS_NOT_UNKNOWN":
      return { kind: "is_null", arg, negated: test === "IS_NOT_UNKNOWN", type: BOOLEAN };
    default:
      return definitely(arg);
  }
}

function bindCase(node: CaseExpr, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const subject = node.arg === undefined ? undefined : resolveUnknown(context, env.bind(node.arg, env));
  const whens: Expr[] = [];
  const results: Expr[] = [];
  for (const item of node.args ?? []) {
    if (!("CaseWhen" in item)) throw unsupported(context, "This CASE branch is", node.location);
    const when = env.bind(item.CaseWhen.expr, env);
    whens.push(
      subject === undefined
        ? coerceCondition(context, when, "CASE/WHEN")
        : bindCall(context, "=", [subject, when], spanAt(context, item.CaseWhen.location)),
    );
    results.push(env.bind(item.CaseWhen.result, env));
  }
  results.push(node.defresult === undefined ? literal(null, UNKNOWN) : env.bind(node.defresult, env));
  const { exprs, type } = unify(context, results, "CASE", span);
  const otherwise = exprs.at(-1) ?? literal(null, type);
  return {
    kind: "case",
    branches: whens.map((when, i) => caseBranch(when, exprs[i] ?? literal(null, type))),
    otherwise,
    type,
  };
}

function bindTimeFunction(context: BindContext, node: SQLValueFunction, span: SourceSpan): Expr {
  const operation = node.op ?? "";
  const now: Expr = { kind: "literal", value: context.statementTimeMicros, type: TIMESTAMPTZ, source: "now()" };
  const asType = (type: DataType, source: string): Expr => ({
    kind: "literal",
    value: castScalar(context.statementTimeMicros, TIMESTAMPTZ, type),
    type,
    source,
  });
  const rounded = (value: Expr): Expr =>
    operation.endsWith("_N")
      ? bindCall(context, "round_fraction", [value, literal(node.typmod ?? 6, INT32)], span)
      : value;
  switch (operation as string) {
    case "SVFOP_CURRENT_TIMESTAMP":
      return now;
    case "SVFOP_CURRENT_TIMESTAMP_N":
      return rounded(now);
    case "SVFOP_LOCALTIMESTAMP_N":
      return rounded(asType({ kind: "timestamp", utc: false }, "localtimestamp"));
    case "SVFOP_LOCALTIME_N":
      return rounded(asType({ kind: "time" }, "localtime"));
    case "SVFOP_CURRENT_USER":
    case "SVFOP_SESSION_USER":
    case "SVFOP_USER":
    case "SVFOP_CURRENT_ROLE":
      return bindCall(context, "current_user", [], span);
    case "SVFOP_CURRENT_CATALOG":
      return bindCall(context, "current_database", [], span);
    case "SVFOP_CURRENT_SCHEMA":
      return bindCall(context, "current_schema", [], span);
    case "SVFOP_CURRENT_DATE":
      return asType({ kind: "date" }, "current_date");
    case "SVFOP_LOCALTIMESTAMP":
      return asType({ kind: "timestamp", utc: false }, "localtimestamp");
    case "SVFOP_LOCALTIME":
      return asType({ kind: "time" }, "localtime");
    default:
      throw sqlError("sql_unsupported", `${operation.replace("SVFOP_", "").toLowerCase()} is not supported.`, span);
  }
}

/** Binds row items `(a, b)`; a plain expression is a row of one. */
export function bindRow(node: Node | undefined, env: ExprEnvironment): readonly Expr[] {
  if (node !== undefined && "RowExpr" in node) {
    return bindRowItems(node.RowExpr.args ?? [], env, spanAt(env.context, node.RowExpr.location));
  }
  if (node !== undefined && "List" in node) return itemsOf(node).map((item) => env.bind(item, env));
  return [env.bind(node, env)];
}

/** Whether an expression already has a type. */
export function hasType(expr: Expr, type: DataType): boolean {
  return typesEqual(expr.type, type);
}
