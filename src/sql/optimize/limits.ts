// LIMIT reaches down: a sort keeps only the top rows, a scan may stop early.

import type { PlanNode } from "../plan.ts";
import { mapInputs } from "./plan-shape.ts";

/** Tells sorts and scans how many rows a LIMIT above them wants. */
export function pushDownLimits(plan: PlanNode): PlanNode {
  if (plan.kind === "limit" && plan.limit !== undefined) {
    return { ...plan, input: pushDownLimits(bound(plan.input, plan.limit + plan.offset)) };
  }
  return mapInputs(plan, pushDownLimits);
}

/** `plan` when only its first `rows` rows are wanted. */
function bound(plan: PlanNode, rows: number): PlanNode {
  switch (plan.kind) {
    case "project":
      return { ...plan, input: bound(plan.input, rows) };
    case "sort":
      return { ...plan, topRows: Math.min(rows, plan.topRows ?? rows) };
    case "scan":
      // Predicates only skip data, so with predicates the number of rows to read is unknown.
      return plan.predicates.length > 0 ? plan : { ...plan, limit: Math.min(rows, plan.limit ?? rows) };
    case "set_operation":
      if (plan.operation !== "union" || !plan.all) return plan;
      return { ...plan, left: boundArm(plan.left, rows), right: boundArm(plan.right, rows) };
    case "values":
    case "function_scan":
    case "filter":
    case "aggregate":
    case "window":
    case "limit":
    case "distinct":
    case "join":
    case "recursive":
    case "working_table":
    case "shared":
      return plan;
  }
}

function boundArm(plan: PlanNode, rows: number): PlanNode {
  return { kind: "limit", input: plan, limit: rows, offset: 0, columns: plan.columns };
}
