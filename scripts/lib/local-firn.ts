// Runs all five Workers in workerd on this machine: what `npm start`, the demo, the benchmarks and the crash test use.

import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { startS3Front, type S3Front } from "./s3-front.ts";
import { LOCAL_S3, ROOT, writeWorkerConfigs } from "./worker-configs.ts";

/** The bearer tokens of a local Firn, one a scope. */
export interface Tokens {
  readonly INGEST_TOKEN: string;
  readonly QUERY_TOKEN: string;
  readonly WRITE_TOKEN: string;
  readonly CATALOG_TOKEN: string;
  readonly ADMIN_TOKEN: string;
}

/** How to run it. */
export interface LocalFirnOptions {
  readonly port: number;
  /** Holds configurations, logs and, below `state`, everything the Workers store. */
  readonly directory: string;
  readonly tokens: Tokens;
  /** Variables for single Workers, beside those of wrangler.toml. */
  readonly vars?: Readonly<
    Partial<Record<"collector" | "catalog" | "compactor" | "query" | "optimizer", Record<string, string>>>
  >;
}

/** A running local Firn. */
export interface LocalFirn {
  readonly url: string;
  /** Where S3 clients reach the bucket (path style, LOCAL_S3 credentials); the catalog hands it to its clients. */
  readonly s3Endpoint: string;
  readonly tokens: Tokens;
  readonly logPath: string;
  /** Runs the optimizer's scheduled handler once, as the platform's cron would. */
  tick(): Promise<void>;
  /** Ends it in an orderly way. */
  stop(): Promise<void>;
  /** Kills every process of it at once (SIGKILL), as a power cut would; state stays on disk. */
  kill(): Promise<void>;
}

const START_TIMEOUT_MS = 90_000;
const HEALTH_TIMEOUT_MS = 10_000;

function createToken(scope: string): string {
  return `firn_${scope}_${randomBytes(18).toString("base64url")}`;
}

/** Fresh random tokens. */
export function createTokens(): Tokens {
  return {
    INGEST_TOKEN: createToken("ingest"),
    QUERY_TOKEN: createToken("query"),
    WRITE_TOKEN: createToken("write"),
    CATALOG_TOKEN: createToken("catalog"),
    ADMIN_TOKEN: createToken("admin"),
  };
}

/** Reads tokens from a `.dev.vars` file; writes fresh ones when it does not exist. */
export function loadOrCreateTokens(path: string): { readonly tokens: Tokens; readonly created: boolean } {
  if (!existsSync(path)) {
    const tokens = createTokens();
    const lines = Object.entries(tokens).map(([name, value]) => `${name}=${String(value)}`);
    writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
    return { tokens, created: true };
  }
  const entries = new Map<string, string>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const match = /^\s*([A-Z_]+)\s*=\s*"?([^"]*?)"?\s*$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) entries.set(match[1], match[2]);
  }
  const read = (name: string): string => {
    const value = entries.get(name);
    if (value === undefined || value === "")
      throw new Error(`${path} has no ${name}: add it, or delete the file to get new tokens`);
    return value;
  };
  // Row-level SQL has a scope of its own; a file without its token gets one.
  const writeToken = entries.get("WRITE_TOKEN") ?? createToken("write");
  if (!entries.has("WRITE_TOKEN")) appendFileSync(path, `WRITE_TOKEN=${writeToken}\n`);
  return {
    tokens: {
      INGEST_TOKEN: read("INGEST_TOKEN"),
      QUERY_TOKEN: read("QUERY_TOKEN"),
      WRITE_TOKEN: writeToken,
      CATALOG_TOKEN: read("CATALOG_TOKEN"),
      ADMIN_TOKEN: read("ADMIN_TOKEN"),
    },
    created: false,
  };
}

