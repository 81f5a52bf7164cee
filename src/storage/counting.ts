// A store that counts what passes through it: storage reads and bytes are part of every query's result and of
// every request budget in the tests.

import type { ObjectStore } from "./object-store.ts";

/** Running totals of one counting store. */
export interface StorageCounters {
  /** get, getRange and head calls. */
  reads: number;
  bytesRead: number;
  /** put calls and multipart parts. */
  writes: number;
  bytesWritten: number;
  lists: number;
  deletes: number;
}

/** An {@link ObjectStore} with its counters; the counters are live. */
export interface CountingStore extends ObjectStore {
  readonly counters: StorageCounters;
}

/** Counts calls to `inner`. Failed calls count too: they cost as much. */
export function createCountingStore(inner: ObjectStore): CountingStore {
  const counters: StorageCounters = { reads: 0, bytesRead: 0, writes: 0, bytesWritten: 0, lists: 0, deletes: 0 };

  async function read<T extends Uint8Array | undefined>(run: () => Promise<T>): Promise<T> {
    counters.reads += 1;
    const bytes = await run();
    counters.bytesRead += bytes?.length ?? 0;
    return bytes;
  }

  return {
    counters,
    head(key) {
      counters.reads += 1;
      return inner.head(key);
    },
    get: (key) => read(() => inner.get(key)),
    getRange: (key, offset, length) => read(() => inner.getRange(key, offset, length)),
    put(key, bytes, options) {
      counters.writes += 1;
      counters.bytesWritten += bytes.length;
      return inner.put(key, bytes, options);
    },
    async startMultipart(key, options) {
      const upload = await inner.startMultipart(key, options);
      return {
        write(part) {
          counters.writes += 1;
          counters.bytesWritten += part.length;
          return upload.write(part);
        },
        complete: () => upload.complete(),
        abort: () => upload.abort(),
      };
    },
    delete(keys) {
      counters.deletes += keys.length;
      return inner.delete(keys);
    },
    list(prefix, cursor) {
      counters.lists += 1;
      return inner.list(prefix, cursor);
    },
  };
}
