// Binds a parsed statement: tables are looked up first, then everything else is synchronous.

import type { LakeError } from "#core";
import type { SelectStmt } from "libpg-query";
import { transformPlan, visitPlan } from "../optimize/plan-shape.ts";
import { createLikeness } from "../optimize/share.ts";
import type { PlanNode, FunctionRegistry } from "../plan.ts";
import type { ParsedStatement } from "../parser/parse.ts";
import type { TableCatalog, TableSource, ViewSource } from "../table-source.ts";
import type { BindContext, PreparedSubquery, StatementParams } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { bindExpr } from "./expression.ts";
import { findTables } from "./find-tables.ts";
import { resolveUnknownColumns } from "./output.ts";
import { bindCommonTable, bindQuery } from "./query.ts";
import { emptyScope } from "./scope.ts";
import type { FoundView } from "./views.ts";

/** What binding needs beside the statement. */
export interface BindInput {
  readonly catalog: TableCatalog;
  readonly registry: FunctionRegistry;
  readonly params: StatementParams;
  readonly statementTimeMicros: number;
  /** WITH items may be made once for all who read them. */
  readonly sharesRows?: boolean;
}

/** A bound query. */
export interface BoundQuery {
  readonly plan: PlanNode;
  readonly subqueries: readonly PreparedSubquery[];
  readonly tables: readonly string[];
  readonly views: readonly ViewSource[];
  readonly isVolatile: boolean;
  /** Whether a function reads the statement's time where it runs, as age(x) does; now() is a literal with a source. */
  readonly usesClock: boolean;
}

/** Binds a SELECT or VALUES. Errors: every SQL code that concerns names, types and features. */
export async function bindStatement(
  statement: ParsedStatement,
  query: SelectStmt,
  input: BindInput,
): Promise<BoundQuery> {
  const env = await startBinding(statement, query, input);
  const { context } = env;
  const plan = resolveUnknownColumns(context, bindQuery(query, env));
  return { plan, ...gathered(context) };
}

/** Likeness of plans in which recursions go by the order they stand in, since each use of one has its own number. */
function planKeys(): (plan: PlanNode) => string {
  const alike = createLikeness();
  return (plan) => {
    const numbers = new Map<number, number>();
    visitPlan(plan, (node) => {
      if (node.kind === "recursive") numbers.set(node.id, -1 - numbers.size);
    });
    if (numbers.size === 0) return alike(plan);
    return alike(
      transformPlan(plan, (node) =>
        node.kind === "recursive" || node.kind === "working_table"
          ? { ...node, id: numbers.get(node.id) ?? node.id }
          : node,
      ),
    );
  };
}

/** What binding found out beside the plan. */
export function gathered(context: BindContext): Omit<BoundQuery, "plan"> {
  return {
    subqueries: context.subqueries,
    tables: [...context.usedTables],
    views: [...context.usedViews.values()],
    isVolatile: [...context.functions.values()].some((use) => use.volatility === "volatile"),
    usesClock: [...context.functions.values()].some((use) => use.volatility === "stable"),
  };
}

/** Looks up every table that a tree names, and gives the surroundings in which its parts are bound. */
export async function startBinding(
  statement: ParsedStatement,
  tree: unknown,
  input: BindInput,
): Promise<ExprEnvironment> {
  const tables = new Map<string, TableSource>();
  const views = new Map<string, FoundView>();
  const refused = new Map<string, LakeError>();
  const tableNames: string[] = [];
  const context: BindContext = {
    statement,
    registry: input.registry,
    tables,
    views,
    refused,
    tableNames,
    versions: new Map(),
    params: input.params,
    statementTimeMicros: input.statementTimeMicros,
    functions: new Map(),
    subqueries: [],
    usedTables: new Set(),
    usedViews: new Map(),
    spans: new WeakMap(),
    fallbackTypes: new WeakMap(),
    selectCount: 0,
    recursionCount: 0,
    sharedRows: input.sharesRows === true ? new Map() : undefined,
    boundTables: new Set(),
    planKey: planKeys(),
  };
  const env: ExprEnvironment = {
    context,
    scope: emptyScope(undefined),
    commonTables: new Map(),
    clause: "this place",
    aggregates: undefined,
    bind: bindExpr,
    bindQuery,
    bindCommonTable,
  };
  await findTables(tree, env, input.catalog, { tables, views, refused, tableNames });
  return env;
}
