// A condition on one side's join key holds for the other side's key too: `a.k = b.k AND a.k = 5` reads only the rows of b
// whose key is 5.

import { columnsOf, exprIdentity, replaceColumns } from "../expressions.ts";
import { expressionToText } from "../explain/expression-text.ts";
import type { JoinType } from "../joins.ts";
import type { Expr, JoinKey } from "../plan.ts";
import { isConstant } from "./fold.ts";
import type { RewriteLog } from "./sargable.ts";

/** A join's keys and the conditions on each of its sides, over that side's columns. */
interface KeyedSides {
  readonly type: JoinType;
  readonly keys: readonly JoinKey[];
  readonly left: readonly Expr[];
  readonly right: readonly Expr[];
}

const COMPARISONS = new Set(["=", "<", "<=", ">", ">="]);

/** The conditions that follow for each side from those on the other; each is noted in the log. */
export function carryOver(
  { type, keys, left, right }: KeyedSides,
  log: RewriteLog,
): { readonly left: readonly Expr[]; readonly right: readonly Expr[] } {
  // Rows that only partners of dropped rows could have joined may go; rows that stay without a partner may not.
  const intoRight = type === "inner" || type === "left" || type === "semi" || type === "anti";
  const intoLeft = type === "inner" || type === "right" || type === "semi";
  const usable = keys.filter(
    (key) => key.nullsEqual !== true && key.left.type.kind === key.right.type.kind && key.left.type.kind !== "json",
  );
  return {
    right: intoRight ? carried(left, right, usable, (key) => [key.left, key.right], log) : [],
    left: intoLeft ? carried(right, left, usable, (key) => [key.right, key.left], log) : [],
  };
}

function carried(
  conditions: readonly Expr[],
  existing: readonly Expr[],
  keys: readonly JoinKey[],
  sidesOf: (key: JoinKey) => readonly [from: Expr, to: Expr],
  log: RewriteLog,
): readonly Expr[] {
  const known = new Set(existing.map((condition) => exprIdentity(condition)));
  const found: Expr[] = [];
  for (const condition of conditions) {
    const column = comparedColumn(condition);
    for (const key of keys) {
      const [from, to] = sidesOf(key);
      if (column === undefined || from.kind !== "column" || from.index !== column || to.kind !== "column") continue;
      const other = replaceColumns(condition, () => to);
      if (known.has(exprIdentity(other))) continue;
      known.add(exprIdentity(other));
      found.push(other);
      log.rewrites.push({
        rule: "condition_over_join_key",
        before: expressionToText(condition),
        after: expressionToText(other),
      });
    }
  }
  return found;
}

/** The column that a condition compares with constants. Equal values fulfil such a condition alike. */
function comparedColumn(condition: Expr): number | undefined {
  const [column, ...others] = columnsOf(condition);
  if (column === undefined || others.length > 0) return undefined;
  if (condition.kind === "in_list") {
    const isPlain = condition.arg.kind === "column" && condition.list.every((item) => isConstant(item));
    return isPlain && !condition.negated ? column : undefined;
  }
  if (condition.kind !== "call" || !COMPARISONS.has(condition.function)) return undefined;
  const [a, b] = condition.args;
  if (a === undefined || b === undefined) return undefined;
  const isPlain = (a.kind === "column" && isConstant(b)) || (b.kind === "column" && isConstant(a));
  return isPlain ? column : undefined;
}
