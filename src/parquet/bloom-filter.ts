// Split block bloom filters: making, storing and asking them.
//
// | part | bytes |
// |---|---|
// | header | BloomFilterHeader, thrift compact: bytes of the bitset, algorithm, hash, compression |
// | bitset | blocks of 32 bytes, each eight little-endian 32-bit words |
//
// Source: https://github.com/apache/parquet-format/blob/master/BloomFilter.md

import {
  ByteCursor,
  THRIFT_TYPE,
  corruptData,
  multiplyHigh,
  readThriftStruct,
  thriftInteger,
  thriftStruct,
  thriftStructToBytes,
  xxHash64,
  type ThriftField,
  type ThriftStruct,
} from "#codec";
import type { Scalar } from "#columnar";
import type { ParquetColumn, ParquetColumnChunk, RangeReader } from "./metadata.ts";
import { plainBytes } from "./plain-bytes.ts";

const BLOCK_BYTES = 32;
const BLOCK_WORDS = 8;
/** Odd constants that pick one bit of each word; given by the format. */
const SALTS = [
  0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31,
] as const;

/** Fields of BloomFilterHeader; each of the unions has one member, numbered 1. */
const HEADER = { bytes: 1, algorithm: 2, hash: 3, compression: 4 } as const;
const ONLY_MEMBER = 1;

/** Filters up to this size are read whole in one request; of larger ones only the header and the blocks asked for. */
const WHOLE_READ_BYTES = 128 * 1024;
/** A header takes less than twenty bytes. */
const HEADER_READ_BYTES = 64;

/** A filter of a column chunk. */
export interface BloomFilter {
  /** Length is a multiple of 32. */
  readonly bitset: Uint8Array;
}

/** Whether the filter may hold a value with this hash; false is certain. */
export function bloomMightHold({ bitset }: BloomFilter, hashHigh: number, hashLow: number): boolean {
  return blockMightHold(bitset, blockOf(hashHigh, bitset.length) * BLOCK_BYTES, hashLow);
}

function blockOf(hashHigh: number, bitsetBytes: number): number {
  return multiplyHigh(hashHigh >>> 0, bitsetBytes / BLOCK_BYTES);
}

function blockMightHold(bytes: Uint8Array, at: number, hashLow: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK_BYTES);
  for (let word = 0; word < BLOCK_WORDS; word++) {
    const bit = 1 << (Math.imul(hashLow, SALTS[word] as number) >>> 27);
    if ((view.getInt32(word * 4, true) & bit) === 0) return false;
  }
  return true;
}

/** Bytes of a filter for `distinct` values: a power of two for the wanted rate of false positives, within `maxBytes`. */
export function bloomFilterBytes(distinct: number, falsePositiveRate: number, maxBytes: number): number {
  const bits = (-BLOCK_WORDS * Math.max(1, distinct)) / Math.log(1 - falsePositiveRate ** (1 / BLOCK_WORDS));
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(BLOCK_BYTES, bits / 8)));
  const allowed = 2 ** Math.floor(Math.log2(Math.max(BLOCK_BYTES, maxBytes)));
  return Math.min(wanted, allowed);
}

/** A filter of hashes given as pairs, low half first, as {@link xxHash64} leaves them. */
export function createBloomFilter(hashes: Uint32Array, count: number, bitsetBytes: number): BloomFilter {
  const bitset = new Uint8Array(bitsetBytes);
  const view = new DataView(bitset.buffer);
  for (let i = 0; i < count; i++) {
    const hashLow = hashes[i * 2] as number;
    const block = blockOf(hashes[i * 2 + 1] as number, bitsetBytes) * BLOCK_BYTES;
    for (let word = 0; word < BLOCK_WORDS; word++) {
      const bit = 1 << (Math.imul(hashLow, SALTS[word] as number) >>> 27);
      const at = block + word * 4;
      view.setInt32(at, view.getInt32(at, true) | bit, true);
    }
  }
  return { bitset };
}

function onlyMember(): ThriftField {
  const value: ThriftStruct = new Map([[ONLY_MEMBER, { type: THRIFT_TYPE.struct, value: new Map() }]]);
  return { type: THRIFT_TYPE.struct, value };
}

/** The filter as a file has it. */
export function bloomFilterToBytes({ bitset }: BloomFilter): Uint8Array {
  const header: ThriftStruct = new Map([
    [HEADER.bytes, { type: THRIFT_TYPE.i32, value: bitset.length }],
    [HEADER.algorithm, onlyMember()],
    [HEADER.hash, onlyMember()],
    [HEADER.compression, onlyMember()],
  ]);
  const headerBytes = thriftStructToBytes(header);
  const bytes = new Uint8Array(headerBytes.length + bitset.length);
  bytes.set(headerBytes);
  bytes.set(bitset, headerBytes.length);
  return bytes;
}

