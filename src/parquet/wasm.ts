// The one instance of parquet-wasm in an isolate.

import { initSync } from "parquet-wasm/esm/parquet_wasm.js";
import { LakeError } from "#core";

let initialized = false;

/**
 * Makes parquet-wasm ready. Workers pass the imported module, since they cannot compile wasm; Node may pass the
 * file's bytes. Idempotent: later calls do nothing.
 */
export function initParquetWasm(moduleOrBytes: WebAssembly.Module | Uint8Array): void {
  if (initialized) return;
  // The package's types ask for the DOM's BufferSource; any view of bytes is one.
  initSync({ module: moduleOrBytes as WebAssembly.Module });
  initialized = true;
}

/** Throws `internal` unless {@link initParquetWasm} has run. */
export function requireParquetWasm(): void {
  if (!initialized) throw new LakeError("internal", "initParquetWasm must run before Parquet is written.");
}
