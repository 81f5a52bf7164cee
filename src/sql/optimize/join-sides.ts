// Which input of a join is held: the smaller one. Inner and outer joins hold the right input, so their sides are
// swapped; semi and anti joins can hold either.

import { columnRef, remapColumns } from "../expressions.ts";
import { joinColumns } from "../joins.ts";
import type { PlanNode } from "../plan.ts";
import { estimateRows } from "./estimate.ts";
import { transformPlan } from "./plan-shape.ts";

type JoinNode = Extract<PlanNode, { kind: "join" }>;

const SWAPPED = { inner: "inner", left: "right" } as const;

/** Has joins hold the input that looks clearly smaller; output columns keep their order. */
export function chooseBuildSides(plan: PlanNode): PlanNode {
  return transformPlan(plan, (node) => {
    if (node.kind !== "join" || estimateRows(node.left) * 2 > estimateRows(node.right)) return node;
    const { joinType } = node;
    if (joinType === "inner" || joinType === "left") return swapSides(node, SWAPPED[joinType]);
    const isExistence = joinType === "semi" || joinType === "anti";
    return isExistence && node.equalKeys.length > 0 ? { ...node, holdsLeft: true } : node;
  });
}

function swapSides(node: JoinNode, joinType: JoinNode["joinType"]): PlanNode {
  const leftWidth = node.left.columns.length;
  const rightWidth = node.right.columns.length;
  const swapped = (index: number): number => (index < leftWidth ? index + rightWidth : index - leftWidth);
  const join: PlanNode = {
    ...node,
    joinType,
    left: node.right,
    right: node.left,
    equalKeys: node.equalKeys.map((key) => ({ ...key, left: key.right, right: key.left })),
    residual: node.residual === undefined ? undefined : remapColumns(node.residual, swapped),
    columns: joinColumns(joinType, node.right, node.left),
  };
  const exprs = node.columns.map((column, i) => columnRef(swapped(i), column));
  return { kind: "project", input: join, exprs, columns: node.columns };
}
