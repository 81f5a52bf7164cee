// How often each value stands in Parquet's RLE / bit-packing hybrid, without writing the values out.

import { unpackBits } from "./bit-unpack.ts";
import { corruptData, type ByteCursor } from "./byte-cursor.ts";
import { readRunValue } from "./hybrid.ts";

/** Values unpacked at a time where they are not counted packed. */
const PART_VALUES = 4096;

const scratch = new Int32Array(PART_VALUES);
/** How often each byte stands in a run, while that run is counted. */
const byteCounts = new Int32Array(256);

/**
 * Adds to `counts` how often each of the next `count` values of `width` bits occurs. Errors: `data_invalid` when the
 * runs end before `count` values, or a value has no place in `counts`. Cost: for widths of 1, 2 and 4 one step a byte.
 */
export function countHybrid(cursor: ByteCursor, width: number, counts: Int32Array, count: number): void {
  if (width < 0 || width > 32) throw corruptData("a bit width is false");
  const byteWidth = (width + 7) >> 3;
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
    countPacked(cursor.bytes, cursor.position, available, width, counts, take);
    cursor.position += available;
    left -= take;
  }
}

function addTo(counts: Int32Array, value: number, times: number): void {
  if (value < 0 || value >= counts.length) throw corruptData("a dictionary code is out of range");
  counts[value] = (counts[value] as number) + times;
}

function countPacked(
  bytes: Uint8Array,
  offset: number,
  available: number,
  width: number,
  counts: Int32Array,
  count: number,
): void {
  let counted = 0;
  if (width === 1 || width === 2 || width === 4) {
    const aByte = 8 / width;
    const whole = Math.floor(count / aByte);
    countBytes(bytes, offset, whole);
    for (let byte = 0; byte < 256; byte++) {
      const times = byteCounts[byte] as number;
      if (times === 0) continue;
      for (let bit = 0; bit < 8; bit += width) addTo(counts, (byte >> bit) & ((1 << width) - 1), times);
    }
    counted = whole * aByte;
  }
  // Parts start on whole bytes: their length is a multiple of eight values.
  for (; counted < count; counted += PART_VALUES) {
    const take = Math.min(PART_VALUES, count - counted);
    const skipped = (counted * width) / 8;
    unpackBits(bytes, offset + skipped, available - skipped, width, scratch, 0, take);
    countValues(counts, take);
  }
}

function countBytes(bytes: Uint8Array, offset: number, length: number): void {
  byteCounts.fill(0);
  for (let at = offset; at < offset + length; at++) {
    const byte = bytes[at] as number;
    byteCounts[byte] = (byteCounts[byte] as number) + 1;
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
