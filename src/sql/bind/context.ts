// What binding one statement needs and gathers.

import type { CTECycleClause, CTESearchClause, Node, RangeVar, SelectStmt } from "libpg-query";
import type { DataType } from "#columnar";
import type { LakeError } from "#core";
import type { ParsedStatement } from "../parser/parse.ts";
import type { Expr, FunctionRegistry, PlanNode, SharedRows, SourceSpan } from "../plan.ts";
import type { TableSource, TableVersion, ViewSource } from "../table-source.ts";
import type { Scope } from "./scope.ts";
import type { FoundView } from "./views.ts";
import { sqlError } from "./errors.ts";

/** Values of the parameters: of $1, $2, … as an array, of :name as an object. */
export type StatementParams = readonly unknown[] | Readonly<Record<string, unknown>>;

/** A subquery that does not depend on the outer row and is executed before the main plan. */
export interface PreparedSubquery {
  /** scalar: the one value of at most one row; list: every value of the column; exists: whether there is a row. */
  readonly kind: "scalar" | "list" | "exists";
  readonly plan: PlanNode;
  readonly span: SourceSpan | undefined;
}

/** What is known of a function id: how it was written and when it may be evaluated. */
export interface FunctionUse {
  readonly name: string;
  readonly volatility: "immutable" | "stable" | "volatile";
}

/** Everything that stays the same while one statement is bound. */
export interface BindContext {
  readonly statement: ParsedStatement;
  readonly registry: FunctionRegistry;
  /** Tables by {@link tableKey}. */
  readonly tables: ReadonlyMap<string, TableSource>;
  /** Views by {@link tableKey}. */
  readonly views: ReadonlyMap<string, FoundView>;
  /** Why a table that is not among them may not be used, by {@link tableKey}. */
  readonly refused: ReadonlyMap<string, LakeError>;
  /** Which version of its table a range variable of the tree means; absent: the current one. */
  readonly versions: Map<RangeVar, TableVersion>;
  readonly tableNames: readonly string[];
  readonly params: StatementParams;
  readonly statementTimeMicros: number;
  /** Gathered: ids in use. */
  readonly functions: Map<string, FunctionUse>;
  /** Gathered: subqueries to run first. */
  readonly subqueries: PreparedSubquery[];
  /** Gathered: tables and views read, fully qualified. */
  readonly usedTables: Set<string>;
  /** Gathered: views read, by name. */
  readonly usedViews: Map<string, ViewSource>;
  /** Where a column reference stood, for errors found later. */
  readonly spans: WeakMap<Expr, SourceSpan>;
  /** The type a parameter has when its context does not tell one. */
  readonly fallbackTypes: WeakMap<Expr, DataType>;
  /** SELECTs bound so far; CTEs are bound at each use, so this bounds the work. */
  selectCount: number;
  /** Recursive queries bound so far. */
  recursionCount: number;
  /** Rows of WITH items that are made once whoever reads them; undefined where each reader makes them. */
  readonly sharedRows: Map<CommonTable, SharedRows> | undefined;
  /** WITH items that were bound at least once. */
  readonly boundTables: Set<SelectStmt>;
  /** Tells which plans give the same rows: those with equal keys. */
  readonly planKey: (plan: PlanNode) => string;
}

/** A common table expression in reach. */
export interface CommonTable {
  readonly name: string;
  readonly query: SelectStmt;
  readonly columnNames: readonly string[];
  /** The tables in reach of its own query. */
  readonly reach: CommonTables;
  /** WITH … AS MATERIALIZED. */
  readonly isMaterialized: boolean;
  /** Whether its query reads itself. */
  readonly isRecursive: boolean;
  /** The order its rows can be put into, of a recursive query. */
  readonly search?: CTESearchClause | undefined;
  /** Where its rows go round, of a recursive query. */
  readonly cycle?: CTECycleClause | undefined;
  /** Inside its own query: the rows of the round before. */
  readonly working?: PlanNode;
  /** The scope around the query of its WITH. */
  readonly around: Scope;
}

/** Common table expressions by name. */
export type CommonTables = ReadonlyMap<string, CommonTable>;

const MAX_SELECTS = 500;

/** Counts one more SELECT; ends queries whose CTE references multiply without bound. */
export function countSelect(context: BindContext): void {
  context.selectCount += 1;
  if (context.selectCount > MAX_SELECTS) {
    throw sqlError("sql_unsupported", `The query has more than ${MAX_SELECTS} SELECTs after expanding its CTEs.`);
  }
}

/** A dotted identifier, a string, a number, a parameter by name, or an operator. */
const TOKEN =
  /(?:"(?:[^"]|"")*"|[\w$\u0080-\uffff]+)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[\w$\u0080-\uffff]+|\*))*|'(?:[^']|'')*'|:[A-Za-z_]\w*|[-+*/<>=~!@#%^&|`?:]+|./suy;

/** The token at a tree location. */
export function spanAt(context: BindContext, location: number | undefined): SourceSpan {
  const start = context.statement.offsetAt(location);
  TOKEN.lastIndex = start;
  const length = TOKEN.exec(context.statement.sql)?.[0].length ?? 0;
  return { start, end: start + length };
}

/** The error for a feature that is understood but not supported. */
export function unsupported(context: BindContext, feature: string, location: number | undefined): Error {
  return sqlError(
    "sql_unsupported",
    `${feature} not supported.`,
    location === undefined ? undefined : spanAt(context, location),
  );
}

/** The SELECT inside a node. */
export function selectOf(node: Node | undefined): SelectStmt | undefined {
  return node !== undefined && "SelectStmt" in node ? node.SelectStmt : undefined;
}

/** The parts of a table's name as written. */
export function tablePath(node: RangeVar): string[] {
  return [node.catalogname, node.schemaname, node.relname].filter((part) => part !== undefined);
}

/** What tells the tables of a statement apart: name and version. */
export function tableKey(context: Pick<BindContext, "versions">, node: RangeVar): string {
  const version = context.versions.get(node);
  const shown = version === undefined ? "" : Object.values(version).map(String).join(":");
  return JSON.stringify([...tablePath(node), shown]);
}
