// Prepares a statement for execution: parse, bind, optimize, plan its scans; then run it.

import type { Batch, ColumnSchema } from "#columnar";
import { LakeError, required, type Clock } from "#core";
import type { Node, SelectStmt } from "libpg-query";
import { bindStatement, startBinding, type BoundQuery } from "./bind/bind.ts";
import { viewRewrites } from "./bind/views.ts";
import { nodeKind } from "./bind/ast.ts";
import type { PreparedSubquery, StatementParams } from "./bind/context.ts";
import { executePlan } from "./execute/index.ts";
import type { ExecutionContext, ScanNode } from "./execute/context.ts";
import { createSharedStore } from "./execute/shared-rows.ts";
import { createSpillSpace, type SpillStore } from "./execute/spill/store.ts";
import { planToCacheText } from "./explain/cache-text.ts";
import { changeNodeOf, targetOf } from "./change/bind-change.ts";
import type { ChangeOperation } from "./change/bound-change.ts";
import { explainableChange } from "./change/explain-change.ts";
import { prepareChange, type PreparedChange } from "./change/prepare-change.ts";
import { definitionNodeOf, definitionTarget, fillingInsert, readDefinition } from "./definition/bind-definition.ts";
import type { Definition, DefinitionOperation } from "./definition/definition.ts";
import type { PlanDescription } from "./explain/describe.ts";
import {
  createContext,
  describe,
  predicatesOf,
  scansOf,
  someExpression,
  timings,
  type Execution,
  type UsedPredicate,
} from "./execution.ts";
import { functionRegistry } from "./functions/index.ts";
import { foldPlan, optimizePlans, type RewriteLog } from "./optimize/index.ts";
import { parseStatement, type ParsedStatement } from "./parser/parse.ts";
import { answerGroups } from "./partial/grouped-facts.ts";
import { runPieces, type PartialCache } from "./partial/run-pieces.ts";
import type { PlanNode } from "./plan.ts";
import { boundSubqueryRows, readSubquery, substituteSubqueries, type SubqueryValue } from "./subquery-values.ts";
import type { PlannedScan, ScanStatistics, TableCatalog } from "./table-source.ts";
import { explainStatement, showTables } from "./statements.ts";

