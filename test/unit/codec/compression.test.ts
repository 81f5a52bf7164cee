// Page decompression: what compressors of other projects wrote, and what no compressor would.

import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { COMPRESSION_CODEC, decompressPage, lz4Decompress, snappyDecompress } from "#codec";

const TEXT = new TextEncoder().encode("the quick brown fox jumps over the lazy dog; ".repeat(300));

describe("node's compressors", () => {
  test.each([
    ["gzip", COMPRESSION_CODEC.gzip, gzipSync(TEXT)],
    ["zstd", COMPRESSION_CODEC.zstd, zstdCompressSync(TEXT)],
    ["brotli", COMPRESSION_CODEC.brotli, brotliCompressSync(TEXT)],
    ["uncompressed", COMPRESSION_CODEC.uncompressed, TEXT],
  ])("%s", (_name, codec, bytes) => {
    const out = decompressPage(codec, bytes, TEXT.length);
    expect(out).toEqual(TEXT);
    // A Buffer's slice would be a view where the decoders need a copy.
    expect(out.constructor).toBe(Uint8Array);
    expect(() => decompressPage(codec, bytes, TEXT.length - 1)).toThrow(
      expect.objectContaining({ code: "data_invalid" }),
    );
    expect(() => decompressPage(codec, bytes, TEXT.length + 1)).toThrow(
      expect.objectContaining({ code: "data_invalid" }),
    );
  });
});

function block(...bytes: number[]): Uint8Array {
  return new Uint8Array(bytes);
}

const REFUSED = expect.objectContaining({ code: "data_invalid" });

test("snappy: literals, near copies that overlap themselves, and far copies", () => {
  // "abc", then 9 bytes from 3 back: the copy runs into its own output.
  expect(snappyDecompress(block(12, 8, 97, 98, 99, ((9 - 4) << 2) | 1, 3), 12)).toEqual(
    new TextEncoder().encode("abcabcabcabc"),
  );
  expect(snappyDecompress(block(5, 8, 97, 98, 99, (1 << 2) | 2, 3, 0), 5)).toEqual(new TextEncoder().encode("abcab"));
  expect(snappyDecompress(block(5, 8, 97, 98, 99, (1 << 2) | 3, 3, 0, 0, 0), 5)).toEqual(
    new TextEncoder().encode("abcab"),
  );
  // A literal of 61 bytes stores its length in an extra byte.
  const long = new Uint8Array(61).fill(120);
  expect(snappyDecompress(block(61, 60 << 2, 60, ...long), 61)).toEqual(long);
});

test("lz4: literals, overlapping copies and extended lengths", () => {
  const out = lz4Decompress(new Uint8Array([0x1f, 97, 1, 0, 255, 3, 0x10, 98]), 1 + 15 + 255 + 3 + 4 + 1);
  expect(new TextDecoder().decode(out)).toBe(`${"a".repeat(278)}b`);
});

test("C100 blocks that lie are refused before memory is taken", () => {
  expect(() => snappyDecompress(new Uint8Array([255, 255, 255, 255, 7, 0]), 0x7fff_ffff)).toThrow(REFUSED);
  expect(() => snappyDecompress(new Uint8Array([4, 8, 97, 98, 99]), 4)).toThrow(REFUSED);
  expect(() => snappyDecompress(new Uint8Array([4, 0, 97, 5, 9]), 4)).toThrow(REFUSED);
  expect(() => snappyDecompress(new Uint8Array([4, 0, 97, 0 | 1, 0]), 4)).toThrow(REFUSED);
  expect(() => lz4Decompress(new Uint8Array([0x00]), 1 << 30)).toThrow(REFUSED);
  expect(() => lz4Decompress(new Uint8Array([0x1f, 97, 9, 0, 0]), 20)).toThrow(REFUSED);
  expect(() => lz4Decompress(new Uint8Array([0xf0, 255]), 300)).toThrow(REFUSED);
  expect(() => decompressPage(COMPRESSION_CODEC.zstd, new Uint8Array(20), 100)).toThrow(REFUSED);
  expect(() => decompressPage(COMPRESSION_CODEC.lzo, new Uint8Array(20), 100)).toThrow(REFUSED);
  expect(() => decompressPage(COMPRESSION_CODEC.gzip, new Uint8Array(20), 2 ** 40)).toThrow(REFUSED);
  expect(() => decompressPage(COMPRESSION_CODEC.gzip, new Uint8Array(20), -1)).toThrow(REFUSED);
});
