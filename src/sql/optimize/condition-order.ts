// The order of the conjuncts of a scan's filter: each runs on the rows that those before it left, so the cheap ones go
// first.

import { childExprs } from "../expressions.ts";
import type { Expr } from "../plan.ts";
import { cannotFail, isVolatile } from "./properties.ts";

/** What testing a row costs, roughly: a column beside a constant, two columns, anything that is computed first. */
const WITH_CONSTANT = 0;
const OF_COLUMNS = 1;
const COMPUTED = 2;

const COMPARISONS = new Set(["=", "<>", "<", "<=", ">", ">="]);

function costOf(condition: Expr): number {
  const isComparison = condition.kind === "call" && COMPARISONS.has(condition.function);
  if (!isComparison && condition.kind !== "is_null" && condition.kind !== "in_list") return COMPUTED;
  const operands = childExprs(condition);
  if (!operands.every(({ kind }) => kind === "column" || kind === "literal")) return COMPUTED;
  return operands.filter(({ kind }) => kind === "column").length > 1 ? OF_COLUMNS : WITH_CONSTANT;
}

/**
 * The conditions, cheap ones first, else in their order. A condition that may fail, or that chance decides, stays behind
 * all that stood before it, which may guard it, and ahead of all that stood behind it.
 */
export function cheapFirst(conditions: readonly Expr[]): readonly Expr[] {
  const ordered: Expr[] = [];
  let sorted: { readonly condition: Expr; readonly cost: number }[] = [];
  const close = (): void => {
    ordered.push(...sorted.toSorted((a, b) => a.cost - b.cost).map(({ condition }) => condition));
    sorted = [];
  };
  for (const condition of conditions) {
    if (cannotFail(condition) && !isVolatile(condition)) sorted.push({ condition, cost: costOf(condition) });
    else {
      close();
      ordered.push(condition);
    }
  }
  close();
  return ordered;
}
