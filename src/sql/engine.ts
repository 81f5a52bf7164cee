// Prepares a statement for execution: parse, bind, optimize, plan its scans; then run it.

import type { Batch, ColumnSchema } from "#columnar";
import { LakeError, type Clock } from "#core";
import type { Node, SelectStmt } from "libpg-query";
import { bindStatement, type BoundQuery } from "./bind/bind.ts";
import { nodeKind } from "./bind/ast.ts";
import type { PreparedSubquery } from "./bind/context.ts";
import {
  createMemoryBudget,
  createProfileSink,
  executePlan,
  type ExecutionContext,
  type MemoryBudget,
} from "./execute/index.ts";
import { checkpoint, type OperatorProfile, type ScanNode } from "./execute/context.ts";
import { planToCacheText } from "./explain/cache-text.ts";
import { describePlan, planToLines, type OperatorDescription, type PlanDescription } from "./explain/describe.ts";
import { someExpr } from "./expressions.ts";
import { functionRegistry } from "./functions/index.ts";
import { foldPlan, mapExpressions, optimizePlan, visitPlan, type RewriteLog } from "./optimize/index.ts";
import { parseStatement, type ParsedStatement } from "./parser/parse.ts";
import type { Expr, PlanNode } from "./plan.ts";
import { boundSubqueryRows, readSubquery, substituteSubqueries, type SubqueryValue } from "./subquery-values.ts";
import type { PlannedScan, ScanStatistics, TableCatalog } from "./table-source.ts";
import { explainStatement, showTables } from "./statements.ts";

/** What a statement is prepared with. */
export interface PrepareOptions {
  readonly catalog: TableCatalog;
  /** Values of $1, $2, …: strings, numbers, booleans, null, and arrays for = ANY($n). */
  readonly params: readonly unknown[];
  /** The statement's time: now() is this clock's time when the statement is prepared. */
  readonly clock: Clock;
  /** False plans without rewrites; for comparing answers. */
  readonly optimize?: boolean;
}

/** How a statement is run. */
export interface ExecuteOptions {
  /** Ends the query between batches. */
  readonly signal: AbortSignal;
  readonly memoryLimitBytes: number;
  readonly timeLimitMs?: number;
  readonly clock: Clock;
  /** Counts rows and time for each operator. */
  readonly profile?: boolean;
}

/** What one operator did, outermost first. */
export interface OperatorTiming {
  readonly operator: string;
  readonly depth: number;
  readonly rows: number;
  readonly batches: number;
  readonly elapsed_ms: number;
}

/** A statement ready to run, once. */
export interface PreparedQuery {
  readonly columns: readonly ColumnSchema[];
  /** Normalized text: constants as $n. */
  readonly pattern: string;
  readonly fingerprint: string;
  /** Tables read, fully qualified. */
  readonly tables: readonly string[];
  /** Columns that scans can be skipped by, and how. */
  readonly predicates: readonly { readonly table: string; readonly column: string; readonly operator: string }[];
  /** The plan; after planScans with files, after execution with a profile with rows and times. */
  explain(): PlanDescription;
  /** Finds the files each scan reads. Idempotent. */
  planScans(): Promise<{ readonly identity: string; readonly statistics: ScanStatistics[] }>;
  /** Streams the rows. May be called once. */
  execute(options: ExecuteOptions): AsyncIterable<Batch>;
  /** Whether equal plans over equal scan identities give equal rows: no volatile functions, no use of the clock. */
  readonly isDeterministic: boolean;
  /** Whether the answer depends on now(). */
  readonly isTimeDependent: boolean;
  /** Canonical text of the plan; now() stays now(). */
  readonly cacheText: string;
  /** Operator timings and rows after execution with a profile; empty before. */
  profile(): readonly OperatorTiming[];
  /** The most bytes operators held at once, after execution. */
  memoryPeakBytes(): number;
}

/**
 * Parses, binds and optimizes one statement: SELECT, VALUES, EXPLAIN of these, SHOW TABLES.
 *
 * Errors: the SQL codes, with `position`, `start`, `end` and `nearest` in the details.
 */
export async function prepareQuery(sql: string, options: PrepareOptions): Promise<PreparedQuery> {
  try {
    const statement = parseStatement(sql);
    return await prepareStatement(statement, statement.statement, options);
  } catch (error) {
    if (error instanceof RangeError && /call stack/i.test(error.message)) {
      throw new LakeError("sql_unsupported", "The query is nested too deeply.", { cause: error });
    }
    throw error;
  }
}

