// The workflow instances behind jobs: starting them, asking after them, and cleaning up after lost ones.

import { parseTableName } from "#core";
import type { JobRequest, JobStatus, LayoutRequest, RunState } from "#maintenance";

/** Who asked for a job; kept with its options. */
export interface JobCaller {
  readonly userId?: string;
  readonly requestId?: string;
}

/** Starts the run of a job. Errors: the platform's. */
export async function startRun(
  env: CompactorEnv,
  job: { readonly id: string; readonly request: JobRequest },
): Promise<void> {
  await env.MAINTENANCE.create({ id: job.id, params: { job, mode: "run" } });
}

/** Whether a job's run may still do something. Doubt counts as alive. */
export async function runState(env: CompactorEnv, jobId: string): Promise<RunState> {
  try {
    const { status } = await (await env.MAINTENANCE.get(jobId)).status();
    return status === "errored" || status === "terminated" || status === "complete" ? "ended" : "alive";
  } catch (error) {
    // The platform answers for an instance it does not have with "instance.not_found".
    return String(error).includes("not_found") ? "ended" : "alive";
  }
}

/** Stops a run. Errors: the platform's, also when it has ended already. */
export async function terminateRun(env: CompactorEnv, jobId: string): Promise<void> {
  await (await env.MAINTENANCE.get(jobId)).terminate();
}

/** Starts the clean-up after a lost run; a clean-up that is there already is left to do it. */
export async function startCleanup(env: CompactorEnv, job: JobStatus): Promise<void> {
  const table = parseTableName(job.table);
  // Cleaning up depends on the table alone.
  const request: LayoutRequest = { kind: "compact", table, aggressive: false };
  try {
    await env.MAINTENANCE.create({
      id: `${job.id}-cleanup`,
      params: { job: { id: job.id, request }, mode: "cleanup" },
    });
  } catch {
    // It exists: someone looked at the job at the same moment.
  }
}
