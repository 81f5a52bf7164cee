// LIMIT and OFFSET: constants, known before the query runs.

import type { Node, SelectStmt } from "libpg-query";
import type { Scalar } from "#columnar";
import { INT64 } from "../expressions.ts";
import { foldExpr } from "../optimize/fold.ts";
import type { PlanNode } from "../plan.ts";
import { locationOf } from "./ast.ts";
import { coerce } from "./coerce.ts";
import { spanAt } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { keepRanked, type RankBound } from "./ranking.ts";
import { emptyScope } from "./scope.ts";

/** Applies LIMIT and OFFSET to a plan; without either, the plan itself. */
export function bindLimit(statement: SelectStmt, plan: PlanNode, env: ExprEnvironment): PlanNode {
  const limit = rowCount(statement.limitCount, "LIMIT", env);
  const offset = rowCount(statement.limitOffset, "OFFSET", env) ?? 0;
  if (limit === undefined && offset === 0) return plan;
  if (statement.limitOption === "LIMIT_OPTION_WITH_TIES") {
    if (plan.kind !== "sort") {
      const span = spanAt(env.context, locationOf(statement.limitCount));
      throw sqlError("sql_syntax_error", "WITH TIES cannot be specified without ORDER BY clause.", span);
    }
    return withTies(plan, limit, offset);
  }
  return { kind: "limit", input: plan, limit, offset, columns: plan.columns };
}

/** The rows after the offset up to the limit, and the peers of the last one. */
function withTies(plan: PlanNode & { readonly kind: "sort" }, limit: number | undefined, offset: number): PlanNode {
  const bounds: RankBound[] = [{ ranking: "row_number", operator: ">", value: offset }];
  if (limit !== undefined) bounds.push({ ranking: "rank", operator: "<=", value: offset + limit });
  return { ...plan, input: keepRanked(plan.input, [], plan.keys, bounds) };
}

function rowCount(node: Node | undefined, clause: string, env: ExprEnvironment): number | undefined {
  if (node === undefined) return undefined;
  const { context } = env;
  const span = spanAt(context, locationOf(node));
  const scope = emptyScope(env.scope);
  const bound = env.bind(node, { ...env, scope, aggregates: undefined, clause });
  const expr = foldExpr(coerce(context, bound, INT64, "implicit", span), context);
  if (expr.kind !== "literal" || expr.subquery !== undefined) {
    throw sqlError("sql_unsupported", `${clause} must be a constant.`, span);
  }
  const value: Scalar = expr.value;
  // LIMIT NULL and LIMIT ALL mean no limit.
  if (value === null) return undefined;
  const count = Number(value);
  if (count < 0) throw sqlError("invalid_parameter", `${clause} must not be negative.`, span);
  return count;
}
