import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { LakeError, errorToProblem, type Clock } from "#core";
import { createJobLedger, type JobLedger } from "../../../src/maintenance/job-ledger.ts";
import { recoverJob, type RunState } from "../../../src/maintenance/job-recovery.ts";
import { NO_COUNTERS, type JobOutcome, type JobResult } from "../../../src/maintenance/job.ts";

const RESULT: JobResult = {
  files_before: 9,
  files_after: 1,
  bytes_before: 900,
  bytes_after: 600,
  rows: 90,
  deleted_rows: 0,
  delete_files_removed: 0,
  groups: 1,
  snapshot_id: "9007199254740993",
  duration_ms: 5,
};

function openLedger(): { readonly ledger: JobLedger; readonly clock: Clock & { now: number } } {
  const database = new DatabaseSync(":memory:");
  const clock = { now: Date.UTC(2026, 0, 1), nowMs: () => clock.now };
  const ledger = createJobLedger({ query: (sql, ...bindings) => database.prepare(sql).all(...bindings) }, clock);
  return { ledger, clock };
}

function begin(ledger: JobLedger, id: string, table = "default.events"): void {
  ledger.begin({ id, kind: "compact", table, options: { aggressive: true } });
}

function failure(run: () => unknown): LakeError {
  try {
    run();
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}

test("C70 a second job on a table is refused with the running job's id until that one ended", () => {
  const { ledger } = openLedger();
  begin(ledger, "a");
  begin(ledger, "other", "default.other");
  const conflict = failure(() => begin(ledger, "b"));
  expect([conflict.code, conflict.details["job_id"]]).toEqual(["job_conflict", "a"]);
  ledger.start("a");
  expect(failure(() => begin(ledger, "b")).code).toBe("job_conflict");
  ledger.finish("a", { state: "cancelled" });
  begin(ledger, "b");
  expect(ledger.get("b").state).toBe("queued");
});

test("a job passes through its states with times, progress and result", () => {
  const { ledger, clock } = openLedger();
  begin(ledger, "a");
  expect(ledger.get("a")).toMatchObject({
    state: "queued",
    started_at: null,
    progress: { percent: 0, eta_seconds: null },
  });
  clock.now += 1000;
  ledger.start("a");
  clock.now += 10_000;
  const counters = { ...NO_COUNTERS, files_done: 2, files_total: 8, bytes_done: 25, bytes_total: 100 };
  expect(ledger.progress("a", counters)).toEqual({ cancelRequested: false });
  expect(ledger.get("a")).toMatchObject({
    state: "running",
    started_at: "2026-01-01T00:00:01.000Z",
    progress: { files_done: 2, percent: 25, eta_seconds: 30 },
    options: { aggressive: true },
  });
  ledger.finish("a", { state: "succeeded", result: RESULT });
  expect(ledger.get("a")).toMatchObject({
    state: "succeeded",
    result: RESULT,
    finished_at: "2026-01-01T00:00:11.000Z",
    progress: { percent: 100, eta_seconds: null },
  });
});

test("C71 a final outcome is never replaced, except a failure whose commit turned out to be in", () => {
  const { ledger } = openLedger();
  const problem = errorToProblem(new LakeError("commit_state_unknown", "no answer"));
  begin(ledger, "a");
  ledger.start("a");
  ledger.finish("a", { state: "failed", problem });
  ledger.finish("a", { state: "cancelled" });
  expect(ledger.get("a")).toMatchObject({ state: "failed", error: { code: "commit_state_unknown" } });
  ledger.markCommitted("a", RESULT);
  const corrected = ledger.get("a");
  expect([corrected.state, corrected.error, corrected.result]).toEqual(["succeeded", undefined, RESULT]);
  begin(ledger, "b");
  ledger.finish("b", { state: "cancelled" });
  ledger.markCommitted("b", RESULT);
  expect(ledger.get("b").state).toBe("cancelled");
});

test("a cancel request reaches the job at its next progress report; an ended job is told to stop", () => {
  const { ledger } = openLedger();
  begin(ledger, "a");
  ledger.start("a");
  expect(ledger.requestCancel("a").cancel_requested).toBe(true);
  expect(ledger.progress("a", NO_COUNTERS)).toEqual({ cancelRequested: true });
  ledger.finish("a", { state: "cancelled" });
  expect(ledger.progress("a", NO_COUNTERS)).toEqual({ cancelRequested: true });
  expect(failure(() => ledger.requestCancel("nobody")).code).toBe("job_not_found");
});

test("history is listed newest first and kept for thirty days and a thousand jobs", () => {
  const { ledger, clock } = openLedger();
  const finish = (id: string): void => ledger.finish(id, { state: "cancelled" });
  begin(ledger, "old");
  finish("old");
  begin(ledger, "still-running", "default.slow");
  clock.now += 30 * 24 * 3600 * 1000 + 1;
  for (let i = 0; i < 1005; i++) {
    clock.now += 1;
    begin(ledger, `job-${i}`);
    finish(`job-${i}`);
  }
  expect(failure(() => ledger.get("old")).code).toBe("job_not_found");
  expect(failure(() => ledger.get("job-0")).code).toBe("job_not_found");
  expect(ledger.get("still-running").state).toBe("queued");
  expect(ledger.list({ limit: 2 }).map(({ id }) => id)).toEqual(["job-1004", "job-1003"]);
  expect(ledger.list({ table: "default.slow" }).map(({ id }) => id)).toEqual(["still-running"]);
});

test("I75 an active job is failed and cleaned up only when it is silent and its run has ended", async () => {
  const { ledger, clock } = openLedger();
  const cleaned: string[] = [];
  const terminated: string[] = [];
  let run: RunState = "ended";
  const recover = (id: string): Promise<boolean> =>
    recoverJob(
      {
        clock,
        runState: () => Promise.resolve(run),
        terminate: (jobId) => {
          terminated.push(jobId);
          return Promise.reject(new Error("instance.not_found"));
        },
        finish: (jobId: string, outcome: JobOutcome) => Promise.resolve(ledger.finish(jobId, outcome)),
        startCleanup: (jobId) => Promise.resolve(void cleaned.push(jobId)),
      },
      ledger.get(id),
    );
  begin(ledger, "a");
  ledger.start("a");
  expect(await recover("a")).toBe(false);
  clock.now += 30_000;
  run = "alive";
  expect(await recover("a")).toBe(false);
  run = "ended";
  expect(await recover("a")).toBe(true);
  expect([ledger.get("a").state, cleaned, terminated]).toEqual(["failed", ["a"], []]);
  expect(await recover("a")).toBe(false);
  // A run that the engine calls alive but that has been silent for a quarter of an hour hangs.
  begin(ledger, "b");
  run = "alive";
  clock.now += 15 * 60_000 - 1;
  expect(await recover("b")).toBe(false);
  clock.now += 1;
  expect(await recover("b")).toBe(true);
  expect([ledger.get("b").state, terminated]).toEqual(["failed", ["b"]]);
});
