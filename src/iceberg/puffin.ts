// Puffin files: blobs with a footer that says what they are. Source: Iceberg's Puffin spec, "File structure".
//
// | part | bytes |
// |---|---|
// | magic PFA1 | 4 |
// | blobs, back to back | |
// | magic PFA1 | 4 |
// | footer payload, JSON | |
// | its length | 4, little-endian |
// | flags; bit 0 of the first byte: payload is one LZ4 frame | 4 |
// | magic PFA1 | 4 |

import { LakeError, concatBytes, parseJson, stringToUtf8, stringifyJson, utf8ToStringStrict } from "#core";
import { corruptData, zstdDecompress } from "#codec";
import type { RangeReader } from "#parquet";

const MAGIC = stringToUtf8("PFA1");
/** Length, flags and magic. */
const TRAILER_BYTES = 12;
/** Fetched with the trailer: footers are mostly shorter. */
const TAIL_BYTES = 16 * 1024;
/** Largest footer taken, bytes; each blob's entry has some hundred. */
const MAX_FOOTER_BYTES = 16 * 1024 * 1024;
/** Largest blob taken after decompression, bytes. */
const MAX_BLOB_BYTES = 64 * 1024 * 1024;

/** What the footer says of a blob. */
export interface PuffinBlob {
  readonly type: string;
  /** Field ids it was computed for. */
  readonly fields: readonly number[];
  /** -1 for deletion vectors: they are written before their snapshot has an id. */
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  readonly offset: number;
  /** As stored, compressed. */
  readonly lengthBytes: number;
  readonly codec: "lz4" | "zstd" | undefined;
  readonly properties: Readonly<Record<string, string>>;
}

/** A Puffin file's footer. */
export interface PuffinFooter {
  readonly blobs: readonly PuffinBlob[];
  readonly properties: Readonly<Record<string, string>>;
}

/** A blob to write, stored as it is. */
export interface PuffinBlobDraft extends Pick<PuffinBlob, "type" | "fields" | "properties"> {
  readonly bytes: Uint8Array;
  /** Default -1. */
  readonly snapshotId?: bigint;
  /** Default -1. */
  readonly sequenceNumber?: bigint;
}

/** A Puffin file in memory, and where its blobs lie. */
export function encodePuffin(
  drafts: readonly PuffinBlobDraft[],
  properties: Readonly<Record<string, string>> = {},
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly footer: PuffinFooter; readonly footerBytes: number } {
  let offset = MAGIC.length;
  const blobs = drafts.map((draft): PuffinBlob => {
    const start = offset;
    offset += draft.bytes.length;
    return {
      type: draft.type,
      fields: draft.fields,
      snapshotId: draft.snapshotId ?? -1n,
      sequenceNumber: draft.sequenceNumber ?? -1n,
      offset: start,
      lengthBytes: draft.bytes.length,
      codec: undefined,
      properties: draft.properties,
    };
  });
  const payload = stringToUtf8(stringifyJson(footerToJson(blobs, properties)));
  const trailer = new Uint8Array(TRAILER_BYTES);
  new DataView(trailer.buffer).setInt32(0, payload.length, true);
  trailer.set(MAGIC, 8);
  const bytes = concatBytes([MAGIC, ...drafts.map((draft) => draft.bytes), MAGIC, payload, trailer]);
  return { bytes, footer: { blobs, properties }, footerBytes: MAGIC.length + payload.length + TRAILER_BYTES };
}

function footerToJson(blobs: readonly PuffinBlob[], properties: Readonly<Record<string, string>>): unknown {
  return {
    blobs: blobs.map((blob) => ({
      type: blob.type,
      fields: blob.fields,
      "snapshot-id": blob.snapshotId,
      "sequence-number": blob.sequenceNumber,
      offset: blob.offset,
      length: blob.lengthBytes,
      ...(Object.keys(blob.properties).length === 0 ? {} : { properties: blob.properties }),
    })),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  };
}

/**
 * Reads the footer of a Puffin file. Cost: one request, two for a long footer. Errors: `data_invalid`;
 * `unsupported_operation` for a compressed footer, which no engine writes.
 */
