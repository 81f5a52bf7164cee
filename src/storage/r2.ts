// R2 behind the ObjectStore interface; the only file of src/storage that names Cloudflare types.

import { LakeError } from "#core";
import type { ListPage, MultipartUpload, ObjectInfo, ObjectStore, PutOptions, PutResult } from "./object-store.ts";

/** R2 deletes at most this many keys in one call. */
const DELETE_BATCH = 1000;

/** Wraps an R2 bucket binding. Every failure of the binding becomes `storage_unavailable`. */
export function createR2Store(bucket: R2Bucket): ObjectStore {
  return {
    async head(key) {
      const object = await guard("head", key, () => bucket.head(key));
      return object === null ? undefined : objectToInfo(object);
    },
    async get(key) {
      const object = await guard("get", key, () => bucket.get(key));
      return object === null ? undefined : guard("get", key, async () => new Uint8Array(await object.arrayBuffer()));
    },
    async getRange(key, offset, length) {
      if (length === 0) return (await this.head(key)) === undefined ? undefined : new Uint8Array(0);
      const object = await guard("get", key, () => bucket.get(key, { range: { offset, length } }));
      return object === null ? undefined : guard("get", key, async () => new Uint8Array(await object.arrayBuffer()));
    },
    async put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<PutResult> {
      const stored = await guard("put", key, () =>
        bucket.put(key, bytes, {
          ...(options?.contentType === undefined ? {} : { httpMetadata: { contentType: options.contentType } }),
          ...(options?.ifNoneMatch === undefined ? {} : { onlyIf: { etagDoesNotMatch: options.ifNoneMatch } }),
        }),
      );
      // The binding types the conditional overload as nullable, and the union of both as non-null.
      return (stored as R2Object | null) === null
        ? { outcome: "precondition_failed" }
        : { outcome: "stored", etag: stored.etag };
    },
    async startMultipart(key, options) {
      const upload = await guard("multipart", key, () =>
        bucket.createMultipartUpload(
          key,
          options?.contentType === undefined ? {} : { httpMetadata: { contentType: options.contentType } },
        ),
      );
      return r2Multipart(upload);
    },
    async delete(keys) {
      for (let start = 0; start < keys.length; start += DELETE_BATCH) {
        const batch = keys.slice(start, start + DELETE_BATCH);
        await guard("delete", batch[0] ?? "", () => bucket.delete(batch));
      }
    },
    async list(prefix, cursor): Promise<ListPage> {
      const page = await guard("list", prefix, () =>
        bucket.list({ prefix, ...(cursor === undefined ? {} : { cursor }) }),
      );
      return { objects: page.objects.map(objectToInfo), cursor: page.truncated ? page.cursor : undefined };
    },
  };
}

function r2Multipart(upload: R2MultipartUpload): MultipartUpload {
  const parts: R2UploadedPart[] = [];
  return {
    async write(part) {
      parts.push(await guard("multipart", upload.key, () => upload.uploadPart(parts.length + 1, part)));
    },
    async complete() {
      return objectToInfo(await guard("multipart", upload.key, () => upload.complete(parts)));
    },
    async abort() {
      await guard("multipart", upload.key, () => upload.abort());
    },
  };
}

function objectToInfo(object: R2Object): ObjectInfo {
  return { key: object.key, sizeBytes: object.size, etag: object.etag, uploadedMs: object.uploaded.getTime() };
}

async function guard<T>(operation: string, key: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new LakeError("storage_unavailable", `R2 ${operation} failed.`, { context: { operation, key }, cause });
  }
}
