// A query: WITH, set operations, VALUES, and what applies to a whole query.

import type { Node, SelectStmt } from "libpg-query";
import type { ColumnSchema } from "#columnar";
import { columnRef, literal } from "../expressions.ts";
import type { Expr, PlanNode, SortKey } from "../plan.ts";
import { itemsOf, locationOf, stringsOf } from "./ast.ts";
import { resolveUnknown, unify } from "./coerce.ts";
import { countSelect, selectOf, spanAt, unsupported, type CommonTable } from "./context.ts";
import { applySubqueries } from "./correlated.ts";
import { subquerySink, type ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { ordinalOf, targetAt } from "./grouping.ts";
import { bindLimit } from "./limit.ts";
import { ONE_EMPTY_ROW, coerceColumns, project, renameColumns, resolveUnknownColumns } from "./output.ts";
import { bindRecursiveTable, readsName, refuseMutualRecursion } from "./recursive.ts";
import { readsOuterRecursion } from "../optimize/plan-shape.ts";
import { isVolatilePlan } from "../optimize/share.ts";
import { isCorrelated } from "./outer-values.ts";
import { emptyScope, relationScope, type Scope } from "./scope.ts";
import { bindSelect } from "./select.ts";
import { sortOrder } from "./sort-order.ts";

/** Binds any query; `env.scope` is the scope around it. Untyped columns stay untyped. */
export function bindQuery(statement: SelectStmt, env: ExprEnvironment): PlanNode {
  const { context } = env;
  countSelect(context);
  if (statement.intoClause !== undefined) throw unsupported(context, "SELECT INTO is", undefined);
  if ((statement.lockingClause ?? []).length > 0) throw unsupported(context, "FOR UPDATE and FOR SHARE are", undefined);
  const inner = bindWith(statement, env);
  const plan = bindBody(statement, inner);
  checkUnused(statement, inner);
  return plan;
}

function bindBody(statement: SelectStmt, env: ExprEnvironment): PlanNode {
  if (statement.op !== undefined && statement.op !== "SETOP_NONE") return bindSetOperation(statement, env);
  if (statement.valuesLists !== undefined) {
    const values = bindValues(statement.valuesLists, env);
    // Rows that are ordered or cut are of one type already; without, the place of the VALUES may give it.
    const isPlain = statement.sortClause === undefined && statement.limitOption === "LIMIT_OPTION_DEFAULT";
    return finish(statement, isPlain ? values : resolveUnknownColumns(env.context, values), env);
  }
  return bindSelect(statement, env);
}

/** Binds WITH items that nothing reads, for their errors. */
function checkUnused(statement: SelectStmt, env: ExprEnvironment): void {
  const { context } = env;
  for (const item of statement.withClause?.ctes ?? []) {
    const common = "CommonTableExpr" in item ? env.commonTables.get(item.CommonTableExpr.ctename ?? "") : undefined;
    if (common === undefined || context.boundTables.has(common.query)) continue;
    // Nothing of it runs: what binding gathers is dropped.
    const apart = { ...context, subqueries: [], functions: new Map(), sharedRows: undefined };
    bindCommonTable(common, { ...env, context: apart });
  }
}

/** The surroundings with the common table expressions of a WITH clause in reach. */
export function bindWith(statement: SelectStmt, env: ExprEnvironment): ExprEnvironment {
  const clause = statement.withClause;
  if (clause === undefined) return env;
  const tables = new Map<string, CommonTable>(env.commonTables);
  const own = new Set<string>();
  const items = (clause.ctes ?? []).flatMap((item) => ("CommonTableExpr" in item ? [item.CommonTableExpr] : []));
  const isRecursive = clause.recursive === true;
  if (isRecursive) refuseMutualRecursion(items, env.context);
  for (const item of items) {
    const { ctename: name = "", ctequery, aliascolnames, location } = item;
    const query = selectOf(ctequery);
    if (query === undefined) throw unsupported(env.context, "Data-modifying statements in WITH are", location);
    if (own.has(name)) {
      throw sqlError(
        "ambiguous_column",
        `WITH query name "${name}" specified more than once.`,
        spanAt(env.context, location),
      );
    }
    own.add(name);
    const isOwnReader = isRecursive && readsName(name, ctequery);
    const ordering = item.search_clause ?? item.cycle_clause;
    if (ordering !== undefined && !isOwnReader) {
      throw sqlError("sql_syntax_error", "WITH query is not recursive.", spanAt(env.context, ordering.location));
    }
    tables.set(name, {
      name,
      query,
      columnNames: stringsOf(aliascolnames),
      // With RECURSIVE an item may read those after it.
      reach: isRecursive ? tables : new Map(tables),
      isMaterialized: item.ctematerialized === "CTEMaterializeAlways",
      isRecursive: isOwnReader,
      search: item.search_clause,
      cycle: item.cycle_clause,
      around: env.scope,
    });
  }
  return { ...env, commonTables: tables };
}

/**
 * The names a WITH item sees from where it is read: those around the query of its WITH. What lies between is out of
 * sight, but gathers what is read through it.
 */
function reachOf(scope: Scope | undefined, around: Scope): Scope {
  if (scope === undefined) return emptyScope(undefined);
  if (scope === around) return scope;
  const { parent, captures } = scope;
  const hidden = emptyScope(parent === undefined ? undefined : reachOf(parent, around));
  return captures === undefined ? hidden : { ...hidden, captures };
}

/** The rows of a WITH item, untyped columns as text. */
export function bindCommonTable(common: CommonTable, env: ExprEnvironment): PlanNode {
  const { context } = env;
  const { name, query, columnNames: names, working } = common;
  context.boundTables.add(query);
  if (working !== undefined) return working;
  const known = context.sharedRows?.get(common);
  if (known !== undefined) return { kind: "shared", rows: known, columns: known.plan.columns };
  const inner: ExprEnvironment = { ...env, scope: reachOf(env.scope, common.around), commonTables: common.reach };
  const plan = common.isRecursive
    ? bindRecursiveTable(common, bindWith(query, inner))
    : resolveUnknownColumns(context, env.bindQuery(query, inner));
  if (names.length > plan.columns.length) {
    throw sqlError(
      "type_mismatch",
      `WITH query "${name}" has ${plan.columns.length} columns available but ${names.length} columns specified.`,
    );
  }
  const renamed = names.length === 0 ? plan : renameColumns(plan, names);
  const isFence = common.isMaterialized || common.isRecursive || isVolatilePlan(renamed);
  // What reads a row around it is made for each of those rows.
  const isClosed = !readsOuterRecursion(renamed) && !isCorrelated(renamed);
  if (context.sharedRows === undefined || !isFence || !isClosed) return renamed;
  const rows = { name, plan: renamed, isFence, readers: 2, wanted: new Set<number>() };
  context.sharedRows.set(common, rows);
  return { kind: "shared", rows, columns: renamed.columns };
}

const OPERATIONS = { SETOP_UNION: "union", SETOP_INTERSECT: "intersect", SETOP_EXCEPT: "except" } as const;

/** What makes a column, so that an untyped constant can still take a type. */
function columnExpr(plan: PlanNode, i: number, column: ColumnSchema): Expr {
  return plan.kind === "project" ? (plan.exprs[i] ?? columnRef(i, column)) : columnRef(i, column);
}

function bindSetOperation(statement: SelectStmt, env: ExprEnvironment): PlanNode {
  const { context } = env;
  const { larg, rarg } = statement;
  const operation = OPERATIONS[statement.op as keyof typeof OPERATIONS];
  if (larg === undefined || rarg === undefined) throw unsupported(context, "This set operation is", undefined);
  const left = env.bindQuery(larg, env);
  const right = env.bindQuery(rarg, env);
  const name = operation.toUpperCase();
  if (left.columns.length !== right.columns.length) {
    const location = locationOf(rarg.targetList?.[0]);
    throw sqlError(
      "type_mismatch",
      `Each ${name} query must have the same number of columns.`,
      location === undefined ? undefined : spanAt(context, location),
    );
  }
  const types = left.columns.map((column, i) => {
    const other = right.columns[i] ?? column;
    return unify(context, [columnExpr(left, i, column), columnExpr(right, i, other)], name, undefined).type;
  });
  const a = coerceColumns(context, left, types);
  const b = coerceColumns(context, right, types);
  const columns = a.columns.map((column, i) => ({
    name: column.name,
    type: types[i] ?? column.type,
    nullable: column.nullable || (b.columns[i]?.nullable ?? true),
  }));
  const plan: PlanNode = { kind: "set_operation", operation, all: statement.all ?? false, left: a, right: b, columns };
  return finish(statement, plan, env);
}

function bindValues(lists: readonly Node[], env: ExprEnvironment): PlanNode {
  const { context } = env;
  const sinks = lists.map(() => subquerySink("list"));
  const rows = lists.map((list, r) => {
    const valueEnv: ExprEnvironment = { ...env, aggregates: undefined, correlated: sinks[r], clause: "VALUES" };
    return itemsOf(list).map((item) => env.bind(item, valueEnv));
  });
  const isCorrelated = sinks.some(({ subqueries }) => subqueries.length > 0);
  const width = rows[0]?.length ?? 0;
  for (const [i, row] of rows.entries()) {
    if (row.length === width) continue;
    const location = locationOf(itemsOf(lists[i])[0]);
    throw sqlError(
      "type_mismatch",
      "VALUES lists must all be the same length.",
      location === undefined ? undefined : spanAt(context, location),
    );
  }
  const byColumn = Array.from({ length: width }, (_, i) => {
    const exprs = rows.map((row) => row[i] ?? literal(null, { kind: "null" }));
    const allUntyped = !isCorrelated && exprs.every((expr) => expr.type.kind === "null");
    return allUntyped ? { exprs, type: { kind: "null" as const } } : unify(context, exprs, "VALUES", undefined);
  });
  const columns = byColumn.map(({ type }, i) => ({ name: `column${i + 1}`, type, nullable: true }));
  const typed = rows.map((_, r) => byColumn.map(({ exprs, type }) => exprs[r] ?? literal(null, type)));
  if (!isCorrelated) return { kind: "values", rows: typed, columns };
  // Each row by itself, as one that its subqueries are applied to.
  const names = columns.map((column) => column.name);
  return typed
    .map((row, r): PlanNode => {
      const { plan, resolve } = applySubqueries(ONE_EMPTY_ROW, sinks[r]?.subqueries ?? []);
      return project(plan, row.map(resolve), names);
    })
    .reduce((left, right) => ({ kind: "set_operation", operation: "union", all: true, left, right, columns }));
}

/** ORDER BY and LIMIT over a query's output columns. */
function finish(statement: SelectStmt, plan: PlanNode, env: ExprEnvironment): PlanNode {
  const { context } = env;
  const targets = plan.columns.map((column, i) => ({ name: column.name, expr: columnRef(i, column) }));
  const scope = { ...relationScope("", plan.columns), parent: env.scope };
  const keys: SortKey[] = (statement.sortClause ?? []).flatMap((item) => {
    if (!("SortBy" in item)) return [];
    const { node } = item.SortBy;
    const ordinal = ordinalOf(node);
    const expr =
      ordinal === undefined
        ? env.bind(node, { ...env, scope, aggregates: undefined, clause: "ORDER BY of a set operation" })
        : targetAt(context, targets, ordinal, "ORDER BY", locationOf(node)).expr;
    return [{ expr: resolveUnknown(context, expr), ...sortOrder(context, item.SortBy) }];
  });
  const sorted: PlanNode =
    keys.length === 0 ? plan : { kind: "sort", input: plan, keys, topRows: undefined, columns: plan.columns };
  return bindLimit(statement, sorted, env);
}
