// Starting a job: whoever asks learns at once what is wrong with the request, and holds the table's lock when the run
// begins.

import { LakeError, errorToProblem, tableNameToString, type Clock } from "#core";
import type { CatalogClient } from "#iceberg";
import type { JobRegistration } from "./job-ledger.ts";
import type { JobOutcome, JobStatus } from "./job.ts";
import { describeRequest, type JobRequest } from "./options.ts";
import { resolveRequest } from "./resolve.ts";
import { checkUpkeep } from "./upkeep.ts";

/** What starting needs. */
export interface JobStartDeps {
  readonly catalog: Pick<CatalogClient, "loadTable">;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Takes the table's lock. Errors: `job_conflict` with `details.job_id`. */
  begin(registration: JobRegistration): Promise<JobStatus>;
  /** Frees the lock of a job whose run is gone. */
  recover(jobId: string): Promise<unknown>;
  /** Begins the run, which goes on by itself. */
  run(job: { readonly id: string; readonly request: JobRequest }): Promise<void>;
  finish(jobId: string, outcome: JobOutcome): Promise<void>;
}

/**
 * Starts a job and returns its first status.
 *
 * Errors: `invalid_option`, `table_not_found`, `job_conflict` with `details.job_id`, `upstream_unavailable` when the run could
 * not begin; nothing was started then.
 */
export async function startJob(deps: JobStartDeps, request: JobRequest, startedBy?: string): Promise<JobStatus> {
  const table = await deps.catalog.loadTable(request.table);
  if (request.kind === "compact" || request.kind === "rewrite") resolveRequest(request, table.metadata);
  else checkUpkeep(request, deps.clock.nowMs());
  const id = deps.newId();
  const status = await takeLock(deps, {
    id,
    kind: request.kind,
    table: tableNameToString(request.table),
    options: { ...describeRequest(request), ...(startedBy === undefined ? {} : { started_by: startedBy }) },
  });
  try {
    await deps.run({ id, request });
  } catch (cause) {
    const error = new LakeError("upstream_unavailable", "The job could not be started; nothing was done.", { cause });
    await deps.finish(id, { state: "failed", problem: errorToProblem(error) });
    throw error;
  }
  return status;
}

async function takeLock(deps: JobStartDeps, registration: JobRegistration): Promise<JobStatus> {
  try {
    return await deps.begin(registration);
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== "job_conflict") throw error;
    // The lock may belong to a run that is gone; looking at that job frees it then.
    await deps.recover(String(error.details["job_id"]));
    return deps.begin(registration);
  }
}
