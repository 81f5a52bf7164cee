// Arrays: ARRAY[…], array parameters and array constants.

import type { Node } from "libpg-query";
import type { DataType, Scalar } from "#columnar";
import { literal } from "../expressions.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { bindCall, coerce, parameterExpr, parameterValue, unify } from "./coerce.ts";
import { spanAt, unsupported, type BindContext } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";

/**
 * The elements of an array operand as expressions of their own: ARRAY[…], an array parameter, or an array constant.
 * Undefined when it is none of these.
 */
export function arrayElements(node: Node | undefined, env: ExprEnvironment): readonly Expr[] | undefined {
  if (node === undefined) return undefined;
  const { context } = env;
  if ("A_ArrayExpr" in node) return (node.A_ArrayExpr.elements ?? []).map((item) => env.bind(item, env));
  const parameter = arrayParameter(context, node);
  if (parameter !== undefined) return parameter;
  const expr = env.bind(node, env);
  if (expr.kind === "literal" && expr.type.kind === "list" && Array.isArray(expr.value)) {
    const { element } = expr.type;
    return (expr.value as readonly Scalar[]).map((value) => literal(value, element));
  }
  return undefined;
}

/** The elements of a parameter whose value is an array, also with a cast around it. */
function arrayParameter(context: BindContext, node: Node): readonly Expr[] | undefined {
  const inner = "TypeCast" in node ? node.TypeCast.arg : node;
  if (inner === undefined || !("ParamRef" in inner)) return undefined;
  const { name, value } = parameterValue(context, inner.ParamRef.number ?? 0, spanAt(context, inner.ParamRef.location));
  if (!Array.isArray(value)) return undefined;
  return value.map((item: unknown) => {
    const expr = parameterExpr(item);
    if (expr === undefined) {
      throw sqlError("invalid_parameter", `The elements of ${name} must be strings, numbers, booleans or null.`);
    }
    return expr;
  });
}

/** An ARRAY[…]: one list literal when all elements are constants, else a call that builds it. */
export function bindArray(node: Node, env: ExprEnvironment, span: SourceSpan, element?: DataType): Expr {
  const { context } = env;
  if (!("A_ArrayExpr" in node)) throw unsupported(context, "This array is", undefined);
  const bound = (node.A_ArrayExpr.elements ?? []).map((item) => env.bind(item, env));
  const { exprs, type } =
    element === undefined
      ? unify(context, bound, "ARRAY", span)
      : { exprs: bound.map((item) => coerce(context, item, element, "explicit", undefined)), type: element };
  const values: Scalar[] = [];
  for (const expr of exprs) {
    if (expr.kind !== "literal" || expr.subquery !== undefined) return bindCall(context, "array", exprs, span);
    values.push(expr.value);
  }
  return literal(values, { kind: "list", element: type });
}
