// A cached result and its stored form.
//
// | bytes | content |
// |---|---|
// | 4 | "FRC1" |
// | 4 | header length H, little endian |
// | H | header, JSON in UTF-8: everything but the payload |
// | rest | payload, gzip |

import { concatBytes, stringToUtf8, utf8ToString } from "#core";

const MAGIC = "FRC1";
const PREFIX_BYTES = 8;
/** Fixed cost of an entry in memory beside its payload and metadata, bytes; an estimate. */
const ENTRY_OVERHEAD_BYTES = 512;

/** One cached query result. Ownership: immutable once stored; the payload is shared by every reader. */
export interface CacheEntry extends EntryHeader {
  readonly payload: Uint8Array<ArrayBuffer>;
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
  return entry.payload.length + texts * 2 + ENTRY_OVERHEAD_BYTES;
}

/** Encodes an entry for the shared tier. Cost: gzips the payload on the platform's stream, off this stack. */
export async function encodeEntry(entry: CacheEntry): Promise<Uint8Array<ArrayBuffer>> {
  const { payload: _payload, ...described } = entry;
  const header = stringToUtf8(JSON.stringify(described));
  const prefix = new Uint8Array(PREFIX_BYTES);
  prefix.set(stringToUtf8(MAGIC));
  new DataView(prefix.buffer).setUint32(MAGIC.length, header.length, true);
  return concatBytes([prefix, header, await pipe(entry.payload, new CompressionStream("gzip"))]);
}

/** Decodes a stored entry; undefined when the bytes are not one, so that a foreign or damaged value is a miss. */
export async function decodeEntry(bytes: Uint8Array<ArrayBuffer>): Promise<CacheEntry | undefined> {
  if (bytes.length < PREFIX_BYTES || utf8ToString(bytes.subarray(0, MAGIC.length)) !== MAGIC) return undefined;
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true);
  try {
    const header: unknown = JSON.parse(utf8ToString(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerLength)));
    if (!isHeader(header)) return undefined;
    const payload = await pipe(bytes.subarray(PREFIX_BYTES + headerLength), new DecompressionStream("gzip"));
    return { ...header, payload };
  } catch {
    return undefined;
  }
}

function isHeader(value: unknown): value is EntryHeader {
  if (typeof value !== "object" || value === null) return false;
  const { tables, asOfMs, tags = [] } = value as Partial<EntryHeader>;
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
