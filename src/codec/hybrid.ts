// Parquet's RLE / bit-packing hybrid: dictionary codes and levels.
//
// | run | bytes |
// |---|---|
// | header | LEB128 h |
// | RLE, h even | value in ceil(width / 8) bytes, repeated h >> 1 times |
// | bit-packed, h odd | (h >> 1) * 8 values of width bits |
//
// Source: https://github.com/apache/parquet-format/blob/master/Encodings.md

import { unpackBits } from "./bit-unpack.ts";
import { corruptData, type ByteCursor } from "./byte-cursor.ts";

/**
 * Decodes `count` values of `width` bits into out[start…]. The cursor ends after the last run touched.
 * Errors: `data_invalid` when the runs end before `count` values.
 */
export function decodeHybrid(cursor: ByteCursor, width: number, out: Int32Array, start: number, count: number): void {
  if (width < 0 || width > 32) throw corruptData("a bit width is false");
  const end = start + count;
  const byteWidth = (width + 7) >> 3;
  let position = start;
  while (position < end) {
    const header = cursor.readVarint32();
    const runs = header >>> 1;
    if (runs === 0) throw corruptData("a run is empty");
    if ((header & 1) === 0) {
      const value = readRunValue(cursor, byteWidth);
      const take = Math.min(runs, end - position);
      out.fill(value, position, position + take);
      position += take;
    } else {
      const take = Math.min(runs * 8, end - position);
      const runBytes = runs * width;
      // Some writers cut the last run's padding off.
      const available = Math.min(runBytes, cursor.remaining);
      if (available * 8 < take * width) throw corruptData("a bit-packed run is cut short");
      unpackBits(cursor.bytes, cursor.position, available, width, out, position, take);
      cursor.position += available;
      position += take;
    }
  }
}

/** Widest values of which one is within four bytes from the byte it starts in. */
const MAX_DIRECT_WIDTH = 25;

/**
 * Writes the values at `places` to `out`, in their order, without decoding the others. `places` are ascending and below
 * `count`. Errors: `data_invalid` when the runs end before the last place. Cost: a step a run and a place.
 */
export function gatherHybrid(
  cursor: ByteCursor,
  width: number,
  places: Int32Array,
  count: number,
  out: Int32Array,
): void {
  if (width < 0 || width > MAX_DIRECT_WIDTH) throw corruptData("a bit width is false");
  const { bytes } = cursor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lastWord = bytes.byteLength - 4;
  const mask = 2 ** width - 1;
  const byteWidth = (width + 7) >> 3;
  let first = 0;
  for (let k = 0; k < places.length;) {
    const header = cursor.readVarint32();
    const runs = header >>> 1;
    if (runs === 0) throw corruptData("a run is empty");
    if ((header & 1) === 0) {
      const value = readRunValue(cursor, byteWidth);
      const end = Math.min(count, first + runs);
      while (k < places.length && (places[k] as number) < end) out[k++] = value;
      first = end;
      continue;
    }
    const take = Math.min(runs * 8, count - first);
    const available = Math.min(runs * width, cursor.remaining);
    if (available * 8 < take * width) throw corruptData("a bit-packed run is cut short");
    const end = first + take;
    const { position } = cursor;
    for (; k < places.length; k++) {
      const place = places[k] as number;
      if (place >= end) break;
      const bit = (place - first) * width;
      const at = position + (bit >>> 3);
      const word = at <= lastWord ? view.getUint32(at, true) : lastBytes(bytes, at);
      out[k] = (word >>> (bit & 7)) & mask;
    }
    cursor.position += available;
    first = end;
  }
}

/** The last bytes as a little-endian word, with zeros after them. */
function lastBytes(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

/** The value of a run, in `byteWidth` bytes. */
export function readRunValue(cursor: ByteCursor, byteWidth: number): number {
  let value = 0;
  for (let i = 0; i < byteWidth; i++) value |= cursor.readByte() << (i * 8);
  return value;
}

/**
 * Decodes `count` definition levels of one bit as validity bytes; undefined when all are 1.
 * Errors: as {@link decodeHybrid}.
 */
export function decodeValidity(cursor: ByteCursor, count: number): Uint8Array | undefined {
  let out: Uint8Array | undefined;
  let position = 0;
  while (position < count) {
    const header = cursor.readVarint32();
    const runs = header >>> 1;
    if (runs === 0) throw corruptData("a run is empty");
    if ((header & 1) === 0) {
      const value = cursor.readByte();
      const take = Math.min(runs, count - position);
      if (value > 1) throw corruptData("a definition level is too high");
      if (value === 0) out ??= new Uint8Array(count).fill(1, 0, position);
      if (out !== undefined && value === 1) out.fill(1, position, position + take);
      position += take;
    } else {
      const take = Math.min(runs * 8, count - position);
      const available = Math.min(runs, cursor.remaining);
      if (available * 8 < take) throw corruptData("a bit-packed run is cut short");
      out ??= new Uint8Array(count).fill(1, 0, position);
      const { bytes } = cursor;
      let at = cursor.position;
      let i = position;
      for (const whole = position + (take & ~7); i < whole; i += 8) {
        const byte = bytes[at++] as number;
        out[i] = byte & 1;
        out[i + 1] = (byte >> 1) & 1;
        out[i + 2] = (byte >> 2) & 1;
        out[i + 3] = (byte >> 3) & 1;
        out[i + 4] = (byte >> 4) & 1;
        out[i + 5] = (byte >> 5) & 1;
        out[i + 6] = (byte >> 6) & 1;
        out[i + 7] = byte >> 7;
      }
      for (let bit = 0; i < position + take; i++, bit++) out[i] = ((bytes[at] as number) >> bit) & 1;
      cursor.position += available;
      position += take;
    }
  }
  return out;
}

/**
 * Decodes `out.length` values of `width` ≤ 8 bits, most significant bit first, as levels were packed until 2013.
 * Errors: `data_invalid` when the bytes end before.
 */
export function decodeBitPacked(cursor: ByteCursor, width: number, out: Int32Array): void {
  const bytes = cursor.readBytes(Math.ceil((out.length * width) / 8));
  const mask = (1 << width) - 1;
  for (let i = 0, bit = 0; i < out.length; i++, bit += width) {
    const at = bit >> 3;
    const pair = ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
    out[i] = (pair >> (16 - width - (bit & 7))) & mask;
  }
}
