// Subqueries inside expressions. Those that do not read the outer row run once, before the main plan; the others are
// joined to it.

import type { SubLink } from "libpg-query";
import type { DataType } from "#columnar";
import { BOOLEAN, INT64, columnRef, literal } from "../expressions.ts";
import type { Expr, PlanNode, SourceSpan } from "../plan.ts";
import { bindCall, resolveUnknown, unify } from "./coerce.ts";
import { unsupported, type PreparedSubquery } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { plainAggregate } from "./aggregate-call.ts";
import { addSubquery } from "./subquery-sink.ts";
import { isVolatilePlan } from "../optimize/share.ts";
import { sqlError } from "./errors.ts";
import { createAggregate } from "./grouping.ts";
import { project } from "./output.ts";
import { compareWithRows, isRow, operatorOf, rowItems } from "./row-comparison.ts";
import { OUTER_BASE } from "./scope.ts";
import { bindSubselect, quantifiedValue, type BoundSubquery } from "./subselect.ts";

/** Registers a subquery and returns the literal that will hold its value. */
export function placeholder(
  env: ExprEnvironment,
  kind: PreparedSubquery["kind"],
  plan: PlanNode,
  type: DataType,
  span: SourceSpan | undefined,
): Expr {
  const { subqueries, planKey } = env.context;
  const key = isVolatilePlan(plan) ? undefined : planKey(plan);
  const known = subqueries.findIndex((other) => other.kind === kind && planKey(other.plan) === key);
  const subquery = known === -1 ? subqueries.push({ kind, plan, span }) - 1 : known;
  return { kind: "literal", value: null, type, subquery };
}

/**
 * A subquery in an expression: a scalar, EXISTS, or IN / ANY / ALL.
 *
 * Errors: `type_mismatch` for a wrong number of columns; `sql_unsupported` where a correlated one cannot stand.
 */
export function bindSubLink(node: SubLink, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const quantifies = node.subLinkType === "ANY_SUBLINK" || node.subLinkType === "ALL_SUBLINK";
  if (quantifies && isRow(node.testexpr)) {
    return compareWithRows(operatorOf(node), rowItems(node.testexpr, env), node, env, span);
  }
  const bound = bindSubselect(node.subselect, env);
  if (bound.captures.length > 0) return bindCorrelated(node, bound, env, span);
  const { plan } = bound;
  if (node.subLinkType === "EXISTS_SUBLINK") return placeholder(env, "exists", plan, BOOLEAN, span);
  const column = singleColumn(plan, span);
  switch (node.subLinkType) {
    case "EXPR_SUBLINK":
      return placeholder(env, "scalar", plan, column.type, span);
    case "ANY_SUBLINK":
    case "ALL_SUBLINK": {
      const isAny = node.subLinkType === "ANY_SUBLINK";
      const operator = operatorOf(node);
      const arg = env.bind(node.testexpr, env);
      const list = placeholder(env, "list", plan, column.type, span);
      if ((operator === "=" && isAny) || (operator === "<>" && !isAny)) {
        const [left = arg, right = list] = unify(context, [arg, list], "IN", span).exprs;
        return { kind: "in_list", arg: left, list: [right], negated: !isAny, type: BOOLEAN };
      }
      const elements: Expr = { ...list, type: { kind: "list", element: column.type } };
      return bindCall(context, `${operator} ${isAny ? "any" : "all"}`, [arg, elements], span);
    }
    case "ARRAY_SUBLINK":
      return { ...placeholder(env, "list", plan, column.type, span), type: { kind: "list", element: column.type } };
    case "MULTIEXPR_SUBLINK":
    case "CTE_SUBLINK":
    case "ROWCOMPARE_SUBLINK":
    case undefined:
    default:
      throw unsupported(context, "This form of subquery is", node.location);
  }
}

function bindCorrelated(node: SubLink, bound: BoundSubquery, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context, correlated: sink } = env;
  if (sink === undefined) throw unsupported(context, `A correlated subquery in ${env.clause} is`, node.location);
  const { plan, captures } = bound;
  switch (node.subLinkType) {
    case "EXISTS_SUBLINK": {
      const counted = createAggregate(plan, [], [plainAggregate("count", [], INT64)]);
      const [count] = counted.columns.map((column, i) => columnRef(i, column));
      const isThere = bindCall(context, ">", [count ?? literal(0, INT64), literal(0, INT64)], span);
      return addSubquery(context, sink, { plan: project(counted, [isThere], ["exists"]), captures, span });
    }
    case "EXPR_SUBLINK":
      singleColumn(plan, span);
      return addSubquery(context, sink, { plan, captures, span });
    case "ANY_SUBLINK":
    case "ALL_SUBLINK": {
      const column = singleColumn(plan, span);
      const arg = resolveUnknown(context, env.bind(node.testexpr, env));
      const outer: Expr = { kind: "column", index: OUTER_BASE + captures.length, name: "compared", type: arg.type };
      const operator = operatorOf(node);
      const isAny = node.subLinkType === "ANY_SUBLINK";
      const compared = bindCall(context, operator, [outer, columnRef(0, column)], span);
      const quantified = quantifiedValue(plan, compared, isAny);
      return addSubquery(context, sink, { plan: quantified, captures: [...captures, arg], span });
    }
    case "ARRAY_SUBLINK":
      return addSubquery(context, sink, { plan: listOf(plan, singleColumn(plan, span)), captures, span });
    case "MULTIEXPR_SUBLINK":
    case "CTE_SUBLINK":
    case "ROWCOMPARE_SUBLINK":
    case undefined:
    default:
      throw unsupported(context, "This form of correlated subquery is", node.location);
  }
}

/** One row: the first column's values as an array, in the order of the query. */
function listOf(plan: PlanNode, column: PlanNode["columns"][number]): PlanNode {
  const type: DataType = { kind: "list", element: column.type };
  // Joins keep no order, so the array is put into the query's own.
  let value: Expr = columnRef(0, column);
  let input = plan;
  if (input.kind === "project" && sortBelow(input.input) !== undefined) {
    value = input.exprs[0] ?? value;
    input = input.input;
  }
  const orderBy = sortBelow(input)?.keys ?? [];
  const list = createAggregate(input, [], [{ ...plainAggregate("array_agg", [value], type), orderBy }]);
  const [made = literal(null, type)] = list.columns.map((each, i) => columnRef(i, each));
  return project(list, [{ kind: "coalesce", args: [made, literal([], type)], type }], ["array"]);
}

function sortBelow(plan: PlanNode): (PlanNode & { readonly kind: "sort" }) | undefined {
  if (plan.kind === "sort") return plan;
  return plan.kind === "limit" ? sortBelow(plan.input) : undefined;
}

function singleColumn(plan: PlanNode, span: SourceSpan): PlanNode["columns"][number] {
  const [column] = plan.columns;
  if (column === undefined || plan.columns.length !== 1) {
    throw sqlError("type_mismatch", `Subquery must return one column, not ${plan.columns.length}.`, span);
  }
  return column;
}
