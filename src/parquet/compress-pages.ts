// Finishing a row group's pages: compressing natively (zstd inside parquet-wasm takes about three times as long) and
// checksums.

import { brotliCompressSync, constants, crc32, gzipSync } from "node:zlib";
import { concatBytes, invariant } from "#core";
import {
  ByteCursor,
  COMPRESSION_CODEC,
  THRIFT_TYPE,
  readThriftStruct,
  thriftInteger,
  thriftStructToBytes,
  zstdCompress,
  type ThriftStruct,
} from "#codec";
import { PAGE_TYPE } from "./encodings.ts";

/** PageHeader's fields. */
const PAGE = { type: 1, uncompressedSize: 2, compressedSize: 3, crc: 4 } as const;

/**
 * Chunks that shrink to no less than this are stored plainly: packed codes that shrink by a tenth take several times
 * as long to decompress as to decode.
 */
const MIN_SHRINKAGE = 0.85;

/** How a chunk's pages are compressed. */
export interface PageCodec {
  /** Parquet's CompressionCodec number. */
  readonly number: number;
  compress(bytes: Uint8Array): Uint8Array;
}

/** Compression codecs the writer offers; `lz4` is LZ4_RAW. */
export type ParquetCompression = "zstd" | "snappy" | "uncompressed" | "gzip" | "brotli" | "lz4";

const DEFAULT_LEVELS = { zstd: 1, gzip: 6, brotli: 4 } as const;
const HIGHEST_LEVELS = { zstd: 22, gzip: 9, brotli: 11 } as const;

/** The codec for pages written plainly; undefined for those that parquet-wasm compresses, or that nobody does. */
export function createPageCodec(compression: ParquetCompression, level: number | undefined): PageCodec | undefined {
  switch (compression) {
    case "zstd": {
      const zstdLevel = levelOf("zstd", level);
      return { number: COMPRESSION_CODEC.zstd, compress: (bytes) => zstdCompress(bytes, zstdLevel) };
    }
    case "gzip": {
      const options = { level: levelOf("gzip", level) };
      return { number: COMPRESSION_CODEC.gzip, compress: (bytes) => gzipSync(bytes, options) };
    }
    case "brotli": {
      const options = { params: { [constants.BROTLI_PARAM_QUALITY]: levelOf("brotli", level) } };
      return { number: COMPRESSION_CODEC.brotli, compress: (bytes) => brotliCompressSync(bytes, options) };
    }
    case "snappy":
    case "lz4":
    case "uncompressed":
      return undefined;
  }
}

function levelOf(codec: keyof typeof DEFAULT_LEVELS, level: number | undefined): number {
  if (level === undefined || !Number.isInteger(level)) return DEFAULT_LEVELS[codec];
  return Math.min(HIGHEST_LEVELS[codec], Math.max(1, level));
}

/** A page within its chunk. */
export interface PagePlace {
  readonly isDictionary: boolean;
  /** Offset from the chunk's start. */
  readonly offset: number;
  /** Header included. */
  readonly length: number;
}

/** A chunk whose pages are in their final form. */
export interface FinishedChunk {
  readonly bytes: Uint8Array;
  readonly codec: number;
  /** What the chunk's pages would take uncompressed, headers included. */
  readonly uncompressedBytes: number;
  readonly pages: readonly PagePlace[];
}

/**
 * Compresses the version 1 pages of a chunk where that helps, and gives every page its checksum. Without a codec the
 * pages stay as they are, which is in `storedCodec`.
 *
 * Ownership: the result shares nothing with `chunk`.
 */
export function finishPages(chunk: Uint8Array, codec: PageCodec | undefined, storedCodec: number): FinishedChunk {
  const pages = splitPages(chunk);
  if (codec === undefined) return joinPages(pages, storedCodec);
  const compressed = pages.map((page) => ({ ...page, body: codec.compress(page.body) }));
  const size = compressed.reduce((sum, { body }) => sum + body.length, 0);
  const before = pages.reduce((sum, { body }) => sum + body.length, 0);
  return size > before * MIN_SHRINKAGE ? joinPages(pages, storedCodec) : joinPages(compressed, codec.number);
}

interface RawPage {
  readonly header: ThriftStruct;
  readonly body: Uint8Array;
}

function splitPages(chunk: Uint8Array): RawPage[] {
  const cursor = new ByteCursor(chunk);
  const pages: RawPage[] = [];
  while (cursor.remaining > 0) {
    const header = readThriftStruct(cursor);
    const type = thriftInteger(header, PAGE.type);
    const size = thriftInteger(header, PAGE.compressedSize);
    invariant(size !== undefined, "a written page has a size");
    invariant(type === PAGE_TYPE.data || type === PAGE_TYPE.dictionary, "the writer makes version 1 pages");
    pages.push({ header, body: cursor.readBytes(size) });
  }
  return pages;
}

function joinPages(pages: readonly RawPage[], codec: number): FinishedChunk {
  const parts: Uint8Array[] = [];
  const places: PagePlace[] = [];
  let offset = 0;
  let uncompressedBytes = 0;
  for (const { header, body } of pages) {
    header.set(PAGE.compressedSize, { type: THRIFT_TYPE.i32, value: body.length });
    // Over the bytes as they are stored; the field is a signed integer.
    header.set(PAGE.crc, { type: THRIFT_TYPE.i32, value: crc32(body) | 0 });
    const headerBytes = thriftStructToBytes(header);
    const length = headerBytes.length + body.length;
    places.push({ isDictionary: thriftInteger(header, PAGE.type) === PAGE_TYPE.dictionary, offset, length });
    parts.push(headerBytes, body);
    offset += length;
    uncompressedBytes += headerBytes.length + (thriftInteger(header, PAGE.uncompressedSize) ?? 0);
  }
  return { bytes: concatBytes(parts), codec, uncompressedBytes, pages: places };
}
