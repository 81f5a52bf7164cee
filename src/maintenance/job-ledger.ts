// The record of layout jobs and the lock that keeps one job a table. Lives in a Durable Object's SQLite database;
// every method is one synchronous transaction there.

import { LakeError, type Clock, type ProblemDetails } from "#core";
import {
  NO_COUNTERS,
  jobProgress,
  type JobCounters,
  type JobKind,
  type JobOutcome,
  type JobResult,
  type JobState,
  type JobStatus,
} from "./job.ts";

/** A value SQLite stores here. */
export type LedgerValue = string | number | null;

/** A SQLite database, one statement at a time. */
export interface LedgerDatabase {
  query(sql: string, ...bindings: readonly LedgerValue[]): readonly Readonly<Record<string, unknown>>[];
}

/** A job to record. */
export interface JobRegistration {
  readonly id: string;
  readonly kind: JobKind;
  /** Dotted name. */
  readonly table: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Which jobs to list. */
export interface JobFilter {
  readonly table?: string;
  /** Default 100, at most 1000. */
  readonly limit?: number;
}

/** Finished jobs are kept this long… */
const HISTORY_MS = 30 * 24 * 3600 * 1000;

/** …and at most this many of them. */
const HISTORY_JOBS = 1000;

const DEFAULT_LIST_LIMIT = 100;

/** The jobs of one deployment. */
export interface JobLedger {
  /**
   * Records a queued job. Errors: `job_conflict` with `details.job_id` while another job on the table is active.
   */
  begin(job: JobRegistration): JobStatus;
  /** Marks a queued job running; no effect on any other state. */
  start(id: string): void;
  /** Stores counters and says whether the job should stop. A job that is no longer active should stop too. */
  progress(id: string, counters: JobCounters): { readonly cancelRequested: boolean };
  /** Ends an active job; a job that already ended keeps its first outcome. */
  finish(id: string, outcome: JobOutcome): void;
  /** Corrects a job recorded as failed whose commit turned out to be in. */
  markCommitted(id: string, result: JobResult): void;
  /** Asks an active job to stop; no effect on one that ended. Errors: `job_not_found`. */
  requestCancel(id: string): JobStatus;
  /** Errors: `job_not_found`. */
  get(id: string): JobStatus;
  /** Newest first. */
  list(filter?: JobFilter): readonly JobStatus[];
}

/** Opens the ledger, creating its table when it is new. */
export function createJobLedger(database: LedgerDatabase, clock: Clock): JobLedger {
  database.query(
    `CREATE TABLE IF NOT EXISTS jobs (
      id TEXT PRIMARY KEY, kind TEXT NOT NULL, table_name TEXT NOT NULL, state TEXT NOT NULL,
      cancel_requested INTEGER NOT NULL DEFAULT 0, options TEXT NOT NULL, counters TEXT NOT NULL,
      result TEXT, problem TEXT, created_ms INTEGER NOT NULL, started_ms INTEGER, updated_ms INTEGER NOT NULL,
      finished_ms INTEGER) STRICT`,
  );
  // The lock: the database itself refuses a second active job on a table.
  database.query(
    "CREATE UNIQUE INDEX IF NOT EXISTS jobs_active ON jobs (table_name) WHERE state IN ('queued', 'running')",
  );
  database.query("CREATE INDEX IF NOT EXISTS jobs_created ON jobs (created_ms)");

  function find(id: string): JobStatus {
    const [row] = database.query("SELECT * FROM jobs WHERE id = ?", id);
    if (row === undefined)
      throw new LakeError("job_not_found", `There is no job "${id}".`, { details: { job_id: id } });
    return rowToStatus(row, clock.nowMs());
  }

  function prune(nowMs: number): void {
    database.query("DELETE FROM jobs WHERE finished_ms < ?", nowMs - HISTORY_MS);
    database.query(
      `DELETE FROM jobs WHERE finished_ms IS NOT NULL AND id NOT IN
        (SELECT id FROM jobs ORDER BY created_ms DESC, id DESC LIMIT ?)`,
      HISTORY_JOBS,
    );
  }

  return {
    begin({ id, kind, table, options }) {
      const nowMs = clock.nowMs();
      const [active] = database.query(
        "SELECT id FROM jobs WHERE table_name = ? AND state IN ('queued', 'running')",
        table,
      );
      if (active !== undefined) {
        const running = String(active["id"]);
        throw new LakeError("job_conflict", `The job ${running} is changing ${table}; this one was not started.`, {
          details: { job_id: running, table },
        });
      }
      database.query(
        `INSERT INTO jobs (id, kind, table_name, state, options, counters, created_ms, updated_ms)
         VALUES (?, ?, ?, 'queued', ?, ?, ?, ?)`,
        id,
        kind,
        table,
        JSON.stringify(options),
        JSON.stringify(NO_COUNTERS),
        nowMs,
        nowMs,
      );
      prune(nowMs);
      return find(id);
    },
    start(id) {
      const nowMs = clock.nowMs();
      database.query(
        "UPDATE jobs SET state = 'running', started_ms = ?, updated_ms = ? WHERE id = ? AND state = 'queued'",
        nowMs,
        nowMs,
        id,
      );
    },
    progress(id, counters) {
      const [row] = database.query(
        "UPDATE jobs SET counters = ?, updated_ms = ? WHERE id = ? AND state = 'running' RETURNING cancel_requested",
        JSON.stringify(counters),
        clock.nowMs(),
        id,
      );
      return { cancelRequested: row === undefined || row["cancel_requested"] === 1 };
    },
    finish(id, outcome) {
      const nowMs = clock.nowMs();
      database.query(
        `UPDATE jobs SET state = ?, result = ?, problem = ?, finished_ms = ?, updated_ms = ?
         WHERE id = ? AND state IN ('queued', 'running')`,
        outcome.state,
        outcome.state === "succeeded" ? JSON.stringify(outcome.result) : null,
        outcome.state === "failed" ? JSON.stringify(outcome.problem) : null,
        nowMs,
        nowMs,
        id,
      );
    },
    markCommitted(id, result) {
      database.query(
        "UPDATE jobs SET state = 'succeeded', result = ?, problem = NULL, updated_ms = ? WHERE id = ? AND state = 'failed'",
        JSON.stringify(result),
        clock.nowMs(),
        id,
      );
    },
    requestCancel(id) {
      database.query("UPDATE jobs SET cancel_requested = 1 WHERE id = ? AND state IN ('queued', 'running')", id);
      return find(id);
    },
    get: find,
    list(filter = {}) {
      const limit = Math.max(1, Math.min(filter.limit ?? DEFAULT_LIST_LIMIT, HISTORY_JOBS));
      const rows =
        filter.table === undefined
          ? database.query("SELECT * FROM jobs ORDER BY created_ms DESC, id DESC LIMIT ?", limit)
          : database.query(
              "SELECT * FROM jobs WHERE table_name = ? ORDER BY created_ms DESC, id DESC LIMIT ?",
              filter.table,
              limit,
            );
      const nowMs = clock.nowMs();
      return rows.map((row) => rowToStatus(row, nowMs));
    },
  };
}

function rowToStatus(row: Readonly<Record<string, unknown>>, nowMs: number): JobStatus {
  const state = row["state"] as JobState;
  const startedMs = row["started_ms"] as number | null;
  const { result, problem } = row;
  return {
    id: row["id"] as string,
    kind: row["kind"] as JobKind,
    table: row["table_name"] as string,
    state,
    cancel_requested: row["cancel_requested"] === 1,
    progress: jobProgress(JSON.parse(row["counters"] as string) as JobCounters, state, startedMs, nowMs),
    ...(typeof result === "string" ? { result: JSON.parse(result) as JobResult } : {}),
    ...(typeof problem === "string" ? { error: JSON.parse(problem) as ProblemDetails } : {}),
    created_at: msToText(row["created_ms"] as number),
    started_at: startedMs === null ? null : msToText(startedMs),
    updated_at: msToText(row["updated_ms"] as number),
    finished_at: row["finished_ms"] === null ? null : msToText(row["finished_ms"] as number),
    options: JSON.parse(row["options"] as string) as Readonly<Record<string, unknown>>,
  };
}

function msToText(ms: number): string {
  return new Date(ms).toISOString();
}
