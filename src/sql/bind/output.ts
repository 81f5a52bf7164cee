// The output row of a query: names, types, and what becomes of columns without a type.

import type { ColumnSchema, DataType } from "#columnar";
import { TEXT, columnRef, mayBeNull } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { coerce, resolveUnknown } from "./coerce.ts";
import type { BindContext } from "./context.ts";

/** A projection; column nullability follows from the expressions. */
export function project(input: PlanNode, exprs: readonly Expr[], names: readonly string[]): PlanNode {
  const columns: ColumnSchema[] = exprs.map((expr, i) => ({
    name: names[i] ?? "?column?",
    type: expr.type,
    nullable: mayBeNull(expr, input.columns),
  }));
  return { kind: "project", input, exprs, columns };
}

/** The same rows with each column cast to a type; untyped constants are parsed as that type. */
export function coerceColumns(context: BindContext, plan: PlanNode, types: readonly DataType[]): PlanNode {
  const names = plan.columns.map((column) => column.name);
  const change = (expr: Expr, i: number): Expr => {
    const type = types[i] ?? expr.type;
    return coerce(context, expr, type, "implicit", undefined);
  };
  if (plan.kind === "project") return project(plan.input, plan.exprs.map(change), names);
  if (plan.kind === "values") {
    const rows = plan.rows.map((row) => row.map(change));
    const columns = plan.columns.map((column, i) => ({ ...column, type: types[i] ?? column.type }));
    return { ...plan, rows, columns };
  }
  const exprs = plan.columns.map((column, i) => change(columnRef(i, column), i));
  return exprs.every((expr) => expr.kind === "column") ? plan : project(plan, exprs, names);
}

/** Makes untyped output columns text, as PostgreSQL does where a query's result is used. */
export function resolveUnknownColumns(context: BindContext, plan: PlanNode): PlanNode {
  if (plan.columns.every((column) => column.type.kind !== "null")) return plan;
  if (plan.kind === "project") {
    const exprs = plan.exprs.map((expr) => resolveUnknown(context, expr));
    return project(
      plan.input,
      exprs,
      plan.columns.map((column) => column.name),
    );
  }
  return coerceColumns(
    context,
    plan,
    plan.columns.map((column) => (column.type.kind === "null" ? TEXT : column.type)),
  );
}

/** One row without columns: what a SELECT without FROM reads. */
export const ONE_EMPTY_ROW: PlanNode = { kind: "values", rows: [[]], columns: [] };

/** No rows, with a schema. */
export function noRows(columns: readonly ColumnSchema[]): PlanNode {
  return { kind: "values", rows: [], columns };
}

/** The same columns under other names. */
export function renameColumns(plan: PlanNode, names: readonly string[]): PlanNode {
  const columns = plan.columns.map((column, i) => ({ ...column, name: names[i] ?? column.name }));
  return { ...plan, columns };
}
