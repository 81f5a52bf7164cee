// Which event ids are known. Ids of rows still in the shard are held in memory and stored beside their rows; a flush
// moves them, sorted, into an index on disk. An append thus writes no index page: random ids would touch a page each.

import { createIdFilter, type IdFilter } from "./id-filter.ts";
import type { ShardStorage } from "./shard-storage.ts";

/** The known ids of one shard. */
export interface IdIndex {
  readonly pendingIds: number;
  /** Of these distinct ids, the positions of those already known. `flushedIds` sizes the filter. */
  findKnown(ids: readonly string[], flushedIds: number): number[];
  /** Ids whose rows were stored; call once their transaction is through. */
  addPending(ids: readonly string[]): void;
  /** Ids whose rows left for the table and were moved to the index on disk; call once that transaction is through. */
  moveFlushed(ids: readonly string[]): void;
  /** Reads everything again: rows were dropped, or a window of ids ended. */
  reload(): void;
}

/** Opens the index. Cost: reads the ids of pending rows. */
export function createIdIndex(storage: Pick<ShardStorage, "pendingIds" | "findSeen" | "forEachSeen">): IdIndex {
  let pending = new Set(storage.pendingIds(Number.MAX_SAFE_INTEGER));
  let filter: IdFilter | undefined;
  let filtered = 0;
  let lookups = 0;

  /**
   * Building the filter reads the whole index, so it waits until as many ids were looked up: a shard that wakes for
   * a few events answers them at once.
   */
  function currentFilter(flushedIds: number): IdFilter | undefined {
    if (filter !== undefined && filtered <= filter.capacity) return filter;
    if (lookups * 4 < flushedIds) return filter;
    const built = createIdFilter(flushedIds * 2);
    filtered = 0;
    storage.forEachSeen((id) => {
      built.add(id);
      filtered += 1;
    });
    // A filter at its largest is kept however full it gets.
    if (filtered > built.capacity) filtered = 0;
    filter = built;
    return built;
  }

  return {
    get pendingIds() {
      return pending.size;
    },
    findKnown(ids, flushedIds) {
      lookups += ids.length;
      const seen = flushedIds === 0 ? undefined : currentFilter(flushedIds);
      const known: number[] = [];
      const asked: number[] = [];
      for (let position = 0; position < ids.length; position++) {
        const id = ids[position] as string;
        if (pending.has(id)) known.push(position);
        else if (flushedIds > 0 && (seen === undefined || seen.mightHave(id))) asked.push(position);
      }
      if (asked.length > 0) {
        const found = storage.findSeen(asked.map((position) => ids[position] as string));
        for (const position of found) known.push(asked[position] as number);
      }
      return known;
    },
    addPending(ids) {
      for (const id of ids) pending.add(id);
    },
    moveFlushed(ids) {
      for (const id of ids) {
        pending.delete(id);
        filter?.add(id);
      }
      filtered += ids.length;
    },
    reload() {
      pending = new Set(storage.pendingIds(Number.MAX_SAFE_INTEGER));
      filter = undefined;
      filtered = 0;
      lookups = 0;
    },
  };
}
