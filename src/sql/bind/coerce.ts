// Implicit casts and function resolution: where untyped literals and parameters get their types.

import { nearestName } from "#core";
import type { DataType, Scalar } from "#columnar";
import type { LakeError } from "#core";
import { INT32, INT64, TEXT, UNKNOWN, literal } from "../expressions.ts";
import { commonType } from "../functions/resolve.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { castKind, castScalar, dataTypeToName, typesEqual } from "../values/index.ts";
import type { BindContext, StatementParams } from "./context.ts";
import { sqlError, withSpan } from "./errors.ts";

/** How a cast came about: PostgreSQL allows more where it is written. */
export type CastContext = "implicit" | "assignment" | "explicit";

const TIME_WORD = /\b(now|today|tomorrow|yesterday)\b/i;
const IS_SYMBOL = /^[^a-z_]/i;

/**
 * The expression as a value of a type. Untyped literals are parsed here, so that wrong ones fail with their
 * position before anything runs.
 *
 * Errors: `type_mismatch` when there is no such cast in this context; `invalid_text_representation`,
 * `numeric_out_of_range` for literals.
 */
export function coerce(
  context: BindContext,
  expr: Expr,
  type: DataType,
  how: CastContext,
  span: SourceSpan | undefined,
): Expr {
  if (expr.kind === "literal" && expr.type.kind === "null" && expr.subquery === undefined) {
    return coerceLiteral(context, expr.value, type, span ?? context.spans.get(expr));
  }
  if (typesEqual(expr.type, type, true)) return expr;
  if (how !== "explicit" && typesEqual(expr.type, type) && (type.kind !== "decimal" || type.precision === undefined)) {
    return expr;
  }
  if (how !== "explicit" && isPlainLiteral(expr) && castKind(expr.type, type) === "implicit") {
    return literal(castScalar(expr.value, expr.type, type), type);
  }
  const kind = expr.type.kind === "null" ? "implicit" : castKind(expr.type, type);
  if (
    kind === undefined ||
    (how === "implicit" && kind !== "implicit") ||
    (how === "assignment" && kind === "explicit")
  ) {
    throw sqlError(
      "type_mismatch",
      `Cannot cast type ${dataTypeToName(expr.type)} to ${dataTypeToName(type)}.`,
      span ?? context.spans.get(expr),
    );
  }
  return span === undefined ? { kind: "cast", arg: expr, type } : { kind: "cast", arg: expr, type, span };
}

function isPlainLiteral(expr: Expr): expr is Expr & { readonly kind: "literal" } {
  return (
    expr.kind === "literal" && expr.type.kind !== "null" && expr.subquery === undefined && expr.source === undefined
  );
}

function coerceLiteral(context: BindContext, value: Scalar, type: DataType, span: SourceSpan | undefined): Expr {
  if (value === null || type.kind === "null") return literal(value, type);
  try {
    const env = { statementTimeMicros: context.statementTimeMicros };
    const parsed = castScalar(value, UNKNOWN, type, { env });
    const isTemporal = type.kind === "timestamp" || type.kind === "date";
    if (isTemporal && typeof value === "string" && TIME_WORD.test(value)) {
      return { kind: "literal", value: parsed, type, source: `'${value}'::${dataTypeToName(type)}` };
    }
    return literal(parsed, type);
  } catch (error) {
    throw withSpan(error, span);
  }
}

/** Gives an untyped expression the type it has without context: a parameter's own, else text. */
export function resolveUnknown(context: BindContext, expr: Expr): Expr {
  if (expr.type.kind !== "null") return expr;
  return coerce(context, expr, context.fallbackTypes.get(expr) ?? TEXT, "implicit", undefined);
}

/** A condition: a boolean, or the `type_mismatch` that names the clause. */
export function coerceCondition(context: BindContext, expr: Expr, clause: string, span?: SourceSpan): Expr {
  if (expr.type.kind !== "boolean" && expr.type.kind !== "null") {
    throw sqlError(
      "type_mismatch",
      `Argument of ${clause} must be type boolean, not type ${dataTypeToName(expr.type)}.`,
      span ?? context.spans.get(expr),
    );
  }
  return coerce(context, expr, { kind: "boolean" }, "implicit", span);
}

/**
 * Casts all expressions to the one type they have in common; untyped ones alone become text, or `fallback`.
 *
 * Errors: `type_mismatch` naming the construct.
 */
export function unify(
  context: BindContext,
  exprs: readonly Expr[],
  construct: string,
  span: SourceSpan | undefined,
): { readonly exprs: readonly Expr[]; readonly type: DataType } {
  const type = commonTypeOfExprs(context, exprs, construct, span);
  return { exprs: exprs.map((expr) => coerce(context, expr, type, "implicit", span)), type };
}

function commonTypeOfExprs(
  context: BindContext,
  exprs: readonly Expr[],
  construct: string,
  span: SourceSpan | undefined,
): DataType {
  let type: DataType = UNKNOWN;
  for (const expr of exprs) {
    const next = commonType(type, expr.type);
    if (next === undefined) {
      throw sqlError(
        "type_mismatch",
        `${construct} types ${dataTypeToName(type)} and ${dataTypeToName(expr.type)} cannot be matched.`,
        context.spans.get(expr) ?? span,
      );
    }
    type = next;
  }
  if (type.kind !== "null") return type;
  for (const expr of exprs) {
    const fallback = context.fallbackTypes.get(expr);
    if (fallback !== undefined) return fallback;
  }
  return TEXT;
}

