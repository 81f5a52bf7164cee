// Default values in schemas: between the JSON they are stored as and the physical form of values.
// Source: Iceberg table spec, "Default values" and Appendix D, "JSON single-value serialization".

import { LakeError, bytesToHex } from "#core";
import type { Scalar } from "#columnar";
import type { IcebergField, IcebergType } from "./schema.ts";
import { isDecimal, narrowInteger } from "./single-value.ts";
import { parseDecimalType, parseFixedType, parseShapesType } from "./type-names.ts";

const MICROS_PER_SECOND = 1_000_000n;
const SECONDS_PER_DAY = 86_400;
const MS_PER_DAY = 86_400_000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DATE = /^([+-]?\d{4,9})-(\d\d)-(\d\d)$/;
const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/;
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/**
 * The value a JSON default stands for. A struct's is an object by field name whose members are the members' own
 * initial defaults.
 *
 * Errors: `metadata_invalid` when the JSON is no value of the type.
 */
export function jsonToDefault(type: IcebergType, json: unknown): Scalar {
  if (json === null || json === undefined) return null;
  if (typeof type === "string") return primitiveDefault(type, json);
  switch (type.type) {
    case "struct":
      if (typeof json !== "object") throw noDefault("struct", json);
      return Object.fromEntries(type.fields.map((field) => [field.name, initialDefault(field)])) as Scalar;
    case "list":
      if (!Array.isArray(json)) throw noDefault("list", json);
      return json.map((item) => jsonToDefault(type.element, item));
    case "map": {
      const { keys, values } = json as { readonly keys?: unknown; readonly values?: unknown };
      if (!Array.isArray(keys) || !Array.isArray(values) || keys.length !== values.length) throw noDefault("map", json);
      return keys.map((key, index) => [jsonToDefault(type.key, key), jsonToDefault(type.value, values[index])]);
    }
  }
}

/** Whether values of a type default to null, whatever metadata says. */
function defaultsToNull(type: IcebergType): boolean {
  if (typeof type !== "string") return false;
  return type === "unknown" || type === "variant" || parseShapesType(type) !== undefined;
}

/** The value of the field in rows written before it was added; null without a default. Errors: as jsonToDefault. */
export function initialDefault(field: IcebergField): Scalar {
  return defaultsToNull(field.type) ? null : jsonToDefault(field.type, field["initial-default"]);
}

/** The value of the field in rows that do not give one; null without a default. Errors: as jsonToDefault. */
export function writeDefault(field: IcebergField): Scalar {
  return defaultsToNull(field.type) ? null : jsonToDefault(field.type, field["write-default"]);
}

function noDefault(type: string, json: unknown): LakeError {
  return new LakeError("metadata_invalid", `A default value is none of type ${type}.`, {
    context: { type, value: String(json) },
  });
}

function primitiveDefault(type: string, json: unknown): Scalar {
  const value = primitiveOrUndefined(type, json);
  if (value === undefined) throw noDefault(type, json);
  return value;
}

function primitiveOrUndefined(type: string, json: unknown): Scalar | undefined {
  switch (type) {
    case "boolean":
      return typeof json === "boolean" ? json : undefined;
    case "int":
      return isInteger(json) && (Number(json) | 0) === Number(json) ? Number(json) : undefined;
    case "long":
      return isInteger(json) && BigInt.asIntN(64, BigInt(json)) === BigInt(json)
        ? narrowInteger(BigInt(json))
        : undefined;
    case "float":
    case "double":
      return typeof json === "number" || typeof json === "bigint" ? Number(json) : undefined;
    default:
      return typeof json === "string" ? textDefault(type, json) : undefined;
  }
}

function isInteger(json: unknown): json is number | bigint {
  return typeof json === "bigint" || (typeof json === "number" && Number.isSafeInteger(json));
}

function textDefault(type: string, text: string): Scalar | undefined {
  switch (type) {
    case "string":
      return text;
    case "uuid":
      return UUID.test(text) ? text.toLowerCase() : undefined;
    case "binary":
      return hexOrUndefined(text);
    case "date":
      return dateToDays(text);
    case "time":
      return timeToNumber(text, 6);
    case "timestamp":
      return timestampToNumber(text, 6, "");
    case "timestamptz":
      return timestampToNumber(text, 6, "+00:00");
    case "timestamp_ns":
      return timestampToNumber(text, 9, "");
    case "timestamptz_ns":
      return timestampToNumber(text, 9, "+00:00");
    default: {
      const length = parseFixedType(type);
      if (length !== undefined) {
        const bytes = hexOrUndefined(text);
        return bytes?.length === length ? bytes : undefined;
      }
      const decimal = parseDecimalType(type);
      return decimal === undefined ? undefined : textToDecimal(text, decimal.scale);
    }
  }
}

