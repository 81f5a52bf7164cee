// Property tests try the same cases in every run, so that a change is judged by what it changed. FUZZ_SEED=<number> tries
// others, FUZZ_SEED=random other ones each time; a test that gives a seed of its own keeps it.

import { expect } from "vitest";

const SEED = process.env["FUZZ_SEED"] ?? "20240115";

// oxlint-disable-next-line vitest/no-standalone-expect -- nothing is expected: only expect knows the file under test
if (SEED !== "random" && expect.getState().testPath?.includes("/test/property/") === true) {
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ seed: Number(SEED) });
}