async function prepareStatement(
  statement: ParsedStatement,
  node: Node,
  options: PrepareOptions,
): Promise<PreparedQuery> {
  if ("SelectStmt" in node) return prepareSelect(statement, node.SelectStmt, options);
  if ("ExplainStmt" in node && node.ExplainStmt.query !== undefined) {
    const inner = await prepareStatement(statement, node.ExplainStmt.query, options);
    return explainStatement(inner, node.ExplainStmt.options ?? []);
  }
  if ("VariableShowStmt" in node && node.VariableShowStmt.name === "tables") {
    return showTables(statement, await options.catalog.tableNames());
  }
  throw new LakeError(
    "sql_unsupported",
    `${statementName(node)} is not supported: only SELECT, VALUES, EXPLAIN and SHOW TABLES.`,
  );
}

/** INSERT for InsertStmt, CREATE TABLE AS for CreateTableAsStmt. */
function statementName(node: Node): string {
  if ("VariableShowStmt" in node) return `SHOW ${node.VariableShowStmt.name ?? ""}`.trim();
  return nodeKind(node)
    .replace(/Stmt$/, "")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toUpperCase();
}

const MICROS_PER_MILLI = 1000;

async function prepareSelect(
  statement: ParsedStatement,
  query: SelectStmt,
  options: PrepareOptions,
): Promise<PreparedQuery> {
  const statementTimeMicros = Math.round(options.clock.nowMs() * MICROS_PER_MILLI);
  const bound = await bindStatement(statement, query, {
    catalog: options.catalog,
    registry: functionRegistry,
    params: options.params,
    statementTimeMicros,
  });
  const env = { statementTimeMicros };
  const log: RewriteLog = { rewrites: [] };
  const optimize = (plan: PlanNode): PlanNode => (options.optimize === false ? plan : optimizePlan(plan, env, log));
  const plan = optimize(bound.plan);
  const subqueries = bound.subqueries.map((subquery) => ({ ...subquery, plan: optimize(boundSubqueryRows(subquery)) }));
  return createPreparedQuery({ statement, bound, plan, subqueries, log, statementTimeMicros });
}

interface Preparation {
  readonly statement: ParsedStatement;
  readonly bound: BoundQuery;
  readonly plan: PlanNode;
  readonly subqueries: readonly PreparedSubquery[];
  readonly log: RewriteLog;
  readonly statementTimeMicros: number;
}

/** What execution leaves behind for explain and profile. */
interface Execution {
  plan: PlanNode;
  subqueries: PlanNode[];
  profiles: Map<PlanNode, OperatorProfile> | undefined;
  memory: MemoryBudget | undefined;
}

function scansOf(plans: readonly PlanNode[]): ScanNode[] {
  const scans: ScanNode[] = [];
  for (const plan of plans) {
    visitPlan(plan, (node) => {
      if (node.kind === "scan") scans.push(node);
    });
  }
  return scans;
}

function someExpression(plan: PlanNode, test: (expr: Expr) => boolean): boolean {
  let found = false;
  visitPlan(plan, (node) => {
    mapExpressions(node, (expr) => {
      found ||= someExpr(expr, test);
      return expr;
    });
  });
  return found;
}

