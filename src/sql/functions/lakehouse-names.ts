// Functions on text, numbers and times by the names of Spark, Trino and DuckDB; where those disagree, none is taken.

import { bytesToHex, stringToUtf8 } from "#core";
import type { DataType, Interval, Scalar } from "#columnar";
import { civilFromDays, daysInMonth, isoWeek, MICROS_PER_DAY } from "../values/civil.ts";
import { runtimeError } from "../values/errors.ts";
import { localToUtc, requireTimeZone, utcToLocal } from "../values/time-zone.ts";
import { formatDate } from "./date-format.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";
import { postgresPattern } from "./pattern.ts";
import { commonType } from "./resolve.ts";
import { DAYS, MONTHS } from "./time-fields.ts";

const TEXT: DataType = { kind: "string" };
const BOOL: DataType = { kind: "boolean" };

/** if(condition, a, b): b is NULL where it is left out. */
const IF: PolymorphicFunction = {
  signature: "bool, any [, any] -> any",
  options: { strict: false, safe: true },
  resolve([condition, then, otherwise, ...rest]) {
    if (condition === undefined || then === undefined || rest.length > 0) return undefined;
    const type = otherwise === undefined ? then : commonType(then, otherwise);
    if (type === undefined) return undefined;
    const returnType = type.kind === "null" ? TEXT : type;
    return { argTypes: [BOOL, returnType, ...(otherwise === undefined ? [] : [returnType])], returnType };
  },
  implement:
    () =>
    (condition: boolean | null, then: Scalar, otherwise: Scalar = null) =>
      condition === true ? then : otherwise,
};

function nullTest(isNull: boolean): PolymorphicFunction {
  return {
    signature: "any -> bool",
    options: { strict: false, safe: true },
    resolve: ([type, ...rest]) =>
      type === undefined || rest.length > 0 ? undefined : { argTypes: [type], returnType: BOOL },
    implement: () => (value: Scalar) => (value === null) === isNull,
  };
}

/** What stands before the n-th delimiter; with negative n, after the n-th from the end. */
function substringIndex(text: string, delimiter: string, count: number): string {
  if (delimiter === "" || count === 0) return "";
  const parts = text.split(delimiter);
  return (count > 0 ? parts.slice(0, count) : parts.slice(count)).join(delimiter);
}

function locate(part: string, text: string, start = 1): number {
  if (start < 1) return 0;
  const characters = Array.from(text);
  const skipped = characters.slice(0, start - 1).join("").length;
  const at = text.indexOf(part, skipped);
  return at < 0 || start > characters.length + 1 ? 0 : Array.from(text.slice(0, at)).length + 1;
}

function decodeUrl(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw runtimeError("the text is not percent-encoded UTF-8");
  }
}

/** Everything but RFC 3986's unreserved characters is escaped. */
function encodeUrl(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function matchesOf(text: string, pattern: string, group = 0): Scalar {
  return Array.from(postgresPattern(pattern, "").all(text), ({ groups }) => groups[group] ?? "");
}

function fromHex(text: string): Uint8Array {
  const even = text.length % 2 === 0 ? text : `0${text}`;
  if (!/^[0-9a-f]*$/i.test(even)) throw runtimeError("invalid hexadecimal data");
  return Uint8Array.from({ length: even.length / 2 }, (_, i) => Number.parseInt(even.slice(2 * i, 2 * i + 2), 16));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    throw runtimeError("the text is not base64");
  }
}

function toBase(value: number | bigint, radix: number): string {
  if (radix < 2 || radix > 36) throw runtimeError("radix must be between 2 and 36");
  return BigInt(value).toString(radix).toUpperCase();
}

function fromBase(text: string, radix: number): number {
  const value = Number.parseInt(text, radix);
  if (radix < 2 || radix > 36 || Number.isNaN(value)) throw runtimeError(`"${text}" is no number of radix ${radix}`);
  return value;
}

const weekday = (days: number): number => (((days + 4) % 7) + 7) % 7;

/** The first day after another whose name begins with two letters or more. */
function nextDay(days: number, name: string): number | null {
  const wanted = DAYS.findIndex((day) => day.toLowerCase().startsWith(name.toLowerCase()));
  if (wanted < 0 || name.length < 2) return null;
  const isoIndex = (weekday(days) + 6) % 7;
  return days + (((wanted - isoIndex + 6) % 7) + 1);
}

/** Microseconds into the month. */
function intoMonth(time: number, day: number): number {
  return day * MICROS_PER_DAY + (time - Math.floor(time / MICROS_PER_DAY) * MICROS_PER_DAY);
}

