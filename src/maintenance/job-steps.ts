// Steps of a job on any engine that journals text: what is stored, what is tried again, and what ends the step.

import { LakeError, errorToProblem, fromRpcResult, type RpcResult } from "#core";
import { errorToLogFields, logEvent, type LogSink } from "#telemetry";
import type { JobSteps } from "./run-job.ts";

/** A durable execution engine: runs a body until it returns, keeps its text, and never runs it again. */
export interface StepEngine {
  /** `attempt` counts from 1; a body that throws is run again, up to {@link STEP_ATTEMPTS} times in all. */
  run(name: string, body: (attempt: number) => Promise<string>): Promise<string>;
  sleep(name: string, ms: number): Promise<void>;
}

/** Attempts of a step in all, for failures that may pass: storage, the catalog, a lost isolate. */
export const STEP_ATTEMPTS = 5;

/**
 * A job's steps on an engine. A result is stored as text together with the error a step ended with, so that error
 * codes survive the journal. Errors another attempt cannot mend end the step at once; others after
 * {@link STEP_ATTEMPTS}.
 */
export function createJobSteps(engine: StepEngine, log: LogSink, jobId: string): JobSteps {
  return {
    async run<T>(name: string, body: () => Promise<T>): Promise<T> {
      const stored = await engine.run(name, async (attempt) => {
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
      });
      return fromRpcResult(JSON.parse(stored) as RpcResult<T>);
    },
    sleep: (name, ms) => engine.sleep(name, ms),
  };
}
