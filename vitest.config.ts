import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// unit: plain Node, fast. fault: crashes at every storage write. runtime: inside workerd, for what only workerd can
// show. e2e: all five Workers through HTTP, one file at a time because each starts a runtime of its own.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "test/property/**/*.test.ts", "test/golden/**/*.test.ts"],
          setupFiles: ["test/support/fixed-seed.ts"],
          testTimeout: 30_000,
        },
      },
      { test: { name: "fault", include: ["test/fault/**/*.test.ts"], testTimeout: 120_000 } },
      {
        plugins: [
          cloudflareTest({
            miniflare: {
              compatibilityDate: "2026-11-01",
              r2Buckets: ["LAKE"],
              kvNamespaces: ["RESULT_CACHE"],
            },
          }),
        ],
        test: { name: "runtime", include: ["test/runtime/**/*.test.ts"], testTimeout: 30_000 },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
