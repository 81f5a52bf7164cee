// Functions on bytea.

import { createHash } from "./sha2.ts";
import type { Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import type { FunctionCatalog } from "./definition.ts";

function indexIn(bytes: Uint8Array, index: number): number {
  if (index < 0 || index >= bytes.length) {
    throw runtimeError(`index ${index} out of valid range, 0..${bytes.length - 1}`);
  }
  return index;
}

function withByte(bytes: Uint8Array, index: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[indexIn(bytes, index)] = value & 0xff;
  return copy;
}

function positionOf(part: Uint8Array, bytes: Uint8Array): number {
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return at + 1;
  }
  return 0;
}

function overlay(bytes: Uint8Array, part: Uint8Array, start: number, length = part.length): Uint8Array {
  if (start < 1) throw runtimeError("negative substring length not allowed");
  return Uint8Array.from([...bytes.subarray(0, start - 1), ...part, ...bytes.subarray(start - 1 + length)]);
}

/** Remainders of each byte for a reflected polynomial. */
function crcTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, i) => {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
}

const CRC_TABLE = crcTable(0xedb8_8320);
const CRC_C_TABLE = crcTable(0x82f6_3b78);

function crc(table: Uint32Array, bytes: Uint8Array): number {
  let rest = 0xffff_ffff;
  for (const byte of bytes) rest = (table[(rest ^ byte) & 0xff] as number) ^ (rest >>> 8);
  return (rest ^ 0xffff_ffff) >>> 0;
}

function trimBytes(bytes: Uint8Array, set: Uint8Array, left: boolean, right: boolean): Uint8Array {
  let start = 0;
  let end = bytes.length;
  if (left) while (start < end && set.includes(bytes[start] as number)) start += 1;
  if (right) while (end > start && set.includes(bytes[end - 1] as number)) end -= 1;
  return bytes.slice(start, end);
}

/** Adds functions on bytea. */
export function defineBytes({ define }: FunctionCatalog): void {
  define(
    "get_byte",
    "bytea, int4 -> int4",
    (bytes: Uint8Array, index: number) => bytes[indexIn(bytes, index)] as number,
  );
  define("set_byte", "bytea, int4, int4 -> bytea", withByte);
  define("get_bit", "bytea, int8 -> int4", (bytes: Uint8Array, index: number) => {
    return ((bytes[indexIn(bytes, Math.floor(index / 8))] as number) >> (index % 8)) & 1;
  });
  define("bit_count", "bytea -> int8", (bytes: Uint8Array) => {
    let count = 0;
    for (const byte of bytes) for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
    return count;
  });
  define("position", "bytea, bytea -> int4", (bytes: Uint8Array, part: Uint8Array) => positionOf(part, bytes));
  define("overlay", "bytea, bytea, int4 -> bytea", overlay);
  define("overlay", "bytea, bytea, int4, int4 -> bytea", overlay);
  define("btrim", "bytea, bytea -> bytea", (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, true, true));
  define("ltrim", "bytea, bytea -> bytea", (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, true, false));
  define("rtrim", "bytea, bytea -> bytea", (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, false, true));
  define("bit_length", "bytea -> int4", (bytes: Uint8Array) => bytes.length * 8);
  define("set_bit", "bytea, int8, int4 -> bytea", (bytes: Uint8Array, index: number, bit: number) => {
    if (bit !== 0 && bit !== 1) throw runtimeError("new bit must be 0 or 1");
    const old = bytes[indexIn(bytes, Math.floor(index / 8))] as number;
    const mask = 1 << (index % 8);
    return withByte(bytes, Math.floor(index / 8), bit === 1 ? old | mask : old & ~mask);
  });
  define("crc32", "bytea -> int8", (bytes: Uint8Array) => crc(CRC_TABLE, bytes));
  define("crc32c", "bytea -> int8", (bytes: Uint8Array) => crc(CRC_C_TABLE, bytes));
  define("reverse", "bytea -> bytea", (bytes: Uint8Array) => bytes.toReversed());
  for (const bits of [224, 256, 384, 512] as const) {
    define(`sha${bits}`, "bytea -> bytea", (bytes: Uint8Array): Scalar => createHash(bits, bytes));
  }
}
