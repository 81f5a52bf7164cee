// Rough row counts, for EXPLAIN and for choosing which side of a join is built.

import type { Expr, PlanNode } from "../plan.ts";

const UNKNOWN_TABLE_ROWS = 1000;
const ROWS_PER_FUNCTION_CALL = 10;
const ROUNDS = 10;
const ROWS_PER_ROUND = 100;
const GROUPS_PER_ROW_EXPONENT = 0.5;

const IDS_PER_ROW_EXPONENT = 0.75;
const PAIRS_PER_ROW_EXPONENT = 0.9;
const EQUALITY_SELECTIVITY = 0.1;
const MATCH_SELECTIVITY = 0.1;
const RANGE_SELECTIVITY = 0.33;
/** Of an order of two columns, of which either may be the greater. */
const ORDER_SELECTIVITY = 0.5;
const MOST = 0.9;
const MATCHES = new Set(["~~", "~~*", "^@", "~", "~*"]);
const MISMATCHES = new Set(["<>", "!~~", "!~~*", "!~", "!~*"]);

/** The part of rows that a condition is expected to keep. */
export function selectivity(condition: Expr): number {
  switch (condition.kind) {
    case "and":
      return condition.args.reduce((product, part) => product * selectivity(part), 1);
    case "or":
      return Math.min(
        MOST,
        condition.args.reduce((sum, part) => sum + selectivity(part), 0),
      );
    case "not":
      return Math.max(1 - MOST, 1 - selectivity(condition.arg));
    case "in_list": {
      const part = Math.min(ORDER_SELECTIVITY, condition.list.length * EQUALITY_SELECTIVITY);
      return condition.negated ? 1 - part : part;
    }
    case "is_null":
      return condition.negated ? MOST : 1 - MOST;
    case "literal":
      return condition.value === true ? 1 : 0;
    case "call":
      return callSelectivity(condition);
    case "column":
    case "cast":
    case "case":
    case "coalesce":
      return RANGE_SELECTIVITY;
  }
}

function callSelectivity({ function: name, args }: Extract<Expr, { kind: "call" }>): number {
  if (name === "=") return EQUALITY_SELECTIVITY;
  if (MATCHES.has(name)) return MATCH_SELECTIVITY;
  if (MISMATCHES.has(name)) return MOST;
  const isOrder = ["<", "<=", ">", ">="].includes(name);
  return isOrder && args.every((arg) => arg.kind === "column") ? ORDER_SELECTIVITY : RANGE_SELECTIVITY;
}

/** Rows of an input before conditions: at most so many different values a key has. */
export function rowsBeforeConditions(plan: PlanNode): number {
  if (plan.kind === "filter" || plan.kind === "project" || plan.kind === "sort") {
    return rowsBeforeConditions(plan.input);
  }
  if (plan.kind !== "join" || plan.equalKeys.length === 0) return estimateRows(plan);
  const left = rowsBeforeConditions(plan.left);
  if (plan.joinType === "semi" || plan.joinType === "anti") return left;
  return Math.max(left, rowsBeforeConditions(plan.right));
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
      return plan.keys.length === 0 ? 1 : estimateRows(plan.input) ** groupsExponent(plan.keys);
    case "distinct":
      return estimateRows(plan.input) ** GROUPS_PER_ROW_EXPONENT;
    case "limit":
      return Math.min(plan.limit ?? Infinity, Math.max(0, estimateRows(plan.input) - plan.offset));
    case "join":
      return estimateJoin(plan);
    case "recursive":
      return estimateRows(plan.left) * ROUNDS;
    case "shared":
      return estimateRows(plan.rows.plan);
    case "working_table":
      return ROWS_PER_ROUND;
    case "set_operation": {
      const left = estimateRows(plan.left);
      return plan.operation === "union" ? left + estimateRows(plan.right) : left;
    }
  }
}

function isId({ kind, type }: Expr): boolean {
  return kind === "column" && (type.kind === "int32" || type.kind === "int64");
}

/** Integer columns are taken for ids, of which there are many. */
function groupsExponent(keys: readonly Expr[]): number {
  const ids = keys.filter((key) => isId(key)).length;
  if (ids > 1) return PAIRS_PER_ROW_EXPONENT;
  return ids === 1 ? IDS_PER_ROW_EXPONENT : GROUPS_PER_ROW_EXPONENT;
}

/** Keys are taken for those of the table with fewer rows, of which each row of the other has one. */
function estimateJoin(plan: Extract<PlanNode, { kind: "join" }>): number {
  const left = estimateRows(plan.left);
  const right = estimateRows(plan.right);
  const { joinType } = plan;
  if (joinType === "semi" || joinType === "anti") {
    const found = Math.min(0.5, right / rowsBeforeConditions(plan.left));
    return joinType === "semi" && plan.equalKeys.length > 0 ? left * found : left * 0.5;
  }
  if (plan.equalKeys.length === 0) return left * right;
  const keys = Math.min(rowsBeforeConditions(plan.left), rowsBeforeConditions(plan.right));
  const pairs = (left * right) / Math.max(1, keys);
  const keptLeft = joinType === "left" || joinType === "full" ? left : 0;
  const keptRight = joinType === "right" || joinType === "full" ? right : 0;
  return Math.max(pairs, keptLeft, keptRight);
}
