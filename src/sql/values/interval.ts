// PostgreSQL intervals: months, days and microseconds kept apart; parsing, printing, arithmetic, comparison.

import type { Interval } from "#columnar";
import { DAYS_PER_MONTH, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND } from "./civil.ts";
import { divisionByZero, invalidText } from "./errors.ts";
import { infiniteText, isInfiniteInterval } from "./infinite.ts";
import { roundHalfEven } from "./number-text.ts";

/** Nothing in any part. */
export const ZERO_INTERVAL: Interval = { months: 0, days: 0, micros: 0 };

type IntervalField = "months" | "days" | "micros";
interface UnitMeaning {
  readonly field: IntervalField;
  readonly factor: number;
}

const UNITS = new Map<string, UnitMeaning>();
function defineUnit(field: IntervalField, factor: number, names: string): void {
  for (const name of names.split(" ")) UNITS.set(name, { field, factor });
}
defineUnit("months", 12_000, "millennium millennia millenniums mil mils");
defineUnit("months", 1200, "century centuries cent c");
defineUnit("months", 120, "decade decades dec decs");
defineUnit("months", 12, "year years yr yrs y");
defineUnit("months", 1, "month months mon mons");
defineUnit("days", 7, "week weeks w");
defineUnit("days", 1, "day days d");
defineUnit("micros", MICROS_PER_HOUR, "hour hours hr hrs h");
defineUnit("micros", MICROS_PER_MINUTE, "minute minutes min mins m");
defineUnit("micros", MICROS_PER_SECOND, "second seconds sec secs s");
defineUnit("micros", 1000, "millisecond milliseconds msec msecs ms");
defineUnit("micros", 1, "microsecond microseconds usec usecs us");

interface MutableInterval {
  months: number;
  days: number;
  micros: number;
}

/** Adds `amount` of a unit; fractions of months flow into days, fractions of days into microseconds. */
function addAmount(into: MutableInterval, unit: UnitMeaning, amount: number): void {
  const whole = amount * unit.factor;
  if (unit.field === "micros") {
    into.micros += Math.round(whole);
    return;
  }
  const cut = Math.trunc(whole);
  const fraction = Number((whole - cut).toFixed(9));
  into[unit.field] += cut;
  if (fraction === 0) return;
  if (unit.field === "days") {
    into.micros += Math.round(fraction * MICROS_PER_DAY);
    return;
  }
  if (unit.factor > 1) {
    into.months += Math.round(fraction);
    return;
  }
  const days = fraction * DAYS_PER_MONTH;
  const wholeDays = Math.trunc(days);
  into.days += wholeDays;
  into.micros += Math.round(Number((days - wholeDays).toFixed(9)) * MICROS_PER_DAY);
}

