// A change's target joined with the statement's other tables, as one row that every expression reads.

import type { Node, RangeVar } from "libpg-query";
import { INT32, columnRef, literal, remapColumns } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { spanAt, unsupported } from "../bind/context.ts";
import { applySubqueries } from "../bind/correlated.ts";
import type { ExprEnvironment, SubquerySink } from "../bind/environment.ts";
import { sqlError } from "../bind/errors.ts";
import { bindFrom } from "../bind/from.ts";
import { joinScopes, relationScope, type Scope } from "../bind/scope.ts";
import type { TableSource } from "../table-source.ts";
import { PLACE_COLUMNS, SEARCH_COLUMNS, type ChangeTarget } from "./bound-change.ts";
import { createSourceTable, type SourceTable } from "./source-table.ts";

/** A target beside the rows it is joined with. */
export interface JoinedTarget {
  /** The target's columns, its place, then the source's columns and row number. */
  readonly target: PlanNode;
  /** The table that the target's scan reads. */
  readonly scanned: TableSource;
  readonly source: { readonly plan: PlanNode; readonly table: SourceTable; readonly scan: PlanNode } | undefined;
  readonly scope: Scope;
  readonly targetScope: Scope;
  /** The source's names at their place in the joined row. */
  readonly sourceScope: Scope | undefined;
  readonly width: number;
}

function scanOf(source: TableSource, columns: PlanNode["columns"]): PlanNode {
  return { kind: "scan", source, projection: columns.map((_, i) => i), predicates: [], limit: undefined, columns };
}

/**
 * The target beside its FROM, USING or source items, which are held while the target is read.
 *
 * Errors: `ambiguous_column` when one of them goes by the target's name.
 */
export function joinSource(
  relation: RangeVar | undefined,
  target: ChangeTarget,
  items: readonly Node[],
  env: ExprEnvironment,
): JoinedTarget {
  const columns = [...target.columns, ...PLACE_COLUMNS];
  const alias = relation?.alias;
  if ((alias?.colnames ?? []).length > 0)
    throw unsupported(env.context, "Renaming a target's columns is", relation?.location);
  const name = alias?.aliasname ?? relation?.relname ?? "";
  const targetScope = relationScope(name, target.columns);
  const scanned: TableSource = { ...target, columns };
  const scan = scanOf(scanned, columns);
  const width = columns.length;
  if (items.length === 0) {
    return { target: scan, scanned, source: undefined, scope: targetScope, targetScope, sourceScope: undefined, width };
  }
  const from = bindFrom(items, env);
  if (from.scope.relations.includes(name)) {
    const span = spanAt(env.context, relation?.location);
    throw sqlError("ambiguous_column", `Table name "${name}" specified more than once: give one an alias.`, span);
  }
  const table = createSourceTable(from.plan.columns);
  const sourceScan = scanOf(table, table.columns);
  const scope = joinScopes(targetScope, from.scope, width);
  const shifted = joinScopes({ columns: [], relations: [], parent: undefined }, from.scope, width);
  return {
    target: scan,
    scanned,
    source: { plan: from.plan, table, scan: sourceScan },
    scope,
    targetScope,
    sourceScope: shifted,
    width,
  };
}

/** Values that actions read beside the joined row. */
export interface CarriedValues {
  /** The joined row with the values after it. */
  readonly plan: PlanNode;
  /** An expression over the plan's row. */
  readonly inSearch: (expr: Expr) => Expr;
  /** The same expression over the row that actions read. */
  readonly inAction: (expr: Expr) => Expr;
  /** The values over the plan's row, in the order in which actions find them. */
  readonly values: readonly Expr[];
}

/** Applies the correlated subqueries of conditions and new values to the rows that a search found. */
export function carrySubqueries(found: PlanNode, joined: JoinedTarget, sink: SubquerySink): CarriedValues {
  const { plan, resolve } = applySubqueries(found, sink.subqueries);
  const first = found.columns.length;
  const actionWidth = joined.width + (joined.source === undefined ? 0 : joined.source.table.columns.length);
  const values = plan.columns.slice(first).map((column, k) => columnRef(first + k, column));
  return {
    plan,
    inSearch: resolve,
    inAction: (expr) =>
      remapColumns(resolve(expr), (index) =>
        index >= first && index < first + values.length ? index - first + actionWidth : index,
      ),
    values,
  };
}

/** Projects joined rows to where they are and what happens to them. */
export function searchPlan(
  found: PlanNode,
  joined: JoinedTarget,
  action: Expr,
  carried: readonly Expr[] = [],
): PlanNode {
  const { width, source } = joined;
  const at = (index: number): Expr =>
    columnRef(index, found.columns[index] ?? { name: "", type: INT32, nullable: true });
  const row = source === undefined ? literal(-1, INT32) : at(width + source.table.width);
  const columns = [
    ...SEARCH_COLUMNS,
    ...carried.map(({ type }, k) => ({ name: `carried${k + 1}`, type, nullable: true })),
  ];
  return { kind: "project", input: found, exprs: [at(width - 2), at(width - 1), row, action, ...carried], columns };
}
