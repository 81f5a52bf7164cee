// Decompression of Parquet pages by Parquet's codec numbers. node:zlib is native in workerd, too.

import { brotliDecompressSync, unzipSync } from "node:zlib";
import { LakeError } from "#core";
import { corruptData } from "./byte-cursor.ts";
import { lz4Decompress, lz4HadoopDecompress } from "./lz4.ts";
import { snappyDecompress } from "./snappy.ts";
import { zstdDecompress } from "./zstd.ts";

/** parquet.thrift's CompressionCodec numbers. */
export const COMPRESSION_CODEC = {
  uncompressed: 0,
  snappy: 1,
  gzip: 2,
  lzo: 3,
  brotli: 4,
  lz4: 5,
  zstd: 6,
  lz4Raw: 7,
} as const;

/** Largest page taken, bytes: a decompressed page must fit an isolate beside everything else. */
const MAX_PAGE_BYTES = 128 * 1024 * 1024;
/** Smallest output buffer node:zlib takes. */
const MIN_CHUNK_BYTES = 64;
/** Room for growth that output limits grant beyond twice the page. */
const OUTPUT_SLACK_BYTES = 64 * 1024;
/** Beyond this the output buffer grows as bytes really come. */
const MAX_CHUNK_BYTES = 8 * 1024 * 1024;

/**
 * Decompresses one page to exactly `uncompressedBytes`. Ownership: uncompressed pages come back as the view given.
 * Errors: `data_invalid` when the bytes are malformed, have another size or the codec is LZO.
 */
export function decompressPage(codec: number, bytes: Uint8Array, uncompressedBytes: number): Uint8Array {
  if (!(uncompressedBytes >= 0)) throw corruptData("a page's size is false");
  if (uncompressedBytes > MAX_PAGE_BYTES) throw corruptData("a page is larger than 128 MiB, which is not supported");
  if (codec === COMPRESSION_CODEC.uncompressed) {
    if (bytes.length !== uncompressedBytes) throw corruptData("a page has another size");
    return bytes;
  }
  if (uncompressedBytes === 0) return new Uint8Array(0);
  const out = decompressBytes(codec, bytes, uncompressedBytes);
  if (out.length !== uncompressedBytes) throw corruptData("a page decompresses to another size");
  return out;
}

function decompressBytes(codec: number, bytes: Uint8Array, uncompressedBytes: number): Uint8Array {
  // One output buffer of the right size spares zlib its growing list of chunks. The limit only bounds bombs, the
  // length is checked by the caller: workerd counts the capacity its buffer would grow to, not the bytes in it, and
  // refuses a page of exactly the limit for some sizes (65,536 and 70,000 bytes, seen with workerd of wrangler 4.164).
  const options = {
    maxOutputLength: uncompressedBytes * 2 + OUTPUT_SLACK_BYTES,
    chunkSize: Math.max(MIN_CHUNK_BYTES, Math.min(uncompressedBytes, MAX_CHUNK_BYTES)),
  };
  try {
    switch (codec) {
      case COMPRESSION_CODEC.snappy:
        return snappyDecompress(bytes, uncompressedBytes);
      case COMPRESSION_CODEC.gzip:
        // Some writers leave zlib's header where gzip's belongs.
        return plainView(unzipSync(bytes, options));
      case COMPRESSION_CODEC.brotli:
        return plainView(brotliDecompressSync(bytes, options));
      case COMPRESSION_CODEC.zstd:
        return plainView(zstdDecompress(bytes, options));
      case COMPRESSION_CODEC.lz4:
        return lz4HadoopDecompress(bytes, uncompressedBytes);
      case COMPRESSION_CODEC.lz4Raw:
        return lz4Decompress(bytes, uncompressedBytes);
      default:
        throw corruptData(`compression codec ${codec} is not supported`);
    }
  } catch (cause) {
    if (cause instanceof LakeError) throw cause;
    throw new LakeError("data_invalid", "Corrupt data: a page does not decompress.", { cause });
  }
}

/** A Buffer's `slice` is a view where a Uint8Array's is a copy: nothing past here may meet a Buffer. */
function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
