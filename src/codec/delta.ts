// Parquet's delta encodings.
//
// DELTA_BINARY_PACKED:
// | part | bytes |
// |---|---|
// | header | LEB128 block size, LEB128 miniblocks a block, LEB128 total count, zigzag first value |
// | block | zigzag minimum delta, one width byte a miniblock, the miniblocks' bit-packed (delta - minimum) |
//
// Source: https://github.com/apache/parquet-format/blob/master/Encodings.md

import { unpackBits, unpackWideBits } from "./bit-unpack.ts";
import { corruptData, type ByteCursor } from "./byte-cursor.ts";

interface DeltaHeader {
  readonly miniblocks: number;
  readonly miniblockValues: number;
  readonly count: number;
}

/** Writers use 128 values a block; a block must at least not outgrow what a page can hold. */
const MAX_BLOCK_VALUES = 1 << 20;

function readHeader(cursor: ByteCursor, expected: number): DeltaHeader {
  const blockValues = cursor.readVarint32();
  const miniblocks = cursor.readVarint32();
  const count = cursor.readVarint32();
  const miniblockValues = blockValues / miniblocks;
  if (
    blockValues === 0 ||
    blockValues > MAX_BLOCK_VALUES ||
    !Number.isInteger(miniblockValues) ||
    miniblockValues % 8 !== 0
  ) {
    throw corruptData("a delta header is malformed");
  }
  if (count !== expected) throw corruptData("a delta page has another number of values");
  return { miniblocks, miniblockValues, count };
}

/**
 * Decodes exactly `count` 32-bit integers, wrapping as two's complement. The cursor ends after the last miniblock
 * touched. Errors: `data_invalid`.
 */
export function decodeDelta32(cursor: ByteCursor, count: number): Int32Array {
  const { miniblocks, miniblockValues } = readHeader(cursor, count);
  const out = new Int32Array(count);
  let value = Number(BigInt.asIntN(32, BigInt(cursor.readZigzag64())));
  if (count === 0) return out;
  out[0] = value;
  let position = 1;
  while (position < count) {
    const minimum = Number(BigInt.asIntN(32, BigInt(cursor.readZigzag64())));
    const widths = cursor.readBytes(miniblocks);
    for (let m = 0; m < miniblocks && position < count; m++) {
      const width = widths[m] as number;
      if (width > 32) throw corruptData("a delta is too wide");
      const take = Math.min(miniblockValues, count - position);
      unpackMiniblock(cursor, width, miniblockValues, take, out, position);
      for (let i = position; i < position + take; i++) {
        value = (value + minimum + (out[i] as number)) | 0;
        out[i] = value;
      }
      position += take;
    }
  }
  return out;
}

/** Bytes of the miniblock at the cursor; the last one's padding may be cut off. */
function miniblockBytes(cursor: ByteCursor, width: number, values: number, take: number): number {
  const available = Math.min((values * width) / 8, cursor.remaining);
  if (available * 8 < take * width) throw corruptData("a delta miniblock is cut short");
  return available;
}

function unpackMiniblock(
  cursor: ByteCursor,
  width: number,
  values: number,
  take: number,
  out: Int32Array,
  position: number,
): void {
  const available = miniblockBytes(cursor, width, values, take);
  unpackBits(cursor.bytes, cursor.position, available, width, out, position, take);
  cursor.position += available;
}

/** Deltas of one miniblock; miniblocks hold 32 or 64 values with every writer known, so this rarely grows. */
let deltas = new Int32Array(256);
let wideDeltas = new Float64Array(256);

/**
 * Decodes exactly `count` 64-bit integers: as doubles when every value and step stays within ±(2^53 - 1), else
 * exactly, wrapping as two's complement. Errors: `data_invalid`.
 */
export function decodeDelta64(cursor: ByteCursor, count: number): Float64Array | BigInt64Array {
  const start = cursor.position;
  const fast = decodeDelta64Safe(cursor, count);
  if (fast !== undefined) return fast;
  cursor.position = start;
  return decodeDelta64Exact(cursor, count);
}

/** 2^52 */
const MAX_EXACT_MINIMUM = 4_503_599_627_370_496;
const MAX_EXACT_WIDTH = 52;

/** Undefined when a value, minimum or delta does not fit a double exactly. */
function decodeDelta64Safe(cursor: ByteCursor, count: number): Float64Array | undefined {
  const out = new Float64Array(count);
  return decodeDeltaDoubles(cursor, count, out) ? out : undefined;
}

/** Widest deltas of which one is within four bytes from the byte it starts in. */
const MAX_DIRECT_WIDTH = 25;

/**
 * Decodes exactly `count` 64-bit integers to the start of `out`; false when a value or step is not within ±(2^53 - 1),
 * `out` and the cursor then being anywhere. Errors: `data_invalid`.
 */
