// The blob of a deletion vector. Source: Puffin spec, "deletion-vector-v1".
//
// | part | bytes |
// |---|---|
// | length of magic and bitmap | 4, big-endian |
// | magic D1 D3 39 64 | 4 |
// | bitmap, portable 64-bit Roaring | |
// | CRC-32 of magic and bitmap | 4, big-endian |

import { crc32 } from "node:zlib";
import { concatBytes } from "#core";
import { corruptData } from "#codec";
import { bytesToPositionBitmap, positionBitmapToBytes, type PositionBitmap } from "./roaring.ts";

/** The blob's type in a Puffin file. */
export const DELETION_VECTOR_TYPE = "deletion-vector-v1";

const MAGIC = Uint8Array.of(0xd1, 0xd3, 0x39, 0x64);
const LENGTH_BYTES = 4;
const CRC_BYTES = 4;

/** The blob of a bitmap; inverse of {@link bytesToDeletionVector}. */
export function deletionVectorToBytes(bitmap: PositionBitmap): Uint8Array<ArrayBuffer> {
  const content = concatBytes([MAGIC, positionBitmapToBytes(bitmap)]);
  const blob = new Uint8Array(LENGTH_BYTES + content.length + CRC_BYTES);
  const view = new DataView(blob.buffer);
  view.setUint32(0, content.length);
  blob.set(content, LENGTH_BYTES);
  view.setUint32(LENGTH_BYTES + content.length, crc32(content));
  return blob;
}

/** The bitmap of a blob. Errors: `data_invalid` when length, magic, checksum or bitmap are not right. */
export function bytesToDeletionVector(blob: Uint8Array): PositionBitmap {
  const minBytes = LENGTH_BYTES + MAGIC.length + CRC_BYTES;
  if (blob.length < minBytes) throw corruptData("a deletion vector is cut short");
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
  const contentBytes = view.getUint32(0);
  if (contentBytes !== blob.length - LENGTH_BYTES - CRC_BYTES) throw corruptData("a deletion vector's length is false");
  const content = blob.subarray(LENGTH_BYTES, LENGTH_BYTES + contentBytes);
  if (MAGIC.some((byte, index) => content[index] !== byte)) throw corruptData("a deletion vector lacks its magic");
  const expected = view.getUint32(LENGTH_BYTES + contentBytes);
  if (crc32(content) !== expected) throw corruptData("a deletion vector's checksum is false");
  return bytesToPositionBitmap(content.subarray(MAGIC.length));
}
