// Binds a parsed statement: tables are looked up first, then everything else is synchronous.

import type { Node, SelectStmt } from "libpg-query";
import type { PlanNode, FunctionRegistry } from "../plan.ts";
import type { ParsedStatement } from "../parser/parse.ts";
import type { TableCatalog, TableSource } from "../table-source.ts";
import { walkTree } from "./ast.ts";
import type { BindContext, PreparedSubquery } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { bindExpr } from "./expression.ts";
import { tablePath } from "./from.ts";
import { resolveUnknownColumns } from "./output.ts";
import { bindQuery } from "./query.ts";
import { emptyScope } from "./scope.ts";

/** What binding needs beside the statement. */
export interface BindInput {
  readonly catalog: TableCatalog;
  readonly registry: FunctionRegistry;
  readonly params: readonly unknown[];
  readonly statementTimeMicros: number;
}

/** A bound query. */
export interface BoundQuery {
  readonly plan: PlanNode;
  readonly subqueries: readonly PreparedSubquery[];
  readonly tables: readonly string[];
  readonly isVolatile: boolean;
  /** Whether a function reads the statement's time where it runs, as age(x) does; now() is a literal with a source. */
  readonly usesClock: boolean;
}

type RangeVarNode = Extract<Node, { RangeVar: unknown }>["RangeVar"];

async function findTables(
  statement: SelectStmt,
  catalog: TableCatalog,
): Promise<{ readonly tables: ReadonlyMap<string, TableSource>; readonly names: readonly string[] }> {
  const paths = new Map<string, readonly string[]>();
  walkTree(statement, (kind, node) => {
    if (kind !== "RangeVar") return;
    const path = tablePath(node as RangeVarNode);
    paths.set(path.join("."), path);
  });
  const tables = new Map<string, TableSource>();
  let isMissing = false;
  await Promise.all(
    [...paths].map(async ([name, path]) => {
      const source = await catalog.findTable(path);
      if (source === undefined) isMissing = true;
      else tables.set(name, source);
    }),
  );
  return { tables, names: isMissing ? await catalog.tableNames() : [] };
}

/** Binds a SELECT or VALUES. Errors: every SQL code that concerns names, types and features. */
export async function bindStatement(
  statement: ParsedStatement,
  query: SelectStmt,
  input: BindInput,
): Promise<BoundQuery> {
  const { tables, names } = await findTables(query, input.catalog);
  const context: BindContext = {
    statement,
    registry: input.registry,
    tables,
    tableNames: names,
    params: input.params,
    statementTimeMicros: input.statementTimeMicros,
    functions: new Map(),
    subqueries: [],
    usedTables: new Set(),
    spans: new WeakMap(),
    fallbackTypes: new WeakMap(),
    selectCount: 0,
  };
  const env: ExprEnvironment = {
    context,
    scope: emptyScope(undefined),
    commonTables: new Map(),
    clause: "this place",
    aggregates: undefined,
    bind: bindExpr,
    bindQuery,
  };
  const plan = resolveUnknownColumns(context, bindQuery(query, env));
  return {
    plan,
    subqueries: context.subqueries,
    tables: [...context.usedTables],
    isVolatile: [...context.functions.values()].some((use) => use.volatility === "volatile"),
    usesClock: [...context.functions.values()].some((use) => use.volatility === "stable"),
  };
}
