// The Durable Object that records layout jobs and holds each table's lock.

import { DurableObject } from "cloudflare:workers";
import { systemClock, toRpcResult, type RpcResult } from "#core";
import {
  createJobLedger,
  type JobCounters,
  type JobFilter,
  type JobLedger as Ledger,
  type JobOutcome,
  type JobRegistration,
  type JobResult,
  type JobStatus,
} from "#maintenance";

/** One object, named `jobs`, serves a deployment: jobs are few and their reports come once a second. */
export class JobLedger extends DurableObject<CompactorEnv> {
  readonly #ledger: Ledger;

  constructor(ctx: DurableObjectState, env: CompactorEnv) {
    super(ctx, env);
    this.#ledger = createJobLedger(
      { query: (sql, ...bindings) => ctx.storage.sql.exec(sql, ...bindings).toArray() },
      systemClock,
    );
  }

  begin(job: JobRegistration): Promise<RpcResult<JobStatus>> {
    return toRpcResult(() => Promise.resolve(this.#ledger.begin(job)));
  }

  start(id: string): void {
    this.#ledger.start(id);
  }

  progress(id: string, counters: JobCounters): { readonly cancelRequested: boolean } {
    return this.#ledger.progress(id, counters);
  }

  finish(id: string, outcome: JobOutcome): void {
    this.#ledger.finish(id, outcome);
  }

  markCommitted(id: string, result: JobResult): void {
    this.#ledger.markCommitted(id, result);
  }

  requestCancel(id: string): Promise<RpcResult<JobStatus>> {
    return toRpcResult(() => Promise.resolve(this.#ledger.requestCancel(id)));
  }

  get(id: string): Promise<RpcResult<JobStatus>> {
    return toRpcResult(() => Promise.resolve(this.#ledger.get(id)));
  }

  list(filter: JobFilter): readonly JobStatus[] {
    return this.#ledger.list(filter);
  }
}
