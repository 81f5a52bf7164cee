// A whole layout job as a sequence of journalled steps: plan, rewrite each group, commit, tidy up. The workflow
// engine runs the steps in production; tests run them in memory.

import { LakeError, errorToProblem, tableNameToString, type Clock, type ErrorCode } from "#core";
import { createFileIO, type CatalogClient, type FileIO, type Snapshot, type Table } from "#iceberg";
import { locationToKey, type ObjectStore } from "#storage";
import { logEvent, type LogSink } from "#telemetry";
import { commitJob, describeJobSnapshot, findJobSnapshot, saveGroupResult, type CommittedJob } from "./commit-job.ts";
import type { SortLimits } from "./external-sort.ts";
import { openJobFiles, type JobFiles } from "./job-files.ts";
import type { JobCounters, JobOutcome, JobResult } from "./job.ts";
import type { LayoutRequest } from "./options.ts";
import { loadGroup, planJob, type JobPlan } from "./plan-job.ts";
import { createProgressMeter, type ProgressMeter } from "./progress-meter.ts";
import { runRewriteGroup } from "./rewrite-group.ts";

/** Runs steps whose results survive a restart: a step that finished is not run again. */
export interface JobSteps {
  /** Errors: those of the body, as {@link LakeError}, after the engine's retries of retryable ones. */
  run<T>(name: string, body: () => Promise<T>): Promise<T>;
  sleep(name: string, ms: number): Promise<void>;
}

/** The ledger as a running job uses it. */
export interface JobReporter {
  start(jobId: string): Promise<void>;
  progress(jobId: string, counters: JobCounters): Promise<{ readonly cancelRequested: boolean }>;
  finish(jobId: string, outcome: JobOutcome): Promise<void>;
  markCommitted(jobId: string, result: JobResult): Promise<void>;
}

/** What a job needs from its surroundings. */
export interface LayoutJobDeps {
  readonly catalog: Pick<CatalogClient, "loadTable">;
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  readonly reporter: JobReporter;
  readonly log: LogSink;
  readonly sortLimits?: SortLimits;
}

/** A job to run; plain data, so that it can be a workflow's parameters. */
export interface LayoutJob {
  readonly id: string;
  readonly request: LayoutRequest;
}

/** A commit request whose answer was lost cannot reach the catalog any more after this time. */
const UNKNOWN_COMMIT_WAIT_MS = 5 * 60 * 1000;

/** After these codes no commit request of the job can still be on its way. */
const NOT_COMMITTED: ReadonlySet<ErrorCode> = new Set([
  "commit_conflict",
  "data_invalid",
  "table_not_found",
  "unsupported_operation",
]);

/** How far a job got; not journalled, rebuilt when the engine replays the steps. */
interface JobPhase {
  commitWasSent: boolean;
}

/** A step's value, or the news that the job should stop. */
type Cancellable<T> = { readonly cancelled: false; readonly value: T } | { readonly cancelled: true };

/**
 * Runs a job to its end and records the outcome; returns it. On failure and cancellation every file the job wrote
 * is deleted, after making sure that its commit is not in.
 *
 * Errors: only when the clean-up itself fails for good; the job then stays active until it is recovered.
 */
export async function runLayoutJob(deps: LayoutJobDeps, job: LayoutJob, steps: JobSteps): Promise<JobOutcome> {
  const startedMs = await steps.run("start", async () => {
    await deps.reporter.start(job.id);
    return deps.clock.nowMs();
  });
  const phase: JobPhase = { commitWasSent: false };
  let outcome: JobOutcome;
  try {
    outcome = await attempt(deps, job, steps, phase, startedMs);
  } catch (error) {
    const problem = errorToProblem(error);
    if (phase.commitWasSent && !NOT_COMMITTED.has(problem.code)) {
      await steps.sleep("wait for the commit's fate", UNKNOWN_COMMIT_WAIT_MS);
    }
    outcome = await abandon(deps, job, steps, { state: "failed", problem }, startedMs);
  }
  const final = outcome;
  await steps.run("record outcome", async () => {
    await deps.reporter.finish(job.id, final);
    logStep(deps, job, final.state, final.state === "failed" ? { error_code: final.problem.code } : {});
    return null;
  });
  return final;
}

