// Predicate pushdown: every condition moves to the lowest operator that has its columns.

import { conjunction, conjunctsOf, remapColumns, replaceColumns, columnsOf, visitExpr } from "../expressions.ts";
import { createJoin, joinColumns, sideOf, type JoinNode, type JoinType } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { noRows } from "../bind/output.ts";
import { cheapFirst } from "./condition-order.ts";
import { isConstant } from "./fold.ts";
import { factoredConjuncts } from "./or-factors.ts";
import { isVolatile, rejectsNulls } from "./properties.ts";
import { carryOver } from "./carry-over.ts";
import { extractScanPredicates } from "./scan-predicates.ts";
import { rewriteSargable, type RewriteLog } from "./sargable.ts";

/** Moves filters down; conditions on a table also become scan predicates. The filter stays: predicates only skip. */
export function pushDownFilters(plan: PlanNode, log: RewriteLog): PlanNode {
  return push(plan, [], log);
}

function withFilter(input: PlanNode, conditions: readonly Expr[]): PlanNode {
  const condition = conjunction(conditions);
  return condition === undefined ? input : { kind: "filter", input, condition, columns: input.columns };
}

/** A condition that no row fulfils: constant false or NULL. */
function isNeverTrue(condition: Expr): boolean {
  return isConstant(condition) && condition.value !== true;
}

/** `plan` filtered by `conditions`, which read its output columns. */
function push(plan: PlanNode, conditions: readonly Expr[], log: RewriteLog): PlanNode {
  const wanted = conditions
    .flatMap((condition) => factoredConjuncts(condition))
    .filter((condition) => !isConstant(condition) || condition.value !== true);
  if (wanted.some(isNeverTrue)) return noRows(plan.columns);
  switch (plan.kind) {
    case "scan":
      return filterScan(plan, wanted, log);
    case "values":
    case "working_table":
    case "shared":
      return withFilter(plan, wanted);
    case "recursive":
      // A row that the conditions exclude may still lead to rows that they do not.
      return withFilter({ ...plan, left: push(plan.left, [], log), right: push(plan.right, [], log) }, wanted);
    case "function_scan": {
      if (plan.input === undefined) return withFilter(plan, wanted);
      const width = plan.input.columns.length;
      const isOnInput = (condition: Expr): boolean => !isVolatile(condition) && sideOf(condition, width) === "left";
      const down = wanted.filter(isOnInput);
      const stay = wanted.filter((condition) => !isOnInput(condition));
      return withFilter({ ...plan, input: push(plan.input, down, log) }, stay);
    }
    case "filter":
      // The lower filter's conditions come first: they may guard the upper ones from errors.
      return push(plan.input, [...conjunctsOf(plan.condition), ...wanted], log);
    case "project": {
      const down: Expr[] = [];
      const stay: Expr[] = [];
      for (const condition of wanted) {
        if (growth(condition, plan.exprs) > MAX_GROWTH) {
          stay.push(condition);
          continue;
        }
        const moved = replaceColumns(condition, (index) => plan.exprs[index]);
        (isVolatile(moved) ? stay : down).push(isVolatile(moved) ? condition : moved);
      }
      return withFilter({ ...plan, input: push(plan.input, down, log) }, stay);
    }
    case "aggregate": {
      const isOnKeys = (condition: Expr): boolean =>
        plan.keys.length > 0 &&
        plan.groupingSets === undefined &&
        !isVolatile(condition) &&
        growth(condition, plan.keys) <= MAX_GROWTH &&
        [...columnsOf(condition)].every((index) => index < plan.keys.length);
      const down = wanted.filter(isOnKeys).map((condition) => replaceColumns(condition, (index) => plan.keys[index]));
      const stay = wanted.filter((condition) => !isOnKeys(condition));
      return withFilter({ ...plan, input: push(plan.input, down, log) }, stay);
    }
    case "window": {
      // Every row of a partition goes or stays with it, so only whole partitions may be filtered below.
      const partition = new Set(plan.partitionBy.flatMap((expr) => (expr.kind === "column" ? [expr.index] : [])));
      const isOnPartition = (condition: Expr): boolean =>
        !isVolatile(condition) && [...columnsOf(condition)].every((index) => partition.has(index));
      const down = wanted.filter(isOnPartition);
      const stay = wanted.filter((condition) => !isOnPartition(condition));
      return withFilter({ ...plan, input: push(plan.input, down, log) }, stay);
    }
    case "sort":
    case "distinct": {
      const down = wanted.filter((condition) => !isVolatile(condition));
      const stay = wanted.filter((condition) => isVolatile(condition));
      return withFilter({ ...plan, input: push(plan.input, down, log) }, stay);
    }
    case "limit":
      return withFilter({ ...plan, input: push(plan.input, [], log) }, wanted);
    case "set_operation": {
      const down = wanted.filter((condition) => !isVolatile(condition));
      const stay = wanted.filter((condition) => isVolatile(condition));
      const left = push(plan.left, down, log);
      const right = push(plan.right, down, log);
      return withFilter({ ...plan, left, right }, stay);
    }
    case "join":
      return pushJoin(plan, wanted, log);
  }
}

