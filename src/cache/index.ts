// Caching: bounded memory, the two-tier result cache, keys, invalidation, single flight.

export { createByteLru, type ByteLru, type ByteLruStatistics } from "./byte-lru.ts";
export { exactCacheKey, looseCacheKey, partialCacheKey, type ExactKeyParts, type LooseKeyParts } from "./cache-key.ts";
export { type CacheEntry } from "./entry.ts";
export { type InvalidationTarget } from "./invalidation.ts";
export { MAX_VALUE_BYTES, MIN_TTL_SECONDS, createMemoryKeyValueStore, type KeyValueStore } from "./key-value-store.ts";
export { createKvStore } from "./kv.ts";
export {
  createResultCache,
  type CacheHit,
  type CacheStatistics,
  type CacheTier,
  type PurgeTarget,
  type ResultCache,
  type ResultCacheDeps,
  type StoreOptions,
} from "./result-cache.ts";
export { createSingleFlight, type FlightResult, type SingleFlight } from "./single-flight.ts";
