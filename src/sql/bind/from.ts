// The FROM clause: tables, CTEs, derived tables and joins become one plan and one scope.

import type { DataType } from "#columnar";
import { nearestName } from "#core";
import type { Alias, JoinExpr, Node, RangeFunction, RangeTableSample, RangeVar } from "libpg-query";
import {
  BOOLEAN,
  INT32,
  INT64,
  columnRef,
  conjunctsOf,
  literal,
  remapColumns,
  replaceColumns,
} from "../expressions.ts";
import { tableFunctionNames, type ResolvedTableFunction } from "../execute/table-function.ts";
import { createJoin, type JoinType } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { typesEqual } from "../values/index.ts";
import { builtInName, itemsOf, locationOf, nodeKind, stringsOf } from "./ast.ts";
import { resolveSetCall } from "./calls.ts";
import { bindCall, coerce, coerceCondition, resolveUnknown, unify } from "./coerce.ts";
import { deriveColumnName } from "./column-name.ts";
import { selectOf, spanAt, tableKey, tablePath, unsupported } from "./context.ts";
import { applySubqueries, createDependentJoin } from "./correlated.ts";
import { SUBQUERY_BASE, subquerySink, type ExprEnvironment, type SubquerySink } from "./environment.ts";
import { joinWithSubqueries } from "./join-condition.ts";
import { bindJsonTable, bindRecords } from "./json-table.ts";
import { sqlError, withSpan } from "./errors.ts";
import { ONE_EMPTY_ROW, project, renameColumns, resolveUnknownColumns } from "./output.ts";
import { bindView } from "./views.ts";
import {
  OUTER_BASE,
  emptyScope,
  joinScopes,
  lookupColumn,
  relationScope,
  subqueryScope,
  type Scope,
  type ScopeColumn,
} from "./scope.ts";

const FLOAT64: DataType = { kind: "float64" };

/** A plan and the names of its columns. */
export interface BoundFrom {
  readonly plan: PlanNode;
  readonly scope: Scope;
}

/** A FROM item; `captures` are what it reads of the items before it, present for lateral ones only. */
interface BoundItem extends BoundFrom {
  readonly captures?: readonly Expr[];
}

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

/** Joins a FROM item to those before it, which it may read. */
function joinItems(type: JoinType, left: BoundFrom, right: BoundItem, condition: Expr | undefined): PlanNode {
  const { plan, captures = [] } = right;
  if (captures.length === 0) return createJoin(type, left.plan, plan, condition);
  const isInner = type === "cross" || type === "inner";
  if (isInner && plan.kind === "function_scan" && plan.input === undefined) {
    const args = plan.args.map((arg) =>
      replaceColumns(arg, (index) => (index >= OUTER_BASE ? captures[index - OUTER_BASE] : undefined)),
    );
    const columns = [...left.plan.columns, ...plan.columns];
    const applied: PlanNode = { ...plan, input: left.plan, args, columns };
    return condition === undefined ? applied : { kind: "filter", input: applied, condition, columns };
  }
  return createDependentJoin(isInner ? "inner" : type, { plan: left.plan, captures }, plan, condition);
}

function requireDistinctRelations(left: BoundFrom, right: BoundFrom, env: ExprEnvironment, item: Node): void {
  const repeated = right.scope.relations.find((name) => left.scope.relations.includes(name));
  if (repeated === undefined) return;
  const location = locationOf(item);
  throw sqlError(
    "ambiguous_column",
    `Table name "${repeated}" specified more than once: give one an alias.`,
    location === undefined ? undefined : spanAt(env.context, location),
  );
}