/** What a statement is prepared with. */
export interface PrepareOptions {
  readonly catalog: TableCatalog;
  /** Values of $1, $2, … or of :name: strings, numbers, booleans, null, and arrays for = ANY($n). */
  readonly params: StatementParams;
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
  /** Resolves when the platform has done what else there is; absent: it has no turn until rows are waited for. */
  readonly turn?: () => Promise<void>;
  /** Counts rows and time for each operator. */
  readonly profile?: boolean;
  /** Where operators put rows that do not fit the memory; absent: such queries end with memory_limit_exceeded. */
  readonly spill?: SpillStore;
  /** Whether operators may put rows aside now; absent: always. */
  readonly maySpill?: () => boolean;
  /** Where aggregations of immutable pieces of tables are kept; absent: everything is computed. */
  readonly partials?: PartialCache;
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
  readonly predicates: readonly UsedPredicate[];
  /** The plan; after planScans with files, after execution with a profile with rows and times. */
  explain(): PlanDescription;
  /** Finds the files each scan reads. Idempotent. */
  planScans(): Promise<{ readonly identity: string; readonly statistics: ScanStatistics[] }>;
  /** Streams the rows. May be called once. */
  execute(options: ExecuteOptions): AsyncIterable<Batch>;
  /**
   * Whether equal plans over equal scan identities give equal rows: no volatile functions, no use of the clock.
   * Known only after execution where texts that are read are cast to times: 'today' is such a text.
   */
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

/** A statement that gives rows, or one that changes them. */
export type PreparedStatement =
  | { readonly kind: "query"; readonly query: PreparedQuery }
  | { readonly kind: "change"; readonly change: PreparedChange };

/**
 * Parses, binds and optimizes one statement: SELECT, VALUES, EXPLAIN of any, SHOW TABLES; INSERT, UPDATE, DELETE, MERGE
 * and TRUNCATE of one table. Of CREATE TABLE AS the INSERT that fills the table, which has to be there.
 *
 * Errors: the SQL codes, with `position`, `start`, `end` and `nearest` in the details.
 */
export async function prepareStatement(sql: string, options: PrepareOptions): Promise<PreparedStatement> {
  return withDepthCheck(async () => {
    const statement = parseStatement(sql);
    const defining = definitionNodeOf(statement.statement);
    const node = defining === undefined ? changeNodeOf(statement.statement) : fillingInsert(defining);
    if (node !== undefined) return { kind: "change", change: await prepareChange(statement, node, options) };
    return { kind: "query", query: await prepareNode(statement, statement.statement, options) };
  });
}

/** What a statement changes or defines. */
export type StatementTarget = ChangeTargetName | DefinitionTargetName;

/** What a statement changes. */
export interface ChangeTargetName {
  readonly kind: "change";
  readonly operation: ChangeOperation;
  /** The table's name as written, one to three parts. */
  readonly path: readonly string[];
  /** Normalized text: constants as $n. */
  readonly pattern: string;
}

/** What a statement creates, alters or drops. */
export interface DefinitionTargetName {
  readonly kind: "definition";
  readonly operation: DefinitionOperation;
  /** The name as written. */
  readonly path: readonly string[];
  /** Normalized text: constants as $n. */
  readonly pattern: string;
}

/** Reads a statement that defines tables or views. Errors: the SQL codes; `sql_unsupported` for any other statement. */
export async function prepareDefinition(sql: string, options: PrepareOptions): Promise<Definition> {
  return withDepthCheck(async () => {
    const statement = parseStatement(sql);
    const node = definitionNodeOf(statement.statement);
    if (node === undefined) throw new LakeError("sql_unsupported", "The statement defines no table or view.");
    const { context } = await startBinding({ ...statement, timeTravel: [] }, [], {
      catalog: options.catalog,
      registry: functionRegistry,
      // What is defined is the same whatever values are given now.
      params: [],
      statementTimeMicros: 0,
    });
    return readDefinition(node, context, (query) => prepareNode(statement, query, { ...options, params: [] }));
  });
}

/**
 * What a statement changes; undefined for queries, EXPLAIN, and texts that do not parse, whose error preparing them
 * tells.
 */
export function changeTarget(sql: string): StatementTarget | undefined {
  try {
    const statement = parseStatement(sql);
    const { statement: tree, pattern } = statement;
    const defining = definitionNodeOf(tree);
    if (defining !== undefined) return { kind: "definition", ...definitionTarget(defining), pattern };
    const node = changeNodeOf(tree);
    return node === undefined ? undefined : { kind: "change", ...targetOf(node), pattern };
  } catch {
    return undefined;
  }
}

/** As {@link prepareStatement}, for queries only: what changes rows is `sql_unsupported`. */
export async function prepareQuery(sql: string, options: PrepareOptions): Promise<PreparedQuery> {
  return withDepthCheck(() => {
    const statement = parseStatement(sql);
    return prepareNode(statement, statement.statement, options);
  });
}

async function withDepthCheck<T>(prepare: () => Promise<T>): Promise<T> {
  try {
    return await prepare();
  } catch (error) {
    if (error instanceof RangeError && /call stack/i.test(error.message)) {
      throw new LakeError("sql_unsupported", "The query is nested too deeply.", { cause: error });
    }
    throw error;
  }
}

async function prepareNode(statement: ParsedStatement, node: Node, options: PrepareOptions): Promise<PreparedQuery> {
  if ("SelectStmt" in node) return prepareSelect(statement, node.SelectStmt, options);
  if ("ExplainStmt" in node && node.ExplainStmt.query !== undefined) {
    const { query, options: explainOptions = [] } = node.ExplainStmt;
    const changing = changeNodeOf(query);
    const inner =
      changing === undefined
        ? await prepareNode(statement, query, options)
        : explainableChange(await prepareChange(statement, changing, options));
    return explainStatement(inner, explainOptions);
  }
  if ("VariableShowStmt" in node && node.VariableShowStmt.name === "tables") {
    return showTables(statement, await options.catalog.tableNames());
  }
  throw new LakeError(
    "sql_unsupported",
    `${statementName(node)} is not supported: only SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE, EXPLAIN and SHOW TABLES.`,
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
    sharesRows: true,
  });
  let readsTime = false;
  const noteTimeRead = (): void => {
    readsTime = true;
  };
  const env = { statementTimeMicros, noteTimeRead };
  const log: RewriteLog = { rewrites: viewRewrites(bound.views) };
  const plans = [bound.plan, ...bound.subqueries.map(boundSubqueryRows)];
  const ready = options.optimize === false ? plans : optimizePlans(plans, env, log);
  const planAt = (index: number): PlanNode => required(ready[index], `plan ${index} of a statement`);
  const plan = planAt(0);
  const subqueries = bound.subqueries.map((subquery, i) => ({ ...subquery, plan: planAt(i + 1) }));
  return createPreparedQuery({ statement, bound, plan, subqueries, log, statementTimeMicros, readsTime });
}

