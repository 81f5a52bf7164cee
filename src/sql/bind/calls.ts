// Function calls: scalar functions, the clock, and aggregates.

import type { FuncCall, Node } from "libpg-query";
import { INT32, TIMESTAMPTZ, aggregateExprs, aggregateIdentity, collectColumns } from "../expressions.ts";
import { resolveTableFunction, tableFunctionNames, type ResolvedTableFunction } from "../execute/table-function.ts";
import { isWindowFunction } from "../functions/window.ts";
import type { AggregateCall, Expr, SourceSpan } from "../plan.ts";
import { stringsOf } from "./ast.ts";
import { bindArguments, bindVariadic } from "./arguments.ts";
import { bindCall, coerce, resolveUnknown, undefinedFunction } from "./coerce.ts";
import type { BindContext } from "./context.ts";
import { AGGREGATE_BASE, SET_BASE, type AggregateSink, type ExprEnvironment, type SetSink } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { OUTER_BASE, captureExpr, captureMark } from "./scope.ts";
import { typeOfFunctionName } from "./type-names.ts";
import { bindHypotheticalCounts, isHypothetical } from "./hypothetical.ts";
import { bindWindowCall } from "./window.ts";
import { bindAggregateCall, plainAggregate } from "./aggregate-call.ts";
import { bindRowPercentile } from "./percentile.ts";
import { GROUPING, GROUPING_SET } from "./grouping.ts";

/** Functions whose value is the statement's time. */
const CLOCK_FUNCTIONS = new Set(["now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"]);

