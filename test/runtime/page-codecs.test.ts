// What reading and writing Parquet pages asks of workerd's node:zlib.

import { brotliCompressSync, crc32, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { COMPRESSION_CODEC, decompressPage, zstdCompress } from "#codec";

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

/** Texts of one width, as a page of ids has them. */
function idPage(rows: number): Uint8Array {
  const rowsText = Array.from({ length: rows }, (_, i) => `\f\0\0\0e-9-0-${String(i).padStart(6, "0")}`);
  return new TextEncoder().encode(rowsText.join(""));
}

function noisePage(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24);
}

test.each([
  ["20,480 ids", idPage(20_480)],
  ["65,536 bytes of noise", noisePage(65_536)],
  ["a page of noise", noisePage(1_000_000)],
  ["nothing but zeros", new Uint8Array(1_048_576)],
])("C230 zstd pages of any length come and go: %s", (_name, page) => {
  const frame = zstdCompress(page, 1);
  // Not toEqual: a megabyte of differences is no message.
  expect(Buffer.compare(decompressPage(COMPRESSION_CODEC.zstd, frame, page.length), page)).toBe(0);
  expect(() => decompressPage(COMPRESSION_CODEC.zstd, frame.subarray(0, frame.length >> 1), page.length)).toThrow(
    expect.objectContaining({ code: "data_invalid" }),
  );
});
