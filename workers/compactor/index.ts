// The compactor Worker: every change to a table's layout, as jobs with visible progress.

import { WorkerEntrypoint } from "cloudflare:workers";
import {
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
  isSuspicious,
  parseCompactOptions,
  parseRewriteOptions,
  parseUpkeepOptions,
  recoverJob,
  startJob,
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

  #start(request: JobRequest, caller: JobCaller = {}): Promise<JobStatus> {
    const { env } = this;
    return startJob(
      {
        catalog: createCatalog(env),
        clock: systemClock,
        newId: () => uuidv7(systemClock, systemRandom),
        begin: async (registration) => fromRpcResult(await jobLedger(env).begin(registration)),
        recover: (id) => this.#getRecovered(id),
        run: (job) => startRun(env, job),
        finish: (id, outcome) => jobLedger(env).finish(id, outcome),
      },
      request,
      caller.userId,
    );
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
