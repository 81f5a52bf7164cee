// Calls with OVER: the window they run over, their frame, and the plan nodes that compute them.

import type { FuncCall, Node, WindowDef } from "libpg-query";
import type { ColumnSchema, DataType } from "#columnar";
import {
  INT64,
  columnRef,
  exprIdentity,
  mapSortKeys,
  mapWindowCall,
  transformExpr,
  windowCallIdentity,
} from "../expressions.ts";
import { isWindowFunction, resolveWindowFunction } from "../functions/window.ts";
import type { AggregateCall, Expr, FrameBound, PlanNode, SortKey, SourceSpan, WindowFrame } from "../plan.ts";
import { dataTypeToName } from "../values/index.ts";
import { bindAggregateCall } from "./aggregate-call.ts";
import { locationOf } from "./ast.ts";
import { bindCall, coerce, resolveUnknown, undefinedFunction } from "./coerce.ts";
import { spanAt, unsupported, type BindContext } from "./context.ts";
import { WINDOW_BASE, type ExprEnvironment, type PendingWindow, type WindowSink } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { sortOrder } from "./sort-order.ts";

// Bits of WindowDef.frameOptions. Source: PostgreSQL, parsenodes.h.
const FRAME_RANGE = 0x2;
const FRAME_ROWS = 0x4;
const FRAME_GROUPS = 0x8;
const START_UNBOUNDED = 0x20;
const END_UNBOUNDED = 0x100;
const START_PRECEDING = 0x800;
const END_PRECEDING = 0x1000;
const START_FOLLOWING = 0x2000;
const END_FOLLOWING = 0x4000;
const EXCLUDE_CURRENT_ROW = 0x8000;
const EXCLUDE_GROUP = 0x10000;
const EXCLUDE_TIES = 0x20000;
const FRAME_NONDEFAULT = 0x1;

/** The sink of one SELECT, with the windows its WINDOW clause names. Errors: `windowing_error` for a name twice. */
export function windowSink(clause: readonly Node[], context: BindContext): WindowSink {
  const named = new Map<string, WindowDef>();
  for (const node of clause) {
    if (!("WindowDef" in node)) continue;
    const { name = "", refname, location } = node.WindowDef;
    const span = spanAt(context, location);
    if (named.has(name)) throw sqlError("windowing_error", `Window "${name}" is already defined.`, span);
    named.set(
      name,
      refname === undefined ? node.WindowDef : inherit(node.WindowDef, named.get(refname), refname, span),
    );
  }
  return { calls: [], named };
}

/** A definition that copies another's partition and order, as PostgreSQL allows it. */
function inherit(own: WindowDef, base: WindowDef | undefined, name: string, span: SourceSpan): WindowDef {
  if (base === undefined) throw sqlError("windowing_error", `Window "${name}" does not exist.`, span);
  if ((own.partitionClause ?? []).length > 0) {
    throw sqlError("windowing_error", `Cannot override PARTITION BY clause of window "${name}".`, span);
  }
  if ((base.orderClause ?? []).length > 0 && (own.orderClause ?? []).length > 0) {
    throw sqlError("windowing_error", `Cannot override ORDER BY clause of window "${name}".`, span);
  }
  if (((base.frameOptions ?? 0) & FRAME_NONDEFAULT) !== 0) {
    throw sqlError("windowing_error", `Cannot copy window "${name}" because it has a frame clause.`, span);
  }
  const order = (own.orderClause ?? []).length > 0 ? own.orderClause : base.orderClause;
  return {
    ...own,
    ...(base.partitionClause === undefined ? {} : { partitionClause: base.partitionClause }),
    ...(order === undefined ? {} : { orderClause: order }),
  };
}

function definitionOf(over: WindowDef, sink: WindowSink, span: SourceSpan): WindowDef {
  if (over.name !== undefined) {
    const named = sink.named.get(over.name);
    if (named === undefined) throw sqlError("windowing_error", `Window "${over.name}" does not exist.`, span);
    return named;
  }
  return over.refname === undefined ? over : inherit(over, sink.named.get(over.refname), over.refname, span);
}