/** Parses a stored filter. Ownership: a view. Errors: `data_invalid` when it is malformed or of an unknown kind. */
export function bytesToBloomFilter(bytes: Uint8Array): BloomFilter {
  const cursor = new ByteCursor(bytes);
  const bitsetBytes = readHeader(cursor);
  return { bitset: cursor.readBytes(bitsetBytes) };
}

function readHeader(cursor: ByteCursor): number {
  const header = readThriftStruct(cursor);
  for (const id of [HEADER.algorithm, HEADER.hash, HEADER.compression]) {
    if (thriftStruct(header, id)?.has(ONLY_MEMBER) !== true) throw corruptData("a bloom filter is of an unknown kind");
  }
  const bytes = thriftInteger(header, HEADER.bytes) ?? 0;
  if (bytes < BLOCK_BYTES || bytes % BLOCK_BYTES !== 0) throw corruptData("a bloom filter's size is false");
  return bytes;
}

/**
 * Reads a chunk's filter whole; undefined when it has none. Cost: one or two requests. Errors: those of the reader;
 * `data_invalid`.
 */
export async function readBloomFilter(
  reader: RangeReader,
  chunk: ParquetColumnChunk,
): Promise<BloomFilter | undefined> {
  const start = await openFilter(reader, chunk, WHOLE_READ_BYTES);
  if (start === undefined) return undefined;
  if (start.bytes.length >= start.bitsetAt + start.bitsetBytes) {
    return { bitset: start.bytes.subarray(start.bitsetAt, start.bitsetAt + start.bitsetBytes) };
  }
  return { bitset: await exactly(reader, start.offset + start.bitsetAt, start.bitsetBytes) };
}

interface FilterStart {
  readonly offset: number;
  /** The filter's first bytes, as many as were read. */
  readonly bytes: Uint8Array;
  /** Where the bitset starts, from the filter's start. */
  readonly bitsetAt: number;
  readonly bitsetBytes: number;
}

async function openFilter(
  reader: RangeReader,
  { bloomFilterOffset: offset, bloomFilterBytes: length }: ParquetColumnChunk,
  wholeBytes: number,
): Promise<FilterStart | undefined> {
  if (offset === undefined) return undefined;
  const first = length === undefined ? wholeBytes : length <= wholeBytes ? length : HEADER_READ_BYTES;
  const bytes = await exactly(reader, offset, Math.min(first, reader.sizeBytes - offset));
  const cursor = new ByteCursor(bytes);
  const bitsetBytes = readHeader(cursor);
  const end = offset + cursor.position + bitsetBytes;
  if (end > reader.sizeBytes) throw corruptData("a bloom filter lies outside the file");
  return { offset, bytes, bitsetAt: cursor.position, bitsetBytes };
}

async function exactly(reader: RangeReader, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await reader.read(offset, length);
  if (bytes.length !== length) throw corruptData("a read returned another number of bytes");
  return bytes;
}

/** Stored bytes of values that a chunk can hold; undefined when one of them cannot be told. */
export type BloomProbe = readonly { readonly high: number; readonly low: number }[];

/**
 * What to ask filters of a column for, to learn whether one of the values is there; undefined when a filter cannot
 * tell. Nulls are in no filter and equal nothing.
 */
export function bloomProbe(values: readonly Scalar[], column: ParquetColumn): BloomProbe | undefined {
  const probe: { high: number; low: number }[] = [];
  const out = new Uint32Array(2);
  for (const value of values) {
    if (value === null) continue;
    const bytes = plainBytes(value, column);
    if (bytes === "unknown") return undefined;
    if (bytes === "absent") continue;
    xxHash64(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, out);
    probe.push({ high: out[1] as number, low: out[0] as number });
  }
  return probe;
}

/**
 * Whether a chunk may hold one of the values asked for; false is certain. Cost: no request when the chunk has no
 * filter, one for filters up to 128 KiB, else one and one more for each value. Errors: as {@link readBloomFilter}.
 */
export async function chunkMightHold(
  reader: RangeReader,
  chunk: ParquetColumnChunk,
  probe: BloomProbe,
): Promise<boolean> {
  if (probe.length === 0) return chunk.bloomFilterOffset === undefined;
  const start = await openFilter(reader, chunk, WHOLE_READ_BYTES);
  if (start === undefined) return true;
  const { offset, bytes, bitsetAt, bitsetBytes } = start;
  const answers = await Promise.all(
    probe.map(async ({ high, low }) => {
      const at = bitsetAt + blockOf(high, bitsetBytes) * BLOCK_BYTES;
      if (at + BLOCK_BYTES <= bytes.length) return blockMightHold(bytes, at, low);
      return blockMightHold(await exactly(reader, offset + at, BLOCK_BYTES), 0, low);
    }),
  );
  return answers.includes(true);
}
