// A cached result and its stored form.
//
// | bytes | content |
// |---|---|
// | 4 | "FRC1" |
// | 4 | header length H, little endian |
// | H | header, JSON in UTF-8: everything but the payload; of a large payload its size, and its blob if it is one |
// | rest | payload, gzip; nothing when it is a blob |

import { concatBytes, stringToUtf8, utf8ToString } from "#core";
import type { BlobStore } from "./blob-store.ts";
import { isLarge, openPayload, type LargePayload, type Payload, type StoredPayload } from "./payload.ts";

const MAGIC = "FRC1";
const PREFIX_BYTES = 8;
/** Fixed cost of an entry in memory beside its payload and metadata, bytes; an estimate. */
const ENTRY_OVERHEAD_BYTES = 512;

/** One cached query result. Ownership: immutable once stored; the payload is shared by every reader. */
export interface CacheEntry extends EntryHeader {
  readonly payload: Payload;
}

/** What is known of a cached result beside its bytes. */
export interface EntryHeader {
  /** Fully qualified names of the tables the result was computed from. */
  readonly tables: readonly string[];
  /** When the result was last known to be the current answer, milliseconds since the epoch. */
  readonly asOfMs: number;
  /** Whatever the caller needs to answer from the entry alone; JSON. */
  readonly meta: unknown;
  /** Words the client gave it, to invalidate it by. */
  readonly tags?: readonly string[];
  /** The question as text, for invalidation by pattern. */
  readonly text?: string;
  /** What computing it took: bytes read from storage, milliseconds. */
  readonly cost?: { readonly bytes: number; readonly ms: number };
}

/** Bytes an entry occupies in memory, estimated. */
export function entrySizeBytes(entry: CacheEntry): number {
  const texts = JSON.stringify(entry.meta).length + (entry.text?.length ?? 0);
  return heldBytes(entry.payload) + texts * 2 + ENTRY_OVERHEAD_BYTES;
}

function heldBytes(payload: Payload): number {
  if (!isLarge(payload)) return payload.length;
  return payload.stored.kind === "held" ? payload.stored.gzipped.length : 0;
}

/** How a header tells of a large payload. */
interface LargeMember {
  readonly bytes: number;
  readonly blob?: { readonly key: string; readonly bytes: number };
}

function largeMember({ sizeBytes, stored }: LargePayload): LargeMember {
  return { bytes: sizeBytes, ...(stored.kind === "blob" ? { blob: { key: stored.key, bytes: stored.bytes } } : {}) };
}

/** Encodes an entry for the shared tier. Cost: gzips the payload on the platform's stream, off this stack. */
export async function encodeEntry(entry: CacheEntry): Promise<Uint8Array<ArrayBuffer>> {
  const { payload, ...described } = entry;
  const large = isLarge(payload) ? { large: largeMember(payload) } : {};
  const header = stringToUtf8(JSON.stringify({ ...described, ...large }));
  const prefix = new Uint8Array(PREFIX_BYTES);
  prefix.set(stringToUtf8(MAGIC));
  new DataView(prefix.buffer).setUint32(MAGIC.length, header.length, true);
  return concatBytes([prefix, header, await gzipped(payload)]);
}

async function gzipped(payload: Payload): Promise<Uint8Array> {
  if (!isLarge(payload)) return pipe(payload, new CompressionStream("gzip"));
  return payload.stored.kind === "held" ? payload.stored.gzipped : new Uint8Array(0);
}

/**
 * Decodes a stored entry; undefined when the bytes are not one, so that a foreign or damaged value is a miss. Whether a
 * large payload's blob is still there is for the caller to find out.
 */
export async function decodeEntry(bytes: Uint8Array<ArrayBuffer>, blobs?: BlobStore): Promise<CacheEntry | undefined> {
  if (bytes.length < PREFIX_BYTES || utf8ToString(bytes.subarray(0, MAGIC.length)) !== MAGIC) return undefined;
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true);
  try {
    const header: unknown = JSON.parse(utf8ToString(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerLength)));
    if (!isHeader(header)) return undefined;
    const stored = bytes.subarray(PREFIX_BYTES + headerLength);
    const { large, ...described } = header;
    if (large === undefined) return { ...described, payload: await pipe(stored, new DecompressionStream("gzip")) };
    return { ...described, payload: openPayload(storedPayload(large, stored), large.bytes, blobs) };
  } catch {
    return undefined;
  }
}

function storedPayload({ blob }: LargeMember, gzipped: Uint8Array<ArrayBuffer>): StoredPayload {
  return blob === undefined ? { kind: "held", gzipped } : { kind: "blob", ...blob };
}

function isHeader(value: unknown): value is EntryHeader & { readonly large?: LargeMember } {
  if (typeof value !== "object" || value === null) return false;
  const { tables, asOfMs, tags = [], large } = value as Partial<EntryHeader & { readonly large: LargeMember }>;
  if (large !== undefined && typeof large.bytes !== "number") return false;
  return isTexts(tables) && isTexts(tags) && typeof asOfMs === "number";
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

async function pipe(
  bytes: Uint8Array<ArrayBuffer>,
  transform: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Response(bytes).body;
  if (stream === null) return new Uint8Array(0);
  return new Uint8Array(await new Response(stream.pipeThrough(transform)).arrayBuffer());
}
