// Walking and rebuilding bound expressions. Rebuilding keeps identity where nothing changed.

import type { ColumnSchema, DataType, Scalar } from "#columnar";
import type { AggregateCall, Expr, FrameBound, SortKey, WindowCall } from "./plan.ts";

/** The boolean type of conditions. */
export const BOOLEAN: DataType = { kind: "boolean" };
/** PostgreSQL's text. */
export const TEXT: DataType = { kind: "string" };
/** The type of untyped literals and bare NULLs: PostgreSQL's unknown. */
export const UNKNOWN: DataType = { kind: "null" };
/** PostgreSQL's bigint. */
export const INT64: DataType = { kind: "int64" };
/** PostgreSQL's integer. */
export const INT32: DataType = { kind: "int32" };
/** PostgreSQL's timestamptz. */
export const TIMESTAMPTZ: DataType = { kind: "timestamp", utc: true };

/** The constant true. */
export const TRUE: Expr = { kind: "literal", value: true, type: BOOLEAN };
/** The constant false. */
export const FALSE: Expr = { kind: "literal", value: false, type: BOOLEAN };

/** A literal of a type. */
export function literal(value: Scalar, type: DataType): Expr {
  return { kind: "literal", value, type };
}

/** A reference to a column of an input schema. */
export function columnRef(index: number, column: ColumnSchema): Expr {
  return { kind: "column", index, name: column.name, type: column.type };
}

/** Direct subexpressions in evaluation order. */
export function childExprs(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "column":
    case "literal":
      return [];
    case "call":
    case "and":
    case "or":
    case "coalesce":
      return expr.args;
    case "cast":
    case "not":
    case "is_null":
      return [expr.arg];
    case "in_list":
      return [expr.arg, ...expr.list];
    case "case":
      return [...expr.branches.flatMap(({ when, then }) => [when, then]), expr.otherwise];
  }
}

/** One branch of a CASE. */
export function caseBranch(when: Expr, then: Expr): { readonly when: Expr; readonly then: Expr } {
  // oxlint-disable-next-line unicorn/no-thenable -- named after SQL's THEN; `then` is no function and nothing awaits it
  return { when, then };
}

function mapList(items: readonly Expr[], change: (expr: Expr) => Expr): readonly Expr[] {
  let changed = false;
  const mapped = items.map((item) => {
    const result = change(item);
    if (result !== item) changed = true;
    return result;
  });
  return changed ? mapped : items;
}

/** The expression with every direct subexpression replaced; the same object when none changed. */
export function mapChildren(expr: Expr, change: (expr: Expr) => Expr): Expr {
  switch (expr.kind) {
    case "column":
    case "literal":
      return expr;
    case "call":
    case "and":
    case "or":
    case "coalesce": {
      const args = mapList(expr.args, change);
      return args === expr.args ? expr : { ...expr, args };
    }
    case "cast":
    case "not":
    case "is_null": {
      const arg = change(expr.arg);
      return arg === expr.arg ? expr : { ...expr, arg };
    }
    case "in_list": {
      const arg = change(expr.arg);
      const list = mapList(expr.list, change);
      return arg === expr.arg && list === expr.list ? expr : { ...expr, arg, list };
    }
    case "case": {
      let changed = false;
      const branches = expr.branches.map((branch) => {
        const when = change(branch.when);
        const then = change(branch.then);
        if (when === branch.when && then === branch.then) return branch;
        changed = true;
        return caseBranch(when, then);
      });
      const otherwise = change(expr.otherwise);
      return !changed && otherwise === expr.otherwise ? expr : { ...expr, branches, otherwise };
    }
  }
}

/** Rebuilds bottom-up. */
export function transformExpr(expr: Expr, change: (expr: Expr) => Expr): Expr {
  return change(mapChildren(expr, (child) => transformExpr(child, change)));
}

/** Calls `visit` on the expression and everything inside it, outermost first. */
export function visitExpr(expr: Expr, visit: (expr: Expr) => void): void {
  visit(expr);
  for (const child of childExprs(expr)) visitExpr(child, visit);
}

/** Whether any part of the expression fulfils the test. */
export function someExpr(expr: Expr, test: (expr: Expr) => boolean): boolean {
  return test(expr) || childExprs(expr).some((child) => someExpr(child, test));
}

/** Adds the input columns an expression reads to a set. */
export function collectColumns(expr: Expr, into: Set<number>): void {
  visitExpr(expr, (part) => {
    if (part.kind === "column") into.add(part.index);
  });
}

/** The input columns an expression reads. */
export function columnsOf(expr: Expr): ReadonlySet<number> {
  const columns = new Set<number>();
  collectColumns(expr, columns);
  return columns;
}

/** Replaces column references by what `replace` gives for their index; undefined keeps them. */
export function replaceColumns(expr: Expr, replace: (index: number) => Expr | undefined): Expr {
  return transformExpr(expr, (part) => (part.kind === "column" ? (replace(part.index) ?? part) : part));
}

/** Moves column references to other indices. */
export function remapColumns(expr: Expr, indexOf: (index: number) => number): Expr {
  return transformExpr(expr, (part) => {
    if (part.kind !== "column") return part;
    const index = indexOf(part.index);
    return index === part.index ? part : { ...part, index };
  });
}

/** The sort keys with their expressions changed. */
export function mapSortKeys(keys: readonly SortKey[], change: (expr: Expr) => Expr): readonly SortKey[] {
  return keys.map((key) => ({ ...key, expr: change(key.expr) }));
}

