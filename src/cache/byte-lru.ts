// A least-recently-used map bounded by bytes. An isolate has 128 MB for everything, so every cache in it states
// what it may hold.

/** Running totals of one {@link ByteLru}. */
export interface ByteLruStatistics {
  readonly entries: number;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly evictions: number;
}

/** A bounded map; reading an entry makes it the most recent. */
export interface ByteLru<V> {
  get(key: string): V | undefined;
  /** Stores a value of the given size; a value larger than the bound is not kept and an older one is dropped. */
  set(key: string, value: V, sizeBytes: number): void;
  delete(key: string): void;
  /** Drops every entry the predicate accepts; returns how many. */
  deleteWhere(predicate: (value: V, key: string) => boolean): number;
  clear(): void;
  /** All values, oldest first; a copy. */
  values(): readonly V[];
  statistics(): ByteLruStatistics;
}

/**
 * Creates an empty map that holds at most `maxBytes` by the callers' own size estimates.
 *
 * Cost: O(1) a call; `set` evicts from the oldest.
 */
export function createByteLru<V>(maxBytes: number): ByteLru<V> {
  // A Map iterates in insertion order, so re-inserting on access keeps the oldest first.
  const entries = new Map<string, { readonly value: V; readonly sizeBytes: number }>();
  let bytes = 0;
  let evictions = 0;

  function remove(key: string): boolean {
    const entry = entries.get(key);
    if (entry === undefined) return false;
    entries.delete(key);
    bytes -= entry.sizeBytes;
    return true;
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, sizeBytes) {
      remove(key);
      if (sizeBytes > maxBytes) return;
      entries.set(key, { value, sizeBytes });
      bytes += sizeBytes;
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) break;
        remove(oldest);
        evictions += 1;
      }
    },
    delete(key) {
      remove(key);
    },
    values: () => [...entries.values()].map(({ value }) => value),
    deleteWhere(predicate) {
      const doomed = [...entries].filter(([key, entry]) => predicate(entry.value, key));
      for (const [key] of doomed) remove(key);
      return doomed.length;
    },
    clear() {
      entries.clear();
      bytes = 0;
    },
    statistics: () => ({ entries: entries.size, bytes, maxBytes, evictions }),
  };
}
