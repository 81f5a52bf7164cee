// Cached payloads that are too large for the key-value tier, as objects of the lake's bucket.

import { LakeError } from "#core";
import type { BlobStore } from "#cache";
import type { ObjectStore } from "#storage";

/** Bytes of one request while a blob is read. */
const RANGE_BYTES = 1024 * 1024;
/** Objects that requests to delete name at most. */
const MAX_DELETED = 1000;

/** Blobs in a bucket. Cost: a request a part written, one for each MiB read, one a look whether a blob is there. */
export function createResultBlobs(store: ObjectStore): BlobStore {
  return {
    async start(key) {
      const upload = await store.startMultipart(key);
      return {
        write: (part) => upload.write(part),
        async complete() {
          await upload.complete();
        },
        abort: () => upload.abort(),
      };
    },
    async has(key, sizeBytes) {
      return (await store.head(key))?.sizeBytes === sizeBytes;
    },
    async *read(key, sizeBytes) {
      for (let offset = 0; offset < sizeBytes; offset += RANGE_BYTES) {
        const bytes = await store.getRange(key, offset, Math.min(RANGE_BYTES, sizeBytes - offset));
        if (bytes === undefined) {
          throw new LakeError("storage_unavailable", "The cached result was deleted while it was read; ask again.", {
            context: { key },
          });
        }
        yield bytes;
      }
    },
    async delete(keys) {
      for (let start = 0; start < keys.length; start += MAX_DELETED) {
        await store.delete(keys.slice(start, start + MAX_DELETED));
      }
    },
    async *list(prefix) {
      let cursor: string | undefined;
      do {
        const page = await store.list(prefix, cursor);
        for (const { key } of page.objects) yield key;
        cursor = page.cursor;
      } while (cursor !== undefined);
    },
  };
}
