// Single-value binary, the form of bounds in manifests. Source: Iceberg table spec, Appendix D.
//
// | type | bytes |
// |---|---|
// | boolean | 1, 0x00 or 0x01 |
// | int, date | 4 little-endian |
// | long, time, timestamp, timestamptz, timestamp_ns, timestamptz_ns | 8 little-endian |
// | float, double | 4, 8 little-endian IEEE 754 |
// | string | UTF-8 |
// | uuid | 16 big-endian |
// | fixed, binary | as they are |
// | decimal | shortest two's complement, big-endian |

import { LakeError, bytesToHex, stringToUtf8, utf8ToString } from "#core";
import type { Decimal, Scalar } from "#columnar";
import { parseDecimalType, parseFixedType } from "./type-names.ts";

const UUID_BYTES = 16;
const MICROS_PER_DAY = 86_400_000_000;
const NANOS_PER_DAY = 86_400_000_000_000n;

/**
 * Encodes a value of a primitive type.
 *
 * Errors: `metadata_invalid` for null, for a value of another type, and for types without such a form.
 */
export function scalarToSingleValue(type: string, value: Scalar): Uint8Array {
  switch (type) {
    case "boolean":
      return Uint8Array.of(value === true || value === 1 ? 1 : 0);
    case "int":
    case "date":
      return fixedWidth(4, (view) => view.setInt32(0, Number(integer(type, value)), true));
    case "long":
    case "time":
    case "timestamp":
    case "timestamptz":
    case "timestamp_ns":
    case "timestamptz_ns":
      return fixedWidth(8, (view) => view.setBigInt64(0, BigInt(integer(type, value)), true));
    case "float":
      return fixedWidth(4, (view) => view.setFloat32(0, real(type, value), true));
    case "double":
      return fixedWidth(8, (view) => view.setFloat64(0, real(type, value), true));
    case "string":
      if (typeof value === "string") return stringToUtf8(value);
      break;
    case "uuid":
      if (typeof value === "string") return uuidToBytes(value);
      break;
    case "binary":
      if (value instanceof Uint8Array) return value;
      break;
    default:
      if (parseFixedType(type) !== undefined && value instanceof Uint8Array) return value;
      if (parseDecimalType(type) !== undefined && isDecimal(value)) return bigintToBytes(value.unscaled);
  }
  throw mismatch(type);
}

/**
 * Decodes a value of a primitive type; undefined when the bytes cannot be one, so that the bound counts as
 * unknown. Columns promoted after the file was written keep their old width: int for long, float for double, the days
 * of a date for timestamps.
 */
export function singleValueToScalar(type: string, bytes: Uint8Array): Scalar | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case "boolean":
      return bytes.length === 1 ? bytes[0] !== 0 : undefined;
    case "int":
    case "date":
      return bytes.length === 4 ? view.getInt32(0, true) : undefined;
    case "long":
      if (bytes.length === 4) return view.getInt32(0, true);
      return bytes.length === 8 ? readLong(view) : undefined;
    case "timestamp":
      if (bytes.length === 4) return view.getInt32(0, true) * MICROS_PER_DAY;
      return bytes.length === 8 ? readLong(view) : undefined;
    case "timestamp_ns":
      if (bytes.length === 4) return narrowInteger(BigInt(view.getInt32(0, true)) * NANOS_PER_DAY);
      return bytes.length === 8 ? readLong(view) : undefined;
    case "time":
    case "timestamptz":
    case "timestamptz_ns":
      return bytes.length === 8 ? readLong(view) : undefined;
    case "float":
      return bytes.length === 4 ? view.getFloat32(0, true) : undefined;
    case "double":
      if (bytes.length === 4) return view.getFloat32(0, true);
      return bytes.length === 8 ? view.getFloat64(0, true) : undefined;
    case "string":
      return utf8ToString(bytes);
    case "uuid":
      return bytes.length === UUID_BYTES ? bytesToUuid(bytes) : undefined;
    case "binary":
      return bytes;
    default: {
      if (parseFixedType(type) !== undefined) return bytes;
      const decimal = parseDecimalType(type);
      return decimal === undefined || bytes.length === 0
        ? undefined
        : { unscaled: bytesToBigint(bytes), scale: decimal.scale };
    }
  }
}

const WORD = 2 ** 32;
/** While the upper word stays within this, the whole is a safe integer. */
const SAFE_HIGH = 2 ** 21;

function readLong(view: DataView): number | bigint {
  const high = view.getInt32(4, true);
  if (high >= -SAFE_HIGH && high < SAFE_HIGH) {
    const value = high * WORD + view.getUint32(0, true);
    if (Number.isSafeInteger(value)) return value;
  }
  return view.getBigInt64(0, true);
}

function fixedWidth(width: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(width);
  write(new DataView(bytes.buffer));
  return bytes;
}

function integer(type: string, value: Scalar): number | bigint {
  if (typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value))) return value;
  throw mismatch(type);
}

function real(type: string, value: Scalar): number {
  if (typeof value === "number") return value;
  throw mismatch(type);
}

function mismatch(type: string): LakeError {
  return new LakeError("metadata_invalid", `A value does not have the form of type ${type}.`);
}

/** A 64-bit integer as a number when that is exact, else unchanged. */
export function narrowInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Whether a scalar is a decimal. */
export function isDecimal(value: Scalar): value is Decimal {
  return typeof value === "object" && value !== null && "unscaled" in value && typeof value.unscaled === "bigint";
}

/** The 16 bytes of a UUID in canonical text. Errors: `metadata_invalid`. */
export function uuidToBytes(uuid: string): Uint8Array {
  const hex = uuid.replaceAll("-", "");
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new LakeError("metadata_invalid", `"${uuid}" is not a UUID.`);
  return Uint8Array.from({ length: UUID_BYTES }, (_, index) =>
    Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16),
  );
}

/** Canonical lower-case text of 16 bytes. */
export function bytesToUuid(bytes: Uint8Array): string {
  const hex = bytesToHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Shortest big-endian two's complement; one byte for zero. */
export function bigintToBytes(value: bigint): Uint8Array {
  let length = 1;
  while (value < -(1n << BigInt(length * 8 - 1)) || value >= 1n << BigInt(length * 8 - 1)) length += 1;
  return bigintToFixedBytes(value, length);
}

/** Big-endian two's complement of `length` bytes. */
export function bigintToFixedBytes(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = BigInt.asUintN(length * 8, value);
  for (let index = length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** The integer of big-endian two's complement bytes; 0 for none. */
export function bytesToBigint(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}
