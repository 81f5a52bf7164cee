// From JSON values to what a shard stores for each Iceberg type, and why a value is refused.
//
// Stored cells are JSON: null, boolean, number or string.
//
// | Iceberg type | JSON accepted | cell |
// |---|---|---|
// | boolean | true, false | boolean |
// | int | integer within 32 bits | number |
// | long | integer within 64 bits, as number or decimal string | number; beyond ±(2^53 - 1) a decimal string |
// | float, double | number | number |
// | decimal(p,s) | number or decimal string that fits | unscaled decimal string |
// | date | YYYY-MM-DD | days since the epoch |
// | time | HH:MM[:SS[.ffffff]] | microseconds since midnight |
// | timestamptz | ISO 8601 with offset, epoch number | microseconds since the epoch |
// | timestamp | ISO 8601 without offset, epoch number | microseconds |
// | timestamptz_ns, timestamp_ns | the same, up to nine digits of the second, or epoch nanoseconds | nanoseconds; beyond ±(2^53 - 1) a decimal string |
// | variant | anything | its JSON |
// | geometry, geography | base64 of Well-Known Binary | base64 |
// | string | string; in JSON columns an object (or array), or its text | string |
// | uuid | canonical text | lower-case text |
// | binary, fixed[n] | base64 | base64 |

import { parseJson } from "#core";
import { canonicalJson, type JsonRefusal } from "./canonical-json.ts";
import { dateToDays, timeToMicros, timestampToMicros, timestampToNanos } from "./timestamps.ts";

/** A stored value. */
export type Cell = null | boolean | number | string;

/** Why one event was not accepted; a closed set, clients may branch on it. */
export type RejectionCode =
  | "malformed_json"
  | "not_an_object"
  | "missing_field"
  | "unknown_field"
  | "wrong_type"
  | "invalid_timestamp"
  | "out_of_range"
  | "too_deep"
  | "too_large";

/** A refused value. */
export interface Refusal {
  readonly refused: RejectionCode;
  readonly message: string;
}

/** Converts a value that is neither undefined nor null. */
export type Converter = (value: unknown) => Cell | Refusal;

/** Whether a column takes JSON values beside text, and which. */
export type JsonMode = "none" | "object" | "any";

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const INTEGER_TEXT = /^-?\d{1,19}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The converter of an Iceberg primitive type, or undefined when the type cannot be ingested: nested ones and unknown. */
export function converterFor(type: unknown, jsonMode: JsonMode): Converter | undefined {
  if (typeof type !== "string") return undefined;
  const decimal = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(type);
  if (decimal !== null) return decimalConverter(Number(decimal[1]), Number(decimal[2]));
  const fixed = /^fixed\[(\d+)\]$/.exec(type);
  if (fixed !== null) return binaryConverter(Number(fixed[1]));
  switch (type) {
    case "boolean":
      return (value) => (typeof value === "boolean" ? value : wrongType("a boolean"));
    case "int":
      return toInt;
    case "long":
      return toLong;
    case "float":
      return toFloat;
    case "double":
      return toDouble;
    case "date":
      return (value) => dateCell(value);
    case "time":
      return (value) => (typeof value === "string" ? timeToMicros(value) : undefined) ?? wrongType("a time HH:MM:SS");
    case "timestamptz":
      return (value) => timestampToMicros(value, "utc") ?? badTimestamp(value, "with an offset");
    case "timestamp":
      return (value) => timestampToMicros(value, "none") ?? badTimestamp(value, "without an offset");
    case "timestamptz_ns":
      return (value) => nanosCell(value, "utc") ?? badTimestamp(value, "with an offset");
    case "timestamp_ns":
      return (value) => nanosCell(value, "none") ?? badTimestamp(value, "without an offset");
    case "variant":
      return toVariant;
    case "string":
      return jsonMode === "none" ? toText : jsonConverter(jsonMode);
    case "uuid":
      return (value) => (typeof value === "string" && UUID.test(value) ? value.toLowerCase() : wrongType("a UUID"));
    case "binary":
      return binaryConverter(undefined);
    default:
      return /^geo(?:metry|graphy)\b/.test(type) ? binaryConverter(undefined) : undefined;
  }
}

/** Microseconds as a column of nanoseconds stores them. */
export function microsToNanosCell(micros: number): Cell {
  return longCell(BigInt(micros) * 1000n);
}

function nanosCell(value: unknown, zone: "utc" | "none"): Cell | undefined {
  const nanos = timestampToNanos(value, zone);
  return nanos === undefined ? undefined : longCell(nanos);
}

