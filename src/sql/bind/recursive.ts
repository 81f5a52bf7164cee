// WITH RECURSIVE: which queries are recursive, PostgreSQL's rules for them, and their plans.

import type { CommonTableExpr, FuncCall, JoinExpr, Node, RangeVar, SelectStmt, SubLink } from "libpg-query";
import type { PlanNode } from "../plan.ts";
import { columnRef } from "../expressions.ts";
import { dataTypeToName, typesEqual } from "../values/index.ts";
import { stringsOf } from "./ast.ts";
import { unify } from "./coerce.ts";
import { spanAt, type BindContext, type CommonTable } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { carrySearch } from "./search-cycle.ts";
import { coerceColumns, renameColumns, resolveUnknownColumns } from "./output.ts";

type Tree = Readonly<Record<string, unknown>>;

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a WITH clause inside a query gives the name another meaning there. */
function redefines(query: Tree, name: string): boolean {
  const clause = query["withClause"];
  const items = isTree(clause) && Array.isArray(clause["ctes"]) ? (clause["ctes"] as readonly Node[]) : [];
  return items.some((item) => "CommonTableExpr" in item && item.CommonTableExpr.ctename === name);
}

/** Where in a query the name of a WITH item is read, and what stands around it. */
interface Reference {
  readonly table: RangeVar;
  /** What PostgreSQL does not allow around it: a subquery, an outer join, INTERSECT, EXCEPT. */
  readonly within: string | undefined;
}

function referencesTo(name: string, tree: unknown, within?: string): readonly Reference[] {
  if (Array.isArray(tree)) return tree.flatMap((item) => referencesTo(name, item, within));
  if (!isTree(tree) || redefines(tree, name)) return [];
  if (tree["larg"] !== undefined) {
    const { larg, rarg, ...rest } = tree as { larg: unknown; rarg: unknown; op: string; all?: boolean };
    const isExcept = rest.op === "SETOP_EXCEPT";
    const both = rest.op === "SETOP_INTERSECT" && rest.all === true ? "INTERSECT" : within;
    const left = isExcept && rest.all === true ? "EXCEPT" : both;
    return [
      ...referencesTo(name, larg, left),
      ...referencesTo(name, rarg, isExcept ? "EXCEPT" : both),
      ...referencesTo(name, rest, within),
    ];
  }
  return Object.entries(tree).flatMap(([key, child]) => {
    if (key === "RangeVar") {
      const table = child as RangeVar;
      return table.relname === name && table.schemaname === undefined ? [{ table, within }] : [];
    }
    if (key === "SubLink") {
      const { subselect, ...rest } = child as SubLink;
      return [...referencesTo(name, subselect, "a subquery"), ...referencesTo(name, rest, within)];
    }
    if (key === "JoinExpr") {
      const { larg, rarg, jointype, ...rest } = child as JoinExpr;
      const outer = (nullable: boolean): string | undefined => (nullable ? "an outer join" : within);
      return [
        ...referencesTo(name, larg, outer(jointype === "JOIN_RIGHT" || jointype === "JOIN_FULL")),
        ...referencesTo(name, rarg, outer(jointype === "JOIN_LEFT" || jointype === "JOIN_FULL")),
        ...referencesTo(name, rest, within),
      ];
    }
    return referencesTo(name, child, within);
  });
}

/** Whether a query reads the WITH item of this name. */
export function readsName(name: string, query: unknown): boolean {
  return referencesTo(name, query).length > 0;
}

/** Items of WITH RECURSIVE may read one another in any order, but not in a circle. Errors: `sql_unsupported`. */
export function refuseMutualRecursion(items: readonly CommonTableExpr[], context: BindContext): void {
  const readBy = new Map(
    items.map((item) => [
      item,
      items.filter((other) => other !== item && readsName(other.ctename ?? "", item.ctequery)),
    ]),
  );
  const settled = new Set<CommonTableExpr>();
  const visit = (item: CommonTableExpr, path: readonly CommonTableExpr[]): void => {
    if (settled.has(item)) return;
    if (path.includes(item)) {
      const message = "Mutual recursion between WITH items is not supported.";
      throw sqlError("sql_unsupported", message, spanAt(context, item.location));
    }
    for (const other of readBy.get(item) ?? []) visit(other, [...path, item]);
    settled.add(item);
  };
  for (const item of items) visit(item, []);
}

/** The direct FROM items of a query, through joins. */
function tablesRead(items: readonly Node[]): readonly RangeVar[] {
  return items.flatMap((item) => {
    if ("RangeVar" in item) return [item.RangeVar];
    if ("JoinExpr" in item)
      return tablesRead([item.JoinExpr.larg, item.JoinExpr.rarg].filter((arm) => arm !== undefined));
    return [];
  });
}

