// The WHERE clause: IN and EXISTS over subqueries become semi and anti joins, the rest one filter.

import type { Node, SubLink } from "libpg-query";
import { BOOLEAN, INT64, columnRef, conjunction, literal } from "../expressions.ts";
import { createJoin } from "../joins.ts";
import type { AggregateCall, Expr, PlanNode, SourceSpan } from "../plan.ts";
import { locationOf } from "./ast.ts";
import { bindCall, coerceCondition } from "./coerce.ts";
import { spanAt } from "./context.ts";
import { applySubqueries, createDependentJoin } from "./correlated.ts";
import { subquerySink, type ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { bindRow } from "./expression.ts";
import { operatorOf } from "./row-comparison.ts";
import { createAggregate, usesSubquery } from "./grouping.ts";
import { placeholder } from "./subquery.ts";
import { bindSubselect } from "./subselect.ts";

/** Applies a WHERE condition to a plan. Its columns come first; values of correlated subqueries may follow. */
export function bindWhere(condition: Node | undefined, plan: PlanNode, env: ExprEnvironment): PlanNode {
  if (condition === undefined) return plan;
  const { context } = env;
  let result = plan;
  const filters: Expr[] = [];
  const sink = subquerySink("where");
  const bindFilter = (part: Node): Expr => {
    const bound = env.bind(part, { ...env, correlated: sink });
    return coerceCondition(context, bound, env.clause, spanAt(context, locationOf(part)));
  };
  for (const part of astConjuncts(condition)) {
    const joined = existenceJoin(part, result, env);
    if (joined !== undefined) {
      result = joined;
      continue;
    }
    const membership = membershipOf(part);
    if (membership === undefined) {
      filters.push(bindFilter(part));
      continue;
    }
    const { link, negated } = membership;
    const span = spanAt(context, link.location);
    const left = bindRow(link.testexpr, { ...env, correlated: sink });
    if ((negated && left.length > 1) || left.some((item) => usesSubquery(item))) {
      filters.push(bindFilter(part));
      continue;
    }
    const { plan: right, captures } = bindSubselect(link.subselect, env);
    if (negated && captures.length > 0) {
      filters.push(bindFilter(part));
      continue;
    }
    if (right.columns.length !== left.length) {
      const message = `Subquery has ${right.columns.length} columns where ${left.length} are compared.`;
      throw sqlError("type_mismatch", message, span);
    }
    const matches = membershipCondition(left, result, right, env, span);
    result =
      captures.length > 0
        ? createDependentJoin("semi", { plan: result, captures }, right, matches)
        : createJoin(negated ? "anti" : "semi", result, right, matches);
    if (negated) filters.push(...notInGuard(left[0], link, env, span));
  }
  const applied = applySubqueries(result, sink.subqueries);
  result = applied.plan;
  const filter = conjunction(filters.map(applied.resolve));
  return filter === undefined ? result : { kind: "filter", input: result, condition: filter, columns: result.columns };
}

function astConjuncts(node: Node): readonly Node[] {
  if ("BoolExpr" in node && node.BoolExpr.boolop === "AND_EXPR") {
    return (node.BoolExpr.args ?? []).flatMap((arg) => astConjuncts(arg));
  }
  return [node];
}

/** `x IN (SELECT …)` and `x NOT IN (SELECT …)`; undefined for any other condition. */
function membershipOf(node: Node): { readonly link: SubLink; readonly negated: boolean } | undefined {
  if ("BoolExpr" in node && node.BoolExpr.boolop === "NOT_EXPR") {
    const [arg] = node.BoolExpr.args ?? [];
    const inner = arg === undefined ? undefined : membershipOf(arg);
    return inner === undefined ? undefined : { link: inner.link, negated: !inner.negated };
  }
  if (!("SubLink" in node) || node.SubLink.subLinkType !== "ANY_SUBLINK") return undefined;
  return operatorOf(node.SubLink) === "=" ? { link: node.SubLink, negated: false } : undefined;
}

/** EXISTS and NOT EXISTS over a correlated subquery as a join; undefined for any other condition. */
function existenceJoin(node: Node, plan: PlanNode, env: ExprEnvironment): PlanNode | undefined {
  const isNegation = "BoolExpr" in node && node.BoolExpr.boolop === "NOT_EXPR";
  const inner = isNegation ? node.BoolExpr.args?.[0] : node;
  if (inner === undefined || !("SubLink" in inner) || inner.SubLink.subLinkType !== "EXISTS_SUBLINK") return undefined;
  const bound = bindSubselect(inner.SubLink.subselect, env);
  if (bound.captures.length === 0) return undefined;
  return createDependentJoin(
    isNegation ? "anti" : "semi",
    { plan, captures: bound.captures },
    withoutEffectOnExistence(bound.plan),
    undefined,
  );
}

/** The plan without what cannot change whether it has rows. */
function withoutEffectOnExistence(plan: PlanNode): PlanNode {
  const isFreeLimit = plan.kind === "limit" && plan.offset === 0 && (plan.limit ?? 1) > 0;
  if (plan.kind === "project" || plan.kind === "sort" || plan.kind === "distinct" || isFreeLimit) {
    return withoutEffectOnExistence(plan.input);
  }
  return plan;
}

function membershipCondition(
  left: readonly Expr[],
  leftPlan: PlanNode,
  right: PlanNode,
  env: ExprEnvironment,
  span: SourceSpan,
): Expr | undefined {
  const offset = leftPlan.columns.length;
  return conjunction(
    left.map((expr, i) => {
      const column = right.columns[i];
      if (column === undefined) throw sqlError("type_mismatch", "Subquery has too few columns.", span);
      return bindCall(env.context, "=", [expr, columnRef(i + offset, column)], span);
    }),
  );
}

/**
 * What `x NOT IN (S)` asks beyond "no equal row": S is empty, or x is not NULL and S holds no NULL. The counts come
 * from the subquery run once more before the main plan.
 */
function notInGuard(left: Expr | undefined, link: SubLink, env: ExprEnvironment, span: SourceSpan): readonly Expr[] {
  if (left === undefined) return [];
  const { context } = env;
  const count = (ofColumn: boolean): Expr => {
    const { plan: input } = bindSubselect(link.subselect, env);
    const [column] = input.columns;
    const call: AggregateCall = {
      function: "count",
      args: ofColumn && column !== undefined ? [columnRef(0, column)] : [],
      distinct: false,
      filter: undefined,
      orderBy: [],
      directArgs: [],
      type: INT64,
    };
    return placeholder(env, "scalar", createAggregate(input, [], [call]), INT64, span);
  };
  const all = count(false);
  const isEmpty = bindCall(context, "=", [all, literal(0, INT64)], span);
  const hasNoNull = bindCall(context, "=", [all, count(true)], span);
  const isKnown: Expr = { kind: "is_null", arg: left, negated: true, type: BOOLEAN };
  const guard: Expr = { kind: "and", args: [isKnown, hasNoNull], type: BOOLEAN };
  return [{ kind: "or", args: [isEmpty, guard], type: BOOLEAN }];
}
