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
  /**
   * `ttlSeconds` is at least {@link MIN_TTL_SECONDS}; `value` at most {@link MAX_VALUE_BYTES}; `labels`, which
   * {@link list} gives back, at most {@link MAX_LABEL_BYTES} as JSON.
   */
  put(
    key: string,
    value: Uint8Array,
    options: { readonly ttlSeconds: number; readonly labels?: readonly string[] },
  ): Promise<void>;
  delete(key: string): Promise<void>;
  /** Keys with a prefix and the labels they were put with; undefined labels: put without. Cost: one call a 1,000 keys. */
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly labels: readonly string[] | undefined }>;
}

/** Largest metadata of a Workers KV key, bytes (developers.cloudflare.com/kv/platform/limits). */
export const MAX_LABEL_BYTES = 1024;

/** An in-memory store with the limits of Workers KV and, unlike it, immediate consistency; for tests and tools. */
export function createMemoryKeyValueStore(clock: Clock = systemClock): KeyValueStore {
  const values = new Map<
    string,
    {
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly expiresMs: number;
      readonly labels: readonly string[] | undefined;
    }
  >();
  return {
    get(key) {
      const entry = values.get(key);
      return Promise.resolve(entry === undefined || entry.expiresMs <= clock.nowMs() ? undefined : entry.bytes.slice());
    },
    put(key, value, { ttlSeconds, labels }) {
      if (ttlSeconds < MIN_TTL_SECONDS || value.length > MAX_VALUE_BYTES) {
        return Promise.reject(
          new LakeError("storage_unavailable", "The value or its lifetime is outside KV's limits."),
        );
      }
      values.set(key, { bytes: new Uint8Array(value), expiresMs: clock.nowMs() + ttlSeconds * 1000, labels });
      return Promise.resolve();
    },
    delete(key) {
      values.delete(key);
      return Promise.resolve();
    },
    async *list(prefix) {
      for (const [key, { expiresMs, labels }] of values) {
        if (key.startsWith(prefix) && expiresMs > clock.nowMs()) yield await Promise.resolve({ key, labels });
      }
    },
  };
}
