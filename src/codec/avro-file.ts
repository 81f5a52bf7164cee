// Avro object container files.
//
// | part | bytes |
// |---|---|
// | magic | "Obj" 0x01 |
// | metadata | map of string to bytes: avro.schema, avro.codec and the writer's own |
// | sync | 16 |
// | block, repeated | record count (long), byte count (long), records as the codec leaves them, sync |
// Source: Apache Avro 1.12 specification, "Object Container Files".

import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { compareBytes, parseJson, stringToUtf8, stringifyJson, utf8ToString } from "#core";
import {
  compileAvroDecoder,
  createAvroCursor,
  readAvroBytes,
  readAvroCount,
  readAvroRaw,
  type AvroCursor,
} from "./avro-decode.ts";
import {
  avroSinkBytes,
  compileAvroEncoder,
  createAvroSink,
  writeAvroBytes,
  writeAvroLong,
  writeAvroRaw,
  type AvroSink,
} from "./avro-encode.ts";
import { avroError, checkAvroSchema, type AvroSchema } from "./avro-schema.ts";
import { ByteCursor } from "./byte-cursor.ts";
import { snappyDecompress } from "./snappy.ts";
import { zstdDecompress } from "./zstd.ts";

/** Codecs of block data that are written. Read as well: zstandard and snappy. */
export type AvroCodec = "null" | "deflate";

/** A container file whose records are not yet decoded. */
export interface AvroBlocks {
  readonly schema: AvroSchema;
  /** The writer's own keys; avro.schema and avro.codec are left out. */
  readonly metadata: Map<string, Uint8Array>;
  /** Decompresses one block after another. Errors: `metadata_invalid`. */
  readonly blocks: () => Iterable<AvroBlock>;
}

/** Encoded records. */
export interface AvroBlock {
  readonly count: number;
  /** Ownership: a view of the file's bytes when they are not compressed. */
  readonly bytes: Uint8Array;
}

/** A decoded container file. */
export interface AvroFile {
  readonly schema: AvroSchema;
  /** The writer's own keys; avro.schema and avro.codec are left out. */
  readonly metadata: Map<string, Uint8Array>;
  readonly records: unknown[];
}

const MAGIC = Uint8Array.of(0x4f, 0x62, 0x6a, 0x01);
const SYNC_BYTES = 16;
/** Encoded bytes at which a block ends; bounds what a reader inflates at once. */
const BLOCK_BYTES = 256 * 1024;
const SCHEMA_KEY = "avro.schema";
const CODEC_KEY = "avro.codec";

/**
 * Decompressed bytes of one block. More is taken for damage, so that a few bytes cannot fill the memory; records that
 * describe different files never compress so well.
 */
const MAX_BLOCK_BYTES = 64 * 1024 * 1024;
const MAX_COMPRESSION = 200;
const SMALL_BLOCK_BYTES = 1024 * 1024;

/**
 * Opens a container file.
 *
 * Errors: `metadata_invalid` for anything that is not such a file or has a codec other than null, deflate, zstandard
 * and snappy.
 */
export function readAvroBlocks(bytes: Uint8Array): AvroBlocks {
  const cursor = createAvroCursor(bytes);
  if (bytes.length < MAGIC.length || compareBytes(readAvroRaw(cursor, MAGIC.length), MAGIC) !== 0) {
    throw avroError("the file does not start with Obj 1.");
  }
  const metadata = readMetadata(cursor);
  const sync = readAvroRaw(cursor, SYNC_BYTES);
  const codec = utf8ToString(metadata.get(CODEC_KEY) ?? stringToUtf8("null"));
  const schema = parseSchema(metadata.get(SCHEMA_KEY));
  metadata.delete(SCHEMA_KEY);
  metadata.delete(CODEC_KEY);
  const start = cursor.offset;
  return {
    schema,
    metadata,
    *blocks() {
      const position = createAvroCursor(bytes);
      position.offset = start;
      while (position.offset < bytes.length) {
        const count = readAvroCount(position);
        const data = decompressBlock(codec, readAvroBytes(position));
        if (count < 0 || count > data.length) throw avroError("a block counts more records than it has bytes.");
        if (compareBytes(readAvroRaw(position, SYNC_BYTES), sync) !== 0) throw avroError("a sync marker differs.");
        yield { count, bytes: data };
      }
    },
  };
}

/**
 * Decodes a whole container file. Ownership: byte values may be views of `bytes`.
 *
 * Errors: as {@link readAvroBlocks}.
 */
