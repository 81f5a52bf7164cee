// What running a statement needs beside its plan: scans found, budgets, and what is told of it afterwards.

import { LakeError } from "#core";
import { createMemoryBudget, createProfileSink, type ExecutionContext, type MemoryBudget } from "./execute/index.ts";
import { createFoundConditions } from "./execute/found-conditions.ts";
import { checkpoint, type OperatorProfile, type ScanNode } from "./execute/context.ts";
import { describePlan, planToLines, type OperatorDescription, type PlanDescription } from "./explain/describe.ts";
import { someExpr } from "./expressions.ts";
import { mapExpressions, visitPlan, type RewriteLog } from "./optimize/index.ts";
import type { ExecuteOptions, OperatorTiming } from "./engine.ts";
import type { SpillSpace } from "./execute/spill/store.ts";
import type { SharedStore } from "./execute/shared-rows.ts";
import type { Expr, PlanNode, SharedRows } from "./plan.ts";
import type { PlannedScan } from "./table-source.ts";

/** A condition of a statement that a scan can skip data by. */
export interface UsedPredicate {
  readonly table: string;
  readonly column: string;
  readonly operator: string;
}

/** What execution leaves behind for explain and profile. */
export interface Execution {
  plan: PlanNode;
  subqueries: PlanNode[];
  profiles: Map<PlanNode, OperatorProfile> | undefined;
  memory: MemoryBudget | undefined;
  shared?: SharedStore;
  /** A text that was cast, such as 'today', made the answer depend on the time. */
  readsTime: boolean;
}

/** The scans of some plans, in plan order. */
export function scansOf(plans: readonly PlanNode[]): ScanNode[] {
  const scans = new Set<ScanNode>();
  for (const plan of plans) {
    visitPlan(plan, (node) => {
      if (node.kind === "scan") scans.add(node);
    });
  }
  return [...scans];
}

/** Whether an expression of the plan fulfils the test. */
export function someExpression(plan: PlanNode, test: (expr: Expr) => boolean): boolean {
  let found = false;
  visitPlan(plan, (node) => {
    mapExpressions(node, (expr) => {
      found ||= someExpr(expr, test);
      return expr;
    });
  });
  return found;
}

/** The surroundings of one execution; its memory and profiles are kept in `execution`. */
export function createContext(
  options: ExecuteOptions,
  planned: ReadonlyMap<ScanNode, PlannedScan>,
  statementTimeMicros: number,
  execution: Execution,
  spill?: SpillSpace,
): ExecutionContext {
  const memory = createMemoryBudget(options.memoryLimitBytes, options.maySpill);
  execution.memory = memory;
  const profiles = new Map<PlanNode, OperatorProfile>();
  const sink = options.profile === true ? createProfileSink(options.clock) : undefined;
  if (sink !== undefined) execution.profiles = profiles;
  const { timeLimitMs } = options;
  const context: ExecutionContext = {
    statementTimeMicros,
    noteTimeRead: () => {
      execution.readsTime = true;
    },
    limits: { open: () => memory.open("expression"), checkTime: () => checkpoint(context) },
    planScan(node) {
      const scan = planned.get(node);
      if (scan === undefined) throw new LakeError("internal", "A scan was not planned.");
      return scan;
    },
    signal: options.signal,
    ...(options.turn === undefined ? {} : { turn: everySoOften(options.turn) }),
    memory,
    found: createFoundConditions(),
    ...(spill === undefined ? {} : { spill }),
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

/** Batches between two turns of the platform: tens of milliseconds. */
const BATCHES_A_TURN = 64;

function everySoOften(turn: () => Promise<void>): () => Promise<void> | undefined {
  let batches = 0;
  return () => (++batches % BATCHES_A_TURN === 0 ? turn() : undefined);
}

/** The plan with what is known of its scans and of its execution. */
export function describe(
  execution: Execution,
  planned: ReadonlyMap<ScanNode, PlannedScan>,
  log: RewriteLog,
): PlanDescription {
  const described = new Set<SharedRows>();
  const sources = {
    sharedPlanOf(rows: SharedRows): PlanNode | undefined {
      if (described.has(rows)) return undefined;
      described.add(rows);
      return execution.shared?.planOf(rows) ?? rows.plan;
    },
    scanOf: (node: ScanNode) => planned.get(node),
    profileOf: (node: PlanNode) => execution.profiles?.get(node),
  };
  const plan = describePlan(execution.plan, sources);
  const subqueries = execution.subqueries.map((subquery) => describePlan(subquery, sources));
  return { plan, subqueries, rewrites: log.rewrites, text: planToLines(plan, subqueries, log.rewrites) };
}

/** What every operator did, outermost first. */
export function timings(description: PlanDescription): OperatorTiming[] {
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

/** Columns that scans can be skipped by, and how; each once. */
export function predicatesOf(scans: readonly ScanNode[]): readonly UsedPredicate[] {
  const predicates = new Map<string, { table: string; column: string; operator: string }>();
  for (const { source, predicates: own } of scans) {
    for (const { column, operator } of own) {
      const entry = { table: source.name, column: source.columns[column]?.name ?? "", operator };
      predicates.set(Object.values(entry).join("\n"), entry);
    }
  }
  return [...predicates.values()];
}
