// Casts between SQL types, one compiled function for each pair.

import { LakeError, stringToUtf8 } from "#core";
import type { DataType, Decimal, Interval, Scalar } from "#columnar";
import { MICROS_PER_DAY } from "./civil.ts";
import { textToDate, textToTime, textToTimestamp } from "./datetime-text.ts";
import {
  decimalToNumber,
  fitDecimal,
  float32ToDecimal,
  float64ToDecimal,
  integerToDecimal,
  roundDecimal,
  textToDecimal,
} from "./decimal.ts";
import { invalidText, outOfRange, runtimeError } from "./errors.ts";
import { dateToMicros, microsToDate } from "./infinite.ts";
import { textToInterval } from "./interval.ts";
import { textToJson } from "./json-text.ts";
import { canonicalJson } from "./jsonb.ts";
import { parseList } from "./list-text.ts";
import { bigintToInt64, checkSmallInteger, roundHalfEven, textToFloat, textToInteger } from "./number-text.ts";
import { scalarToText } from "./scalar-text.ts";
import { temporalRange } from "./temporal-range.ts";
import { dataTypeToName, typesEqual } from "./type-name.ts";

/** What a cast may depend on beside its value. */
export interface CastEnvironment {
  /** The statement's time, for texts such as 'today'. */
  readonly statementTimeMicros: number;
  /** Told when such a text was met: from then on the answer depends on the time. */
  readonly noteTimeRead?: () => void;
}

/** Casts one non-null value; may throw; null results stand for JSON null and the like. */
export type ScalarCast = (value: Exclude<Scalar, null>) => Scalar;

function readTime({ statementTimeMicros, noteTimeRead }: CastEnvironment): number {
  noteTimeRead?.();
  return statementTimeMicros;
}

const EPOCH_CAST: CastEnvironment = { statementTimeMicros: 0 };
const IMPLICIT = 3;
const ASSIGNMENT = 2;
const EXPLICIT = 1;
const NUMERIC_RANK: Readonly<Record<string, number>> = {
  int16: 1,
  int32: 2,
  int64: 3,
  decimal: 4,
  float32: 5,
  float64: 6,
};

const INTEGER_BYTES: Readonly<Record<string, number>> = { int16: 2, int32: 4, int64: 8 };

function castStrength(from: DataType, to: DataType): number {
  if (typesEqual(from, to) || from.kind === "null") return IMPLICIT;
  const fromRank = NUMERIC_RANK[from.kind];
  const toRank = NUMERIC_RANK[to.kind];
  if (fromRank !== undefined && toRank !== undefined) return fromRank < toRank ? IMPLICIT : ASSIGNMENT;
  if (to.kind === "string") return ASSIGNMENT;
  if (from.kind === "string") return EXPLICIT;
  if (from.kind === "list" && to.kind === "list") return castStrength(from.element, to.element);
  switch (from.kind) {
    case "boolean":
      return to.kind === "int32" ? EXPLICIT : 0;
    case "int32":
      return to.kind === "boolean" || to.kind === "binary" ? EXPLICIT : 0;
    case "int16":
    case "int64":
      return to.kind === "binary" ? EXPLICIT : 0;
    case "binary":
      return INTEGER_BYTES[to.kind] === undefined ? 0 : EXPLICIT;
    case "date":
      return to.kind === "timestamp" ? IMPLICIT : 0;
    case "timestamp":
      if (to.kind === "timestamp") return to.utc ? IMPLICIT : ASSIGNMENT;
      return to.kind === "date" || to.kind === "time" ? ASSIGNMENT : 0;
    case "time":
      return to.kind === "interval" ? IMPLICIT : 0;
    case "interval":
      return to.kind === "time" ? ASSIGNMENT : 0;
    case "json":
      // PostgreSQL asks for a cast here: a lake's JSON is text, and may be used where jsonb is wanted.
      if (to.kind === "json") return IMPLICIT;
      return to.kind === "boolean" || toRank !== undefined ? EXPLICIT : 0;
    case "float32":
    case "float64":
    case "decimal":
    case "uuid":
    case "list":
    case "struct":
    case "map":
      return 0;
  }
}

/** Whether a cast exists and how it may be applied, as in PostgreSQL's pg_cast; undefined when there is none. */
export function castKind(from: DataType, to: DataType): "implicit" | "assignment" | "explicit" | undefined {
  switch (castStrength(from, to)) {
    case IMPLICIT:
      return "implicit";
    case ASSIGNMENT:
      return "assignment";
    case EXPLICIT:
      return "explicit";
    default:
      return undefined;
  }
}

const BOOLEAN_WORDS: readonly (readonly [string, boolean, number])[] = [
  ["true", true, 1],
  ["false", false, 1],
  ["yes", true, 1],
  ["no", false, 1],
  ["on", true, 2],
  ["off", false, 2],
  ["1", true, 1],
  ["0", false, 1],
];

function textToBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  for (const [full, value, shortest] of BOOLEAN_WORDS) {
    if (word.length >= shortest && full.startsWith(word)) return value;
  }
  throw invalidText("boolean", text);
}

