// The optimizer: a fixed sequence of rewrites, each of which keeps the query's rows.

import type { PlanNode } from "../plan.ts";
import { foldExpr, type FoldEnvironment } from "./fold.ts";
import { chooseBuildSides } from "./join-sides.ts";
import { pushDownLimits } from "./limits.ts";
import { impliedByOr } from "./or-parts.ts";
import { mapExpressions, transformPlan } from "./plan-shape.ts";
import { orderJoins } from "./join-order.ts";
import { markMetadataAggregates } from "./metadata-aggregates.ts";
import { annotateNarrowing } from "./narrowing.ts";
import { lowerSemiJoins } from "./semi-joins.ts";
import { mergeProjections } from "./projections.ts";
import { pruneColumns } from "./prune.ts";
import { pushDownFilters } from "./pushdown.ts";
import type { RewriteLog } from "./sargable.ts";

export { estimateRows } from "./estimate.ts";
export { visitPlan, inputsOf, transformPlan, mapExpressions } from "./plan-shape.ts";
export type { Rewrite, RewriteLog } from "./sargable.ts";

/** Constant folding alone: what execution needs at least. */
export function foldPlan(plan: PlanNode, env: FoldEnvironment): PlanNode {
  return transformPlan(plan, (node) => mapExpressions(node, (expr) => foldExpr(expr, env)));
}

/**
 * The plan that gives the same rows with less work. Named rewrites go to the log. `keepsSides` leaves the inputs of
 * joins where they are, for plans whose left rows have to come in their scan's order.
 */
export function optimizePlan(
  plan: PlanNode,
  env: FoldEnvironment,
  log: RewriteLog,
  { keepsSides = false }: { readonly keepsSides?: boolean } = {},
): PlanNode {
  const folded = foldPlan(plan, env);
  const filtered = foldPlan(pushDownFilters(impliedByOr(folded), log), env);
  const sided = keepsSides ? filtered : chooseBuildSides(orderJoins(lowerSemiJoins(filtered)));
  const pruned = mergeProjections(pruneColumns(mergeProjections(sided)));
  return annotateNarrowing(markMetadataAggregates(pushDownLimits(pruned)));
}