/** An aggregate call with every expression in it changed. */
export function mapAggregate(call: AggregateCall, change: (expr: Expr) => Expr): AggregateCall {
  return {
    ...call,
    args: mapList(call.args, change),
    filter: call.filter === undefined ? undefined : change(call.filter),
    orderBy: mapSortKeys(call.orderBy, change),
  };
}

/** Every expression an aggregate call evaluates on input rows. */
export function aggregateExprs(call: AggregateCall): readonly Expr[] {
  return [...call.args, ...(call.filter === undefined ? [] : [call.filter]), ...call.orderBy.map((key) => key.expr)];
}

function mapBound(bound: FrameBound, change: (expr: Expr) => Expr): FrameBound {
  return bound.kind === "value" ? { ...bound, value: change(bound.value) } : bound;
}

/** A window call with every expression over its input's rows changed. */
export function mapWindowCall(window: WindowCall, change: (expr: Expr) => Expr): WindowCall {
  const { frame } = window;
  return {
    ...window,
    call: mapAggregate(window.call, change),
    frame: {
      ...frame,
      start: mapBound(frame.start, change),
      end: mapBound(frame.end, change),
      rangeKey: frame.rangeKey === undefined ? undefined : change(frame.rangeKey),
    },
  };
}

/** Every expression a window call evaluates on input rows. */
export function windowCallExprs({ call, frame }: WindowCall): readonly Expr[] {
  const bounds = [frame.start, frame.end].flatMap((bound) => (bound.kind === "value" ? [bound.value] : []));
  return [...aggregateExprs(call), ...bounds, ...(frame.rangeKey === undefined ? [] : [frame.rangeKey])];
}

/** The parts of a conjunction, nested ANDs flattened. */
export function conjunctsOf(expr: Expr | undefined): readonly Expr[] {
  if (expr === undefined) return [];
  return expr.kind === "and" ? expr.args.flatMap((arg) => conjunctsOf(arg)) : [expr];
}

/** The conjunction of conditions; undefined when there are none. */
export function conjunction(conditions: readonly Expr[]): Expr | undefined {
  const flat = conditions.flatMap((condition) => conjunctsOf(condition));
  if (flat.length <= 1) return flat[0];
  return { kind: "and", args: flat, type: BOOLEAN };
}

/** JSON of a value that keeps bigint, bytes, infinities and NaN apart; for structural equality. */
function scalarIdentity(value: unknown): string {
  return (
    JSON.stringify(value, (_key, item: unknown) => {
      if (typeof item === "bigint") return `${item}n`;
      if (item instanceof Uint8Array) return `bytes:${[...item].join(",")}`;
      if (typeof item === "number" && (!Number.isFinite(item) || Object.is(item, -0))) {
        return `number:${Object.is(item, -0) ? "-0" : item}`;
      }
      return item;
    }) ?? "undefined"
  );
}

/** A text equal for structurally equal expressions: same columns, functions, values and types. */
export function exprIdentity(expr: Expr): string {
  const children = childExprs(expr).map((child) => exprIdentity(child));
  const type = JSON.stringify(expr.type);
  switch (expr.kind) {
    case "column":
      return `#${expr.index}`;
    case "literal":
      return `${scalarIdentity(expr.value)}:${type}${expr.subquery === undefined ? "" : `@${expr.subquery}`}`;
    case "call":
      return `${expr.function}(${children.join()})${type}`;
    case "is_null":
    case "in_list":
      return `${expr.kind}${expr.negated}(${children.join()})`;
    case "cast":
      return `cast${expr.lenient === true}(${children.join()})${type}`;
    case "and":
    case "or":
    case "not":
    case "case":
    case "coalesce":
      return `${expr.kind}(${children.join()})${type}`;
  }
}

/** A text equal for structurally equal aggregate calls. */
export function aggregateIdentity(call: AggregateCall): string {
  const list = (exprs: readonly Expr[]): string => exprs.map((expr) => exprIdentity(expr)).join();
  const order = call.orderBy.map((key) => `${exprIdentity(key.expr)}${key.descending}${key.nullsFirst}`).join();
  const filter = call.filter === undefined ? "" : exprIdentity(call.filter);
  return `${call.function}(${call.distinct};${list(call.args)};${list(call.directArgs)};${order};${filter})${JSON.stringify(call.type)}`;
}

function boundIdentity(bound: FrameBound): string {
  switch (bound.kind) {
    case "unbounded":
    case "current_row":
      return bound.kind;
    case "offset":
      return `${bound.direction} ${exprIdentity(bound.offset)}`;
    case "value":
      return exprIdentity(bound.value);
  }
}

/** A text equal for structurally equal window calls over one window. */
export function windowCallIdentity({ call, frame }: WindowCall): string {
  return `${aggregateIdentity(call)} ${frame.mode} ${boundIdentity(frame.start)} ${boundIdentity(frame.end)} ${frame.exclude}`;
}

/** Whether an expression can be NULL, as far as its form tells; true when in doubt. */
export function mayBeNull(expr: Expr, input: readonly ColumnSchema[]): boolean {
  switch (expr.kind) {
    case "column":
      return input[expr.index]?.nullable ?? true;
    case "literal":
      return expr.value === null;
    case "is_null":
      return false;
    case "and":
    case "or":
    case "not":
      return childExprs(expr).some((child) => mayBeNull(child, input));
    case "coalesce":
      return expr.args.every((arg) => mayBeNull(arg, input));
    case "call":
    case "cast":
    case "in_list":
    case "case":
      return true;
  }
}
