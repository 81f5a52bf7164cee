// The workflow that runs one layout job: every step of the job is a step of the workflow.

import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import parquetWasm from "parquet-wasm/esm/parquet_wasm_bg.wasm";
import { LakeError, errorToProblem, fromRpcResult, type RpcResult } from "#core";
import { recordCleanUp, runLayoutJob, type JobSteps, type LayoutJob } from "#maintenance";
import { initParquetWasm } from "#parquet";
import { errorToLogFields, logEvent, type LogSink } from "#telemetry";
import { createLayoutJobDeps } from "./surroundings.ts";

initParquetWasm(parquetWasm);

/** What an instance is started with. `cleanup` removes what a lost run of the job left behind. */
export interface MaintenanceParams {
  readonly job: LayoutJob;
  readonly mode: "run" | "cleanup";
}

/** Attempts of a step in all, for failures that may pass: storage, the catalog, a lost isolate. */
const STEP_ATTEMPTS = 5;

export class MaintenanceWorkflow extends WorkflowEntrypoint<CompactorEnv, MaintenanceParams> {
  override async run(event: Readonly<WorkflowEvent<MaintenanceParams>>, step: WorkflowStep): Promise<string> {
    const { job, mode } = event.payload;
    const deps = createLayoutJobDeps(this.env);
    const steps = createWorkflowSteps(step, deps.log, job.id);
    if (mode === "cleanup") {
      await recordCleanUp(deps, job, steps);
      return "cleaned up";
    }
    return (await runLayoutJob(deps, job, steps)).state;
  }
}

/** Journalled steps of a workflow instance. Errors that another attempt cannot mend end the step at once. */
function createWorkflowSteps(step: WorkflowStep, log: LogSink, jobId: string): JobSteps {
  return {
    async run<T>(name: string, body: () => Promise<T>): Promise<T> {
      // A step's result is stored as text: it survives the journal as it is, errors with their codes included.
      const stored = await step.do(
        name,
        {
          retries: { limit: STEP_ATTEMPTS - 1, delay: "2 seconds", backoff: "exponential" },
          timeout: "30 minutes",
        },
        async ({ attempt }) => {
          try {
            return JSON.stringify({ ok: true, value: await body() });
          } catch (error) {
            logEvent(log, {
              event: "maintenance_job",
              level: "warn",
              job_id: jobId,
              step: name,
              attempt,
              ...errorToLogFields(error),
            });
            const mayPass = !(error instanceof LakeError) || error.retryable;
            if (mayPass && attempt < STEP_ATTEMPTS) throw error;
            return JSON.stringify({ ok: false, problem: errorToProblem(error) });
          }
        },
      );
      return fromRpcResult(JSON.parse(stored) as RpcResult<T>);
    },
    sleep: (name, ms) => step.sleep(name, ms),
  };
}
