// What executing must know of an expression beside its value: whether it may fail, and whether chance decides it.

import type { Decimal } from "#columnar";
import { someExpr } from "../expressions.ts";
import { implementFunction, type EvaluationEnvironment, type FunctionImplementation } from "../functions/index.ts";
import type { Expr } from "../plan.ts";
import { isSafeCast } from "./cast-kernels.ts";

/** Whether evaluating the expression can never raise an error, so that it may run on rows nobody asked for. */
export function isSafe(expr: Expr, env: EvaluationEnvironment): boolean {
  switch (expr.kind) {
    case "column":
    case "literal":
      return true;
    case "call":
      if (!expr.args.every((arg) => isSafe(arg, env))) return false;
      return implementationOf(expr, env).safe || digitsOf(expr) <= MAX_SAFE_DIGITS;
    case "cast":
      return (expr.lenient === true || isSafeCast(expr.arg.type, expr.type)) && isSafe(expr.arg, env);
    case "and":
    case "or":
    case "coalesce":
      return expr.args.every((arg) => isSafe(arg, env));
    case "not":
    case "is_null":
      return isSafe(expr.arg, env);
    case "in_list":
      return isSafe(expr.arg, env) && expr.list.every((item) => isSafe(item, env));
    case "case":
      return (
        isSafe(expr.otherwise, env) &&
        expr.branches.every((branch) => isSafe(branch.when, env) && isSafe(branch.then, env))
      );
  }
}

/** Decimals of so many digits are far from the most that one may have. */
const MAX_SAFE_DIGITS = 1000;
const DIGITS_OF_INTEGER = 20;
const INTEGER_KINDS = new Set(["int16", "int32", "int64"]);

/** The digits that a decimal has at most, where its type and those of its operands tell; else infinity. */
function digitsOf(expr: Expr): number {
  if (expr.type.kind !== "decimal") return Number.POSITIVE_INFINITY;
  if (expr.kind === "cast") {
    return INTEGER_KINDS.has(expr.arg.type.kind) ? DIGITS_OF_INTEGER : digitsOf(expr.arg);
  }
  if (expr.kind === "column") return expr.type.precision ?? Number.POSITIVE_INFINITY;
  if (expr.kind === "literal" && expr.value !== null) {
    const { unscaled, scale } = expr.value as Decimal;
    return String(unscaled).length + scale;
  }
  if (expr.kind !== "call" || !["+", "-", "*"].includes(expr.function)) return Number.POSITIVE_INFINITY;
  // A sum needs one digit more than its operands side by side at most.
  return expr.args.reduce((digits, arg) => digits + digitsOf(arg), 1);
}

/** The function that a call calls. */
export function implementationOf(
  expr: Extract<Expr, { kind: "call" }>,
  env: EvaluationEnvironment,
): FunctionImplementation {
  return implementFunction(
    expr.function,
    expr.args.map((arg) => arg.type),
    expr.type,
    env,
  );
}

/** Whether rows with equal columns may have different values. */
export function isVolatile(expr: Expr, env: EvaluationEnvironment): boolean {
  return someExpr(expr, (part) => part.kind === "call" && implementationOf(part, env).volatility === "volatile");
}