export function decodeDeltaDoubles(cursor: ByteCursor, count: number, out: Float64Array): boolean {
  const { miniblocks, miniblockValues } = readHeader(cursor, count);
  const first = cursor.readZigzag64();
  if (typeof first === "bigint") return false;
  if (count === 0) return true;
  if (miniblockValues > deltas.length) {
    deltas = new Int32Array(miniblockValues);
    wideDeltas = new Float64Array(miniblockValues);
  }
  const steps = deltas;
  const wideSteps = wideDeltas;
  const { bytes } = cursor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  out[0] = first;
  let value: number = first;
  // Whether sums are known to stay exact without looking at each.
  let areBounded = Math.abs(first) <= Number.MAX_SAFE_INTEGER;
  let position = 1;
  while (position < count) {
    const minimum = cursor.readZigzag64();
    // Within this bound minimum + step is exact, so a sum is exact unless it leaves the safe range, which shows.
    if (typeof minimum === "bigint" || Math.abs(minimum) > MAX_EXACT_MINIMUM) return false;
    const widthsAt = cursor.position;
    if (widthsAt + miniblocks > cursor.end) throw corruptData("a delta block is cut short");
    cursor.position = widthsAt + miniblocks;
    for (let m = 0; m < miniblocks && position < count; m++) {
      const width = bytes[widthsAt + m] as number;
      if (width > MAX_EXACT_WIDTH) return false;
      const take = Math.min(miniblockValues, count - position);
      const farthest = Math.abs(value) + (Math.abs(minimum) + 2 ** width) * take;
      areBounded = areBounded && farthest <= Number.MAX_SAFE_INTEGER;
      const from = cursor.position;
      const storedBytes = (miniblockValues * width) >> 3;
      if (width === 0) {
        for (let i = position; i < position + take; i++) out[i] = value += minimum;
      } else if (width <= MAX_DIRECT_WIDTH && from + storedBytes + 4 <= cursor.end) {
        value = addSteps(view, from, width, minimum, out, position, take, value);
        cursor.position = from + storedBytes;
      } else if (width <= 32) {
        unpackMiniblock(cursor, width, miniblockValues, take, steps, 0);
        for (let i = 0; i < take; i++) {
          value += minimum + ((steps[i] as number) >>> 0);
          out[position + i] = value;
        }
      } else {
        const available = miniblockBytes(cursor, width, miniblockValues, take);
        unpackWideBits(cursor.bytes, cursor.position, available, width, wideSteps, take);
        cursor.position += available;
        for (let i = 0; i < take; i++) {
          value += minimum + (wideSteps[i] as number);
          out[position + i] = value;
        }
      }
      position += take;
    }
  }
  return areBounded || areSafe(out, count);
}

/** Writes the sums of a miniblock's packed steps, counted from `base`; returns the last one. */
function addSteps(
  view: DataView,
  from: number,
  width: number,
  minimum: number,
  out: Float64Array,
  position: number,
  count: number,
  base: number,
): number {
  const mask = (1 << width) - 1;
  const end = position + count;
  let value = base;
  let bit = 0;
  for (let i = position; i < end; i++) {
    value += minimum + ((view.getUint32(from + (bit >>> 3), true) >>> (bit & 7)) & mask);
    out[i] = value;
    bit += width;
  }
  return value;
}

function areSafe(values: Float64Array, count: number): boolean {
  let least = 0;
  let greatest = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return least >= Number.MIN_SAFE_INTEGER && greatest <= Number.MAX_SAFE_INTEGER;
}

function decodeDelta64Exact(cursor: ByteCursor, count: number): BigInt64Array {
  const { miniblocks, miniblockValues } = readHeader(cursor, count);
  const out = new BigInt64Array(count);
  let value = BigInt(cursor.readZigzag64());
  if (count === 0) return out;
  out[0] = value;
  let position = 1;
  while (position < count) {
    const minimum = BigInt(cursor.readZigzag64());
    const widths = cursor.readBytes(miniblocks);
    for (let m = 0; m < miniblocks && position < count; m++) {
      const width = widths[m] as number;
      if (width > 64) throw corruptData("a delta is too wide");
      const take = Math.min(miniblockValues, count - position);
      const available = miniblockBytes(cursor, width, miniblockValues, take);
      for (let i = 0; i < take; i++) {
        value = BigInt.asIntN(64, value + minimum + readWideBits(cursor.bytes, cursor.position, i * width, width));
        out[position + i] = value;
      }
      cursor.position += available;
      position += take;
    }
  }
  return out;
}

function readWideBits(bytes: Uint8Array, offset: number, bit: number, width: number): bigint {
  let value = 0n;
  let taken = 0;
  while (taken < width) {
    const at = bit + taken;
    const inByte = at & 7;
    const bits = Math.min(8 - inByte, width - taken);
    const part = ((bytes[offset + (at >> 3)] as number) >> inByte) & ((1 << bits) - 1);
    value |= BigInt(part) << BigInt(taken);
    taken += bits;
  }
  return value;
}