/** Binds a call with OVER; it stands as a column until {@link createWindows} gives it its place. */
export function bindWindowCall(
  name: string,
  node: FuncCall,
  over: WindowDef,
  env: ExprEnvironment,
  span: SourceSpan,
): Expr {
  const { context, aggregates } = env;
  const sink = aggregates?.windows;
  if (aggregates === undefined || sink === undefined) {
    throw sqlError("windowing_error", `Window functions are not allowed in ${env.clause}.`, span);
  }
  const inner: ExprEnvironment = {
    ...env,
    aggregates: { ...aggregates, windows: undefined },
    clause: "a window function's arguments",
  };
  const definition = definitionOf(over, sink, spanAt(context, over.location));
  const isAggregate = context.registry.isAggregate(name);
  if (!isAggregate && !isWindowFunction(name)) {
    const message = `OVER specified, but ${name} is not a window function nor an aggregate function.`;
    throw sqlError("windowing_error", message, span);
  }
  const call = isAggregate ? bindAggregateOver(name, node, inner, span) : bindFunctionOver(name, node, inner, span);
  const partitionBy = (definition.partitionClause ?? []).map((item) => resolveUnknown(context, env.bind(item, inner)));
  const orderBy = (definition.orderClause ?? []).flatMap((item): SortKey[] =>
    "SortBy" in item
      ? [{ expr: resolveUnknown(context, env.bind(item.SortBy.node, inner)), ...sortOrder(context, item.SortBy) }]
      : [],
  );
  const frame = bindFrame(definition, orderBy, inner);
  const pending: PendingWindow = { partitionBy, orderBy, window: { call, isAggregate, frame } };
  const identity = pendingIdentity(pending);
  const known = sink.calls.findIndex((other) => pendingIdentity(other) === identity);
  const index = known === -1 ? sink.calls.push(pending) - 1 : known;
  return { kind: "column", index: WINDOW_BASE + index, name, type: call.type };
}

function bindAggregateOver(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): AggregateCall {
  const { context } = env;
  if (node.agg_within_group === true) {
    throw unsupported(context, `OVER for the ordered-set aggregate ${name} is`, node.location);
  }
  if (node.agg_distinct === true) throw unsupported(context, "DISTINCT in a window aggregate is", node.location);
  if (node.agg_order !== undefined) throw unsupported(context, "ORDER BY in a window aggregate is", node.location);
  return bindAggregateCall(name, node, env, span);
}

function bindFunctionOver(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): AggregateCall {
  const { context } = env;
  if (node.agg_filter !== undefined || node.agg_distinct === true || node.agg_order !== undefined) {
    throw sqlError("windowing_error", `${name} takes neither FILTER nor DISTINCT nor ORDER BY.`, span);
  }
  const bound = (node.args ?? []).map((arg) => env.bind(arg, env));
  const types = bound.map((arg) => arg.type);
  const resolved = resolveWindowFunction(name, types);
  if (resolved === undefined || node.agg_star === true) throw undefinedFunction(context, name, types, span);
  context.functions.set(name, { name, volatility: "immutable" });
  return {
    function: resolved.name,
    args: bound.map((arg, i) => coerce(context, arg, resolved.argTypes[i] ?? arg.type, "implicit", undefined)),
    distinct: false,
    filter: undefined,
    orderBy: [],
    directArgs: [],
    type: resolved.returnType,
    span,
  };
}