/** The cache without what was computed after the time was read: it is true now only. */
function timelessOnly(partials: PartialCache, execution: Execution): PartialCache {
  return {
    async open(planText, types) {
      const entry = await partials.open(planText, types);
      return {
        get: (piece) => entry.get(piece),
        put: (piece, rows) => {
          if (!execution.readsTime) entry.put(piece, rows);
        },
      };
    },
  };
}

interface Preparation {
  readonly statement: ParsedStatement;
  readonly bound: BoundQuery;
  readonly plan: PlanNode;
  readonly subqueries: readonly PreparedSubquery[];
  readonly log: RewriteLog;
  readonly statementTimeMicros: number;
  /** Whether a constant was computed from a text such as 'today'. */
  readonly readsTime: boolean;
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
    readsTime: preparation.readsTime,
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
    get isDeterministic() {
      return !bound.isVolatile && !isTimeDependent && !execution.readsTime;
    },
    isTimeDependent,
    cacheText: [
      ...bound.views.map(({ name, identity }) => `view ${name} ${identity}`),
      ...allPlans.map(planToCacheText),
    ].join("\n"),
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
      const spill = options.spill === undefined ? undefined : createSpillSpace(options.spill);
      try {
        yield* executePrepared(createContext(options, planned, statementTimeMicros, execution, spill), options);
      } finally {
        await spill?.close();
      }
    },
  };

  async function* executePrepared(
    base: ExecutionContext,
    options: Pick<ExecuteOptions, "partials">,
  ): AsyncGenerator<Batch> {
    const partials = options.partials === undefined ? undefined : timelessOnly(options.partials, execution);
    const values: SubqueryValue[] = [];
    const shared = createSharedStore(async ({ plan: source }) => {
      const ready = foldPlan(substituteSubqueries(source, values), context);
      if (partials === undefined) return { plan: ready, batches: executePlan(ready, context) };
      const pieced = await runPieces(ready, context, partials);
      return { plan: pieced.plan, batches: executePlan(pieced.plan, pieced.context) };
    }, base);
    const context = { ...base, shared };
    execution.shared = shared;
    try {
      yield* executeWith(context, values, partials);
    } finally {
      await shared.close();
    }
  }

  async function* executeWith(
    context: ExecutionContext,
    values: SubqueryValue[],
    partials: PartialCache | undefined,
  ): AsyncGenerator<Batch> {
    for (const [i, subquery] of subqueries.entries()) {
      const ready = foldPlan(substituteSubqueries(subquery.plan, values), context);
      execution.subqueries[i] = ready;
      values.push(await readSubquery(subquery, executePlan(ready, context)));
    }
    execution.plan = values.length === 0 ? plan : foldPlan(substituteSubqueries(plan, values), context);
    const told = await answerGroups(execution.plan, context);
    execution.plan = told.plan;
    if (partials === undefined) {
      yield* executePlan(told.plan, told.context);
      return;
    }
    const piecewise = await runPieces(told.plan, told.context, partials);
    execution.plan = piecewise.plan;
    yield* executePlan(piecewise.plan, piecewise.context);
  }
}
