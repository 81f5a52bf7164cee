// Values for columns: INSERT's rows and SET clauses, cast as PostgreSQL casts on assignment.

import { LakeError, nearestName } from "#core";
import type { Node, ResTarget } from "libpg-query";
import { columnRef, literal } from "../expressions.ts";
import type { Expr, PlanNode, SourceSpan } from "../plan.ts";
import { dataTypeToName } from "../values/index.ts";
import { itemsOf, locationOf } from "../bind/ast.ts";
import { coerce } from "../bind/coerce.ts";
import { spanAt, unsupported, type BindContext } from "../bind/context.ts";
import { addSubquery } from "../bind/subquery-sink.ts";
import type { ExprEnvironment } from "../bind/environment.ts";
import { sqlError, withSpan } from "../bind/errors.ts";
import { project } from "../bind/output.ts";
import { placeholder } from "../bind/subquery.ts";
import { bindSubselect, type BoundSubquery } from "../bind/subselect.ts";
import type { ChangeTarget } from "./bound-change.ts";

/** The value of a column that a statement leaves out. */
export function defaultOf(target: ChangeTarget, column: number): Expr {
  const type = target.columns[column]?.type ?? { kind: "null" };
  return literal(target.changes.defaults.get(column) ?? null, type);
}

/**
 * The index of a column that a statement assigns to.
 *
 * Errors: `undefined_column` with the nearest name; `sql_unsupported` for parts of a column.
 */
export function targetColumn(context: BindContext, target: ChangeTarget, node: ResTarget): number {
  if ((node.indirection ?? []).length > 0) {
    throw unsupported(context, "Assigning to a part of a column is", node.location);
  }
  const name = node.name ?? "";
  const index = target.columns.findIndex((column) => column.name === name);
  if (index >= 0) return index;
  const names = target.columns.map((column) => column.name);
  const message = `Column "${name}" of table ${target.name} does not exist.`;
  throw sqlError("undefined_column", message, spanAt(context, node.location), nearestName(name, names));
}

/** An expression as the value of a column. Errors: `type_mismatch` naming the column; those of literals. */
export function assign(
  context: BindContext,
  target: ChangeTarget,
  column: number,
  expr: Expr,
  span: SourceSpan | undefined,
): Expr {
  const { name, type } = target.columns[column] ?? { name: "?", type: { kind: "null" } };
  try {
    return coerce(context, expr, type, "assignment", span);
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== "type_mismatch") throw withSpan(error, span);
    const message = `Column "${name}" is of type ${dataTypeToName(type)} but expression is of type ${dataTypeToName(expr.type)}.`;
    throw sqlError("type_mismatch", message, span ?? context.spans.get(expr));
  }
}

/** A value or DEFAULT for a column. */
export function bindValue(node: Node | undefined, target: ChangeTarget, column: number, env: ExprEnvironment): Expr {
  if (node !== undefined && "SetToDefault" in node) return defaultOf(target, column);
  const expr = env.bind(node, env);
  return assign(env.context, target, column, expr, spanAt(env.context, locationOf(node)));
}

/** The columns an INSERT names, all of them when it names none. Errors: as {@link targetColumn}, `ambiguous_column`. */
export function insertColumns(context: BindContext, target: ChangeTarget, nodes: readonly Node[]): readonly number[] {
  if (nodes.length === 0) return [...target.columns.keys()];
  const columns: number[] = [];
  for (const node of nodes) {
    if (!("ResTarget" in node)) continue;
    const index = targetColumn(context, target, node.ResTarget);
    if (columns.includes(index)) throw assignedTwice(context, node.ResTarget);
    columns.push(index);
  }
  return columns;
}

function assignedTwice(context: BindContext, node: ResTarget): Error {
  const message = `Column "${node.name ?? ""}" is specified more than once.`;
  return sqlError("ambiguous_column", message, spanAt(context, node.location));
}

/**
 * One inserted row: a value for each column of the target.
 *
 * Errors: `type_mismatch` for more or fewer values than columns.
 */
export function bindInsertedRow(
  values: readonly Node[],
  columns: readonly number[],
  isListed: boolean,
  target: ChangeTarget,
  env: ExprEnvironment,
): readonly Expr[] {
  checkWidth(env.context, values.length, columns.length, isListed, locationOf(values[columns.length] ?? values[0]));
  const row = target.columns.map((_, index) => defaultOf(target, index));
  for (const [i, node] of values.entries()) {
    const column = columns[i] ?? 0;
    row[column] = bindValue(node, target, column, env);
  }
  return row;
}

