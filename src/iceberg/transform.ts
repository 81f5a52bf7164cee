// Partition transforms: parsing, result types and application. Source: Iceberg table spec, "Partition Transforms"
// and Appendix B. Year, month, day and hour count from 1970 and floor for times before it.

import { LakeError, stringToUtf8 } from "#core";
import type { Scalar } from "#columnar";
import { truncateString } from "./bound-truncation.ts";
import { defaultToJson } from "./default-value.ts";
import { murmur3 } from "./murmur3.ts";
import type { IcebergType } from "./schema.ts";
import { bigintToBytes, isDecimal, narrowInteger, uuidToBytes } from "./single-value.ts";
import { parseDecimalType, parseFixedType, parseShapesType } from "./type-names.ts";

/** A parsed transform. `unknown` keeps the name of one this code does not know: nothing can be pruned by it. */
export type Transform =
  | { readonly kind: "identity" | "year" | "month" | "day" | "hour" | "void" }
  | { readonly kind: "bucket"; readonly buckets: number }
  | { readonly kind: "truncate"; readonly width: number }
  | { readonly kind: "unknown"; readonly name: string };

const PLAIN = new Set(["identity", "year", "month", "day", "hour", "void"]);
/** Iceberg's arguments are 32-bit integers. */
const MAX_ARGUMENT = 2 ** 31 - 1;
const WITH_ARGUMENT = /^(bucket|truncate)\[\s*(\d+)\s*\]$/;
const MICROS_PER_HOUR = 3_600_000_000;
const MICROS_PER_DAY = 86_400_000_000;
const MS_PER_DAY = 86_400_000;
const NANOS_PER_MICRO = 1000n;

/** Parses a transform's name; names this code does not know parse as `unknown`. */
export function parseTransform(name: string): Transform {
  if (PLAIN.has(name)) return { kind: name as "identity" };
  const match = WITH_ARGUMENT.exec(name);
  const argument = Number(match?.[2] ?? 0);
  if (match === null || argument < 1 || argument > MAX_ARGUMENT) return { kind: "unknown", name };
  return match[1] === "bucket" ? { kind: "bucket", buckets: argument } : { kind: "truncate", width: argument };
}

/**
 * The transform of a partition or sort field. One of several sources is `unknown`: none that this code knows takes
 * more than one.
 */
export function fieldTransform(field: {
  readonly transform: string;
  readonly "source-ids"?: readonly number[];
}): Transform {
  if ((field["source-ids"]?.length ?? 1) > 1) return { kind: "unknown", name: field.transform };
  return parseTransform(field.transform);
}

/** The type of a transform's results, as the specification's table has it. */
export function transformResultType(transform: Transform, source: IcebergType): IcebergType {
  switch (transform.kind) {
    case "identity":
    case "truncate":
    case "void":
      return source;
    case "bucket":
    case "year":
    case "month":
    case "hour":
      return "int";
    case "day":
      return "date";
    case "unknown":
      return "string";
  }
}

const TIME_SOURCES = new Set(["date", "timestamp", "timestamptz", "timestamp_ns", "timestamptz_ns"]);
const BUCKET_SOURCES = new Set([...TIME_SOURCES, "int", "long", "time", "string", "uuid", "binary"]);
const TRUNCATE_SOURCES = new Set(["int", "long", "string", "binary"]);

/** Whether the specification allows the transform on a source of that type. */
export function canTransform(transform: Transform, source: IcebergType): boolean {
  if (typeof source !== "string") return false;
  const decimal = parseDecimalType(source) !== undefined;
  switch (transform.kind) {
    case "void":
      return true;
    case "identity":
      return source !== "variant" && parseShapesType(source) === undefined;
    case "bucket":
      return BUCKET_SOURCES.has(source) || decimal || parseFixedType(source) !== undefined;
    case "truncate":
      return TRUNCATE_SOURCES.has(source) || decimal;
    case "year":
    case "month":
    case "day":
      return TIME_SOURCES.has(source);
    case "hour":
      return TIME_SOURCES.has(source) && source !== "date";
    case "unknown":
      return false;
  }
}

/**
 * Applies a transform to a value of the source type in physical form; null stays null.
 *
 * Errors: `unsupported_operation` for transforms this code does not know or the type does not allow.
 */
export function applyTransform(transform: Transform, source: IcebergType, value: Scalar): Scalar {
  if (value === null || transform.kind === "void") return null;
  if (transform.kind === "identity") return value;
  if (!canTransform(transform, source) || typeof source !== "string") {
    const name = transform.kind === "unknown" ? transform.name : transform.kind;
    throw new LakeError("unsupported_operation", `Transform ${name} cannot be applied to ${typeName(source)}.`);
  }
  switch (transform.kind) {
    case "bucket":
      return (murmur3(bucketBytes(source, value)) & 0x7fffffff) % transform.buckets;
    case "truncate":
      return truncateScalar(source, transform.width, value);
    case "year":
      return utcDate(source, value).getUTCFullYear() - 1970;
    case "month": {
      const date = utcDate(source, value);
      return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
    }
    case "day":
      return source === "date" ? value : floorDivide(toMicros(source, value), MICROS_PER_DAY);
    case "hour":
      return floorDivide(toMicros(source, value), MICROS_PER_HOUR);
    case "unknown":
      return null;
  }
}

