// The workflow that runs one layout job: every step of the job is a step of the workflow.

import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import parquetWasm from "parquet-wasm/esm/parquet_wasm_bg.wasm";
import {
  STEP_ATTEMPTS,
  createJobSteps,
  recordCleanUp,
  runLayoutJob,
  runUpkeepJob,
  type JobRequest,
  type StepEngine,
} from "#maintenance";
import { initParquetWasm } from "#parquet";
import { createLayoutJobDeps } from "./surroundings.ts";

initParquetWasm(parquetWasm);

/** What an instance is started with. `cleanup` removes what a lost run of the job left behind. */
export interface MaintenanceParams {
  readonly job: { readonly id: string; readonly request: JobRequest };
  readonly mode: "run" | "cleanup";
}

export class MaintenanceWorkflow extends WorkflowEntrypoint<CompactorEnv, MaintenanceParams> {
  override async run(event: Readonly<WorkflowEvent<MaintenanceParams>>, step: WorkflowStep): Promise<string> {
    const { job, mode } = event.payload;
    const deps = createLayoutJobDeps(this.env);
    const steps = createJobSteps(createWorkflowEngine(step), deps.log, job.id);
    const { request } = job;
    if (mode === "cleanup") {
      if (request.kind === "compact" || request.kind === "rewrite") {
        await recordCleanUp(deps, { id: job.id, request }, steps);
      }
      return "cleaned up";
    }
    if (request.kind === "compact" || request.kind === "rewrite") {
      return (await runLayoutJob(deps, { id: job.id, request }, steps)).state;
    }
    return (await runUpkeepJob(deps, { id: job.id, request }, steps)).state;
  }
}

function createWorkflowEngine(step: WorkflowStep): StepEngine {
  return {
    run: (name, body) =>
      step.do(
        name,
        {
          retries: { limit: STEP_ATTEMPTS - 1, delay: "2 seconds", backoff: "exponential" },
          timeout: "30 minutes",
        },
        ({ attempt }) => body(attempt),
      ),
    sleep: (name, ms) => step.sleep(name, ms),
  };
}
