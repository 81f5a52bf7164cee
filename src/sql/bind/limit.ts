// LIMIT and OFFSET: constants, known before the query runs.

import type { Node, SelectStmt } from "libpg-query";
import type { Scalar } from "#columnar";
import { INT64 } from "../expressions.ts";
import { foldExpr } from "../optimize/fold.ts";
import type { PlanNode } from "../plan.ts";
import { locationOf } from "./ast.ts";
import { coerce } from "./coerce.ts";
import { spanAt, unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { emptyScope } from "./scope.ts";

/** Applies LIMIT and OFFSET to a plan; without either, the plan itself. */
export function bindLimit(statement: SelectStmt, plan: PlanNode, env: ExprEnvironment): PlanNode {
  if (statement.limitOption === "LIMIT_OPTION_WITH_TIES") {
    throw unsupported(env.context, "FETCH FIRST … WITH TIES is", locationOf(statement.limitCount));
  }
  const limit = rowCount(statement.limitCount, "LIMIT", env);
  const offset = rowCount(statement.limitOffset, "OFFSET", env) ?? 0;
  if (limit === undefined && offset === 0) return plan;
  return { kind: "limit", input: plan, limit, offset, columns: plan.columns };
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