export function readAvroFile(bytes: Uint8Array): AvroFile {
  const { schema, metadata, blocks } = readAvroBlocks(bytes);
  const decodeRecord = compileAvroDecoder(schema);
  const records: unknown[] = [];
  for (const { count, bytes: data } of blocks()) {
    const block = createAvroCursor(data);
    for (let i = 0; i < count; i++) records.push(decodeRecord(block));
    if (block.offset !== data.length) throw avroError("a block is longer than its records.");
  }
  return { schema, metadata, records };
}

function readMetadata(cursor: AvroCursor): Map<string, Uint8Array> {
  return compileAvroDecoder({ type: "map", values: "bytes" })(cursor) as Map<string, Uint8Array>;
}

function parseSchema(bytes: Uint8Array | undefined): AvroSchema {
  if (bytes === undefined) throw avroError("the file has no schema.");
  let json: unknown;
  try {
    json = parseJson(utf8ToString(bytes));
  } catch {
    throw avroError("the schema is not JSON.");
  }
  return checkAvroSchema(json);
}

function decompressBlock(codec: string, data: Uint8Array): Uint8Array {
  const maxOutputLength = Math.min(MAX_BLOCK_BYTES, data.length * MAX_COMPRESSION + SMALL_BLOCK_BYTES);
  try {
    switch (codec) {
      case "null":
        return data;
      case "deflate":
        return plainBytes(inflateRawSync(data, { maxOutputLength }));
      case "zstandard":
        return plainBytes(zstdDecompress(data, { maxOutputLength }));
      case "snappy":
        return decompressSnappy(data);
      default:
        break;
    }
  } catch {
    throw avroError("a block does not decompress.");
  }
  throw avroError(`codec "${codec}" is not supported.`);
}

const CHECKSUM_BYTES = 4;

/** Snappy blocks end with the big-endian CRC-32 of what they hold. */
function decompressSnappy(data: Uint8Array): Uint8Array {
  const end = data.length - CHECKSUM_BYTES;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const expected = view.getUint32(end);
  const plain = snappyDecompress(data.subarray(0, end), new ByteCursor(data).readVarint32());
  if (crc32(plain) !== expected) throw avroError("a checksum differs.");
  return plain;
}

/** A Buffer's slice() is a view where a Uint8Array's is a copy: readers rely on the latter. */
function plainBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/**
 * Encodes a container file. Equal input gives equal bytes: the sync marker is derived from the header.
 *
 * Errors: `metadata_invalid` for a record that does not fit the schema.
 */
export function writeAvroFile(
  schema: AvroSchema,
  metadata: ReadonlyMap<string, Uint8Array>,
  records: Iterable<unknown>,
  codec: AvroCodec,
): Uint8Array<ArrayBuffer> {
  const encodeRecord = compileAvroEncoder(schema);
  const file = createAvroSink();
  const sync = writeHeader(file, schema, metadata, codec);
  let block = createAvroSink();
  let count = 0;
  const endBlock = (): void => {
    if (count === 0) return;
    const data = avroSinkBytes(block);
    writeAvroLong(file, count);
    writeAvroBytes(file, codec === "deflate" ? deflateRawSync(data) : data);
    writeAvroRaw(file, sync);
    block = createAvroSink();
    count = 0;
  };
  for (const record of records) {
    encodeRecord(block, record);
    count += 1;
    if (block.length >= BLOCK_BYTES) endBlock();
  }
  endBlock();
  return file.bytes.slice(0, file.length);
}

function writeHeader(
  file: AvroSink,
  schema: AvroSchema,
  metadata: ReadonlyMap<string, Uint8Array>,
  codec: AvroCodec,
): Uint8Array {
  writeAvroRaw(file, MAGIC);
  const header = new Map<string, Uint8Array>([
    [SCHEMA_KEY, stringToUtf8(stringifyJson(schema))],
    [CODEC_KEY, stringToUtf8(codec)],
    ...metadata,
  ]);
  compileAvroEncoder({ type: "map", values: "bytes" })(file, header);
  const sync = syncMarker(avroSinkBytes(file));
  writeAvroRaw(file, sync);
  return sync;
}

/** Sixteen bytes that follow from the header: four FNV-1a hashes with different seeds. */
function syncMarker(header: Uint8Array): Uint8Array {
  const marker = new Uint8Array(SYNC_BYTES);
  const view = new DataView(marker.buffer);
  for (let word = 0; word < 4; word++) {
    let hash = 0x811c9dc5 ^ (word * 0x9e3779b9);
    for (const byte of header) hash = Math.imul(hash ^ byte, 0x01000193);
    view.setInt32(word * 4, hash);
  }
  return marker;
}
