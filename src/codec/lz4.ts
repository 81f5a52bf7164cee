// LZ4 block decompression: Parquet's LZ4_RAW, and LZ4, which Hadoop framed and others did not.
//
// | Hadoop frame | bytes, repeated |
// |---|---|
// | decompressed size | 4, big-endian |
// | compressed size | 4, big-endian |
// | block | |
//
// Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md

import { corruptData } from "./byte-cursor.ts";
import { copyWithin } from "./snappy.ts";

/** Decompresses one LZ4 block of known size. Errors: `data_invalid` when malformed or of another size. */
export function lz4Decompress(bytes: Uint8Array, uncompressedBytes: number): Uint8Array<ArrayBuffer> {
  // A byte stands for 255 at most.
  if (uncompressedBytes > bytes.length * 255 + 64) throw corruptData("an lz4 block claims too much");
  const out = new Uint8Array(uncompressedBytes);
  const end = bytes.length;
  let from = 0;
  let to = 0;
  const extend = (length: number): number => {
    let total = length;
    for (;;) {
      if (from >= end) throw corruptData("an lz4 length is cut short");
      const byte = bytes[from++] as number;
      total += byte;
      if (byte !== 255) return total;
    }
  };
  while (from < end) {
    const token = bytes[from++] as number;
    let literals = token >> 4;
    if (literals === 15) literals = extend(literals);
    if (from + literals > end || to + literals > uncompressedBytes) throw corruptData("an lz4 literal is too long");
    out.set(bytes.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from >= end) break;
    if (from + 2 > end) throw corruptData("an lz4 copy is cut short");
    const distance = (bytes[from] as number) | ((bytes[from + 1] as number) << 8);
    from += 2;
    let length = token & 15;
    if (length === 15) length = extend(length);
    length += 4;
    if (distance === 0 || distance > to || to + length > uncompressedBytes) throw corruptData("an lz4 copy is false");
    copyWithin(out, to, distance, length);
    to += length;
  }
  if (to !== uncompressedBytes) throw corruptData("an lz4 block is cut short");
  return out;
}

/**
 * Decompresses what the codec number of the old LZ4 stands for: Hadoop's frames, or one block where the bytes are no
 * frames. Errors: as {@link lz4Decompress}.
 */
export function lz4HadoopDecompress(bytes: Uint8Array, uncompressedBytes: number): Uint8Array<ArrayBuffer> {
  const frames = readFrames(bytes, uncompressedBytes);
  if (frames === undefined) return lz4Decompress(bytes, uncompressedBytes);
  const out = new Uint8Array(uncompressedBytes);
  let to = 0;
  for (const { block, size } of frames) {
    out.set(lz4Decompress(block, size), to);
    to += size;
  }
  return out;
}

interface Frame {
  readonly block: Uint8Array;
  readonly size: number;
}

/** The frames, or undefined when the sizes do not add up. */
function readFrames(bytes: Uint8Array, uncompressedBytes: number): Frame[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: Frame[] = [];
  let from = 0;
  let total = 0;
  while (from + 8 <= bytes.length) {
    const size = view.getUint32(from);
    const start = from + 8;
    from = start + view.getUint32(from + 4);
    total += size;
    if (from > bytes.length || total > uncompressedBytes) return undefined;
    frames.push({ block: bytes.subarray(start, from), size });
  }
  return from === bytes.length && total === uncompressedBytes ? frames : undefined;
}
