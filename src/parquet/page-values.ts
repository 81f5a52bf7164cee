// A data page's stored values in any encoding but the dictionary ones.

import { ByteCursor, corruptData, decodeDelta32, decodeDelta64, decodeHybrid } from "#codec";
import { decodeUtf8Block, type VectorValues } from "#columnar";
import { blockToBinaries, decodeDeltaByteArray, decodeDeltaLength, type ByteBlock } from "./byte-arrays.ts";
import { ENCODING } from "./encodings.ts";
import type { ParquetColumn } from "./metadata.ts";
import { convertBinaries, convertInt32, convertInt64, decodePlain } from "./plain.ts";

/** Decodes `count` values as {@link decodePlain} does. Errors: `data_invalid`. */
export function decodeValues(encoding: number, bytes: Uint8Array, column: ParquetColumn, count: number): VectorValues {
  const { physicalType } = column;
  switch (encoding) {
    case ENCODING.plain:
      return decodePlain(bytes, column, count);
    case ENCODING.rle:
      if (physicalType === "boolean") return decodeBooleanRuns(bytes, count);
      break;
    case ENCODING.deltaBinaryPacked:
      if (physicalType === "int32") return convertInt32(decodeDelta32(new ByteCursor(bytes), count), column);
      if (physicalType === "int64") return convertInt64(decodeDelta64(new ByteCursor(bytes), count), column);
      break;
    case ENCODING.deltaLengthByteArray:
      if (physicalType === "byte_array") return blockToValues(decodeDeltaLength(bytes, count), column, count);
      break;
    case ENCODING.deltaByteArray:
      if (physicalType === "byte_array") return blockToValues(decodeDeltaByteArray(bytes, count), column, count);
      if (physicalType === "fixed_len_byte_array") return decodePlain(fixedBlock(bytes, column, count), column, count);
      break;
    case ENCODING.byteStreamSplit:
      if (physicalType !== "boolean" && physicalType !== "byte_array" && physicalType !== "int96") {
        return decodePlain(joinByteStreams(bytes, widthOf(column), count), column, count);
      }
      break;
    default:
  }
  throw corruptData(`encoding ${encoding} is not supported for ${physicalType}`);
}

/** RLE booleans: a 4-byte length, then one-bit runs. */
function decodeBooleanRuns(bytes: Uint8Array, count: number): Uint8Array {
  if (count === 0) return new Uint8Array(0);
  const flags = new Int32Array(count);
  decodeHybrid(new ByteCursor(bytes, Math.min(4, bytes.length)), 1, flags, 0, count);
  return Uint8Array.from(flags, (flag) => flag & 1);
}

function blockToValues(block: ByteBlock, column: ParquetColumn, count: number): VectorValues {
  if (column.type?.kind === "string" || column.type?.kind === "json") {
    return decodeUtf8Block(block.bytes, block.offsets, count);
  }
  return convertBinaries(blockToBinaries(block, count), column);
}

function fixedBlock(bytes: Uint8Array, column: ParquetColumn, count: number): Uint8Array {
  const block = decodeDeltaByteArray(bytes, count);
  for (let i = 0; i < count; i++) {
    if ((block.offsets[i + 1] as number) - (block.offsets[i] as number) !== column.typeLength) {
      throw corruptData("a fixed-width value has another width");
    }
  }
  return block.bytes;
}

function widthOf(column: ParquetColumn): number {
  if (column.physicalType === "fixed_len_byte_array") return column.typeLength;
  return column.physicalType === "double" || column.physicalType === "int64" ? 8 : 4;
}

/** BYTE_STREAM_SPLIT: all first bytes, then all second bytes, and so on; back to value after value. */
function joinByteStreams(bytes: Uint8Array, width: number, count: number): Uint8Array {
  if (bytes.length < count * width) throw corruptData("a page has fewer values than it says");
  const out = new Uint8Array(count * width);
  for (let stream = 0; stream < width; stream++) {
    for (let i = 0, from = stream * count, to = stream; i < count; i++, from++, to += width) {
      out[to] = bytes[from] as number;
    }
  }
  return out;
}
