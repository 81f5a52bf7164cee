// Text as ranks without making strings of it: the order of UTF-8 bytes is the order of code points.

import { internBlock, type Utf8Block } from "#columnar";
import { DIGIT_BITS, radixPass } from "./radix-pass.ts";

/** Bytes of a value that go into its 64-bit key. */
const KEY_BYTES = 8;

/**
 * The rank of each value among the distinct ones; null rows get 0. Cost: one hash a value; the distinct values sort by
 * the eight bytes after their common prefix in radix passes, and by comparison only where those are equal.
 */
export function rankTextBlock(block: Utf8Block, length: number, validity: Uint8Array | undefined): Uint32Array {
  const { codes, firsts } = internBlock(block, length, validity);
  const sorted = sortValues(block, firsts);
  const ranks = new Uint32Array(firsts.length);
  for (let rank = 0; rank < sorted.length; rank++) ranks[sorted[rank] as number] = rank;
  const low = new Uint32Array(length);
  for (let i = 0; i < length; i++) if (validity?.[i] !== 0) low[i] = ranks[codes[i] as number] as number;
  return low;
}

/** Positions in `values` in ascending order of the block's values that they name, which are distinct. */
function sortValues(block: Utf8Block, values: Int32Array): Int32Array {
  const count = values.length;
  let order = new Int32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  if (count < 2) return order;
  const prefix = commonPrefix(block, values);
  const high = new Uint32Array(count);
  const low = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    const start = (block.offsets[value] as number) + prefix;
    const end = block.offsets[value + 1] as number;
    high[i] = bytesToKey(block.bytes, start, end);
    low[i] = bytesToKey(block.bytes, start + KEY_BYTES / 2, end);
  }
  let spare = new Int32Array(count);
  for (const digits of [low, high]) {
    for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
      if (radixPass(digits, shift, false, order, spare)) [order, spare] = [spare, order];
    }
  }
  sortTies(block, values, high, low, order, prefix);
  return order;
}

/** Four bytes, the first most significant; 0 from the value's end on. */
function bytesToKey(bytes: Uint8Array, start: number, end: number): number {
  let key = 0;
  for (let at = start; at < start + KEY_BYTES / 2; at++) key = (key << 8) | (at < end ? (bytes[at] as number) : 0);
  return key >>> 0;
}

/** Sorts each run of equal keys by the whole values. */
function sortTies(
  block: Utf8Block,
  values: Int32Array,
  high: Uint32Array,
  low: Uint32Array,
  order: Int32Array,
  prefix: number,
): void {
  let start = 0;
  for (let i = 1; i <= order.length; i++) {
    const first = order[start] as number;
    const row = order[i];
    if (row !== undefined && high[row] === high[first] && low[row] === low[first]) continue;
    if (i - start > 1) {
      order.subarray(start, i).sort((a, b) => compareValues(block, values[a] as number, values[b] as number, prefix));
    }
    start = i;
  }
}

/** Order of two values of a block whose first `skip` bytes are equal. */
function compareValues({ offsets, bytes }: Utf8Block, a: number, b: number, skip: number): number {
  const startA = offsets[a] as number;
  const startB = offsets[b] as number;
  const lengthA = (offsets[a + 1] as number) - startA;
  const lengthB = (offsets[b + 1] as number) - startB;
  const shared = Math.min(lengthA, lengthB);
  for (let at = skip; at < shared; at++) {
    const difference = (bytes[startA + at] as number) - (bytes[startB + at] as number);
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

/** Bytes that all the values begin with. */
function commonPrefix({ offsets, bytes }: Utf8Block, values: Int32Array): number {
  const first = values[0] as number;
  const start = offsets[first] as number;
  let shared = (offsets[first + 1] as number) - start;
  for (let i = 1; i < values.length && shared > 0; i++) {
    const value = values[i] as number;
    const from = offsets[value] as number;
    const length = Math.min(shared, (offsets[value + 1] as number) - from);
    let at = 0;
    while (at < length && bytes[start + at] === bytes[from + at]) at += 1;
    shared = at;
  }
  return shared;
}
