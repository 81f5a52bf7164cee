// The ingest log as queries see it: rows to read, and rows to bring into their table before it is changed.

import { createShardClient, freshWatermarks, shardCountFor, shardName } from "#ingest";
import { askAhead, createFreshMemory, type FreshSource, type InputProbe } from "#query";

/** Tables whose shards a query asks while it loads them. */
const MAX_TABLES = 32;
const memory = createFreshMemory(MAX_TABLES);

/** Acknowledged rows for one query, read from the ingest shards' Durable Objects. */
export function createFreshSource(env: QueryEnv): FreshSource {
  const configuredShards = Number(env.INGEST_SHARDS);
  const source: FreshSource = {
    async flush(table) {
      const shards = Array.from({ length: shardCountFor(table, configuredShards) }, (_, index) =>
        createShardClient(env.INGEST_SHARD.getByName(shardName(table, index))),
      );
      await Promise.all(shards.map((shard) => shard.flush()));
    },
    shards: (table, metadata) =>
      freshWatermarks(metadata, shardCountFor(table, configuredShards)).map((watermark, shardIndex) => {
        const shard = createShardClient(env.INGEST_SHARD.getByName(shardName(table, shardIndex)));
        const tableUuid = metadata["table-uuid"];
        return { shardIndex, watermark, readFresh: (request) => shard.readFresh({ ...request, tableUuid }) };
      }),
  };
  return askAhead(source, memory);
}

/** What tells whether tables and their acknowledged rows are what they were. */
export function createInputProbe(env: QueryEnv): InputProbe {
  return {
    tableLocations: (tables) => env.TABLE_POINTERS.current(tables),
    shardExtent: (table, { shardIndex, ...question }) =>
      createShardClient(env.INGEST_SHARD.getByName(shardName(table, shardIndex))).readFresh({
        ...question,
        extentOnly: true,
      }),
  };
}
