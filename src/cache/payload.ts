// Payloads of cached results: bytes where they are few, else something to be read as often as wanted.

import { LakeError } from "#core";
import type { BlobStore } from "./blob-store.ts";

/** A payload that is too large to be held as it is. */
export interface LargePayload {
  /** Bytes that reading it gives. */
  readonly sizeBytes: number;
  readonly stored: StoredPayload;
  /** Reads it from the start. Ownership: pieces are the reader's. Errors: `storage_unavailable`. */
  read(): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** The bytes, or where they can be read. */
export type Payload = Uint8Array<ArrayBuffer> | LargePayload;

/** A gzipped payload: in memory, or as a blob. */
export type StoredPayload =
  | { readonly kind: "held"; readonly gzipped: Uint8Array<ArrayBuffer> }
  | { readonly kind: "blob"; readonly key: string; readonly bytes: number };

/** Whether the payload has to be read piece by piece. */
export function isLarge(payload: Payload): payload is LargePayload {
  return !(payload instanceof Uint8Array);
}

/** Gives access to a stored payload; `blobs` is needed for those that are blobs. */
export function openPayload(
  stored: StoredPayload,
  sizeBytes: number,
  blobs: Pick<BlobStore, "read"> | undefined,
): LargePayload {
  return {
    sizeBytes,
    stored,
    async *read() {
      if (stored.kind === "held") yield* gunzip([stored.gzipped]);
      else if (blobs === undefined) throw new LakeError("storage_unavailable", "No store of cached results is set up.");
      else yield* gunzip(blobs.read(stored.key, stored.bytes));
    },
  };
}

/** Ends reading early also when the reader leaves. */
async function* gunzip(
  pieces: Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const transform = new DecompressionStream("gzip");
  const writer = transform.writable.getWriter();
  const feeding = (async () => {
    try {
      for await (const piece of pieces) await writer.write(piece);
      await writer.close();
    } catch (error) {
      await writer.abort(error).catch(() => {});
      throw error;
    }
  })();
  const fed = feeding.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const reader = transform.readable.getReader();
  let isAtEnd = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield new Uint8Array(value);
    }
    isAtEnd = true;
  } catch (cause) {
    isAtEnd = true;
    const failure = await fed;
    if (failure?.error instanceof LakeError) throw failure.error;
    throw new LakeError("storage_unavailable", "A cached result could not be read; ask again.", { cause });
  } finally {
    if (!isAtEnd) await reader.cancel().catch(() => {});
    await fed;
  }
}
