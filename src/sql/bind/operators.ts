// Operators and the predicates that have their own syntax: IN, BETWEEN, LIKE, IS DISTINCT FROM, ANY and ALL.

import type { A_Expr, Node } from "libpg-query";
import type { DataType } from "#columnar";
import { BOOLEAN, FALSE, TRUE, caseBranch, literal } from "../expressions.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { arrayElements } from "./arrays.ts";
import { builtInName, itemsOf } from "./ast.ts";
import { bindCall, coerceCondition, resolveUnknown, unify } from "./coerce.ts";
import { unsupported } from "./context.ts";
import { lookUpFirst } from "./json-functions.ts";
import type { ExprEnvironment } from "./environment.ts";
import { combine, compareItems, compareWithRows, isRow, rowItems } from "./row-comparison.ts";
import { sqlError } from "./errors.ts";
import { alignRows } from "./row-values.ts";

/** Binds an A_Expr: any operator form. */
export function bindOperator(node: A_Expr, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const operator = builtInName(node.name);
  const bind = (operand: Node | undefined): Expr => env.bind(operand, env);
  if (node.kind?.endsWith("DISTINCT") === true && (isRow(node.lexpr) || isRow(node.rexpr))) {
    return distinctRows(node, env, span);
  }
  switch (node.kind) {
    case "AEXPR_OP": {
      if (comparesItems(node)) return compareRows(operator, node, env, span);
      const args = node.lexpr === undefined ? [bind(node.rexpr)] : [bind(node.lexpr), bind(node.rexpr)];
      const [left, right] = args;
      if (operator === "||" && left !== undefined && right !== undefined) {
        const joined = joinedLists(left, right);
        if (joined !== undefined) return bindCall(context, joined, args, span);
      }
      return (
        lookUpFirst(operator, args, env, span) ?? bindCall(context, operator, alignRows(context, args, span), span)
      );
    }
    case "AEXPR_LIKE":
    case "AEXPR_ILIKE":
    case "AEXPR_SIMILAR":
      return bindMatch(operator, bind(node.lexpr), bind(node.rexpr), env, span);
    case "AEXPR_DISTINCT":
      return isDistinct(bind(node.lexpr), bind(node.rexpr), false, env, span);
    case "AEXPR_NOT_DISTINCT":
      return isDistinct(bind(node.lexpr), bind(node.rexpr), true, env, span);
    case "AEXPR_NULLIF": {
      const value = resolveUnknown(context, bind(node.lexpr));
      const when = bindCall(context, "=", [value, bind(node.rexpr)], span);
      return {
        kind: "case",
        branches: [caseBranch(when, literal(null, value.type))],
        otherwise: value,
        type: value.type,
      };
    }
    case "AEXPR_IN":
      return bindIn(node, env, span);
    case "AEXPR_BETWEEN":
    case "AEXPR_NOT_BETWEEN":
    case "AEXPR_BETWEEN_SYM":
    case "AEXPR_NOT_BETWEEN_SYM": {
      const value = bind(node.lexpr);
      const [low, high] = itemsOf(node.rexpr).map((item) => bind(item));
      if (low === undefined || high === undefined) throw unsupported(context, "This BETWEEN is", node.location);
      const within = (from: Expr, to: Expr): Expr => ({
        kind: "and",
        args: [bindCall(context, ">=", [value, from], span), bindCall(context, "<=", [value, to], span)],
        type: BOOLEAN,
      });
      const isSymmetric = node.kind.endsWith("_SYM");
      const result: Expr = isSymmetric
        ? { kind: "or", args: [within(low, high), within(high, low)], type: BOOLEAN }
        : within(low, high);
      return node.kind.startsWith("AEXPR_NOT") ? not(result) : result;
    }
    case "AEXPR_OP_ANY":
    case "AEXPR_OP_ALL":
      return bindQuantified(operator, node, env, span);
    case undefined:
    default:
      throw unsupported(context, `Operator ${operator} is`, node.location);
  }
}

function depthOf(type: DataType): number {
  return type.kind === "list" ? 1 + depthOf(type.element) : 0;
}

/** What `||` does where an array takes part: NULL is no element and no array of its own. */
function joinedLists(left: Expr, right: Expr): string | undefined {
  const [a, b] = [depthOf(left.type), depthOf(right.type)];
  if (a === 0 && b === 0) return undefined;
  if (a === b || left.type.kind === "null" || right.type.kind === "null") return "array_cat";
  return a > b ? "array_append" : "array_prepend";
}

function not(arg: Expr): Expr {
  return { kind: "not", arg, type: BOOLEAN };
}

function isBareNull(arg: Expr): boolean {
  return arg.kind === "literal" && arg.value === null && arg.subquery === undefined;
}