function textToUuid(text: string): string {
  const hex = text
    .trim()
    .toLowerCase()
    .replace(/^\{(.*)\}$/, "$1")
    .replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/.test(hex)) throw invalidText("uuid", text);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function textToBytes(text: string): Uint8Array {
  if (text.startsWith("\\x")) {
    const hex = text.slice(2).replace(/\s+/g, "");
    if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) throw runtimeError("invalid hexadecimal data");
    return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
  }
  if (!text.includes("\\")) return stringToUtf8(text);
  const plain = text.replace(/\\(\\|[0-3][0-7]{2})/g, (_, code: string) =>
    code === "\\" ? "\\" : String.fromCharCode(Number.parseInt(code, 8)),
  );
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

function fromText(to: DataType, env: CastEnvironment): ((text: string) => Scalar) | undefined {
  const parse = parserOf(to, env);
  const checkRange = temporalRange(to);
  if (parse === undefined || checkRange === undefined) return parse;
  return (text) => {
    const value = parse(text);
    if (value !== null) checkRange(value);
    return value;
  };
}

function parserOf(to: DataType, env: CastEnvironment): ((text: string) => Scalar) | undefined {
  switch (to.kind) {
    case "boolean":
      return textToBoolean;
    case "int16":
    case "int32":
    case "int64": {
      const { kind } = to;
      return (text) => textToInteger(kind, text);
    }
    case "float32":
    case "float64": {
      const { kind } = to;
      return (text) => textToFloat(kind, text);
    }
    case "decimal": {
      const { precision, scale } = to;
      return (text) => fitDecimal(textToDecimal(text), precision, scale);
    }
    case "string":
      return (text) => text;
    case "json":
      if (to.canonical === true) return canonicalJson;
      return (text) => {
        textToJson(text);
        return text;
      };
    case "uuid":
      return textToUuid;
    case "binary":
      return textToBytes;
    case "date":
      return (text) => textToDate(text, () => readTime(env));
    case "time":
      return textToTime;
    case "timestamp": {
      const { utc } = to;
      return (text) => textToTimestamp(text, utc, () => readTime(env));
    }
    case "interval":
      return textToInterval;
    case "list": {
      const element = fromText(to.element, env);
      if (element === undefined) return undefined;
      return (text) => parseList(text, element);
    }
    case "null":
    case "struct":
    case "map":
      return undefined;
  }
}

function floatToInteger(kind: "int16" | "int32" | "int64", value: number): number | bigint {
  const rounded = roundHalfEven(value);
  if (kind !== "int64") {
    if (Number.isNaN(value)) throw outOfRange(kind === "int16" ? "smallint" : "integer");
    return checkSmallInteger(kind, rounded);
  }
  if (!(rounded >= -(2 ** 63) && rounded < 2 ** 63)) throw outOfRange("bigint");
  return bigintToInt64(BigInt(rounded));
}

function integerTo(kind: "int16" | "int32" | "int64", value: bigint): number | bigint {
  if (kind === "int64") return bigintToInt64(value);
  if (value > 0xffff_ffffn || value < -0xffff_ffffn) throw outOfRange(kind === "int16" ? "smallint" : "integer");
  return checkSmallInteger(kind, Number(value));
}

function toFloat32(value: number): number {
  const rounded = Math.fround(value);
  const lost = Number.isFinite(rounded) ? rounded === 0 && value !== 0 : Number.isFinite(value);
  if (lost) throw outOfRange("value for type real:");
  return rounded;
}

function castToInteger(kind: "int16" | "int32" | "int64", source: DataType["kind"]): ScalarCast {
  if (source === "decimal") return (value) => integerTo(kind, roundDecimal(value as Decimal, 0).unscaled);
  if (source === "float32" || source === "float64") return (value) => floatToInteger(kind, value as number);
  return (value) => {
    if (typeof value === "bigint") return integerTo(kind, value);
    return kind === "int64" ? value : checkSmallInteger(kind, value as number);
  };
}

function numericCast(from: DataType, to: DataType): ScalarCast | undefined {
  const source = from.kind;
  if (to.kind === "int16" || to.kind === "int32" || to.kind === "int64") return castToInteger(to.kind, source);
  if (to.kind === "float32") {
    if (source === "decimal") return (value) => toFloat32(decimalToFloat64(value as Decimal));
    return (value) => toFloat32(Number(value));
  }
  if (to.kind === "float64") {
    if (source === "decimal") return (value) => decimalToFloat64(value as Decimal);
    return (value) => Number(value);
  }
  if (to.kind !== "decimal") return undefined;
  const { precision, scale } = to;
  if (source === "decimal") return (value) => fitDecimal(value as Decimal, precision, scale);
  if (source === "float64") return (value) => fitDecimal(float64ToDecimal(value as number), precision, scale);
  if (source === "float32") return (value) => fitDecimal(float32ToDecimal(value as number), precision, scale);
  return (value) => fitDecimal(integerToDecimal(value as number | bigint), precision, scale);
}

function decimalToFloat64(value: Decimal): number {
  const number = decimalToNumber(value);
  if (!Number.isFinite(number) || (number === 0 && value.unscaled !== 0n)) {
    throw outOfRange("value for type double precision:");
  }
  return number;
}

