// Which texts and numbers are points in time, and which point they are.

/**
 * Accepted range, microseconds: [1900-01-01, 2200-01-01). Every value in it is an exact double, and a time outside
 * it is a unit mistake, not an event.
 */
const MIN_MICROS = Date.UTC(1900, 0, 1) * 1000;
const MAX_MICROS = Date.UTC(2200, 0, 1) * 1000;

/** Numbers below this magnitude are seconds (to the year 5138). */
const SECONDS_LIMIT = 1e11;
/** Numbers from {@link SECONDS_LIMIT} to here are milliseconds (from 1973-03-03). */
const MILLIS_LIMIT = 1e14;
/** Numbers from {@link MILLIS_LIMIT} to here are microseconds (from 1973-03-03). */
const MICROS_LIMIT = 1e17;

const MICROS_PER_SECOND = 1e6;
const MICROS_PER_DAY = 86_400e6;
const MILLIS_PER_DAY = 86_400_000;

const ISO_TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?([Zz]|[+-]\d{2}(?::?\d{2})?)?$/;
const ISO_DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const ISO_TIME = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/;

/**
 * Microseconds since the epoch from ISO 8601 text or an epoch number; undefined when it is neither or out of range.
 *
 * Text: `2024-01-15T10:30:00.123456Z`; seconds and their fraction may be absent, digits beyond microseconds are cut
 * off. With `zone` "utc" an offset (`Z`, `+02:00`, `+0200`, `+02`) is required, with "none" it is refused.
 *
 * Numbers, by magnitude: below 1e11 seconds, below 1e14 milliseconds, below 1e17 microseconds; fractions count.
 */
export function timestampToMicros(value: unknown, zone: "utc" | "none"): number | undefined {
  let micros: number | undefined;
  if (typeof value === "string") micros = textToMicros(value, zone);
  else if (typeof value === "number") micros = epochToMicros(value);
  return micros !== undefined && micros >= MIN_MICROS && micros < MAX_MICROS ? micros : undefined;
}

const NANOS_PER_MICRO = 1000n;
/** Digits of a second's fraction that microseconds have. */
const MICRO_DIGITS = 6;
const NANO_DIGITS = 9;

/**
 * Nanoseconds since the epoch, from what {@link timestampToMicros} takes with up to nine digits of the second kept, and
 * from epoch numbers of 1e17 or more, which are nanoseconds. Same range.
 */
export function timestampToNanos(value: unknown, zone: "utc" | "none"): bigint | undefined {
  if (typeof value === "bigint" || (typeof value === "number" && Math.abs(value) >= MICROS_LIMIT)) {
    const isWhole = typeof value === "bigint" || Number.isInteger(value);
    const nanos = isWhole ? BigInt(value) : 0n;
    const isInRange = nanos >= BigInt(MIN_MICROS) * NANOS_PER_MICRO && nanos < BigInt(MAX_MICROS) * NANOS_PER_MICRO;
    return isWhole && isInRange ? nanos : undefined;
  }
  const micros = timestampToMicros(value, zone);
  if (micros === undefined) return undefined;
  const fraction = typeof value === "string" ? (ISO_TIMESTAMP.exec(value)?.[7] ?? "") : "";
  return BigInt(micros) * NANOS_PER_MICRO + BigInt(fraction.padEnd(NANO_DIGITS, "0").slice(MICRO_DIGITS));
}

function epochToMicros(value: number): number | undefined {
  const magnitude = Math.abs(value);
  if (magnitude < SECONDS_LIMIT) return Math.round(value * MICROS_PER_SECOND);
  if (magnitude < MILLIS_LIMIT) return Math.round(value * 1000);
  return magnitude < MICROS_LIMIT ? Math.round(value) : undefined;
}

function textToMicros(text: string, zone: "utc" | "none"): number | undefined {
  return (zone === "utc" ? plainToMicros(text) : undefined) ?? anyTextToMicros(text, zone);
}

/** The last date seen by {@link plainToMicros} and its day: the events of a request are mostly of one day. */
let lastDate = "";
let lastDays = 0;

/** What `Date.prototype.toISOString` writes, to microseconds; undefined for any other text, valid or not. */
function plainToMicros(text: string): number | undefined {
  if (text.length !== 24 || text.charCodeAt(10) !== 0x54 || text.charCodeAt(23) !== 0x5a) return undefined;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a || text.charCodeAt(19) !== 0x2e) return undefined;
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const hundredths = twoDigits(text, 20);
  const thousandths = text.charCodeAt(22) - 0x30;
  const isTime = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
  if (!isTime || hundredths < 0 || thousandths < 0 || thousandths > 9) return undefined;
  if (!text.startsWith(lastDate) || lastDate === "") {
    const date = text.slice(0, 10);
    const days = dateToDays(date);
    if (days === undefined) return undefined;
    lastDate = date;
    lastDays = days;
  }
  const millis = ((hour * 60 + minute) * 60 + second) * 1000 + hundredths * 10 + thousandths;
  return lastDays * MICROS_PER_DAY + millis * 1000;
}

/** The number that two digits write; negative when they are none. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30;
  const ones = text.charCodeAt(at + 1) - 0x30;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

function anyTextToMicros(text: string, zone: "utc" | "none"): number | undefined {
  const match = ISO_TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const offset = match[8];
  if ((offset === undefined) === (zone === "utc")) return undefined;
  const days = civilToDays(Number(match[1]), Number(match[2]), Number(match[3]));
  const time = clockToMicros(Number(match[4]), Number(match[5]), Number(match[6] ?? 0), match[7]);
  const shift = offset === undefined ? 0 : offsetToMinutes(offset);
  if (days === undefined || time === undefined || shift === undefined) return undefined;
  return days * MICROS_PER_DAY + time - shift * 60 * MICROS_PER_SECOND;
}

/** Days since 1970-01-01 of an ISO 8601 calendar date, years 0001 to 9999; undefined when there is no such day. */
export function dateToDays(text: string): number | undefined {
  const match = ISO_DATE.exec(text);
  return match === null ? undefined : civilToDays(Number(match[1]), Number(match[2]), Number(match[3]));
}

/** Microseconds since midnight of `HH:MM[:SS[.ffffff]]`; undefined when it is no time of day. */
export function timeToMicros(text: string): number | undefined {
  const match = ISO_TIME.exec(text);
  return match === null
    ? undefined
    : clockToMicros(Number(match[1]), Number(match[2]), Number(match[3] ?? 0), match[4]);
}

function civilToDays(year: number, month: number, day: number): number | undefined {
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  const date = new Date(0);
  // Date.UTC maps years below 100 to the 20th century; setUTCFullYear does not.
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCDate() === day ? date.getTime() / MILLIS_PER_DAY : undefined;
}

function clockToMicros(hour: number, minute: number, second: number, fraction: string | undefined): number | undefined {
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const micros = fraction === undefined ? 0 : Number(fraction.slice(0, 6).padEnd(6, "0"));
  return ((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + micros;
}

function offsetToMinutes(offset: string): number | undefined {
  if (offset === "Z" || offset === "z") return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(3).replace(":", "") || 0);
  if (hours > 23 || minutes > 59) return undefined;
  return (offset.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}
