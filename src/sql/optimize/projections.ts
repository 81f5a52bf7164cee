// Projections over projections become one; projections that change nothing go.

import { visitExpr, replaceColumns } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { transformPlan } from "./plan-shape.ts";
import { isVolatile } from "./properties.ts";

type Project = PlanNode & { readonly kind: "project" };

/** Merges and drops projections. Column names of inner operators may differ afterwards; types and order do not. */
export function mergeProjections(plan: PlanNode): PlanNode {
  return transformPlan(plan, (node) => (node.kind === "project" ? simplify(node) : node));
}

function simplify(node: Project): PlanNode {
  const merged = node.input.kind === "project" && canMerge(node, node.input) ? merge(node, node.input) : node;
  const isIdentity =
    merged.exprs.length === merged.input.columns.length &&
    merged.exprs.every((expr, i) => expr.kind === "column" && expr.index === i);
  return isIdentity ? merged.input : merged;
}

/** Whether inlining computes nothing twice that costs anything. */
function canMerge(outer: Project, inner: Project): boolean {
  const uses = new Map<number, number>();
  for (const expr of outer.exprs) {
    visitExpr(expr, (part) => {
      if (part.kind === "column") uses.set(part.index, (uses.get(part.index) ?? 0) + 1);
    });
  }
  return inner.exprs.every((expr, i) => {
    if (expr.kind === "column" || expr.kind === "literal") return true;
    return (uses.get(i) ?? 0) <= 1 && !isVolatile(expr);
  });
}

function merge(outer: Project, inner: Project): Project {
  const exprs: readonly Expr[] = outer.exprs.map((expr) => replaceColumns(expr, (index) => inner.exprs[index]));
  return { ...outer, input: inner.input, exprs };
}
