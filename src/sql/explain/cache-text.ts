// The canonical text of a plan: equal texts over equal data give equal rows.

import type { Expr, PlanNode } from "../plan.ts";
import { inputsOf } from "../optimize/plan-shape.ts";
import { aggregateToText, expressionToText, sortKeyToText, windowCallToText } from "./expression-text.ts";

const CANONICAL = { isCanonical: true };

/**
 * One line for a plan. Columns go by number, so aliases do not matter; constants that come from the statement's
 * time stand as their SQL (`now()`), so that the text does not change with the clock. Scan predicates are left out:
 * they follow from the filters.
 */
export function planToCacheText(plan: PlanNode): string {
  const inputs = inputsOf(plan).map((input) => planToCacheText(input));
  return `${operatorText(plan)}(${inputs.join(",")})`;
}

function exprs(list: readonly Expr[]): string {
  return list.map((expr) => expressionToText(expr, CANONICAL)).join(";");
}

/** The line of an operator without its inputs. */
export function operatorText(plan: PlanNode): string {
  switch (plan.kind) {
    case "scan":
      return `scan[${plan.source.name}:${plan.projection.join()}:${plan.limit ?? ""}]`;
    case "values":
      return `values[${plan.rows.map((row) => exprs(row)).join("|")}]`;
    case "function_scan":
      return `${plan.function}[${exprs(plan.args)}${(plan.parts ?? []).map((part) => `|${part.function}:${part.argCount}`).join("")}${plan.ordinality === true ? "|ordinality" : ""}]`;
    case "filter":
      return `filter[${expressionToText(plan.condition, CANONICAL)}]`;
    case "project":
      return `project[${exprs(plan.exprs)}]`;
    case "aggregate":
      return `aggregate[${exprs(plan.keys)}|${JSON.stringify(plan.groupingSets ?? "")}|${plan.aggregates.map((call) => `${aggregateToText(call, CANONICAL)}:${call.type.kind}`).join(";")}]`;
    case "window": {
      const order = plan.orderBy.map((key) => sortKeyToText(key, CANONICAL)).join(";");
      const calls = plan.calls.map((window) => `${windowCallToText(window, CANONICAL)}:${window.call.type.kind}`);
      return `window[${exprs(plan.partitionBy)}|${order}|${calls.join(";")}]`;
    }
    case "sort":
      return `sort[${plan.keys.map((key) => sortKeyToText(key, CANONICAL)).join(";")}:${plan.topRows ?? ""}]`;
    case "limit":
      return `limit[${plan.limit ?? ""}:${plan.offset}]`;
    case "distinct":
      return "distinct";
    case "join": {
      const keys = plan.equalKeys.map(
        ({ left, right, nullsEqual }) =>
          `${expressionToText(left, CANONICAL)}${nullsEqual === true ? "==" : "="}${expressionToText(right, CANONICAL)}`,
      );
      const residual = plan.residual === undefined ? "" : expressionToText(plan.residual, CANONICAL);
      return `${plan.joinType}[${keys.join(";")}|${residual}]`;
    }
    case "recursive":
      return `recursive${plan.all ? "-all" : ""}[${plan.id}]`;
    case "shared":
      return `shared[${plan.rows.isFence ? "fence " : ""}${planToCacheText(plan.rows.plan)}]`;
    case "working_table":
      return `working[${plan.id}]`;
    case "set_operation":
      return `${plan.operation}${plan.all ? "-all" : ""}`;
  }
}
