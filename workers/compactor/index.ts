// The compactor Worker: every change to a table's layout, as jobs with visible progress.

import { WorkerEntrypoint } from "cloudflare:workers";
import {
  LakeError,
  errorToProblem,
  fromRpcResult,
  parseTableName,
  systemClock,
  systemRandom,
  tableNameToString,
  toRpcResult,
  uuidv7,
  type RpcResult,
} from "#core";
import {
  describeRequest,
  isSuspicious,
  parseCompactOptions,
  parseRewriteOptions,
  parseUpkeepOptions,
  recoverJob,
  resolveRequest,
  type JobFilter,
  type JobStatus,
  type JobRequest,
  type UpkeepKind,
} from "#maintenance";
import { runState, startCleanup, startRun, terminateRun, type JobCaller } from "./job-runs.ts";
import { createCatalog, jobLedger } from "./surroundings.ts";

export { JobLedger } from "./job-ledger.ts";
export { MaintenanceWorkflow } from "./maintenance-workflow.ts";

export default class CompactorWorker extends WorkerEntrypoint<CompactorEnv> {
  override fetch(): Response {
    return new Response("The compactor has no HTTP surface; see /admin on the collector.\n", { status: 404 });
  }

  /** Errors: `invalid_option`, `table_not_found`, `job_conflict` with `job_id`. */
  startCompact(body: unknown, caller?: JobCaller): Promise<RpcResult<JobStatus>> {
    return toRpcResult(() => this.#start(parseCompactOptions(body), caller));
  }

  /** Errors: as {@link startCompact}. */
  startRewrite(body: unknown, caller?: JobCaller): Promise<RpcResult<JobStatus>> {
    return toRpcResult(() => this.#start(parseRewriteOptions(body), caller));
  }

  /** Starts expiry, orphan removal or a rewrite of manifests. Errors: as {@link startCompact}. */
  startUpkeep(kind: UpkeepKind, body: unknown, caller?: JobCaller): Promise<RpcResult<JobStatus>> {
    return toRpcResult(() => this.#start(parseUpkeepOptions(kind, body), caller));
  }

  /** Errors: `job_not_found`. */
  getJob(id: string): Promise<RpcResult<JobStatus>> {
    return toRpcResult(() => this.#getRecovered(id));
  }

  /** Newest first. */
  listJobs(filter: JobFilter = {}): Promise<RpcResult<readonly JobStatus[]>> {
    return toRpcResult(async () => {
      const table = filter.table === undefined ? {} : { table: tableNameToString(parseTableName(filter.table)) };
      const jobs = await jobLedger(this.env).list({ ...filter, ...table });
      return Promise.all(jobs.map(async (job) => (isSuspicious(job, systemClock) ? this.#getRecovered(job.id) : job)));
    });
  }

  /** Asks a job to stop; it does at its next step or within seconds. Errors: `job_not_found`. */
  cancelJob(id: string): Promise<RpcResult<JobStatus>> {
    return toRpcResult(async () => {
      fromRpcResult(await jobLedger(this.env).requestCancel(id));
      return this.#getRecovered(id);
    });
  }

  async #start(request: JobRequest, caller: JobCaller = {}): Promise<JobStatus> {
    const table = await createCatalog(this.env).loadTable(request.table);
    if (request.kind === "compact" || request.kind === "rewrite") resolveRequest(request, table.metadata);
    const id = uuidv7(systemClock, systemRandom);
    const registration = {
      id,
      kind: request.kind,
      table: tableNameToString(request.table),
      options: { ...describeRequest(request), ...(caller.userId === undefined ? {} : { started_by: caller.userId }) },
    };
    let begun = await jobLedger(this.env).begin(registration);
    if (!begun.ok && begun.problem.code === "job_conflict") {
      // The lock may belong to a run that is gone; looking at that job frees it then.
      await this.#getRecovered(String(begun.problem["job_id"]));
      begun = await jobLedger(this.env).begin(registration);
    }
    const status = fromRpcResult(begun);
    try {
      await startRun(this.env, { id, request });
    } catch (cause) {
      const error = new LakeError("upstream_unavailable", "The job could not be started; nothing was done.", { cause });
      await jobLedger(this.env).finish(id, { state: "failed", problem: errorToProblem(error) });
      throw error;
    }
    return status;
  }

  async #getRecovered(id: string): Promise<JobStatus> {
    const job = fromRpcResult(await jobLedger(this.env).get(id));
    const recovered = await recoverJob(
      {
        clock: systemClock,
        runState: (jobId) => runState(this.env, jobId),
        terminate: (jobId) => terminateRun(this.env, jobId),
        finish: (jobId, outcome) => jobLedger(this.env).finish(jobId, outcome),
        startCleanup: () => startCleanup(this.env, job),
      },
      job,
    );
    return recovered ? fromRpcResult(await jobLedger(this.env).get(id)) : job;
  }
}
