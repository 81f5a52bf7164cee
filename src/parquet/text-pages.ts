// Text pages as UTF-8 blocks, for readers that move text without looking into it.

import { corruptData } from "#codec";
import { decodeUtf8Block, encodeUtf8Block, isWellFormedBlock, type Utf8Block } from "#columnar";
import { decodeDeltaByteArray, decodeDeltaLength, decodePlainBlock } from "./byte-arrays.ts";
import { ENCODING } from "./encodings.ts";

/**
 * Decodes `count` values of a text column; malformed UTF-8 becomes U+FFFD. Ownership: may be a view of `bytes`.
 * Errors: `data_invalid`.
 */
export function decodeTextBlock(encoding: number, bytes: Uint8Array, count: number): Utf8Block {
  const block = decodeBlock(encoding, bytes, count);
  return isWellFormedBlock(block, count)
    ? block
    : encodeUtf8Block(decodeUtf8Block(block.bytes, block.offsets, count), undefined);
}

function decodeBlock(encoding: number, bytes: Uint8Array, count: number): Utf8Block {
  switch (encoding) {
    case ENCODING.plain:
      return decodePlainBlock(bytes, count);
    case ENCODING.deltaLengthByteArray:
      return decodeDeltaLength(bytes, count);
    case ENCODING.deltaByteArray:
      return decodeDeltaByteArray(bytes, count);
    default:
      throw corruptData(`encoding ${encoding} is not supported for byte_array`);
  }
}

/** A block of the present rows' values with an empty one at each null row. Ownership: shares the bytes. */
export function scatterBlock({ offsets, bytes }: Utf8Block, validity: Uint8Array): Utf8Block {
  const scattered = new Int32Array(validity.length + 1);
  scattered[0] = offsets[0] as number;
  for (let i = 0, from = 0; i < validity.length; i++) {
    from += validity[i] as number;
    scattered[i + 1] = offsets[from] as number;
  }
  return { offsets: scattered, bytes };
}
