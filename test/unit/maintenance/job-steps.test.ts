import { expect, test } from "vitest";
import { LakeError } from "#core";
import { STEP_ATTEMPTS, createJobSteps, type StepEngine } from "#maintenance";
import { createMemorySink } from "#telemetry";

/** Retries without limit of its own: the steps' limit must hold by itself. */
const engine: StepEngine = {
  async run(_name, body) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await body(attempt);
      } catch {
        // Again.
      }
    }
  },
  sleep: () => Promise.resolve(),
};

test("L71 a failure that may pass is tried five times and then reported with its code", async () => {
  const log = createMemorySink();
  const steps = createJobSteps(engine, log, "job-1");
  let calls = 0;
  const failing = steps.run("group 0", () => {
    calls += 1;
    return Promise.reject(new LakeError("storage_unavailable", "R2 put failed."));
  });
  await expect(failing).rejects.toMatchObject({ code: "storage_unavailable", message: "R2 put failed." });
  expect(calls).toBe(STEP_ATTEMPTS);
  expect(log.events.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
});

test("L71 a failure that another attempt cannot mend ends the step at once", async () => {
  const steps = createJobSteps(engine, createMemorySink(), "job-1");
  let calls = 0;
  const failing = steps.run("plan", () => {
    calls += 1;
    return Promise.reject(new LakeError("invalid_option", "no such column", { details: { option: "sort" } }));
  });
  await expect(failing).rejects.toMatchObject({ code: "invalid_option", details: { option: "sort" } });
  expect(calls).toBe(1);
});

test("what breaks inside is reported without its internals, and passes when it passes", async () => {
  const steps = createJobSteps(engine, createMemorySink(), "job-1");
  const broken = steps.run("plan", () => Promise.reject(new TypeError("secret internals")));
  await expect(broken).rejects.toMatchObject({ code: "internal", message: "The request failed inside Firn." });
  let calls = 0;
  const passing = await steps.run("plan", () => {
    calls += 1;
    return calls < 3 ? Promise.reject(new TypeError("not yet")) : Promise.resolve({ groups: [1, 2] });
  });
  expect(passing).toEqual({ groups: [1, 2] });
});
