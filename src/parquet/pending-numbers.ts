// 64-bit numbers of a page that stay stored until somebody reads them.

import { ByteCursor, corruptData, decodeDeltaDoubles } from "#codec";
import type { DataType, FlatVector, PendingValues } from "#columnar";
import { ENCODING } from "./encodings.ts";
import type { ParquetColumn } from "./metadata.ts";

/** 2^32 */
const WORD = 4_294_967_296;

/**
 * The values of a page without nulls, to be read as `type`, which is of the stored kind; undefined where they are no
 * 64-bit integers that are read as they are. `decode` gives all of them, and says what is wrong with them.
 */
export function pendingNumbers(
  encoding: number,
  bytes: Uint8Array,
  column: ParquetColumn,
  type: DataType,
  count: number,
  decode: () => FlatVector,
): PendingValues | undefined {
  if (column.physicalType !== "int64" || column.conversion !== "none" || !isReadAsStored(column.type, type)) {
    return undefined;
  }
  if (encoding === ENCODING.deltaBinaryPacked) {
    return { decode, decodeNumbers: (out) => decodeDeltaDoubles(new ByteCursor(bytes), count, out) };
  }
  if (encoding !== ENCODING.plain) return undefined;
  if (bytes.length < count * 8) throw corruptData("a page has fewer values than it says");
  return {
    decode,
    decodeNumbers: (out) => readPlain(bytes, count, out),
    pickNumbers: (rows) => pickPlain(bytes, rows),
  };
}

function isReadAsStored(stored: DataType | undefined, type: DataType): boolean {
  if (stored?.kind === "decimal" && type.kind === "decimal") return stored.scale === type.scale;
  return (stored?.kind === "int64" || stored?.kind === "timestamp") && stored.kind === type.kind;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readPlain(bytes: Uint8Array, count: number, out: Float64Array): boolean {
  const view = viewOf(bytes);
  let least = 0;
  let greatest = 0;
  for (let i = 0, at = 0; i < count; i++, at += 8) {
    const value = view.getInt32(at + 4, true) * WORD + view.getUint32(at, true);
    // Rounding beyond 2^53 never brings a value back into the safe range.
    if (value < least) least = value;
    if (value > greatest) greatest = value;
    out[i] = value;
  }
  return least >= Number.MIN_SAFE_INTEGER && greatest <= Number.MAX_SAFE_INTEGER;
}

function pickPlain(bytes: Uint8Array, rows: Int32Array): Float64Array | undefined {
  const view = viewOf(bytes);
  const out = new Float64Array(rows.length);
  let least = 0;
  let greatest = 0;
  for (let i = 0; i < rows.length; i++) {
    const at = (rows[i] as number) * 8;
    const value = view.getInt32(at + 4, true) * WORD + view.getUint32(at, true);
    if (value < least) least = value;
    if (value > greatest) greatest = value;
    out[i] = value;
  }
  return least >= Number.MIN_SAFE_INTEGER && greatest <= Number.MAX_SAFE_INTEGER ? out : undefined;
}
