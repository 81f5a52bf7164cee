// What every branch of an OR asks is asked once, outside of it: `(a AND b) OR (a AND c)` becomes `a AND (b OR c)`, so
// that `a` can move down or join by a key.

import { BOOLEAN, conjunction, conjunctsOf, exprIdentity } from "../expressions.ts";
import type { Expr } from "../plan.ts";
import { isVolatile } from "./properties.ts";

/**
 * The conjuncts of a condition, with those that all branches of an OR share taken out of it. Only for conditions whose
 * NULL means false: a column that equals itself is one that is not NULL.
 */
export function factoredConjuncts(condition: Expr): readonly Expr[] {
  if (condition.kind === "call" && condition.function === "=") {
    const [left, right] = condition.args;
    if (left?.kind === "column" && right?.kind === "column" && left.index === right.index) {
      return [{ kind: "is_null", arg: left, negated: true, type: BOOLEAN }];
    }
  }
  if (condition.kind !== "or" || isVolatile(condition)) return [condition];
  const branches = condition.args.map((branch) => conjunctsOf(branch));
  const [first = [], ...others] = branches;
  const identities = others.map((branch) => new Set(branch.map((part) => exprIdentity(part))));
  const shared = first.filter((part) => {
    const identity = exprIdentity(part);
    return identities.every((known) => known.has(identity));
  });
  if (shared.length === 0) return [condition];
  const taken = new Set(shared.map((part) => exprIdentity(part)));
  const rest = branches.map((branch) => conjunction(branch.filter((part) => !taken.has(exprIdentity(part)))));
  const parts = [...taken].flatMap((identity) => shared.find((part) => exprIdentity(part) === identity) ?? []);
  const own = rest.filter((branch) => branch !== undefined);
  // A branch that asks nothing more makes the others superfluous.
  if (own.length < rest.length) return parts;
  return [...parts, { kind: "or", args: own, type: BOOLEAN }];
}
