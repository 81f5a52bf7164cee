// Loads the Parquet writer's wasm in Node, where there is no module import for it.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { initParquetWasm } from "#parquet";

/** Makes parquet-wasm ready for tests and scripts. Idempotent. */
export function loadParquetWasm(): void {
  const path = fileURLToPath(import.meta.resolve("parquet-wasm/esm/parquet_wasm_bg.wasm"));
  initParquetWasm(readFileSync(path));
}
