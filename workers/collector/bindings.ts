// From the Worker's bindings to the services behind the front door.

import { sleep, systemClock, systemRandom, type TableIdentifier } from "#core";
import { callUpstream, loadTokens, type TokenSettings } from "#http";
import {
  createShardClient,
  ensureTable,
  ingestEvents,
  ingestRows,
  shardCountFor,
  shardName,
  type IngestDeps,
  type ShardClient,
} from "#ingest";
import { createConsoleSink, createMetricRegistry } from "#telemetry";
import type CompactorWorker from "../compactor/index.ts";
import type OptimizerWorker from "../optimizer/index.ts";
import type QueryWorker from "../query/index.ts";
import { openCatalog } from "../lake.ts";
import { createSchemaCache } from "./schema-cache.ts";
import type { CollectorServices, CompactorService, OptimizerService, QueryService } from "./services.ts";

/** Settings that may be absent from a deployment. */
export interface OptionalSettings extends TokenSettings {
  /** Comma-separated origins whose pages may call the API, or "*". */
  readonly CORS_ORIGINS?: string | undefined;
}

/** A service binding as the interface that its Worker's class is checked against. */
function asService<Worker extends Interface, Interface>(
  binding: Service<new () => Worker & Rpc.WorkerEntrypointBranded>,
) {
  return binding as unknown as Interface;
}

/** Calls that fail as calls become `upstream_unavailable`. */
function guardShard(shard: ShardClient): ShardClient {
  const part = "An ingest shard";
  return {
    append: (request) => callUpstream(part, () => shard.append(request)),
    readFresh: (request) => callUpstream(part, () => shard.readFresh(request)),
    flush: () => callUpstream(part, () => shard.flush()),
    status: () => callUpstream(part, () => shard.status()),
    tableDropped: (tableUuid) => callUpstream(part, () => shard.tableDropped(tableUuid)),
  };
}

/** Builds the services; cheap but for hashing the tokens. Errors: `internal` for malformed settings. */
export async function createServices(env: CollectorEnv & OptionalSettings): Promise<CollectorServices> {
  const clock = systemClock;
  const random = systemRandom;
  const shardCount = Number(env.INGEST_SHARDS);
  const client = openCatalog(env);
  const shard = (table: TableIdentifier, index: number): ShardClient =>
    guardShard(createShardClient(env.INGEST_SHARD.getByName(shardName(table, index))));
  const ingest: IngestDeps = {
    shard,
    shardCount,
    loadTableSchema: createSchemaCache((table) => ensureTable(client, table), clock),
    clock,
    random,
  };
  return {
    clock,
    random,
    sleep,
    log: createConsoleSink(),
    metrics: createMetricRegistry({ instance_id: random.uuid() }),
    tokens: await loadTokens(env),
    corsOrigins: (env.CORS_ORIGINS ?? "")
      .split(",")
      .map((origin) => origin.trim())
      .filter((origin) => origin !== ""),
    ingest: {
      ingestEvents: (request) => ingestEvents(ingest, request),
      ingestRows: (table, rows) => ingestRows(ingest, table, rows),
      shards: (table) => Array.from({ length: shardCountFor(table, shardCount) }, (_, index) => shard(table, index)),
    },
    query: asService<QueryWorker, QueryService>(env.QUERY),
    compactor: asService<CompactorWorker, CompactorService>(env.COMPACTOR),
    optimizer: asService<OptimizerWorker, OptimizerService>(env.OPTIMIZER),
    catalog: { client, fetch: (request) => env.CATALOG.fetch(request) },
  };
}