function filterScan(
  plan: PlanNode & { readonly kind: "scan" },
  conditions: readonly Expr[],
  log: RewriteLog,
): PlanNode {
  const rewritten = conditions.flatMap((condition) => conjunctsOf(rewriteSargable(condition, log)));
  if (rewritten.some(isNeverTrue)) return noRows(plan.columns);
  const predicates = rewritten.flatMap((condition) => extractScanPredicates(condition, plan.projection));
  return withFilter({ ...plan, predicates: [...plan.predicates, ...predicates] }, cheapFirst(rewritten));
}

/** How many parts a condition may gain on its way below one operator. */
const MAX_GROWTH = 256;

/**
 * How many parts a condition gains when its columns are replaced by what computes them. Each of thirty steps that use
 * the one before twice would double it.
 */
function growth(condition: Expr, exprs: readonly Expr[]): number {
  let gained = 0;
  visitExpr(condition, (part) => {
    const expr = part.kind === "column" ? exprs[part.index] : undefined;
    if (expr !== undefined) gained += partCount(expr) - 1;
  });
  return gained;
}

function partCount(expr: Expr): number {
  let count = 0;
  visitExpr(expr, () => {
    count += 1;
  });
  return count;
}

/** An outer join whose unmatched rows the conditions reject keeps only matched ones. */
function strengthen(type: JoinType, conditions: readonly Expr[], leftWidth: number): JoinType {
  const rejects = (isNulled: (index: number) => boolean): boolean =>
    conditions.some((condition) => !isVolatile(condition) && rejectsNulls(condition, isNulled));
  let result = type;
  if ((result === "left" || result === "full") && rejects((index) => index >= leftWidth)) {
    result = result === "left" ? "inner" : "right";
  }
  if ((result === "right" || result === "full") && rejects((index) => index < leftWidth)) {
    result = result === "right" ? "inner" : "left";
  }
  return result;
}

/** Where a condition above a join, or in its ON clause, may be evaluated. */
interface Placement {
  readonly left: Expr[];
  readonly right: Expr[];
  /** Part of the join's own condition. */
  readonly on: Expr[];
  readonly above: Expr[];
}

function pushJoin(join: JoinNode, conditions: readonly Expr[], log: RewriteLog): PlanNode {
  const leftWidth = join.left.columns.length;
  const type = strengthen(join.joinType === "cross" ? "inner" : join.joinType, conditions, leftWidth);
  const place: Placement = { left: [], right: [], on: [], above: [] };
  for (const condition of conditions) placeAbove(condition, type, leftWidth, place);
  for (const condition of conjunctsOf(join.residual).flatMap((part) => factoredConjuncts(part)))
    placeOn(condition, type, leftWidth, place);
  const toRight = (condition: Expr): Expr => remapColumns(condition, (index) => index - leftWidth);
  const rightOwn = place.right.map(toRight);
  const keys = [...join.equalKeys, ...createJoin(type, join.left, join.right, conjunction(place.on)).equalKeys];
  const carried = carryOver({ type, keys, left: place.left, right: rightOwn }, log);
  const left = push(join.left, [...place.left, ...carried.left], log);
  const right = push(join.right, [...rightOwn, ...carried.right], log);
  const added = createJoin(type, left, right, conjunction(place.on));
  const equalKeys = [...join.equalKeys, ...added.equalKeys];
  const isCross = type === "inner" && equalKeys.length === 0 && added.residual === undefined;
  const joined: PlanNode = {
    ...added,
    joinType: isCross ? "cross" : type,
    equalKeys,
    columns: joinColumns(type, left, right),
  };
  return withFilter(joined, place.above);
}

function placeAbove(condition: Expr, type: JoinType, leftWidth: number, place: Placement): void {
  const side = isVolatile(condition) ? "volatile" : sideOf(condition, leftWidth);
  const keepsLeft = type === "inner" || type === "left" || type === "semi" || type === "anti";
  const keepsRight = type === "inner" || type === "right";
  if (side === "left" && keepsLeft) place.left.push(condition);
  else if (side === "right" && keepsRight) place.right.push(condition);
  else if (side === "both" && type === "inner") place.on.push(condition);
  else place.above.push(condition);
}

function placeOn(condition: Expr, type: JoinType, leftWidth: number, place: Placement): void {
  const side = isVolatile(condition) ? "volatile" : sideOf(condition, leftWidth);
  // An ON condition on one side filters that side, unless its rows must survive without a match.
  const filtersLeft = type === "inner" || type === "right" || type === "semi";
  const filtersRight = type === "inner" || type === "left" || type === "semi" || type === "anti";
  if (side === "left" && filtersLeft) place.left.push(condition);
  else if (side === "right" && filtersRight) place.right.push(condition);
  else place.on.push(condition);
}
