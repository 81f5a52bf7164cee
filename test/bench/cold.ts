// A cold start of the query Worker beside an empty Hono Worker: what is uploaded, and how long a new workerd process takes
// to listen and to give its first answer, as time and as processor time. Both run as `wrangler deploy` would upload them.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { ROOT, writeWorkerConfigs } from "../../scripts/lib/worker-configs.ts";
import { median } from "../../scripts/lib/statistics.ts";
import type { BenchCase } from "./measure.ts";

const DIRECTORY = join(ROOT, ".cache", "bench-cold");
const ROUNDS = 7;
const COMPATIBILITY_DATE = "2026-11-01";

/** What the query Worker is bound to, with nothing behind it: the first query reads no table. */
const SURROUNDINGS = `
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
export class TablePointers extends WorkerEntrypoint {}
export class IngestShard extends DurableObject {}
export default { fetch: () => new Response(null, { status: 404 }) };
`;

const CALLER = `
export default {
  async fetch(request, env) {
    const request_ = { sql: "SELECT sum(n) AS n FROM generate_series(1, 10) AS s(n)", cache: "bypass" };
    const reply = await env.QUERY.execute(request_, { queryId: "q", userId: "u" });
    return reply.ok ? new Response(reply.body) : Response.json(reply.problem, { status: 500 });
  },
};
`;

const EMPTY_HONO = `
import { Hono } from "hono";
const app = new Hono();
app.get("/", (c) => c.json({ ok: true }));
export default app;
`;

/** Bundles a Worker as a deployment would; returns its modules, the entry first. */
function bundle(name: string, config: string): string[] {
  const out = join(DIRECTORY, name);
  execFileSync("wrangler", ["deploy", "--dry-run", "--outdir", out, "-c", config], {
    cwd: ROOT,
    stdio: "ignore",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
  });
  return readdirSync(out)
    .filter((file) => /\.(js|wasm)$/.test(file))
    .toSorted((a, b) => Number(b.endsWith(".js")) - Number(a.endsWith(".js")))
    .map((file) => join(out, file));
}

function sizes(modules: readonly string[]): { readonly bytes: number; readonly gzipped: number } {
  const all = modules.map((path) => readFileSync(path));
  const sum = (pick: (bytes: Buffer) => number): number => all.reduce((total, bytes) => total + pick(bytes), 0);
  return { bytes: sum(({ length }) => length), gzipped: sum((bytes) => gzipSync(bytes).length) };
}

function bundleEmptyHono(): string[] {
  // Below the root, so that hono is found.
  const folder = join(DIRECTORY, "hono-source");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.js"), EMPTY_HONO);
  const config = join(folder, "wrangler.json");
  const settings = { name: "bench-empty", main: "index.js", compatibility_date: COMPATIBILITY_DATE };
  writeFileSync(config, JSON.stringify(settings));
  return bundle("hono", config);
}

/** A Worker in workerd's configuration language. */
function workerText(modules: readonly string[], rest = ""): string {
  const list = modules.map((path) => {
    const kind = path.endsWith(".wasm") ? "wasm" : "esModule";
    return `(name = "${basename(path)}", ${kind} = embed "${path.slice(DIRECTORY.length + 1)}")`;
  });
  return `(modules = [${list.join(", ")}], compatibilityDate = "${COMPATIBILITY_DATE}",
    compatibilityFlags = ["enable_abortsignal_rpc"]${rest})`;
}

