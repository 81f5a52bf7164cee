// GROUP BY: keys, and expressions rewritten from the FROM clause's row to the aggregate's row.

import type { Node } from "libpg-query";
import type { ColumnSchema } from "#columnar";
import { BOOLEAN, INT32, caseBranch, exprIdentity, literal, mapChildren, mayBeNull, someExpr } from "../expressions.ts";
import type { AggregateCall, Expr, PlanNode } from "../plan.ts";
import { locationOf, stringsOf } from "./ast.ts";
import { resolveUnknown } from "./coerce.ts";
import { spanAt, unsupported, type BindContext } from "./context.ts";
import { moveBelow, readBelow, subqueriesRead } from "./subquery-sink.ts";
import {
  AGGREGATE_BASE,
  SET_BASE,
  SUBQUERY_BASE,
  WINDOW_BASE,
  type ExprEnvironment,
  type SubquerySink,
} from "./environment.ts";
import { sqlError } from "./errors.ts";
import { expandGroupingSets, hasGroupingSets } from "./grouping-sets.ts";
import { OUTER_BASE, lookupColumn } from "./scope.ts";

/** A SELECT item. */
export interface Target {
  readonly name: string;
  readonly expr: Expr;
}

/** The name under which GROUPING stands until rows are grouped; its first argument is the number of the set. */
export const GROUPING = "grouping";
/** The aggregate that tells which grouping set a row is of. */
export const GROUPING_SET = "grouping_set";

/** GROUPING as an expression over the number of the set: a bit for each argument, set where the key is left out. */
function groupingValue(
  set: Expr,
  positions: readonly number[],
  sets: readonly (readonly number[])[] | undefined,
): Expr {
  const bits = (own: readonly number[]): number =>
    positions.reduce((value, position) => value * 2 + (own.includes(position) ? 0 : 1), 0);
  const branches = (sets ?? []).map((own, number) =>
    caseBranch(
      { kind: "call", function: "=", args: [set, literal(number, INT32)], type: BOOLEAN },
      literal(bits(own), INT32),
    ),
  );
  return { kind: "case", branches, otherwise: literal(0, INT32), type: INT32 };
}

/** Whether an expression uses an aggregate's result, before grouping. */
export function usesAggregate(expr: Expr): boolean {
  return someExpr(expr, (part) => part.kind === "column" && part.index >= AGGREGATE_BASE && part.index < WINDOW_BASE);
}

/** Whether an expression uses a window function's result, before the window nodes are made. */
export function usesWindow(expr: Expr): boolean {
  return someExpr(expr, (part) => part.kind === "column" && part.index >= WINDOW_BASE && part.index < SET_BASE);
}

/** Whether an expression uses a row of a set-returning function, before its node is made. */
export function usesSet(expr: Expr): boolean {
  return someExpr(expr, (part) => part.kind === "column" && part.index >= SET_BASE && part.index < SUBQUERY_BASE.where);
}

/** Whether an expression waits for a correlated subquery's value. */
export function usesSubquery(expr: Expr): boolean {
  return someExpr(
    expr,
    (part) => part.kind === "column" && part.index >= SUBQUERY_BASE.where && part.index < OUTER_BASE,
  );
}

/** The position an integer constant in GROUP BY or ORDER BY names, 1-based; undefined for other expressions. */
export function ordinalOf(node: Node | undefined): number | undefined {
  if (node === undefined || !("A_Const" in node) || node.A_Const.ival === undefined) return undefined;
  return node.A_Const.ival.ival ?? 0;
}

/** The single name of an unqualified column reference. */
export function bareName(node: Node | undefined): string | undefined {
  if (node === undefined || !("ColumnRef" in node)) return undefined;
  const { fields = [] } = node.ColumnRef;
  return fields.length === 1 ? stringsOf(fields)[0] : undefined;
}

/** The target an ordinal names. Errors: `grouping_error` when there is none at that position. */
export function targetAt(
  context: BindContext,
  targets: readonly Target[],
  ordinal: number,
  clause: string,
  location: number | undefined,
): Target {
  const target = targets[ordinal - 1];
  if (target === undefined) {
    throw sqlError("grouping_error", `${clause} position ${ordinal} is not in select list.`, spanAt(context, location));
  }
  return target;
}

/** What rows are grouped by. */
export interface GroupKeys {
  readonly keys: readonly Expr[];
  /** The groupings, as numbers of keys; undefined for the one grouping by all of them. */
  readonly sets: readonly (readonly number[])[] | undefined;
}

/** Equal for groupings by the same keys. */
function setIdentity(set: readonly number[]): string {
  return set.toSorted((a, b) => a - b).join();
}

/**
 * Binds GROUP BY items: an ordinal, an input column, a SELECT alias, or an expression, in this order. Of GROUP BY
 * DISTINCT each grouping counts once.
 */
export function bindGroupKeys(
  items: readonly Node[],
  targets: readonly Target[],
  env: ExprEnvironment,
  isDistinct: boolean,
): GroupKeys {
  const { context } = env;
  const keys: Expr[] = [];
  const all = expandGroupingSets(context, items).map((set) => [...new Set(bindKeys(set, targets, env, keys))]);
  if (!hasGroupingSets(items)) return { keys, sets: undefined };
  const sets = isDistinct
    ? all.filter((set, i) => all.findIndex((other) => setIdentity(other) === setIdentity(set)) === i)
    : all;
  return { keys, sets };
}

