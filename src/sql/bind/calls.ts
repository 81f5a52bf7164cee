// Function calls: scalar functions, the clock, and aggregates.

import type { FuncCall, Node } from "libpg-query";
import { INT32, TIMESTAMPTZ, aggregateIdentity } from "../expressions.ts";
import { isWindowFunction } from "../functions/window.ts";
import type { AggregateCall, Expr, SourceSpan } from "../plan.ts";
import { stringsOf } from "./ast.ts";
import { bindCall, coerce, resolveUnknown, undefinedFunction } from "./coerce.ts";
import { unsupported } from "./context.ts";
import { AGGREGATE_BASE, type AggregateSink, type ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { typeOfFunctionName } from "./type-names.ts";
import { bindWindowCall } from "./window.ts";
import { bindAggregateCall, plainAggregate } from "./aggregate-call.ts";
import { GROUPING, GROUPING_SET } from "./grouping.ts";

/** Functions whose value is the statement's time. */
const CLOCK_FUNCTIONS = new Set(["now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"]);
const SET_RETURNING = new Set(["generate_series", "unnest", "regexp_split_to_table", "json_array_elements"]);

/** Binds any call written `name(…)`. */
export function bindFunction(node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const parts = stringsOf(node.funcname);
  const name = parts.at(-1) ?? "";
  if (node.func_variadic === true) throw unsupported(context, "VARIADIC is", node.location);
  if (parts.length > 1 && parts[0] !== "pg_catalog") throw undefinedFunction(context, parts.join("."), [], span);
  const args = node.args ?? [];
  for (const arg of args) {
    if ("NamedArgExpr" in arg) throw unsupported(context, "Named arguments are", arg.NamedArgExpr.location);
  }
  if (node.over !== undefined) return bindWindowCall(name, node, node.over, env, span);
  if (isWindowFunction(name)) {
    throw sqlError("windowing_error", `Window function ${name} requires an OVER clause.`, span);
  }
  if (context.registry.isAggregate(name)) return bindAggregate(name, node, env, span);
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

function bindAggregate(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { aggregates } = env;
  if (aggregates === undefined) {
    throw sqlError("grouping_error", `Aggregate functions are not allowed in ${env.clause}.`, span);
  }
  const inner: ExprEnvironment = {
    ...env,
    aggregates: undefined,
    correlated: env.correlated?.below,
    clause: "an aggregate's arguments",
  };
  const call = bindAggregateCall(name, node, inner, span);
  return { kind: "column", index: AGGREGATE_BASE + addAggregate(aggregates, call), name, type: call.type };
}

/** GROUPING(key, …): which of the keys the row's grouping set leaves out, as bits. */
export function bindGrouping(args: readonly Node[], env: ExprEnvironment, span: SourceSpan): Expr {
  const { aggregates } = env;
  if (aggregates === undefined) throw sqlError("grouping_error", `GROUPING is not allowed in ${env.clause}.`, span);
  const inner: ExprEnvironment = { ...env, aggregates: undefined, correlated: undefined, clause: "GROUPING" };
  const set = addAggregate(aggregates, plainAggregate(GROUPING_SET, [], INT32));
  const number: Expr = { kind: "column", index: AGGREGATE_BASE + set, name: GROUPING_SET, type: INT32 };
  const bound = args.map((arg) => resolveUnknown(env.context, env.bind(arg, inner)));
  return { kind: "call", function: GROUPING, args: [number, ...bound], type: INT32, span };
}

/** The place of a call among its SELECT's aggregates; equal calls share one. */
function addAggregate(sink: AggregateSink, call: AggregateCall): number {
  const identity = aggregateIdentity(call);
  const known = sink.calls.findIndex((other) => aggregateIdentity(other) === identity);
  return known === -1 ? sink.calls.push(call) - 1 : known;
}
