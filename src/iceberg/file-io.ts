// Reads and writes of metadata files by location, with a bounded cache: everything under metadata/ is immutable.

import { LakeError } from "#core";
import { isInBucket, keyToLocation, locationToKey, type ObjectStore } from "#storage";

/** A file found by listing. */
export interface ListedFile {
  readonly location: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** Files by absolute location. */
export interface FileIO {
  /**
   * The whole file. Ownership: shared, may not be mutated. Errors: `metadata_invalid` when there is no such file or
   * it lies outside the bucket; `storage_unavailable`.
   */
  read(location: string): Promise<Uint8Array>;
  /** Writes a file. Errors: `already_exists` when `ifNoneMatch` is set and it exists; `storage_unavailable`. */
  write(location: string, bytes: Uint8Array, options?: { readonly ifNoneMatch?: "*" }): Promise<void>;
  /** Whether a location is in the bucket; all other methods refuse those that are not. */
  reaches(location: string): boolean;
  /** Deletes files; missing ones are no error. */
  delete(locations: readonly string[]): Promise<void>;
  /** Every file whose location starts with the prefix, a page at a time. */
  list(prefix: string): AsyncIterable<ListedFile>;
}

/** Files that never change once written, and so may be cached. */
const IMMUTABLE = /\.(?:avro|metadata\.json)$/;

/** Bytes of manifests and metadata a FileIO keeps; an isolate has 128 MB for everything. */
const DEFAULT_CACHE_BYTES = 8 * 1024 * 1024;

/** Bytes by location, least recently used dropped first. */
export interface ByteCache {
  get(location: string): Uint8Array | undefined;
  put(location: string, bytes: Uint8Array): void;
  drop(location: string): void;
  clear(): void;
}

/** A cache of at most `maxBytes`; a file larger than a quarter of it is not kept. */
export function createByteCache(maxBytes: number): ByteCache {
  const entries = new Map<string, Uint8Array>();
  let heldBytes = 0;
  const drop = (location: string): void => {
    heldBytes -= entries.get(location)?.length ?? 0;
    entries.delete(location);
  };
  return {
    drop,
    clear() {
      entries.clear();
      heldBytes = 0;
    },
    get(location) {
      const bytes = entries.get(location);
      if (bytes !== undefined) {
        entries.delete(location);
        entries.set(location, bytes);
      }
      return bytes;
    },
    put(location, bytes) {
      if (bytes.length * 4 > maxBytes) return;
      drop(location);
      entries.set(location, bytes);
      heldBytes += bytes.length;
      for (const oldest of entries.keys()) {
        if (heldBytes <= maxBytes) break;
        drop(oldest);
      }
    },
  };
}

/** A FileIO over the store of one bucket. Cost: the cache holds up to `cache`'s bytes (8 MiB by default). */
export function createFileIO(
  store: ObjectStore,
  bucket: string,
  cache: ByteCache = createByteCache(DEFAULT_CACHE_BYTES),
): FileIO {
  return {
    async read(location) {
      const cached = cache.get(location);
      if (cached !== undefined) return cached;
      const bytes = await store.get(locationToKey(location, bucket));
      if (bytes === undefined) {
        throw new LakeError("metadata_invalid", `The file ${location} does not exist.`, { context: { location } });
      }
      if (IMMUTABLE.test(location)) cache.put(location, bytes);
      return bytes;
    },
    async write(location, bytes, options = {}) {
      const result = await store.put(locationToKey(location, bucket), bytes, options);
      if (result.outcome === "precondition_failed") {
        throw new LakeError("already_exists", `The file ${location} exists already.`, { context: { location } });
      }
      if (IMMUTABLE.test(location)) cache.put(location, bytes);
    },
    reaches: (location) => isInBucket(location, bucket),
    async delete(locations) {
      for (const location of locations) cache.drop(location);
      await store.delete(locations.map((location) => locationToKey(location, bucket)));
    },
    async *list(prefix) {
      const keyPrefix = locationToKey(prefix, bucket);
      let cursor: string | undefined;
      do {
        const page = await store.list(keyPrefix, cursor);
        for (const { key, sizeBytes, uploadedMs } of page.objects) {
          yield { location: keyToLocation(key, bucket), sizeBytes, modifiedMs: uploadedMs };
        }
        ({ cursor } = page);
      } while (cursor !== undefined);
    },
  };
}
