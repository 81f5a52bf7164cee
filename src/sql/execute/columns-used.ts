// Walking expressions: which columns they read, and changing column indices.

import type { Expr } from "../plan.ts";

/** The direct children of an expression. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "column":
    case "literal":
      return [];
    case "call":
    case "and":
    case "or":
    case "coalesce":
      return expr.args;
    case "cast":
    case "not":
    case "is_null":
      return [expr.arg];
    case "in_list":
      return [expr.arg, ...expr.list];
    case "case":
      return [...expr.branches.flatMap((branch) => [branch.when, branch.then]), expr.otherwise];
  }
}

/** Adds the column indices an expression reads. */
export function addColumnsUsed(expr: Expr, into: Set<number>): void {
  if (expr.kind === "column") into.add(expr.index);
  for (const child of childrenOf(expr)) addColumnsUsed(child, into);
}

/** The column indices that any of the expressions reads. */
export function columnsUsed(...exprs: readonly Expr[]): Set<number> {
  const used = new Set<number>();
  for (const expr of exprs) addColumnsUsed(expr, used);
  return used;
}
