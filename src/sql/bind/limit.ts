// LIMIT and OFFSET: mostly constants; what is known only when the query runs numbers the rows.

import type { Node, SelectStmt } from "libpg-query";
import { INT64, TEXT, literal } from "../expressions.ts";
import { foldExpr } from "../optimize/fold.ts";
import type { Expr, PlanNode, SortKey } from "../plan.ts";
import { locationOf } from "./ast.ts";
import { bindCall, coerce } from "./coerce.ts";
import { spanAt } from "./context.ts";
import { applySubqueries } from "./correlated.ts";
import { subquerySink, type ExprEnvironment, type SubquerySink } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { project } from "./output.ts";
import { keepRanked, type RankBound } from "./ranking.ts";
import { emptyScope } from "./scope.ts";

/** Rows to keep or to pass over: a number, or what gives it when the query runs. */
type RowCount = number | Expr;

/** Applies LIMIT and OFFSET to a plan; without either, the plan itself. */
export function bindLimit(statement: SelectStmt, plan: PlanNode, env: ExprEnvironment): PlanNode {
  const correlated = subquerySink("limit");
  const limit = rowCount(statement.limitCount, "LIMIT", env, correlated);
  const offset = rowCount(statement.limitOffset, "OFFSET", env, correlated) ?? 0;
  if (limit === undefined && offset === 0) return plan;
  const withTies = statement.limitOption === "LIMIT_OPTION_WITH_TIES";
  if (withTies && plan.kind !== "sort") {
    const span = spanAt(env.context, locationOf(statement.limitCount));
    throw sqlError("sql_syntax_error", "WITH TIES cannot be specified without ORDER BY clause.", span);
  }
  if (!withTies && typeof limit !== "object" && typeof offset === "number") {
    return { kind: "limit", input: plan, limit, offset, columns: plan.columns };
  }
  const last = lastRow(limit, offset, env);
  const bounds: RankBound[] = [{ ranking: "row_number", operator: ">", value: offset }];
  if (last !== undefined) bounds.push({ ranking: withTies ? "rank" : "row_number", operator: "<=", value: last });
  return numbered(plan, correlated, bounds);
}

/** The number of the last row to keep. */
function lastRow(limit: RowCount | undefined, offset: RowCount, env: ExprEnvironment): RowCount | undefined {
  if (limit === undefined) return undefined;
  if (typeof limit === "number" && typeof offset === "number") return limit + offset;
  const asExpr = (count: RowCount): Expr => (typeof count === "number" ? literal(count, INT64) : count);
  const passed: Expr = { kind: "coalesce", args: [asExpr(offset), literal(0, INT64)], type: INT64 };
  return bindCall(env.context, "+", [asExpr(limit), passed], spanAt(env.context, undefined));
}

/** The rows whose numbers in the plan's order keep the bounds, which may read subqueries of the rows around. */
function numbered(plan: PlanNode, { subqueries }: SubquerySink, bounds: readonly RankBound[]): PlanNode {
  const sort = plan.kind === "sort" ? plan : undefined;
  const { plan: input, resolve } = applySubqueries(sort?.input ?? plan, subqueries);
  const keys: readonly SortKey[] = sort?.keys ?? [];
  const resolved = bounds.map((bound) =>
    typeof bound.value === "number" ? bound : { ...bound, value: resolve(bound.value) },
  );
  const kept = keepRanked(input, [], keys, resolved);
  const ordered: PlanNode = sort === undefined ? kept : { ...sort, input: kept, columns: kept.columns };
  if (ordered.columns.length === plan.columns.length) return ordered;
  const names = plan.columns.map((column) => column.name);
  return project(
    ordered,
    plan.columns.map(({ name, type }, index): Expr => ({ kind: "column", index, name, type })),
    names,
  );
}

function rowCount(
  node: Node | undefined,
  clause: string,
  env: ExprEnvironment,
  correlated: SubquerySink,
): RowCount | undefined {
  if (node === undefined) return undefined;
  const { context } = env;
  const span = spanAt(context, locationOf(node));
  const scope = emptyScope(env.scope);
  const bound = env.bind(node, { ...env, scope, aggregates: undefined, correlated, sets: undefined, clause });
  const expr = foldExpr(coerce(context, bound, INT64, "implicit", span), context);
  if (expr.kind !== "literal" || expr.subquery !== undefined) {
    return bindCall(context, "row count", [expr, literal(clause, TEXT)], span);
  }
  // LIMIT NULL and LIMIT ALL mean no limit.
  if (expr.value === null) return undefined;
  const count = Number(expr.value);
  if (count < 0) throw sqlError("invalid_parameter", `${clause} must not be negative.`, span);
  return count;
}
