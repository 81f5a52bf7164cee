// to_timestamp and to_date: reading text by a pattern.

import { LakeError } from "#core";
import {
  daysFromCivil,
  daysInMonth,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "../values/civil.ts";
import { fieldOutOfRange } from "../values/errors.ts";
import { DAYS, MONTHS } from "./time-fields.ts";
import { TOKENS } from "./to-char.ts";

/** Reads text by a to_timestamp pattern. Errors: sql_runtime_error. */
export function parseByPattern(text: string, pattern: string): number {
  let year = 1;
  let month = 1;
  let day = 1;
  let dayInYear: number | undefined;
  let hour = 0;
  let minute = 0;
  let second = 0;
  let micro = 0;
  let half: string | undefined;
  let before = false;
  let at = 0;
  const fail = (token: string): never => {
    throw new LakeError("invalid_text_representation", `invalid value "${text.slice(at, at + 10)}" for "${token}"`);
  };
  const number = (token: string, max: number): number => {
    while (text[at] === " ") at++;
    const match = /^[+-]?\d+/.exec(text.slice(at, at + max));
    if (match === null) return fail(token);
    at += match[0].length;
    return Number(match[0]);
  };
  const word = (token: string, names: readonly string[], length: number | undefined): number => {
    const rest = text.slice(at).toLowerCase();
    const index = names.findIndex((name) =>
      rest.startsWith((length === undefined ? name : name.slice(0, length)).toLowerCase()),
    );
    if (index < 0) return fail(token);
    at += length ?? (names[index] ?? "").length;
    return index + 1;
  };
  let last = 0;
  const literal = (part: string): void => {
    for (const c of part) {
      if (/[A-Za-z0-9]/.test(c)) at++;
      else
        while (at < text.length && /[^A-Za-z0-9+-]/.test(text[at] ?? "")) {
          at++;
          if (!/\s/.test(text[at] ?? "")) break;
        }
      if (/[-/:,.]/.test(c) && text[at] === c) at++;
    }
  };
  for (const match of pattern.matchAll(TOKENS)) {
    literal(pattern.slice(last, match.index));
    last = match.index + match[0].length;
    const token = match[2] ?? "";
    const upper = token.toUpperCase();
    const whole = match[1] !== undefined || !/^[A-Za-z]/.test(pattern[last] ?? " ");
    switch (upper) {
      case "YYYY":
      case "IYYY":
        year = number(token, whole ? 9 : 4);
        break;
      case "YYY":
      case "YY":
      case "Y": {
        const short = number(token, upper.length);
        year = short < 70 ? short + 2000 : short < 100 ? short + 1900 : short < 520 ? short + 2000 : short + 1000;
        break;
      }
      case "MM":
        month = number(token, 2);
        break;
      case "MONTH":
        month = word(token, MONTHS, undefined);
        break;
      case "MON":
        month = word(token, MONTHS, 3);
        break;
      case "DAY":
        word(token, DAYS, undefined);
        break;
      case "DY":
        word(token, DAYS, 3);
        break;
      case "DDD":
        dayInYear = number(token, 3);
        break;
      case "DD":
        day = number(token, 2);
        break;
      case "HH24":
      case "HH12":
      case "HH":
        hour = number(token, 2);
        break;
      case "MI":
        minute = number(token, 2);
        break;
      case "SS":
        second = number(token, 2);
        break;
      case "MS":
      case "US":
      case "FF1":
      case "FF2":
      case "FF3":
      case "FF4":
      case "FF5":
      case "FF6": {
        const width = upper === "MS" ? 3 : upper === "US" ? 6 : Number(upper[2]);
        const start = at;
        number(token, width);
        micro = Number(text.slice(start, at).trim().padEnd(6, "0"));
        break;
      }
      case "AM":
      case "PM":
      case "A.M.":
      case "P.M.":
        half = text.slice(at, at + 1).toLowerCase();
        if (half !== "a" && half !== "p") fail(token);
        at += upper.length;
        break;
      case "BC":
      case "AD":
        before = text.slice(at, at + 2).toUpperCase() === "BC";
        at += 2;
        break;
      default:
        if (token.startsWith('"')) at += token.length - 2;
    }
  }
  if (half !== undefined) {
    if (hour < 1 || hour > 12) throw fieldOutOfRange(`hour "${hour}" is invalid for the 12-hour clock`);
    hour = (hour % 12) + (half === "p" ? 12 : 0);
  }
  if (before) year = 1 - year;
  const badDay = month < 1 || month > 12 || day < 1 || day > daysInMonth(year, Math.min(Math.max(month, 1), 12));
  if (badDay || hour > 23 || minute > 59 || second > 59) {
    throw fieldOutOfRange(`"${text}"`);
  }
  const days = dayInYear === undefined ? daysFromCivil(year, month, day) : daysFromCivil(year, 1, 1) + dayInYear - 1;
  return (
    days * MICROS_PER_DAY + hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + second * MICROS_PER_SECOND + micro
  );
}