async function attempt(
  deps: LayoutJobDeps,
  job: LayoutJob,
  steps: JobSteps,
  phase: JobPhase,
  startedMs: number,
): Promise<JobOutcome> {
  const plan = await steps.run("plan", async () => {
    const table = await loadTable(deps, job);
    const planned = await planJob(table, fileIO(deps), job.request, jobFilesOf(deps, table, job));
    logStep(deps, job, "planned", {
      groups: planned.groups.length,
      bytes: sum(planned, "bytes"),
      dangling_deletes: planned.danglingDeletes,
    });
    return planned;
  });
  if (plan.groups.length === 0 && plan.danglingDeletes === 0) {
    return { state: "succeeded", result: await nothingToDo(deps, steps, plan, startedMs) };
  }
  const meter = createProgressMeter(deps.reporter, deps.clock, job.id, plan.groups);
  for (let index = 0; index < plan.groups.length; index++) {
    const step = await steps.run(`group ${index}`, () => rewriteStep(deps, job, plan, index, meter));
    if (step.cancelled) return abandon(deps, job, steps, { state: "cancelled" }, startedMs);
    meter.groupDone(index);
  }
  phase.commitWasSent = true;
  const committed = await steps.run("commit", async () => {
    const { cancelRequested } = await meter.report();
    if (cancelRequested) return { cancelled: true } as const;
    const table = await loadTable(deps, job);
    const commitDeps = { loadTable: () => loadTable(deps, job), io: fileIO(deps) };
    const value = await commitJob(commitDeps, job.id, plan, jobFilesOf(deps, table, job));
    logStep(deps, job, "committed", { snapshot_id: value.snapshotId, groups: value.groups });
    return { cancelled: false, value } satisfies Cancellable<CommittedJob>;
  });
  if (committed.cancelled) return abandon(deps, job, steps, { state: "cancelled" }, startedMs);
  return { state: "succeeded", result: await tidyUp(deps, job, steps, plan, committed.value, startedMs) };
}

async function rewriteStep(
  deps: LayoutJobDeps,
  job: LayoutJob,
  plan: JobPlan,
  index: number,
  meter: ProgressMeter,
): Promise<Cancellable<null>> {
  const stop = new AbortController();
  meter.groupStarted(index);
  if ((await meter.report()).cancelRequested) return { cancelled: true };
  const table = await loadTable(deps, job);
  const jobFiles = jobFilesOf(deps, table, job);
  const startedMs = deps.clock.nowMs();
  try {
    const group = await loadGroup(jobFiles, index);
    const result = await runRewriteGroup(
      {
        ...deps,
        jobFiles,
        signal: stop.signal,
        onProgress: async (progress) => {
          if ((await meter.add(progress)).cancelRequested) stop.abort();
        },
      },
      table,
      {
        jobId: job.id,
        group,
        targetFileSizeBytes: plan.targetFileSizeBytes,
        ...(plan.sort === undefined ? {} : { sort: plan.sort }),
      },
    );
    await saveGroupResult(jobFiles, index, result);
    logStep(deps, job, "group_rewritten", {
      group: index,
      files_before: group.files.length,
      files_after: result.files.length,
      bytes_before: group.bytes,
      bytes_after: result.bytes,
      rows: result.rows,
      deleted_rows: result.deletedRows,
      duration_ms: deps.clock.nowMs() - startedMs,
    });
    return { cancelled: false, value: null };
  } catch (error) {
    if (stop.signal.aborted) return { cancelled: true };
    throw error;
  }
}

/** Deletes working files and outputs of groups that were left out, then states the result. */
async function tidyUp(
  deps: LayoutJobDeps,
  job: LayoutJob,
  steps: JobSteps,
  plan: JobPlan,
  committed: CommittedJob,
  startedMs: number,
): Promise<JobResult> {
  return steps.run("tidy up", async () => {
    await cleanUpJob(deps, job);
    return toResult(committed, deps.clock.nowMs() - startedMs, plan);
  });
}

/**
 * Ends a job that will not commit: finds out whether it did after all, deletes what it wrote, and returns the
 * outcome to record.
 */
async function abandon(
  deps: LayoutJobDeps,
  job: LayoutJob,
  steps: JobSteps,
  outcome: JobOutcome,
  startedMs: number,
): Promise<JobOutcome> {
  return steps.run("clean up", async () => {
    const committed = await cleanUpJob(deps, job);
    if (committed === undefined) return outcome;
    return { state: "succeeded" as const, result: toResult(committed, deps.clock.nowMs() - startedMs) };
  });
}

/**
 * Deletes a job's working files and every output that is not part of its snapshot; returns what the job committed,
 * or undefined when it committed nothing. Safe to repeat and to run without knowing how the job ended.
 *
 * Errors: `storage_unavailable`, `upstream_unavailable`; nothing is deleted unless the table could be read.
 */
