// Upkeep of a table beside its layout: forgetting old snapshots, deleting files nothing leads to, tidying manifests. Each
// is one operation of the table, run as a job under the same lock as layout jobs, so that no job's files are taken for
// orphans and no snapshot a job planned on is forgotten.

import { LakeError, errorToProblem, tableNameToString, unreachable, type Clock, type TableIdentifier } from "#core";
import { ORPHAN_LEAST_AGE_MS, type Table, type TableMetadata } from "#iceberg";
import { logEvent } from "#telemetry";
import type { JobOutcome, JobResult } from "./job.ts";
import { invalidOption, parseOptionTable, parseOptionsObject, type OptionsBody } from "./options.ts";
import type { JobSteps, LayoutJobDeps } from "./run-job.ts";

/** The kinds of upkeep. */
export const UPKEEP_KINDS = ["expire-snapshots", "remove-orphans", "rewrite-manifests"] as const;

/** One of {@link UPKEEP_KINDS}. */
export type UpkeepKind = (typeof UPKEEP_KINDS)[number];

/** A parsed request; plain data, so that it can be a workflow's parameters. */
export interface UpkeepRequest {
  readonly kind: UpkeepKind;
  readonly table: TableIdentifier;
  /**
   * Milliseconds since 1970, or for expiry `now`: every snapshot that was there when the job ran. Default: the table's
   * policy; for orphans three days ago.
   */
  readonly olderThanMs?: number | typeof NOW;
  /** Snapshots of each branch that stay whatever their age. */
  readonly retainLast?: number;
  /** Names orphans and deletes nothing. */
  readonly dryRun?: boolean;
}

/** An upkeep job to run. */
export interface UpkeepJob {
  readonly id: string;
  readonly request: UpkeepRequest;
}

/** Stands for the moment a job runs, whatever the clocks of those who ask and those who committed say. */
const NOW = "now";

const OPTIONS: Readonly<Record<UpkeepKind, readonly string[]>> = {
  "expire-snapshots": ["table", "olderThan", "retainLast"],
  "remove-orphans": ["table", "olderThan", "dryRun"],
  "rewrite-manifests": ["table"],
};

const MAX_RETAINED = 100_000;
/** Expired by one commit; a job makes as many commits as it takes, up to {@link MAX_EXPIRE_COMMITS}. */
const MAX_EXPIRE_COMMITS = 20;
/** Orphans named in a result; the rest are counted. */
const NAMED_ORPHANS = 100;

/**
 * Parses the body of an upkeep request, such as `{"table": "events", "olderThan": "2026-11-01T00:00:00Z"}`.
 * Errors: `invalid_option` with `details.option`.
 */
export function parseUpkeepOptions(kind: UpkeepKind, body: unknown): UpkeepRequest {
  const options = parseOptionsObject(body, OPTIONS[kind]);
  const mayBeNow = kind === "expire-snapshots";
  const olderThanMs = mayBeNow && options["olderThan"] === NOW ? NOW : parseTime(options, "olderThan", mayBeNow);
  const { retainLast, dryRun } = options;
  if (retainLast !== undefined && !isCount(retainLast)) {
    throw invalidOption("retainLast", `retainLast must be a whole number from 1 to ${MAX_RETAINED}.`);
  }
  if (dryRun !== undefined && typeof dryRun !== "boolean") {
    throw invalidOption("dryRun", "dryRun must be true or false.");
  }
  return {
    kind,
    table: parseOptionTable(options),
    ...(olderThanMs === undefined ? {} : { olderThanMs }),
    ...(retainLast === undefined ? {} : { retainLast }),
    ...(dryRun === undefined ? {} : { dryRun }),
  };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= MAX_RETAINED;
}

function parseTime(options: OptionsBody, name: string, mayBeNow: boolean): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw invalidOption(name, `${name} must be a time such as "2026-11-01T00:00:00Z"${mayBeNow ? ', or "now"' : ""}.`);
}

/**
 * Refuses what could only fail: taking files for orphans that a commit under way may have written. Errors:
 * `invalid_option`.
 */
export function checkUpkeep({ kind, olderThanMs }: UpkeepRequest, nowMs: number): void {
  if (kind !== "remove-orphans" || typeof olderThanMs !== "number" || olderThanMs <= nowMs - ORPHAN_LEAST_AGE_MS)
    return;
  throw invalidOption(
    "olderThan",
    "olderThan must be at least 24 hours ago: younger files may belong to a commit under way.",
  );
}

/** A time after every snapshot that the table has. */
function afterEverySnapshot({ snapshots }: TableMetadata, nowMs: number): number {
  return snapshots.reduce((latest, snapshot) => Math.max(latest, snapshot["timestamp-ms"] + 1), nowMs);
}

