// Variable-length values: PLAIN (4-byte length, bytes) and the two delta encodings.

import { ByteCursor, corruptData, decodeDelta32 } from "#codec";
import { LONG_BYTES, copyShort, decodeUtf8Block, isAsciiOnly, viewOf } from "#columnar";

const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** Decoded text of one page; shared prefixes let a page claim more than this for a few bytes. */
const MAX_EXPANDED_BYTES = 256 * 1024 * 1024;

/** `count` values back to back; value i is bytes [offsets[i], offsets[i + 1]). */
export interface ByteBlock {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
}

/**
 * Decodes PLAIN strings; malformed UTF-8 becomes U+FFFD. Errors: `data_invalid`.
 *
 * Cost: in a page of ASCII with strings shorter than 128 every byte, lengths included, is ASCII, so the page
 * becomes one string and each value a substring of it.
 */
export function decodePlainStrings(bytes: Uint8Array, count: number): string[] {
  if (!isAsciiOnly(bytes)) {
    const { bytes: block, offsets } = decodePlainBlock(bytes, count);
    return decodeUtf8Block(block, offsets, count);
  }
  const text = decoder.decode(bytes);
  const strings: string[] = [];
  let position = 0;
  for (let i = 0; i < count; i++) {
    const start = position + 4;
    if (start > bytes.length) throw corruptData("a string is cut short");
    const end =
      start +
      ((bytes[position] as number) |
        ((bytes[position + 1] as number) << 8) |
        ((bytes[position + 2] as number) << 16) |
        ((bytes[position + 3] as number) << 24));
    if (end > bytes.length) throw corruptData("a string is cut short");
    strings.push(text.substring(start, end));
    position = end;
  }
  return strings;
}

/** Decodes PLAIN byte strings into views of one copy. Errors: `data_invalid`. */
export function decodePlainBinaries(bytes: Uint8Array, count: number): Uint8Array[] {
  return blockToBinaries(decodePlainBlock(bytes, count), count);
}

/** Cuts a block into views. */
export function blockToBinaries({ bytes, offsets }: ByteBlock, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => bytes.subarray(offsets[i], offsets[i + 1]));
}

/** Bytes of the length before each PLAIN value. */
export const PLAIN_GAP_BYTES = 4;

/**
 * Which of `count` PLAIN values are these bytes, ascending. Cost: looks into values of that length only. Errors:
 * `data_invalid`.
 */
export function findPlain(bytes: Uint8Array, count: number, wanted: Uint8Array): readonly number[] {
  const source = viewOf(bytes);
  const { length } = wanted;
  const found: number[] = [];
  const last = length - 1;
  const lastByte = wanted[last];
  for (let i = 0, from = 0; i < count; i++) {
    if (from + PLAIN_GAP_BYTES > bytes.length) throw corruptData("a string is cut short");
    const start = from + PLAIN_GAP_BYTES;
    const valueLength = source.getUint32(from, true);
    if (valueLength > bytes.length - start) throw corruptData("a string is cut short");
    from = start + valueLength;
    // From the last byte on: values of one column often share how they start.
    if (valueLength !== length || (length > 0 && bytes[start + last] !== lastByte)) continue;
    let b = last - 1;
    while (b >= 0 && bytes[start + b] === wanted[b]) b--;
    if (b < 0) found.push(i);
  }
  return found;
}

/** Where PLAIN values start; their lengths lie between them. Errors: `data_invalid`. */
export function plainStarts(bytes: Uint8Array, count: number): Int32Array {
  if (count * PLAIN_GAP_BYTES > bytes.length) throw corruptData("a string is cut short");
  const source = viewOf(bytes);
  const starts = new Int32Array(count + 1);
  const lastLength = bytes.length - PLAIN_GAP_BYTES;
  let start = PLAIN_GAP_BYTES;
  for (let i = 0; i < count; i++) {
    if (start - PLAIN_GAP_BYTES > lastLength) throw corruptData("a string is cut short");
    const length = source.getUint32(start - PLAIN_GAP_BYTES, true);
    if (length > bytes.length - start) throw corruptData("a string is cut short");
    starts[i] = start;
    start += length + PLAIN_GAP_BYTES;
  }
  starts[count] = start;
  return starts;
}

/** PLAIN values back to back, as a copy. Errors: `data_invalid`. */
export function decodePlainBlock(bytes: Uint8Array, count: number): ByteBlock {
  if (count * 4 > bytes.length) throw corruptData("a string is cut short");
  const out = new Uint8Array(bytes.length - count * 4);
  const offsets = new Int32Array(count + 1);
  const source = viewOf(bytes);
  const target = viewOf(out);
  let from = 0;
  let to = 0;
  for (let i = 0; i < count; i++) {
    if (from + 4 > bytes.length) throw corruptData("a string is cut short");
    const length = source.getUint32(from, true);
    from += 4;
    // `out` has no room for the length prefixes still to come, so it is the tighter bound.
    if (length > bytes.length - from || length > out.length - to) throw corruptData("a string is cut short");
    if (length > LONG_BYTES) out.set(bytes.subarray(from, from + length), to);
    else copyShort(source, from, target, to, length);
    from += length;
    to += length;
    offsets[i + 1] = to;
  }
  return { bytes: out, offsets };
}

/** DELTA_LENGTH_BYTE_ARRAY: delta-encoded lengths, then the bytes. Ownership: a view. Errors: `data_invalid`. */
export function decodeDeltaLength(values: Uint8Array, count: number): ByteBlock {
  return readDeltaLength(new ByteCursor(values), count);
}

function readDeltaLength(cursor: ByteCursor, count: number): ByteBlock {
  const lengths = decodeDelta32(cursor, count);
  const available = cursor.remaining;
  const offsets = new Int32Array(count + 1);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const length = lengths[i] as number;
    total += length;
    if (length < 0 || total > available) throw corruptData("a string is cut short");
    offsets[i + 1] = total;
  }
  return { bytes: cursor.readBytes(total), offsets };
}

/** DELTA_BYTE_ARRAY: delta-encoded lengths of the prefix shared with the value before, then suffixes. */
export function decodeDeltaByteArray(values: Uint8Array, count: number): ByteBlock {
  const cursor = new ByteCursor(values);
  const prefixes = decodeDelta32(cursor, count);
  const suffixes = readDeltaLength(cursor, count);
  const offsets = new Int32Array(count + 1);
  let total = 0;
  let previous = 0;
  for (let i = 0; i < count; i++) {
    const prefix = prefixes[i] as number;
    if (prefix < 0 || prefix > previous) throw corruptData("a shared prefix is longer than the value before");
    previous = prefix + (suffixes.offsets[i + 1] as number) - (suffixes.offsets[i] as number);
    total += previous;
    if (total > MAX_EXPANDED_BYTES) throw corruptData("a page's strings are too long");
    offsets[i + 1] = total;
  }
  const bytes = new Uint8Array(total);
  let previousStart = 0;
  for (let i = 0; i < count; i++) {
    const start = offsets[i] as number;
    const prefix = prefixes[i] as number;
    for (let b = 0; b < prefix; b++) bytes[start + b] = bytes[previousStart + b] as number;
    const from = suffixes.offsets[i] as number;
    const length = (suffixes.offsets[i + 1] as number) - from;
    const to = start + prefix;
    for (let b = 0; b < length; b++) bytes[to + b] = suffixes.bytes[from + b] as number;
    previousStart = start;
  }
  return { bytes, offsets };
}