function createPreparedQuery(preparation: Preparation): PreparedQuery {
  const { statement, bound, plan, subqueries, log, statementTimeMicros } = preparation;
  const allPlans = [...subqueries.map((subquery) => subquery.plan), plan];
  const scans = scansOf(allPlans);
  const planned = new Map<ScanNode, PlannedScan>();
  const execution: Execution = {
    plan,
    subqueries: subqueries.map((subquery) => subquery.plan),
    profiles: undefined,
    memory: undefined,
  };
  let planning: Promise<void> | undefined;
  const planAll = (): Promise<void> => {
    planning ??= Promise.all(
      scans.map(async (node) => {
        const limit = node.limit === undefined ? {} : { limit: node.limit };
        planned.set(
          node,
          await node.source.planScan({ columns: node.projection, predicates: node.predicates, ...limit }),
        );
      }),
    ).then(() => undefined);
    return planning;
  };
  const isTimeDependent =
    bound.usesClock ||
    allPlans.some((part) => someExpression(part, (expr) => expr.kind === "literal" && expr.source !== undefined));
  return {
    columns: bound.plan.columns,
    pattern: statement.pattern,
    fingerprint: statement.fingerprint,
    tables: bound.tables,
    predicates: predicatesOf(scans),
    isDeterministic: !bound.isVolatile && !isTimeDependent,
    isTimeDependent,
    cacheText: allPlans.map((part) => planToCacheText(part)).join("\n"),
    explain: () => describe(execution, planned, log),
    profile: () => (execution.profiles === undefined ? [] : timings(describe(execution, planned, log))),
    memoryPeakBytes: () => execution.memory?.peakBytes ?? 0,
    async planScans() {
      await planAll();
      const found = scans.flatMap((node) => planned.get(node) ?? []);
      return {
        identity: scans.map((node, i) => `${node.source.name}=${found[i]?.identity ?? ""}`).join("\n"),
        statistics: found.map((scan) => scan.statistics),
      };
    },
    async *execute(options) {
      await planAll();
      const context = createContext(options, planned, statementTimeMicros, execution);
      const values: SubqueryValue[] = [];
      for (const [i, subquery] of subqueries.entries()) {
        const ready = foldPlan(substituteSubqueries(subquery.plan, values), context);
        execution.subqueries[i] = ready;
        values.push(await readSubquery(subquery, executePlan(ready, context)));
      }
      execution.plan = values.length === 0 ? plan : foldPlan(substituteSubqueries(plan, values), context);
      yield* executePlan(execution.plan, context);
    },
  };
}

function createContext(
  options: ExecuteOptions,
  planned: ReadonlyMap<ScanNode, PlannedScan>,
  statementTimeMicros: number,
  execution: Execution,
): ExecutionContext {
  const memory = createMemoryBudget(options.memoryLimitBytes);
  execution.memory = memory;
  const profiles = new Map<PlanNode, OperatorProfile>();
  const sink = options.profile === true ? createProfileSink(options.clock) : undefined;
  if (sink !== undefined) execution.profiles = profiles;
  const { timeLimitMs } = options;
  const context: ExecutionContext = {
    statementTimeMicros,
    limits: { open: () => memory.open("expression"), checkTime: () => checkpoint(context) },
    planScan(node) {
      const scan = planned.get(node);
      if (scan === undefined) throw new LakeError("internal", "A scan was not planned.");
      return scan;
    },
    signal: options.signal,
    memory,
    ...(timeLimitMs === undefined
      ? {}
      : { deadline: { clock: options.clock, atMs: options.clock.nowMs() + timeLimitMs, limitMs: timeLimitMs } }),
    ...(sink === undefined
      ? {}
      : {
          profile: {
            clock: sink.clock,
            operator(node: PlanNode) {
              const record = sink.operator(node);
              profiles.set(node, record);
              return record;
            },
          },
        }),
  };
  return context;
}

function describe(execution: Execution, planned: ReadonlyMap<ScanNode, PlannedScan>, log: RewriteLog): PlanDescription {
  const sources = {
    scanOf: (node: ScanNode) => planned.get(node),
    profileOf: (node: PlanNode) => execution.profiles?.get(node),
  };
  const plan = describePlan(execution.plan, sources);
  const subqueries = execution.subqueries.map((subquery) => describePlan(subquery, sources));
  return { plan, subqueries, rewrites: log.rewrites, text: planToLines(plan, subqueries, log.rewrites) };
}

function timings(description: PlanDescription): OperatorTiming[] {
  const result: OperatorTiming[] = [];
  const visit = (node: OperatorDescription, depth: number): void => {
    result.push({
      operator: node.operator,
      depth,
      rows: node.actual_rows ?? 0,
      batches: node.batches ?? 0,
      elapsed_ms: node.elapsed_ms ?? 0,
    });
    for (const child of node.children) visit(child, depth + 1);
  };
  visit(description.plan, 0);
  for (const subquery of description.subqueries) visit(subquery, 0);
  return result;
}

function predicatesOf(scans: readonly ScanNode[]): PreparedQuery["predicates"] {
  const predicates = new Map<string, { table: string; column: string; operator: string }>();
  for (const { source, predicates: own } of scans) {
    for (const { column, operator } of own) {
      const entry = { table: source.name, column: source.columns[column]?.name ?? "", operator };
      predicates.set(Object.values(entry).join("\n"), entry);
    }
  }
  return [...predicates.values()];
}
