// Snappy block decompression.
// Source: https://github.com/google/snappy/blob/main/format_description.txt

import { ByteCursor, corruptData } from "./byte-cursor.ts";

/**
 * Decompresses one Snappy block of known size. Errors: `data_invalid` when the block is malformed or has another
 * size.
 */
export function snappyDecompress(bytes: Uint8Array, uncompressedBytes: number): Uint8Array<ArrayBuffer> {
  const cursor = new ByteCursor(bytes);
  if (cursor.readVarint32() !== uncompressedBytes) throw corruptData("a snappy block has another size");
  // Two bytes stand for 64 at most; a block that claims more is false, and is not allocated for.
  if (uncompressedBytes > bytes.length * 32 + 64) throw corruptData("a snappy block claims too much");
  const out = new Uint8Array(uncompressedBytes);
  const end = bytes.length;
  let from = cursor.position;
  let to = 0;
  while (from < end) {
    const tag = bytes[from++] as number;
    let length: number;
    let distance: number;
    switch (tag & 3) {
      case 0: {
        length = (tag >> 2) + 1;
        if (length > 60) {
          const extra = length - 60;
          if (from + extra > end) throw corruptData("a snappy literal is cut short");
          length = 0;
          for (let i = 0; i < extra; i++) length += (bytes[from + i] as number) * 2 ** (8 * i);
          length += 1;
          from += extra;
        }
        if (from + length > end || to + length > uncompressedBytes) throw corruptData("a snappy literal is too long");
        if (length < 24) for (let i = 0; i < length; i++) out[to + i] = bytes[from + i] as number;
        else out.set(bytes.subarray(from, from + length), to);
        from += length;
        to += length;
        continue;
      }
      case 1:
        length = ((tag >> 2) & 7) + 4;
        distance = ((tag & 0xe0) << 3) | (bytes[from] ?? 0);
        from += 1;
        break;
      case 2:
        length = (tag >> 2) + 1;
        distance = (bytes[from] ?? 0) | ((bytes[from + 1] ?? 0) << 8);
        from += 2;
        break;
      default:
        length = (tag >> 2) + 1;
        distance =
          ((bytes[from] ?? 0) |
            ((bytes[from + 1] ?? 0) << 8) |
            ((bytes[from + 2] ?? 0) << 16) |
            ((bytes[from + 3] ?? 0) << 24)) >>>
          0;
        from += 4;
    }
    if (from > end || distance === 0 || distance > to || to + length > uncompressedBytes) {
      throw corruptData("a snappy copy is false");
    }
    copyWithin(out, to, distance, length);
    to += length;
  }
  if (to !== uncompressedBytes) throw corruptData("a snappy block is cut short");
  return out;
}

/** Copies from `distance` back, byte by byte where source and target overlap. */
export function copyWithin(out: Uint8Array, to: number, distance: number, length: number): void {
  if (distance >= length && length > 32) out.copyWithin(to, to - distance, to - distance + length);
  else for (let i = to, at = to - distance; i < to + length; i++, at++) out[i] = out[at] as number;
}
