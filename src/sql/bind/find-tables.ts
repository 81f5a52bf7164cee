// Finds the tables a statement names, each in the version it asks for, before anything else is bound.

import type { DataType } from "#columnar";
import { INT64, TEXT, TIMESTAMPTZ, UNKNOWN, literal } from "../expressions.ts";
import { foldExpr } from "../optimize/fold.ts";
import type { ParsedTimeTravel } from "../parser/parse.ts";
import { tokenize } from "../parser/tokens.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import type { TableCatalog, TableSource, TableVersion, ViewSource } from "../table-source.ts";
import { dataTypeToName } from "../values/index.ts";
import { LakeError } from "#core";
import type { RangeVar } from "libpg-query";
import { walkTree } from "./ast.ts";
import { coerce } from "./coerce.ts";
import { spanAt, tableKey, tablePath } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError, withSpan } from "./errors.ts";
import { MAX_VIEW_DEPTH, inView, parseView, type FoundView } from "./views.ts";

/** Where what was found goes. */
export interface FoundTables {
  readonly tables: Map<string, TableSource>;
  readonly views: Map<string, FoundView>;
  /** Why a table may not be used; a common table expression may still go by its name. */
  readonly refused: Map<string, LakeError>;
  /** Filled when a table is missing, for "did you mean". */
  readonly tableNames: string[];
}

/** How the names of a query are looked up. */
interface Lookup {
  readonly catalog: TableCatalog;
  /** Names to try for a name as it is written, best first. */
  readonly namesOf: (path: readonly string[]) => readonly (readonly string[])[];
  /** The views around the query, outermost first. */
  readonly around: readonly string[];
}

/**
 * Looks up every table and view of the tree, and those that the views name, all at once. Missing ones are left out.
 *
 * Errors: those of time travel clauses, with their place. Views that are not understood or that read themselves are
 * refused.
 */
export async function findTables(
  tree: unknown,
  env: ExprEnvironment,
  catalog: TableCatalog,
  found: FoundTables,
): Promise<void> {
  const isMissing = await findNames(tree, env, found, { catalog, namesOf: (path) => [path], around: [] });
  if (isMissing) found.tableNames.push(...(await catalog.tableNames()));
}

/** Whether a name is neither a table's nor a view's. */
async function findNames(
  tree: unknown,
  env: ExprEnvironment,
  found: Omit<FoundTables, "tableNames">,
  lookup: Lookup,
): Promise<boolean> {
  const { context } = env;
  const nodes: RangeVar[] = [];
  walkTree(tree, (kind, node) => {
    if (kind === "RangeVar") nodes.push(node as RangeVar);
  });
  const spans = new Map<string, SourceSpan>();
  for (const clause of context.statement.timeTravel) {
    const node = travellerOf(clause, nodes, env);
    context.versions.set(node, versionOf(clause, env));
    spans.set(tableKey(context, node), { start: clause.start, end: clause.end });
  }
  const byKey = new Map(nodes.map((node) => [tableKey(context, node), node]));
  let isMissing = false;
  await Promise.all(
    [...byKey].map(async ([key, node]) => {
      const span = spans.get(key);
      try {
        if (!(await findName(node, key, env, found, lookup, span))) isMissing = true;
      } catch (error) {
        if (error instanceof LakeError && error.code === "forbidden") found.refused.set(key, error);
        else throw withSpan(error, span);
      }
    }),
  );
  return isMissing;
}

async function findName(
  node: RangeVar,
  key: string,
  env: ExprEnvironment,
  found: Omit<FoundTables, "tableNames">,
  lookup: Lookup,
  versionSpan: SourceSpan | undefined,
): Promise<boolean> {
  const { context } = env;
  const { catalog } = lookup;
  const version = context.versions.get(node);
  for (const path of lookup.namesOf(tablePath(node))) {
    const source = await catalog.findTable(path, version);
    if (source !== undefined) {
      found.tables.set(key, source);
      return true;
    }
    const view = await catalog.findView?.(path);
    if (view === undefined) continue;
    if (version !== undefined) {
      throw sqlError("sql_unsupported", `${view.name} is a view: it has no versions.`, versionSpan);
    }
    try {
      found.views.set(key, await openView(view, env, lookup, spanAt(context, node.location)));
    } catch (error) {
      // A common table expression may go by the view's name, so that nobody reads it.
      if (!(error instanceof LakeError)) throw error;
      found.refused.set(key, error);
    }
    return true;
  }
  return false;
}

