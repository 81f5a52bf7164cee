// The JavaScript and WebAssembly peers of the query benchmark. They are installed when the benchmark first runs, beside
// its data: together they take more room than all that Firn itself needs.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { ROOT } from "../../scripts/lib/worker-configs.ts";

const PACKAGES = join(ROOT, ".cache", "bench-peers");
const VERSIONS: Readonly<Record<string, string>> = {
  "@duckdb/duckdb-wasm": "1.32.0",
  hyparquet: "1.31.5",
  "hyparquet-compressors": "1.1.2",
  squirreling: "0.12.11",
};

/** A peer's engine. */
export type PeerEngine = "duckdb-wasm" | "squirreling";

/** A peer over some files. */
export interface QueryPeer {
  /** Milliseconds of one run; undefined when it cannot do the query, or not within the limit. */
  time(sql: string): Promise<number | undefined>;
  close(): Promise<void>;
}

/** How long a peer may take. */
export interface PeerLimits {
  readonly openMs: number;
  readonly queryMs: number;
}

function installPackages(): void {
  const wanted = JSON.stringify({ private: true, dependencies: VERSIONS });
  const path = join(PACKAGES, "package.json");
  if (existsSync(join(PACKAGES, "node_modules", "squirreling"))) return;
  mkdirSync(PACKAGES, { recursive: true });
  writeFileSync(path, wanted);
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: PACKAGES, stdio: "ignore" });
}

interface PeerMessage {
  readonly ready?: true;
  readonly ms?: number;
  readonly rows?: number;
  readonly error?: string;
}

/** Opens a peer; undefined when it cannot be installed or does not come up. `paths`: what it queries as `events`. */
export async function openQueryPeer(
  engine: PeerEngine,
  paths: readonly string[],
  limits: PeerLimits,
): Promise<QueryPeer | undefined> {
  try {
    installPackages();
  } catch (error) {
    console.log(`  ${engine} cannot be installed: ${String(error).slice(0, 120)}`);
    return undefined;
  }
  let worker: Worker | undefined;

  async function start(): Promise<Worker | undefined> {
    const started = new Worker(join(ROOT, "test/bench/peers/query-worker.mjs"), {
      workerData: { packages: PACKAGES, engine, paths },
    });
    const message = await nextMessage(started, limits.openMs);
    if (message?.ready === true) return started;
    await started.terminate();
    return undefined;
  }

  worker = await start();
  if (worker === undefined) return undefined;
  return {
    async time(sql) {
      worker ??= await start();
      if (worker === undefined) return undefined;
      const reply = nextMessage(worker, limits.queryMs);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      worker.postMessage(sql);
      const message = await reply;
      if (message === undefined) {
        await worker.terminate();
        worker = undefined;
      }
      return message?.ms;
    },
    async close() {
      await worker?.terminate();
    },
  };
}

/** The next message; undefined when the thread ends, fails or takes too long. */
function nextMessage(worker: Worker, limitMs: number): Promise<PeerMessage | undefined> {
  return new Promise((resolve) => {
    const fail = (): void => end(undefined);
    // Only these are taken off again: a thread without any listener of its own hears no more messages.
    const end = (message: PeerMessage | undefined): void => {
      clearTimeout(timer);
      worker.off("message", end).off("error", fail).off("exit", fail);
      resolve(message);
    };
    const timer = setTimeout(fail, limitMs);
    worker.on("message", end).on("error", fail).on("exit", fail);
  });
}