/** A loopback port nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}

/** Starts the Workers and resolves when the front door answers; throws with the log's tail when it does not. */
export async function startLocalFirn(options: LocalFirnOptions): Promise<LocalFirn> {
  const url = `http://127.0.0.1:${options.port}`;
  mkdirSync(options.directory, { recursive: true });
  const logPath = join(options.directory, "workers.log");
  const front = await startS3Front(`${url}/cdn-cgi/local/r2/s3`);
  const configs = writeWorkerConfigs(join(options.directory, "config"), {
    localS3: true,
    vars: {
      ...options.vars,
      collector: { ...options.tokens, ...options.vars?.collector },
      catalog: {
        S3_ENDPOINT: front.url,
        S3_REGION: "auto",
        S3_ACCESS_KEY_ID: LOCAL_S3.accessKeyId,
        S3_SECRET_ACCESS_KEY: LOCAL_S3.secretAccessKey,
        ...options.vars?.catalog,
      },
      compactor: { ...options.vars?.compactor },
      query: { ...options.vars?.query },
      optimizer: { ...options.vars?.optimizer },
    },
  });
  const child = spawn(
    "wrangler",
    [
      "dev",
      ...configs.flatMap((config) => ["-c", config]),
      "--port",
      String(options.port),
      "--ip",
      "127.0.0.1",
      "--inspector-port",
      String(await freePort()),
      "--persist-to",
      join(options.directory, "state"),
      "--show-interactive-dev-session=false",
      "--log-level",
      // wrangler ranks console.log below "info": its lines are the canonical ones.
      "log",
    ],
    {
      cwd: ROOT,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        WRANGLER_SEND_METRICS: "false",
        // Recording a span for every binding call triples a query's latency; `npm start` users can switch it on.
        X_LOCAL_OBSERVABILITY: process.env["X_LOCAL_OBSERVABILITY"] ?? "false",
        CI: "true",
        NO_COLOR: "1",
      },
    },
  );
  const log = createWriteStream(logPath, { flags: "a" });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  await waitUntilHealthy(url, child, front, logPath);
  return {
    url,
    s3Endpoint: front.url,
    tokens: options.tokens,
    logPath,
    async tick() {
      const response = await fetch(`${url}/cdn-cgi/local/explorer/api/local/scheduled?worker=analytics-optimizer`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ cron: "* * * * *" }),
      });
      const reply = await response.json<{ result?: { outcome?: string } }>();
      if (reply.result?.outcome !== "ok") throw new Error(`the scheduled handler failed: ${JSON.stringify(reply)}`);
    },
    stop: () => endProcesses(child, front, "SIGTERM"),
    kill: () => endProcesses(child, front, "SIGKILL"),
  };
}

async function waitUntilHealthy(url: string, child: ChildProcess, front: S3Front, logPath: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    try {
      // wrangler holds requests until its build succeeds, which it may never do.
      if ((await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) })).ok) return;
    } catch {
      // Not listening or not built yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await endProcesses(child, front, "SIGKILL");
  const tail = readFileSync(logPath, "utf8").split("\n").slice(-40).join("\n");
  throw new Error(`Firn did not become healthy at ${url}. Last lines of ${logPath}:\n${tail}`);
}

/** Signals the whole process tree; workerd runs in wrangler's process group. */
async function endProcesses(child: ChildProcess, front: S3Front, signal: NodeJS.Signals): Promise<void> {
  await front.stop();
  if (child.pid === undefined) return;
  const exited =
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise<void>((resolve) => child.once("exit", () => resolve()));
  signalTree(child.pid, signal);
  const forced = setTimeout(() => signalTree(child.pid as number, "SIGKILL"), 10_000);
  await exited;
  clearTimeout(forced);
  signalTree(child.pid, "SIGKILL");
}

/** Signals a process group and every descendant that left it. */
function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const target of [...descendants(pid), -pid, pid]) {
    try {
      process.kill(target, signal);
    } catch {
      // Already gone.
    }
  }
}

/** Descendant process ids, from /proc where there is one; elsewhere the process group alone is signalled. */
function descendants(pid: number): number[] {
  if (!existsSync("/proc")) return [];
  const childrenByParent = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, "utf8"))?.[1]);
      childrenByParent.set(parent, [...(childrenByParent.get(parent) ?? []), Number(entry)]);
    } catch {
      // Ended while we looked.
    }
  }
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const children = childrenByParent.get(next) ?? [];
    found.push(...children);
    queue.push(...children);
  }
  return found;
}