/** The types a call is resolved with. */
function typesOf(exprs: readonly Expr[]): DataType[] {
  return exprs.map((expr) => expr.type);
}

function withFallbacks(context: BindContext, exprs: readonly Expr[]): DataType[] {
  return exprs.map((expr) => (expr.type.kind === "null" ? (context.fallbackTypes.get(expr) ?? expr.type) : expr.type));
}

/**
 * A call of a scalar function or operator, arguments cast to the chosen signature.
 *
 * Errors: `undefined_function` with the argument types and the nearest name; those of {@link coerce}.
 */
export function bindCall(context: BindContext, name: string, args: readonly Expr[], span: SourceSpan): Expr {
  const isOperator = IS_SYMBOL.test(name);
  const allUntyped = args.every((arg) => arg.type.kind === "null");
  const attempts = isOperator && !allUntyped ? [typesOf(args)] : [withFallbacks(context, args), typesOf(args)];
  for (const types of attempts) {
    const resolved = context.registry.resolveScalar(name, types);
    if (resolved === undefined) continue;
    context.functions.set(resolved.id, { name, volatility: resolved.volatility });
    return {
      kind: "call",
      function: resolved.id,
      // The registry knows which arguments may be cast to text, such as those of || and concat.
      args: args.map((arg, i) => coerce(context, arg, resolved.argTypes[i] ?? arg.type, "assignment", undefined)),
      type: resolved.returnType,
      span,
    };
  }
  throw undefinedFunction(context, name, typesOf(args), span);
}

/** The error for a name, or a name with these types, that is not in the registry. */
export function undefinedFunction(
  context: BindContext,
  name: string,
  types: readonly DataType[],
  span: SourceSpan,
): LakeError {
  const names = types.map((type) => dataTypeToName(type));
  if (IS_SYMBOL.test(name)) {
    const shown = names.length === 2 ? `${names[0]} ${name} ${names[1]}` : `${name} ${names.join(", ")}`;
    return sqlError("undefined_function", `Operator does not exist: ${shown}.`, span);
  }
  const known = context.registry.functionNames();
  const nearest = known.includes(name) ? undefined : nearestName(name, known);
  return sqlError("undefined_function", `Function ${name}(${names.join(", ")}) does not exist.`, span, nearest);
}

function isList(params: StatementParams): params is readonly unknown[] {
  return Array.isArray(params);
}

/**
 * A parameter as it is written, and its value. Errors: `invalid_parameter` when there is none, with the nearest name.
 */
export function parameterValue(
  { params, statement }: BindContext,
  number: number,
  span: SourceSpan | undefined,
): { readonly name: string; readonly value: unknown } {
  const key = statement.parameterNames[number - 1];
  if (key === undefined) {
    const name = `$${number}`;
    if (!isList(params)) {
      const message = `There is no value for parameter ${name}: params is an object, so write :name.`;
      throw sqlError("invalid_parameter", message, span);
    }
    if (number < 1 || number > params.length) {
      const message = `There is no value for parameter ${name}: ${params.length} given.`;
      throw sqlError("invalid_parameter", message, span);
    }
    return { name, value: params[number - 1] };
  }
  const name = `:${key}`;
  if (isList(params)) {
    const message = `There is no value for parameter ${name}: send params as an object with its names.`;
    throw sqlError("invalid_parameter", message, span);
  }
  if (!Object.hasOwn(params, key)) {
    const nearest = nearestName(key, Object.keys(params));
    throw sqlError("invalid_parameter", `There is no value for parameter ${name}.`, span, nearest);
  }
  return { name, value: params[key] };
}

/**
 * The expression of parameter $n. Strings and integers take their type from where they stand, like PostgreSQL's
 * untyped literals; an integer without such a place is an integer.
 *
 * Errors: `invalid_parameter` for a missing value or one that SQL has no scalar for.
 */
export function bindParameter(context: BindContext, number: number, span: SourceSpan): Expr {
  const { name, value } = parameterValue(context, number, span);
  const expr = parameterExpr(value);
  if (expr === undefined) {
    throw sqlError(
      "invalid_parameter",
      `Parameter ${name} must be a string, number, boolean or null${Array.isArray(value) ? " here; an array only in = ANY($n)" : ""}.`,
      span,
    );
  }
  context.spans.set(expr, span);
  if (expr.type.kind === "null" && typeof value === "number") context.fallbackTypes.set(expr, INT32);
  return expr;
}

const INT32_LIMIT = 2 ** 31;

/** An expression for a JavaScript value; undefined for objects and arrays. */
export function parameterExpr(value: unknown): Expr | undefined {
  if (value === null || value === undefined) return literal(null, UNKNOWN);
  if (typeof value === "string") return literal(value, UNKNOWN);
  if (typeof value === "boolean") return literal(value, { kind: "boolean" });
  if (typeof value === "bigint") {
    const isSafe = Number.isSafeInteger(Number(value));
    return BigInt.asIntN(64, value) === value ? literal(isSafe ? Number(value) : value, INT64) : undefined;
  }
  if (typeof value !== "number") return undefined;
  if (!Number.isSafeInteger(value)) return literal(value, { kind: "float64" });
  return value >= -INT32_LIMIT && value < INT32_LIMIT ? literal(String(value), UNKNOWN) : literal(value, INT64);
}
