// SQL/JSON's own syntax: JSON_EXISTS, JSON_VALUE and JSON_QUERY, constructors, IS JSON; and operators on jsonb casts.

import type {
  JsonAggConstructor,
  JsonArrayQueryConstructor,
  JsonBehavior as BehaviorNode,
  JsonFuncExpr,
  JsonOutput,
  JsonTableColumn,
  JsonValueExpr,
  Node,
} from "libpg-query";
import type { DataType } from "#columnar";
import { BOOLEAN, TEXT, UNKNOWN, caseBranch, literal } from "../expressions.ts";
import type { JsonBehavior, JsonOptions } from "../functions/sql-json.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { bindCall, coerce, resolveUnknown } from "./coerce.ts";
import { unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { resolvePlainType } from "./type-names.ts";

const JSON_TYPE: DataType = { kind: "json" };
const JSONB: DataType = { kind: "json", canonical: true };

function isJsonbType(type: DataType): boolean {
  return type.kind === "json" && type.canonical === true;
}

const BEHAVIORS: Readonly<Record<string, JsonBehavior>> = {
  JSON_BEHAVIOR_NULL: "null",
  JSON_BEHAVIOR_ERROR: "error",
  JSON_BEHAVIOR_EMPTY: "array",
  JSON_BEHAVIOR_EMPTY_ARRAY: "array",
  JSON_BEHAVIOR_EMPTY_OBJECT: "object",
  JSON_BEHAVIOR_TRUE: "true",
  JSON_BEHAVIOR_FALSE: "false",
  JSON_BEHAVIOR_UNKNOWN: "null",
  JSON_BEHAVIOR_DEFAULT: "default",
};

function behavior(node: BehaviorNode | undefined, otherwise: JsonBehavior): JsonBehavior {
  return node?.btype === undefined ? otherwise : (BEHAVIORS[node.btype] ?? otherwise);
}

/** The parts of a call that finds something in a document. */
export interface JsonSearch {
  readonly kind: JsonOptions["kind"];
  readonly document: Expr;
  readonly path: Expr;
  readonly variables: Expr;
  readonly type: DataType;
}

/** The clauses that JSON_VALUE and its kin share with the columns of JSON_TABLE, as both have them in the tree. */
type JsonClauses = Pick<JsonFuncExpr & JsonTableColumn, "wrapper" | "quotes" | "on_empty" | "on_error">;

/** The type of RETURNING, or another without it. */
function returningType(output: JsonOutput | undefined, otherwise: DataType, env: ExprEnvironment): DataType {
  return output?.typeName === undefined ? otherwise : resolvePlainType(env.context, output.typeName);
}

/** PASSING: one object of the variables. */
export function bindPassing(passing: readonly Node[] | undefined, env: ExprEnvironment, span: SourceSpan): Expr {
  const pairs = (passing ?? []).flatMap((item) => {
    if (!("JsonArgument" in item)) return [];
    return [literal(item.JsonArgument.name ?? "", TEXT), bindJsonValue(item.JsonArgument.val, env, span)];
  });
  if (pairs.length === 0) return literal("{}", JSON_TYPE);
  return bindCall(env.context, "jsonb_build_object", pairs, span);
}

/** A value of a constructor or an argument: with FORMAT JSON its text is JSON. */
function bindJsonValue(value: JsonValueExpr | undefined, env: ExprEnvironment, span: SourceSpan): Expr {
  const bound = resolveUnknown(env.context, env.bind(value?.raw_expr, env));
  const { format_type: format, encoding } = value?.format ?? {};
  if (encoding !== undefined && encoding !== "JS_ENC_DEFAULT")
    throw unsupported(env.context, "ENCODING is", value?.format?.location);
  if (format !== "JS_FORMAT_JSON") return bound;
  return coerce(env.context, bound, JSON_TYPE, "explicit", span);
}

/** JSON_VALUE, JSON_QUERY or JSON_EXISTS over parts that are bound. */
export function bindSearch(search: JsonSearch, clauses: JsonClauses, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const { kind, document, path, variables, type } = search;
  const { wrapper, quotes, on_empty: onEmpty, on_error: onError } = clauses;
  const options: JsonOptions = {
    kind,
    wrapper: wrapper === "JSW_CONDITIONAL" ? "conditional" : wrapper === "JSW_UNCONDITIONAL" ? "always" : "none",
    omitsQuotes: quotes === "JS_QUOTES_OMIT",
    onEmpty: behavior(onEmpty, "null"),
    onError: behavior(onError, kind === "exists" ? "false" : "null"),
  };
  const wanted = literal(null, type);
  const args = [document, path, variables, literal(JSON.stringify(options), TEXT), wanted];
  if (kind === "exists") {
    const found = bindCall(context, "json exists", args, span);
    return type.kind === "boolean" ? found : coerce(context, found, type, "explicit", span);
  }
  const value = bindCall(context, "json value", args, span);
  const defaults = [
    ...(options.onEmpty === "default" ? [["empty", onEmpty] as const] : []),
    ...(options.onError === "default" ? [["error", onError] as const] : []),
  ];
  if (defaults.length === 0) return value;
  const status = bindCall(context, "json status", args, span);
  const branches = defaults.map(([word, node]) =>
    caseBranch(
      bindCall(context, "=", [status, literal(word, TEXT)], span),
      coerce(context, env.bind(node?.expr, env), type, "explicit", span),
    ),
  );
  return { kind: "case", branches, otherwise: value, type };
}

/** Binds JSON_EXISTS, JSON_QUERY and JSON_VALUE with their clauses. */
export function bindJsonFunction(node: JsonFuncExpr, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const kind = node.op === "JSON_EXISTS_OP" ? "exists" : node.op === "JSON_QUERY_OP" ? "query" : "value";
  if (node.op === "JSON_TABLE_OP") throw unsupported(context, "JSON_TABLE here is", node.location);
  const byDefault: DataType = kind === "exists" ? BOOLEAN : kind === "query" ? JSONB : TEXT;
  return bindSearch(
    {
      kind,
      document: coerce(context, env.bind(node.context_item?.raw_expr, env), JSON_TYPE, "explicit", span),
      path: coerce(context, env.bind(node.pathspec, env), TEXT, "explicit", span),
      variables: bindPassing(node.passing, env, span),
      type: returningType(node.output, byDefault, env),
    },
    node,
    env,
    span,
  );
}

/** What a constructor made, as RETURNING asks: json, jsonb, text or bytes. */
function returned(made: Expr, output: JsonOutput | undefined, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  if (output?.typeName === undefined) return made;
  const type = resolvePlainType(context, output.typeName);
  if (type.kind === "json") return coerce(context, made, type, "explicit", span);
  const text = coerce(context, made, TEXT, "explicit", span);
  if (type.kind === "binary") return bindCall(context, "convert_to", [text, literal("UTF8", UNKNOWN)], span);
  return coerce(context, text, type, "explicit", span);
}

const flag = (value: boolean | undefined): Expr => literal(value === true, BOOLEAN);

function isJsonb(output: JsonOutput | undefined, env: ExprEnvironment): boolean {
  if (output?.typeName === undefined) return false;
  return isJsonbType(resolvePlainType(env.context, output.typeName));
}

/** Names of the aggregates by what they leave out and refuse. */
function aggregateName(base: string, strict: boolean | undefined, unique: boolean | undefined, jsonb: boolean): string {
  const prefix = jsonb ? "jsonb" : "json";
  return `${prefix}_${base}${unique === true ? "_unique" : ""}${strict === true ? "_strict" : ""}`;
}

/** FORMAT JSON of an aggregate's argument, as a cast in the tree. */
function formatted(value: JsonValueExpr | undefined): Node | undefined {
  if (value?.raw_expr === undefined || value.format?.format_type !== "JS_FORMAT_JSON") return value?.raw_expr;
  const typeName = { names: [{ String: { sval: "json" } }], typemod: -1 };
  return { TypeCast: { arg: value.raw_expr, typeName } };
}

/** Binds a constructor, JSON(…), JSON_SCALAR, JSON_SERIALIZE or IS JSON; undefined for any other node. */
export function bindJsonSyntax(node: Node, env: ExprEnvironment, span: SourceSpan): Expr | undefined {
  const { context } = env;
  if ("JsonObjectConstructor" in node) {
    const { exprs = [], output, absent_on_null: absent, unique } = node.JsonObjectConstructor;
    const pairs = exprs.flatMap((item) => {
      if (!("JsonKeyValue" in item)) return [];
      const key = resolveUnknown(context, env.bind(item.JsonKeyValue.key, env));
      return [key, bindJsonValue(item.JsonKeyValue.value, env, span)];
    });
    return returned(bindCall(context, "json object", [flag(absent), flag(unique), ...pairs], span), output, env, span);
  }
  if ("JsonArrayConstructor" in node) {
    const { exprs = [], output, absent_on_null: absent } = node.JsonArrayConstructor;
    const values = exprs.flatMap((item) =>
      "JsonValueExpr" in item ? [bindJsonValue(item.JsonValueExpr, env, span)] : [],
    );
    return returned(bindCall(context, "json array", [flag(absent), ...values], span), output, env, span);
  }
  if ("JsonArrayQueryConstructor" in node) return bindQueryArray(node.JsonArrayQueryConstructor, env, span);
  if ("JsonObjectAgg" in node) {
    const { constructor: call, arg, absent_on_null: absent, unique } = node.JsonObjectAgg;
    const name = aggregateName("object_agg", absent, unique, isJsonb(call?.output, env));
    const args = [arg?.key, formatted(arg?.value)].filter((each) => each !== undefined);
    return bindAggregate(name, args, call ?? {}, env, span);
  }
  if ("JsonArrayAgg" in node) {
    const { constructor: call, arg, absent_on_null: absent } = node.JsonArrayAgg;
    const value = formatted(arg);
    const name = aggregateName("agg", absent, false, isJsonb(call?.output, env));
    return bindAggregate(name, value === undefined ? [] : [value], call ?? {}, env, span);
  }
  if ("JsonParseExpr" in node) {
    const { expr, unique_keys: unique } = node.JsonParseExpr;
    if (unique === true) throw unsupported(context, "JSON(… WITH UNIQUE KEYS) is", node.JsonParseExpr.location);
    return coerce(context, env.bind(expr?.raw_expr, env), JSON_TYPE, "explicit", span);
  }
  if ("JsonScalarExpr" in node) {
    return bindCall(context, "to_json", [resolveUnknown(context, env.bind(node.JsonScalarExpr.expr, env))], span);
  }
  if ("JsonSerializeExpr" in node) {
    const { expr, output } = node.JsonSerializeExpr;
    const value = coerce(context, env.bind(expr?.raw_expr, env), JSON_TYPE, "explicit", span);
    return output?.typeName === undefined
      ? coerce(context, value, TEXT, "explicit", span)
      : returned(value, output, env, span);
  }
  if ("JsonIsPredicate" in node) {
    const { expr, item_type: item = "JS_TYPE_ANY", unique_keys: unique } = node.JsonIsPredicate;
    const bound = resolveUnknown(context, env.bind(expr, env));
    if (bound.type.kind !== "string" && bound.type.kind !== "json" && bound.type.kind !== "binary") {
      throw sqlError("type_mismatch", "IS JSON needs a text, bytea or json value.", span);
    }
    const text =
      bound.type.kind === "binary"
        ? bindCall(context, "convert_from", [bound, literal("UTF8", UNKNOWN)], span)
        : coerce(context, bound, TEXT, "explicit", undefined);
    const wanted = literal(item.replace("JS_TYPE_", "").toLowerCase(), TEXT);
    return bindCall(context, "is json", [text, wanted, flag(unique)], span);
  }
  return undefined;
}

function bindAggregate(
  name: string,
  args: Node[],
  call: JsonAggConstructor,
  env: ExprEnvironment,
  span: SourceSpan,
): Expr {
  const { output, agg_filter: filter, agg_order: order, over, location } = call;
  const made = env.bind(
    {
      FuncCall: {
        funcname: [{ String: { sval: name } }],
        args,
        ...(filter === undefined ? {} : { agg_filter: filter }),
        ...(order === undefined ? {} : { agg_order: order }),
        ...(over === undefined ? {} : { over }),
        ...(location === undefined ? {} : { location }),
      },
    },
    env,
  );
  return isJsonb(output, env) ? made : returned(made, output, env, span);
}

/** JSON_ARRAY(SELECT …): NULL where the query has no rows, as in PostgreSQL. */
function bindQueryArray(node: JsonArrayQueryConstructor, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const { query, output, location } = node;
  if (query === undefined) throw unsupported(context, "This JSON_ARRAY is", location);
  if (node.format?.format_type === "JS_FORMAT_JSON") throw unsupported(context, "FORMAT JSON of a query is", location);
  const list = env.bind({ SubLink: { subLinkType: "ARRAY_SUBLINK", subselect: query } }, env);
  if (list.type.kind !== "list") throw unsupported(context, "This JSON_ARRAY is", location);
  const { element } = list.type;
  const kept = bindCall(context, "array_remove", [list, literal(null, element)], span);
  const text = bindCall(context, "json list", [list, kept], span);
  return returned(text, output, env, span);
}

/**
 * `cast -> key` for a cast to jsonb: the part is looked up first and only it takes the canonical form, so that a long
 * document is not rewritten for one field of it. Undefined for any other operator.
 */
export function lookUpFirst(
  operator: string,
  args: readonly Expr[],
  env: ExprEnvironment,
  span: SourceSpan,
): Expr | undefined {
  const [left, key] = args;
  const lookup =
    operator === "->" || operator === "->>" ? "->" : operator === "#>" || operator === "#>>" ? "#>" : undefined;
  if (lookup === undefined || left?.kind !== "cast" || key === undefined || !isJsonbType(left.type)) return undefined;
  // A jsonb that is no array counts as one with itself as the element: only keys are looked up in the text as it is.
  if (lookup === "->" && key.type.kind !== "string" && key.type.kind !== "null") return undefined;
  const document = coerce(env.context, left.arg, JSON_TYPE, "explicit", span);
  const part = bindCall(env.context, lookup, [document, key], span);
  return operator.endsWith(">>")
    ? bindCall(env.context, "jsonb_plain", [part], span)
    : coerce(env.context, part, JSONB, "explicit", span);
}
