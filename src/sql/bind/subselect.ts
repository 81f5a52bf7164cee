// The query inside a subquery expression, and the one row that ANY and ALL make of its rows.

import type { Node } from "libpg-query";
import { BOOLEAN, FALSE, INT64, TRUE, caseBranch, columnRef, literal } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { plainAggregate } from "./aggregate-call.ts";
import { selectOf, unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { createAggregate } from "./grouping.ts";
import { project, resolveUnknownColumns } from "./output.ts";
import { subqueryScope } from "./scope.ts";

/** A bound subquery with what it reads of the outer row; see CorrelatedSubquery. */
export interface BoundSubquery {
  readonly plan: PlanNode;
  readonly captures: readonly Expr[];
}

/** Binds the query of a subquery expression over the scope around it. */
export function bindSubselect(node: Node | undefined, env: ExprEnvironment): BoundSubquery {
  const query = selectOf(node);
  if (query === undefined) throw unsupported(env.context, "This subquery is", undefined);
  const scope = subqueryScope(env.scope);
  const { outputs: _, ...rest } = env;
  const inner: ExprEnvironment = {
    ...rest,
    scope,
    aggregates: undefined,
    correlated: undefined,
    sets: undefined,
    around: env,
  };
  const plan = resolveUnknownColumns(env.context, env.bindQuery(query, inner));
  return { plan, captures: scope.captures };
}

/** One row: whether the comparison holds for any row, or for all, with NULL where a NULL leaves it open. */
export function quantifiedValue(plan: PlanNode, compared: Expr, isAny: boolean): PlanNode {
  const isOpen: Expr = { kind: "is_null", arg: compared, negated: false, type: BOOLEAN };
  const grouped = createAggregate(
    plan,
    [],
    [plainAggregate(isAny ? "bool_or" : "bool_and", [compared], BOOLEAN), plainAggregate("count", [], INT64, isOpen)],
  );
  const [known = FALSE, open = literal(0, INT64)] = grouped.columns.map((column, i) => columnRef(i, column));
  const isDecided: Expr = {
    kind: "coalesce",
    args: [isAny ? known : { kind: "not", arg: known, type: BOOLEAN }, FALSE],
    type: BOOLEAN,
  };
  const hasOpen: Expr = { kind: "call", function: ">", args: [open, literal(0, INT64)], type: BOOLEAN };
  const value: Expr = {
    kind: "case",
    branches: [caseBranch(isDecided, isAny ? TRUE : FALSE), caseBranch(hasOpen, literal(null, BOOLEAN))],
    otherwise: isAny ? FALSE : TRUE,
    type: BOOLEAN,
  };
  return project(grouped, [value], [isAny ? "any" : "all"]);
}