function bindFrame(definition: WindowDef, orderBy: readonly SortKey[], env: ExprEnvironment): WindowFrame {
  const { context } = env;
  const options = definition.frameOptions ?? 0;
  const has = (bit: number): boolean => (options & bit) !== 0;
  const mode = has(FRAME_ROWS) ? "rows" : has(FRAME_GROUPS) ? "groups" : "range";
  if (mode === "groups" && orderBy.length === 0) {
    throw sqlError("windowing_error", "GROUPS mode requires an ORDER BY clause.", spanAt(context, definition.location));
  }
  const [key, ...others] = orderBy;
  const hasRangeOffset =
    has(FRAME_RANGE) && has(START_PRECEDING | END_PRECEDING | START_FOLLOWING | END_FOLLOWING) && mode === "range";
  if (hasRangeOffset && (key === undefined || others.length > 0)) {
    const message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column.";
    throw sqlError("windowing_error", message, spanAt(context, definition.location));
  }
  const edge = (node: Node | undefined, preceding: boolean): FrameBound => {
    const span = spanAt(context, locationOf(node));
    const direction = preceding ? "preceding" : "following";
    const raw = env.bind(node, { ...env, aggregates: undefined, clause: "a window frame's offset" });
    if (mode !== "range" || key === undefined) {
      return { kind: "offset", direction, offset: coerce(context, raw, INT64, "implicit", span) };
    }
    const isDateTime =
      key.expr.type.kind === "date" || key.expr.type.kind === "time" || key.expr.type.kind === "timestamp";
    const offset =
      isDateTime && raw.type.kind === "null" ? coerce(context, raw, { kind: "interval" }, "implicit", span) : raw;
    if (isDateTime && offset.type.kind !== "interval") {
      const types = `column type ${dataTypeToName(key.expr.type)} and offset type ${dataTypeToName(offset.type)}`;
      throw sqlError("windowing_error", `RANGE with offset PRECEDING/FOLLOWING is not supported for ${types}.`, span);
    }
    const subtracts = preceding !== key.descending;
    const value = bindCall(context, subtracts ? "-" : "+", [roomy(key.expr), offset], span);
    return { kind: "value", value, offset: value.kind === "call" ? (value.args[1] ?? offset) : offset };
  };
  const start: FrameBound = has(START_UNBOUNDED)
    ? { kind: "unbounded" }
    : has(START_PRECEDING | START_FOLLOWING)
      ? edge(definition.startOffset, has(START_PRECEDING))
      : { kind: "current_row" };
  const end: FrameBound = has(END_UNBOUNDED)
    ? { kind: "unbounded" }
    : has(END_PRECEDING | END_FOLLOWING)
      ? edge(definition.endOffset, has(END_PRECEDING))
      : { kind: "current_row" };
  const value = start.kind === "value" ? start.value : end.kind === "value" ? end.value : undefined;
  return {
    mode,
    start,
    end,
    rangeKey:
      value === undefined || key === undefined
        ? undefined
        : coerce(context, roomy(key.expr), value.type, "implicit", spanAt(context, definition.location)),
    exclude: has(EXCLUDE_CURRENT_ROW)
      ? "current_row"
      : has(EXCLUDE_GROUP)
        ? "group"
        : has(EXCLUDE_TIES)
          ? "ties"
          : "none",
  };
}

/** An order value that an offset can be added to without leaving its type: PostgreSQL's in_range never overflows. */
function roomy(key: Expr): Expr {
  const wider: Readonly<Record<string, DataType>> = { int16: INT64, int32: INT64, int64: { kind: "decimal" } };
  const type = wider[key.type.kind];
  return type === undefined ? key : { kind: "cast", arg: key, type };
}

function windowIdentity({ partitionBy, orderBy }: PendingWindow): string {
  const order = orderBy.map((key) => `${exprIdentity(key.expr)}${key.descending}${key.nullsFirst}`);
  return `${partitionBy.map((expr) => exprIdentity(expr)).join()}|${order.join()}`;
}

function pendingIdentity(pending: PendingWindow): string {
  return `${windowIdentity(pending)}|${windowCallIdentity(pending.window)}`;
}

/** The call with every expression over its input's rows changed. */
export function mapPending(pending: PendingWindow, change: (expr: Expr) => Expr): PendingWindow {
  return {
    partitionBy: pending.partitionBy.map(change),
    orderBy: mapSortKeys(pending.orderBy, change),
    window: mapWindowCall(pending.window, change),
  };
}

/** The nodes that compute the calls over `input`, one for each distinct window, and where each call's value is. */
export function createWindows(
  input: PlanNode,
  calls: readonly PendingWindow[],
): { readonly plan: PlanNode; readonly resolve: (expr: Expr) => Expr } {
  const places = new Map<number, number>();
  const byWindow = Map.groupBy(calls.keys(), (index) => {
    const pending = calls[index];
    return pending === undefined ? "" : windowIdentity(pending);
  });
  let plan = input;
  for (const indices of byWindow.values()) {
    const members = indices.flatMap((index) => calls[index] ?? []);
    const [first] = members;
    if (first === undefined) continue;
    const columns: ColumnSchema[] = [...plan.columns];
    for (const index of indices) {
      const call = calls[index]?.window.call;
      if (call === undefined) continue;
      places.set(index, columns.length);
      columns.push({ name: call.function, type: call.type, nullable: true });
    }
    const { partitionBy, orderBy } = first;
    plan = { kind: "window", input: plan, partitionBy, orderBy, calls: members.map(({ window }) => window), columns };
  }
  const { columns } = plan;
  const resolve = (expr: Expr): Expr =>
    transformExpr(expr, (part) => {
      if (part.kind !== "column" || part.index < WINDOW_BASE) return part;
      const place = places.get(part.index - WINDOW_BASE) ?? part.index;
      const column = columns[place];
      return column === undefined ? part : columnRef(place, column);
    });
  return { plan, resolve };
}
