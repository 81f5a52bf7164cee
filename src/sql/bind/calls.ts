// Function calls: scalar functions, the clock, and aggregates.

import type { FuncCall, Node } from "libpg-query";
import { TIMESTAMPTZ, aggregateIdentity } from "../expressions.ts";
import type { AggregateCall, Expr, SortKey, SourceSpan } from "../plan.ts";
import { locationOf, stringsOf } from "./ast.ts";
import { bindCall, coerce, coerceCondition, resolveUnknown, undefinedFunction } from "./coerce.ts";
import { spanAt, unsupported } from "./context.ts";
import { AGGREGATE_BASE, type AggregateSink, type ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { sortOrder } from "./sort-order.ts";
import { typeOfFunctionName } from "./type-names.ts";

/** Functions whose value is the statement's time. */
const CLOCK_FUNCTIONS = new Set(["now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"]);
const SET_RETURNING = new Set(["generate_series", "unnest", "regexp_split_to_table", "json_array_elements"]);

/** Binds any call written `name(…)`. */
export function bindFunction(node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const parts = stringsOf(node.funcname);
  const name = parts.at(-1) ?? "";
  if (node.over !== undefined) throw unsupported(context, "Window functions (OVER) are", node.location);
  if (node.func_variadic === true) throw unsupported(context, "VARIADIC is", node.location);
  if (parts.length > 1 && parts[0] !== "pg_catalog") throw undefinedFunction(context, parts.join("."), [], span);
  const args = node.args ?? [];
  for (const arg of args) {
    if ("NamedArgExpr" in arg) throw unsupported(context, "Named arguments are", arg.NamedArgExpr.location);
  }
  if (context.registry.isAggregate(name)) return bindAggregate(name, node, args, env, span);
  if (
    node.agg_star === true ||
    node.agg_distinct === true ||
    node.agg_filter !== undefined ||
    node.agg_order !== undefined
  ) {
    throw sqlError("undefined_function", `${name} is not an aggregate function.`, span);
  }
  if (CLOCK_FUNCTIONS.has(name) && args.length === 0) {
    return { kind: "literal", value: context.statementTimeMicros, type: TIMESTAMPTZ, source: "now()" };
  }
  if (SET_RETURNING.has(name)) throw unsupported(context, `${name} outside FROM is`, node.location);
  const bound = args.map((arg) => env.bind(arg, env));
  const [only, ...others] = bound;
  const type = typeOfFunctionName(name);
  // PostgreSQL's functional cast: int4('5'), date(ts).
  if (type !== undefined && only !== undefined && others.length === 0) {
    if (context.registry.resolveScalar(name, [only.type]) === undefined) {
      return coerce(context, only, type, "explicit", span);
    }
  }
  return bindCall(context, name, bound, span);
}

function bindAggregate(
  name: string,
  node: FuncCall,
  args: readonly Node[],
  env: ExprEnvironment,
  span: SourceSpan,
): Expr {
  const { context, aggregates } = env;
  if (aggregates === undefined) {
    throw sqlError("grouping_error", `Aggregate functions are not allowed in ${env.clause}.`, span);
  }
  const inner: ExprEnvironment = { ...env, aggregates: undefined, clause: "an aggregate's arguments" };
  const bound = args.map((arg) => env.bind(arg, inner));
  const sortNodes = (node.agg_order ?? []).flatMap((item) => ("SortBy" in item ? [item.SortBy] : []));
  const sortExprs = sortNodes.map((item) => env.bind(item.node, inner));
  const isWithinGroup = node.agg_within_group === true;
  const types = [...bound, ...(isWithinGroup ? sortExprs : [])].map((expr) => expr.type);
  const resolved = context.registry.resolveAggregate(name, types);
  if (resolved === undefined || resolved.orderedSet !== isWithinGroup) {
    if (resolved?.orderedSet === true) {
      throw sqlError("undefined_function", `WITHIN GROUP is required for ordered-set aggregate ${name}.`, span);
    }
    throw undefinedFunction(context, name, types, span);
  }
  if (args.length === 0 && node.agg_star !== true && !isWithinGroup)
    throw undefinedFunction(context, name, types, span);
  const typed = bound.map((expr, i) => coerce(context, expr, resolved.argTypes[i] ?? expr.type, "implicit", undefined));
  const orderBy: SortKey[] = sortNodes.map((item, i) => {
    const raw = resolveUnknown(context, sortExprs[i] ?? env.bind(item.node, inner));
    const target = isWithinGroup ? resolved.argTypes[bound.length + i] : undefined;
    const expr = target === undefined ? raw : coerce(context, raw, target, "implicit", undefined);
    return { expr, ...sortOrder(context, item) };
  });
  const filter =
    node.agg_filter === undefined
      ? undefined
      : coerceCondition(
          context,
          env.bind(node.agg_filter, { ...inner, clause: "FILTER" }),
          "FILTER",
          spanAt(context, locationOf(node.agg_filter)),
        );
  if (isWithinGroup) requireConstants(typed, name, span);
  const call: AggregateCall = {
    function: resolved.id,
    args: isWithinGroup ? [] : typed,
    distinct: node.agg_distinct ?? false,
    filter,
    orderBy,
    directArgs: isWithinGroup ? typed : [],
    type: resolved.returnType,
    span,
  };
  context.functions.set(resolved.id, { name, volatility: "immutable" });
  return { kind: "column", index: AGGREGATE_BASE + addAggregate(aggregates, call), name, type: call.type };
}

/** The place of a call among its SELECT's aggregates; equal calls share one. */
function addAggregate(sink: AggregateSink, call: AggregateCall): number {
  const identity = aggregateIdentity(call);
  const known = sink.calls.findIndex((other) => aggregateIdentity(other) === identity);
  return known === -1 ? sink.calls.push(call) - 1 : known;
}

function requireConstants(args: readonly Expr[], name: string, span: SourceSpan): void {
  for (const arg of args) {
    const value = arg.kind === "cast" ? arg.arg : arg;
    if (value.kind !== "literal" || value.subquery !== undefined) {
      throw sqlError("sql_unsupported", `The direct arguments of ${name} must be constants.`, span);
    }
  }
}