/** Binds one item; a lateral one may read `before`. */
function bindItem(node: Node, env: ExprEnvironment, before: BoundFrom | undefined): BoundItem {
  const { context } = env;
  if ("RangeVar" in node) return bindTable(node.RangeVar, env);
  if ("JoinExpr" in node) return bindJoin(node.JoinExpr, env);
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

/** The scope a lateral item starts from: the items before it, then what surrounds the query. */
function lateralScope(before: BoundFrom | undefined, env: ExprEnvironment): Scope & { readonly captures: Expr[] } {
  const around = before === undefined ? undefined : { ...before.scope, parent: env.scope.parent };
  return subqueryScope(around ?? env.scope.parent);
}

/** The scope a derived table starts from: only what surrounds the query it stands in. */
function siblingScope(env: ExprEnvironment): Scope {
  return env.scope.parent ?? emptyScope(undefined);
}

function aliased(
  plan: PlanNode,
  alias: Alias | undefined,
  defaultName: string,
  env: ExprEnvironment,
  table?: string,
): BoundFrom {
  const names = stringsOf(alias?.colnames);
  if (names.length > plan.columns.length) {
    throw sqlError(
      "type_mismatch",
      `Table "${alias?.aliasname ?? defaultName}" has ${plan.columns.length} columns available but ${names.length} columns specified.`,
    );
  }
  const renamed = names.length === 0 ? plan : renameColumns(plan, names);
  const scope = relationScope(
    alias?.aliasname ?? defaultName,
    renamed.columns,
    alias?.aliasname === undefined ? table : undefined,
  );
  return { plan: renamed, scope: { ...scope, parent: env.scope.parent } };
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

/** A call in FROM: a set-returning function, or any other as one row. */
function bindPart(
  call: Node | undefined,
  env: ExprEnvironment,
): { readonly name: string; readonly resolved: ResolvedTableFunction; readonly args: readonly Expr[] }[] {
  const { context } = env;
  const name = call !== undefined && "FuncCall" in call ? builtInName(call.FuncCall.funcname) : "";
  const span = spanAt(context, locationOf(call));
  if (call !== undefined && "FuncCall" in call && name === "generate_subscripts") {
    const bound = (call.FuncCall.args ?? []).map((arg) => env.bind(arg, env));
    const list = bindCall(context, "array_subscripts", bound, span);
    return [
      { name, resolved: { id: "unnest", argTypes: [list.type], columns: [{ name, type: INT32 }] }, args: [list] },
    ];
  }
  if (call === undefined || !("FuncCall" in call) || !tableFunctionNames().includes(name)) {
    const value = resolveUnknown(context, env.bind(call, env));
    const list = bindCall(context, "array", [value], span);
    const columns = [{ name: deriveColumnName(call), type: value.type }];
    return [{ name: deriveColumnName(call), resolved: { id: "unnest", argTypes: [list.type], columns }, args: [list] }];
  }
  const bound = (call.FuncCall.args ?? []).map((arg) => env.bind(arg, env));
  // unnest(a, b) is the two side by side.
  const calls = name === "unnest" && bound.length > 1 ? bound.map((arg) => [arg]) : [bound];
  return calls.map((args) => ({ name, ...resolveSetCall(name, args, context, span) }));
}

/** The surroundings of a function in FROM, which may always read the items before it. */
function functionEnvironment(
  env: ExprEnvironment,
  before: BoundFrom | undefined,
): {
  readonly scope: ReturnType<typeof lateralScope> | undefined;
  readonly inner: ExprEnvironment;
  readonly correlated: SubquerySink;
} {
  const scope = before === undefined ? undefined : lateralScope(before, env);
  const correlated = subquerySink("from");
  const inner: ExprEnvironment = {
    ...env,
    scope: scope ?? emptyScope(env.scope.parent),
    aggregates: undefined,
    correlated,
    clause: "functions in FROM",
  };
  return { scope, inner, correlated };
}

/** A function in FROM whose arguments, and what is made of its rows, wait for the values of subqueries. */
function overSubqueries(plan: PlanNode, { subqueries }: SubquerySink): PlanNode {
  if (subqueries.length === 0) return plan;
  const scan = plan.kind === "project" ? plan.input : plan;
  if (scan.kind !== "function_scan") return plan;
  const { plan: input, resolve } = applySubqueries(ONE_EMPTY_ROW, subqueries);
  const width = input.columns.length;
  const columns = [...input.columns, ...scan.columns];
  const called: PlanNode = { ...scan, input, args: scan.args.map(resolve), columns };
  const made = plan.kind === "project" ? plan.exprs : plan.columns.map((column, i) => columnRef(i, column));
  const moved = made.map((expr) =>
    resolve(remapColumns(expr, (index) => (index < SUBQUERY_BASE.where ? index + width : index))),
  );
  return project(
    called,
    moved,
    plan.columns.map((column) => column.name),
  );
}

function bindRangeFunction(node: RangeFunction, env: ExprEnvironment, before: BoundFrom | undefined): BoundItem {
  const { context } = env;
  const { scope, inner, correlated } = functionEnvironment(env, before);
  const items = (node.functions ?? []).map((item) => itemsOf(item));
  const ownList = items[0]?.[1];
  const definitions = node.coldeflist ?? (ownList !== undefined && items.length === 1 ? itemsOf(ownList) : []);
  if (definitions.length > 0 && node.ordinality !== true) {
    const plan = overSubqueries(bindRecords(items[0]?.[0], definitions, inner), correlated);
    return { ...aliased(plan, node.alias, "record", env), captures: scope?.captures ?? [] };
  }
  if (definitions.length > 0 || items.some((item) => item[1] !== undefined && nodeKind(item[1]) === "List")) {
    const location = locationOf(items[0]?.[0]);
    throw unsupported(context, "A column definition list beside other functions or WITH ORDINALITY is", location);
  }
  const parts = items.flatMap(([call]) => bindPart(call, inner));
  const [first] = parts;
  if (first === undefined) throw unsupported(context, "This FROM item is", undefined);
  const made = parts.flatMap(({ resolved }) => resolved.columns);
  // A function with one column names it after the alias.
  const alias = node.alias?.aliasname;
  const isRenamed = made.length === 1 && alias !== undefined;
  const columns = made.map(({ name, type }) => ({ name: isRenamed ? alias : name, type, nullable: true }));
  const isNumbered = node.ordinality === true;
  if (isNumbered) columns.push({ name: "ordinality", type: INT64, nullable: true });
  const plan: PlanNode = {
    kind: "function_scan",
    function: parts.length === 1 ? first.resolved.id : "rows from",
    args: parts.flatMap(({ args }) => args),
    ...(parts.length === 1
      ? {}
      : {
          parts: parts.map(({ resolved, args }) => ({
            function: resolved.id,
            argCount: args.length,
            columnCount: resolved.columns.length,
          })),
        }),
    ...(isNumbered ? { ordinality: true } : {}),
    columns,
  };
  return { ...aliased(overSubqueries(plan, correlated), node.alias, first.name, env), captures: scope?.captures ?? [] };
}

const JOIN_TYPES: Readonly<Record<string, JoinType>> = {
  JOIN_INNER: "inner",
  JOIN_LEFT: "left",
  JOIN_RIGHT: "right",
  JOIN_FULL: "full",
};

function bindJoin(node: JoinExpr, env: ExprEnvironment): BoundFrom {
  const { context } = env;
  const type = JOIN_TYPES[node.jointype ?? "JOIN_INNER"];
  if (type === undefined || node.larg === undefined || node.rarg === undefined) {
    throw unsupported(context, `${node.jointype ?? "This join"} is`, undefined);
  }
  const left = bindItem(node.larg, env, undefined);
  const right = bindItem(node.rarg, env, left);
  if ((right.captures ?? []).length > 0 && type !== "inner" && type !== "left") {
    throw sqlError("sql_unsupported", "A lateral item must be joined by CROSS, INNER or LEFT JOIN.");
  }
  requireDistinctRelations(left, right, env, node.rarg);
  const leftWidth = left.plan.columns.length;
  const joined: Scope = { ...joinScopes(left.scope, right.scope, leftWidth), parent: env.scope.parent };
  const names =
    node.isNatural === true
      ? unqualifiedNames(left.scope).filter((name) => unqualifiedNames(right.scope).includes(name))
      : stringsOf(node.usingClause);
  const plan = (condition: Expr | undefined): PlanNode => joinItems(type, left, right, condition);
  let result: BoundFrom;
  if (names.length > 0) {
    result = bindUsing(names, type, left, right, env, plan);
    if (node.join_using_alias !== undefined) result = withUsingAlias(result, node.join_using_alias, names.length);
  } else {
    const correlated = subquerySink("from");
    const onEnv = { ...env, scope: joined, clause: "JOIN/ON conditions", aggregates: undefined, correlated };
    const condition =
      node.quals === undefined ? undefined : coerceCondition(context, env.bind(node.quals, onEnv), "JOIN/ON");
    const { subqueries } = correlated;
    const made =
      subqueries.length === 0
        ? plan(condition)
        : joinWithSubqueries(
            type,
            {
              left: left.plan,
              right: right.plan,
              captures: right.captures ?? [],
              conditions: conjunctsOf(condition),
              subqueries,
            },
            (how, inputs, rest) =>
              joinItems(how, { ...left, plan: inputs.left }, { ...right, plan: inputs.right }, rest),
          );
    result = { plan: made, scope: withNullability(joined, made) };
  }
  const optional = [
    ...(type === "left" || type === "full" ? right.scope.relations : []),
    ...(type === "right" || type === "full" ? left.scope.relations : []),
  ];
  result = { ...result, scope: withOptional(result.scope, optional) };
  return node.alias === undefined ? result : renameRelation(result, node.alias, env);
}

/** The alias of USING reaches the merged columns only; they stand first. */
function withUsingAlias({ plan, scope }: BoundFrom, alias: Alias, count: number): BoundFrom {
  const relation = alias.aliasname ?? "";
  const named = scope.columns.slice(0, count).map((column) => ({ ...column, relation, isMerged: true }));
  return {
    plan,
    scope: { ...scope, columns: [...scope.columns, ...named], relations: [...scope.relations, relation] },
  };
}

function withOptional(scope: Scope, relations: readonly string[]): Scope {
  const columns = scope.columns.map((column) =>
    column.relation !== undefined && relations.includes(column.relation) ? { ...column, isOptional: true } : column,
  );
  return { ...scope, columns };
}

function withNullability(scope: Scope, plan: PlanNode): Scope {
  const columns = scope.columns.map((column) =>
    column.expr.kind === "column" && plan.columns[column.expr.index]?.nullable === true
      ? { ...column, nullable: true }
      : column,
  );
  return { ...scope, columns };
}

function unqualifiedNames(scope: Scope): string[] {
  return scope.columns.filter((column) => !column.isMerged).map((column) => column.name);
}

/** A join alias hides the names inside; merged columns come first, as in `*`. */
function renameRelation(joined: BoundFrom, alias: Alias, env: ExprEnvironment): BoundFrom {
  const visible = joined.scope.columns.filter((column) => !column.isMerged);
  const plan: PlanNode = {
    kind: "project",
    input: joined.plan,
    exprs: visible.map((column) => column.expr),
    columns: visible.map(({ name, expr, nullable }) => ({ name, type: expr.type, nullable })),
  };
  return aliased(plan, alias, "join", env);
}

/** A column that USING or NATURAL names on one side. */
function usingColumn(side: Scope, name: string, label: string): Expr {
  const found = lookupColumn({ ...side, parent: undefined }, undefined, name);
  if (found.kind === "found") return found.column.expr;
  const nearest = nearestName(name, unqualifiedNames(side));
  if (found.kind === "ambiguous") {
    const message = `Common column name "${name}" appears more than once in the ${label} table.`;
    throw sqlError("ambiguous_column", message);
  }
  const message = `Column "${name}" specified in USING does not exist in the ${label} table.`;
  throw sqlError("undefined_column", message, undefined, nearest);
}

function bindUsing(
  names: readonly string[],
  type: JoinType,
  left: BoundFrom,
  right: BoundFrom,
  env: ExprEnvironment,
  plan: (condition: Expr | undefined) => PlanNode,
): BoundFrom {
  const { context } = env;
  const leftWidth = left.plan.columns.length;
  const shifted = joinScopes(emptyScope(undefined), right.scope, leftWidth);
  const merged: ScopeColumn[] = [];
  const conditions: Expr[] = [];
  const span = spanAt(context, 0);
  for (const name of names) {
    const a = usingColumn(left.scope, name, "left");
    const b = usingColumn(shifted, name, "right");
    conditions.push(bindCall(context, "=", [a, b], span));
    const [x = a, y = b] = unify(context, [a, b], "JOIN/USING", span).exprs;
    const expr = type === "right" ? y : type === "full" ? coalesce(x, y) : typesEqual(a.type, x.type) ? a : x;
    merged.push({ relation: undefined, name, expr, nullable: true, isMerged: false });
  }
  const hide = (columns: readonly ScopeColumn[]): ScopeColumn[] =>
    columns.map((column) => (names.includes(column.name) && !column.isMerged ? { ...column, isMerged: true } : column));
  const [first] = conditions;
  const condition: Expr | undefined = conditions.length <= 1 ? first : { kind: "and", args: conditions, type: BOOLEAN };
  const joined = plan(condition);
  const scope: Scope = {
    columns: [...merged, ...hide(left.scope.columns), ...hide(shifted.columns)],
    relations: [...left.scope.relations, ...right.scope.relations],
    parent: env.scope.parent,
  };
  return { plan: joined, scope: withNullability(scope, joined) };
}

function coalesce(a: Expr, b: Expr): Expr {
  return { kind: "coalesce", args: [a, b], type: a.type };
}
