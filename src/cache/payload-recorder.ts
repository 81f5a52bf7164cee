// Keeps a copy of a payload while it goes by: gzipped, in memory while it is small, as a blob beyond that. Whatever
// goes wrong with the copy, the payload itself goes on.

import type { BlobStore, BlobUpload } from "./blob-store.ts";
import { BLOB_PART_BYTES } from "./blob-store.ts";
import { openPayload, type LargePayload } from "./payload.ts";

/** Larger copies, gzipped, are not kept, bytes. */
const MAX_RECORDED_BYTES = 512 * 1024 * 1024;
const FIRST_CAPACITY_BYTES = 256 * 1024;

/** Copies one payload. */
export interface PayloadRecorder {
  /** Copies the next bytes; resolves when there is room for more. Never fails. Ownership: the bytes stay the caller's. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the copy; undefined when there is none, because it became too large or could not be written. Never fails. */
  finish(): Promise<LargePayload | undefined>;
  /** Drops the copy. Never fails. */
  drop(): Promise<void>;
}

/** What a recorder works with. */
export interface RecorderDeps {
  /** Absent: only what fits {@link BLOB_PART_BYTES} is kept. */
  readonly blobs: BlobStore | undefined;
  readonly blobKey: string;
  readonly maxBytes?: number;
  /** Called when a blob could not be written. */
  readonly onError?: (error: unknown) => void;
  /** Called when a blob is there, with its bytes. */
  readonly onWritten?: (bytes: number) => void;
}

/** Starts a copy. Cost: memory of one part, 5 MiB; one request a part. */
export function createPayloadRecorder({
  blobs,
  blobKey,
  maxBytes = MAX_RECORDED_BYTES,
  onError,
  onWritten,
}: RecorderDeps): PayloadRecorder {
  const gzip = new CompressionStream("gzip");
  const writer = gzip.writable.getWriter();
  let part = new Uint8Array(FIRST_CAPACITY_BYTES);
  let filled = 0;
  let uploaded = 0;
  let sizeBytes = 0;
  let upload: BlobUpload | undefined;
  let isDropped = false;
  const copying = copyAll();

  async function copyAll(): Promise<void> {
    const reader = gzip.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (!isDropped) await append(value);
    }
  }

  async function append(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length;) {
      if (filled === BLOB_PART_BYTES) await flush();
      if (isDropped) return;
      const taken = Math.min(bytes.length - from, BLOB_PART_BYTES - filled);
      makeRoom(filled + taken);
      part.set(bytes.subarray(from, from + taken), filled);
      filled += taken;
      from += taken;
    }
  }

  function makeRoom(needed: number): void {
    if (needed <= part.length) return;
    const grown = new Uint8Array(Math.min(BLOB_PART_BYTES, Math.max(needed, part.length * 2)));
    grown.set(part.subarray(0, filled));
    part = grown;
  }

  async function flush(): Promise<void> {
    if (blobs === undefined || uploaded + filled > maxBytes) return discard();
    try {
      upload ??= await blobs.start(blobKey);
      await upload.write(part.subarray(0, filled));
      uploaded += filled;
      filled = 0;
    } catch (error) {
      onError?.(error);
      await discard();
    }
  }

  async function discard(): Promise<void> {
    isDropped = true;
    part = new Uint8Array(0);
    filled = 0;
    const started = upload;
    upload = undefined;
    await started?.abort().catch(() => {});
  }

  return {
    async write(bytes) {
      if (isDropped) return;
      sizeBytes += bytes.length;
      try {
        // A copy: who takes the bytes next may take their buffer with them.
        await writer.write(bytes.slice());
      } catch (error) {
        onError?.(error);
        await discard();
      }
    },
    async finish() {
      try {
        await writer.close();
        await copying;
        if (isDropped) return undefined;
        if (upload === undefined) {
          return openPayload({ kind: "held", gzipped: part.slice(0, filled) }, sizeBytes, blobs);
        }
        if (filled > 0) await flush();
        const complete: BlobUpload | undefined = upload;
        if (complete === undefined) return undefined;
        await complete.complete();
        onWritten?.(uploaded);
        return openPayload({ kind: "blob", key: blobKey, bytes: uploaded }, sizeBytes, blobs);
      } catch (error) {
        onError?.(error);
        await discard();
        return undefined;
      }
    },
    async drop() {
      if (!isDropped) await discard();
      await writer.abort().catch(() => {});
      await copying.catch(() => {});
    },
  };
}
