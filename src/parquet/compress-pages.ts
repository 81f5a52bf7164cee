// Compressing a row group's pages natively: zstd inside parquet-wasm takes about three times as long.

import { constants, zstdCompressSync } from "node:zlib";
import { concatBytes, invariant } from "#core";
import {
  ByteCursor,
  COMPRESSION_CODEC,
  THRIFT_TYPE,
  readThriftStruct,
  thriftInteger,
  thriftStructToBytes,
  type ThriftStruct,
} from "#codec";
import { PAGE_TYPE } from "./encodings.ts";

/** PageHeader's fields. */
const PAGE = { type: 1, uncompressedSize: 2, compressedSize: 3, crc: 4 } as const;

/**
 * Chunks that shrink to no less than this are stored plainly: noise that shrinks by a twentieth takes ten times
 * as long to decompress as to copy.
 */
const MIN_SHRINKAGE = 0.9;

const ZSTD_OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** A page within its chunk. */
export interface PagePlace {
  readonly isDictionary: boolean;
  /** Offset from the chunk's start. */
  readonly offset: number;
  /** Header included. */
  readonly length: number;
}

/** A compressed chunk. */
export interface CompressedChunk {
  readonly bytes: Uint8Array;
  readonly codec: number;
  /** What the chunk's pages would take uncompressed, headers included. */
  readonly uncompressedBytes: number;
  readonly pages: readonly PagePlace[];
}

/**
 * Compresses the version 1 pages of a chunk that was written uncompressed; undefined when that hardly helps.
 * Ownership: the result shares nothing with `chunk`.
 */
export function compressPages(chunk: Uint8Array): CompressedChunk | undefined {
  const cursor = new ByteCursor(chunk);
  const parts: Uint8Array[] = [];
  const pages: PagePlace[] = [];
  let offset = 0;
  let uncompressedBytes = 0;
  while (cursor.remaining > 0) {
    const header = readThriftStruct(cursor);
    const type = thriftInteger(header, PAGE.type);
    const size = thriftInteger(header, PAGE.compressedSize);
    invariant(size !== undefined && size === thriftInteger(header, PAGE.uncompressedSize), "pages are uncompressed");
    invariant(type === PAGE_TYPE.data || type === PAGE_TYPE.dictionary, "the writer makes version 1 pages");
    const body = zstdCompressSync(cursor.readBytes(size), ZSTD_OPTIONS);
    const headerBytes = resizedHeader(header, body.length);
    const length = headerBytes.length + body.length;
    pages.push({ isDictionary: type === PAGE_TYPE.dictionary, offset, length });
    parts.push(headerBytes, body);
    offset += length;
    uncompressedBytes += headerBytes.length + size;
  }
  if (offset > chunk.length * MIN_SHRINKAGE) return undefined;
  return { bytes: concatBytes(parts), codec: COMPRESSION_CODEC.zstd, uncompressedBytes, pages };
}

function resizedHeader(header: ThriftStruct, compressedSize: number): Uint8Array {
  header.set(PAGE.compressedSize, { type: THRIFT_TYPE.i32, value: compressedSize });
  // The checksum, where there is one, is over the compressed bytes.
  header.delete(PAGE.crc);
  return thriftStructToBytes(header);
}