/** Refuses an aggregate in a query that itself reads the working table. */
function refuseAggregates(name: string, tree: unknown, context: BindContext): void {
  if (Array.isArray(tree)) {
    for (const item of tree) refuseAggregates(name, item, context);
    return;
  }
  if (!isTree(tree) || redefines(tree, name)) return;
  for (const child of Object.values(tree)) refuseAggregates(name, child, context);
  const query = tree as Partial<SelectStmt>;
  if (!tablesRead(query.fromClause ?? []).some((table) => table.relname === name)) return;
  const { fromClause: _from, larg: _left, rarg: _right, withClause: _with, ...own } = query;
  for (const call of callsIn(own)) {
    const called = stringsOf(call.funcname).at(-1) ?? "";
    if (call.over !== undefined || !context.registry.isAggregate(called)) continue;
    const message = "Aggregate functions are not allowed in a recursive query's recursive term.";
    throw sqlError("grouping_error", message, spanAt(context, call.location));
  }
}

function callsIn(tree: unknown): readonly FuncCall[] {
  if (Array.isArray(tree)) return tree.flatMap((item) => callsIn(item));
  if (!isTree(tree)) return [];
  return Object.entries(tree).flatMap(([key, child]) => {
    if (key === "SubLink") return [];
    return key === "FuncCall" ? [child as FuncCall, ...callsIn(child)] : callsIn(child);
  });
}

/** The two terms of a recursive query. Errors: `sql_syntax_error`, `sql_unsupported`, as PostgreSQL raises them. */
function termsOf(
  { name, query }: CommonTable,
  context: BindContext,
): { readonly seed: SelectStmt; readonly step: SelectStmt } {
  const { larg: seed, rarg: step } = query;
  const [anywhere] = referencesTo(name, query);
  if (query.op !== "SETOP_UNION" || seed === undefined || step === undefined) {
    const message = `Recursive query "${name}" does not have the form non-recursive-term UNION [ALL] recursive-term.`;
    throw sqlError("sql_syntax_error", message, spanAt(context, anywhere?.table.location));
  }
  const refuse = ({ table }: Reference, where: string): Error =>
    sqlError(
      "sql_syntax_error",
      `Recursive reference to query "${name}" must not appear ${where}.`,
      spanAt(context, table.location),
    );
  const [early] = [...referencesTo(name, seed), ...referencesTo(name, query.withClause)];
  if (early !== undefined) throw refuse(early, "within its non-recursive term");
  const references = referencesTo(name, step);
  const forbidden = references.find((reference) => reference.within !== undefined);
  if (forbidden !== undefined) throw refuse(forbidden, `within ${forbidden.within ?? ""}`);
  const [, second] = references;
  if (second !== undefined) throw refuse(second, "more than once");
  const clauses = [
    ["ORDER BY", query.sortClause],
    ["OFFSET", query.limitOffset],
    ["LIMIT", query.limitCount],
    ["FOR UPDATE/SHARE", query.lockingClause],
  ] as const;
  for (const [clause, part] of clauses) {
    if (part === undefined) continue;
    throw sqlError(
      "sql_unsupported",
      `${clause} in a recursive query is not supported.`,
      spanAt(context, anywhere?.table.location),
    );
  }
  refuseAggregates(name, step, context);
  return { seed, step };
}

/**
 * Binds a query that reads its own rows; `env` is the surroundings of its WITH item with its own WITH clause applied.
 *
 * Errors: those of its terms; `sql_syntax_error` where PostgreSQL allows no recursion; `type_mismatch` when the step
 * gives other columns than the seed.
 */
export function bindRecursiveTable(common: CommonTable, env: ExprEnvironment): PlanNode {
  const { context } = env;
  const { name, query, columnNames } = common;
  const { seed: seedQuery, step: stepQuery } = termsOf(common, context);
  const seedPlan = resolveUnknownColumns(context, env.bindQuery(seedQuery, env));
  const seed = columnNames.length === 0 ? seedPlan : renameColumns(seedPlan, columnNames);
  context.recursionCount += 1;
  const id = context.recursionCount;
  const columns = seed.columns.map((column) => ({ ...column, nullable: true }));
  const working: PlanNode = { kind: "working_table", id, name, columns };
  const commonTables = new Map([...env.commonTables, [name, { ...common, working }]]);
  const step = env.bindQuery(stepQuery, { ...env, commonTables });
  if (step.columns.length !== columns.length) {
    throw sqlError("type_mismatch", "Each UNION query must have the same number of columns.");
  }
  for (const [i, column] of columns.entries()) {
    const other = step.columns[i] ?? column;
    const { type } = unify(context, [columnRef(i, column), columnRef(i, other)], "UNION", undefined);
    if (typesEqual(type, column.type, true) || other.type.kind === "null") continue;
    const message = `Recursive query "${name}" column ${i + 1} has type ${dataTypeToName(column.type)} in non-recursive term but type ${dataTypeToName(type)} overall: cast the output of the non-recursive term.`;
    throw sqlError("type_mismatch", message);
  }
  const right = coerceColumns(
    context,
    step,
    columns.map((column) => column.type),
  );
  return carrySearch({ kind: "recursive", id, name, all: query.all ?? false, left: seed, right, columns }, common, env);
}
