// Subqueries inside expressions. They do not depend on the outer row, so they run once, before the main plan.

import type { Node, SubLink } from "libpg-query";
import type { DataType } from "#columnar";
import { BOOLEAN } from "../expressions.ts";
import type { Expr, PlanNode, SourceSpan } from "../plan.ts";
import { stringsOf } from "./ast.ts";
import { bindCall, unify } from "./coerce.ts";
import { selectOf, unsupported, type PreparedSubquery } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { resolveUnknownColumns } from "./output.ts";

/** Binds the query of a subquery expression over the scope around it. */
export function bindSubselect(node: Node | undefined, env: ExprEnvironment): PlanNode {
  const query = selectOf(node);
  if (query === undefined) throw unsupported(env.context, "This subquery is", undefined);
  return resolveUnknownColumns(env.context, env.bindQuery(query, env));
}

/** Registers a subquery and returns the literal that will hold its value. */
export function placeholder(
  env: ExprEnvironment,
  kind: PreparedSubquery["kind"],
  plan: PlanNode,
  type: DataType,
  span: SourceSpan | undefined,
): Expr {
  env.context.subqueries.push({ kind, plan, span });
  return { kind: "literal", value: null, type, subquery: env.context.subqueries.length - 1 };
}

/**
 * A subquery in an expression: a scalar, EXISTS, or IN / ANY / ALL.
 *
 * Errors: `type_mismatch` for a wrong number of columns; `sql_unsupported` for correlated ones.
 */
export function bindSubLink(node: SubLink, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const plan = bindSubselect(node.subselect, env);
  if (node.subLinkType === "EXISTS_SUBLINK") return placeholder(env, "exists", plan, BOOLEAN, span);
  const column = singleColumn(plan, span);
  switch (node.subLinkType) {
    case "EXPR_SUBLINK":
      return placeholder(env, "scalar", plan, column.type, span);
    case "ANY_SUBLINK":
    case "ALL_SUBLINK": {
      const isAny = node.subLinkType === "ANY_SUBLINK";
      const operator = stringsOf(node.operName).at(-1) ?? "=";
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

function singleColumn(plan: PlanNode, span: SourceSpan): PlanNode["columns"][number] {
  const [column] = plan.columns;
  if (column === undefined || plan.columns.length !== 1) {
    throw sqlError("type_mismatch", `Subquery must return one column, not ${plan.columns.length}.`, span);
  }
  return column;
}
