// Prepares a statement that changes rows: parse, bind, optimize; then runs it into a sink.

import type { Batch } from "#columnar";
import { LakeError } from "#core";
import { viewRewrites } from "../bind/views.ts";
import { collectInput } from "../execute/buffered-input.ts";
import { executePlan, type ExecutionContext, type ScanNode } from "../execute/index.ts";
import {
  createContext,
  describe,
  predicatesOf,
  scansOf,
  timings,
  type Execution,
  type UsedPredicate,
} from "../execution.ts";
import type { OperatorDescription, PlanDescription } from "../explain/describe.ts";
import { planToLines } from "../explain/describe.ts";
import { columnRef, columnsOf } from "../expressions.ts";
import { functionRegistry } from "../functions/index.ts";
import { foldPlan, optimizePlan, type RewriteLog } from "../optimize/index.ts";
import type { ParsedStatement } from "../parser/parse.ts";
import type { PlanNode } from "../plan.ts";
import type { ExecuteOptions, OperatorTiming, PrepareOptions } from "../engine.ts";
import { boundSubqueryRows, readSubquery, substituteSubqueries, type SubqueryValue } from "../subquery-values.ts";
import type { ChangeScan, ChangeSink, PlannedScan, ScanStatistics } from "../table-source.ts";
import { bindChange, type ChangeNode } from "./bind-change.ts";
import type { BoundChange, ChangeOperation, RowAction, RowSearch } from "./bound-change.ts";
import { isExactScan } from "./exact-predicates.ts";
import { createFileChanges, type RowCounts } from "./file-changes.ts";
import { narrowTarget } from "./narrow-target.ts";
import { compileActions } from "./row-actions.ts";
import { checkRows } from "./row-checks.ts";

/** A change ready to run, once. */
export interface PreparedChange {
  readonly operation: ChangeOperation;
  /** The table that changes, fully qualified. */
  readonly table: string;
  readonly pattern: string;
  readonly fingerprint: string;
  /** Tables read or changed, fully qualified. */
  readonly tables: readonly string[];
  readonly predicates: readonly UsedPredicate[];
  /**
   * Whether what becomes of a file's rows depends on that file alone, so that the effects on a file that is still
   * there need not be computed again.
   */
  readonly isPerFile: boolean;
  explain(): PlanDescription;
  /** Finds the files each scan reads, without what only execution tells. Idempotent; for EXPLAIN. */
  planScans(): Promise<{ readonly statistics: ScanStatistics[] }>;
  /**
   * Runs the statement. May be called once. Nothing is visible until the sink's owner commits.
   *
   * Errors: as a query's, and `not_null_violation`, `cardinality_violation`.
   */
  execute(sink: ChangeSink, options: ExecuteOptions): Promise<RowCounts>;
  /** Statistics of the scans so far. */
  statistics(): readonly ScanStatistics[];
  profile(): readonly OperatorTiming[];
  memoryPeakBytes(): number;
}

const MICROS_PER_MILLI = 1000;

/** Binds and optimizes a change. Errors: the SQL codes. */
export async function prepareChange(
  statement: ParsedStatement,
  node: ChangeNode,
  options: PrepareOptions,
): Promise<PreparedChange> {
  const statementTimeMicros = Math.round(options.clock.nowMs() * MICROS_PER_MILLI);
  const bound = await bindChange(statement, node, {
    catalog: options.catalog,
    registry: functionRegistry,
    params: options.params,
    statementTimeMicros,
  });
  return createPreparedChange(statement, bound, statementTimeMicros, options.optimize !== false);
}

