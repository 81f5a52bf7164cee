// Dates and times inside SQL/JSON paths: what .datetime() and its kin make of text, how they compare and print.

import { MICROS_PER_DAY } from "../values/civil.ts";
import { dateToText, textToTime, textToTimestamp, timestampToText, timeToText } from "../values/datetime-text.ts";
import { runtimeError } from "../values/errors.ts";
import { JsonDateTime, type DateTimeKind } from "../values/jsonb.ts";
import { parseOffset } from "../values/time-zone.ts";
import { parseByPattern } from "./parse-by-pattern.ts";
import { digits } from "./time-fields.ts";

const ISO =
  /^(?:(?<date>\d{1,4}-\d{1,2}-\d{1,2}))?(?:(?:[T ]|^)(?<clock>\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d+)?)?)\s*(?<zone>Z|[+-]\d{1,2}(?::?\d{2})?)?)?$/;

const neverNow = (): number => 0;

/** An ISO 8601 text as the kind it is written in; undefined for other texts. */
function readIso(text: string): JsonDateTime | undefined {
  const { date, clock, zone } = ISO.exec(text.trim())?.groups ?? {};
  if (date === undefined && clock === undefined) return undefined;
  try {
    const offset = zone === undefined ? undefined : zone === "Z" ? 0 : (parseOffset(zone) ?? 0);
    if (clock === undefined) return made("date", textToTimestamp(date ?? "", false, neverNow));
    if (date === undefined) return made(offset === undefined ? "time" : "timetz", textToTime(clock), offset);
    const local = textToTimestamp(`${date} ${clock}`, false, neverNow);
    return offset === undefined ? made("timestamp", local) : made("timestamptz", local - offset, offset);
  } catch {
    return undefined;
  }
}

/** A value of a kind; its micros are UTC's where the kind has a zone, but of a time of day they are the clock's. */
function made(kind: DateTimeKind, micros: number, offset?: number): JsonDateTime {
  return new JsonDateTime(kind, micros, offset ?? 0, print(kind, micros, offset ?? 0));
}

function offsetText(offset: number): string {
  const minutes = Math.abs(Math.round(offset / 60_000_000));
  return `${offset < 0 ? "-" : "+"}${digits(Math.trunc(minutes / 60), 2)}:${digits(minutes % 60, 2)}`;
}

function print(kind: DateTimeKind, micros: number, offset: number): string {
  switch (kind) {
    case "date":
      return dateToText(Math.floor(micros / MICROS_PER_DAY));
    case "time":
      return timeToText(micros);
    case "timetz":
      return timeToText(micros) + offsetText(offset);
    case "timestamp":
      return timestampToText(micros, false).replace(" ", "T");
    case "timestamptz":
      return timestampToText(micros + offset, false).replace(" ", "T") + offsetText(offset);
  }
}

const DATE_TOKEN = /Y|MM|MON|DD|CC|Q|WW|IW|J/i;
const CLOCK_TOKEN = /HH|MI|SS|MS|US|FF/i;

/** .datetime(), with or without a pattern. Errors: `sql_runtime_error`. */
export function readDateTime(text: string, pattern: string | undefined): JsonDateTime {
  if (pattern === undefined) {
    const value = readIso(text);
    if (value !== undefined) return value;
    throw runtimeError(`datetime format is not recognized: "${text}"`);
  }
  const micros = parseByPattern(text, pattern);
  const hasDate = DATE_TOKEN.test(pattern);
  const hasClock = CLOCK_TOKEN.test(pattern);
  const hasZone = /TZH|OF/i.test(pattern);
  if (hasDate && hasClock) return made(hasZone ? "timestamptz" : "timestamp", micros);
  if (hasDate) return made("date", micros);
  return made(hasZone ? "timetz" : "time", micros - Math.floor(micros / MICROS_PER_DAY) * MICROS_PER_DAY);
}

/** Kinds that a value may become, and those of them that need to know a zone (the session's is UTC). */
const CONVERSIONS: Readonly<Record<DateTimeKind, Partial<Record<DateTimeKind, "plain" | "zone">>>> = {
  date: { date: "plain", timestamp: "plain", timestamptz: "zone" },
  time: { time: "plain", timetz: "zone" },
  timetz: { timetz: "plain", time: "zone" },
  timestamp: { date: "plain", time: "plain", timestamp: "plain", timestamptz: "zone" },
  timestamptz: { date: "zone", time: "zone", timetz: "plain", timestamp: "zone", timestamptz: "plain" },
};
const METHODS: Readonly<Record<string, DateTimeKind>> = {
  date: "date",
  time: "time",
  time_tz: "timetz",
  timestamp: "timestamp",
  timestamp_tz: "timestamptz",
};

function inDay(local: number): number {
  return local - Math.floor(local / MICROS_PER_DAY) * MICROS_PER_DAY;
}

function needsZone(from: DateTimeKind, to: DateTimeKind): Error {
  return runtimeError(`cannot convert value from ${from} to ${to} without time zone usage`);
}

/** .date(), .time(), .timestamp() and those with _tz; undefined for any other method. */
export function readAs(
  text: string,
  method: string,
  precision: number | undefined,
  usesZone: boolean,
): JsonDateTime | undefined {
  const kind = METHODS[method];
  if (kind === undefined) return undefined;
  const value = readIso(text);
  if (value === undefined) throw runtimeError(`${method} format is not recognized: "${text}"`);
  const conversion = CONVERSIONS[value.kind][kind];
  if (conversion === undefined) throw runtimeError(`${method} format is not recognized: "${text}"`);
  if (conversion === "zone" && !usesZone) throw needsZone(value.kind, kind);
  const unit = 10 ** (6 - Math.min(precision ?? 6, 6));
  const { micros, offset } = value;
  const rounded = Math.round(micros / unit) * unit;
  switch (kind) {
    case "date":
      return made(kind, Math.floor(micros / MICROS_PER_DAY) * MICROS_PER_DAY);
    case "time":
      return made(kind, inDay(value.kind === "timetz" ? rounded - offset : rounded));
    case "timetz":
      return made(kind, inDay(value.kind === "timestamptz" ? rounded + offset : rounded), offset);
    case "timestamp":
    case "timestamptz":
      return made(kind, rounded, kind === "timestamptz" ? offset : 0);
  }
}

function isClock(kind: DateTimeKind): boolean {
  return kind === "time" || kind === "timetz";
}

function hasZone(kind: DateTimeKind): boolean {
  return kind.endsWith("tz");
}

function instantOf({ kind, micros, offset }: JsonDateTime): number {
  return micros - (kind === "timetz" ? offset : 0);
}

/** The order of two; undefined where dates would meet times. Errors where a zone is needed. */
export function compareDateTimes(a: JsonDateTime, b: JsonDateTime, usesZone: boolean): number | undefined {
  if (isClock(a.kind) !== isClock(b.kind)) return undefined;
  if (hasZone(a.kind) !== hasZone(b.kind) && !usesZone) throw needsZone(a.kind, b.kind);
  return instantOf(a) - instantOf(b) || (a.kind === "timetz" && b.kind === "timetz" ? a.offset - b.offset : 0);
}
