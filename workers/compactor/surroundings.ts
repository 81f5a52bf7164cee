// What layout jobs need, built from the compactor's bindings.

import { sleep, systemClock, type RpcResult } from "#core";
import type { CatalogClient } from "#iceberg";
import type { JobFilter, JobRegistration, JobReporter, JobStatus, LayoutJobDeps } from "#maintenance";
import { createR2Store } from "#storage";
import { createConsoleSink } from "#telemetry";
import { openCatalog } from "../lake.ts";

/** The ledger's methods as a caller sees them: every one answers across a border. */
export interface JobLedgerStub extends JobReporter {
  begin(job: JobRegistration): Promise<RpcResult<JobStatus>>;
  requestCancel(id: string): Promise<RpcResult<JobStatus>>;
  get(id: string): Promise<RpcResult<JobStatus>>;
  list(filter: JobFilter): Promise<readonly JobStatus[]>;
}

/** The one ledger of a deployment. A stub that failed once stays broken: take a fresh one for each call. */
export function jobLedger(env: CompactorEnv): JobLedgerStub {
  return env.JOB_LEDGER.getByName("jobs");
}

/** The catalog over its service binding. */
export function createCatalog(env: CompactorEnv): CatalogClient {
  return openCatalog(env);
}

/** Everything a job's run needs. */
export function createLayoutJobDeps(env: CompactorEnv): LayoutJobDeps {
  return {
    catalog: createCatalog(env),
    store: createR2Store(env.LAKE),
    bucket: env.LAKE_BUCKET,
    clock: systemClock,
    sleep,
    reporter: createReporter(env),
    log: createConsoleSink(),
  };
}

function createReporter(env: CompactorEnv): JobReporter {
  return {
    start: (id) => jobLedger(env).start(id),
    progress: (id, counters) => jobLedger(env).progress(id, counters),
    finish: (id, outcome) => jobLedger(env).finish(id, outcome),
    markCommitted: (id, result) => jobLedger(env).markCommitted(id, result),
  };
}