/** Months between two times as Spark and Oracle count: 31 days a month where the days differ. */
function monthsBetween(later: number, earlier: number): number {
  const a = civilFromDays(Math.floor(later / MICROS_PER_DAY));
  const b = civilFromDays(Math.floor(earlier / MICROS_PER_DAY));
  const months = (a.year - b.year) * 12 + a.month - b.month;
  const areLast = a.day === daysInMonth(a.year, a.month) && b.day === daysInMonth(b.year, b.month);
  if (a.day === b.day || areLast) return months;
  const exact = months + (intoMonth(later, a.day) - intoMonth(earlier, b.day)) / (31 * MICROS_PER_DAY);
  return Math.round(exact * 1e8) / 1e8;
}

const interval = (months: number, days: number, micros: number): Interval => ({ months, days, micros });

function defineTexts({ define, alias }: FunctionCatalog): void {
  const safe = { safe: true };
  define("locate", "text, text -> int4", (part: string, text: string) => locate(part, text), safe);
  define("locate", "text, text, int4 -> int4", locate, safe);
  alias("locate", "charindex");
  define("substring_index", "text, text, int4 -> text", substringIndex, safe);
  define("space", "int4 -> text", (count: number) => " ".repeat(Math.max(0, Math.min(count, 1 << 20))), safe);
  define("strip_accents", "text -> text", (text: string) => text.normalize("NFD").replaceAll(/\p{M}/gu, ""), safe);
  define("url_encode", "text -> text", encodeUrl);
  define("url_decode", "text -> text", decodeUrl);
  define("regexp_escape", "text -> text", (text: string) => text.replaceAll(/[^\w]/gu, String.raw`\$&`), safe);
  define("regexp_extract_all", "text, text -> text[]", (text: string, pattern: string) => matchesOf(text, pattern));
  define("regexp_extract_all", "text, text, int4 -> text[]", matchesOf);
  define("regexp_full_match", "text, text -> bool", (text: string, pattern: string) =>
    postgresPattern(`^(?:${pattern})$`, "").test(text),
  );
  define("hex", "text -> text", (text: string) => bytesToHex(stringToUtf8(text)).toUpperCase(), safe);
  define("hex", "bytea -> text", (bytes: Uint8Array) => bytesToHex(bytes).toUpperCase(), safe);
  define(
    "hex",
    "int8 -> text",
    (value: number | bigint) => BigInt.asUintN(64, BigInt(value)).toString(16).toUpperCase(),
    safe,
  );
  define("unhex", "text -> bytea", fromHex);
  alias("unhex", "from_hex");
  define("to_base64", "bytea -> text", toBase64, safe);
  alias("to_base64", "base64");
  define("from_base64", "text -> bytea", fromBase64);
  alias("from_base64", "unbase64");
  define("to_base", "int8, int4 -> text", toBase);
  define("from_base", "text, int4 -> int8", fromBase);
  define("to_utf8", "text -> bytea", (text: string) => stringToUtf8(text), safe);
  alias("string_to_array", "string_split", "str_split");
  alias("regexp_split_to_array", "string_split_regex", "str_split_regex");
  alias("octet_length", "strlen");
  alias("ascii", "unicode");
  alias("starts_with", "prefix");
  alias("ends_with", "suffix");
  alias("normalize", "nfc_normalize");
}

function defineNumbers({ define, definePolymorphic, alias }: FunctionCatalog): void {
  const safe = { safe: true };
  definePolymorphic("if", IF);
  alias("if", "iff");
  definePolymorphic("isnull", nullTest(true));
  definePolymorphic("isnotnull", nullTest(false));
  for (const type of ["int4", "int8", "float8", "numeric"])
    define("positive", `${type} -> ${type}`, (x: never) => x, safe);
  alias("-", "negative");
  alias("sign", "signum");
  define("log1p", "float8 -> float8", Math.log1p, safe);
  define("expm1", "float8 -> float8", Math.expm1);
  define("hypot", "float8, float8 -> float8", Math.hypot, safe);
  define("sec", "float8 -> float8", (x: number) => 1 / Math.cos(x), safe);
  define("csc", "float8 -> float8", (x: number) => 1 / Math.sin(x), safe);
  define("e", "-> float8", () => Math.E, safe);
  define("infinity", "-> float8", () => Number.POSITIVE_INFINITY, safe);
  define("nan", "-> float8", () => Number.NaN, safe);
  define("nanvl", "float8, float8 -> float8", (x: number, other: number) => (Number.isNaN(x) ? other : x), safe);
  define("isinf", "float8 -> bool", (x: number) => Math.abs(x) === Number.POSITIVE_INFINITY, safe);
  alias("isinf", "is_infinite");
  alias("isnan", "is_nan");
  alias("isfinite", "is_finite");
  define("signbit", "float8 -> bool", (x: number) => x < 0 || Object.is(x, -0), safe);
  define("even", "float8 -> float8", (x: number) => Math.sign(x) * Math.ceil(Math.abs(x) / 2) * 2, safe);
  define("fdiv", "float8, float8 -> float8", (a: number, b: number) => Math.floor(a / b), safe);
  define("fmod", "float8, float8 -> float8", (a: number, b: number) => a - b * Math.floor(a / b), safe);
  define("pmod", "int8, int8 -> int8", (a: number | bigint, b: number | bigint) => {
    const divisor = BigInt(b);
    if (divisor === 0n) throw runtimeError("division by zero");
    return Number(((BigInt(a) % divisor) + divisor) % divisor);
  });
  alias("gcd", "greatest_common_divisor");
  alias("lcm", "least_common_multiple");
  alias("#", "xor", "bitwise_xor");
  alias("&", "bitwise_and", "bitand");
  alias("|", "bitwise_or", "bitor");
  alias("~", "bitwise_not");
  alias("<<", "shiftleft", "bitwise_left_shift");
  alias(">>", "shiftright", "bitwise_right_shift");
  alias("random", "rand");
}

