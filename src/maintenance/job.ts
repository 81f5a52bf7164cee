// What a layout job looks like from outside: its state, progress and result.

import type { ProblemDetails } from "#core";

/** The kinds of jobs: those that change a table's layout, and upkeep. */
export type JobKind = "compact" | "rewrite" | "expire-snapshots" | "remove-orphans" | "rewrite-manifests";

/** A job is active while queued or running; the other states are final. */
export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

/** Counters a running job reports; totals are 0 until the plan is made. */
export interface JobCounters {
  readonly files_done: number;
  readonly files_total: number;
  readonly bytes_done: number;
  readonly bytes_total: number;
  readonly rows_done: number;
  readonly rows_total: number;
}

/** How far a job is. */
export interface JobProgress extends JobCounters {
  /** 0 to 100, whole; 100 only when the job succeeded. */
  readonly percent: number;
  /** Seconds left at the throughput so far; null while unknown. */
  readonly eta_seconds: number | null;
}

/** What a successful job did. Bytes and files are those of the rewritten part of the table. */
export interface JobResult {
  readonly files_before: number;
  readonly files_after: number;
  readonly bytes_before: number;
  readonly bytes_after: number;
  /** Rows written. */
  readonly rows: number;
  /** Rows that delete files had removed and that are now gone from the data files, too. */
  readonly deleted_rows: number;
  /** Delete files that nothing needs any more and that the table no longer has. */
  readonly delete_files_removed: number;
  readonly groups: number;
  /** The snapshot that was committed, as a decimal string; null when there was nothing to do. */
  readonly snapshot_id: string | null;
  readonly duration_ms: number;
  /** Present when not the plain case: "nothing to do", or what was left out and why. */
  readonly note?: string;
  /** What upkeep did, by name; the counts above are zero for it. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A job as `GET /admin/jobs/{id}` shows it. Times are RFC 3339 in UTC, null until they happen. */
export interface JobStatus {
  readonly id: string;
  readonly kind: JobKind;
  readonly table: string;
  readonly state: JobState;
  readonly cancel_requested: boolean;
  readonly progress: JobProgress;
  readonly result?: JobResult;
  readonly error?: ProblemDetails;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly updated_at: string;
  readonly finished_at: string | null;
  readonly options: Readonly<Record<string, unknown>>;
}

/** How a job ended. */
export type JobOutcome =
  | { readonly state: "succeeded"; readonly result: JobResult }
  | { readonly state: "failed"; readonly problem: ProblemDetails }
  | { readonly state: "cancelled" };

/** Counters of a job that has no plan yet. */
export const NO_COUNTERS: JobCounters = {
  files_done: 0,
  files_total: 0,
  bytes_done: 0,
  bytes_total: 0,
  rows_done: 0,
  rows_total: 0,
};

/** Rewriting is the long part; the commit that follows holds the last percent. */
const MAX_RUNNING_PERCENT = 99;

/** Progress at a moment; the time left follows from input bytes a second since the start. */
export function jobProgress(
  counters: JobCounters,
  state: JobState,
  startedMs: number | null,
  nowMs: number,
): JobProgress {
  const share = counters.bytes_total === 0 ? 0 : Math.min(1, counters.bytes_done / counters.bytes_total);
  const percent = state === "succeeded" ? 100 : Math.min(MAX_RUNNING_PERCENT, Math.floor(share * 100));
  const elapsedMs = startedMs === null ? 0 : nowMs - startedMs;
  const isMeasured = state === "running" && share > 0 && elapsedMs > 0;
  return {
    ...counters,
    percent,
    eta_seconds: isMeasured ? Math.round((elapsedMs * (1 - share)) / share / 100) / 10 : null,
  };
}

/** Whether a job in this state holds its table's lock. */
export function isActive(state: JobState): boolean {
  return state === "queued" || state === "running";
}
