// What crosses the border of an ingest shard and of a table committer, and typed clients for both. Values are plain
// data: they travel by Workers RPC.

import { fromRpcResult, type RpcResult, type TableIdentifier } from "#core";
import type { DataFileJson, IcebergSchema } from "#iceberg";
import type { RowChunk } from "./row-chunk.ts";

/** The Durable Object name of a table's shard. */
export function shardName(table: TableIdentifier, shardIndex: number): string {
  return `${committerName(table)}#${shardIndex}`;
}

/** The Durable Object name of a table's committer. */
export function committerName(table: TableIdentifier): string {
  return [...table.namespace, table.name].join(".");
}

/** Rows for one shard. Everything in one request is stored in one transaction, or nothing is. */
export interface AppendRequest {
  readonly table: TableIdentifier;
  readonly tableUuid: string;
  readonly shardIndex: number;
  /** The schema the chunks were validated against. */
  readonly schema: IcebergSchema;
  /** One id a row, in chunk order: the deduplication key. */
  readonly eventIds: readonly string[];
  readonly chunks: readonly RowChunk[];
  /** A repeated key with the same body hash gets the stored reply; with another it is refused. */
  readonly idempotency?: { readonly key: string; readonly bodyHash: string };
}

/** Outcome of an append: durable once it is received. */
export interface AppendReply {
  readonly accepted: number;
  /** Row positions within the request that were already known. */
  readonly duplicates: readonly number[];
  /** Sequences of the accepted rows, inclusive; undefined when none was. */
  readonly firstSequence?: number;
  readonly lastSequence?: number;
}

/** Which rows a reader wants. */
export interface FreshRequest {
  /** The table the reader loaded. */
  readonly tableUuid: string;
  readonly afterSequence: number;
  /** Leaves the rows themselves out: how far they go is all that is asked. */
  readonly extentOnly?: boolean;
}

/** Acknowledged rows above a sequence. */
export interface FreshRows {
  /** Rows before this sequence are in the table; see {@link ShardClient.readFresh}. */
  readonly firstRetainedSequence: number;
  /** The last sequence in this reply; the asked-for sequence when there is none. */
  readonly lastSequence: number;
  readonly rowCount: number;
  /** Arrow IPC stream in the column order of `schemaId`; empty where only the extent was asked for. */
  readonly ipc: Uint8Array;
  /** Whether rows after `lastSequence` are there to be asked for. */
  readonly hasMore: boolean;
  /** The schema the columns follow; the table's current one except just after a schema change. */
  readonly schemaId: number;
}

/** What a flush did. */
export interface FlushReport {
  readonly batches: number;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  /** Last sequence in the table as far as this shard knows. */
  readonly watermark: number;
  readonly pendingRows: number;
}

/** A failure a shard or committer last met. */
export interface ErrorStatus {
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

/** A shard's state for operators and metrics. Counters run since the shard was made. */
export interface ShardStatus {
  readonly table: string;
  readonly shardIndex: number;
  readonly pendingRows: number;
  readonly pendingBytes: number;
  /** Age of the oldest row that is not in the table, milliseconds; 0 when there is none. */
  readonly oldestPendingAgeMs: number;
  readonly nextSequence: number;
  readonly firstRetainedSequence: number;
  readonly dedupeIds: number;
  readonly rowsAccepted: number;
  readonly rowsDuplicate: number;
  readonly rowsFlushed: number;
  readonly flushes: number;
  readonly flushFailures: number;
  readonly filesWritten: number;
  readonly bytesWritten: number;
  readonly lastFlushMs: number | null;
  readonly lastError: ErrorStatus | null;
}

/** One shard as callers see it; errors are LakeErrors. */
export interface ShardClient {
  append(request: AppendRequest): Promise<AppendReply>;
  /**
   * Rows with a sequence above `afterSequence`, a page at a time. When `firstRetainedSequence` is above
   * `afterSequence + 1`, rows in between went into the table meanwhile: reload it and ask again. A shard that holds
   * another table's rows, one that was dropped and had the same name, has none for this one.
   */
  readFresh(request: FreshRequest): Promise<FreshRows>;
  /** Brings every row acknowledged before the call into the table. */
  flush(): Promise<FlushReport>;
  status(): Promise<ShardStatus>;
  /** To be called when a table was dropped: lets go of its rows, so that none is accepted for it or seen any more. */
  tableDropped(tableUuid: string): Promise<void>;
}

/** The same methods as they cross Workers RPC. */
export interface ShardRpc {
  append(request: AppendRequest): Promise<RpcResult<AppendReply>>;
  readFresh(request: FreshRequest): Promise<RpcResult<FreshRows>>;
  flush(): Promise<RpcResult<FlushReport>>;
  status(): Promise<RpcResult<ShardStatus>>;
  tableDropped(tableUuid: string): Promise<RpcResult<null>>;
}

/** Wraps a Durable Object stub. */
export function createShardClient(rpc: ShardRpc): ShardClient {
  return {
    append: async (request) => fromRpcResult(await rpc.append(request)),
    readFresh: async (request) => fromRpcResult(await rpc.readFresh(request)),
    flush: async () => fromRpcResult(await rpc.flush()),
    status: async () => fromRpcResult(await rpc.status()),
    tableDropped: async (tableUuid) => {
      fromRpcResult(await rpc.tableDropped(tableUuid));
    },
  };
}

/**
 * All pages of a shard's rows above a watermark, in sequence order; undefined when rows went into the table since the
 * watermark was read: reload the table and ask again with its watermark.
 */
export async function readAllFresh(
  shard: Pick<ShardClient, "readFresh">,
  tableUuid: string,
  watermark: number,
): Promise<readonly FreshRows[] | undefined> {
  const pages: FreshRows[] = [];
  let after = watermark;
  for (;;) {
    const page = await shard.readFresh({ tableUuid, afterSequence: after });
    if (page.firstRetainedSequence > after + 1) return undefined;
    pages.push(page);
    if (!page.hasMore) return pages;
    after = page.lastSequence;
  }
}

/** Files of one shard's flushed rows, to be committed with its watermark. */
export interface CommitSubmission {
  readonly table: TableIdentifier;
  readonly tableUuid: string;
  readonly shardIndex: number;
  /** Sequences of the rows in the files, inclusive; the last becomes the watermark. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly files: readonly DataFileJson[];
}

/** How a submission ended; anything else is an error, and the shard submits again. */
export type SubmissionReply =
  | { readonly outcome: "committed" }
  /** The table was dropped, or replaced by another of its name: the rows have no table to go to. */
  | { readonly outcome: "table_replaced" };

/** A committer's state for operators and metrics. */
export interface CommitterStatus {
  readonly commits: number;
  readonly submissions: number;
  readonly conflicts: number;
  readonly unknowns: number;
  readonly failures: number;
  readonly lastCommitMs: number | null;
  readonly lastError: ErrorStatus | null;
}

/** One table's committer as callers see it. */
export interface CommitterClient {
  submit(submission: CommitSubmission): Promise<SubmissionReply>;
  status(): Promise<CommitterStatus>;
}

/** The same methods as they cross Workers RPC. */
export interface CommitterRpc {
  submit(submission: CommitSubmission): Promise<RpcResult<SubmissionReply>>;
  status(): Promise<RpcResult<CommitterStatus>>;
}

/** Wraps a Durable Object stub. */
export function createCommitterClient(rpc: CommitterRpc): CommitterClient {
  return {
    submit: async (submission) => fromRpcResult(await rpc.submit(submission)),
    status: async () => fromRpcResult(await rpc.status()),
  };
}
