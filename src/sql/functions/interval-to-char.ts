// to_char for intervals: years, months, days and the clock stand for themselves, however large, with their signs.

import type { Interval } from "#columnar";
import { DAYS_PER_MONTH, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND } from "../values/civil.ts";
import { runtimeError } from "../values/errors.ts";
import { digits } from "./time-fields.ts";
import { TOKENS } from "./to-char.ts";

interface IntervalFields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micro: number;
  /** All days, a month as thirty. */
  readonly allDays: number;
}

function fieldsOf({ months, days, micros }: Interval): IntervalFields {
  return {
    year: Math.trunc(months / 12),
    month: months % 12,
    day: days,
    hour: Math.trunc(micros / MICROS_PER_HOUR),
    minute: Math.trunc((micros % MICROS_PER_HOUR) / MICROS_PER_MINUTE),
    second: Math.trunc((micros % MICROS_PER_MINUTE) / MICROS_PER_SECOND),
    micro: micros % MICROS_PER_SECOND,
    allDays: months * DAYS_PER_MONTH + days,
  };
}

/** A number and its least width; a part of a pattern that tells nothing of an interval has none. */
function numberOf(token: string, f: IntervalFields): readonly [value: number, width: number] | undefined {
  switch (token.toUpperCase()) {
    case "HH24":
      return [f.hour, 2];
    case "HH":
    case "HH12":
      return [f.hour % 12 === 0 ? 12 : f.hour % 12, 2];
    case "MI":
      return [f.minute, 2];
    case "SS":
      return [f.second, 2];
    case "SSSS":
    case "SSSSS":
      return [f.hour * 3600 + f.minute * 60 + f.second, 1];
    case "YYYY":
      return [f.year, 4];
    case "YYY":
      return [f.year % 1000, 3];
    case "YY":
      return [f.year % 100, 2];
    case "Y":
      return [f.year % 10, 1];
    case "MM":
      return [f.month, 2];
    case "WW":
      return [Math.trunc((f.allDays - 1) / 7) + 1, 2];
    case "W":
      return [Math.trunc((f.day - 1) / 7) + 1, 1];
    case "CC":
      return [Math.trunc(f.year / 100), 2];
    default:
      return undefined;
  }
}

/** Digits of a second's fraction that a part of a pattern shows. */
const FRACTIONS: Readonly<Record<string, number>> = { MS: 3, US: 6, FF1: 1, FF2: 2, FF3: 3, FF4: 4, FF5: 5, FF6: 6 };

/** Digits whose width counts the sign. */
function signedDigits(value: number, width: number): string {
  return value < 0 ? `-${(-value).toString().padStart(width - 1, "0")}` : digits(value, width);
}

function wordOf(
  token: string,
  { hour, month, day, micro, allDays }: IntervalFields,
  isFilled: boolean,
): string | undefined {
  const upper = token.toUpperCase();
  const fraction = FRACTIONS[upper];
  if (fraction !== undefined) return signedDigits(Math.trunc(micro / 10 ** (6 - fraction)), fraction);
  if (upper === "DDD") return signedDigits(allDays, isFilled ? 3 : 1);
  if (upper === "DD") return signedDigits(day, isFilled ? 2 : 1);
  if (upper === "Q") return month === 0 ? "" : (Math.trunc((month - 1) / 3) + 1).toString();
  if (!/^[AP]\.?M\.?$/.test(upper)) return undefined;
  const half = hour % 24 >= 12 ? "P" : "A";
  const word = upper.includes(".") ? `${half}.M.` : `${half}M`;
  return token === upper ? word : word.toLowerCase();
}

/** to_char(interval, pattern). Errors: `sql_runtime_error` for names of months and days, eras and zones. */
export function intervalToChar(value: Interval, pattern: string): string {
  const fields = fieldsOf(value);
  return pattern.replace(TOKENS, (_whole, prefix: string | undefined, token: string, suffix: string | undefined) => {
    if (token.startsWith('"') && token.length > 1) return token.slice(1, -1).replace(/\\(.)/g, "$1") + (suffix ?? "");
    if (token === '\\"') return `"${suffix ?? ""}`;
    if (token === '"') return token;
    const number = numberOf(token, fields);
    if (number !== undefined) return digits(number[0], prefix === undefined ? number[1] : 1);
    const word = wordOf(token, fields, prefix === undefined);
    if (word === undefined) throw runtimeError("invalid format specification for an interval value");
    return word;
  });
}
