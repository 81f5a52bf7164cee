// Date and time functions.

import type { Interval, Scalar } from "#columnar";
import {
  addMonths,
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "../values/civil.ts";
import { float64ToDecimal, integerToDecimal } from "../values/decimal.ts";
import { fieldOutOfRange, runtimeError, outOfRange } from "../values/errors.ts";
import { isInfiniteDate, isInfiniteInterval } from "../values/infinite.ts";
import { justifyDays, justifyHours, justifyInterval } from "../values/interval.ts";
import { localToUtc, requireTimeZone, utcToLocal } from "../values/time-zone.ts";
import {
  binTimestamp,
  canonicalUnit,
  extractPart,
  truncateInterval,
  truncateInZone,
  truncateKernel,
  truncateTimestamp,
} from "./date-trunc.ts";
import type { FunctionCatalog } from "./definition.ts";
import { formatDate } from "./date-format.ts";
import {
  datePart,
  extractTimestamp,
  infinitePart,
  infinitePartToDecimal,
  intervalPart,
  intervalPartToDecimal,
  partToDecimal,
  timePart,
} from "./extract.ts";
import { defineDifferences } from "./date-differences.ts";
import { datePartKernel, extractKernel } from "./extract-kernel.ts";
import { textToNumber } from "./number-from-text.ts";
import { numberToChar } from "./number-to-char.ts";
import { parseByPattern } from "./parse-by-pattern.ts";
import { intervalToChar } from "./interval-to-char.ts";
import { timestampToChar } from "./to-char.ts";

/** Calendar difference in years, months, days and time, as PostgreSQL's age(). */
function age(later: number, earlier: number): Interval {
  const span = later - earlier;
  if (!Number.isFinite(span)) return { months: 0, days: 0, micros: span };
  if (later < earlier) {
    const { months, days, micros } = age(earlier, later);
    return { months: 0 - months, days: 0 - days, micros: 0 - micros };
  }
  const laterDays = Math.floor(later / MICROS_PER_DAY);
  const earlierDays = Math.floor(earlier / MICROS_PER_DAY);
  let micros = later - laterDays * MICROS_PER_DAY - (earlier - earlierDays * MICROS_PER_DAY);
  const to = civilFromDays(laterDays);
  const from = civilFromDays(earlierDays);
  let days = to.day - from.day;
  let months = (to.year - from.year) * 12 + to.month - from.month;
  if (micros < 0) {
    micros += MICROS_PER_DAY;
    days--;
  }
  if (days < 0) {
    days += daysInMonth(from.year, from.month);
    months--;
  }
  return { months, days, micros };
}

function makeDate(year: number, month: number, day: number): number {
  const y = year < 0 ? year + 1 : year;
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(y, month)) {
    throw fieldOutOfRange(`${year}-${month}-${day}`);
  }
  return daysFromCivil(y, month, day);
}

function makeTime(hour: number, minute: number, second: number): number {
  if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    throw fieldOutOfRange(`${hour}:${minute}:${second}`);
  }
  return hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + Math.round(second * MICROS_PER_SECOND);
}

function lastDay(days: number): number {
  const { year, month } = civilFromDays(days);
  return daysFromCivil(year, month, daysInMonth(year, month));
}

function defineClock({ defineWith, alias }: FunctionCatalog): void {
  const stable = { volatility: "stable", safe: true } as const;
  defineWith(
    "now",
    "-> timestamptz",
    ({ statementTimeMicros }) =>
      () =>
        statementTimeMicros,
    stable,
  );
  alias("now", "current_timestamp", "transaction_timestamp", "statement_timestamp", "clock_timestamp");
  defineWith(
    "localtimestamp",
    "-> timestamp",
    ({ statementTimeMicros }) =>
      () =>
        statementTimeMicros,
    stable,
  );
  defineWith(
    "current_date",
    "-> date",
    ({ statementTimeMicros }) =>
      () =>
        Math.floor(statementTimeMicros / MICROS_PER_DAY),
    stable,
  );
  alias("current_date", "today");
  defineWith(
    "localtime",
    "-> time",
    ({ statementTimeMicros }) =>
      () =>
        statementTimeMicros - Math.floor(statementTimeMicros / MICROS_PER_DAY) * MICROS_PER_DAY,
    stable,
  );
  alias("localtime", "current_time");
  for (const name of ["timestamp", "timestamptz"]) {
    defineWith(
      "age",
      `${name} -> interval`,
      ({ statementTimeMicros }) => {
        const midnight = Math.floor(statementTimeMicros / MICROS_PER_DAY) * MICROS_PER_DAY;
        return (micros: number) => age(midnight, micros);
      },
      { volatility: "stable" },
    );
  }
  defineWith(
    "unix_timestamp",
    "-> int8",
    ({ statementTimeMicros }) =>
      () =>
        Math.floor(statementTimeMicros / MICROS_PER_SECOND),
    stable,
  );
}

/** Hours and days of an interval have no end either. */
function infiniteIntervalPart(unit: string, { micros }: Interval): number | null {
  const canonical = canonicalUnit(unit);
  return canonical === "hour" || canonical === "day" || canonical === "week"
    ? micros
    : infinitePart(canonical, Math.sign(micros));
}