/** Binds any call written `name(…)`. */
export function bindFunction(node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const parts = stringsOf(node.funcname);
  const name = parts.at(-1) ?? "";
  if (parts.length > 1 && parts[0] !== "pg_catalog") throw undefinedFunction(context, parts.join("."), [], span);
  const args = node.args ?? [];
  if (node.func_variadic === true) return bindVariadic(name, node, env, span);
  if (node.over !== undefined) return bindWindowCall(name, node, node.over, env, span);
  if (node.agg_within_group === true && isHypothetical(name)) return bindHypothetical(name, node, env, span);
  if (isWindowFunction(name)) {
    throw sqlError("windowing_error", `Window function ${name} requires an OVER clause.`, span);
  }
  if (context.registry.isAggregate(name)) return bindAggregate(name, node, env, span);
  // substring(x SIMILAR p ESCAPE e) comes with PostgreSQL's own call; the name it has in the manual is substring too.
  if (name === "substring" && node.funcformat === "COERCE_SQL_SYNTAX" && args.length === 3) {
    const bound = args.map((arg) => env.bind(arg, env));
    if (bound[1]?.type.kind === "null" || bound[1]?.type.kind === "string") {
      return bindCall(context, "substring_similar", bound, span);
    }
    return bindCall(context, name, bound, span);
  }
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
  if (tableFunctionNames().includes(name)) return bindSetCall(name, node, env, span);
  if (name === "generate_subscripts") return bindSubscriptsCall(node, env, span);
  const bound = bindArguments(name, node, env, span);
  if (name === "overlaps") return bindCall(context, name, spanEnds(bound, context, span), span);
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

/** The two ends of each span of OVERLAPS: a length stands for the start and it. */
function spanEnds([a, b, c, d]: readonly Expr[], context: BindContext, span: SourceSpan): Expr[] {
  const end = (start: Expr, length: Expr): Expr =>
    length.type.kind === "interval" ? bindCall(context, "+", [start, length], span) : length;
  return a === undefined || b === undefined || c === undefined || d === undefined ? [] : [a, end(a, b), c, end(c, d)];
}

/** rank(…) WITHIN GROUP and its kin. */
function bindHypothetical(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { aggregates } = env;
  if (aggregates === undefined) {
    throw sqlError("grouping_error", `Aggregate functions are not allowed in ${env.clause}.`, span);
  }
  const inner: ExprEnvironment = {
    ...env,
    aggregates: undefined,
    sets: undefined,
    correlated: env.correlated?.below,
    clause: "an aggregate's arguments",
  };
  const count = (call: AggregateCall): Expr => ({
    kind: "column",
    index: AGGREGATE_BASE + addAggregate(aggregates, call),
    name,
    type: call.type,
  });
  return bindHypotheticalCounts(name, node, inner, count, span);
}

/** A set-returning function outside FROM: its rows multiply those of the select list. */
function bindSetCall(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { sink, inner } = setArguments(env, span);
  const bound = bindArguments(name, node, inner, span);
  return addSetCall(sink, name, resolveSetCall(name, bound, env.context, span), span);
}

/** generate_subscripts: the positions are a list, whose elements are the rows. */
function bindSubscriptsCall(node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { sink, inner } = setArguments(env, span);
  const positions = bindCall(
    env.context,
    "array_subscripts",
    bindArguments("generate_subscripts", node, inner, span),
    span,
  );
  return addSetCall(sink, "unnest", resolveSetCall("unnest", [positions], env.context, span), span);
}

function setArguments(
  env: ExprEnvironment,
  span: SourceSpan,
): { readonly sink: SetSink; readonly inner: ExprEnvironment } {
  if (env.sets === undefined) {
    throw sqlError("sql_unsupported", `Set-returning functions are not allowed in ${env.clause}.`, span);
  }
  return { sink: env.sets, inner: { ...env, sets: undefined, clause: "a set-returning function's arguments" } };
}

function addSetCall(
  sets: SetSink,
  name: string,
  { resolved, args }: ReturnType<typeof resolveSetCall>,
  span: SourceSpan,
): Expr {
  const [column, ...others] = resolved.columns;
  if (column === undefined || others.length > 0) {
    throw sqlError("sql_unsupported", `Function ${name} gives several columns: use it in FROM.`, span);
  }
  const { type } = column;
  return {
    kind: "column",
    index: SET_BASE + sets.calls.push({ function: resolved.id, args, type }) - 1,
    name,
    type,
  };
}

/** The set-returning function that a call means, with its arguments cast. Errors: `undefined_function`. */
export function resolveSetCall(
  name: string,
  bound: readonly Expr[],
  context: BindContext,
  span: SourceSpan,
): { readonly resolved: ResolvedTableFunction; readonly args: readonly Expr[] } {
  const types = bound.map((expr) =>
    expr.type.kind === "null" ? (context.fallbackTypes.get(expr) ?? expr.type) : expr.type,
  );
  const resolved = resolveTableFunction(name, types);
  if (resolved === undefined) throw undefinedFunction(context, name, types, span);
  const args = bound.map((expr, i) => coerce(context, expr, resolved.argTypes[i] ?? expr.type, "implicit", undefined));
  return { resolved, args };
}

function bindAggregate(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { aggregates } = env;
  const inner: ExprEnvironment = {
    ...env,
    aggregates: undefined,
    sets: undefined,
    correlated: env.correlated?.below,
    clause: "an aggregate's arguments",
  };
  if (aggregates !== undefined) {
    const add = (call: AggregateCall): Expr => ({
      kind: "column",
      index: AGGREGATE_BASE + addAggregate(aggregates, call),
      name,
      type: call.type,
    });
    const percentile = bindRowPercentile(name, node, env, inner, add, span);
    if (percentile !== undefined) return percentile;
  }
  const rollBack = captureMark(env.scope);
  const call = bindAggregateCall(name, node, inner, span);
  if (env.around !== undefined && readsOuterAlone(call)) {
    // All of it is of the rows around this subquery, so it is theirs: a constant here.
    rollBack();
    const value = bindAggregate(name, node, env.around, span);
    return captureExpr(env.scope, env.around.scope, name, value);
  }
  if (aggregates === undefined) {
    throw sqlError("grouping_error", `Aggregate functions are not allowed in ${env.clause}.`, span);
  }
  return { kind: "column", index: AGGREGATE_BASE + addAggregate(aggregates, call), name, type: call.type };
}

/** Whether an aggregate call reads columns, and those of the rows around the query alone. */
function readsOuterAlone(call: AggregateCall): boolean {
  const columns = new Set<number>();
  for (const expr of aggregateExprs(call)) collectColumns(expr, columns);
  return columns.size > 0 && [...columns].every((index) => index >= OUTER_BASE);
}

/** GROUPING(key, …): which of the keys the row's grouping set leaves out, as bits. */
export function bindGrouping(args: readonly Node[], env: ExprEnvironment, span: SourceSpan): Expr {
  const { aggregates } = env;
  if (aggregates === undefined) throw sqlError("grouping_error", `GROUPING is not allowed in ${env.clause}.`, span);
  const inner: ExprEnvironment = { ...env, aggregates: undefined, clause: "GROUPING" };
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