/** The bytes of an integer in two's complement, the most significant first. */
function integerToBytes(width: number): ScalarCast {
  return (value) => {
    const bits = BigInt.asUintN(width * 8, BigInt(value as number | bigint));
    return Uint8Array.from({ length: width }, (_, i) => Number((bits >> BigInt((width - 1 - i) * 8)) & 0xffn));
  };
}

function bytesToInteger(width: number, typeName: string): ScalarCast {
  return (value) => {
    const bytes = value as Uint8Array;
    if (bytes.length > width) throw outOfRange(typeName);
    const bits = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    return bigintToInt64(BigInt.asIntN(width * 8, bits));
  };
}

function floorTo(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}

function temporalCast(from: DataType, to: DataType): ScalarCast | undefined {
  if (from.kind === "date" && to.kind === "timestamp") return (value) => dateToMicros(value as number);
  if (from.kind === "timestamp") {
    if (to.kind === "timestamp") return (value) => value;
    if (to.kind === "date") return (value) => microsToDate(value as number);
    if (to.kind === "time") {
      return (value) => (Number.isFinite(value) ? (value as number) - floorTo(value as number, MICROS_PER_DAY) : null);
    }
  }
  if (from.kind === "time" && to.kind === "interval") {
    return (value) => ({ months: 0, days: 0, micros: value as number });
  }
  if (from.kind === "interval" && to.kind === "time") {
    return (value) => {
      const { micros } = value as Interval;
      if (!Number.isFinite(micros)) throw runtimeError("cannot convert infinite interval to time");
      return micros - floorTo(micros, MICROS_PER_DAY);
    };
  }
  return undefined;
}

const toJsonb: ScalarCast = (value) => canonicalJson(value as string);

function jsonCast(to: DataType, env: CastEnvironment): ScalarCast | undefined {
  const parse = fromText(to, env);
  if (parse === undefined) return undefined;
  const isBoolean = to.kind === "boolean";
  return (value) => {
    const json = textToJson(value as string);
    if (json === null) return null;
    const matches = isBoolean ? typeof json === "boolean" : typeof json === "number" || typeof json === "bigint";
    if (!matches) throw runtimeError(`cannot cast this jsonb value to type ${dataTypeToName(to)}`);
    if (to.kind === "int16" || to.kind === "int32" || to.kind === "int64") {
      return integerTo(to.kind, roundDecimal(textToDecimal((value as string).trim()), 0).unscaled);
    }
    return parse((value as string).trim());
  };
}

/** The cast from one type to another; undefined when there is none. */
export function compileCast(from: DataType, to: DataType, env: CastEnvironment = EPOCH_CAST): ScalarCast | undefined {
  if (typesEqual(from, to, true) || (from.kind === "decimal" && to.kind === "decimal" && to.precision === undefined)) {
    return (value) => value;
  }
  if (from.kind === "null" || from.kind === "string") {
    const parse = fromText(to, env);
    return parse === undefined ? undefined : (value) => parse(value as string);
  }
  if (to.kind === "string") return (value) => scalarToText(value, from);
  if (NUMERIC_RANK[from.kind] !== undefined && NUMERIC_RANK[to.kind] !== undefined) return numericCast(from, to);
  if (to.kind === "binary") {
    const width = INTEGER_BYTES[from.kind];
    return width === undefined ? undefined : integerToBytes(width);
  }
  if (from.kind === "binary") {
    const width = INTEGER_BYTES[to.kind];
    return width === undefined ? undefined : bytesToInteger(width, dataTypeToName(to));
  }
  if (from.kind === "boolean" && to.kind === "int32") return (value) => (value === true ? 1 : 0);
  if (from.kind === "int32" && to.kind === "boolean") return (value) => value !== 0;
  if (from.kind === "json" && to.kind === "json") return to.canonical === true ? toJsonb : (value) => value;
  if (from.kind === "json") return jsonCast(to, env);
  if (from.kind === "list" && to.kind === "list") {
    const element = compileCast(from.element, to.element, env);
    if (element === undefined) return undefined;
    return (value) => (value as readonly Scalar[]).map((item) => (item === null ? null : element(item)));
  }
  return temporalCast(from, to);
}

/**
 * Casts one value. Null stays null. With `lenient`, a value that does not fit gives null (TRY_CAST).
 *
 * Errors: type_mismatch when there is no such cast; invalid_text_representation, numeric_out_of_range.
 */
export function castScalar(
  value: Scalar,
  from: DataType,
  to: DataType,
  options: { readonly lenient?: boolean; readonly env?: CastEnvironment } = {},
): Scalar {
  if (value === null) return null;
  const cast = compileCast(from, to, options.env);
  if (cast === undefined) {
    throw new LakeError("type_mismatch", `cannot cast type ${dataTypeToName(from)} to ${dataTypeToName(to)}`);
  }
  if (options.lenient !== true) return cast(value);
  try {
    return cast(value);
  } catch (error) {
    if (error instanceof LakeError) return null;
    throw error;
  }
}
