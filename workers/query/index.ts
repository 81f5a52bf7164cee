// The query Worker: wires bindings to the query service. Reached by service bindings only.

import { WorkerEntrypoint } from "cloudflare:workers";
import pgQueryWasm from "libpg-query/wasm/libpg-query.wasm";
import parquetWasm from "parquet-wasm/esm/parquet_wasm_bg.wasm";
import { sleep, systemClock, systemRandom, toRpcResult, type RpcResult, type TableIdentifier } from "#core";
import { createKvStore, type InvalidationTarget } from "#cache";
import { createTableMemory } from "#iceberg";
import {
  answerKnown,
  createIsolateState,
  createResultBlobs,
  executeQuery,
  queryCacheStatistics,
  type IsolateState,
  type QueryCacheStatistics,
  type QueryContext,
  type QueryDeps,
  type QueryReply,
  type QueryRequest,
} from "#query";
import { initParquetWasm } from "#parquet";
import { initSqlParser } from "#sql";
import { createR2Store } from "#storage";
import { createConsoleSink } from "#telemetry";
import { openCatalog } from "../lake.ts";
import { createFreshSource, createInputProbe } from "./fresh-source.ts";

/** Tables whose metadata an isolate keeps; a query on an unchanged one costs the catalog a 304. */
const MAX_TABLES = 32;
const tables = createTableMemory(MAX_TABLES);

let isolate: IsolateState | undefined;

function isolateState(env: QueryEnv): IsolateState {
  isolate ??= createIsolateState(systemClock, {
    kv: createKvStore(env.RESULT_CACHE),
    blobs: createResultBlobs(createR2Store(env.LAKE)),
  });
  return isolate;
}

/** SQL over the lake and its result cache. */
export default class QueryWorker extends WorkerEntrypoint<QueryEnv> {
  /** Nothing is served over HTTP. */
  override fetch(): Response {
    return new Response(null, { status: 404 });
  }

  /** Answers a query; failures are values. It stops when `gone` aborts, because whoever asked has left. */
  execute(request: QueryRequest, context: QueryContext, gone?: AbortSignal): Promise<QueryReply> {
    return executeQuery(this.#deps(gone), request, context);
  }

  /** Answers a query whose answer is known; undefined: {@link execute} has to. A signal would cost more than this does. */
  answerKnown(request: QueryRequest, context: QueryContext): Promise<QueryReply | undefined> {
    return answerKnown(this.#deps(undefined), request, context);
  }

  #deps(gone: AbortSignal | undefined): QueryDeps {
    const { env } = this;
    const probe = createInputProbe(env);
    const locate = async (table: TableIdentifier): Promise<string | undefined> =>
      (await probe.tableLocations([table]).catch(() => undefined))?.[0];
    return {
      ...isolateState(env),
      clock: systemClock,
      random: systemRandom,
      sleep,
      store: createR2Store(env.LAKE),
      bucket: env.LAKE_BUCKET,
      createCatalog: (io, snapshots) =>
        openCatalog(env, io, snapshots === "refs" ? { tables, snapshots, locate } : { snapshots }),
      fresh: createFreshSource(env),
      probe,
      initParser: () => initSqlParser(pgQueryWasm),
      initParquetWriter: () => initParquetWasm(parquetWasm),
      log: createConsoleSink(),
      gone,
      defer: (work) => this.ctx.waitUntil(work),
    };
  }

  /** What this isolate's caches did. */
  cacheStatistics(): Promise<RpcResult<QueryCacheStatistics>> {
    return toRpcResult(() => {
      return Promise.resolve(queryCacheStatistics(isolateState(this.env)));
    });
  }

  /** Makes earlier answers unusable: all, those of a table, with a tag, or to questions like a pattern. */
  cacheInvalidate(target: InvalidationTarget): Promise<RpcResult<{ readonly invalidated_at_ms: number }>> {
    return toRpcResult(async () => {
      await isolateState(this.env).cache.invalidate(target);
      return { invalidated_at_ms: systemClock.nowMs() };
    });
  }
}
