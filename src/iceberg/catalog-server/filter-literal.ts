// Constants in filters: from the JSON that clients send to values of a column's type.
// Source: Iceberg expressions specification; what Java's and PyIceberg's literals convert to.

import { LakeError } from "#core";
import type { Decimal, Scalar } from "#columnar";
import { jsonToDefault } from "../default-value.ts";
import { isDecimal, narrowInteger } from "../single-value.ts";
import { parseDecimalType } from "../type-names.ts";

/** Constants a test compares with. `isLoose`: wider than what was sent, so that only pruning may rest on them. */
export interface FilterLiteral {
  readonly values: readonly Scalar[];
  readonly isLoose: boolean;
}

const ZONED = /^(.+T[\d:.]+)(Z|[+-]\d\d:\d\d)$/;
const MICROS_PER_MINUTE = 60_000_000n;
const NANOS_PER_MICRO = 1000n;
const PLAIN_NUMBER = /^-?\d+(?:\.\d+)?$/;

const NUMERIC_TYPES = new Set(["int", "long", "float", "double"]);

/** Types whose constants may come as the integers they are kept as; Java's come that way. */
const COUNTED_TYPES = new Set(["date", "time", "timestamp", "timestamptz"]);

/**
 * The values that one constant stands for in a column of the type: two for a float, whose constants some clients round
 * and others do not.
 *
 * Errors: `invalid_request` for null, NaN and what no value of the type can be compared with.
 */
export function filterLiteral(type: string, json: unknown): FilterLiteral {
  const value = literalValue(type, json);
  if (value === undefined || (typeof value === "number" && Number.isNaN(value))) {
    throw new LakeError("invalid_request", `The filter compares a column of type ${type} with ${shown(json)}.`);
  }
  if (type !== "float" || typeof value !== "number") return { values: [value], isLoose: isFiner(type, value) };
  const rounded = Math.fround(value);
  return rounded === value ? { values: [value], isLoose: false } : { values: [value, rounded], isLoose: true };
}

/** A decimal of more digits than the column has is no value of it: transforms do not apply. */
function isFiner(type: string, value: Scalar): boolean {
  return isDecimal(value) && value.scale !== parseDecimalType(type)?.scale;
}

function shown(json: unknown): string {
  return typeof json === "object" && json !== null ? "something that is no constant" : JSON.stringify(String(json));
}

function literalValue(type: string, json: unknown): Scalar | undefined {
  if (typeof json === "number" || typeof json === "bigint") return numericLiteral(type, json);
  if (typeof json === "boolean") return type === "boolean" ? json : undefined;
  if (typeof json !== "string") return undefined;
  const decimal = parseDecimalType(type);
  if (decimal !== undefined) return textToDecimal(json, decimal.scale);
  // PyIceberg sends numbers with a fraction as decimals, whatever the column is.
  if (NUMERIC_TYPES.has(type)) return PLAIN_NUMBER.test(json) ? numericLiteral(type, textToNumber(json)) : undefined;
  try {
    return jsonToDefault(type, type.startsWith("timestamptz") ? toUtc(json, type) : json);
  } catch {
    return undefined;
  }
}

function numericLiteral(type: string, json: number | bigint): Scalar | undefined {
  if (type === "int" || type === "long") return typeof json === "bigint" ? narrowInteger(json) : json;
  if (type === "float" || type === "double") return Number(json);
  const isInteger = typeof json === "bigint" || Number.isSafeInteger(json);
  if (COUNTED_TYPES.has(type)) return isInteger ? json : undefined;
  // Java's integers for timestamps are microseconds, whatever the column counts.
  if (type === "timestamp_ns" || type === "timestamptz_ns") {
    return isInteger ? narrowInteger(BigInt(json) * NANOS_PER_MICRO) : undefined;
  }
  const decimal = parseDecimalType(type);
  return decimal === undefined ? undefined : textToDecimal(String(json), decimal.scale);
}

function textToNumber(text: string): number | bigint {
  return text.includes(".") ? Number(text) : narrowInteger(BigInt(text));
}

/** Of the column's scale where that is exact, else of its own: it still compares. */
function textToDecimal(text: string, columnScale: number): Decimal | undefined {
  if (!PLAIN_NUMBER.test(text)) return undefined;
  const [whole = "", fraction = ""] = text.split(".");
  const digits = fraction.replace(/0+$/, "");
  const scale = Math.max(columnScale, digits.length);
  return { unscaled: BigInt(whole + digits.padEnd(scale, "0")), scale };
}

/** A time with any offset as the same one at +00:00, where it is one. */
function toUtc(text: string, type: string): string {
  const [, local, zone] = ZONED.exec(text) ?? [];
  if (local === undefined || zone === undefined || zone === "+00:00") return text;
  if (zone === "Z" || zone === "-00:00") return `${local}+00:00`;
  const [hours = 0, minutes = 0] = zone.slice(1).split(":").map(Number);
  const offset = BigInt(hours * 60 + minutes) * (zone.startsWith("-") ? -1n : 1n);
  const unit = type.endsWith("_ns") ? NANOS_PER_MICRO : 1n;
  const there = jsonToDefault(type, `${local}+00:00`);
  if (typeof there !== "number" && typeof there !== "bigint") return text;
  return isoOf(BigInt(there) - offset * MICROS_PER_MINUTE * unit, unit);
}

const MICROS_PER_SECOND = 1_000_000n;

function isoOf(value: bigint, unit: bigint): string {
  const perSecond = MICROS_PER_SECOND * unit;
  const ofSecond = ((value % perSecond) + perSecond) % perSecond;
  const seconds = Number((value - ofSecond) / perSecond);
  const digits = unit === 1n ? 6 : 9;
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${String(ofSecond).padStart(digits, "0")}+00:00`;
}
