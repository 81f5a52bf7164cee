// One cron run: observe the workload, judge it against baselines, alert, follow up on what was changed earlier,
// and propose and start new changes within the budget.

import { LakeError, type Clock, type RandomSource } from "#core";
import { errorToLogFields, logEvent, type AlertCode, type LogSink } from "#telemetry";
import {
  evaluateAlerts,
  refreshBaselines,
  trackConditions,
  type Alert,
  type AlertDecisions,
  type Condition,
} from "./alerts.ts";
import { resolveConfig, type OptimizerConfig } from "./config.ts";
import { readPatternLatencies, readTableCost, type RunSql } from "./latency.ts";
import { detectLongHistory, type ExpiryProposal } from "./snapshot-expiry.ts";
import { checkBudget, detectSmallFiles, type CompactionProposal, type TableFiles } from "./small-files.ts";
import type { OptimizerAction, OptimizerState } from "./state.ts";
import { actionToView, alertToView } from "./views.ts";

const DAY_MS = 86_400_000;

/** A maintenance job as the optimizer follows it. */
export interface JobView {
  readonly id: string;
  readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  readonly result?: unknown;
  readonly error?: { readonly detail: string };
}

/** What a run needs from its surroundings. */
export interface OptimizerDeps {
  readonly state: OptimizerState;
  readonly runSql: RunSql;
  /** Every table with its live files. */
  readonly listTables: () => AsyncIterable<TableFiles>;
  /** Starts a compaction. Errors: `job_conflict` when a job already runs on the table. */
  readonly startCompaction: (
    table: string,
    options: { readonly minFileSize: number; readonly targetFileSize: number },
  ) => Promise<JobView>;
  /** Forgets snapshots; resolves to how many went. */
  readonly expireSnapshots: (table: string, proposal: ExpiryProposal) => Promise<number>;
  /** Deletes what queries left in the bucket, as much as is due; resolves to how many objects went. */
  readonly deleteLeftovers: (nowMs: number) => Promise<number>;
  /** Undefined when the job is no longer known. */
  readonly getJob: (id: string) => Promise<JobView | undefined>;
  /** Tells the outside of an alert; undefined when no webhook is configured. */
  readonly notify: ((alert: Alert) => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: LogSink;
}

/** What one run did. */
export interface OptimizerReport {
  readonly started_at_ms: number;
  readonly patterns_evaluated: number;
  readonly baselines_refreshed: number;
  readonly alerts_raised: number;
  readonly alerts_resolved: number;
  readonly alerts_active: number;
  readonly actions_started: number;
  readonly actions_closed: number;
  readonly snapshots_expired: number;
  readonly leftovers_deleted: number;
  readonly proposals_declined: readonly { readonly table: string; readonly reason: string }[];
  /** Steps that failed; the others ran all the same. */
  readonly failed_steps: readonly string[];
}

/** The configuration in force: defaults and the stored overrides. */
export async function readConfig(state: OptimizerState): Promise<OptimizerConfig> {
  return resolveConfig(await state.readOverrides());
}

/**
 * Runs once. A step that fails is logged and named in the report and does not keep the others from running.
 */
export async function runOptimizer(deps: OptimizerDeps): Promise<OptimizerReport> {
  const startedAtMs = deps.clock.nowMs();
  const config = await readConfig(deps.state);
  const failedSteps: string[] = [];

  async function step<T>(name: string, run: () => Promise<T>, fallback: T): Promise<T> {
    try {
      return await run();
    } catch (error) {
      failedSteps.push(name);
      logEvent(deps.log, {
        event: "internal_error",
        level: "error",
        operation: `optimizer_${name}`,
        ...errorToLogFields(error),
      });
      return fallback;
    }
  }

  const latency = await step("latency", () => judgeLatency(deps, config), {
    evaluated: 0,
    refreshed: 0,
    raised: 0,
    resolved: 0,
    active: 0,
  });
  const closed = await step("follow_up", () => followUpActions(deps, config), 0);
  const layout = await step("layout", () => improveLayouts(deps, config), {
    started: 0,
    declined: [],
    expired: 0,
    raised: 0,
    resolved: 0,
    active: 0,
  });
  const leftovers = await step("leftovers", () => deps.deleteLeftovers(startedAtMs), 0);
  await step("prune", () => deps.state.prune(deps.clock.nowMs()), undefined);

  const report: OptimizerReport = {
    started_at_ms: startedAtMs,
    patterns_evaluated: latency.evaluated,
    baselines_refreshed: latency.refreshed,
    alerts_raised: latency.raised + layout.raised,
    alerts_resolved: latency.resolved + layout.resolved,
    alerts_active: latency.active + layout.active,
    actions_started: layout.started,
    actions_closed: closed,
    snapshots_expired: layout.expired,
    leftovers_deleted: leftovers,
    proposals_declined: layout.declined,
    failed_steps: failedSteps,
  };
  logEvent(deps.log, {
    event: "optimizer_run",
    level: failedSteps.length === 0 ? "info" : "error",
    duration_ms: deps.clock.nowMs() - startedAtMs,
    ...report,
  });
  return report;
}

interface LatencyOutcome {
  readonly evaluated: number;
  readonly refreshed: number;
  readonly raised: number;
  readonly resolved: number;
  readonly active: number;
}

async function judgeLatency(deps: OptimizerDeps, config: OptimizerConfig): Promise<LatencyOutcome> {
  const nowMs = deps.clock.nowMs();
  const evaluationStartMs = nowMs - config.evaluation_window_seconds * 1000;
  const minSamples = config.min_samples;
  // Ends just after now: rows are stamped when their query started, and both bounds come from one clock.
  const current = await readPatternLatencies(deps.runSql, { fromMs: evaluationStartMs, toMs: nowMs + 1, minSamples });
  const stored = await deps.state.readBaselines();
  const active = await readActiveAlerts(deps, "QueryPerformanceDegradation");

  const computed = await readPatternLatencies(deps.runSql, {
    fromMs: evaluationStartMs - config.baseline_window_seconds * 1000,
    toMs: evaluationStartMs,
    minSamples,
  });
  const activeFingerprints = new Set(active.map((alert) => alert.subject));
  const fresh = refreshBaselines({ stored, computed, activeFingerprints, config, nowMs });
  await deps.state.writeBaselines(fresh);
  const baselines = new Map([...stored, ...fresh].map((baseline) => [baseline.fingerprint, baseline]));

  const decisions = evaluateAlerts({
    current,
    baselines: [...baselines.values()],
    active,
    config,
    nowMs,
    newId: () => deps.random.uuid(),
  });
  await applyDecisions(deps, decisions);
  return {
    evaluated: current.length,
    refreshed: fresh.length,
    raised: decisions.raised.length,
    resolved: decisions.resolved.length,
    active: decisions.raised.length + decisions.continued.length,
  };
}

async function readActiveAlerts(deps: OptimizerDeps, code: AlertCode): Promise<readonly Alert[]> {
  return (await deps.state.readAlerts({ activeOnly: true })).filter((alert) => alert.code === code);
}

/** Stores what changed, then tells of it: an alert that nobody heard of is still in the state. */
async function applyDecisions(deps: OptimizerDeps, decisions: AlertDecisions): Promise<void> {
  await deps.state.writeAlerts([...decisions.raised, ...decisions.continued, ...decisions.resolved]);
  for (const alert of decisions.raised) await announce(deps, "alert_raised", alert);
  for (const alert of decisions.resolved) await announce(deps, "alert_resolved", alert);
}

/** A webhook that fails is logged and not retried. */
async function announce(deps: OptimizerDeps, event: "alert_raised" | "alert_resolved", alert: Alert): Promise<void> {
  logEvent(deps.log, { event, level: event === "alert_raised" ? "warn" : "info", ...alertToView(alert) });
  try {
    await deps.notify?.(alert);
  } catch (error) {
    logEvent(deps.log, {
      event: "internal_error",
      level: "error",
      operation: "alert_webhook",
      ...errorToLogFields(error),
    });
  }
}

/** Moves open actions on: running → verifying or failed when the job ends, verifying → measured. Returns those closed. */
async function followUpActions(deps: OptimizerDeps, config: OptimizerConfig): Promise<number> {
  let closed = 0;
  for (const action of await deps.state.readOpenActions()) {
    const next = action.state === "running" ? await followJob(deps, action) : await measureAction(deps, config, action);
    if (next === undefined) continue;
    await deps.state.writeAction(next);
    if (next.state === "verifying") continue;
    closed += 1;
    logEvent(deps.log, {
      event: "optimizer_action",
      level: next.state === "failed" ? "warn" : "info",
      ...actionToView(next),
    });
  }
  return closed;
}

async function followJob(deps: OptimizerDeps, action: OptimizerAction): Promise<OptimizerAction | undefined> {
  const job = await deps.getJob(action.jobId);
  const finishedAtMs = deps.clock.nowMs();
  if (job === undefined) return { ...action, state: "failed", finishedAtMs, error: "the job is no longer known" };
  switch (job.state) {
    case "queued":
    case "running":
      return undefined;
    case "succeeded":
      return { ...action, state: "verifying", finishedAtMs, result: job.result };
    case "failed":
    case "cancelled":
      return { ...action, state: "failed", finishedAtMs, error: job.error?.detail ?? `the job was ${job.state}` };
  }
}

async function measureAction(
  deps: OptimizerDeps,
  config: OptimizerConfig,
  action: OptimizerAction,
): Promise<OptimizerAction | undefined> {
  const nowMs = deps.clock.nowMs();
  const finishedAtMs = action.finishedAtMs ?? nowMs;
  const costAfter = await readTableCost(deps.runSql, action.table, { fromMs: finishedAtMs, toMs: nowMs + 1 });
  if (costAfter !== undefined && costAfter.samples >= config.verify_min_samples)
    return { ...action, state: "measured", costAfter };
  if (nowMs - finishedAtMs >= config.verify_timeout_seconds * 1000)
    return { ...action, state: "not_measured", costAfter };
  return undefined;
}

interface LayoutOutcome {
  readonly expired: number;
  readonly raised: number;
  readonly resolved: number;
  readonly active: number;
  readonly started: number;
  readonly declined: readonly { readonly table: string; readonly reason: string }[];
}

async function improveLayouts(deps: OptimizerDeps, config: OptimizerConfig): Promise<LayoutOutcome> {
  const nowMs = deps.clock.nowMs();
  const actions = [...(await deps.state.readActions(nowMs - DAY_MS))];
  const declined: { table: string; reason: string }[] = [];
  const unrepaired: Condition[] = [];
  let started = 0;
  let expired = 0;
  for await (const table of deps.listTables()) {
    expired += await expireHistory(deps, config, table);
    const proposal = detectSmallFiles(table, config);
    if (proposal === undefined) continue;
    const recent = actions.map((action) => ({
      table: action.table,
      startedAtMs: action.startedAtMs,
      bytesRewritten: action.expected.bytesRewritten,
      isOpen: action.state === "running",
    }));
    const decision = checkBudget(proposal, recent, config, nowMs);
    if (!decision.allowed) {
      declined.push({ table: proposal.table, reason: decision.reason });
      if (decision.needsAttention) {
        unrepaired.push({
          code: "TooManySmallFiles",
          subject: proposal.table,
          detail: `${proposal.reason}; ${decision.reason}`,
          unit: "files",
          normal: proposal.expected.filesAfter,
          value: proposal.expected.filesBefore,
        });
      }
      continue;
    }
    const outcome = await startAction(deps, config, proposal);
    if (typeof outcome === "string") declined.push({ table: proposal.table, reason: outcome });
    else {
      actions.push(outcome);
      started += 1;
    }
  }
  const decisions = trackConditions({
    conditions: unrepaired,
    active: await readActiveAlerts(deps, "TooManySmallFiles"),
    nowMs,
    newId: () => deps.random.uuid(),
  });
  await applyDecisions(deps, decisions);
  return {
    started,
    declined,
    expired,
    raised: decisions.raised.length,
    resolved: decisions.resolved.length,
    active: decisions.raised.length + decisions.continued.length,
  };
}

/** Forgets the table's old snapshots where it asks for that; a failure is logged and keeps nothing else from running. */
async function expireHistory(deps: OptimizerDeps, config: OptimizerConfig, table: TableFiles): Promise<number> {
  const proposal = config.enabled ? detectLongHistory(table.history, config, deps.clock.nowMs()) : undefined;
  if (proposal === undefined) return 0;
  try {
    const snapshots = await deps.expireSnapshots(table.table, proposal);
    logEvent(deps.log, { event: "optimizer_action", kind: "expire_snapshots", table: table.table, snapshots });
    return snapshots;
  } catch (error) {
    logEvent(deps.log, {
      event: "internal_error",
      level: "error",
      operation: "expire_snapshots",
      table: table.table,
      ...errorToLogFields(error),
    });
    return 0;
  }
}

/** Starts the job and records the action; a reason when a job already runs on the table. */
async function startAction(
  deps: OptimizerDeps,
  config: OptimizerConfig,
  proposal: CompactionProposal,
): Promise<OptimizerAction | string> {
  const nowMs = deps.clock.nowMs();
  const costBefore = await readTableCost(deps.runSql, proposal.table, {
    fromMs: nowMs - config.baseline_window_seconds * 1000,
    toMs: nowMs + 1,
  });
  let job: JobView;
  try {
    job = await deps.startCompaction(proposal.table, {
      minFileSize: config.small_file_bytes,
      targetFileSize: config.compaction_target_bytes,
    });
  } catch (error) {
    if (error instanceof LakeError && error.code === "job_conflict") return error.message;
    throw error;
  }
  const action: OptimizerAction = {
    id: deps.random.uuid(),
    kind: "compact",
    table: proposal.table,
    reason: proposal.reason,
    state: "running",
    jobId: job.id,
    startedAtMs: nowMs,
    finishedAtMs: undefined,
    expected: proposal.expected,
    result: undefined,
    costBefore,
    costAfter: undefined,
    error: undefined,
  };
  await deps.state.writeAction(action);
  logEvent(deps.log, {
    event: "optimizer_action",
    ...actionToView(action),
  });
  return action;
}
