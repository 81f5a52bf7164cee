// Stand-ins for everything behind the front door, for tests of HTTP behaviour alone.

import { errorToProblem, parseTableName, tableNameToString, LakeError, uuidv7, type RpcResult } from "#core";
import { loadTokens } from "#http";
import type { CatalogClient, Table } from "#iceberg";
import type { IngestReply, IngestRequest, ShardClient, ShardStatus } from "#ingest";
import type { QueryReply } from "#query";
import { createMemorySink, createMetricRegistry } from "#telemetry";
import { createCollectorApp } from "../../workers/collector/app.ts";
import type { CollectorServices } from "../../workers/collector/services.ts";

/** Tokens that the fakes know. */
export const TOKENS = {
  INGEST_TOKEN: "ingest-secret",
  QUERY_TOKEN: "query-secret",
  WRITE_TOKEN: "write-secret",
  CATALOG_TOKEN: "catalog-secret",
  METRICS_TOKEN: "metrics-secret",
  ADMIN_TOKEN: "admin-secret",
};

const ok = <T>(value: T): Promise<RpcResult<T>> => Promise.resolve({ ok: true, value });

/** A result that failed, as it crosses RPC. */
export function failed(error: LakeError): Promise<RpcResult<never>> {
  return Promise.resolve({ ok: false, problem: errorToProblem(error) });
}

/** A reply of the query Worker. */
export function queryReply(body: string, stats: Readonly<Record<string, unknown>> = {}): QueryReply {
  return {
    ok: true,
    contentType: "application/json",
    body: new TextEncoder().encode(body),
    stats: { query_text: "q", cache: "miss", files_scanned: 2, success: true, error_code: null, ...stats },
  } as unknown as QueryReply;
}

const SHARD_STATUS: ShardStatus = {
  table: "",
  shardIndex: 0,
  pendingRows: 7,
  pendingBytes: 700,
  oldestPendingAgeMs: 1500,
  nextSequence: 8,
  firstRetainedSequence: 1,
  dedupeIds: 7,
  rowsAccepted: 7,
  rowsDuplicate: 1,
  rowsFlushed: 0,
  flushes: 0,
  flushFailures: 0,
  filesWritten: 0,
  bytesWritten: 0,
  lastFlushMs: null,
  lastError: null,
};

function fakeShard(shardIndex: number): ShardClient {
  return {
    append: () => Promise.reject(new LakeError("internal", "not used")),
    tableDropped: () => Promise.resolve(),
    readFresh: () => Promise.reject(new LakeError("internal", "not used")),
    flush: () => Promise.resolve({ batches: 1, rows: 5, files: 1, bytes: 100, watermark: 5, pendingRows: 0 }),
    status: () => Promise.resolve({ ...SHARD_STATUS, shardIndex }),
  };
}

const job = (kind: string) => ({ id: "job-1", kind, table: "default.events", state: "queued", progress: {} });

/** What a fake table's changes were asked to do, in order. */
export type TableCalls = (readonly [string, ...unknown[]])[];

function fakeTable(name: string, calls: TableCalls): Table {
  const change: object = new Proxy(
    {},
    {
      get: (_target, method) =>
        method === "commit"
          ? () => Promise.resolve({ outcome: "committed", table })
          : (...args: unknown[]) => {
              calls.push([String(method), ...args]);
              return change;
            },
    },
  );
  const table = {
    identifier: parseTableName(name),
    metadata: {
      "table-uuid": "5a1c6a5e-0000-4000-8000-000000000000",
      location: "s3://firn-lake/default/events",
      "format-version": 2,
      properties: { "write.format.default": "parquet" },
    },
    metadataLocation: "s3://firn-lake/default/events/metadata/1.json",
    schema: () => ({
      type: "struct",
      "schema-id": 0,
      fields: [{ id: 3, name: "timestamp", type: "timestamptz", required: true }],
    }),
    spec: () => ({
      "spec-id": 0,
      fields: [{ "source-id": 3, "field-id": 1000, name: "timestamp_day", transform: "day" }],
    }),
    sortOrder: () => ({ "order-id": 0, fields: [] }),
    currentSnapshot: () => ({
      "snapshot-id": 9_007_199_254_740_993n,
      "sequence-number": 1n,
      "timestamp-ms": 1_700_000_000_000,
      "manifest-list": "s3://x",
      summary: { operation: "append", "total-data-files": "4", "total-files-size": "4096", "total-records": "40" },
    }),
    updateSpec: () => change,
    updateProperties: () => change,
    replaceSortOrder: () => change,
  };
  return table as unknown as Table;
}