/** Runs an upkeep job to its end and records the outcome; returns it. Safe to repeat. */
export async function runUpkeepJob(deps: LayoutJobDeps, job: UpkeepJob, steps: JobSteps): Promise<JobOutcome> {
  const startedMs = await steps.run("start", async () => {
    await deps.reporter.start(job.id);
    return deps.clock.nowMs();
  });
  let outcome: JobOutcome;
  try {
    const result = await steps.run(job.request.kind, async () => {
      const details = await runUpkeep(await deps.catalog.loadTable(job.request.table), job.request, deps.clock);
      return toResult(details, deps.clock.nowMs() - startedMs);
    });
    outcome = { state: "succeeded", result };
  } catch (error) {
    outcome = { state: "failed", problem: errorToProblem(error) };
  }
  const final = outcome;
  await steps.run("record outcome", async () => {
    await deps.reporter.finish(job.id, final);
    logEvent(deps.log, {
      event: "maintenance_job",
      ...(final.state === "failed" ? { level: "error" as const, error_code: final.problem.code } : {}),
      job_id: job.id,
      kind: job.request.kind,
      table: tableNameToString(job.request.table),
      step: final.state,
    });
    return null;
  });
  return final;
}

/** What an upkeep did, by name. */
interface UpkeepDetails {
  readonly snapshotId?: bigint;
  readonly details: Readonly<Record<string, unknown>>;
}

async function runUpkeep(table: Table, request: UpkeepRequest, clock: Clock): Promise<UpkeepDetails> {
  switch (request.kind) {
    case "expire-snapshots":
      return expireAll(table, request, clock);
    case "remove-orphans":
      return removeOrphans(table, request);
    case "rewrite-manifests":
      return rewriteManifests(table);
    default:
      return unreachable(request.kind);
  }
}

async function expireAll(first: Table, request: UpkeepRequest, clock: Clock): Promise<UpkeepDetails> {
  const { olderThanMs: asked, retainLast } = request;
  const olderThanMs = asked === NOW ? afterEverySnapshot(first.metadata, clock.nowMs()) : asked;
  const details = {
    snapshots: 0,
    refs: 0,
    data_files: 0,
    delete_files: 0,
    manifests: 0,
    statistics_files: 0,
    skipped_files: 0,
  };
  let table = first;
  for (let commits = 0; commits < MAX_EXPIRE_COMMITS; commits++) {
    const expiry = table.expireSnapshots();
    if (olderThanMs !== undefined) expiry.expireOlderThan(olderThanMs);
    if (retainLast !== undefined) expiry.retainLast(retainLast);
    const report = await expiry.commit();
    if (report.outcome.outcome !== "committed") throw notCommitted(report.outcome);
    details.snapshots += report.snapshots;
    details.refs += report.refs;
    details.data_files += report.dataFiles;
    details.delete_files += report.deleteFiles;
    details.manifests += report.manifests;
    details.statistics_files += report.statisticsFiles;
    details.skipped_files += report.skipped.length;
    if (report.snapshots === 0) break;
    table = report.outcome.table;
  }
  return { details };
}

async function removeOrphans(table: Table, { olderThanMs, dryRun }: UpkeepRequest): Promise<UpkeepDetails> {
  const removal = table.removeOrphanFiles();
  if (typeof olderThanMs === "number") removal.olderThan(olderThanMs);
  if (dryRun === true) removal.dryRun();
  const { orphans, deleted, bytes, listed } = await removal.execute();
  return { details: { found: orphans.length, deleted, bytes, listed, orphans: orphans.slice(0, NAMED_ORPHANS) } };
}

async function rewriteManifests(table: Table): Promise<UpkeepDetails> {
  if (table.currentSnapshot() === undefined) return { details: { manifests_created: 0, manifests_replaced: 0 } };
  const outcome = await table.rewriteManifests().commit();
  if (outcome.outcome !== "committed") throw notCommitted(outcome);
  const summary = outcome.table.currentSnapshot()?.summary ?? { operation: "replace" };
  return {
    ...(outcome.snapshotId === undefined ? {} : { snapshotId: outcome.snapshotId }),
    details: {
      manifests_created: Number(summary["manifests-created"] ?? 0),
      manifests_replaced: Number(summary["manifests-replaced"] ?? 0),
    },
  };
}

function notCommitted(
  outcome:
    | { readonly outcome: "conflict"; readonly reason: string }
    | { readonly outcome: "unknown"; readonly error: unknown },
): LakeError {
  if (outcome.outcome === "conflict") return new LakeError("commit_conflict", `Nothing was done: ${outcome.reason}.`);
  return new LakeError("commit_state_unknown", "The catalog did not say whether the change was committed.", {
    cause: outcome.error,
  });
}

function toResult({ snapshotId, details }: UpkeepDetails, durationMs: number): JobResult {
  return {
    files_before: 0,
    files_after: 0,
    bytes_before: 0,
    bytes_after: 0,
    rows: 0,
    deleted_rows: 0,
    delete_files_removed: 0,
    groups: 0,
    snapshot_id: snapshotId?.toString() ?? null,
    duration_ms: durationMs,
    details,
  };
}