/** A view with the tables of its query. Errors: `sql_unsupported` for a view that reads itself or is nested too deep. */
async function openView(
  source: ViewSource,
  env: ExprEnvironment,
  { catalog, around }: Lookup,
  span: SourceSpan,
): Promise<FoundView> {
  const chain = [...around, source.name];
  if (around.includes(source.name)) {
    throw sqlError("sql_unsupported", `View ${source.name} reads itself: ${chain.join(" reads ")}.`, span);
  }
  if (chain.length > MAX_VIEW_DEPTH) {
    throw sqlError(
      "sql_unsupported",
      `Views are nested more than ${MAX_VIEW_DEPTH} deep: ${chain.join(" reads ")}.`,
      span,
    );
  }
  const { statement, query } = parseView(source);
  const view: FoundView = {
    source,
    statement,
    query,
    tables: new Map(),
    views: new Map(),
    refused: new Map(),
    versions: new Map(),
  };
  const context = { ...env.context, statement, versions: view.versions };
  const namesOf = (path: readonly string[]): readonly (readonly string[])[] => namesInView(path, source);
  try {
    await findNames(query, { ...env, context }, view, { catalog, namesOf, around: chain });
  } catch (error) {
    throw inView(error, source.name, span);
  }
  return view;
}

/** A name without a namespace is one of the view's; so may the parts of a metadata table's name be. */
function namesInView(path: readonly string[], { namespace, catalog }: ViewSource): readonly (readonly string[])[] {
  if (namespace.length === 0) return [path];
  const inView = [...namespace, ...path];
  if (path.length === 1) return [inView];
  return path[0] === catalog ? [path.slice(1), path, inView] : [path, inView];
}

/** What may stand between a table's name and its clause: the rest of the name, and an alias. */
function isNameAndAlias(text: string): boolean {
  return tokenize(text).every(({ kind, text: token }) => kind === "word" || kind === "quoted" || token === ".");
}

/** The table that a clause follows. */
function travellerOf(clause: ParsedTimeTravel, nodes: readonly RangeVar[], { context }: ExprEnvironment): RangeVar {
  const { statement } = context;
  let nearest: { readonly node: RangeVar; readonly start: number } | undefined;
  for (const node of nodes) {
    const start = statement.offsetAt(node.location);
    if (start < clause.start && start >= (nearest?.start ?? 0)) nearest = { node, start };
  }
  const between = nearest === undefined ? "(" : statement.sql.slice(nearest.start, clause.start);
  if (nearest === undefined || !isNameAndAlias(between) || context.versions.has(nearest.node)) {
    const span = { start: clause.start, end: clause.end };
    throw sqlError("sql_syntax_error", "AS OF must follow the name of a table.", span);
  }
  return nearest.node;
}

const MICROS_PER_SECOND = 1_000_000;
const INTEGERS = new Set(["int16", "int32", "int64"]);

/** The version a clause's expression names; it is a constant: literals, parameters, now() and what is made of them. */
function versionOf(clause: ParsedTimeTravel, env: ExprEnvironment): TableVersion {
  const context = { ...env.context, statement: { ...env.context.statement, offsetAt: clause.offsetAt } };
  const span = { start: clause.expressionStart, end: clause.end };
  const fold = (expr: Expr): Expr => foldExpr(expr, context);
  const bound = fold(env.bind(clause.expression, { ...env, context, clause: "AS OF" }));
  const fallback = context.fallbackTypes.get(bound);
  const isInteger = INTEGERS.has(bound.type.kind) || (fallback !== undefined && INTEGERS.has(fallback.kind));
  const constantAs = (type: DataType): unknown => {
    const untyped = bound.kind === "literal" && bound.type.kind === "null" ? literal(bound.value, UNKNOWN) : bound;
    const value = fold(coerce(context, untyped, type, "implicit", span));
    if (value.kind !== "literal" || value.subquery !== undefined) {
      throw sqlError("sql_unsupported", "AS OF must be a constant.", span);
    }
    if (value.value === null) throw sqlError("invalid_parameter", "AS OF must not be NULL.", span);
    return value.value;
  };
  if (clause.kind === "version") {
    if (isInteger) return { kind: "snapshot", id: BigInt(constantAs(INT64) as number | bigint) };
    if (bound.type.kind === "null" || bound.type.kind === "string") {
      return { kind: "ref", name: constantAs(TEXT) as string };
    }
    const message = `A version is a snapshot id or the name of a branch or tag, not ${dataTypeToName(bound.type)}.`;
    throw sqlError("type_mismatch", message, span);
  }
  // Spark's way of writing a time: seconds since 1970.
  if (isInteger) {
    return { kind: "timestamp", micros: Number(constantAs(INT64)) * MICROS_PER_SECOND };
  }
  return { kind: "timestamp", micros: constantAs(TIMESTAMPTZ) as number | bigint };
}
