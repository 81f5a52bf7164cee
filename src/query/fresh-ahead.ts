// Asks the ingest log while the catalog is asked: what the log is asked depends on the table's watermarks, and those are
// mostly what they were for the query before.

import { tableNameToString, type TableIdentifier } from "#core";
import type { TableMetadata } from "#iceberg";
import type { FreshPage, FreshShard, FreshSource } from "./fresh-rows.ts";

/** What the log was last asked for each table. Share one among the queries of an isolate. */
export interface FreshMemory {
  /** What is remembered of a table; it is forgotten with that, until it proves right again. */
  take(table: string): TableMetadata | undefined;
  put(table: string, metadata: TableMetadata): void;
}

/** Creates a memory of at most `maxTables` tables. Cost: holds on to their metadata. */
export function createFreshMemory(maxTables: number): FreshMemory {
  const known = new Map<string, TableMetadata>();
  return {
    take(table) {
      const metadata = known.get(table);
      known.delete(table);
      return metadata;
    },
    put(table, metadata) {
      known.delete(table);
      known.set(table, metadata);
      const oldest = known.keys().next();
      if (known.size > maxTables && oldest.done !== true) known.delete(oldest.value);
    },
  };
}

/** A question to a shard that is under way. */
interface Asked {
  readonly watermark: number;
  readonly page: Promise<FreshPage>;
}

/**
 * The source of one query, which asks a table's shards as soon as the table's name is known (`ahead`).
 *
 * An answer is used when the table that was then loaded has the watermark and the identity it was asked with; else the
 * shard is asked again. It was given after the query began, so it holds every row acknowledged before; that the rows
 * did not move into the table in between is checked as for any other answer.
 *
 * Cost: none beyond the source's own while watermarks stay; one call a shard in vain after a flush, and for a statement
 * that names a table without reading its rows.
 */
export function askAhead(source: FreshSource, memory: FreshMemory): FreshSource {
  const asked = new Map<string, { readonly tableUuid: string; readonly byShard: Map<number, Asked> }>();
  return {
    ...source,
    ahead(table) {
      const name = tableNameToString(table);
      if (asked.has(name)) return;
      const metadata = memory.take(name);
      if (metadata === undefined) return;
      const byShard = new Map<number, Asked>();
      for (const shard of source.shards(table, metadata)) {
        const page = shard.readFresh({ afterSequence: shard.watermark });
        // Whoever uses it hears of its failure; nobody may.
        page.catch(() => undefined);
        byShard.set(shard.shardIndex, { watermark: shard.watermark, page });
      }
      asked.set(name, { tableUuid: metadata["table-uuid"], byShard });
    },
    shards(table: TableIdentifier, metadata: TableMetadata) {
      const name = tableNameToString(table);
      const earlier = asked.get(name);
      memory.put(name, metadata);
      return source.shards(table, metadata).map((shard): FreshShard => {
        const { shardIndex, watermark } = shard;
        return {
          ...shard,
          readFresh(request) {
            const known = earlier?.byShard.get(shardIndex);
            // One answer serves one reading: a later one must see what was acknowledged since.
            earlier?.byShard.delete(shardIndex);
            const fits =
              known?.watermark === watermark &&
              request.afterSequence === watermark &&
              earlier?.tableUuid === metadata["table-uuid"];
            return known !== undefined && fits ? known.page : shard.readFresh(request);
          },
        };
      });
    },
  };
}