const CLOCK = /^([+-]?)(\d+):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?$/;
const TOKEN =
  /([+-]?\d+:\d{1,2}(?::\d{1,2}(?:\.\d+)?)?)|([+-]?\d+-\d{1,2}(?!\d))|([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|([a-z]+)|(@)|(\S)/gy;

function addClock(into: MutableInterval, text: string): boolean {
  const match = CLOCK.exec(text);
  if (match === null) return false;
  const fraction = Number((match[5] ?? "").padEnd(6, "0").slice(0, 6));
  const minutes = Number(match[3]);
  const seconds = Number(match[4] ?? 0);
  if (minutes > 59 || seconds > 60) return false;
  const micros =
    Number(match[2]) * MICROS_PER_HOUR + minutes * MICROS_PER_MINUTE + seconds * MICROS_PER_SECOND + fraction;
  into.micros += match[1] === "-" ? -micros : micros;
  return true;
}

const ISO = /^([+-]?)p(?=.)((?:[+-]?\d+(?:\.\d+)?[ymwd])*)(?:t((?:[+-]?\d+(?:\.\d+)?[hms])+))?$/;
const ISO_PART = /([+-]?\d+(?:\.\d+)?)([a-z])/g;

function parseIso(text: string): Interval | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const into: MutableInterval = { months: 0, days: 0, micros: 0 };
  for (const [, amount = "0", unit = ""] of (match[2] ?? "").matchAll(ISO_PART)) {
    const meaning = UNITS.get(unit === "m" ? "month" : unit);
    if (meaning !== undefined) addAmount(into, meaning, Number(amount));
  }
  for (const [, amount = "0", unit = ""] of (match[3] ?? "").matchAll(ISO_PART)) {
    const meaning = UNITS.get(unit);
    if (meaning !== undefined) addAmount(into, meaning, Number(amount));
  }
  return match[1] === "-" ? negateInterval(into) : into;
}

/** Parses PostgreSQL's verbose, clock, SQL year-month and ISO 8601 forms; undefined when it is none. */
export function parseInterval(text: string): Interval | undefined {
  const source = text.trim().toLowerCase();
  if (source === "") return undefined;
  if (/^[+-]?p/.test(source)) return parseIso(source);
  const into: MutableInterval = { months: 0, days: 0, micros: 0 };
  let pending: number | undefined;
  let negated = false;
  let seen = false;
  for (const match of source
    // A sign may stand apart from its number.
    .replace(/(?<!\S)([+-])\s+(?=[\d.])/g, "$1")
    .replace(/\s+/g, " ")
    .split(/ /)
    .flatMap((word) => [...word.matchAll(new RegExp(TOKEN.source, "g"))])) {
    const [, clock, yearMonth, number, word, at] = match;
    if (at !== undefined) continue;
    if (clock !== undefined) {
      if (pending !== undefined) into.days += pending;
      pending = undefined;
      if (!addClock(into, clock)) return undefined;
      seen = true;
    } else if (yearMonth !== undefined) {
      const sign = yearMonth.startsWith("-") ? -1 : 1;
      const [years = "0", months = "0"] = yearMonth.replace(/^[+-]/, "").split("-");
      into.months += sign * (Number(years) * 12 + Number(months));
      seen = true;
    } else if (number !== undefined) {
      if (pending !== undefined) return undefined;
      pending = Number(number);
    } else if (word === "ago" && pending === undefined && seen) {
      negated = true;
    } else if (word === "and" || word === undefined) {
      return undefined;
    } else {
      const unit = UNITS.get(word);
      if (unit === undefined || pending === undefined) return undefined;
      addAmount(into, unit, pending);
      pending = undefined;
      seen = true;
    }
  }
  // A bare trailing number counts seconds.
  if (pending !== undefined) {
    into.micros += Math.round(pending * MICROS_PER_SECOND);
    seen = true;
  }
  if (!seen) return undefined;
  return negated ? negateInterval(into) : into;
}

const INFINITE: ReadonlyMap<string, Interval> = new Map([
  ["infinity", { months: 0, days: 0, micros: Number.POSITIVE_INFINITY }],
  ["+infinity", { months: 0, days: 0, micros: Number.POSITIVE_INFINITY }],
  ["-infinity", { months: 0, days: 0, micros: Number.NEGATIVE_INFINITY }],
]);

/** Parses or throws invalid_text_representation. */
export function textToInterval(text: string): Interval {
  const infinite = INFINITE.get(text.trim().toLowerCase());
  if (infinite !== undefined) return infinite;
  const value = parseInterval(text);
  if (value === undefined) throw invalidText("interval", text);
  return value;
}

/** PostgreSQL's default style: `1 year 2 mons 3 days 04:05:06.5`. */
export function intervalToText(value: Interval): string {
  if (isInfiniteInterval(value)) return infiniteText(value.micros);
  let text = "";
  let before = false;
  const part = (amount: number, unit: string): void => {
    if (amount === 0) return;
    text += `${text === "" ? "" : " "}${before && amount > 0 ? "+" : ""}${amount} ${unit}${amount === 1 ? "" : "s"}`;
    before = amount < 0;
  };
  part(Math.trunc(value.months / 12), "year");
  part(value.months % 12, "mon");
  part(value.days, "day");
  if (text !== "" && value.micros === 0) return text;
  const sign = value.micros < 0 ? "-" : before ? "+" : "";
  return `${text}${text === "" ? "" : " "}${sign}${clockToText(Math.abs(value.micros))}`;
}

/** `HH:MM:SS[.ffffff]` of non-negative microseconds; hours may exceed 24. */
export function clockToText(micros: number): string {
  const hours = Math.floor(micros / MICROS_PER_HOUR);
  const minutes = Math.floor((micros % MICROS_PER_HOUR) / MICROS_PER_MINUTE);
  const seconds = Math.floor((micros % MICROS_PER_MINUTE) / MICROS_PER_SECOND);
  const fraction = micros % MICROS_PER_SECOND;
  const tail = fraction === 0 ? "" : `.${fraction.toString().padStart(6, "0").replace(/0+$/, "")}`;
  return `${hours.toString().padStart(2, "0")}:${minutes.toString().padStart(2, "0")}:${seconds.toString().padStart(2, "0")}${tail}`;
}

/** `-value`. */
export function negateInterval(value: Interval): Interval {
  return { months: 0 - value.months, days: 0 - value.days, micros: 0 - value.micros };
}

/** Part by part sum. */
export function addIntervals(a: Interval, b: Interval): Interval {
  return { months: a.months + b.months, days: a.days + b.days, micros: a.micros + b.micros };
}

/** Part by part difference. */
export function subtractIntervals(a: Interval, b: Interval): Interval {
  return { months: a.months - b.months, days: a.days - b.days, micros: a.micros - b.micros };
}

/** Microseconds with a month as 30 days and a day as 24 hours; inexact beyond 285 years. */
export function intervalToMicros(value: Interval): number {
  return (value.months * DAYS_PER_MONTH + value.days) * MICROS_PER_DAY + value.micros;
}

function wholeDays({ months, days, micros }: Interval): number {
  return months * DAYS_PER_MONTH + days + Math.floor(micros / MICROS_PER_DAY);
}

function restOfDay({ micros }: Interval): number {
  return micros - Math.floor(micros / MICROS_PER_DAY) * MICROS_PER_DAY;
}

/** PostgreSQL's order: a month counts 30 days, a day 24 hours. */
export function compareIntervals(a: Interval, b: Interval): number {
  if (isInfiniteInterval(a) || isInfiniteInterval(b)) {
    return a.micros === b.micros ? 0 : intervalToMicros(a) < intervalToMicros(b) ? -1 : 1;
  }
  return wholeDays(a) - wholeDays(b) || restOfDay(a) - restOfDay(b);
}

/** Rounds to microseconds the way PostgreSQL rounds fractions of a day it carries down. */
function roundToMicro(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** Scales every part; fractions cascade from months to days to microseconds. */
export function multiplyInterval(value: Interval, factor: number): Interval {
  if (isInfiniteInterval(value)) return { months: 0, days: 0, micros: value.micros * factor };
  const exactMonths = value.months * factor;
  const months = Math.trunc(exactMonths);
  const exactDays = value.days * factor;
  let days = Math.trunc(exactDays);
  const monthRest = roundToMicro((exactMonths - months) * DAYS_PER_MONTH);
  const wholeRestDays = Math.trunc(monthRest);
  let secondsRest = roundToMicro((exactDays - days + monthRest - wholeRestDays) * 86_400);
  if (Math.abs(secondsRest) >= 86_400) {
    days += Math.trunc(secondsRest / 86_400);
    secondsRest -= Math.trunc(secondsRest / 86_400) * 86_400;
  }
  days += wholeRestDays;
  const micros = roundHalfEven(value.micros * factor + secondsRest * MICROS_PER_SECOND);
  return { months: months + 0, days: days + 0, micros: micros + 0 };
}

/** Divides every part. Errors: division_by_zero. */
export function divideInterval(value: Interval, divisor: number): Interval {
  if (divisor === 0) throw divisionByZero();
  return multiplyInterval(value, 1 / divisor);
}

/** Moves whole days out of the microseconds so that both have the same sign (justify_hours). */
export function justifyHours(value: Interval): Interval {
  if (isInfiniteInterval(value)) return value;
  const whole = Math.trunc(value.micros / MICROS_PER_DAY);
  let days = value.days + whole;
  let micros = value.micros - whole * MICROS_PER_DAY;
  if (days > 0 && micros < 0) {
    micros += MICROS_PER_DAY;
    days--;
  } else if (days < 0 && micros > 0) {
    micros -= MICROS_PER_DAY;
    days++;
  }
  return { months: value.months, days: days + 0, micros: micros + 0 };
}

/** Days from hours and months from days, all of one sign. */
export function justifyInterval(value: Interval): Interval {
  if (isInfiniteInterval(value)) return value;
  let { months, days, micros } = value;
  const takeDays = (): void => {
    const whole = Math.trunc(micros / MICROS_PER_DAY);
    days += whole;
    micros -= whole * MICROS_PER_DAY;
  };
  if ((days > 0 && micros > 0) || (days < 0 && micros < 0)) takeDays();
  const whole = Math.trunc(days / DAYS_PER_MONTH);
  months += whole;
  days -= whole * DAYS_PER_MONTH;
  takeDays();
  if (months > 0 && (days < 0 || (days === 0 && micros < 0))) {
    days += DAYS_PER_MONTH;
    months--;
  } else if (months < 0 && (days > 0 || (days === 0 && micros > 0))) {
    days -= DAYS_PER_MONTH;
    months++;
  }
  if (days > 0 && micros < 0) {
    micros += MICROS_PER_DAY;
    days--;
  } else if (days < 0 && micros > 0) {
    micros -= MICROS_PER_DAY;
    days++;
  }
  return { months: months + 0, days: days + 0, micros: micros + 0 };
}

/** Moves each 30 days into a month (justify_days). */
export function justifyDays(value: Interval): Interval {
  const whole = Math.trunc(value.days / DAYS_PER_MONTH);
  let months = value.months + whole;
  let days = value.days - whole * DAYS_PER_MONTH;
  if (months > 0 && days < 0) {
    days += DAYS_PER_MONTH;
    months--;
  } else if (months < 0 && days > 0) {
    days -= DAYS_PER_MONTH;
    months++;
  }
  return { months: months + 0, days: days + 0, micros: value.micros };
}
