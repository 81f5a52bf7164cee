// date_trunc and date_bin: arithmetic on microseconds, without Date objects, on scalars and on whole vectors.

import { flattenVector, type Interval, type Vector } from "#columnar";
import {
  civilFromDays,
  daysFromCivil,
  isoWeek,
  isoDayOfWeek,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "../values/civil.ts";
import { fieldOutOfRange, outOfRange, runtimeError } from "../values/errors.ts";
import { isInfiniteInterval } from "../values/infinite.ts";
import { localToUtc, requireTimeZone, utcToLocal } from "../values/time-zone.ts";
import type { VectorKernel } from "./definition.ts";

/** Days from Monday 1969-12-29 to the epoch: weeks start on Mondays. */
const EPOCH_WEEK_SHIFT_DAYS = 3;

const UNIT_ALIASES: Readonly<Record<string, string>> = {
  us: "microseconds",
  usec: "microseconds",
  usecs: "microseconds",
  microsecond: "microseconds",
  ms: "milliseconds",
  msec: "milliseconds",
  msecs: "milliseconds",
  millisecond: "milliseconds",
  s: "second",
  sec: "second",
  secs: "second",
  seconds: "second",
  min: "minute",
  mins: "minute",
  minutes: "minute",
  m: "minute",
  h: "hour",
  hr: "hour",
  hrs: "hour",
  hours: "hour",
  d: "day",
  days: "day",
  w: "week",
  weeks: "week",
  mon: "month",
  mons: "month",
  months: "month",
  qtr: "quarter",
  quarters: "quarter",
  y: "year",
  yr: "year",
  yrs: "year",
  years: "year",
  dec: "decade",
  decs: "decade",
  decades: "decade",
  c: "century",
  cent: "century",
  centuries: "century",
  mil: "millennium",
  mils: "millennium",
  millennia: "millennium",
  millenniums: "millennium",
  timezone: "timezone",
};

/** The canonical name of a date/time unit, as date_trunc and extract accept it. */
export function canonicalUnit(unit: string): string {
  const key = unit.trim().toLowerCase();
  return UNIT_ALIASES[key] ?? key;
}

const FIXED_UNITS: Readonly<Record<string, number>> = {
  microseconds: 1,
  milliseconds: 1000,
  second: MICROS_PER_SECOND,
  minute: MICROS_PER_MINUTE,
  hour: MICROS_PER_HOUR,
  day: MICROS_PER_DAY,
};

const MONTHS_IN_UNIT: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12 };
/** Years in a unit, and the year its first one starts at. */
const YEARS_IN_UNIT: Readonly<Record<string, readonly [years: number, first: number]>> = {
  decade: [10, 0],
  century: [100, 1],
  millennium: [1000, 1],
};

function startOfMonths(days: number, months: number): number {
  const { year, month } = civilFromDays(days);
  return daysFromCivil(year, Math.floor((month - 1) / months) * months + 1, 1);
}

function startOfYears(days: number, years: number, first: number): number {
  const { year } = civilFromDays(days);
  return daysFromCivil(Math.floor((year - first) / years) * years + first, 1, 1);
}

function truncateDays(unit: string, days: number): number {
  if (unit === "week") return Math.floor((days + EPOCH_WEEK_SHIFT_DAYS) / 7) * 7 - EPOCH_WEEK_SHIFT_DAYS;
  const months = MONTHS_IN_UNIT[unit];
  if (months !== undefined) return startOfMonths(days, months);
  const years = YEARS_IN_UNIT[unit];
  if (years !== undefined) return startOfYears(days, years[0], years[1]);
  throw runtimeError(`unit "${unit}" not recognized for type timestamp`);
}

/** Start of the unit that holds the instant. Errors: sql_runtime_error for an unknown unit. */
export function truncateTimestamp(unitText: string, micros: number): number {
  if (!Number.isFinite(micros)) return micros;
  const unit = canonicalUnit(unitText);
  const fixed = FIXED_UNITS[unit];
  if (fixed !== undefined) return Math.floor(micros / fixed) * fixed;
  return truncateDays(unit, Math.floor(micros / MICROS_PER_DAY)) * MICROS_PER_DAY;
}

/** Truncates in a zone's local time. */
export function truncateInZone(unitText: string, micros: number, zoneName: string): number {
  if (!Number.isFinite(micros)) return micros;
  const zone = requireTimeZone(zoneName);
  const unit = canonicalUnit(unitText);
  const local = truncateTimestamp(unit, utcToLocal(zone, micros));
  // Below a day the offset in force stays; from a day on the unit's start has its own.
  const fixed = FIXED_UNITS[unit];
  if (fixed !== undefined && fixed < MICROS_PER_DAY) return local - zone.offsetAtUtc(micros);
  return localToUtc(zone, local);
}

/** An interval with everything below the unit cut off. */
export function truncateInterval(unitText: string, value: Interval): Interval {
  if (isInfiniteInterval(value)) return value;
  const unit = canonicalUnit(unitText);
  const years = { decade: 120, century: 1200, millennium: 12_000, year: 12, quarter: 3, month: 1 }[unit];
  if (years !== undefined) return { months: Math.trunc(value.months / years) * years + 0, days: 0, micros: 0 };
  if (unit === "day") return { months: value.months, days: value.days, micros: 0 };
  const fixed = FIXED_UNITS[unit];
  if (fixed === undefined) throw runtimeError(`unit "${unitText}" not supported for type interval`);
  return { months: value.months, days: value.days, micros: Math.trunc(value.micros / fixed) * fixed + 0 };
}