function isSubquery(node: Node | undefined): boolean {
  return node !== undefined && "SubLink" in node;
}

/** Whether a comparison is one of fields: of two rows that are written out, or of one with the row of a subquery. */
function comparesItems({ lexpr, rexpr }: A_Expr): boolean {
  return (isRow(lexpr) && (isRow(rexpr) || isSubquery(rexpr))) || (isSubquery(lexpr) && isRow(rexpr));
}

const TURNED: Readonly<Record<string, string>> = { "<": ">", ">": "<", "<=": ">=", ">=": "<=" };

/** (a, b) = (c, d) and its kin, as PostgreSQL defines row comparison. */
function compareRows(operator: string, node: A_Expr, env: ExprEnvironment, span: SourceSpan): Expr {
  const { lexpr, rexpr } = node;
  if (rexpr !== undefined && "SubLink" in rexpr) {
    return compareWithRows(operator, rowItems(lexpr, env), rexpr.SubLink, env, span);
  }
  if (lexpr !== undefined && "SubLink" in lexpr) {
    return compareWithRows(TURNED[operator] ?? operator, rowItems(rexpr, env), lexpr.SubLink, env, span);
  }
  return compareItems(operator, rowItems(node.lexpr, env), rowItems(node.rexpr, env), env, span);
}

function bindMatch(operator: string, value: Expr, pattern: Expr, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const text = resolveUnknown(context, value);
  const isNegated = operator.startsWith("!");
  if (isNegated && context.registry.resolveScalar(operator, [text.type, pattern.type]) === undefined) {
    return { kind: "not", arg: bindCall(context, operator.slice(1), [text, pattern], span), type: BOOLEAN };
  }
  return bindCall(context, operator, [text, pattern], span);
}

/** Rows are distinct when any of their fields are. */
function distinctRows(node: A_Expr, env: ExprEnvironment, span: SourceSpan): Expr {
  const left = rowItems(node.lexpr, env);
  const right = rowItems(node.rexpr, env);
  if (left.length !== right.length) {
    throw sqlError("type_mismatch", "Rows of different length cannot be compared.", span);
  }
  const differ = combine(
    "or",
    left.map((item, i) => isDistinct(item, right[i] ?? item, false, env, span)),
  );
  return node.kind === "AEXPR_NOT_DISTINCT" ? not(differ) : differ;
}

function isDistinct(left: Expr, right: Expr, negated: boolean, env: ExprEnvironment, span: SourceSpan): Expr {
  if (isBareNull(right)) return { kind: "is_null", arg: left, negated: !negated, type: BOOLEAN };
  if (isBareNull(left)) return { kind: "is_null", arg: right, negated: !negated, type: BOOLEAN };
  return bindCall(env.context, negated ? "is_not_distinct_from" : "is_distinct_from", [left, right], span);
}

function bindIn(node: A_Expr, env: ExprEnvironment, span: SourceSpan): Expr {
  const negated = builtInName(node.name) === "<>";
  const items = itemsOf(node.rexpr);
  if (isRow(node.lexpr)) {
    const left = rowItems(node.lexpr, env);
    const any = combine(
      "or",
      items.map((item) => compareItems("=", left, rowItems(item, env), env, span)),
    );
    return negated ? { kind: "not", arg: any, type: BOOLEAN } : any;
  }
  const arg = env.bind(node.lexpr, env);
  return inList(
    arg,
    items.map((item) => env.bind(item, env)),
    negated,
    env,
    span,
  );
}

function inList(arg: Expr, items: readonly Expr[], negated: boolean, env: ExprEnvironment, span: SourceSpan): Expr {
  if (items.length === 0) return negated ? TRUE : FALSE;
  const [bound, ...list] = unify(env.context, [arg, ...items], "IN", span).exprs;
  return { kind: "in_list", arg: bound ?? arg, list, negated, type: BOOLEAN };
}

/** `x op ANY (array)` and `x op ALL (array)`. */
function bindQuantified(operator: string, node: A_Expr, env: ExprEnvironment, span: SourceSpan): Expr {
  const isAny = node.kind === "AEXPR_OP_ANY";
  const arg = env.bind(node.lexpr, env);
  const items = arrayElements(node.rexpr, env);
  if (items === undefined) {
    return bindCall(env.context, `${operator} ${isAny ? "any" : "all"}`, [arg, env.bind(node.rexpr, env)], span);
  }
  if ((operator === "=" && isAny) || (operator === "<>" && !isAny)) return inList(arg, items, !isAny, env, span);
  if (items.length === 0) return isAny ? FALSE : TRUE;
  return combine(
    isAny ? "or" : "and",
    items.map((item) => coerceCondition(env.context, bindCall(env.context, operator, [arg, item], span), "ANY", span)),
  );
}
