// Where an expression stands: the names it may use and what its clause allows.

import type { Node, SelectStmt, WindowDef } from "libpg-query";
import type { AggregateCall, Expr, PlanNode, SortKey, SourceSpan, WindowCall } from "../plan.ts";
import type { BindContext, CommonTable, CommonTables } from "./context.ts";
import type { Scope } from "./scope.ts";

/**
 * Aggregate calls of one SELECT. While its expressions are bound, call k stands as the column
 * `AGGREGATE_BASE + k`; grouping replaces it by its place in the aggregate node's output.
 */
export interface AggregateSink {
  readonly calls: AggregateCall[];
  /** Where window calls go; undefined where only aggregates are allowed. */
  readonly windows: WindowSink | undefined;
}

/** Above every real column index. */
export const AGGREGATE_BASE = 1_000_000;

/** A window call with the window it runs over, before the window nodes are made. */
export interface PendingWindow {
  readonly partitionBy: readonly Expr[];
  readonly orderBy: readonly SortKey[];
  readonly window: WindowCall;
}

/**
 * Window calls of one SELECT. While its expressions are bound, call k stands as the column `WINDOW_BASE + k`.
 */
export interface WindowSink {
  readonly calls: PendingWindow[];
  /** The definitions of the WINDOW clause, by name. */
  readonly named: ReadonlyMap<string, WindowDef>;
}

/** Above every aggregate's index. */
export const WINDOW_BASE = 2_000_000;

/**
 * A subquery in an expression that reads columns around it. Its columns of the outer row stand in `plan` as
 * OUTER_BASE + k for `captures[k]`, an expression over the row it is applied to.
 */
export interface CorrelatedSubquery {
  /** The column that stands for its value until it is applied to the rows it reads. */
  readonly place: number;
  /** One column. */
  readonly plan: PlanNode;
  /** Expressions over the row; they may read the values of subqueries before this one. */
  readonly captures: readonly Expr[];
  readonly span: SourceSpan | undefined;
}

/** Correlated subqueries of one clause, until they are applied to its rows. A later one may read an earlier one. */
export interface SubquerySink {
  readonly firstIndex: number;
  readonly subqueries: CorrelatedSubquery[];
  /** Where those inside aggregate arguments and group keys go: they are applied below the aggregate. */
  readonly below: SubquerySink | undefined;
}

/**
 * Set-returning functions of a select list. While it is bound, function k stands as the column `SET_BASE + k`.
 */
export interface SetSink {
  readonly calls: { readonly function: string; readonly args: readonly Expr[]; readonly type: Expr["type"] }[];
}

/** Above every window call's index. */
export const SET_BASE = 2_700_000;

/** Above every window call's index: correlated subqueries by the place they stand in. */
export const SUBQUERY_BASE = {
  where: 3_000_000,
  from: 3_200_000,
  limit: 3_250_000,
  arguments: 3_300_000,
  list: 3_600_000,
} as const;

/** An empty sink for the subqueries of one place. */
export function subquerySink(place: keyof typeof SUBQUERY_BASE, below?: SubquerySink): SubquerySink {
  return { firstIndex: SUBQUERY_BASE[place], subqueries: [], below };
}

/** The surroundings of an expression. */
export interface ExprEnvironment {
  readonly context: BindContext;
  readonly scope: Scope;
  readonly commonTables: CommonTables;
  /** For messages: WHERE, JOIN/ON, LIMIT … */
  readonly clause: string;
  /** Where aggregate and window calls go; undefined where they are not allowed. */
  readonly aggregates: AggregateSink | undefined;
  /** Where set-returning functions go; absent where they are not allowed. */
  readonly sets?: SetSink | undefined;
  /** Where subqueries that read this row go; absent where they are not allowed. */
  readonly correlated?: SubquerySink | undefined;
  /** Where the subquery around this place stands: aggregates over its columns alone belong there. */
  readonly around?: ExprEnvironment;
  /** Items of the select list that may be used by name where the row has no such column. */
  readonly outputs?: readonly { readonly name: string; readonly expr: Expr }[];
  readonly bind: (node: Node | undefined, env: ExprEnvironment) => Expr;
  readonly bindQuery: (query: SelectStmt, env: ExprEnvironment) => PlanNode;
  readonly bindCommonTable: (table: CommonTable, env: ExprEnvironment) => PlanNode;
}
