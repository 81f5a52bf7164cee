// Text of dates, times and timestamps, read and written as PostgreSQL does with ISO style and UTC.

import {
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "./civil.ts";
import { fieldOutOfRange, invalidText, runtimeError } from "./errors.ts";
import { infiniteText, isInfiniteDate, microsToDate } from "./infinite.ts";
import { clockToText } from "./interval.ts";
import { localToUtc, lookupTimeZone, parseOffset } from "./time-zone.ts";

const MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ISO_DATE = /^(\d{4,6})-(\d{1,2})-(\d{1,2})/;
const MONTH_DAY_YEAR = /^(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\d:])/;
const YEAR_MONTH_DAY = /^(\d{4})([/.])(\d{1,2})\2(\d{1,2})/;
const COMPACT_DATE = /^(\d{4}|\d{2})(\d{2})(\d{2})(?!\d)/;
const YEAR_DAY = /^(\d{4})\.(\d{3})(?!\d)/;
const JULIAN_DAY = /^j(\d{1,7})(?!\d)/i;
const MONTH_FIRST = /^(?:[a-z]{3,9},?\s+)?([a-z]{3,9})\.?[\s-]*(\d{1,2}),?[\s-]+(\d{4}|\d{2})(?![\d:])/i;
const DAY_FIRST = /^(?:[a-z]{3,9},?\s+)?(\d{1,2})[\s-]*([a-z]{3,9})\.?,?[\s-]+(\d{4}|\d{2})(?![\d:])/i;
const YEAR_FIRST = /^(\d{4})[\s-]+([a-z]{3,9})[\s-]+(\d{1,2})(?![\d:])/i;
/** As the C library and Unix's date write it: the year is last, or follows the zone. */
const YEAR_LAST = /^(?:[a-z]{3,9},?\s+)?([a-z]{3,9}\s+\d{1,2})\s+(\d{1,2}:\S+)\s+(?:([a-z]\S*)\s+)?(\d{4})(?!\d)/i;
/** The Julian day of 1970-01-01. */
const JULIAN_EPOCH = 2_440_588;
const CLOCK = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:\s*(am|pm)\b)?/i;
const COMPACT_CLOCK = /^(\d{2})(\d{2})(\d{2})(?:\.(\d+))?(?!\d)/;

/** Parts of a parsed date/time text. */
interface ParsedDateTime {
  readonly days: number;
  /** Microseconds since midnight; may be 24:00. */
  readonly micros: number;
  /** Microseconds east of UTC when the text names a fixed offset, a zone name otherwise. */
  readonly zone: number | string | undefined;
}

function monthOf(name = ""): number {
  return MONTH_NAMES.indexOf(name.slice(0, 3).toLowerCase()) + 1;
}

interface MatchedDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly length: number;
}

/** A year of two digits is one of 1970 to 2069. */
function fullYear(digits: string): number {
  const year = Number(digits);
  return digits.length > 2 ? year : year + (year < 70 ? 2000 : 1900);
}

function dated(
  [whole]: RegExpExecArray,
  year: string | undefined,
  month: number | string | undefined,
  day: string | undefined,
): MatchedDate {
  return { year: fullYear(year ?? ""), month: Number(month), day: Number(day), length: whole.length };
}

function matchDate(text: string): MatchedDate | undefined {
  const iso = ISO_DATE.exec(text);
  if (iso !== null) return dated(iso, iso[1], iso[2], iso[3]);
  const dayOfYear = YEAR_DAY.exec(text);
  if (dayOfYear !== null) {
    return { ...civilFromDays(daysFromCivil(Number(dayOfYear[1]), 1, 1) + Number(dayOfYear[2]) - 1), length: 8 };
  }
  const julian = JULIAN_DAY.exec(text);
  if (julian !== null) return { ...civilFromDays(Number(julian[1]) - JULIAN_EPOCH), length: julian[0].length };
  const yearFirst = YEAR_MONTH_DAY.exec(text);
  if (yearFirst !== null) return dated(yearFirst, yearFirst[1], yearFirst[3], yearFirst[4]);
  const compact = COMPACT_DATE.exec(text);
  if (compact !== null) return dated(compact, compact[1], compact[2], compact[3]);
  const numbers = MONTH_DAY_YEAR.exec(text);
  if (numbers !== null) return dated(numbers, numbers[4], numbers[1], numbers[3]);
  return matchNamedMonth(text);
}

function matchNamedMonth(text: string): MatchedDate | undefined {
  const named = MONTH_FIRST.exec(text);
  if (named !== null && monthOf(named[1]) > 0) return dated(named, named[3], monthOf(named[1]), named[2]);
  const dayFirst = DAY_FIRST.exec(text);
  if (dayFirst !== null && monthOf(dayFirst[2]) > 0) {
    return dated(dayFirst, dayFirst[3], monthOf(dayFirst[2]), dayFirst[1]);
  }
  const yearFirst = YEAR_FIRST.exec(text);
  return yearFirst === null || monthOf(yearFirst[2]) === 0
    ? undefined
    : dated(yearFirst, yearFirst[1], monthOf(yearFirst[2]), yearFirst[3]);
}

function fractionMicros(digits: string | undefined): number {
  return digits === undefined ? 0 : Math.round(Number(`0.${digits}`) * MICROS_PER_SECOND);
}

