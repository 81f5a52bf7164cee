// Cutting a byte stream into equal multipart parts, and writing an object of unknown length through them.

import { MIN_PART_BYTES, type MultipartUpload, type ObjectStore } from "./object-store.ts";

/** Part size: R2 wants equal parts of at least 5 MiB; 8 MiB × 10,000 parts is far above any file here. */
export const PART_BYTES = 8 * 1024 * 1024;

/** Collects bytes of any sizes and hands them out as parts of exactly one size, in order. */
export interface PartBuffer {
  /** Takes bytes (copied); returns the parts that became full. */
  push(bytes: Uint8Array): Uint8Array[];
  /** What is left, shorter than a part; empties the buffer. */
  takeRest(): Uint8Array;
  /** Bytes not handed out yet. */
  readonly pendingBytes: number;
}

/** Creates an empty buffer. Cost: at most one part's bytes are held between calls. */
export function createPartBuffer(partBytes: number = PART_BYTES): PartBuffer {
  // Grows towards one part, so that small files do not cost a whole part of memory.
  let buffer = new Uint8Array(Math.min(partBytes, 64 * 1024));
  let used = 0;

  function reserve(capacity: number): void {
    if (capacity <= buffer.length) return;
    const grown = new Uint8Array(Math.min(partBytes, Math.max(capacity, buffer.length * 2)));
    grown.set(buffer.subarray(0, used));
    buffer = grown;
  }

  return {
    get pendingBytes() {
      return used;
    },
    push(bytes) {
      const full: Uint8Array[] = [];
      let offset = 0;
      while (offset < bytes.length) {
        const taken = Math.min(partBytes - used, bytes.length - offset);
        reserve(used + taken);
        buffer.set(bytes.subarray(offset, offset + taken), used);
        used += taken;
        offset += taken;
        if (used === partBytes) {
          full.push(buffer);
          buffer = new Uint8Array(Math.min(partBytes, 64 * 1024));
          used = 0;
        }
      }
      return full;
    },
    takeRest() {
      const rest = buffer.slice(0, used);
      used = 0;
      return rest;
    },
  };
}

/** An object being written; nothing is visible under its key before `complete`. */
export interface ObjectOutput {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the object visible and returns its size. */
  complete(): Promise<number>;
  /** Bytes held until their part is full. */
  readonly pendingBytes: number;
  /** Drops what was uploaded. Never throws: parts that stay are aborted by the store after a week. */
  abort(): Promise<void>;
}

/**
 * Starts an object: one plain put when it fits a single part, else a multipart upload with equal parts.
 *
 * Cost: one part of memory. Errors: as the store.
 */
export function createObjectOutput(store: ObjectStore, key: string, partBytes: number = PART_BYTES): ObjectOutput {
  const buffer = createPartBuffer(Math.max(partBytes, MIN_PART_BYTES));
  let upload: MultipartUpload | undefined;
  let sizeBytes = 0;
  return {
    get pendingBytes() {
      return buffer.pendingBytes;
    },
    async write(bytes) {
      sizeBytes += bytes.length;
      for (const part of buffer.push(bytes)) {
        upload ??= await store.startMultipart(key, { contentType: PARQUET_CONTENT_TYPE });
        await upload.write(part);
      }
    },
    async complete() {
      if (upload === undefined) {
        await store.put(key, buffer.takeRest(), { contentType: PARQUET_CONTENT_TYPE });
      } else {
        if (buffer.pendingBytes > 0) await upload.write(buffer.takeRest());
        await upload.complete();
      }
      return sizeBytes;
    },
    async abort() {
      try {
        await upload?.abort();
      } catch {
        // The store drops unfinished uploads by itself.
      }
    },
  };
}

/** Registered with IANA for Parquet. */
const PARQUET_CONTENT_TYPE = "application/vnd.apache.parquet";
