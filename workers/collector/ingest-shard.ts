// The Durable Object of one ingest shard: bindings in, src/ingest does the rest.

import { DurableObject } from "cloudflare:workers";
import { systemClock, systemRandom, toRpcResult, type RpcResult } from "#core";
import {
  committerName,
  createCommitterClient,
  createIngestShard,
  type AppendReply,
  type AppendRequest,
  type FlushReport,
  type FreshRequest,
  type FreshRows,
  type IngestShardCore,
  type ShardRpc,
  type ShardStatus,
} from "#ingest";
import { initParquetWasm } from "#parquet";
import { createConsoleSink } from "#telemetry";
import parquetWasm from "parquet-wasm/esm/parquet_wasm_bg.wasm";
import { createDurableAlarm, createDurableSql, createLakeAccess } from "./ingest-env.ts";

/** Holds accepted rows of one table until they are in the table. Name: `<namespace>.<table>#<index>`. */
export class IngestShard extends DurableObject<CollectorEnv> implements ShardRpc {
  readonly #shard: IngestShardCore;

  constructor(ctx: DurableObjectState, env: CollectorEnv) {
    super(ctx, env);
    initParquetWasm(parquetWasm);
    const lake = createLakeAccess(env);
    this.#shard = createIngestShard({
      db: createDurableSql(ctx.storage),
      alarms: createDurableAlarm(ctx.storage),
      loadTable: lake.loadTable,
      io: lake.io,
      committer: (table) => createCommitterClient(env.TABLE_COMMITTER.getByName(committerName(table))),
      clock: systemClock,
      random: systemRandom,
      log: createConsoleSink(),
      options: {
        flushAgeMs: Number(env.INGEST_FLUSH_AGE_MS),
        flushRows: Number(env.INGEST_FLUSH_ROWS),
        flushBytes: Number(env.INGEST_FLUSH_BYTES),
      },
    });
    void ctx.blockConcurrencyWhile(() => this.#shard.start());
  }

  append(request: AppendRequest): Promise<RpcResult<AppendReply>> {
    return toRpcResult(() => this.#shard.append(request));
  }

  readFresh(request: FreshRequest): Promise<RpcResult<FreshRows>> {
    return toRpcResult(() => this.#shard.readFresh(request));
  }

  flush(): Promise<RpcResult<FlushReport>> {
    return toRpcResult(() => this.#shard.flush());
  }

  status(): Promise<RpcResult<ShardStatus>> {
    return toRpcResult(() => this.#shard.status());
  }

  tableDropped(tableUuid: string): Promise<RpcResult<null>> {
    return toRpcResult(async () => {
      await this.#shard.tableDropped(tableUuid);
      return null;
    });
  }

  override alarm(): Promise<void> {
    return this.#shard.alarm();
  }
}
