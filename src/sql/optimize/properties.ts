// What the optimizer must know of an expression before it may move it.

import { childExprs, someExpr } from "../expressions.ts";
import { implementFunction, type FunctionImplementation } from "../functions/index.ts";
import type { Expr } from "../plan.ts";

/** The implementation of a call; its properties do not depend on the environment. */
function implementationOf(expr: Expr & { readonly kind: "call" }): FunctionImplementation {
  const argTypes = expr.args.map((arg) => arg.type);
  return implementFunction(expr.function, argTypes, expr.type, { statementTimeMicros: 0 });
}

/** Whether evaluating twice, or for other rows, may give another result. */
export function isVolatile(expr: Expr): boolean {
  return someExpr(expr, (part) => part.kind === "call" && implementationOf(part).volatility === "volatile");
}

/** Whether evaluating it raises no error, whatever the row; false when in doubt. */
export function cannotFail(expr: Expr): boolean {
  if (expr.kind === "cast" || (expr.kind === "call" && !implementationOf(expr).safe)) return false;
  return childExprs(expr).every(cannotFail);
}

/**
 * Whether an expression is certainly NULL (or, as a condition, not true) when all columns that `isNulled` names are
 * NULL. False when in doubt.
 */
export function rejectsNulls(expr: Expr, isNulled: (column: number) => boolean): boolean {
  const rejects = (part: Expr): boolean => rejectsNulls(part, isNulled);
  switch (expr.kind) {
    case "column":
      return isNulled(expr.index);
    case "call":
      return implementationOf(expr).strict && expr.args.some(rejects);
    case "cast":
      return rejects(expr.arg);
    case "not":
      // NOT of something that is NULL is NULL; NOT of something merely "not true" may be true.
      return isNullWhenNulled(expr.arg, isNulled);
    case "and":
      return expr.args.some(rejects);
    case "or":
      return expr.args.every(rejects);
    case "is_null":
      return expr.negated && isNullWhenNulled(expr.arg, isNulled);
    case "in_list":
      // NULL NOT IN a subquery without rows is true.
      return !(expr.negated && mayBeEmpty(expr.list)) && isNullWhenNulled(expr.arg, isNulled);
    case "literal":
    case "case":
    case "coalesce":
      return false;
  }
}

/** Whether a list is a subquery's rows, of which there may be none. */
function mayBeEmpty(list: readonly Expr[]): boolean {
  return list.some((item) => item.kind === "literal" && item.subquery !== undefined);
}

/** Whether the value itself is certainly NULL when the named columns are. */
function isNullWhenNulled(expr: Expr, isNulled: (column: number) => boolean): boolean {
  switch (expr.kind) {
    case "column":
      return isNulled(expr.index);
    case "call":
      return implementationOf(expr).strict && expr.args.some((arg) => isNullWhenNulled(arg, isNulled));
    case "cast":
    case "not":
      return isNullWhenNulled(expr.arg, isNulled);
    case "and":
    case "or":
      return childExprs(expr).every((arg) => isNullWhenNulled(arg, isNulled));
    case "in_list":
      return !mayBeEmpty(expr.list) && isNullWhenNulled(expr.arg, isNulled);
    case "literal":
    case "is_null":
    case "case":
    case "coalesce":
      return false;
  }
}
