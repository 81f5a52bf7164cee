// Inner joins build their hash table from the right input: the smaller side goes there.

import { columnRef, remapColumns } from "../expressions.ts";
import { joinColumns } from "../joins.ts";
import type { PlanNode } from "../plan.ts";
import { estimateRows } from "./estimate.ts";
import { transformPlan } from "./plan-shape.ts";

/** Swaps the sides of inner joins whose left input looks clearly smaller; output columns keep their order. */
export function chooseBuildSides(plan: PlanNode): PlanNode {
  return transformPlan(plan, (node) => {
    if (node.kind !== "join" || node.joinType !== "inner") return node;
    if (estimateRows(node.left) * 2 > estimateRows(node.right)) return node;
    const leftWidth = node.left.columns.length;
    const rightWidth = node.right.columns.length;
    const swapped = (index: number): number => (index < leftWidth ? index + rightWidth : index - leftWidth);
    const join: PlanNode = {
      ...node,
      left: node.right,
      right: node.left,
      equalKeys: node.equalKeys.map((key) => ({ ...key, left: key.right, right: key.left })),
      residual: node.residual === undefined ? undefined : remapColumns(node.residual, swapped),
      columns: joinColumns("inner", node.right, node.left),
    };
    const exprs = node.columns.map((column, i) => columnRef(swapped(i), column));
    return { kind: "project", input: join, exprs, columns: node.columns };
  });
}
