// The FROM clause: tables, CTEs, derived tables and joins become one plan and one scope.

import type { DataType } from "#columnar";
import { nearestName } from "#core";
import type { Node, RangeTableSample, RangeVar } from "libpg-query";
import { literal } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { builtInName, locationOf, nodeKind } from "./ast.ts";
import { bindCall, coerce } from "./coerce.ts";
import { selectOf, spanAt, tableKey, tablePath, unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { bindJsonTable } from "./json-table.ts";
import { sqlError, withSpan } from "./errors.ts";
import { bindRangeFunction, functionEnvironment, overSubqueries } from "./from-function.ts";
import {
  aliased,
  joinItems,
  lateralScope,
  requireDistinctRelations,
  type BoundFrom,
  type BoundItem,
} from "./from-item.ts";
import { bindJoin } from "./from-join.ts";
import { ONE_EMPTY_ROW, resolveUnknownColumns } from "./output.ts";
import { bindView } from "./views.ts";
import { emptyScope, joinScopes, type Scope } from "./scope.ts";

const FLOAT64: DataType = { kind: "float64" };

/** Binds the items of a FROM clause; several items are a cross join. No items: one row without columns. */
export function bindFrom(items: readonly Node[], env: ExprEnvironment): BoundFrom {
  let result: BoundFrom | undefined;
  for (const item of items) {
    const bound = bindItem(item, env, result);
    result = result === undefined ? bound : crossJoin(result, bound, env, item);
  }
  if (result === undefined) return { plan: ONE_EMPTY_ROW, scope: emptyScope(env.scope.parent) };
  return { plan: result.plan, scope: { ...result.scope, parent: env.scope.parent } };
}

function crossJoin(left: BoundFrom, right: BoundItem, env: ExprEnvironment, item: Node): BoundFrom {
  requireDistinctRelations(left, right, env, item);
  return {
    plan: joinItems("cross", left, right, undefined),
    scope: joinScopes(left.scope, right.scope, left.plan.columns.length),
  };
}

/** Binds one item; a lateral one may read `before`. */
function bindItem(node: Node, env: ExprEnvironment, before: BoundFrom | undefined): BoundItem {
  const { context } = env;
  if ("RangeVar" in node) return bindTable(node.RangeVar, env);
  if ("JoinExpr" in node) return bindJoin(node.JoinExpr, env, bindItem);
  if ("RangeSubselect" in node) {
    const { lateral, subquery, alias } = node.RangeSubselect;
    const query = selectOf(subquery);
    const location = locationOf(query?.targetList?.[0]) ?? locationOf(subquery);
    if (query === undefined) throw unsupported(context, "This FROM item is", location);
    if (lateral === true) {
      const scope = lateralScope(before, env);
      const inner: ExprEnvironment = { ...env, scope, aggregates: undefined, correlated: undefined };
      const plan = resolveUnknownColumns(context, env.bindQuery(query, inner));
      return { ...aliased(plan, alias, "subquery", env), captures: scope.captures };
    }
    // A derived table sees the names around the whole query, not its neighbours.
    const plan = resolveUnknownColumns(context, env.bindQuery(query, { ...env, scope: siblingScope(env) }));
    return aliased(plan, alias, "subquery", env);
  }
  if ("RangeFunction" in node) return bindRangeFunction(node.RangeFunction, env, before);
  if ("JsonTable" in node) {
    const { scope, inner, correlated } = functionEnvironment(env, before);
    const plan = overSubqueries(bindJsonTable(node.JsonTable, inner), correlated);
    return { ...aliased(plan, node.JsonTable.alias, "json_table", env), captures: scope?.captures ?? [] };
  }
  if ("RangeTableSample" in node) return bindSample(node.RangeTableSample, env, before);
  throw unsupported(context, `${nodeKind(node)} in FROM is`, locationOf(node));
}

/** TABLESAMPLE: each row is taken by itself, by SYSTEM too. With REPEATABLE the same rows of the same data are. */
function bindSample(node: RangeTableSample, env: ExprEnvironment, before: BoundFrom | undefined): BoundFrom {
  const { context } = env;
  const method = builtInName(node.method);
  const span = spanAt(context, node.location);
  if (method !== "bernoulli" && method !== "system") {
    throw unsupported(context, `The sampling method ${method} is`, node.location);
  }
  if (node.relation === undefined) throw unsupported(context, "This TABLESAMPLE is", node.location);
  const { plan, scope } = bindItem(node.relation, env, before);
  const [percent] = node.args ?? [];
  const constant = (value: Node | undefined): Expr =>
    coerce(
      context,
      env.bind(value, { ...env, scope: emptyScope(undefined), clause: "TABLESAMPLE" }),
      FLOAT64,
      "implicit",
      span,
    );
  const seed = node.repeatable === undefined ? literal(null, FLOAT64) : constant(node.repeatable);
  const condition = bindCall(context, "sample_row", [constant(percent), seed], span);
  return { plan: { kind: "filter", input: plan, condition, columns: plan.columns }, scope };
}

/** The scope a derived table starts from: only what surrounds the query it stands in. */
function siblingScope(env: ExprEnvironment): Scope {
  return env.scope.parent ?? emptyScope(undefined);
}

function bindTable(node: RangeVar, env: ExprEnvironment): BoundFrom {
  const { context, commonTables } = env;
  const name = node.relname ?? "";
  const common = node.schemaname === undefined ? commonTables.get(name) : undefined;
  if (common !== undefined) {
    return aliased(env.bindCommonTable(common, env), node.alias, name, env);
  }
  const path = tablePath(node);
  const source = context.tables.get(tableKey(context, node));
  const span = spanAt(context, node.location);
  const refusal = context.refused.get(tableKey(context, node));
  if (refusal !== undefined) throw withSpan(refusal, span);
  const view = context.views.get(tableKey(context, node));
  if (view !== undefined) return aliased(bindView(view, env, span), node.alias, name, env);
  if (source === undefined) {
    const candidates = [...context.tableNames, ...context.tableNames.map((known) => known.split(".").at(-1) ?? known)];
    const nearest = nearestName(path.join("."), [...candidates, ...commonTables.keys()]);
    throw sqlError("undefined_table", `Table "${path.join(".")}" does not exist.`, span, nearest);
  }
  context.usedTables.add(source.name);
  const plan: PlanNode = {
    kind: "scan",
    source,
    projection: source.columns.map((_, i) => i),
    predicates: [],
    limit: undefined,
    columns: source.columns,
  };
  return aliased(plan, node.alias, name, env, source.name);
}