function longCell(value: bigint): Cell {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

function toVariant(value: unknown): Cell | Refusal {
  const canonical = canonicalJson(value);
  return canonical.ok ? canonical.text : { refused: canonical.refusal, message: jsonRefusalText(canonical.refusal) };
}

/** Whether a converter refused. */
export function isRefusal(cell: Cell | Refusal): cell is Refusal {
  return typeof cell === "object" && cell !== null;
}

function wrongType(expected: string): Refusal {
  return { refused: "wrong_type", message: `Expected ${expected}.` };
}

function outOfRange(message: string): Refusal {
  return { refused: "out_of_range", message };
}

function badTimestamp(value: unknown, offset: string): Refusal {
  if (typeof value !== "string" && typeof value !== "number") {
    return wrongType(`ISO 8601 text ${offset} or an epoch number`);
  }
  return {
    refused: "invalid_timestamp",
    message: `Expected ISO 8601 text ${offset}, or epoch seconds, milliseconds or microseconds, from 1900 to 2199.`,
  };
}

function toText(value: unknown): Cell | Refusal {
  return typeof value === "string" ? value.toWellFormed() : wrongType("a string");
}

function toInt(value: unknown): Cell | Refusal {
  if (typeof value === "bigint") return outOfRange("The integer does not fit 32 bits.");
  if (typeof value !== "number" || !Number.isInteger(value)) return wrongType("an integer");
  return value >= INT32_MIN && value <= INT32_MAX ? normalZero(value) : outOfRange("The integer does not fit 32 bits.");
}

function toLong(value: unknown): Cell | Refusal {
  if (typeof value === "number" && Number.isSafeInteger(value)) return normalZero(value);
  let exact: bigint;
  if (typeof value === "bigint") exact = value;
  else if (typeof value === "string" && INTEGER_TEXT.test(value)) exact = BigInt(value);
  // A number beyond 2^53 reaches here only in exponent form: which integer was meant is not known.
  else if (typeof value === "number" && Number.isInteger(value)) return outOfRange("Write the integer in full digits.");
  else return wrongType("an integer");
  if (exact < INT64_MIN || exact > INT64_MAX) return outOfRange("The integer does not fit 64 bits.");
  return longCell(exact);
}

/** JSON text has no way to tell -0 from 0 in an integer. */
function normalZero(value: number): number {
  return value === 0 ? 0 : value;
}

function toDouble(value: unknown): Cell | Refusal {
  const double = typeof value === "bigint" ? Number(value) : value;
  if (typeof double !== "number") return wrongType("a number");
  return Number.isFinite(double) ? double : outOfRange("The number does not fit a double.");
}

function toFloat(value: unknown): Cell | Refusal {
  const double = toDouble(value);
  if (typeof double !== "number") return double;
  const float = Math.fround(double);
  return Number.isFinite(float) ? float : outOfRange("The number does not fit a 32-bit float.");
}

function dateCell(value: unknown): Cell | Refusal {
  if (typeof value !== "string") return wrongType("a date YYYY-MM-DD");
  return dateToDays(value) ?? { refused: "invalid_timestamp", message: "Expected a calendar date YYYY-MM-DD." };
}

function jsonConverter(mode: "object" | "any"): Converter {
  const expected = mode === "object" ? "a JSON object" : "a JSON object or array";
  return (value) => {
    const parsed = typeof value === "string" ? parseQuietly(value) : value;
    if (typeof parsed !== "object" || parsed === null || (mode === "object" && Array.isArray(parsed))) {
      return wrongType(expected);
    }
    const canonical = canonicalJson(parsed);
    return canonical.ok ? canonical.text : { refused: canonical.refusal, message: jsonRefusalText(canonical.refusal) };
  };
}

function jsonRefusalText(refusal: JsonRefusal): string {
  return refusal === "too_deep" ? "The value is nested too deeply." : "A number inside does not fit a double.";
}

function parseQuietly(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function binaryConverter(length: number | undefined): Converter {
  return (value) => {
    if (typeof value !== "string" || !BASE64.test(value)) return wrongType("base64 text");
    const padding = value.endsWith("==") ? 2 : Number(value.endsWith("="));
    const sizeBytes = (value.length / 4) * 3 - padding;
    return length === undefined || sizeBytes === length ? value : outOfRange(`Expected exactly ${length} bytes.`);
  };
}

const DECIMAL_TEXT = /^(-?)(\d{1,100})(?:\.(\d{1,100}))?(?:[eE]([+-]?\d{1,3}))?$/;

function decimalConverter(precision: number, scale: number): Converter {
  const tooBig = outOfRange(`The number does not fit decimal(${precision},${scale}).`);
  return (value) => {
    if (typeof value !== "number" && typeof value !== "string" && typeof value !== "bigint") {
      return wrongType("a number or decimal text");
    }
    const match = DECIMAL_TEXT.exec(String(value));
    if (match === null) return typeof value === "string" ? wrongType("a number or decimal text") : tooBig;
    const fraction = match[3] ?? "";
    // The value is digits × 10^(exponent - fraction length); shift it to the column's scale.
    const shift = scale + Number(match[4] ?? 0) - fraction.length;
    let digits = `${match[2]}${fraction}`.replace(/^0+/, "");
    if (shift >= 0) digits = digits === "" ? "" : digits + "0".repeat(shift);
    else if (/^0*$/.test(digits.slice(shift))) digits = digits.slice(0, shift);
    else return tooBig;
    if (digits.length > precision) return tooBig;
    return digits === "" ? "0" : `${match[1]}${digits}`;
  };
}