function defineParts({ define, alias }: FunctionCatalog): void {
  for (const name of ["timestamp", "timestamptz"]) {
    define("date_trunc", `text, ${name} -> ${name}`, truncateTimestamp, { kernel: truncateKernel });
    define(
      "date_part",
      `text, ${name} -> float8`,
      (unit: string, micros: number) =>
        Number.isFinite(micros) ? extractTimestamp(unit, micros) : infinitePart(canonicalUnit(unit), Math.sign(micros)),
      { kernel: datePartKernel },
    );
    define(
      "extract",
      `text, ${name} -> numeric`,
      (unit: string, micros: number) =>
        Number.isFinite(micros)
          ? partToDecimal(canonicalUnit(unit), micros, extractTimestamp(unit, micros))
          : infinitePartToDecimal(canonicalUnit(unit), Math.sign(micros)),
      { kernel: extractKernel },
    );
    define("age", `${name}, ${name} -> interval`, age, { safe: true });
    define("date_bin", `interval, ${name}, ${name} -> ${name}`, binTimestamp);
    define("time_bucket", `interval, ${name} -> ${name}`, (stride: Interval, micros: number) => {
      if (stride.months === 0) return binTimestamp(stride, micros, 0);
      if (stride.days !== 0 || stride.micros !== 0)
        throw runtimeError("time_bucket cannot mix months with days or time");
      const { year, month } = civilFromDays(Math.floor(micros / MICROS_PER_DAY));
      const bucket = Math.floor((year * 12 + month - 1) / stride.months) * stride.months;
      return daysFromCivil(Math.floor(bucket / 12), (bucket % 12) + 1, 1) * MICROS_PER_DAY;
    });
    define("last_day", `${name} -> date`, (micros: number) => lastDay(Math.floor(micros / MICROS_PER_DAY)));
    for (const part of ["year", "quarter", "month", "week", "day", "hour", "minute", "second"]) {
      define(part, `${name} -> int4`, (micros: number) => Math.floor(extractTimestamp(part, micros)), { safe: true });
    }
    define("dayofweek", `${name} -> int4`, (micros: number) => (extractPart("dow", micros) ?? 0) + 1, { safe: true });
    define("dayofyear", `${name} -> int4`, (micros: number) => extractPart("doy", micros) ?? 0, { safe: true });
    define("weekofyear", `${name} -> int4`, (micros: number) => extractPart("week", micros) ?? 0, { safe: true });
    define("date", `${name} -> date`, (micros: number) => Math.floor(micros / MICROS_PER_DAY), { safe: true });
    define("unix_timestamp", `${name} -> int8`, (micros: number) => Math.floor(micros / MICROS_PER_SECOND));
    define("epoch", `${name} -> float8`, (micros: number) => micros / MICROS_PER_SECOND, { safe: true });
    define("epoch_ms", `${name} -> int8`, (micros: number) => Math.floor(micros / 1000), { safe: true });
  }
  define("date_trunc", "text, timestamptz, text -> timestamptz", truncateInZone);
  define("date_trunc", "text, interval -> interval", truncateInterval);
  define("date_part", "text, date -> float8", (unit: string, days: number) =>
    isInfiniteDate(days) ? infinitePart(canonicalUnit(unit), Math.sign(days)) : datePart(unit, days),
  );
  define("extract", "text, date -> numeric", (unit: string, days: number) =>
    isInfiniteDate(days)
      ? infinitePartToDecimal(canonicalUnit(unit), Math.sign(days))
      : integerToDecimal(datePart(unit, days)),
  );
  define("date_part", "text, time -> float8", timePart);
  define("extract", "text, time -> numeric", (unit: string, micros: number) =>
    partToDecimal(canonicalUnit(unit), micros, timePart(unit, micros)),
  );
  define("date_part", "text, interval -> float8", (unit: string, value: Interval) =>
    isInfiniteInterval(value) ? infiniteIntervalPart(unit, value) : intervalPart(unit, value),
  );
  define("extract", "text, interval -> numeric", (unit: string, value: Interval) => {
    if (!isInfiniteInterval(value)) return intervalPartToDecimal(unit, value);
    if (infiniteIntervalPart(unit, value) !== null) throw outOfRange("numeric");
    return null;
  });
  alias("dayofyear", "day_of_year");
  alias("dayofweek", "day_of_week");
  alias("day", "dayofmonth", "day_of_month");
  alias("weekofyear", "week_of_year");
}

const fromEpoch = (seconds: number): number => {
  if (Number.isNaN(seconds)) throw runtimeError("timestamp cannot be NaN");
  return Math.round(seconds * MICROS_PER_SECOND);
};

const makeInterval = (...parts: readonly number[]): Interval => {
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = parts;
  return {
    months: years * 12 + months,
    days: weeks * 7 + days,
    micros: hours * MICROS_PER_HOUR + minutes * MICROS_PER_MINUTE + Math.round(seconds * MICROS_PER_SECOND),
  };
};

