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
import { pruneColumns, pruneShared } from "./prune.ts";
import { pushDownFilters } from "./pushdown.ts";
import { shareSubplans, sharedRowsOf } from "./share.ts";
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
  const filtered = filterEarly(plan, env, log);
  const sided = keepsSides ? filtered : arrangeJoins(filtered);
  return finish(mergeProjections(pruneColumns(mergeProjections(sided))));
}

/** {@link optimizePlan} for all plans of a statement: what is alike in them runs once. */
export function optimizePlans(plans: readonly PlanNode[], env: FoldEnvironment, log: RewriteLog): readonly PlanNode[] {
  const filtered = plans.map((plan) => filterEarly(plan, env, log));
  for (const rows of sharedRowsOf(filtered)) rows.plan = filterEarly(rows.plan, env, log);
  const sharing = shareSubplans(filtered, log);
  const pruned = sharing.map((plan) => mergeProjections(pruneColumns(mergeProjections(arrangeJoins(plan)))));
  // Readers come before what they read, so all that is wanted of rows is known when their turn comes.
  for (const rows of sharedRowsOf(pruned)) {
    rows.plan = mergeProjections(arrangeJoins(rows.plan));
    rows.plan = finish(mergeProjections(pruneShared(rows)));
  }
  return pruned.map(finish);
}

/** Conditions at the lowest operator that has their columns. */
function filterEarly(plan: PlanNode, env: FoldEnvironment, log: RewriteLog): PlanNode {
  return foldPlan(pushDownFilters(impliedByOr(foldPlan(plan, env)), log), env);
}

function arrangeJoins(plan: PlanNode): PlanNode {
  return chooseBuildSides(orderJoins(lowerSemiJoins(plan)));
}

/** What is told to operators when the plan has its shape. */
function finish(plan: PlanNode): PlanNode {
  return annotateNarrowing(markMetadataAggregates(pushDownLimits(plan)));
}