function matchClock(text: string, whole: string): { micros: number; length: number } | undefined {
  const match = CLOCK.exec(text) ?? COMPACT_CLOCK.exec(text);
  if (match === null) return undefined;
  let hours = Number(match[1]);
  const minutes = Number(match[2]);
  const seconds = Number(match[3] ?? 0);
  const half = match[5]?.toLowerCase();
  if (half !== undefined) {
    if (hours < 1 || hours > 12) throw fieldOutOfRange(`"${whole}"`);
    hours = (hours % 12) + (half === "pm" ? 12 : 0);
  }
  const micros =
    hours * MICROS_PER_HOUR + minutes * MICROS_PER_MINUTE + seconds * MICROS_PER_SECOND + fractionMicros(match[4]);
  if (hours > 24 || minutes > 59 || seconds > 60 || micros > MICROS_PER_DAY) throw fieldOutOfRange(`"${whole}"`);
  return { micros, length: match[0].length };
}

function matchZone(text: string): number | string | undefined {
  const offset = parseOffset(text.replace(/\s+/g, ""));
  if (offset !== undefined) return offset;
  if (lookupTimeZone(text) !== undefined) return text;
  if (/^[a-z]+(?:_[a-z]+)*\/[a-z_/+-]+$/i.test(text)) throw runtimeError(`time zone "${text}" not recognized`);
  return undefined;
}

function parseDateTime(text: string, typeName: string): ParsedDateTime {
  let rest = text
    .trim()
    .replace(YEAR_LAST, (_whole, day: string, clock: string, zone: string | undefined, year: string) =>
      [day, year, clock, zone ?? ""].join(" "),
    );
  const date = matchDate(rest);
  if (date === undefined) throw invalidText(typeName, text);
  let { year } = date;
  rest = rest.slice(date.length);
  const bc = /\s+(bc|ad)$/i.exec(rest);
  if (bc !== null) {
    if (bc[1]?.toLowerCase() === "bc") year = 1 - year;
    rest = rest.slice(0, bc.index);
  }
  const maxDay = date.month >= 1 && date.month <= 12 ? daysInMonth(year, date.month) : 0;
  if (date.day < 1 || date.day > maxDay || (year === 0 && bc === null)) throw fieldOutOfRange(`"${text}"`);
  const days = daysFromCivil(year, date.month, date.day);
  rest = rest.replace(/^(?:\s+|t)/i, "");
  if (rest === "") return { days, micros: 0, zone: undefined };
  const clock = matchClock(rest, text);
  if (clock !== undefined) rest = rest.slice(clock.length);
  rest = rest.trim();
  const zone = rest === "" ? undefined : matchZone(rest);
  if (rest !== "" && zone === undefined) throw invalidText(typeName, text);
  return { days, micros: clock?.micros ?? 0, zone };
}

const KEYWORDS = new Map<string, (now: () => number) => number>([
  ["epoch", () => 0],
  ["now", (now) => now()],
  ["today", (now) => Math.floor(now() / MICROS_PER_DAY) * MICROS_PER_DAY],
  ["tomorrow", (now) => (Math.floor(now() / MICROS_PER_DAY) + 1) * MICROS_PER_DAY],
  ["yesterday", (now) => (Math.floor(now() / MICROS_PER_DAY) - 1) * MICROS_PER_DAY],
  ["infinity", () => Number.POSITIVE_INFINITY],
  ["-infinity", () => Number.NEGATIVE_INFINITY],
]);

/** Parses a date. `now` is asked for microseconds by `today` and its kin only. Errors: invalid_text_representation. */
export function textToDate(text: string, now: () => number): number {
  const keyword = KEYWORDS.get(text.trim().toLowerCase());
  if (keyword !== undefined) {
    return microsToDate(keyword(now));
  }
  return parseDateTime(text, "date").days;
}

/**
 * Parses a timestamp to microseconds. With `utc` an offset or zone in the text is applied and local times are
 * UTC; without, a zone in the text is read and ignored. Errors: invalid_text_representation.
 */
export function textToTimestamp(text: string, utc: boolean, now: () => number): number {
  const keyword = KEYWORDS.get(text.trim().toLowerCase());
  if (keyword !== undefined) return keyword(now);
  const parsed = parseDateTime(text, utc ? "timestamp with time zone" : "timestamp");
  const local = parsed.days * MICROS_PER_DAY + parsed.micros;
  if (!utc || parsed.zone === undefined) return local;
  if (typeof parsed.zone === "number") return local - parsed.zone;
  const zone = lookupTimeZone(parsed.zone);
  return zone === undefined ? local : localToUtc(zone, local);
}

/** Parses a time of day to microseconds since midnight. Errors: invalid_text_representation. */
export function textToTime(text: string): number {
  const source = text.trim();
  if (source.toLowerCase() === "allballs") return 0;
  const clock = matchClock(source, text);
  if (clock !== undefined) {
    const rest = source.slice(clock.length).trim();
    if (rest === "" || matchZone(rest) !== undefined) return clock.micros;
    throw invalidText("time", text);
  }
  return parseDateTime(text, "time").micros;
}

/** `2024-01-15`, with ` BC` before year 1. */
export function dateToText(days: number): string {
  if (isInfiniteDate(days)) return infiniteText(days);
  const { year, month, day } = civilFromDays(days);
  const shown = year > 0 ? year : 1 - year;
  const text = `${shown.toString().padStart(4, "0")}-${month < 10 ? "0" : ""}${month}-${day < 10 ? "0" : ""}${day}`;
  return year > 0 ? text : `${text} BC`;
}

/** `10:00:00.5`. */
export function timeToText(micros: number): string {
  return clockToText(micros);
}

/** `2024-01-15 10:00:00`, with `+00` when `utc`. */
export function timestampToText(micros: number, utc: boolean): string {
  if (!Number.isFinite(micros)) return infiniteText(micros);
  const days = Math.floor(micros / MICROS_PER_DAY);
  const date = dateToText(days);
  const clock = clockToText(micros - days * MICROS_PER_DAY) + (utc ? "+00" : "");
  return date.endsWith(" BC") ? `${date.slice(0, -3)} ${clock} BC` : `${date} ${clock}`;
}