/** Binds keys into a list without duplicates and returns their numbers there. */
function bindKeys(
  items: readonly Node[],
  targets: readonly Target[],
  env: ExprEnvironment,
  keys: Expr[],
): readonly number[] {
  const { context, scope } = env;
  return items.map((item) => {
    const key = resolveUnknown(
      context,
      bindGroupKey(item, targets, { ...env, aggregates: undefined, clause: "GROUP BY" }, scope),
    );
    const read = env.correlated === undefined ? [] : subqueriesRead(env.correlated.subqueries, [key]);
    if ([key, ...read.flatMap(({ captures }) => captures)].some((part) => usesAggregate(part))) {
      throw sqlError("grouping_error", "Aggregate functions are not allowed in GROUP BY.", context.spans.get(key));
    }
    if (usesWindow(key)) {
      throw sqlError("windowing_error", "Window functions are not allowed in GROUP BY.", context.spans.get(key));
    }
    if (usesSet(key)) throw unsupported(context, "Grouping by a set-returning function is", locationOf(item));
    const made = env.correlated === undefined ? key : moveBelow(context, key, env.correlated);
    const identity = exprIdentity(made);
    const known = keys.findIndex((other) => exprIdentity(other) === identity);
    return known === -1 ? keys.push(made) - 1 : known;
  });
}

function bindGroupKey(
  item: Node,
  targets: readonly Target[],
  env: ExprEnvironment,
  scope: ExprEnvironment["scope"],
): Expr {
  const ordinal = ordinalOf(item);
  if (ordinal !== undefined && "A_Const" in item) {
    return targetAt(env.context, targets, ordinal, "GROUP BY", item.A_Const.location).expr;
  }
  const name = bareName(item);
  if (name !== undefined && lookupColumn({ ...scope, parent: undefined }, undefined, name).kind === "missing") {
    const matches = targets.filter((target) => target.name === name);
    const [first] = matches;
    if (first !== undefined) return first.expr;
  }
  return env.bind(item, env);
}

/** The aggregate node over `input`, and how expressions over its input are read from its output. */
export function createAggregate(
  input: PlanNode,
  keys: readonly Expr[],
  aggregates: readonly AggregateCall[],
  groupingSets?: readonly (readonly number[])[],
): PlanNode & { readonly kind: "aggregate" } {
  const columns: ColumnSchema[] = keys.map((key, i) => ({
    name: key.kind === "column" ? key.name : `key${i + 1}`,
    type: key.type,
    nullable: groupingSets !== undefined || mayBeNull(key, input.columns),
  }));
  for (const call of aggregates) {
    columns.push({ name: call.function, type: call.type, nullable: call.function !== "count" });
  }
  const sets = groupingSets === undefined ? {} : { groupingSets };
  return { kind: "aggregate", input, keys, ...sets, aggregates, columns };
}

/**
 * Rewrites an expression over the FROM row to one over the aggregate's output.
 *
 * Errors: `grouping_error` for a column that is neither a key nor inside an aggregate.
 */
export function regroup(context: BindContext, expr: Expr, { keys, sets }: GroupKeys, sink: SubquerySink): Expr {
  const identities = keys.map((key) => exprIdentity(key));
  const identityOf = (part: Expr): string => exprIdentity(readBelow(context, part, sink));
  const rewrite = (part: Expr): Expr => {
    if (part.kind === "column" && part.index >= WINDOW_BASE && part.index < SUBQUERY_BASE.where) return part;
    if (part.kind === "column" && part.index >= AGGREGATE_BASE && part.index < WINDOW_BASE) {
      return { ...part, index: keys.length + part.index - AGGREGATE_BASE };
    }
    // A constant is itself everywhere but where it stands alone: there it is the key that a grouping may leave out.
    if (part.kind !== "literal" || (part === expr && sets !== undefined)) {
      const position = identities.indexOf(identityOf(part));
      const key = keys[position];
      if (key !== undefined) {
        return {
          kind: "column",
          index: position,
          name: key.kind === "column" ? key.name : `key${position + 1}`,
          type: key.type,
        };
      }
    }
    if (part.kind === "call" && part.function === GROUPING) {
      const [set, ...args] = part.args;
      const positions = args.map((arg) => identities.indexOf(identityOf(arg)));
      if (set === undefined || positions.includes(-1)) {
        const message = "Arguments to GROUPING must be grouping expressions of the same query level.";
        throw sqlError("grouping_error", message, part.span);
      }
      return groupingValue(rewrite(set), positions, sets);
    }
    if (part.kind === "column" && part.index >= SUBQUERY_BASE.where) return part;
    if (part.kind === "column") {
      throw sqlError(
        "grouping_error",
        `Column "${part.name}" must appear in the GROUP BY clause or be used in an aggregate function.`,
        context.spans.get(part),
      );
    }
    return mapChildren(part, rewrite);
  };
  return rewrite(expr);
}
