// Valid rows on their way to their shards.

import type { IngestTable, ValidRow } from "./validate-events.ts";
import { encodeRows, type RowChunk } from "./row-chunk.ts";
import type { AppendRequest } from "./shard-protocol.ts";
import type { Cell } from "./column-converters.ts";

/** A request to one shard, with the position of each of its rows among the client's events. */
export interface ShardRequest {
  readonly request: AppendRequest;
  readonly indexes: readonly number[];
  /** Whether sending it twice stores its rows once: every id would be the same again. */
  readonly repeatable: boolean;
}

/** Encoded rows in one request: with ids and frame it stays below one RPC's 32 MiB. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

/** Collects rows for one shard, column by column. */
export interface ShardBatch {
  readonly shardIndex: number;
  add(index: number, eventId: string, row: ValidRow, isGenerated: boolean): void;
  /** The rows as one request, or several when they are large. */
  toRequests(idempotency: { readonly key: string; readonly bodyHash: string } | undefined): ShardRequest[];
}

/** Starts an empty batch. */
export function createShardBatch(table: IngestTable, shardIndex: number): ShardBatch {
  const columns: Cell[][] = table.schema.fields.map(() => []);
  const eventIds: string[] = [];
  const indexes: number[] = [];
  let hasGeneratedIds = false;

  return {
    shardIndex,
    add(index, eventId, row, isGenerated) {
      for (let position = 0; position < columns.length; position++) {
        (columns[position] as Cell[]).push(row.cells[position] as Cell);
      }
      eventIds.push(eventId);
      indexes.push(index);
      hasGeneratedIds ||= isGenerated;
    },
    toRequests(idempotency) {
      const fieldIds = table.schema.fields.map((field) => field.id);
      const chunks = eventIds.length === 0 ? [] : encodeRows({ fieldIds, columns, rowCount: eventIds.length });
      let start = 0;
      return groupChunks(chunks).map((group, part): ShardRequest => {
        const rowCount = group.reduce((sum, chunk) => sum + chunk.rowCount, 0);
        const end = start + rowCount;
        const request: AppendRequest = {
          table: table.identifier,
          tableUuid: table.tableUuid,
          shardIndex,
          schema: table.schema,
          eventIds: eventIds.slice(start, end),
          chunks: group,
          // Parts of one request keep separate replies; the first stands for the key itself.
          ...(idempotency === undefined
            ? {}
            : { idempotency: { ...idempotency, key: part === 0 ? idempotency.key : `${idempotency.key}#${part}` } }),
        };
        const item = { request, indexes: indexes.slice(start, end), repeatable: !hasGeneratedIds };
        start = end;
        return item;
      });
    },
  };
}

/** At least one group: a batch without rows still claims its idempotency key. */
function groupChunks(chunks: readonly RowChunk[]): RowChunk[][] {
  const groups: RowChunk[][] = [[]];
  let bytes = 0;
  for (const chunk of chunks) {
    if (bytes > 0 && bytes + chunk.body.length > MAX_REQUEST_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(chunk);
    bytes += chunk.body.length;
  }
  return groups;
}
