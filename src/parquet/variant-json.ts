// Variants as JSON text, in the form that jsonb has: keys by length, numbers written out. What JSON has no value for is
// text: dates and times in ISO 8601, bytes in base64, NaN and the infinities by name.

import { bytesToHex } from "#core";
import { corruptData } from "#codec";
import {
  BASIC_TYPE,
  MAX_VARIANT_DEPTH,
  PRIMITIVE,
  basicTypeOf,
  readArray,
  readObject,
  readVariantNames,
  text,
  type Variant,
  type VariantNames,
} from "./variant-value.ts";

const MS_PER_DAY = 86_400_000;
const SECONDS_PER_DAY = 86_400n;
const encoder = new TextEncoder();

/** The JSON of a variant. Errors: `data_invalid` for bytes that are none. */
export function variantToJson({ metadata, value }: Variant): string {
  return valueToJson(value, { names: readVariantNames(metadata), valuesLeft: value.length }, 0);
}

interface Decoding {
  readonly names: VariantNames;
  /** Every value takes a byte at least: more of them than bytes are the same ones again. */
  valuesLeft: number;
}

function valueToJson(value: Uint8Array, decoding: Decoding, depth: number): string {
  if (depth > MAX_VARIANT_DEPTH) throw corruptData("a variant nests too deep");
  if (decoding.valuesLeft-- <= 0) throw corruptData("a variant's values overlap");
  switch (basicTypeOf(value)) {
    case BASIC_TYPE.shortString:
      return JSON.stringify(text(sliceOf(value, 1, (value[0] as number) >> 2)));
    case BASIC_TYPE.object: {
      const members = readObject(value).map(({ id, value: member }) => {
        const name = decoding.names.nameOf(id);
        return { name, bytes: encoder.encode(name), json: valueToJson(member, decoding, depth + 1) };
      });
      members.sort((a, b) => a.bytes.length - b.bytes.length || compareText(a.bytes, b.bytes));
      return `{${members.map(({ name, json }) => `${JSON.stringify(name)}: ${json}`).join(", ")}}`;
    }
    case BASIC_TYPE.array:
      return `[${readArray(value)
        .map((element) => valueToJson(element, decoding, depth + 1))
        .join(", ")}]`;
    default:
      return primitiveToJson(value);
  }
}

/** jsonb's order of keys of one length. */
function compareText(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return 0;
}

function sliceOf(value: Uint8Array, start: number, length: number): Uint8Array {
  if (start + length > value.length) throw corruptData("a variant is cut short");
  return value.subarray(start, start + length);
}

/** Bytes of the values that have a fixed number, past the header. */
function fixed(value: Uint8Array, length: number): DataView {
  const bytes = sliceOf(value, 1, length);
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

function primitiveToJson(value: Uint8Array): string {
  const type = (value[0] as number) >> 2;
  switch (type) {
    case PRIMITIVE.null:
      return "null";
    case PRIMITIVE.true:
      return "true";
    case PRIMITIVE.false:
      return "false";
    case PRIMITIVE.int8:
      return String(fixed(value, 1).getInt8(0));
    case PRIMITIVE.int16:
      return String(fixed(value, 2).getInt16(0, true));
    case PRIMITIVE.int32:
      return String(fixed(value, 4).getInt32(0, true));
    case PRIMITIVE.int64:
      return fixed(value, 8).getBigInt64(0, true).toString();
    case PRIMITIVE.double:
      return doubleToJson(fixed(value, 8).getFloat64(0, true));
    case PRIMITIVE.float:
      return doubleToJson(shortestOfFloat(fixed(value, 4).getFloat32(0, true)));
    case PRIMITIVE.decimal4:
      return decimalToJson(BigInt(fixed(value, 5).getInt32(1, true)), fixed(value, 5).getUint8(0));
    case PRIMITIVE.decimal8:
      return decimalToJson(fixed(value, 9).getBigInt64(1, true), fixed(value, 9).getUint8(0));
    case PRIMITIVE.decimal16: {
      const view = fixed(value, 17);
      return decimalToJson((view.getBigInt64(9, true) << 64n) | view.getBigUint64(1, true), view.getUint8(0));
    }
    case PRIMITIVE.date:
      return `"${dateText(fixed(value, 4).getInt32(0, true))}"`;
    case PRIMITIVE.timestamp:
    case PRIMITIVE.timestampNtz:
      return `"${timestampText(fixed(value, 8).getBigInt64(0, true), 6)}${type === PRIMITIVE.timestamp ? "+00:00" : ""}"`;
    case PRIMITIVE.timestampNanos:
    case PRIMITIVE.timestampNtzNanos: {
      const zone = type === PRIMITIVE.timestampNanos ? "+00:00" : "";
      return `"${timestampText(fixed(value, 8).getBigInt64(0, true), 9)}${zone}"`;
    }
    case PRIMITIVE.time:
      return `"${clockText(fixed(value, 8).getBigInt64(0, true), 6)}"`;
    case PRIMITIVE.binary:
      return `"${base64(sized(value))}"`;
    case PRIMITIVE.string:
      return JSON.stringify(text(sized(value)));
    case PRIMITIVE.uuid: {
      const hex = bytesToHex(sliceOf(value, 1, 16));
      return `"${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}"`;
    }
    default:
      throw corruptData(`a variant has the unknown type ${type}`);
  }
}

function sized(value: Uint8Array): Uint8Array {
  return sliceOf(value, 5, fixed(value, 4).getUint32(0, true));
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The number with the fewest digits that is this 32-bit float. */
function shortestOfFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}

/** jsonb's numbers have no exponent, and no sign of zero. */
function doubleToJson(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  if (value === 0) return "0";
  const [, sign = "", whole = "", fraction = "", exponent] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (exponent === undefined) return String(value);
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits.padEnd(point, "0");
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

const MAX_SCALE = 38;

function decimalToJson(unscaled: bigint, scale: number): string {
  if (scale > MAX_SCALE) throw corruptData("a variant's decimal has too great a scale");
  const sign = unscaled < 0n ? "-" : "";
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function dateText(days: number): string {
  const date = new Date(days * MS_PER_DAY);
  if (Number.isNaN(date.getTime())) throw corruptData("a variant's date is out of range");
  // Years beyond four digits have a sign and six.
  return date.toISOString().split("T")[0] ?? "";
}

function timestampText(units: bigint, digits: number): string {
  const perDay = SECONDS_PER_DAY * 10n ** BigInt(digits);
  const ofDay = ((units % perDay) + perDay) % perDay;
  return `${dateText(Number((units - ofDay) / perDay))}T${clockText(ofDay, digits)}`;
}

/** A time of day; zeros at the end of its fraction are left out. */
function clockText(units: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits);
  const seconds = Number(units / perSecond);
  if (units < 0n || seconds >= Number(SECONDS_PER_DAY)) throw corruptData("a variant's time is out of range");
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const fraction = (units % perSecond).toString().padStart(digits, "0").replace(/0+$/, "");
  return clock.map((part) => String(part).padStart(2, "0")).join(":") + (fraction === "" ? "" : `.${fraction}`);
}
