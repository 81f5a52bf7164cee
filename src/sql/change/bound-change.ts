// A bound statement that changes rows: which rows, and what becomes of them.

import type { ColumnSchema } from "#columnar";
import { INT32 } from "../expressions.ts";
import type { PreparedSubquery } from "../bind/context.ts";
import type { Expr, PlanNode } from "../plan.ts";
import type { ChangeableTable, TableSource, ViewSource } from "../table-source.ts";
import type { SourceTable } from "./source-table.ts";

/** The statements that change rows. */
export type ChangeOperation = "insert" | "update" | "delete" | "merge";

/** A table that can be changed. */
export interface ChangeTarget extends TableSource {
  readonly changes: ChangeableTable;
}

/**
 * What happens to a row that a search gave, by its action's number. Expressions read the row of the search's join: the
 * target's columns, its file and position, then the source's columns and row number, then what the search carries.
 */
export type RowAction =
  | { readonly kind: "delete" }
  /** The new value of every column of the target. */
  | { readonly kind: "update"; readonly values: readonly Expr[] }
  | { readonly kind: "insert"; readonly values: readonly Expr[] };

/** Rows of the target to look for. */
export interface RowSearch {
  /**
   * Columns of the result: file, position, row of the source, action; null where there is none. Then what actions read
   * beyond the join, such as the values of subqueries.
   */
  readonly plan: PlanNode;
  /** The table that the plan's scan of the target reads, which tells it from other scans of the same table. */
  readonly scanned: TableSource;
  readonly actions: readonly RowAction[];
  /** The other tables of the statement, joined with the target; read before the target is. */
  readonly source: { readonly plan: PlanNode; readonly table: SourceTable } | undefined;
  /** A second action on the same row is an error, as in MERGE; else the first counts. */
  readonly refusesSecond: boolean;
}

/** A bound INSERT, UPDATE, DELETE or MERGE. */
export interface BoundChange {
  readonly operation: ChangeOperation;
  readonly target: ChangeTarget;
  /** INSERT: the rows, with the target's columns. */
  readonly rows: PlanNode | undefined;
  /** All others: which rows of the target change. */
  readonly search: RowSearch | undefined;
  readonly subqueries: readonly PreparedSubquery[];
  readonly tables: readonly string[];
  readonly views: readonly ViewSource[];
  readonly isVolatile: boolean;
}

/** The columns of a find plan's result. */
export const SEARCH_COLUMNS: readonly ColumnSchema[] = ["file", "position", "source row", "action"].map((name) => ({
  name,
  type: INT32,
  nullable: true,
}));

/** Columns that a scan of a target has after the table's own. */
export const PLACE_COLUMNS: readonly ColumnSchema[] = ["file", "position"].map((name) => ({
  name,
  type: INT32,
  nullable: false,
}));
