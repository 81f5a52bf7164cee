// Rough row counts, for EXPLAIN and for choosing which side of a join is built.

import { conjunctsOf } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";

const UNKNOWN_TABLE_ROWS = 1000;
const ROWS_PER_FUNCTION_CALL = 10;
const ROUNDS = 10;
const ROWS_PER_ROUND = 100;
const EQUALITY_SELECTIVITY = 0.1;
const OTHER_SELECTIVITY = 0.33;
const GROUPS_PER_ROW_EXPONENT = 0.5;

function selectivity(condition: Expr): number {
  let result = 1;
  for (const part of conjunctsOf(condition)) {
    const isEquality = part.kind === "in_list" || (part.kind === "call" && part.function === "=");
    result *= isEquality ? EQUALITY_SELECTIVITY : OTHER_SELECTIVITY;
  }
  return result;
}

/** Rows an operator is expected to give; never below one, and only a guess. */
export function estimateRows(plan: PlanNode): number {
  return Math.max(1, Math.round(estimate(plan)));
}

function estimate(plan: PlanNode): number {
  switch (plan.kind) {
    case "scan": {
      const rows = plan.source.estimatedRows ?? UNKNOWN_TABLE_ROWS;
      return plan.limit === undefined ? rows : Math.min(rows, plan.limit);
    }
    case "values":
      return plan.rows.length;
    case "function_scan":
      return plan.input === undefined ? UNKNOWN_TABLE_ROWS : estimateRows(plan.input) * ROWS_PER_FUNCTION_CALL;
    case "filter":
      return estimateRows(plan.input) * selectivity(plan.condition);
    case "project":
    case "window":
      return estimateRows(plan.input);
    case "sort":
      return Math.min(plan.topRows ?? Infinity, estimateRows(plan.input));
    case "aggregate":
      return plan.keys.length === 0 ? 1 : estimateRows(plan.input) ** GROUPS_PER_ROW_EXPONENT;
    case "distinct":
      return estimateRows(plan.input) ** GROUPS_PER_ROW_EXPONENT;
    case "limit":
      return Math.min(plan.limit ?? Infinity, Math.max(0, estimateRows(plan.input) - plan.offset));
    case "join": {
      const left = estimateRows(plan.left);
      const right = estimateRows(plan.right);
      if (plan.joinType === "semi" || plan.joinType === "anti") return left * 0.5;
      return plan.equalKeys.length === 0 ? left * right : Math.max(left, right);
    }
    case "recursive":
      return estimateRows(plan.left) * ROUNDS;
    case "working_table":
      return ROWS_PER_ROUND;
    case "set_operation": {
      const left = estimateRows(plan.left);
      return plan.operation === "union" ? left + estimateRows(plan.right) : left;
    }
  }
}
