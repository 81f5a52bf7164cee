// Semi joins that leave few rows go below the inner joins above which the text has them, next to the table they are about.

import { columnRef } from "../expressions.ts";
import type { PlanNode } from "../plan.ts";
import { estimateRows, rowsBeforeConditions } from "./estimate.ts";
import { transformPlan } from "./plan-shape.ts";

type JoinNode = Extract<PlanNode, { kind: "join" }>;

/** The right input has at most this part of the rows whose keys are looked for. */
const FEW = 0.1;

/** Moves semi joins with few right rows towards the tables that their keys are of; rows stay what they are. */
export function lowerSemiJoins(plan: PlanNode): PlanNode {
  return transformPlan(plan, (node) => {
    if (node.kind !== "join" || node.joinType !== "semi" || node.residual !== undefined) return node;
    const columns = node.equalKeys.map(({ left }) => (left.kind === "column" ? left.index : -1));
    if (columns.length === 0 || columns.includes(-1)) return node;
    return lowered(node.left, columns, node) ?? node;
  });
}

/** The plan with the semi join in it as low as it goes; undefined when it goes no lower or that is no gain. */
function lowered(plan: PlanNode, columns: readonly number[], semi: JoinNode): PlanNode | undefined {
  if (plan.kind === "project") {
    const below = columns.map((index) => {
      const expr = plan.exprs[index];
      return expr?.kind === "column" ? expr.index : -1;
    });
    if (below.includes(-1)) return undefined;
    const input = lowered(plan.input, below, semi);
    return input === undefined ? undefined : { ...plan, input };
  }
  if (plan.kind !== "join" || !["inner", "cross", "left"].includes(plan.joinType)) return undefined;
  const width = plan.left.columns.length;
  if (columns.every((index) => index < width)) {
    const left = lowered(plan.left, columns, semi) ?? semiJoinOn(plan.left, columns, semi);
    return left === undefined ? undefined : { ...plan, left };
  }
  if (plan.joinType === "left" || columns.some((index) => index < width)) return undefined;
  const own = columns.map((index) => index - width);
  const right = lowered(plan.right, own, semi) ?? semiJoinOn(plan.right, own, semi);
  return right === undefined ? undefined : { ...plan, right };
}

function semiJoinOn(input: PlanNode, columns: readonly number[], semi: JoinNode): PlanNode | undefined {
  if (estimateRows(semi.right) > rowsBeforeConditions(input) * FEW) return undefined;
  const equalKeys = semi.equalKeys.flatMap((key, k) => {
    const index = columns[k] ?? -1;
    const column = input.columns[index];
    return column === undefined ? [] : [{ ...key, left: columnRef(index, column) }];
  });
  return { ...semi, left: input, equalKeys, columns: input.columns };
}