function createPreparedChange(
  statement: ParsedStatement,
  bound: BoundChange,
  statementTimeMicros: number,
  optimizes: boolean,
): PreparedChange {
  const { target, operation } = bound;
  const env = { statementTimeMicros };
  const log: RewriteLog = { rewrites: viewRewrites(bound.views) };
  const optimize = (plan: PlanNode, keepsSides: boolean): PlanNode =>
    optimizes ? optimizePlan(plan, env, log, { keepsSides }) : plan;
  const subqueries = bound.subqueries.map((subquery) => ({
    ...subquery,
    plan: optimize(boundSubqueryRows(subquery), false),
  }));
  const rows = bound.rows === undefined ? undefined : optimize(bound.rows, false);
  const search = bound.search === undefined ? undefined : optimize(bound.search.plan, true);
  const needed = bound.search === undefined || search === undefined ? [] : neededColumns(bound.search, search);
  const source =
    bound.search?.source === undefined ? undefined : optimize(pick(bound.search.source.plan, needed), false);
  const removesMatches = bound.search !== undefined && search !== undefined && isWholeDelete(bound.search, search);

  const before = [...subqueries.map((subquery) => subquery.plan), rows, source].filter((plan) => plan !== undefined);
  const planned = new Map<ScanNode, PlannedScan>();
  let targetScan: ChangeScan | undefined;
  const execution: Execution = {
    plan: search ?? rows ?? { kind: "values", rows: [], columns: [] },
    subqueries: before.filter((plan) => plan !== rows),
    profiles: undefined,
    memory: undefined,
    readsTime: false,
  };

  async function planScan(node: ScanNode, isMain: boolean): Promise<void> {
    if (planned.has(node)) return;
    const request = { columns: node.projection, predicates: node.predicates };
    if (isMain) {
      targetScan = await target.changes.planScan({ ...request, removesMatches });
      planned.set(node, targetScan);
      return;
    }
    // Subqueries that cannot be told apart from the rows they are about scan the target again.
    if (node.source === bound.search?.scanned) {
      planned.set(node, await target.changes.planReading(request));
      return;
    }
    const limit = node.limit === undefined ? {} : { limit: node.limit };
    planned.set(node, await node.source.planScan({ ...request, ...limit }));
  }
  const planAll = async (plans: readonly PlanNode[]): Promise<void> => {
    const scans = [...new Set(scansOf(plans))];
    // The target is on the left of every join.
    const main = scans.find((node) => node.source === bound.search?.scanned);
    await Promise.all(scans.map((node) => planScan(node, node === main)));
  };
  const statistics = (): ScanStatistics[] =>
    [...planned].filter(([node]) => node.source !== bound.search?.source?.table).map(([, scan]) => scan.statistics);

  return {
    operation,
    table: target.name,
    pattern: statement.pattern,
    fingerprint: statement.fingerprint,
    tables: bound.tables,
    predicates: predicatesOf(scansOf([...before, ...(search === undefined ? [] : [search])])).filter(
      (predicate) => predicate.table !== "source",
    ),
    isPerFile:
      bound.search?.source === undefined &&
      bound.subqueries.length === 0 &&
      !bound.isVolatile &&
      !readsOthers(search, bound),
    explain: () => changeDescription(bound, describe(execution, planned, log), targetScan),
    async planScans() {
      await planAll([...before, ...(search === undefined ? [] : [search])]);
      return { statistics: statistics() };
    },
    statistics,
    profile: () => (execution.profiles === undefined ? [] : timings(describe(execution, planned, log))),
    memoryPeakBytes: () => execution.memory?.peakBytes ?? 0,
    async execute(sink, options) {
      const context = createContext(options, planned, statementTimeMicros, execution);
      const counts: RowCounts = { inserted: 0, updated: 0, deleted: 0 };
      await planAll(before);
      const values: SubqueryValue[] = [];
      const ready = (plan: PlanNode): PlanNode => foldPlan(substituteSubqueries(plan, values), context);
      for (const subquery of subqueries)
        values.push(await readSubquery(subquery, executePlan(ready(subquery.plan), context)));
      if (rows !== undefined) {
        const plan = ready(rows);
        execution.plan = plan;
        for await (const batch of executePlan(plan, context)) {
          checkRows(target, batch);
          counts.inserted += batch.rowCount;
          await sink.insert(batch);
        }
      }
      if (bound.search !== undefined && search !== undefined) {
        const sourcePlan = source === undefined ? undefined : ready(source);
        const run: SearchRun = { context, counts, sink, ready, execution, planAll, needed };
        await runSearch(bound, { ...bound.search, plan: ready(search) }, sourcePlan, run);
        counts.deleted += targetScan?.rowsRemoved ?? 0;
      }
      return counts;
    },
  };
}

/** Whether all that a statement does is to delete the rows of one scan. */
function isWholeDelete(search: RowSearch, plan: PlanNode): boolean {
  const [action] = search.actions;
  return action?.kind === "delete" && search.source === undefined && plan.kind === "project" && isExactScan(plan.input);
}

