// Subqueries that do not depend on the outer row: they run first, and their values take their places as constants.

import type { Batch, Scalar } from "#columnar";
import { scalarAt } from "#columnar";
import { LakeError } from "#core";
import { sqlError } from "./bind/errors.ts";
import type { PreparedSubquery } from "./bind/context.ts";
import { FALSE, TRUE, literal, mapChildren } from "./expressions.ts";
import { mapExpressions, transformPlan } from "./optimize/index.ts";
import type { Expr, PlanNode } from "./plan.ts";

/** What a subquery gave: one value, or the values of a list. */
export type SubqueryValue =
  | { readonly kind: "value"; readonly value: Scalar }
  | { readonly kind: "list"; readonly values: readonly Scalar[] };

/** A list that an IN outside WHERE is compared with must fit in memory as constants. */
const MAX_LIST_VALUES = 1_000_000;

/** A subquery's plan, reading no more rows than its form needs. */
export function boundSubqueryRows(subquery: PreparedSubquery): PlanNode {
  const { plan, kind } = subquery;
  if (kind === "list") return plan;
  if (kind === "exists") {
    const input: PlanNode = { kind: "project", input: plan, exprs: [], columns: [] };
    return { kind: "limit", input, limit: 1, offset: 0, columns: [] };
  }
  return { kind: "limit", input: plan, limit: 2, offset: 0, columns: plan.columns };
}

/** Reads a subquery's rows. Errors: `sql_runtime_error` when a scalar subquery has more than one row. */
export async function readSubquery(subquery: PreparedSubquery, batches: AsyncIterable<Batch>): Promise<SubqueryValue> {
  const values: Scalar[] = [];
  let rowCount = 0;
  for await (const batch of batches) {
    rowCount += batch.rowCount;
    if (subquery.kind === "exists") {
      if (rowCount > 0) break;
      continue;
    }
    if (subquery.kind === "scalar" && rowCount > 1) {
      throw sqlError(
        "sql_runtime_error",
        "More than one row returned by a subquery used as an expression.",
        subquery.span,
      );
    }
    if (rowCount > MAX_LIST_VALUES) {
      const message = `A subquery compared as a list has more than ${MAX_LIST_VALUES} rows: use a join.`;
      throw new LakeError("memory_limit_exceeded", message, { details: { operator: "subquery list" } });
    }
    const [column] = batch.columns;
    for (let i = 0; i < batch.rowCount; i++) values.push(column === undefined ? null : scalarAt(column, i));
  }
  if (subquery.kind === "exists") return { kind: "value", value: rowCount > 0 };
  return subquery.kind === "scalar" ? { kind: "value", value: values[0] ?? null } : { kind: "list", values };
}

/** The plan with every place that waits for a subquery filled by its value. */
export function substituteSubqueries(plan: PlanNode, values: readonly SubqueryValue[]): PlanNode {
  if (values.length === 0) return plan;
  return transformPlan(plan, (node) => mapExpressions(node, (expr) => substitute(expr, values)));
}

function substitute(expr: Expr, values: readonly SubqueryValue[]): Expr {
  if (expr.kind === "in_list") {
    const arg = substitute(expr.arg, values);
    const list = expr.list.flatMap((item) => listItems(item, values));
    // IN over no rows is false, even for NULL.
    if (list.length === 0) return expr.negated ? TRUE : FALSE;
    return { ...expr, arg, list };
  }
  if (expr.kind === "literal" && expr.subquery !== undefined) {
    const found = values[expr.subquery];
    if (found !== undefined) return literal(found.kind === "value" ? found.value : found.values, expr.type);
  }
  return mapChildren(expr, (child) => substitute(child, values));
}

/** The items a list element stands for: itself, or every value of the subquery, with the cast around it. */
function listItems(item: Expr, values: readonly SubqueryValue[]): readonly Expr[] {
  const inner = item.kind === "cast" ? item.arg : item;
  const found = inner.kind === "literal" && inner.subquery !== undefined ? values[inner.subquery] : undefined;
  if (found?.kind !== "list") return [substitute(item, values)];
  return found.values.map((value) => {
    const element = literal(value, inner.type);
    return item.kind === "cast" ? { ...item, arg: element } : element;
  });
}
