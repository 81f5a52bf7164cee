// A small HTTP client of a running Firn: what the demo, the interop run, the benchmarks and the e2e tests speak.

import { gzipSync } from "node:zlib";
import type { Tokens } from "./local-firn.ts";

/** A non-2xx answer: its status and problem details. */
export class FirnHttpError extends Error {
  readonly status: number;
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(method: string, path: string, status: number, problem: Readonly<Record<string, unknown>>) {
    super(`${method} ${path} answered ${status}: ${JSON.stringify(problem)}`);
    this.status = status;
    this.problem = problem;
  }
}

export interface IngestReply {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly verdicts: readonly Readonly<Record<string, unknown>>[];
}

export interface QueryReply {
  readonly query_id: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly row_count: number;
  readonly cache: unknown;
  readonly [member: string]: unknown;
}

export interface Job {
  readonly id: string;
  readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  readonly progress: Readonly<Record<string, number | null>>;
  readonly result?: Readonly<Record<string, number | string | null>>;
  readonly error?: Readonly<Record<string, unknown>>;
}

/** How requests reach Firn: over the network, or straight into a test harness. */
export type Transport = (path: string, init: RequestInit) => Promise<Response>;

/** The HTTP surface as functions. Every call throws {@link FirnHttpError} for a non-2xx answer. */
export interface FirnClient {
  request<T>(
    method: string,
    path: string,
    scope: keyof Tokens,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<T>;
  /** Sends events as one gzip-compressed NDJSON body. */
  ingest(
    events: readonly unknown[],
    options?: { readonly table?: string; readonly idempotencyKey?: string },
  ): Promise<IngestReply>;
  query(sql: string, options?: Readonly<Record<string, unknown>>): Promise<QueryReply>;
  flush(table?: string): Promise<Readonly<Record<string, unknown>>>;
  /** Starts a job and waits for its end; throws when it does not succeed. */
  runJob(path: "/admin/compact" | "/admin/rewrite", body: unknown, onProgress?: (job: Job) => void): Promise<Job>;
}

const JOB_POLL_MS = 50;
const JOB_TIMEOUT_MS = 10 * 60_000;

/** A client over the network. */
export function createFirnClient(url: string, tokens: Tokens): FirnClient {
  return createClient((path, init) => fetch(`${url}${path}`, init), tokens);
}

/** A client over any transport. */
export function createClient(transport: Transport, tokens: Tokens): FirnClient {
  async function send<T>(
    method: string,
    path: string,
    scope: keyof Tokens,
    body: BodyInit | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<T> {
    const response = await transport(path, {
      method,
      headers: { authorization: `Bearer ${tokens[scope]}`, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const parsed = text === "" ? {} : (JSON.parse(text) as unknown);
    if (!response.ok) throw new FirnHttpError(method, path, response.status, parsed as Record<string, unknown>);
    return parsed as T;
  }

  const client: FirnClient = {
    request: (method, path, scope, body, headers = {}) =>
      send(method, path, scope, body === undefined ? undefined : JSON.stringify(body), {
        "content-type": "application/json",
        ...headers,
      }),
    ingest(events, options = {}) {
      const path = options.table === undefined ? "/v1/events" : `/v1/events/${options.table.replace(".", "/")}`;
      const body = gzipSync(events.map((event) => JSON.stringify(event)).join("\n"), { level: 1 });
      return send("POST", path, "INGEST_TOKEN", body, {
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
        ...(options.idempotencyKey === undefined ? {} : { "idempotency-key": options.idempotencyKey }),
      });
    },
    query: (sql, options = {}) => client.request("POST", "/v1/query", "QUERY_TOKEN", { sql, ...options }),
    flush: (table = "events") => client.request("POST", "/admin/flush", "ADMIN_TOKEN", { table }),
    async runJob(path, body, onProgress) {
      let job = await client.request<Job>("POST", path, "ADMIN_TOKEN", body);
      const deadline = Date.now() + JOB_TIMEOUT_MS;
      while (job.state === "queued" || job.state === "running") {
        if (Date.now() > deadline) throw new Error(`job ${job.id} did not end in time`);
        await new Promise((resolve) => setTimeout(resolve, JOB_POLL_MS));
        job = await client.request<Job>("GET", `/admin/jobs/${job.id}`, "ADMIN_TOKEN");
        onProgress?.(job);
      }
      if (job.state !== "succeeded") throw new Error(`job ${job.id} ${job.state}: ${JSON.stringify(job.error)}`);
      return job;
    },
  };
  return client;
}