export async function readPuffinFooter(reader: RangeReader): Promise<PuffinFooter> {
  const { sizeBytes } = reader;
  if (sizeBytes < MAGIC.length * 2 + TRAILER_BYTES) throw corruptData("a Puffin file is cut short");
  const tailBytes = Math.min(sizeBytes, TAIL_BYTES);
  const tail = await reader.read(sizeBytes - tailBytes, tailBytes);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  requireMagic(tail, tail.length - MAGIC.length);
  const payloadBytes = view.getInt32(tail.length - TRAILER_BYTES, true);
  const start = sizeBytes - TRAILER_BYTES - payloadBytes;
  if (payloadBytes < 0 || payloadBytes > MAX_FOOTER_BYTES || start < MAGIC.length * 2) {
    throw corruptData("a Puffin footer's length is false");
  }
  const flags = view.getUint32(tail.length - 8, true);
  if (flags === 1) throw new LakeError("unsupported_operation", "A Puffin file's footer is compressed.");
  if (flags !== 0) throw corruptData("a Puffin file has unknown flags");
  const inTail = payloadBytes + TRAILER_BYTES + MAGIC.length <= tail.length;
  const footer = inTail
    ? tail.subarray(tail.length - TRAILER_BYTES - payloadBytes - MAGIC.length)
    : await reader.read(start - MAGIC.length, MAGIC.length + payloadBytes);
  requireMagic(footer, 0);
  return parseFooter(footer.subarray(MAGIC.length, MAGIC.length + payloadBytes), start - MAGIC.length);
}

function requireMagic(bytes: Uint8Array, at: number): void {
  if (MAGIC.some((byte, index) => bytes[at + index] !== byte)) throw corruptData("a Puffin file lacks its magic");
}

function parseFooter(payload: Uint8Array, blobsEnd: number): PuffinFooter {
  const text = utf8ToStringStrict(payload);
  let json: unknown;
  try {
    json = text === undefined ? undefined : parseJson(text);
  } catch (cause) {
    throw new LakeError("data_invalid", "Corrupt data: a Puffin footer is not JSON.", { cause });
  }
  const { blobs, properties } = requireRecord(json);
  if (!Array.isArray(blobs)) throw corruptData("a Puffin footer has no blobs");
  return {
    blobs: blobs.map((blob: unknown) => parseBlob(requireRecord(blob), blobsEnd)),
    properties: parseProperties(properties),
  };
}

type JsonRecord = Readonly<Record<string, unknown>>;

function requireRecord(json: unknown): JsonRecord {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw corruptData("a Puffin footer is false");
  return json as JsonRecord;
}

function parseProperties(json: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(json === undefined || json === null ? {} : requireRecord(json));
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (typeof value !== "string") throw corruptData("a Puffin property is no string");
      return [key, value];
    }),
  );
}

function parseBlob(json: JsonRecord, blobsEnd: number): PuffinBlob {
  const { type, fields, offset, length } = json;
  const codec = json["compression-codec"] ?? undefined;
  if (typeof type !== "string" || !Array.isArray(fields)) throw corruptData("a Puffin blob has no type or fields");
  if (
    typeof offset !== "number" ||
    typeof length !== "number" ||
    !Number.isSafeInteger(offset + length) ||
    offset < MAGIC.length ||
    length < 0 ||
    offset + length > blobsEnd
  ) {
    throw corruptData("a Puffin blob lies outside its file");
  }
  if (codec !== undefined && codec !== "lz4" && codec !== "zstd") throw corruptData("a Puffin blob's codec is unknown");
  return {
    type,
    fields: fields.map(Number),
    snapshotId: parseLong(json["snapshot-id"]),
    sequenceNumber: parseLong(json["sequence-number"]),
    offset,
    lengthBytes: length,
    codec,
    properties: parseProperties(json["properties"]),
  };
}

function parseLong(json: unknown): bigint {
  if (typeof json === "bigint") return json;
  if (typeof json === "number" && Number.isInteger(json)) return BigInt(json);
  throw corruptData("a Puffin blob has no snapshot");
}

/** The blob's content. Cost: one request. Errors: `data_invalid`; `unsupported_operation` for lz4. */
export async function readPuffinBlob(reader: RangeReader, blob: PuffinBlob): Promise<Uint8Array> {
  const bytes = await reader.read(blob.offset, blob.lengthBytes);
  switch (blob.codec) {
    case undefined:
      return bytes;
    case "zstd":
      try {
        return new Uint8Array(zstdDecompress(bytes, { maxOutputLength: MAX_BLOB_BYTES }));
      } catch (cause) {
        throw new LakeError("data_invalid", "Corrupt data: a Puffin blob does not decompress.", { cause });
      }
    case "lz4":
      throw new LakeError("unsupported_operation", "A Puffin blob is compressed with lz4, which is not read here.");
  }
}
