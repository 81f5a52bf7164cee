// An object store in memory with R2's semantics: strong consistency, conditional puts, multipart part rules.

import { LakeError, compareCodePoints, systemClock, type Clock } from "#core";
import {
  MIN_PART_BYTES,
  type ListPage,
  type MultipartUpload,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  type PutResult,
} from "./object-store.ts";

interface StoredObject {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly info: ObjectInfo;
}

const PAGE_SIZE = 1000;

/** Creates an empty store. Cost: keeps every object's bytes; for tests, benchmarks and tools. */
export function createMemoryStore(clock: Clock = systemClock): ObjectStore {
  const objects = new Map<string, StoredObject>();
  let version = 0;

  function store(key: string, bytes: Uint8Array): ObjectInfo {
    version += 1;
    const info: ObjectInfo = { key, sizeBytes: bytes.length, etag: `m${version}`, uploadedMs: clock.nowMs() };
    objects.set(key, { bytes: new Uint8Array(bytes), info });
    return info;
  }

  return {
    head: (key) => Promise.resolve(objects.get(key)?.info),
    get: (key) => Promise.resolve(objects.get(key)?.bytes.slice()),
    getRange: (key, offset, length) => Promise.resolve(objects.get(key)?.bytes.slice(offset, offset + length)),
    put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<PutResult> {
      if (options?.ifNoneMatch === "*" && objects.has(key)) return Promise.resolve({ outcome: "precondition_failed" });
      return Promise.resolve({ outcome: "stored", etag: store(key, bytes).etag });
    },
    startMultipart: (key) => Promise.resolve(memoryMultipart((bytes) => store(key, bytes))),
    delete(keys) {
      for (const key of keys) objects.delete(key);
      return Promise.resolve();
    },
    list(prefix, cursor): Promise<ListPage> {
      const matching = [...objects.values()]
        .map((object) => object.info)
        .filter(
          (info) => info.key.startsWith(prefix) && (cursor === undefined || compareCodePoints(info.key, cursor) > 0),
        )
        .toSorted((a, b) => compareCodePoints(a.key, b.key));
      const page = matching.slice(0, PAGE_SIZE);
      return Promise.resolve({ objects: page, cursor: matching.length > PAGE_SIZE ? page.at(-1)?.key : undefined });
    },
  };
}

function memoryMultipart(finish: (bytes: Uint8Array) => ObjectInfo): MultipartUpload {
  const parts: Uint8Array[] = [];
  return {
    write(part) {
      parts.push(new Uint8Array(part));
      return Promise.resolve();
    },
    complete() {
      const sizes = parts.map((part) => part.length);
      const body = sizes.slice(0, -1);
      if (body.some((size) => size < MIN_PART_BYTES || size !== body[0])) {
        return Promise.reject(
          new LakeError("storage_unavailable", "Multipart parts must be equal and at least 5 MiB, but the last."),
        );
      }
      const whole = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
      let offset = 0;
      for (const part of parts) {
        whole.set(part, offset);
        offset += part.length;
      }
      return Promise.resolve(finish(whole));
    },
    abort() {
      parts.length = 0;
      return Promise.resolve();
    },
  };
}
