// Walking expressions: which columns they read, and changing column indices.

import { childExprs } from "../expressions.ts";
import type { Expr } from "../plan.ts";

/** Adds the column indices an expression reads. */
export function addColumnsUsed(expr: Expr, into: Set<number>): void {
  if (expr.kind === "column") into.add(expr.index);
  for (const child of childExprs(expr)) addColumnsUsed(child, into);
}

/** The column indices that any of the expressions reads. */
export function columnsUsed(...exprs: readonly Expr[]): Set<number> {
  const used = new Set<number>();
  for (const expr of exprs) addColumnsUsed(expr, used);
  return used;
}
