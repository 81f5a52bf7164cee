// Reads and writes of metadata files by location, with a bounded cache: everything under metadata/ is immutable.

import { LakeError } from "#core";
import { isInBucket, keyToLocation, locationToKey, type ObjectStore } from "#storage";
import type { WalkedManifest } from "./manifest-walk.ts";
import type { ManifestFile } from "./manifest.ts";

/** A file found by listing. */
export interface ListedFile {
  readonly location: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** What reading a metadata file came to, kept for the next reader. */
export type DecodedFile =
  | { readonly kind: "list"; readonly manifests: readonly ManifestFile[] }
  /** `tuple` names the partition types the manifest was read with. */
  | { readonly kind: "manifest"; readonly tuple: string; readonly manifest: WalkedManifest };

/** Decoded files that never change, in the memory of their cache. */
export interface DecodedFiles {
  get(location: string): DecodedFile | undefined;
  /** Keeps a value that takes at most half of the memory for all. */
  put(location: string, value: DecodedFile, sizeBytes: number): void;
  /** Whether a reader finds the file here, decoded or as bytes. */
  holds(location: string): boolean;
}

/** Files by absolute location. */
export interface FileIO {
  /** Absent: nothing is kept decoded. */
  readonly decoded?: DecodedFiles;
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

/** What a cache of metadata holds and was asked. */
export interface ByteCacheStatistics {
  readonly entries: number;
  readonly bytes: number;
  readonly maxBytes: number;
  /** Files that readers found, and those they had to fetch. */
  readonly hits: number;
  readonly misses: number;
}

/** Metadata files by location, as bytes or decoded, least recently used dropped first. */
export interface ByteCache {
  /** The file's bytes; counted. */
  get(location: string): Uint8Array | undefined;
  put(location: string, bytes: Uint8Array): void;
  drop(location: string): void;
  clear(): void;
  readonly decoded: DecodedFiles;
  statistics(): ByteCacheStatistics;
}

/** Values by key of at most `maxBytes`, least recently used dropped first; larger ones than `maxEntryBytes` are not kept. */
interface Lru<V> {
  readonly sizes: { entries: number; bytes: number };
  has(key: string): boolean;
  get(key: string): V | undefined;
  set(key: string, value: V, sizeBytes: number): void;
  drop(key: string): void;
  clear(): void;
}

function createLru<V>(maxBytes: number, maxEntryBytes: number): Lru<V> {
  const entries = new Map<string, { readonly value: V; readonly sizeBytes: number }>();
  const sizes = { entries: 0, bytes: 0 };
  const drop = (key: string): void => {
    sizes.bytes -= entries.get(key)?.sizeBytes ?? 0;
    entries.delete(key);
    sizes.entries = entries.size;
  };
  return {
    sizes,
    has: (key) => entries.has(key),
    drop,
    clear() {
      entries.clear();
      sizes.bytes = 0;
      sizes.entries = 0;
    },
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, sizeBytes) {
      if (sizeBytes > maxEntryBytes) return;
      drop(key);
      entries.set(key, { value, sizeBytes });
      sizes.bytes += sizeBytes;
      for (const oldest of entries.keys()) {
        if (sizes.bytes <= maxBytes) break;
        drop(oldest);
      }
      sizes.entries = entries.size;
    },
  };
}

/**
 * A cache of at most `maxBytes` of files, of which one larger than a quarter is not kept, and `maxDecodedBytes` of what
 * they decode to. The two do not displace each other: a file that is decoded again costs less than one fetched again.
 */
export function createByteCache(maxBytes: number, maxDecodedBytes: number = maxBytes / 2): ByteCache {
  const files = createLru<Uint8Array>(maxBytes, maxBytes / 4);
  const decoded = createLru<DecodedFile>(maxDecodedBytes, maxDecodedBytes / 2);
  let hits = 0;
  let misses = 0;
  return {
    drop(location) {
      files.drop(location);
      decoded.drop(location);
    },
    clear() {
      files.clear();
      decoded.clear();
    },
    get(location) {
      const bytes = files.get(location);
      if (bytes === undefined) misses += 1;
      else hits += 1;
      return bytes;
    },
    put: (location, bytes) => files.set(location, bytes, bytes.length),
    decoded: {
      get(location) {
        const value = decoded.get(location);
        if (value !== undefined) hits += 1;
        return value;
      },
      put: (location, value, sizeBytes) => decoded.set(location, value, sizeBytes),
      holds: (location) => decoded.has(location) || files.has(location),
    },
    statistics: () => ({
      entries: files.sizes.entries + decoded.sizes.entries,
      bytes: files.sizes.bytes + decoded.sizes.bytes,
      maxBytes: maxBytes + maxDecodedBytes,
      hits,
      misses,
    }),
  };
}

/** A FileIO over the store of one bucket. Cost: the cache holds up to `cache`'s bytes (8 MiB by default). */
export function createFileIO(
  store: ObjectStore,
  bucket: string,
  cache: ByteCache = createByteCache(DEFAULT_CACHE_BYTES),
): FileIO {
  return {
    decoded: cache.decoded,
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
