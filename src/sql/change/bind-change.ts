// Binds INSERT, UPDATE, DELETE, MERGE and TRUNCATE.

import type { DeleteStmt, InsertStmt, MergeStmt, Node, RangeVar, SelectStmt, UpdateStmt } from "libpg-query";
import { LakeError, nearestName } from "#core";
import { INT32, literal } from "../expressions.ts";
import { createJoin } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import type { ParsedStatement } from "../parser/parse.ts";
import { itemsOf, locationOf } from "../bind/ast.ts";
import { gathered, startBinding, type BindInput } from "../bind/bind.ts";
import { selectOf, spanAt, tableKey, tablePath, unsupported } from "../bind/context.ts";
import { SUBQUERY_BASE, type ExprEnvironment, type SubquerySink } from "../bind/environment.ts";
import { sqlError, withSpan } from "../bind/errors.ts";
import { bindWith } from "../bind/query.ts";
import { bindWhere } from "../bind/where.ts";
import { bindAssignments, bindInsertedRow, checkWidth, defaultOf, insertColumns, insertedRows } from "./assignments.ts";
import { bindMerge } from "./bind-merge.ts";
import type { BoundChange, ChangeOperation, ChangeTarget, RowAction, RowSearch } from "./bound-change.ts";
import { carrySubqueries, joinSource, searchPlan, type JoinedTarget } from "./joined-target.ts";

type BoundParts = Pick<BoundChange, "operation" | "rows" | "search">;

/** A statement that changes rows, as the parser gives it. */
export type ChangeNode =
  | { readonly InsertStmt: InsertStmt }
  | { readonly UpdateStmt: UpdateStmt }
  | { readonly DeleteStmt: DeleteStmt }
  | { readonly MergeStmt: MergeStmt };

/** The statement's node when it changes rows. TRUNCATE of one table is a DELETE of all its rows. */
export function changeNodeOf(node: Node): ChangeNode | undefined {
  if ("InsertStmt" in node || "UpdateStmt" in node || "DeleteStmt" in node || "MergeStmt" in node) return node;
  if ("TruncateStmt" in node) {
    const [first, ...others] = node.TruncateStmt.relations ?? [];
    if (first !== undefined && others.length === 0 && "RangeVar" in first) {
      return { DeleteStmt: { relation: first.RangeVar } };
    }
  }
  return undefined;
}

/** The operation of a change and the name of its table as written. */
export function targetOf(node: ChangeNode): { readonly operation: ChangeOperation; readonly path: readonly string[] } {
  const { relation } = innerOf(node);
  const path = relation === undefined ? [] : tablePath(relation);
  if ("InsertStmt" in node) return { operation: "insert", path };
  if ("UpdateStmt" in node) return { operation: "update", path };
  return { operation: "DeleteStmt" in node ? "delete" : "merge", path };
}

/** Binds a change. Errors: every SQL code that concerns names, types and features. */
export async function bindChange(statement: ParsedStatement, node: ChangeNode, input: BindInput): Promise<BoundChange> {
  const inner = innerOf(node);
  const env = await startBinding(statement, [{ RangeVar: inner.relation }, inner], input);
  const { context } = env;
  if (inner.returningClause !== undefined)
    throw unsupported(context, "RETURNING is", locationOf(inner.returningClause.exprs?.[0]));
  const target = bindTarget(inner.relation, env);
  const reach = bindWith(inner, env);
  let bound: BoundParts;
  if ("InsertStmt" in node) bound = bindInsert(node.InsertStmt, target, reach);
  else if ("UpdateStmt" in node) bound = bindUpdate(node.UpdateStmt, target, reach);
  else if ("DeleteStmt" in node) bound = bindDelete(node.DeleteStmt, target, reach);
  else bound = { operation: "merge", rows: undefined, search: bindMerge(node.MergeStmt, target, reach) };
  const { usesClock: _usesClock, ...rest } = gathered(context);
  return { ...bound, target, ...rest };
}

function innerOf(node: ChangeNode): InsertStmt | UpdateStmt | DeleteStmt | MergeStmt {
  if ("InsertStmt" in node) return node.InsertStmt;
  if ("UpdateStmt" in node) return node.UpdateStmt;
  return "DeleteStmt" in node ? node.DeleteStmt : node.MergeStmt;
}

