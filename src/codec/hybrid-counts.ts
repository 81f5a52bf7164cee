// How often each value stands in Parquet's RLE / bit-packing hybrid, without writing the values out.

import { unpackBits } from "./bit-unpack.ts";
import { corruptData, type ByteCursor } from "./byte-cursor.ts";
import { readRunValue } from "./hybrid.ts";

/** Values unpacked at a time where they are not counted packed. */
const PART_VALUES = 4096;

const scratch = new Int32Array(PART_VALUES);
/**
 * How often each byte stands in the packed runs that are being counted, at even and at odd places: adding to one count
 * twice in a row would wait for the first time.
 */
const byteCounts = new Int32Array(512);

/**
 * Adds to `counts` how often each of the next `count` values of `width` bits occurs. Errors: `data_invalid` when the
 * runs end before `count` values, or a value has no place in `counts`. Cost: for widths of 1, 2 and 4 one step a byte.
 */
export function countHybrid(cursor: ByteCursor, width: number, counts: Int32Array, count: number): void {
  if (width < 0 || width > 32) throw corruptData("a bit width is false");
  const byteWidth = (width + 7) >> 3;
  const isByBytes = width === 1 || width === 2 || width === 4;
  if (isByBytes) byteCounts.fill(0);
  for (let left = count; left > 0;) {
    const header = cursor.readVarint32();
    const runs = header >>> 1;
    if (runs === 0) throw corruptData("a run is empty");
    if ((header & 1) === 0) {
      const value = readRunValue(cursor, byteWidth);
      const take = Math.min(runs, left);
      addTo(counts, value, take);
      left -= take;
      continue;
    }
    const take = Math.min(runs * 8, left);
    const available = Math.min(runs * width, cursor.remaining);
    if (available * 8 < take * width) throw corruptData("a bit-packed run is cut short");
    const counted = isByBytes ? countBytes(cursor.bytes, cursor.position, width, take) : 0;
    countPacked(cursor.bytes, cursor.position, available, width, counts, counted, take);
    cursor.position += available;
    left -= take;
  }
  if (isByBytes) addBytes(counts, width);
}

function addTo(counts: Int32Array, value: number, times: number): void {
  if (value < 0 || value >= counts.length) throw corruptData("a dictionary code is out of range");
  counts[value] = (counts[value] as number) + times;
}

/** Counts values `counted` to `count` of a packed run; the first of them starts a byte. */
function countPacked(
  bytes: Uint8Array,
  offset: number,
  available: number,
  width: number,
  counts: Int32Array,
  counted: number,
  count: number,
): void {
  // Parts start on whole bytes: their length is a multiple of eight values.
  for (let first = counted; first < count; first += PART_VALUES) {
    const take = Math.min(PART_VALUES, count - first);
    const skipped = (first * width) / 8;
    unpackBits(bytes, offset + skipped, available - skipped, width, scratch, 0, take);
    countValues(counts, take);
  }
}

/** Counts the whole bytes of a run's `count` values; returns how many values they hold. */
function countBytes(bytes: Uint8Array, offset: number, width: number, count: number): number {
  const aByte = 8 / width;
  const whole = Math.floor(count / aByte);
  const end = offset + whole;
  let at = offset;
  for (; at + 1 < end; at += 2) {
    const even = bytes[at] as number;
    const odd = 256 + (bytes[at + 1] as number);
    byteCounts[even] = (byteCounts[even] as number) + 1;
    byteCounts[odd] = (byteCounts[odd] as number) + 1;
  }
  if (at < end) byteCounts[bytes[at] as number] = (byteCounts[bytes[at] as number] as number) + 1;
  return whole * aByte;
}

/** Adds what bytes that were counted hold. */
function addBytes(counts: Int32Array, width: number): void {
  const mask = (1 << width) - 1;
  for (let byte = 0; byte < 256; byte++) {
    const times = (byteCounts[byte] as number) + (byteCounts[256 + byte] as number);
    if (times > 0) for (let bit = 0; bit < 8; bit += width) addTo(counts, (byte >> bit) & mask, times);
  }
}

function countValues(counts: Int32Array, length: number): void {
  const last = counts.length - 1;
  // The sign tells of a value out of range: of itself, or of what is left up to the last one.
  let signs = 0;
  for (let i = 0; i < length; i++) signs |= (scratch[i] as number) | (last - (scratch[i] as number));
  if (signs < 0) throw corruptData("a dictionary code is out of range");
  for (let i = 0; i < length; i++) {
    const value = scratch[i] as number;
    counts[value] = (counts[value] as number) + 1;
  }
}