/** Start of the bin of a fixed width counted from an origin. Errors: sql_runtime_error, numeric_out_of_range. */
export function binTimestamp(stride: Interval, micros: number, origin: number): number {
  if (stride.months !== 0) throw runtimeError("timestamps cannot be binned into intervals containing months or years");
  if (!Number.isFinite(micros)) return micros;
  const width = stride.days * MICROS_PER_DAY + stride.micros;
  if (width <= 0) throw fieldOutOfRange("stride must be greater than zero");
  const result = Math.floor((micros - origin) / width) * width + origin;
  if (!Number.isSafeInteger(result)) throw outOfRange("timestamp");
  return result;
}

function truncateFixedInto(out: Float64Array, values: Float64Array, width: number): void {
  for (let i = 0; i < out.length; i++) out[i] = Math.floor((values[i] as number) / width) * width;
}

/** Neighbouring rows mostly share their month, so the last range answers before the calendar does. */
function truncateCalendarInto(
  out: Float64Array,
  values: Float64Array,
  validity: Uint8Array | undefined,
  unit: string,
): void {
  let day = Number.NaN;
  let start = 0;
  for (let i = 0; i < out.length; i++) {
    if (validity !== undefined && validity[i] === 0) continue;
    const micros = values[i] as number;
    const days = Math.floor(micros / MICROS_PER_DAY);
    if (days !== day) {
      if (!Number.isFinite(micros)) {
        out[i] = micros;
        continue;
      }
      day = days;
      start = truncateDays(unit, days) * MICROS_PER_DAY;
    }
    out[i] = start;
  }
}

/** date_trunc(constant unit, timestamps) on whole vectors. */
export const truncateKernel: VectorKernel = (args, rowCount): Vector | undefined => {
  const [unitVector, source] = args;
  if (unitVector?.encoding !== "constant" || typeof unitVector.value !== "string") return undefined;
  if (source === undefined || source.encoding === "constant") return undefined;
  const unit = canonicalUnit(unitVector.value);
  if (source.encoding === "dictionary") {
    if (source.dictionary.length > rowCount) return undefined;
    const { dictionary } = source;
    const truncated = truncateKernel([unitVector, dictionary], dictionary.length);
    return truncated?.encoding === "flat" ? { ...source, type: truncated.type, dictionary: truncated } : undefined;
  }
  const flat = flattenVector(source);
  if (!(flat.values instanceof Float64Array)) return undefined;
  const out = new Float64Array(rowCount);
  const width = FIXED_UNITS[unit];
  if (width !== undefined) truncateFixedInto(out, flat.values, width);
  else truncateCalendarInto(out, flat.values, flat.validity, unit);
  return { encoding: "flat", type: flat.type, length: rowCount, values: out, validity: flat.validity };
};

/** Parts of an instant that extract() can name. Undefined for an unknown unit. */
export function extractPart(unit: string, micros: number): number | undefined {
  const days = Math.floor(micros / MICROS_PER_DAY);
  const inDay = micros - days * MICROS_PER_DAY;
  switch (unit) {
    case "microseconds":
      return inDay % MICROS_PER_MINUTE;
    case "milliseconds":
      return (inDay % MICROS_PER_MINUTE) / 1000;
    case "second":
      return (inDay % MICROS_PER_MINUTE) / MICROS_PER_SECOND;
    case "minute":
      return Math.floor((inDay % MICROS_PER_HOUR) / MICROS_PER_MINUTE);
    case "hour":
      return Math.floor(inDay / MICROS_PER_HOUR);
    case "day":
      return civilFromDays(days).day;
    case "month":
      return civilFromDays(days).month;
    case "quarter":
      return Math.floor((civilFromDays(days).month - 1) / 3) + 1;
    case "year":
      return displayYear(civilFromDays(days).year);
    case "decade":
      return Math.floor(civilFromDays(days).year / 10);
    case "century":
      return centuries(civilFromDays(days).year, 100);
    case "millennium":
      return centuries(civilFromDays(days).year, 1000);
    case "week":
      return isoWeek(days).week;
    case "isoyear":
      return displayYear(isoWeek(days).year);
    case "dow":
      return isoDayOfWeek(days) % 7;
    case "isodow":
      return isoDayOfWeek(days);
    case "doy":
      return days - daysFromCivil(civilFromDays(days).year, 1, 1) + 1;
    case "epoch":
      return micros / MICROS_PER_SECOND;
    case "julian":
      return days + 2_440_588 + inDay / MICROS_PER_DAY;
    case "timezone":
    case "timezone_hour":
    case "timezone_minute":
      return 0;
    default:
      return undefined;
  }
}

function displayYear(year: number): number {
  return year > 0 ? year : year - 1;
}

function centuries(year: number, span: number): number {
  return year > 0 ? Math.floor((year + span - 1) / span) : -Math.floor((span - year) / span);
}
