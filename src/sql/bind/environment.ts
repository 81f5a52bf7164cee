// Where an expression stands: the names it may use and what its clause allows.

import type { Node, SelectStmt, WindowDef } from "libpg-query";
import type { AggregateCall, Expr, PlanNode, SortKey, WindowCall } from "../plan.ts";
import type { BindContext, CommonTables } from "./context.ts";
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

/** The surroundings of an expression. */
export interface ExprEnvironment {
  readonly context: BindContext;
  readonly scope: Scope;
  readonly commonTables: CommonTables;
  /** For messages: WHERE, JOIN/ON, LIMIT … */
  readonly clause: string;
  /** Where aggregate and window calls go; undefined where they are not allowed. */
  readonly aggregates: AggregateSink | undefined;
  readonly bind: (node: Node | undefined, env: ExprEnvironment) => Expr;
  readonly bindQuery: (query: SelectStmt, env: ExprEnvironment) => PlanNode;
}
