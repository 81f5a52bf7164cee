// What a query holds while its operators work on ten times as many bytes as its budget: heap, buffers and wasm, looked
// at at every request to storage and every piece of the result, garbage left out. Rows put aside go to disk, results
// leave as streams and are dropped. Runs in a process of its own, with the V8 that workerd has. BENCH_ONLY: some cases, by
// name with commas; BENCH_BUDGET_MB and BENCH_TIMES: other budgets, and other sizes of the data.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchCase } from "./measure.ts";

/** Cases as the process of {@link run} writes them. */
export async function run(): Promise<readonly BenchCase[]> {
  const directory = mkdtempSync(join(tmpdir(), "firn-memory-"));
  try {
    const output = join(directory, "cases.json");
    const script = join(import.meta.dirname, "memory-process.ts");
    const flags = ["--expose-gc", "--max-semi-space-size=4"];
    const { status } = spawnSync(process.execPath, [...flags, script, directory, output], { stdio: "inherit" });
    if (status !== 0) throw new Error(`the measured process ended with ${status}`);
    return await Promise.resolve(JSON.parse(readFileSync(output, "utf8")) as readonly BenchCase[]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
