// Property tests try the same cases in every run, so that a change is judged by what it changed. FUZZ_SEED=<number> tries
// others; a test that gives a seed of its own keeps it.

import { expect } from "vitest";

const SEED = 20_240_115;

// oxlint-disable-next-line vitest/no-standalone-expect -- nothing is expected: only expect knows the file under test
if (expect.getState().testPath?.includes("/test/property/") === true) {
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ seed: Number(process.env["FUZZ_SEED"] ?? SEED) });
}
