// Constant folding and the simplification of conditions. What raises an error is left for execution: the row that
// would raise it may never come.

import type { Scalar } from "#columnar";
import { FALSE, TRUE, literal, mapChildren } from "../expressions.ts";
import { expressionToText } from "../explain/expression-text.ts";
import { implementFunction } from "../functions/index.ts";
import type { Expr } from "../plan.ts";
import { castScalar, scalarComparator } from "../values/index.ts";
import { checkValueSize } from "../values/limits.ts";
import { temporalRange } from "../values/temporal-range.ts";

/** What folding depends on. */
export interface FoldEnvironment {
  readonly statementTimeMicros: number;
}

/** Larger values are made where their memory is counted; plans and their texts stay small. */
const MAX_FOLDED_SIZE = 64 * 1024;

type Literal = Expr & { readonly kind: "literal" };

/** Whether an expression is a constant whose value is known now. */
export function isConstant(expr: Expr): expr is Literal {
  return expr.kind === "literal" && expr.subquery === undefined;
}

function isValue(expr: Expr, value: boolean): boolean {
  return isConstant(expr) && expr.value === value;
}

function isNullConstant(expr: Expr): boolean {
  return isConstant(expr) && expr.value === null;
}

/** Replaces every constant part of an expression by its value and simplifies conditions around constants. */
export function foldExpr(expr: Expr, env: FoldEnvironment): Expr {
  return simplify(
    mapChildren(expr, (child) => foldExpr(child, env)),
    env,
  );
}

function simplify(expr: Expr, env: FoldEnvironment): Expr {
  switch (expr.kind) {
    case "column":
    case "literal":
      return expr;
    case "call":
      return foldCall(expr, env);
    case "cast":
      return foldConstant(expr, [expr.arg], ([value = null]) =>
        castScalar(value, expr.arg.type, expr.type, { env, lenient: expr.lenient ?? false }),
      );
    case "and":
    case "or":
      return foldLogic(expr);
    case "not":
      if (expr.arg.kind === "not") return expr.arg.arg;
      return foldConstant(expr, [expr.arg], ([value]) => (value === null ? null : value !== true));
    case "is_null":
      return foldConstant(expr, [expr.arg], ([value]) => (value === null) !== expr.negated);
    case "in_list":
      return foldConstant(expr, [expr.arg, ...expr.list], ([value = null, ...items]) => {
        if (value === null) return null;
        const compare = scalarComparator(expr.arg.type);
        if (items.some((item) => item !== null && compare(value, item) === 0)) return !expr.negated;
        return items.includes(null) ? null : expr.negated;
      });
    case "case":
      return foldCase(expr);
    case "coalesce":
      return foldCoalesce(expr);
  }
}

/** The value of an expression whose arguments are constants; the expression itself when they are not, or on error. */
function foldConstant(expr: Expr, args: readonly Expr[], evaluate: (values: readonly Scalar[]) => Scalar): Expr {
  if (!args.every((arg) => isConstant(arg))) return expr;
  const isTimeDependent = args.some((arg) => arg.kind === "literal" && arg.source !== undefined);
  try {
    const value = evaluate(args.map((arg) => (arg.kind === "literal" ? arg.value : null)));
    if (checkValueSize(value) > MAX_FOLDED_SIZE) return expr;
    if (value !== null) temporalRange(expr.type)?.(value);
    return constant(value, expr, isTimeDependent);
  } catch {
    return expr;
  }
}

function constant(value: Scalar, expr: Expr, isTimeDependent: boolean): Expr {
  if (!isTimeDependent) return literal(value, expr.type);
  return { kind: "literal", value, type: expr.type, source: expressionToText(expr) };
}

function foldCall(expr: Expr & { readonly kind: "call" }, env: FoldEnvironment): Expr {
  const implementation = implementFunction(
    expr.function,
    expr.args.map((arg) => arg.type),
    expr.type,
    env,
  );
  if (implementation.volatility === "volatile") return expr;
  if (implementation.strict && expr.args.some((arg) => isNullConstant(arg))) return literal(null, expr.type);
  const folded = foldConstant(expr, expr.args, (values) => {
    const evaluate = implementation.evaluate as (...args: readonly Scalar[]) => Scalar;
    return evaluate(...values);
  });
  if (implementation.volatility === "stable" && isConstant(folded) && folded.source === undefined) {
    return { ...folded, source: expressionToText(expr) };
  }
  return folded;
}

function foldLogic(expr: Expr & { readonly kind: "and" | "or" }): Expr {
  const neutral = expr.kind === "and";
  const args: Expr[] = [];
  for (const arg of expr.args) {
    if (isValue(arg, !neutral)) return neutral ? FALSE : TRUE;
    if (isValue(arg, neutral)) continue;
    if (arg.kind === expr.kind) args.push(...arg.args);
    else args.push(arg);
  }
  const [first] = args;
  if (first === undefined) return neutral ? TRUE : FALSE;
  if (args.length === 1) return first;
  if (args.every((arg) => isNullConstant(arg))) return first;
  return args.length === expr.args.length && args.every((arg, i) => arg === expr.args[i]) ? expr : { ...expr, args };
}

function foldCase(expr: Expr & { readonly kind: "case" }): Expr {
  const branches: { when: Expr; then: Expr }[] = [];
  for (const branch of expr.branches) {
    if (isValue(branch.when, true)) {
      return branches.length === 0 ? branch.then : { ...expr, branches, otherwise: branch.then };
    }
    if (isValue(branch.when, false) || isNullConstant(branch.when)) continue;
    branches.push(branch);
  }
  if (branches.length === 0) return expr.otherwise;
  return branches.length === expr.branches.length ? expr : { ...expr, branches };
}

function foldCoalesce(expr: Expr & { readonly kind: "coalesce" }): Expr {
  const args: Expr[] = [];
  for (const arg of expr.args) {
    if (isNullConstant(arg)) continue;
    args.push(arg);
    if (isConstant(arg)) break;
  }
  const [first] = args;
  if (first === undefined) return literal(null, expr.type);
  if (args.length === 1) return first;
  return args.length === expr.args.length ? expr : { ...expr, args };
}
