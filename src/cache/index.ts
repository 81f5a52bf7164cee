// Caching: bounded memory, the result cache and its tiers, keys, invalidation, single flight.

export { BLOB_PART_BYTES, type BlobStore, type BlobUpload } from "./blob-store.ts";
export { createByteLru, type ByteLru, type ByteLruStatistics } from "./byte-lru.ts";
export { exactCacheKey, looseCacheKey, partialCacheKey, type ExactKeyParts, type LooseKeyParts } from "./cache-key.ts";
export { type CacheEntry } from "./entry.ts";
export { type InvalidationTarget } from "./invalidation.ts";
export { MAX_VALUE_BYTES, MIN_TTL_SECONDS, createMemoryKeyValueStore, type KeyValueStore } from "./key-value-store.ts";
export { createKvStore } from "./kv.ts";
export { type PayloadRecorder } from "./payload-recorder.ts";
export { isLarge, type LargePayload, type Payload } from "./payload.ts";
export {
  createResultCache,
  type CacheHit,
  type CacheStatistics,
  type CacheTier,
  type PurgeTarget,
  type ResultCache,
  type ResultCacheDeps,
  type SavedCost,
  type StoreOptions,
} from "./result-cache.ts";
export {
  createSingleFlight,
  type Boarded,
  type Departure,
  type FlightResult,
  type SingleFlight,
} from "./single-flight.ts";
