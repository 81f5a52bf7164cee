// Views: found while tables are looked up, and bound where they stand, in their own surroundings.

import { LakeError } from "#core";
import type { RangeVar, SelectStmt } from "libpg-query";
import { columnRef } from "../expressions.ts";
import type { Rewrite } from "../optimize/index.ts";
import { parseStatement, type ParsedStatement } from "../parser/parse.ts";
import { tokenize } from "../parser/tokens.ts";
import type { PlanNode, SourceSpan } from "../plan.ts";
import type { TableSource, TableVersion, ViewSource } from "../table-source.ts";
import { selectOf, type BindContext } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { project, renameColumns, resolveUnknownColumns } from "./output.ts";
import { emptyScope } from "./scope.ts";

/** A view's query, parsed, with the tables it names; they are found in the view's namespace. */
export interface FoundView {
  readonly source: ViewSource;
  readonly statement: ParsedStatement;
  readonly query: SelectStmt;
  readonly tables: Map<string, TableSource>;
  readonly views: Map<string, FoundView>;
  readonly refused: Map<string, LakeError>;
  readonly versions: Map<RangeVar, TableVersion>;
}

/** Views within views; more is a mistake or an attack. */
export const MAX_VIEW_DEPTH = 16;

/** Dialects that the parser may understand, best first. */
const DIALECTS = ["firn", "postgres", "postgresql", "duckdb", "trino", "spark"];
/** Dialects that quote names with backticks. */
const BACKTICKS = new Set(["spark"]);

/**
 * The query of a view: that of the first dialect whose text is a SELECT here.
 *
 * Errors: `sql_unsupported` naming the view, its dialects, and why the best one is not understood.
 */
export function parseView({ name, representations }: ViewSource): Pick<FoundView, "statement" | "query"> {
  let reason = "";
  for (const dialect of DIALECTS) {
    const found = representations.find((item) => item.dialect.toLowerCase() === dialect);
    if (found === undefined) continue;
    try {
      const statement = parseStatement(BACKTICKS.has(dialect) ? withDoubleQuotes(found.sql) : found.sql);
      const query = selectOf(statement.statement);
      if (query !== undefined) return { statement, query };
      reason = ` Its ${dialect} text is no SELECT.`;
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      reason ||= ` Its ${dialect} text is not understood: ${error.message}`;
    }
  }
  const known = representations.map(({ dialect }) => dialect).join(", ");
  throw new LakeError(
    "sql_unsupported",
    `View ${name} has no text that is understood here: its dialects are ${known}.${reason}`,
    { details: { view: name } },
  );
}

/** Spark's names in backticks as names in double quotes. */
function withDoubleQuotes(sql: string): string {
  let text = sql;
  // Backticks are no part of any other token, but in strings and comments.
  for (const { kind, text: token, start } of tokenize(sql).toReversed()) {
    if (kind === "symbol" && token === "`") text = `${text.slice(0, start)}"${text.slice(start + 1)}`;
  }
  return text;
}

/** The views of a statement as EXPLAIN tells of them. */
export function viewRewrites(views: readonly ViewSource[]): Rewrite[] {
  return views.map((view) => ({ rule: "view", before: view.name, after: parseView(view).statement.sql.trim() }));
}

/** A view in FROM: its query, with the columns that the view was given. Errors: those of the query, naming the view. */
export function bindView(view: FoundView, env: ExprEnvironment, span: SourceSpan): PlanNode {
  const outer = env.context;
  const { source } = view;
  outer.usedTables.add(source.name);
  outer.usedViews.set(source.name, source);
  const context = viewContext(outer, view);
  const inner: ExprEnvironment = {
    ...env,
    context,
    scope: emptyScope(undefined),
    commonTables: new Map(),
    aggregates: undefined,
    correlated: undefined,
  };
  try {
    const plan = resolveUnknownColumns(context, env.bindQuery(view.query, inner));
    return withViewColumns(plan, source);
  } catch (error) {
    throw inView(error, source.name, span);
  }
}

/** An error of a view's query, placed where the view stands in the statement. */
export function inView(error: unknown, name: string, span: SourceSpan | undefined): unknown {
  if (!(error instanceof LakeError) || error.code === "internal") return error;
  const { position: _position, start: _start, end: _end, ...details } = error.details;
  const message = error.message.startsWith("In view ") ? error.message : `In view ${name}: ${error.message}`;
  const place = span === undefined ? {} : { position: span.start + 1, start: span.start, end: span.end };
  return new LakeError(error.code, message, {
    context: error.context,
    details: { ...details, view: name, ...place },
    cause: error,
  });
}

/** The context of a view's own query. What is gathered and counted is the statement's. */
function viewContext(outer: BindContext, { statement, tables, views, refused, versions }: FoundView): BindContext {
  return {
    ...outer,
    statement,
    tables,
    views,
    refused,
    versions,
    // A view is the same whatever the statement around it is given.
    params: [],
    get selectCount() {
      return outer.selectCount;
    },
    set selectCount(count) {
      outer.selectCount = count;
    },
    get recursionCount() {
      return outer.recursionCount;
    },
    set recursionCount(count) {
      outer.recursionCount = count;
    },
  };
}

/**
 * The columns the view was created with. A query that gives others since its tables changed is read by their names.
 *
 * Errors: `undefined_column` when one of them is gone.
 */
function withViewColumns(plan: PlanNode, { name, columnNames }: ViewSource): PlanNode {
  if (plan.columns.length === columnNames.length) return renameColumns(plan, columnNames);
  const exprs = columnNames.map((wanted) => {
    const matches = [...plan.columns.entries()].filter(([, column]) => column.name === wanted);
    const [match] = matches;
    if (match !== undefined && matches.length === 1) return columnRef(...match);
    const message = `View ${name} has ${columnNames.length} columns, its query now gives ${plan.columns.length}: "${wanted}" cannot be told. Create it anew.`;
    throw sqlError("undefined_column", message);
  });
  return project(plan, exprs, columnNames);
}