function typeName(type: IcebergType): string {
  return typeof type === "string" ? type : type.type;
}

/** Microseconds; beyond 2^53, which is the year 2255, a bigint. */
function toMicros(source: string, value: Scalar): number | bigint {
  if (!source.endsWith("_ns")) return value as number | bigint;
  const nanos = BigInt(value as number | bigint);
  return narrowInteger(nanos >= 0n ? nanos / NANOS_PER_MICRO : (nanos - NANOS_PER_MICRO + 1n) / NANOS_PER_MICRO);
}

function floorDivide(value: number | bigint, divisor: number): number {
  if (typeof value === "number") return Math.floor(value / divisor);
  return Number(floorToMultiple(value, BigInt(divisor)) / BigInt(divisor));
}

function utcDate(source: string, value: Scalar): Date {
  const days = source === "date" ? Number(value) : floorDivide(toMicros(source, value), MICROS_PER_DAY);
  return new Date(days * MS_PER_DAY);
}

function bucketBytes(source: string, value: Scalar): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (isDecimal(value)) return bigintToBytes(value.unscaled);
  if (typeof value === "string") return source === "uuid" ? uuidToBytes(value) : stringToUtf8(value);
  const integer = source.endsWith("_ns") ? toMicros(source, value) : (value as number | bigint);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(integer), true);
  return bytes;
}

/** Below the least integer of its type a result wraps around to the greatest ones, as Java's does. */
function truncateScalar(source: string, width: number, value: Scalar): Scalar {
  if (typeof value === "string") return truncateString(value, width);
  if (value instanceof Uint8Array) return value.subarray(0, width);
  if (isDecimal(value)) return { unscaled: floorToMultiple(value.unscaled, BigInt(width)), scale: value.scale };
  const bits = source === "int" ? 32 : 64;
  return narrowInteger(BigInt.asIntN(bits, floorToMultiple(BigInt(value as number | bigint), BigInt(width))));
}

const GREATEST_INTEGER: Readonly<Record<string, bigint>> = { int: 2n ** 31n - 1n, long: 2n ** 63n - 1n };

/** Whether a truncated integer may stand for the least of its type, whose truncation wraps around. */
export function mayBeWrapped(transform: Transform, source: IcebergType, value: Scalar | undefined): boolean {
  if (transform.kind !== "truncate" || typeof source !== "string") return false;
  const greatest = GREATEST_INTEGER[source];
  if (greatest === undefined || (typeof value !== "number" && typeof value !== "bigint")) return false;
  return value > greatest - BigInt(transform.width);
}

function floorToMultiple(value: bigint, width: bigint): bigint {
  return value - (((value % width) + width) % width);
}

/** A partition value as directory names write it: days as dates, hours as 2024-01-15-09, nulls as null. */
export function partitionValueToText(transform: Transform, resultType: IcebergType, value: Scalar): string {
  if (value === null) return "null";
  switch (transform.kind) {
    case "year":
      return String(1970 + Number(value));
    case "month": {
      const months = Number(value);
      return `${1970 + Math.floor(months / 12)}-${twoDigits((((months % 12) + 12) % 12) + 1)}`;
    }
    case "day":
      return dayText(Number(value));
    case "hour":
      return `${dayText(Math.floor(Number(value) / 24))}-${twoDigits(((Number(value) % 24) + 24) % 24)}`;
    case "identity":
    case "truncate":
    case "bucket":
    case "void":
    case "unknown":
      return plainText(resultType, value);
  }
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

function dayText(days: number): string {
  return new Date(days * MS_PER_DAY).toISOString().split("T")[0] ?? "";
}

function plainText(type: IcebergType, value: Scalar): string {
  if (value instanceof Uint8Array) return btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(""));
  if (isDecimal(value)) {
    const digits = (value.unscaled < 0n ? -value.unscaled : value.unscaled).toString().padStart(value.scale + 1, "0");
    const sign = value.unscaled < 0n ? "-" : "";
    return value.scale === 0 ? sign + digits : `${sign}${digits.slice(0, -value.scale)}.${digits.slice(-value.scale)}`;
  }
  if (typeof value === "number" && type === "date") return dayText(value);
  if (typeof value === "number" && (type === "timestamp" || type === "timestamptz")) {
    const micros = ((value % 1_000_000) + 1_000_000) % 1_000_000;
    const seconds = new Date((value - micros) / 1000).toISOString().slice(0, -5);
    return `${seconds}.${String(micros).padStart(6, "0")}${type === "timestamptz" ? "+00:00" : ""}`;
  }
  if (type === "timestamp_ns" || type === "timestamptz_ns") return String(defaultToJson(type, value));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