export async function cleanUpJob(deps: LayoutJobDeps, job: LayoutJob): Promise<CommittedJob | undefined> {
  let table: Table;
  try {
    table = await loadTable(deps, job);
  } catch (error) {
    // A dropped table took its location along: nothing can be found below it any more.
    if (error instanceof LakeError && error.code === "table_not_found") return undefined;
    throw error;
  }
  const jobFiles = jobFilesOf(deps, table, job);
  const snapshot = findJobSnapshot(table, job.id);
  const announced = await jobFiles.announcedOutputs();
  const unwanted = announced.length === 0 ? [] : await notInSnapshot(table, snapshot, announced);
  // Outputs first, the list of outputs last: a clean-up cut short finds the rest again.
  if (unwanted.length > 0) {
    await deps.store.delete(unwanted.map((location) => locationToKey(location, deps.bucket)));
  }
  await jobFiles.deleteAll();
  logStep(deps, job, "cleaned_up", { deleted_files: unwanted.length });
  return snapshot === undefined ? undefined : describeJobSnapshot(snapshot);
}

/**
 * Cleans up after a job whose run was lost, once no commit of it can still be on its way, and corrects its record
 * when it did commit.
 */
export async function recordCleanUp(deps: LayoutJobDeps, job: LayoutJob, steps: JobSteps): Promise<void> {
  await steps.sleep("wait for the commit's fate", UNKNOWN_COMMIT_WAIT_MS);
  await steps.run("clean up", async () => {
    const committed = await cleanUpJob(deps, job);
    if (committed !== undefined) await deps.reporter.markCommitted(job.id, toResult(committed, 0));
    return null;
  });
}

async function notInSnapshot(
  table: Table,
  snapshot: Snapshot | undefined,
  locations: readonly string[],
): Promise<readonly string[]> {
  if (snapshot === undefined) return locations;
  const { files } = await table.planScan({ snapshotId: snapshot["snapshot-id"] });
  const kept = new Set(files.map(({ dataFile }) => dataFile.filePath));
  return locations.filter((location) => !kept.has(location));
}

async function nothingToDo(deps: LayoutJobDeps, steps: JobSteps, plan: JobPlan, startedMs: number): Promise<JobResult> {
  return steps.run("nothing to do", () =>
    Promise.resolve({
      files_before: 0,
      files_after: 0,
      bytes_before: 0,
      bytes_after: 0,
      rows: 0,
      groups: 0,
      snapshot_id: null,
      duration_ms: deps.clock.nowMs() - startedMs,
      deleted_rows: 0,
      delete_files_removed: 0,
      note: ["nothing to do", ...foreignNote(plan)].join("; "),
    }),
  );
}

function toResult(committed: CommittedJob, durationMs: number, plan?: JobPlan): JobResult {
  const left = plan === undefined ? 0 : plan.groups.length - committed.groups;
  const deferred = plan?.deferredGroups ?? 0;
  const notes = [
    ...(left > 0 ? [`${left} groups left out: their files were replaced or had rows deleted meanwhile`] : []),
    ...(deferred > 0 ? [`${deferred} groups left to the next job`] : []),
    ...foreignNote(plan),
  ];
  return {
    files_before: committed.before.files,
    files_after: committed.after.files,
    bytes_before: committed.before.bytes,
    bytes_after: committed.after.bytes,
    rows: committed.after.rows,
    deleted_rows: committed.before.rows - committed.after.rows,
    delete_files_removed: committed.deleteFiles,
    groups: committed.groups,
    snapshot_id: committed.snapshotId,
    duration_ms: durationMs,
    ...(notes.length === 0 ? {} : { note: notes.join("; ") }),
  };
}

function foreignNote(plan: JobPlan | undefined): string[] {
  const files = plan?.foreignFiles ?? 0;
  return files > 0 ? [`${files} files left alone: they are encrypted or not Parquet`] : [];
}

function fileIO({ store, bucket }: LayoutJobDeps): FileIO {
  return createFileIO(store, bucket);
}

function loadTable(deps: LayoutJobDeps, job: LayoutJob): Promise<Table> {
  return deps.catalog.loadTable(job.request.table);
}

function jobFilesOf(deps: LayoutJobDeps, table: Table, job: LayoutJob): JobFiles {
  return openJobFiles(deps.store, deps.bucket, table.metadata.location, job.id);
}

function logStep(deps: LayoutJobDeps, job: LayoutJob, step: string, fields: Readonly<Record<string, unknown>>): void {
  logEvent(deps.log, {
    event: "maintenance_job",
    ...(step === "failed" ? { level: "error" as const } : {}),
    job_id: job.id,
    kind: job.request.kind,
    table: tableNameToString(job.request.table),
    step,
    ...fields,
  });
}

function sum(plan: JobPlan, field: "bytes" | "rows" | "files"): number {
  return plan.groups.reduce((total, group) => total + group[field], 0);
}
