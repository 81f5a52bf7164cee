// What the front door needs of the rest of Firn: the other Workers' methods and the ingest shards, as interfaces, so
// that its routes run the same in Node.

import type { Clock, RandomSource, RpcResult, TableIdentifier } from "#core";
import type { InvalidationTarget } from "#cache";
import type { HttpApp, TokenEntry } from "#http";
import type { CatalogClient } from "#iceberg";
import type { IngestReply, IngestRequest, ShardClient } from "#ingest";
import type { QueryContext, QueryReply, QueryRequest } from "#query";
import type { LogSink, MetricRegistry } from "#telemetry";

/** Writing to tables through their shards. */
export interface IngestService {
  ingestEvents(request: IngestRequest): Promise<IngestReply>;
  ingestRows(table: TableIdentifier, rows: readonly Readonly<Record<string, unknown>>[]): Promise<unknown>;
  /** All shards of a table, by index. */
  shards(table: TableIdentifier): readonly ShardClient[];
}

/** The query Worker. */
export interface QueryService {
  /** The query stops when `gone` aborts. */
  execute(request: QueryRequest, context: QueryContext, gone?: AbortSignal): Promise<QueryReply>;
  /** The reply when it is known without running anything. */
  answerKnown(request: QueryRequest, context: QueryContext): Promise<QueryReply | undefined>;
  cacheStatistics(): Promise<unknown>;
  cacheInvalidate(target: InvalidationTarget): Promise<unknown>;
}

/** Who started a job, for its record. */
export interface JobCaller {
  readonly userId: string;
  readonly requestId: string;
}

/** Upkeep of a table that runs as a job. */
export type UpkeepKind = "expire-snapshots" | "remove-orphans" | "rewrite-manifests";

/** The compactor Worker. */
export interface CompactorService {
  startCompact(body: unknown, caller: JobCaller): Promise<RpcResult<unknown>>;
  startRewrite(body: unknown, caller: JobCaller): Promise<RpcResult<unknown>>;
  startUpkeep(kind: UpkeepKind, body: unknown, caller: JobCaller): Promise<RpcResult<unknown>>;
  getJob(id: string): Promise<RpcResult<unknown>>;
  listJobs(filter: { readonly table?: string; readonly limit?: number }): Promise<RpcResult<unknown>>;
  cancelJob(id: string): Promise<RpcResult<unknown>>;
}

/** The optimizer Worker. */
export interface OptimizerService {
  status(): Promise<RpcResult<unknown>>;
  alerts(filter: { readonly active?: boolean }): Promise<RpcResult<unknown>>;
  baselines(): Promise<RpcResult<unknown>>;
  getConfig(): Promise<RpcResult<unknown>>;
  putConfig(patch: unknown): Promise<RpcResult<unknown>>;
  actions(): Promise<RpcResult<unknown>>;
  runNow(): Promise<RpcResult<unknown>>;
}

/** The catalog Worker: its REST interface for clients, and the client our own code uses. */
export interface CatalogService {
  fetch(request: Request): Promise<Response>;
  readonly client: CatalogClient;
}

/** Everything behind the front door. */
export interface CollectorServices {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
  readonly log: LogSink;
  readonly metrics: MetricRegistry;
  readonly tokens: readonly TokenEntry[];
  readonly corsOrigins: readonly string[];
  readonly ingest: IngestService;
  readonly query: QueryService;
  readonly compactor: CompactorService;
  readonly optimizer: OptimizerService;
  readonly catalog: CatalogService;
}

/** Adds a group of routes. */
export type RouteModule = (app: HttpApp, services: CollectorServices) => void;
