// Zstandard through node:zlib, past what workerd's streams make of the end of a frame.

import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { concatBytes } from "#core";

/** The end of a frame: a last block, raw and empty (RFC 8878, 3.1.1.2). */
const LAST_BLOCK = Uint8Array.of(1, 0, 0);

/** Bounds of a decompression, bytes. */
export interface ZstdOutput {
  readonly maxOutputLength: number;
  /** Size of the output buffer, if the length is known. */
  readonly chunkSize?: number;
}

/**
 * Compresses into one frame. workerd (2026-11-02) takes a frame whose end does not fit its buffer for a failure, so the
 * blocks are flushed and the end is put behind them here. Errors: those of node:zlib.
 */
export function zstdCompress(bytes: Uint8Array, level: number): Uint8Array {
  const options = { params: { [constants.ZSTD_c_compressionLevel]: level }, finishFlush: constants.ZSTD_e_flush };
  return concatBytes([zstdCompressSync(bytes, options), LAST_BLOCK]);
}

/**
 * Decompresses a frame whose length the caller checks: one that is cut short gives what there is. workerd (2026-11-02
 * and 2026-11-17) otherwise refuses whole frames of some lengths, 327,680 bytes for one, as ending too early. Errors:
 * those of node:zlib.
 */
export function zstdDecompress(bytes: Uint8Array, output: ZstdOutput): Uint8Array {
  return zstdDecompressSync(bytes, { ...output, finishFlush: constants.ZSTD_e_flush });
}
