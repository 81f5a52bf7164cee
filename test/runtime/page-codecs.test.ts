// What reading and writing Parquet pages asks of workerd's node:zlib.

import { brotliCompressSync, crc32, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { COMPRESSION_CODEC, decompressPage } from "#codec";

const PAGE = new TextEncoder().encode("a page of a column chunk ".repeat(4000));

test("checksums are those of the standard polynomial", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf4_3926);
});

test.each([
  ["gzip", COMPRESSION_CODEC.gzip, gzipSync(PAGE)],
  [
    "gzip in two members",
    COMPRESSION_CODEC.gzip,
    Buffer.concat([gzipSync(PAGE.subarray(0, 9)), gzipSync(PAGE.subarray(9))]),
  ],
  ["gzip with zlib's header", COMPRESSION_CODEC.gzip, deflateSync(PAGE)],
  ["brotli", COMPRESSION_CODEC.brotli, brotliCompressSync(PAGE)],
  ["zstd", COMPRESSION_CODEC.zstd, zstdCompressSync(PAGE)],
])("%s pages decompress", (_name, codec, compressed) => {
  expect(decompressPage(codec, new Uint8Array(compressed), PAGE.length)).toEqual(PAGE);
});