function defineMaking({ define, alias }: FunctionCatalog): void {
  define("make_date", "int4, int4, int4 -> date", makeDate);
  define("make_time", "int4, int4, float8 -> time", makeTime);
  for (const [name, type] of [
    ["make_timestamp", "timestamp"],
    ["make_timestamptz", "timestamptz"],
  ] as const) {
    define(
      name,
      `int4, int4, int4, int4, int4, float8 -> ${type}`,
      (year: number, month: number, day: number, hour: number, minute: number, second: number) =>
        makeDate(year, month, day) * MICROS_PER_DAY + makeTime(hour, minute, second),
    );
  }
  define(
    "make_timestamptz",
    "int4, int4, int4, int4, int4, float8, text -> timestamptz",
    (year: number, month: number, day: number, hour: number, minute: number, second: number, zone: string) =>
      localToUtc(requireTimeZone(zone), makeDate(year, month, day) * MICROS_PER_DAY + makeTime(hour, minute, second)),
  );
  define("make_interval", "...int4 -> interval", makeInterval);
  define("make_interval", "int4, int4, int4, int4, int4, int4, float8 -> interval", makeInterval);
  define("to_timestamp", "float8 -> timestamptz", fromEpoch);
  define("to_timestamp", "text, text -> timestamptz", parseByPattern);
  define("from_unixtime", "float8 -> timestamptz", fromEpoch);
  define("from_unixtime", "float8, text -> text", (seconds: number, pattern: string) =>
    formatDate(fromEpoch(seconds), pattern),
  );
  define("to_date", "text, text -> date", (text: string, pattern: string) =>
    Math.floor(parseByPattern(text, pattern) / MICROS_PER_DAY),
  );
  define("justify_hours", "interval -> interval", justifyHours, { safe: true });
  define("justify_days", "interval -> interval", justifyDays, { safe: true });
  define("justify_interval", "interval -> interval", justifyInterval, {
    safe: true,
  });
  define("isfinite", "timestamp -> bool", (micros: number) => Number.isFinite(micros), { safe: true });
  define("isfinite", "timestamptz -> bool", (micros: number) => Number.isFinite(micros), { safe: true });
  define("isfinite", "date -> bool", (days: number) => !isInfiniteDate(days), { safe: true });
  define("last_day", "date -> date", lastDay, { safe: true });
  define("add_months", "date, int4 -> date", addMonths, { safe: true });
  define("to_seconds", "interval -> float8", (value: Interval) => intervalPart("epoch", value), { safe: true });
  alias("to_seconds", "epoch_seconds");
  define("date", "text -> date", (text: string) => Math.floor(parseByPattern(text, "YYYY-MM-DD") / MICROS_PER_DAY));
}

const offsetOf = (offset: Interval): number => {
  if (offset.months !== 0 || offset.days !== 0) {
    throw runtimeError("interval time zone must not include months or days");
  }
  return offset.micros;
};

function defineZones({ define }: FunctionCatalog): void {
  define("timezone", "text, timestamptz -> timestamp", (name: string, micros: number) =>
    utcToLocal(requireTimeZone(name), micros),
  );
  define("timezone", "text, timestamp -> timestamptz", (name: string, micros: number) =>
    localToUtc(requireTimeZone(name), micros),
  );
  define(
    "timezone",
    "interval, timestamptz -> timestamp",
    (offset: Interval, micros: number) => micros + offsetOf(offset),
  );
  define(
    "timezone",
    "interval, timestamp -> timestamptz",
    (offset: Interval, micros: number) => micros - offsetOf(offset),
  );
}

function defineFormats({ define }: FunctionCatalog): void {
  define("to_char", "timestamp, text -> text", (micros: number, pattern: string) =>
    Number.isFinite(micros) ? timestampToChar(micros, pattern, false) : null,
  );
  define("to_char", "timestamptz, text -> text", (micros: number, pattern: string) =>
    Number.isFinite(micros) ? timestampToChar(micros, pattern, true) : null,
  );
  define("to_char", "interval, text -> text", (value: Interval, pattern: string) =>
    isInfiniteInterval(value) ? null : intervalToChar(value, pattern),
  );
  define("to_number", "text, text -> numeric", textToNumber);
  define("to_char", "numeric, text -> text", numberToChar);
  define("to_char", "int4, text -> text", (value: number, pattern: string) =>
    numberToChar(integerToDecimal(value), pattern),
  );
  define("to_char", "int8, text -> text", (value: number | bigint, pattern: string) =>
    numberToChar(integerToDecimal(value), pattern),
  );
  define("to_char", "float8, text -> text", (value: number, pattern: string) =>
    numberToChar(float64ToDecimal(value), pattern),
  );
  define("date_format", "timestamp, text -> text", formatDate);
  define("date_format", "timestamptz, text -> text", formatDate);
  define("date_format", "date, text -> text", (days: number, pattern: string): Scalar =>
    formatDate(days * MICROS_PER_DAY, pattern),
  );
}

/** Adds date and time functions. */
export function defineDateTimes(catalog: FunctionCatalog): void {
  defineClock(catalog);
  defineParts(catalog);
  defineMaking(catalog);
  defineZones(catalog);
  defineDifferences(catalog);
  defineFormats(catalog);
}