/** The source's columns that the search or an action reads. */
function neededColumns({ source, actions, scanned }: RowSearch, plan: PlanNode): readonly number[] {
  if (source === undefined) return [];
  const needed = new Set<number>();
  for (const node of scansOf([plan])) {
    if (node.source === source.table) for (const index of node.projection) needed.add(index);
  }
  for (const action of actions) {
    if (action.kind === "delete") continue;
    for (const expr of action.values) {
      for (const index of columnsOf(expr))
        if (index >= scanned.columns.length) needed.add(index - scanned.columns.length);
    }
  }
  return [...needed].filter((index) => index < source.table.width).toSorted((a, b) => a - b);
}

/** Some columns of a plan. */
function pick(plan: PlanNode, indices: readonly number[]): PlanNode {
  const picked = indices.flatMap((index) => {
    const column = plan.columns[index];
    return column === undefined ? [] : [{ expr: columnRef(index, column), column }];
  });
  const exprs = picked.map(({ expr }) => expr);
  return { kind: "project", input: plan, exprs, columns: picked.map(({ column }) => column) };
}

/** Whether the search reads more than its target once, as WHERE x IN (SELECT …) does. */
function readsOthers(search: PlanNode | undefined, bound: BoundChange): boolean {
  if (search === undefined) return false;
  const scans = scansOf([search]);
  return scans.length > 1 || scans.some((node) => node.source !== bound.search?.scanned);
}

interface SearchRun {
  readonly context: ExecutionContext;
  readonly counts: RowCounts;
  readonly sink: ChangeSink;
  readonly ready: (plan: PlanNode) => PlanNode;
  readonly execution: Execution;
  readonly planAll: (plans: readonly PlanNode[]) => Promise<void>;
  /** The source's columns that its plan gives, in order. */
  readonly needed: readonly number[];
}

async function runSearch(
  { target }: BoundChange,
  search: RowSearch,
  sourcePlan: PlanNode | undefined,
  { context, counts, sink, ready, execution, planAll, needed }: SearchRun,
): Promise<void> {
  const table = search.source?.table;
  const account = context.memory.open("source of the change");
  const found = context.memory.open("rows found");
  try {
    let { plan } = search;
    const actions = search.actions.map((action) => foldAction(action, ready));
    if (table !== undefined && sourcePlan !== undefined) {
      const batch: Batch = await collectInput(executePlan(sourcePlan, context), sourcePlan.columns, account, context);
      const columns = Array.from({ length: table.width }, (_, index) => batch.columns[needed.indexOf(index)]);
      table.fill(batch.rowCount, columns);
      plan = narrowTarget(plan, search.scanned, table);
    }
    execution.plan = plan;
    await planAll([plan]);
    const compiled = compileActions(target, actions, table, context);
    const changes = createFileChanges(compiled, sink, counts, search.refusesSecond, found);
    for await (const batch of executePlan(plan, context)) await changes.add(batch);
    await changes.finish();
  } finally {
    account.close();
    found.close();
  }
}

/** An action with the values of subqueries in place. */
function foldAction(action: RowAction, ready: (plan: PlanNode) => PlanNode): RowAction {
  if (action.kind === "delete") return action;
  const input: PlanNode = { kind: "values", rows: [], columns: [] };
  const columns = action.values.map(({ type }) => ({ name: "", type, nullable: true }));
  const folded = ready({ kind: "project", input, exprs: action.values, columns });
  if (folded.kind !== "project") throw new LakeError("internal", "An action lost its values.");
  return { ...action, values: folded.exprs };
}

const NAMES: Readonly<Record<ChangeOperation, string>> = {
  insert: "Insert on",
  update: "Update on",
  delete: "Delete on",
  merge: "Merge on",
};

function changeDescription(
  { operation, target }: BoundChange,
  inner: PlanDescription,
  scan: ChangeScan | undefined,
): PlanDescription {
  const details = [...target.changes.describe(operation)];
  if (scan !== undefined && scan.rowsRemoved > 0) details.push(`Rows of files removed whole: ${scan.rowsRemoved}`);
  const plan: OperatorDescription = {
    operator: `${NAMES[operation]} ${target.name}`,
    details,
    estimated_rows: inner.plan.estimated_rows,
    children: [inner.plan],
  };
  return { ...inner, plan, text: planToLines(plan, inner.subqueries, inner.rewrites) };
}