function hexOrUndefined(text: string): Uint8Array | undefined {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function dateToDays(text: string): number | undefined {
  const match = DATE.exec(text);
  if (match === null) return undefined;
  const [, year, month, day] = match.map(Number) as [number, number, number, number];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal ? date.getTime() / MS_PER_DAY : undefined;
}

/** Seconds of the day in units of 10^-digits. */
function timeUnits(text: string, digits: number): bigint | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, hours, minutes, seconds = "0", fraction = ""] = match;
  const whole = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  const isReal = Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) < 60 && fraction.length <= digits;
  return isReal ? BigInt(whole) * 10n ** BigInt(digits) + BigInt(fraction.padEnd(digits, "0")) : undefined;
}

function timeToNumber(text: string, digits: number): number | undefined {
  const units = timeUnits(text, digits);
  return units === undefined ? undefined : Number(units);
}

function timestampToNumber(text: string, digits: number, zone: string): Scalar | undefined {
  if (!text.endsWith(zone)) return undefined;
  const [date = "", time = "", ...more] = text.slice(0, text.length - zone.length).split("T");
  const days = dateToDays(date);
  const units = timeUnits(time, digits);
  if (days === undefined || units === undefined || more.length > 0) return undefined;
  return narrowInteger(BigInt(days) * BigInt(SECONDS_PER_DAY) * 10n ** BigInt(digits) + units);
}

function textToDecimal(text: string, scale: number): Scalar | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = ""] = match;
  if (fraction.length > scale) return undefined;
  const unscaled = BigInt(whole + fraction.padEnd(scale, "0"));
  return { unscaled: sign === "-" ? -unscaled : unscaled, scale };
}

/**
 * The JSON form of a primitive value in physical form; inverse of {@link jsonToDefault}.
 *
 * Errors: `metadata_invalid` when the value is none of the type; `unsupported_operation` for nested types.
 */
export function defaultToJson(type: IcebergType, value: Scalar): unknown {
  if (value === null) return null;
  if (typeof type !== "string") {
    throw new LakeError("unsupported_operation", `Defaults of type ${type.type} are not written.`);
  }
  const json = primitiveToJson(type, value);
  // What does not come back as it was is no value of the type.
  primitiveDefault(type, json);
  return json;
}

function primitiveToJson(type: string, value: Scalar): unknown {
  if (value instanceof Uint8Array) return bytesToHex(value);
  if (isDecimal(value)) {
    const digits = (value.unscaled < 0n ? -value.unscaled : value.unscaled).toString().padStart(value.scale + 1, "0");
    const point = digits.length - value.scale;
    const text = value.scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
    return value.unscaled < 0n ? `-${text}` : text;
  }
  if (typeof value !== "number" && typeof value !== "bigint") return value;
  switch (type) {
    case "date":
      return daysToText(Number(value));
    case "time":
      return secondsToText(BigInt(value), 6);
    case "timestamp":
    case "timestamptz":
      return timestampToText(BigInt(value), 6, type.includes("tz"));
    case "timestamp_ns":
    case "timestamptz_ns":
      return timestampToText(BigInt(value), 9, type.includes("tz"));
    default:
      return value;
  }
}

function daysToText(days: number): string {
  const date = new Date(days * MS_PER_DAY);
  const year = date.getUTCFullYear();
  const text = `${String(Math.abs(year)).padStart(4, "0")}-${date.toISOString().slice(-19, -14)}`;
  return year < 0 ? `-${text}` : text;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function secondsToText(units: bigint, digits: number): string {
  const unit = digits === 6 ? MICROS_PER_SECOND : MICROS_PER_SECOND * 1000n;
  const seconds = Number(units / unit);
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${clock}.${(units % unit).toString().padStart(digits, "0")}`;
}

function timestampToText(units: bigint, digits: number, utc: boolean): string {
  const unitsPerDay = BigInt(SECONDS_PER_DAY) * 10n ** BigInt(digits);
  const ofDay = ((units % unitsPerDay) + unitsPerDay) % unitsPerDay;
  const days = Number((units - ofDay) / unitsPerDay);
  return `${daysToText(days)}T${secondsToText(ofDay, digits)}${utc ? "+00:00" : ""}`;
}