/** Writes a configuration whose first service answers HTTP. */
function writeConfig(name: string, services: Readonly<Record<string, string>>): string {
  const list = Object.entries(services).map(([service, worker]) => `(name = "${service}", worker = ${worker})`);
  const path = join(DIRECTORY, `${name}.capnp`);
  writeFileSync(
    path,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${list.join(",\n    ")}],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "${Object.keys(services)[0] ?? ""}")]
);
`,
  );
  return path;
}

function queryConfig(modules: readonly string[]): string {
  writeFileSync(join(DIRECTORY, "caller.mjs"), CALLER);
  writeFileSync(join(DIRECTORY, "surroundings.mjs"), SURROUNDINGS);
  const bindings = [
    '(name = "LAKE_BUCKET", text = "lake")',
    '(name = "INGEST_SHARDS", text = "2")',
    '(name = "LAKE", r2Bucket = "surroundings")',
    '(name = "RESULT_CACHE", kvNamespace = "surroundings")',
    '(name = "CATALOG", service = "surroundings")',
    '(name = "TABLE_POINTERS", service = (name = "surroundings", entrypoint = "TablePointers"))',
    '(name = "INGEST_SHARD", durableObjectNamespace = (className = "IngestShard", serviceName = "surroundings"))',
  ];
  const namespace = '(className = "IngestShard", uniqueKey = "bench")';
  return writeConfig("query", {
    caller: workerText([join(DIRECTORY, "caller.mjs")], ', bindings = [(name = "QUERY", service = "query")]'),
    query: workerText(modules, `, bindings = [${bindings.join(", ")}]`),
    surroundings: workerText(
      [join(DIRECTORY, "surroundings.mjs")],
      `, durableObjectNamespaces = [${namespace}], durableObjectStorage = (inMemory = void)`,
    ),
  });
}

interface Start {
  readonly listeningMs: number;
  readonly answeredMs: number;
  /** Processor time of the process until its first answer; NaN where there is no /proc. */
  readonly cpuMs: number;
}

/** workerd as wrangler comes with it. */
function workerdPath(): string {
  const wrangler = createRequire(createRequire(import.meta.url).resolve("wrangler"));
  return (wrangler("workerd") as { readonly default: string }).default;
}

const MS_PER_TICK = 10;

function cpuMsOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  } catch {
    return Number.NaN;
  }
}

/** Starts a process and asks it once. */
async function startOnce(config: string): Promise<Start> {
  const start = performance.now();
  const child = spawn(workerdPath(), ["serve", "--experimental", "--control-fd=3", config], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  try {
    const control = createInterface({ input: child.stdio[3] as Readable });
    const [line] = (await once(control, "line")) as [string];
    const listeningMs = performance.now() - start;
    const { port } = JSON.parse(line) as { readonly port: number };
    const response = await fetch(`http://127.0.0.1:${port}/`);
    const text = await response.text();
    if (!response.ok) throw new Error(`the first answer was ${response.status}: ${text.slice(0, 300)}`);
    return { listeningMs, answeredMs: performance.now() - start, cpuMs: cpuMsOf(child.pid) };
  } finally {
    child.kill("SIGKILL");
  }
}

/** Measures both; throws when the first query fails. */
export async function run(): Promise<readonly BenchCase[]> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  const configPath = writeWorkerConfigs(join(DIRECTORY, "config")).find((path) => path.endsWith("query.json"));
  if (configPath === undefined) throw new Error("wrangler.toml has no query Worker");
  const query = bundle("query", configPath);
  const hono = bundleEmptyHono();
  const configs = { firn: queryConfig(query), hono: writeConfig("hono", { hono: workerText(hono) }) };
  const starts = { firn: [] as Start[], hono: [] as Start[] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of ["firn", "hono"] as const) {
      const start = await startOnce(configs[name]);
      if (round > 0) starts[name].push(start);
    }
  }
  const time = (name: string, pick: (start: Start) => number): BenchCase => ({
    name,
    unit: "ms",
    firn: median(starts.firn.map(pick)),
    peers: { "empty hono": median(starts.hono.map(pick)) },
  });
  const bytes = { firn: sizes(query), hono: sizes(hono) };
  const size = (name: string, pick: "bytes" | "gzipped"): BenchCase => ({
    name,
    unit: "bytes",
    firn: bytes.firn[pick],
    peers: { "empty hono": bytes.hono[pick] },
  });
  return [
    time("new process to listening", ({ listeningMs }) => listeningMs),
    time("new process to first answer", ({ answeredMs }) => answeredMs),
    time("processor time to first answer", ({ cpuMs }) => cpuMs),
    size("modules, gzipped", "gzipped"),
    size("modules", "bytes"),
  ];
}
