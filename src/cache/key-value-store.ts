// The shared, eventually consistent tier behind an interface, so that the cache runs and is tested in plain Node.

import { LakeError, systemClock, type Clock } from "#core";

/** Largest value Workers KV stores, bytes (developers.cloudflare.com/kv/platform/limits). */
export const MAX_VALUE_BYTES = 25 * 1024 * 1024;

/** Shortest life of a Workers KV entry, seconds. */
export const MIN_TTL_SECONDS = 60;

/**
 * A key-value store that forgets. Values may be seen late, and a miss may be remembered, for a minute or more:
 * callers keep only values whose staleness does not matter or that carry their own age.
 *
 * Errors: `storage_unavailable`.
 */
export interface KeyValueStore {
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** `ttlSeconds` is at least {@link MIN_TTL_SECONDS}; `value` at most {@link MAX_VALUE_BYTES}. */
  put(key: string, value: Uint8Array, options: { readonly ttlSeconds: number }): Promise<void>;
}

/** An in-memory store with the limits of Workers KV and, unlike it, immediate consistency; for tests and tools. */
export function createMemoryKeyValueStore(clock: Clock = systemClock): KeyValueStore {
  const values = new Map<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly expiresMs: number }>();
  return {
    get(key) {
      const entry = values.get(key);
      return Promise.resolve(entry === undefined || entry.expiresMs <= clock.nowMs() ? undefined : entry.bytes.slice());
    },
    put(key, value, { ttlSeconds }) {
      if (ttlSeconds < MIN_TTL_SECONDS || value.length > MAX_VALUE_BYTES) {
        return Promise.reject(
          new LakeError("storage_unavailable", "The value or its lifetime is outside KV's limits."),
        );
      }
      values.set(key, { bytes: new Uint8Array(value), expiresMs: clock.nowMs() + ttlSeconds * 1000 });
      return Promise.resolve();
    },
  };
}
