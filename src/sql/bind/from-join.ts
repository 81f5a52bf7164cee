// Joins in FROM: ON, USING, NATURAL, and the names that each leaves in reach.

import { nearestName } from "#core";
import type { Alias, JoinExpr, Node } from "libpg-query";
import { BOOLEAN, conjunctsOf } from "../expressions.ts";
import type { JoinType } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { typesEqual } from "../values/index.ts";
import { stringsOf } from "./ast.ts";
import { bindCall, coerceCondition, unify } from "./coerce.ts";
import { spanAt, unsupported } from "./context.ts";
import { subquerySink, type ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { aliased, joinItems, requireDistinctRelations, type BoundFrom, type BoundItem } from "./from-item.ts";
import { joinWithSubqueries } from "./join-condition.ts";
import { emptyScope, joinScopes, lookupColumn, type Scope, type ScopeColumn } from "./scope.ts";

const JOIN_TYPES: Readonly<Record<string, JoinType>> = {
  JOIN_INNER: "inner",
  JOIN_LEFT: "left",
  JOIN_RIGHT: "right",
  JOIN_FULL: "full",
};

/** Binds an item of FROM; a lateral one may read what is before it. */
type BindItem = (node: Node, env: ExprEnvironment, before: BoundFrom | undefined) => BoundItem;

/** Binds a join, whose sides `bindItem` binds. */
export function bindJoin(node: JoinExpr, env: ExprEnvironment, bindItem: BindItem): BoundFrom {
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