function defineTimes({ define, alias }: FunctionCatalog): void {
  const safe = { safe: true };
  const onDays = (name: string, result: string, of: (days: number) => Scalar): void => {
    define(name, `date -> ${result}`, of, safe);
    for (const type of ["timestamp", "timestamptz"]) {
      define(name, `${type} -> ${result}`, (micros: number) => of(Math.floor(micros / MICROS_PER_DAY)), safe);
    }
  };
  onDays("dayname", "text", (days) => DAYS[(weekday(days) + 6) % 7] ?? null);
  onDays("monthname", "text", (days) => MONTHS[civilFromDays(days).month - 1] ?? null);
  onDays("isodow", "int8", (days) => ((weekday(days) + 6) % 7) + 1);
  onDays("isoyear", "int8", (days) => isoWeek(days).year);
  onDays("yearweek", "int8", (days) => isoWeek(days).year * 100 + isoWeek(days).week);
  onDays("century", "int8", (days) => Math.ceil(civilFromDays(days).year / 100));
  onDays("decade", "int8", (days) => Math.floor(civilFromDays(days).year / 10));
  onDays("millennium", "int8", (days) => Math.ceil(civilFromDays(days).year / 1000));
  onDays("days_in_month", "int8", (days) => daysInMonth(civilFromDays(days).year, civilFromDays(days).month));
  define("next_day", "date, text -> date", nextDay, safe);
  define("months_between", "timestamp, timestamp -> float8", monthsBetween);
  define("epoch_us", "timestamptz -> int8", (micros: number) => micros, safe);
  define("to_unixtime", "timestamptz -> float8", (micros: number) => micros / 1e6, safe);
  for (const [name, convert] of [
    ["from_utc_timestamp", utcToLocal],
    ["to_utc_timestamp", localToUtc],
  ] as const) {
    define(name, "timestamp, text -> timestamp", (micros: number, zone: string) =>
      convert(requireTimeZone(zone), micros),
    );
  }
  for (const type of ["timestamp", "timestamptz"]) {
    define("strftime", `${type}, text -> text`, (micros: number, pattern: string) =>
      formatDate(micros, unixPattern(pattern)),
    );
  }
  for (const [name, of] of [
    ["to_years", (n: number) => interval(12 * n, 0, 0)],
    ["to_quarters", (n: number) => interval(3 * n, 0, 0)],
    ["to_months", (n: number) => interval(n, 0, 0)],
    ["to_weeks", (n: number) => interval(0, 7 * n, 0)],
    ["to_days", (n: number) => interval(0, n, 0)],
    ["to_hours", (n: number) => interval(0, 0, 3_600_000_000 * n)],
    ["to_minutes", (n: number) => interval(0, 0, 60_000_000 * n)],
    ["to_milliseconds", (n: number) => interval(0, 0, 1000 * n)],
    ["to_microseconds", (n: number) => interval(0, 0, n)],
  ] as const) {
    define(name, "int4 -> interval", of);
  }
  alias("date_part", "datepart");
  alias("date_trunc", "datetrunc");
}

/** C's codes that differ from MySQL's, which date_format reads. */
const UNIX_CODES: Readonly<Record<string, string>> = {
  M: "%i",
  B: "%M",
  A: "%W",
  F: "%Y-%m-%d",
  T: "%T",
  X: "%T",
  x: "%Y-%m-%d",
  G: "%x",
  V: "%v",
  "-d": "%e",
  "-m": "%c",
  "-H": "%k",
  "-I": "%l",
};
const SAME_CODES = new Set("YymbdHISfpaj%".split(""));

function unixPattern(pattern: string): string {
  return pattern.replaceAll(/%(-?[\s\S])/g, (whole, code: string) => {
    const mapped = UNIX_CODES[code];
    if (mapped !== undefined) return mapped;
    if (SAME_CODES.has(code)) return whole;
    throw runtimeError(`the code ${whole} of strftime is not supported`);
  });
}

/** Adds the names. */
export function defineLakehouseNames(catalog: FunctionCatalog): void {
  defineTexts(catalog);
  defineNumbers(catalog);
  defineTimes(catalog);
}
