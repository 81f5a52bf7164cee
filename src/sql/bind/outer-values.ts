// Outer values beside the rows of a subquery's plan: where they stand, and how expressions read them.

import type { ColumnSchema } from "#columnar";
import { BOOLEAN, columnRef, conjunction, replaceColumns, someExpr } from "../expressions.ts";
import { createJoin } from "../joins.ts";
import { mapExpressions, visitPlan } from "../optimize/plan-shape.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { project } from "./output.ts";
import { OUTER_BASE } from "./scope.ts";

/** The rows a subquery is applied to, and what it reads of them. */
export interface OuterRows {
  readonly plan: PlanNode;
  /** Expressions over the outer row; the subquery reads number k as the column OUTER_BASE + k. */
  readonly captures: readonly Expr[];
}

/** A plan without outer columns. Its first columns are those it had; `at[k]` holds capture k. */
export interface AttachedPlan {
  readonly plan: PlanNode;
  readonly at: readonly number[];
  /** Whether a NULL in capture k finds its rows; otherwise it has none. */
  readonly nullSafe: readonly boolean[];
}

/** Whether an expression reads an outer row. */
export function readsOuter(expr: Expr): boolean {
  return someExpr(expr, (part) => part.kind === "column" && part.index >= OUTER_BASE);
}

/** Whether an operator or anything below it reads an outer row. */
export function isCorrelated(plan: PlanNode): boolean {
  let found = false;
  visitPlan(plan, (node) => {
    mapExpressions(node, (expr) => {
      found ||= readsOuter(expr);
      return expr;
    });
  });
  return found;
}

/** The columns of an attached plan that hold the outer values. */
export function outerColumns({ plan, at }: AttachedPlan): Expr[] {
  return at.flatMap((index) => {
    const column = plan.columns[index];
    return column === undefined ? [] : [columnRef(index, column)];
  });
}

/** An expression over a plan's row with its outer columns read from the attached plan. */
export function resolveOuter(expr: Expr, attached: AttachedPlan): Expr {
  const columns = outerColumns(attached);
  return replaceColumns(expr, (index) => (index >= OUTER_BASE ? columns[index - OUTER_BASE] : undefined));
}

/** The given expressions, named as `columns`, followed by the outer values. */
export function projected(input: AttachedPlan, exprs: readonly Expr[], columns: readonly ColumnSchema[]): AttachedPlan {
  const outer = outerColumns(input);
  const names = [...columns.map((column) => column.name), ...outer.map((_, k) => `outer${k + 1}`)];
  return {
    plan: project(input.plan, [...exprs, ...outer], names),
    at: outer.map((_, k) => exprs.length + k),
    nullSafe: input.nullSafe,
  };
}

/** Own columns first, outer values right after them: what both sides of a set operation must look like. */
export function aligned(attached: AttachedPlan, original: PlanNode): AttachedPlan {
  const own = original.columns.map((column, i) => columnRef(i, column));
  return projected(attached, own, original.columns);
}

/** Every combination of values that the named captures have in the outer rows. */
export function domain({ plan, captures }: OuterRows, wanted: readonly number[]): PlanNode {
  const exprs = wanted.flatMap((k) => captures[k] ?? []);
  const values = project(
    plan,
    exprs,
    wanted.map((k) => `outer${k + 1}`),
  );
  return { kind: "distinct", input: values, columns: values.columns };
}

export function withDomain(plan: PlanNode, outer: OuterRows): AttachedPlan {
  const all = [...outer.captures.keys()];
  const width = plan.columns.length;
  return {
    plan: all.length === 0 ? plan : createJoin("cross", plan, domain(outer, all), undefined),
    at: all.map((k) => width + k),
    nullSafe: all.map(() => true),
  };
}

/** The comparison in which NULL equals NULL. */
export const NULL_SAFE_EQUAL = "is_not_distinct_from";

/** The first columns of those rows whose others are the outer values: what carries outer values in its own rows. */
export function carriedRows(rows: PlanNode, width: number): PlanNode {
  const conditions = rows.columns.slice(width).map((column, k): Expr => {
    const outer: Expr = { kind: "column", index: OUTER_BASE + k, name: column.name, type: column.type };
    return { kind: "call", function: NULL_SAFE_EQUAL, args: [columnRef(width + k, column), outer], type: BOOLEAN };
  });
  const condition = conjunction(conditions);
  const own = rows.columns.slice(0, width);
  return project(
    condition === undefined ? rows : { kind: "filter", input: rows, condition, columns: rows.columns },
    own.map((column, i) => columnRef(i, column)),
    own.map((column) => column.name),
  );
}