/** Changes to the fakes of one test. */
export type ServiceOverrides = Partial<CollectorServices>;

/** A front door over fakes, and what reached them. */
export async function createFakeApp(overrides: ServiceOverrides = {}) {
  const log = createMemorySink();
  let nowMs = 1_700_000_000_000;
  const clock = { nowMs: () => (nowMs += 5) };
  let uuids = 0;
  const random = {
    nextInt63: () => 1n,
    nextUnit: () => 0.5,
    uuid: () => `00000000-0000-4000-8000-${(++uuids).toString(16).padStart(12, "0")}`,
  };
  const loggedRows: Readonly<Record<string, unknown>>[] = [];
  const ingested: IngestRequest[] = [];
  const tableCalls: TableCalls = [];
  const catalogRequests: Request[] = [];
  const jobBodies: unknown[] = [];
  const client = {
    listNamespaces: () => Promise.resolve([["default"], ["system"]]),
    listTables: (namespace: readonly string[]) =>
      Promise.resolve([{ namespace, name: namespace[0] === "system" ? "query_logs" : "events" }]),
    loadTable: (table: Parameters<CatalogClient["loadTable"]>[0]) => {
      const name = typeof table === "string" ? table : tableNameToString(table);
      if (!["default.events", "system.query_logs"].includes(name)) {
        return Promise.reject(new LakeError("table_not_found", `There is no table ${name}.`));
      }
      return Promise.resolve(fakeTable(name, tableCalls));
    },
  };
  const services: CollectorServices = {
    clock,
    random,
    sleep: () => Promise.resolve(),
    log,
    metrics: createMetricRegistry({ instance_id: uuidv7(clock, random) }),
    tokens: await loadTokens(TOKENS),
    corsOrigins: [],
    ingest: {
      ingestEvents(request) {
        ingested.push(request);
        const reply: IngestReply = {
          accepted: 1,
          rejected: 1,
          duplicates: 0,
          durable: true,
          verdicts: [
            { index: 0, status: "accepted", event_id: "e1" },
            { index: 1, status: "rejected", code: "type", pointer: "/timestamp", message: "no timestamp" },
          ],
        } as IngestReply;
        return Promise.resolve(reply);
      },
      ingestRows(_table, rows) {
        loggedRows.push(...rows);
        return Promise.resolve(undefined);
      },
      shards: () => [fakeShard(0), fakeShard(1)],
    },
    query: {
      execute: () => Promise.resolve(queryReply('{"rows":[]}')),
      answerKnown: () => Promise.resolve(undefined),
      cacheStatistics: () => ok({ hits: 1 }),
      cacheInvalidate: () => ok(undefined),
    },
    compactor: {
      startCompact: (body) => {
        jobBodies.push(body);
        return ok(job("compact"));
      },
      startRewrite: (body) => {
        jobBodies.push(body);
        return ok(job("rewrite"));
      },
      startUpkeep: (kind, body) => {
        jobBodies.push(body);
        return ok(job(kind));
      },
      getJob: (id) =>
        id === "job-1" ? ok(job("compact")) : failed(new LakeError("job_not_found", `There is no job ${id}.`)),
      listJobs: () => ok([job("compact")]),
      cancelJob: () => ok({ ...job("compact"), state: "cancelled" }),
    },
    optimizer: {
      status: () => ok({ enabled: true }),
      alerts: () => ok([{ code: "TooManySmallFiles" }]),
      baselines: () => ok([]),
      getConfig: () => ok({ alert_factor: 2 }),
      putConfig: (patch) => ok(patch),
      actions: () => ok([]),
      runNow: () => ok({ alerts_raised: 0 }),
    },
    catalog: {
      fetch(request) {
        catalogRequests.push(request);
        return Promise.resolve(Response.json({ path: new URL(request.url).pathname }));
      },
      client: client as unknown as CatalogClient,
    },
    ...overrides,
  };
  const app = createCollectorApp(services);
  const pending: Promise<unknown>[] = [];
  return {
    app,
    log,
    loggedRows,
    ingested,
    tableCalls,
    catalogRequests,
    jobBodies,
    /** Waits for what runs on after the response. */
    settle: () => Promise.all(pending),
    request: (
      method: string,
      path: string,
      init: RequestInit & { readonly token?: string } = {},
    ): Promise<Response> => {
      const { token, ...rest } = init;
      const headers = new Headers(rest.headers);
      if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
      const request = new Request(`https://firn.test${path}`, { ...rest, method, headers });
      return app.fetch(request, {}, { waitUntil: (promise) => void pending.push(promise) });
    },
  };
}
