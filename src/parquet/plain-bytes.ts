// One value as its column would store it plainly, without a length: what bloom filters hash.

import { stringToUtf8 } from "#core";
import type { Decimal, Scalar } from "#columnar";
import type { ParquetColumn } from "./metadata.ts";

/**
 * The stored bytes of a value. `absent`: the column cannot hold such a value. `unknown`: several stored values read as
 * this one, or it is not known which.
 */
export function plainBytes(value: Exclude<Scalar, null>, column: ParquetColumn): Uint8Array | "absent" | "unknown" {
  const { type, conversion } = column;
  switch (column.physicalType) {
    case "int32": {
      if (type?.kind === "decimal") return integerBytes(unscaledOf(value, type.scale), 4);
      if (type?.kind === "time") return integerBytes(milliseconds(value), 4);
      const integer = integerOf(value);
      return integerBytes(conversion === "unsigned" ? asSigned(integer, 32) : integer, 4);
    }
    case "int64": {
      if (conversion === "nanos") return "unknown";
      if (conversion === "millis") return integerBytes(milliseconds(value), 8);
      const integer = type?.kind === "decimal" ? unscaledOf(value, type.scale) : integerOf(value);
      return integerBytes(conversion === "unsigned" ? asSigned(integer, 64) : integer, 8);
    }
    case "float":
      return floatBytes(value, 4);
    case "double":
      return floatBytes(value, 8);
    case "byte_array":
      if (typeof value === "string")
        return type?.kind === "string" || type?.kind === "json" ? stringToUtf8(value) : "unknown";
      return value instanceof Uint8Array ? value : "unknown";
    case "fixed_len_byte_array":
      if (typeof value === "string") return uuidBytes(value);
      if (value instanceof Uint8Array) return value.length === column.typeLength ? value : "absent";
      if (type?.kind === "decimal") return decimalBytes(unscaledOf(value, type.scale), column.typeLength);
      return "unknown";
    case "boolean":
    case "int96":
      return "unknown";
  }
}

function integerOf(value: Scalar): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return BigInt(value);
  return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : undefined;
}

function milliseconds(value: Scalar): bigint | undefined {
  return typeof value === "number" && value % 1000 === 0 ? BigInt(value / 1000) : undefined;
}

function unscaledOf(value: Scalar, scale = 0): bigint | undefined {
  if (typeof value !== "object" || value === null || !("unscaled" in value)) return undefined;
  const { unscaled, scale: ownScale } = value as Decimal;
  if (ownScale <= scale) return unscaled * 10n ** BigInt(scale - ownScale);
  const divisor = 10n ** BigInt(ownScale - scale);
  return unscaled % divisor === 0n ? unscaled / divisor : undefined;
}

/** An unsigned integer as the signed one with the same bits. */
function asSigned(value: bigint | undefined, bits: number): bigint | undefined {
  return value === undefined || value < 0n || BigInt.asUintN(bits, value) !== value
    ? undefined
    : BigInt.asIntN(bits, value);
}

function integerBytes(value: bigint | undefined, width: 4 | 8): Uint8Array | "absent" {
  if (value === undefined || BigInt.asIntN(width * 8, value) !== value) return "absent";
  const view = new DataView(new ArrayBuffer(width));
  if (width === 4) view.setInt32(0, Number(value), true);
  else view.setBigInt64(0, value, true);
  return new Uint8Array(view.buffer);
}

/** The two zeros and all NaNs are stored differently yet are equal. */
function floatBytes(value: Scalar, width: 4 | 8): Uint8Array | "absent" | "unknown" {
  if (typeof value !== "number") return "unknown";
  if (value === 0 || Number.isNaN(value)) return "unknown";
  const view = new DataView(new ArrayBuffer(width));
  if (width === 8) view.setFloat64(0, value, true);
  else {
    if (Math.fround(value) !== value) return "absent";
    view.setFloat32(0, value, true);
  }
  return new Uint8Array(view.buffer);
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function uuidBytes(text: string): Uint8Array | "absent" {
  if (!UUID.test(text)) return "absent";
  return Uint8Array.from(text.replaceAll("-", "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Two's complement, most significant byte first. */
function decimalBytes(value: bigint | undefined, width: number): Uint8Array | "absent" {
  if (value === undefined || BigInt.asIntN(width * 8, value) !== value) return "absent";
  const bytes = new Uint8Array(width);
  let rest = value;
  for (let i = width - 1; i >= 0; i--) {
    bytes[i] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
  return bytes;
}