/** The table a statement changes. Errors: `undefined_table`; `unsupported_operation` for what is no table of rows. */
function bindTarget(relation: RangeVar | undefined, { context }: ExprEnvironment): ChangeTarget {
  if (relation === undefined) throw new LakeError("sql_unsupported", "A statement without a table is not supported.");
  const span = spanAt(context, relation.location);
  const key = tableKey(context, relation);
  const refusal = context.refused.get(key);
  if (refusal !== undefined) throw withSpan(refusal, span);
  const path = tablePath(relation).join(".");
  const view = context.views.get(key);
  if (view !== undefined) {
    throw sqlError("sql_unsupported", `${view.source.name} is a view: its rows cannot be changed.`, span);
  }
  const source = context.tables.get(key);
  if (source === undefined) {
    const candidates = context.tableNames.flatMap((known) => [known, known.split(".").at(-1) ?? known]);
    throw sqlError("undefined_table", `Table "${path}" does not exist.`, span, nearestName(path, candidates));
  }
  const { changes } = source;
  if (context.versions.has(relation))
    throw sqlError("sql_unsupported", "Only the current rows of a table can be changed.", span);
  if (changes === undefined) throw sqlError("sql_unsupported", `Rows of ${source.name} cannot be changed.`, span);
  context.usedTables.add(source.name);
  return { ...source, changes };
}

function bindInsert(node: InsertStmt, target: ChangeTarget, env: ExprEnvironment): BoundParts {
  const { context } = env;
  if (node.onConflictClause !== undefined) throw unsupported(context, "ON CONFLICT is", node.onConflictClause.location);
  if (node.override === "OVERRIDING_USER_VALUE" || node.override === "OVERRIDING_SYSTEM_VALUE") {
    throw unsupported(context, "OVERRIDING is", node.relation?.location);
  }
  const cols = node.cols ?? [];
  const columns = insertColumns(context, target, cols);
  const query = selectOf(node.selectStmt);
  const rows = (list: readonly (readonly Expr[])[]): PlanNode => ({
    kind: "values",
    rows: list,
    columns: target.columns,
  });
  if (query === undefined) return inserting(rows([target.columns.map((_, index) => defaultOf(target, index))]));
  if (query.valuesLists !== undefined && isPlainValues(query)) {
    const valueEnv: ExprEnvironment = { ...env, aggregates: undefined, clause: "VALUES" };
    const lists = query.valuesLists.map((list) => itemsOf(list));
    const width = lists[0]?.length ?? 0;
    const uneven = lists.find((list) => list.length !== width);
    if (uneven !== undefined) {
      throw sqlError(
        "type_mismatch",
        "VALUES lists must all be the same length.",
        spanAt(context, locationOf(uneven[0])),
      );
    }
    return inserting(rows(lists.map((list) => bindInsertedRow(list, columns, cols.length > 0, target, valueEnv))));
  }
  const plan = env.bindQuery(query, env);
  checkWidth(context, plan.columns.length, columns.length, cols.length > 0, locationOf(query.targetList?.[0]));
  return inserting(insertedRows(plan, columns, target, context));
}

function inserting(rows: PlanNode): BoundParts {
  return { operation: "insert", rows, search: undefined };
}

/** VALUES alone: each value is cast to its column by itself. */
function isPlainValues(query: SelectStmt): boolean {
  return !("sortClause" in query) && !("limitCount" in query) && !("limitOffset" in query) && !("withClause" in query);
}

function bindUpdate(node: UpdateStmt, target: ChangeTarget, env: ExprEnvironment): BoundParts {
  const joined = joinSource(node.relation, target, node.fromClause ?? [], env);
  const correlated: SubquerySink = { firstIndex: SUBQUERY_BASE.list, subqueries: [], below: undefined };
  const setEnv: ExprEnvironment = { ...env, scope: joined.scope, aggregates: undefined, correlated, clause: "UPDATE" };
  const values = bindAssignments(node.targetList ?? [], target, setEnv);
  return {
    operation: "update",
    rows: undefined,
    search: searchWhere(node.whereClause, joined, env, { kind: "update", values }, correlated),
  };
}

function bindDelete(node: DeleteStmt, target: ChangeTarget, env: ExprEnvironment): BoundParts {
  const joined = joinSource(node.relation, target, node.usingClause ?? [], env);
  return {
    operation: "delete",
    rows: undefined,
    search: searchWhere(node.whereClause, joined, env, { kind: "delete" }, undefined),
  };
}

/** The rows that fulfil WHERE, all with one action, whose correlated subqueries are in the sink. */
function searchWhere(
  where: Node | undefined,
  joined: JoinedTarget,
  env: ExprEnvironment,
  action: RowAction,
  correlated: SubquerySink | undefined,
): RowSearch {
  const { target, source, scope } = joined;
  const all = source === undefined ? target : createJoin("cross", target, source.scan, undefined);
  const found = bindWhere(where, all, { ...env, scope, aggregates: undefined, clause: "WHERE" });
  const carried = correlated === undefined ? undefined : carrySubqueries(found, joined, correlated);
  const reading: RowAction =
    action.kind === "delete" || carried === undefined
      ? action
      : { ...action, values: action.values.map(carried.inAction) };
  return {
    plan: searchPlan(carried?.plan ?? found, joined, literal(0, INT32), carried?.values),
    scanned: joined.scanned,
    actions: [reading],
    source: source === undefined ? undefined : { plan: source.plan, table: source.table },
    refusesSecond: false,
  };
}
