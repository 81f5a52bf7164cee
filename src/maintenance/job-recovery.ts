// Jobs whose workflow is no longer there: found when someone looks, and ended so that their table is free again.

import { LakeError, errorToProblem, type Clock, type ProblemDetails } from "#core";
import { isActive, type JobOutcome, type JobStatus } from "./job.ts";

/** What the workflow engine knows of a job's run; `ended` covers finished, failed, terminated and unknown runs. */
export type RunState = "alive" | "ended";

/** What recovery needs. */
export interface RecoveryDeps {
  readonly clock: Clock;
  /** The state of the run with the job's id. Errors: any; the job is then left as it is. */
  runState(jobId: string): Promise<RunState>;
  /** Stops a run that no longer reports. Errors: any; it is then taken as stopped. */
  terminate(jobId: string): Promise<void>;
  finish(jobId: string, outcome: JobOutcome): Promise<void>;
  /** Starts removal of what the job left behind. */
  startCleanup(jobId: string): Promise<void>;
}

/**
 * A job that reported within this time is not questioned: its run may be between creation and first step, or
 * between its last step and the end of the run.
 */
const QUIET_MS = 30_000;

/**
 * A run reports every second while it works, and its longest wait is five minutes: after this silence it hangs,
 * whatever the engine says. Should it come back, its next report tells it to stop.
 */
const HUNG_MS = 15 * 60 * 1000;

/** Whether the job is active yet silent for long enough that its run should be looked up. */
export function isSuspicious(job: JobStatus, clock: Clock): boolean {
  return isActive(job.state) && silenceMs(job, clock) >= QUIET_MS;
}

function silenceMs(job: JobStatus, clock: Clock): number {
  return clock.nowMs() - Date.parse(job.updated_at);
}

/**
 * Ends an active job whose run has ended without recording it, or hangs; returns whether it did.
 *
 * Concurrency: a run that records its own outcome at the same moment wins; cleanup resolves the commit first and
 * never deletes what was committed.
 */
export async function recoverJob(deps: RecoveryDeps, job: JobStatus): Promise<boolean> {
  if (!isSuspicious(job, deps.clock)) return false;
  if ((await deps.runState(job.id)) === "alive") {
    if (silenceMs(job, deps.clock) < HUNG_MS) return false;
    await deps.terminate(job.id).catch(() => undefined);
  }
  await deps.finish(job.id, { state: "failed", problem: lostRunProblem(job.id) });
  await deps.startCleanup(job.id);
  return true;
}

function lostRunProblem(jobId: string): ProblemDetails {
  return errorToProblem(
    new LakeError(
      "internal",
      "The job's run ended without recording an outcome. Its table is unharmed; start the job again.",
      { details: { job_id: jobId } },
    ),
  );
}
