// Workers KV behind the KeyValueStore interface; the only file of src/cache that names Cloudflare types.

import { LakeError } from "#core";
import type { KeyValueStore } from "./key-value-store.ts";

/** Wraps a KV namespace binding. Every failure of the binding becomes `storage_unavailable`. */
export function createKvStore(namespace: KVNamespace): KeyValueStore {
  return {
    async get(key) {
      const value = await guard("get", key, () => namespace.get(key, "arrayBuffer"));
      return value === null ? undefined : new Uint8Array(value);
    },
    async put(key, value, { ttlSeconds, labels }) {
      const options = { expirationTtl: ttlSeconds, ...(labels === undefined ? {} : { metadata: { labels } }) };
      await guard("put", key, () => namespace.put(key, value, options));
    },
    async delete(key) {
      await guard("delete", key, () => namespace.delete(key));
    },
    async *list(prefix) {
      let cursor: string | undefined;
      for (;;) {
        const page = await guard("list", prefix, () =>
          namespace.list<{ readonly labels?: readonly string[] }>({
            prefix,
            ...(cursor === undefined ? {} : { cursor }),
          }),
        );
        for (const { name, metadata } of page.keys) yield { key: name, labels: metadata?.labels };
        if (page.list_complete) return;
        ({ cursor } = page);
      }
    },
  };
}

async function guard<T>(operation: string, key: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new LakeError("storage_unavailable", `KV ${operation} failed.`, { context: { operation, key }, cause });
  }
}
