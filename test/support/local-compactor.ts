// The compactor without its Worker: the real ledger, the real jobs over a lake in memory, and runs that a test lets go.

import { DatabaseSync } from "node:sqlite";
import { fromRpcResult, sleep, systemClock, systemRandom, toRpcResult, uuidv7, type Clock } from "#core";
import {
  createJobLedger,
  parseCompactOptions,
  parseRewriteOptions,
  parseUpkeepOptions,
  runLayoutJob,
  runUpkeepJob,
  startJob,
  type JobReporter,
  type JobRequest,
  type JobStatus,
  type LayoutJobDeps,
} from "#maintenance";
import { createMemorySink } from "#telemetry";
import type { CompactorService, JobCaller } from "../../workers/collector/services.ts";
import { BUCKET, createMemorySteps, type MaintenanceLake } from "./maintenance-lake.ts";

/** A compactor whose jobs wait. */
export interface LocalCompactor extends CompactorService {
  /** Runs the jobs that were started, in order, to their ends. */
  runAll(): Promise<void>;
}

/** Opens it with an empty ledger. */
export function createLocalCompactor(lake: MaintenanceLake, clock: Clock = systemClock): LocalCompactor {
  const database = new DatabaseSync(":memory:");
  const ledger = createJobLedger({ query: (sql, ...bindings) => database.prepare(sql).all(...bindings) }, clock);
  const waiting: { readonly id: string; readonly request: JobRequest }[] = [];
  const reporter: JobReporter = {
    start: (id) => Promise.resolve(ledger.start(id)),
    progress: (id, counters) => Promise.resolve(ledger.progress(id, counters)),
    finish: (id, outcome) => Promise.resolve(ledger.finish(id, outcome)),
    markCommitted: (id, result) => Promise.resolve(ledger.markCommitted(id, result)),
  };
  const { catalog, store } = lake;
  const deps: LayoutJobDeps = { catalog, store, bucket: BUCKET, clock, sleep, reporter, log: createMemorySink() };

  function start(parse: () => JobRequest, { userId }: JobCaller): ReturnType<CompactorService["startCompact"]> {
    return toRpcResult(() =>
      startJob(
        {
          catalog,
          clock,
          newId: () => uuidv7(clock, systemRandom),
          // As over RPC, where an error arrives as problem details.
          begin: async (job) => fromRpcResult<JobStatus>(await toRpcResult(() => Promise.resolve(ledger.begin(job)))),
          recover: () => Promise.resolve(),
          run: (job) => Promise.resolve(void waiting.push(job)),
          finish: (id, outcome) => Promise.resolve(ledger.finish(id, outcome)),
        },
        parse(),
        userId,
      ),
    );
  }

  return {
    startCompact: (body, caller) => start(() => parseCompactOptions(body), caller),
    startRewrite: (body, caller) => start(() => parseRewriteOptions(body), caller),
    startUpkeep: (kind, body, caller) => start(() => parseUpkeepOptions(kind, body), caller),
    getJob: (id) => toRpcResult(() => Promise.resolve(ledger.get(id))),
    listJobs: (filter) => toRpcResult(() => Promise.resolve(ledger.list(filter))),
    cancelJob: (id) => toRpcResult(() => Promise.resolve(ledger.requestCancel(id))),
    async runAll() {
      for (const { id, request } of waiting.splice(0)) {
        const steps = createMemorySteps();
        if (request.kind === "compact" || request.kind === "rewrite") {
          await runLayoutJob(deps, { id, request }, steps);
        } else {
          await runUpkeepJob(deps, { id, request: { ...request, kind: request.kind } }, steps);
        }
      }
    },
  };
}