/** Errors: `type_mismatch`. Fewer values than columns are fine when the columns were not listed. */
export function checkWidth(
  context: BindContext,
  values: number,
  columns: number,
  isListed: boolean,
  location: number | undefined,
): void {
  const span = location === undefined ? undefined : spanAt(context, location);
  if (values > columns) throw sqlError("type_mismatch", "INSERT has more expressions than target columns.", span);
  if (values < columns && isListed) {
    throw sqlError("type_mismatch", "INSERT has more target columns than expressions.", span);
  }
}

/** The rows of a query as rows of the target. */
export function insertedRows(
  query: PlanNode,
  columns: readonly number[],
  target: ChangeTarget,
  context: BindContext,
): PlanNode {
  const values = target.columns.map((_, index) => defaultOf(target, index));
  const untyped = query.kind === "project" ? query : undefined;
  for (const [i, column] of query.columns.entries()) {
    const targetIndex = columns[i] ?? 0;
    // An untyped constant of the select list takes the column's type.
    const constant = untyped?.exprs[i];
    const isUntyped = constant !== undefined && constant.kind === "literal" && constant.type.kind === "null";
    values[targetIndex] = assign(context, target, targetIndex, isUntyped ? constant : columnRef(i, column), undefined);
  }
  const names = target.columns.map((column) => column.name);
  return project(query, values, names);
}

/**
 * SET clauses as the new value of every column; columns that are not set keep theirs, which are the first of the row.
 *
 * Errors: as {@link assign}, {@link targetColumn}; `ambiguous_column` for a column set twice.
 */
export function bindAssignments(nodes: readonly Node[], target: ChangeTarget, env: ExprEnvironment): readonly Expr[] {
  const { context } = env;
  const values: Expr[] = target.columns.map((column, index) => columnRef(index, column));
  const assigned = new Set<number>();
  const subqueries = new Map<unknown, BoundSubquery>();
  for (const node of nodes) {
    if (!("ResTarget" in node)) continue;
    const index = targetColumn(context, target, node.ResTarget);
    if (assigned.has(index)) throw assignedTwice(context, node.ResTarget);
    assigned.add(index);
    const { val } = node.ResTarget;
    values[index] =
      val !== undefined && "MultiAssignRef" in val
        ? bindRowPart(val.MultiAssignRef, index, target, env, subqueries)
        : bindValue(val, target, index, env);
  }
  return values;
}

/** One column of `(a, b) = (1, 2)` or `(a, b) = (SELECT …)`. */
function bindRowPart(
  part: { readonly source?: Node; readonly colno?: number; readonly ncolumns?: number },
  column: number,
  target: ChangeTarget,
  env: ExprEnvironment,
  subqueries: Map<unknown, BoundSubquery>,
): Expr {
  const { context } = env;
  const { source, colno = 1, ncolumns = 1 } = part;
  const location = locationOf(source);
  const position = colno - 1;
  const wrongWidth = (): Error =>
    sqlError(
      "type_mismatch",
      `Number of columns (${ncolumns}) does not match number of values.`,
      spanAt(context, location),
    );
  if (source !== undefined && "SubLink" in source) {
    const { subselect } = source.SubLink;
    const bound = subqueries.get(subselect) ?? bindSubselect(subselect, env);
    subqueries.set(subselect, bound);
    const { plan, captures } = bound;
    const found = plan.columns[position];
    if (plan.columns.length !== ncolumns || found === undefined) throw wrongWidth();
    const single = project(plan, [columnRef(position, found)], [found.name]);
    const span = spanAt(context, location);
    if (captures.length > 0 && env.correlated === undefined) {
      throw unsupported(context, `A correlated subquery in ${env.clause} is`, location);
    }
    const value =
      captures.length > 0 && env.correlated !== undefined
        ? addSubquery(context, env.correlated, { plan: single, captures, span })
        : placeholder(env, "scalar", single, found.type, span);
    return assign(context, target, column, value, span);
  }
  const items = source !== undefined && "RowExpr" in source ? (source.RowExpr.args ?? []) : itemsOf(source);
  if (items.length !== ncolumns) throw wrongWidth();
  return bindValue(items[position], target, column, env);
}
