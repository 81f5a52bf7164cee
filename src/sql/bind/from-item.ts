// What an item of FROM is once it is bound, and how it is joined to those before it.

import type { Alias, Node } from "libpg-query";
import { replaceColumns } from "../expressions.ts";
import { createJoin, type JoinType } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { locationOf, stringsOf } from "./ast.ts";
import { spanAt } from "./context.ts";
import { createDependentJoin } from "./correlated.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { renameColumns } from "./output.ts";
import { OUTER_BASE, relationScope, subqueryScope, type Scope } from "./scope.ts";

/** A plan and the names of its columns. */
export interface BoundFrom {
  readonly plan: PlanNode;
  readonly scope: Scope;
}

/** A FROM item; `captures` are what it reads of the items before it, present for lateral ones only. */
export interface BoundItem extends BoundFrom {
  readonly captures?: readonly Expr[];
}

/** Joins a FROM item to those before it, which it may read. */
export function joinItems(type: JoinType, left: BoundFrom, right: BoundItem, condition: Expr | undefined): PlanNode {
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

/** Errors: `ambiguous_column` for a name that two items have. */
export function requireDistinctRelations(left: BoundFrom, right: BoundFrom, env: ExprEnvironment, item: Node): void {
  const repeated = right.scope.relations.find((name) => left.scope.relations.includes(name));
  if (repeated === undefined) return;
  const location = locationOf(item);
  throw sqlError(
    "ambiguous_column",
    `Table name "${repeated}" specified more than once: give one an alias.`,
    location === undefined ? undefined : spanAt(env.context, location),
  );
}

/** The scope a lateral item starts from: the items before it, then what surrounds the query. */
export function lateralScope(
  before: BoundFrom | undefined,
  env: ExprEnvironment,
): Scope & { readonly captures: Expr[] } {
  const around = before === undefined ? undefined : { ...before.scope, parent: env.scope.parent };
  return subqueryScope(around ?? env.scope.parent);
}

/** A plan by the names of an alias, else by its own. */
export function aliased(
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
