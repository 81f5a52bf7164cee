// All five Workers in one real workerd, for tests that go through HTTP as a user would.

import { createTestHarness, type WorkerHandle } from "wrangler";
import { createClient, type FirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, type Tokens } from "../../scripts/lib/local-firn.ts";
import { ROOT, WORKERS, type WorkerName } from "../../scripts/lib/worker-configs.ts";

/** Script names as in wrangler.toml. */
const SCRIPTS: Readonly<Record<WorkerName, string>> = {
  collector: "analytics-event-collector",
  catalog: "analytics-catalog",
  compactor: "analytics-compactor",
  query: "analytics-query",
  optimizer: "analytics-optimizer",
};

/** Firn running inside a test. */
export interface Harness {
  readonly client: FirnClient;
  readonly tokens: Tokens;
  /** A request without a token of its own. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Runs the optimizer's cron handler once. */
  tick(): Promise<void>;
  /** Without a slash at its end. */
  readonly url: string;
  /** A Worker's bindings and Durable Objects, past its HTTP surface. */
  worker(name: WorkerName): WorkerHandle;
  /** Structured log lines of all Workers so far, parsed. */
  logEvents(): readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

/** Starts all Workers with empty storage. */
export async function startHarness(vars: Partial<Record<WorkerName, Record<string, string>>> = {}): Promise<Harness> {
  const tokens = createTokens();
  const server = createTestHarness({
    root: ROOT,
    workers: WORKERS.map((worker) => ({
      configPath: "./wrangler.toml",
      env: worker,
      vars: vars[worker] ?? {},
      secrets:
        worker === "collector"
          ? { ...tokens }
          : worker === "catalog"
            ? { S3_ACCESS_KEY_ID: "", S3_SECRET_ACCESS_KEY: "" }
            : {},
    })),
  });
  const { url } = await server.listen();
  const fetchPath = (path: string, init?: RequestInit): Promise<Response> => fetch(new URL(path, url), init);
  return {
    tokens,
    client: createClient(fetchPath, tokens),
    fetch: fetchPath,
    url: url.origin,
    worker: (name) => server.getWorker(SCRIPTS[name]),
    async tick() {
      await server.getWorker("analytics-optimizer").scheduled({ cron: "* * * * *" });
    },
    logEvents: () =>
      server.getLogs().flatMap(({ message }) => {
        try {
          return [JSON.parse(message) as Record<string, unknown>];
        } catch {
          return [];
        }
      }),
    close: () => server.close(),
  };
}
