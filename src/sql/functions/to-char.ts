// to_char for timestamps and numbers, date_format's Java and MySQL patterns, and to_date / to_timestamp's reading.

import { LakeError } from "#core";
import { decimalToString, type Decimal } from "#columnar";
import {
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  dayOfYear,
  isoDayOfWeek,
  isoWeek,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "../values/civil.ts";
import { roundDecimal } from "../values/decimal.ts";
import { fieldOutOfRange, runtimeError } from "../values/errors.ts";

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly days: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micro: number;
}

function fieldsOf(micros: number): Fields {
  const days = Math.floor(micros / MICROS_PER_DAY);
  const inDay = micros - days * MICROS_PER_DAY;
  return {
    ...civilFromDays(days),
    days,
    hour: Math.floor(inDay / MICROS_PER_HOUR),
    minute: Math.floor((inDay % MICROS_PER_HOUR) / MICROS_PER_MINUTE),
    second: Math.floor((inDay % MICROS_PER_MINUTE) / MICROS_PER_SECOND),
    micro: inDay % MICROS_PER_SECOND,
  };
}

function digits(value: number, width: number): string {
  return value < 0 ? `-${(-value).toString().padStart(width, "0")}` : value.toString().padStart(width, "0");
}

function ordinal(text: string): string {
  const value = Number(text);
  const tens = Math.abs(value) % 100;
  const ones = Math.abs(value) % 10;
  if (tens >= 11 && tens <= 13) return "th";
  return ones === 1 ? "st" : ones === 2 ? "nd" : ones === 3 ? "rd" : "th";
}

function named(name: string, pattern: string): string {
  if (pattern === pattern.toUpperCase()) return name.toUpperCase();
  return pattern === pattern.toLowerCase() ? name.toLowerCase() : name;
}

/** Longest first, so that a token is never cut short. */
const TOKENS =
  /(FM|fm|TM|tm)?("(?:[^"\\]|\\.)*"|\\?"|Y,YYY|SSSSS?|YYYY|IYYY|MONTH|Month|month|HH24|HH12|A\.D\.|a\.d\.|B\.C\.|b\.c\.|A\.M\.|a\.m\.|P\.M\.|p\.m\.|YYY|IYY|DDD|IDDD|DAY|Day|day|MON|Mon|mon|FF[1-6]|TZH|TZM|yyyy|hh24|hh12|HH|hh|MI|mi|SS|ss|MS|ms|US|us|AD|ad|BC|bc|AM|am|PM|pm|YY|IY|MM|mm|DD|dd|ID|IW|WW|CC|RM|rm|DY|Dy|dy|TZ|tz|OF|yyy|yy|ddd|Y|I|D|d|W|J|Q|y)(TH|th)?/g;

function renderToken(token: string, f: Fields, fill: boolean): string | undefined {
  const pad = (value: number, width: number): string => (fill ? digits(value, width) : value.toString());
  const name = (value: string, width: number): string => (fill ? value.padEnd(width) : value);
  const shownYear = f.year > 0 ? f.year : 1 - f.year;
  const morning = f.hour < 12;
  const hour12 = f.hour % 12 === 0 ? 12 : f.hour % 12;
  const weekday = isoDayOfWeek(f.days);
  switch (token) {
    case "HH24":
    case "hh24":
      return pad(f.hour, 2);
    case "HH":
    case "hh":
    case "HH12":
    case "hh12":
      return pad(hour12, 2);
    case "MI":
    case "mi":
      return pad(f.minute, 2);
    case "SS":
    case "ss":
      return pad(f.second, 2);
    case "SSSS":
    case "SSSSS":
      return (f.hour * 3600 + f.minute * 60 + f.second).toString();
    case "MS":
    case "ms":
      return pad(Math.floor(f.micro / 1000), 3);
    case "US":
    case "us":
      return pad(f.micro, 6);
    case "FF1":
    case "FF2":
    case "FF3":
    case "FF4":
    case "FF5":
    case "FF6":
      return digits(f.micro, 6).slice(0, Number(token[2]));
    case "YYYY":
    case "yyyy":
      return pad(shownYear, 4);
    case "Y,YYY":
      return `${Math.floor(shownYear / 1000)},${digits(shownYear % 1000, 3)}`;
    case "YYY":
    case "yyy":
      return pad(shownYear % 1000, 3);
    case "YY":
    case "yy":
      return pad(shownYear % 100, 2);
    case "Y":
    case "y":
      return (shownYear % 10).toString();
    case "IYYY":
      return pad(isoWeek(f.days).year, 4);
    case "IYY":
      return pad(isoWeek(f.days).year % 1000, 3);
    case "IY":
      return pad(isoWeek(f.days).year % 100, 2);
    case "I":
      return (isoWeek(f.days).year % 10).toString();
    case "MONTH":
    case "Month":
    case "month":
      return name(named(MONTHS[f.month - 1] ?? "", token), 9);
    case "MON":
    case "Mon":
    case "mon":
      return named((MONTHS[f.month - 1] ?? "").slice(0, 3), token);
    case "MM":
    case "mm":
      return pad(f.month, 2);
    case "RM":
      return name(ROMAN[f.month - 1] ?? "", 4);
    case "rm":
      return name((ROMAN[f.month - 1] ?? "").toLowerCase(), 4);
    case "DAY":
    case "Day":
    case "day":
      return name(named(DAYS[weekday - 1] ?? "", token), 9);
    case "DY":
    case "Dy":
    case "dy":
      return named((DAYS[weekday - 1] ?? "").slice(0, 3), token);
    case "DDD":
    case "ddd":
      return pad(dayOfYear(f.days), 3);
    case "IDDD": {
      const { week } = isoWeek(f.days);
      return pad((week - 1) * 7 + weekday, 3);
    }
    case "DD":
    case "dd":
      return pad(f.day, 2);
    case "D":
    case "d":
      return ((weekday % 7) + 1).toString();
    case "ID":
      return weekday.toString();
    case "IW":
      return pad(isoWeek(f.days).week, 2);
    case "WW":
      return pad(Math.floor((dayOfYear(f.days) - 1) / 7) + 1, 2);
    case "W":
      return (Math.floor((f.day - 1) / 7) + 1).toString();
    case "CC":
      return pad(Math.floor((shownYear + 99) / 100), 2);
    case "J":
      return (f.days + 2_440_588).toString();
    case "Q":
      return (Math.floor((f.month - 1) / 3) + 1).toString();
    case "AM":
    case "PM":
      return morning ? "AM" : "PM";
    case "am":
    case "pm":
      return morning ? "am" : "pm";
    case "A.M.":
    case "P.M.":
      return morning ? "A.M." : "P.M.";
    case "a.m.":
    case "p.m.":
      return morning ? "a.m." : "p.m.";
    case "AD":
    case "BC":
      return f.year > 0 ? "AD" : "BC";
    case "ad":
    case "bc":
      return f.year > 0 ? "ad" : "bc";
    case "A.D.":
    case "B.C.":
      return f.year > 0 ? "A.D." : "B.C.";
    case "a.d.":
    case "b.c.":
      return f.year > 0 ? "a.d." : "b.c.";
    default:
      return undefined;
  }
}

/** to_char(timestamp, pattern). `utc` decides what TZ and OF print. */
export function timestampToChar(micros: number, pattern: string, utc: boolean): string {
  const fields = fieldsOf(micros);
  return pattern.replace(TOKENS, (_whole, prefix: string | undefined, token: string, suffix: string | undefined) => {
    if (token.startsWith('"') && token.length > 1) return token.slice(1, -1).replace(/\\(.)/g, "$1") + (suffix ?? "");
    if (token === '\\"') return `"${suffix ?? ""}`;
    if (token === "TZ") return (utc ? "UTC" : "") + (suffix ?? "");
    if (token === "tz") return (utc ? "utc" : "") + (suffix ?? "");
    if (token === "OF" || token === "TZH") return "+00" + (suffix ?? "");
    if (token === "TZM") return `00${suffix ?? ""}`;
    const text = renderToken(token, fields, prefix === undefined);
    if (text === undefined) return (prefix ?? "") + token + (suffix ?? "");
    if (suffix === undefined) return text;
    return text + (suffix === "TH" ? ordinal(text).toUpperCase() : ordinal(text));
  });
}

/** Java (Spark) letters and what they print; the count of letters is given. */
function renderJava(letter: string, count: number, f: Fields): string | undefined {
  switch (letter) {
    case "y":
    case "u":
      return count === 2 ? digits(f.year % 100, 2) : digits(f.year, count);
    case "M":
    case "L": {
      const month = MONTHS[f.month - 1] ?? "";
      return count > 3 ? month : count === 3 ? month.slice(0, 3) : digits(f.month, count);
    }
    case "d":
      return digits(f.day, count);
    case "D":
      return digits(dayOfYear(f.days), count);
    case "H":
      return digits(f.hour, count);
    case "k":
      return digits(f.hour === 0 ? 24 : f.hour, count);
    case "h":
      return digits(f.hour % 12 === 0 ? 12 : f.hour % 12, count);
    case "K":
      return digits(f.hour % 12, count);
    case "m":
      return digits(f.minute, count);
    case "s":
      return digits(f.second, count);
    case "S":
      return digits(f.micro, 6).padEnd(count, "0").slice(0, count);
    case "a":
      return f.hour < 12 ? "AM" : "PM";
    case "E": {
      const day = DAYS[isoDayOfWeek(f.days) - 1] ?? "";
      return count > 3 ? day : day.slice(0, 3);
    }
    case "Q":
    case "q":
      return digits(Math.floor((f.month - 1) / 3) + 1, count);
    case "w":
      return digits(isoWeek(f.days).week, count);
    case "z":
    case "V":
      return "UTC";
    case "X":
      return "Z";
    case "x":
    case "Z":
      return count === 3 ? "+00:00" : count === 1 && letter === "x" ? "+00" : "+0000";
    case "G":
      return f.year > 0 ? "AD" : "BC";
    default:
      return undefined;
  }
}

const MYSQL: Readonly<Record<string, (f: Fields) => string>> = {
  Y: (f) => digits(f.year, 4),
  y: (f) => digits(f.year % 100, 2),
  m: (f) => digits(f.month, 2),
  c: (f) => f.month.toString(),
  M: (f) => MONTHS[f.month - 1] ?? "",
  b: (f) => (MONTHS[f.month - 1] ?? "").slice(0, 3),
  d: (f) => digits(f.day, 2),
  e: (f) => f.day.toString(),
  H: (f) => digits(f.hour, 2),
  k: (f) => f.hour.toString(),
  h: (f) => digits(f.hour % 12 === 0 ? 12 : f.hour % 12, 2),
  I: (f) => digits(f.hour % 12 === 0 ? 12 : f.hour % 12, 2),
  l: (f) => (f.hour % 12 === 0 ? 12 : f.hour % 12).toString(),
  i: (f) => digits(f.minute, 2),
  s: (f) => digits(f.second, 2),
  S: (f) => digits(f.second, 2),
  f: (f) => digits(f.micro, 6),
  p: (f) => (f.hour < 12 ? "AM" : "PM"),
  W: (f) => DAYS[isoDayOfWeek(f.days) - 1] ?? "",
  a: (f) => (DAYS[isoDayOfWeek(f.days) - 1] ?? "").slice(0, 3),
  j: (f) => digits(dayOfYear(f.days), 3),
  v: (f) => digits(isoWeek(f.days).week, 2),
  x: (f) => digits(isoWeek(f.days).year, 4),
  T: (f) => `${digits(f.hour, 2)}:${digits(f.minute, 2)}:${digits(f.second, 2)}`,
  r: (f) =>
    `${digits(f.hour % 12 === 0 ? 12 : f.hour % 12, 2)}:${digits(f.minute, 2)}:${digits(f.second, 2)} ${f.hour < 12 ? "AM" : "PM"}`,
};

/** date_format: Java letters as Spark has them, or MySQL's and Trino's % codes when the pattern holds a %. */
export function formatDate(micros: number, pattern: string): string {
  const fields = fieldsOf(micros);
  if (pattern.includes("%")) {
    return pattern.replace(/%([\s\S])/g, (_whole, code: string) => MYSQL[code]?.(fields) ?? code);
  }
  return pattern.replace(/'((?:[^']|'')*)'|([A-Za-z])\2*/g, (whole, quoted: string | undefined, letter: string) => {
    if (quoted !== undefined) return quoted === "" ? "'" : quoted.replaceAll("''", "'");
    const text = renderJava(letter, whole.length, fields);
    if (text === undefined) throw runtimeError(`illegal pattern letter "${letter}" in "${pattern}"`);
    return text;
  });
}

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

/** to_char(number, pattern): 9 0 . , D G FM S MI PR L and V-less patterns. Errors: sql_runtime_error. */
export function numberToChar(value: Decimal, pattern: string): string {
  const fill = !/^FM/i.test(pattern);
  const body = pattern.replace(/^FM/i, "");
  const upper = body.toUpperCase();
  if (!/^[90.,DGSLMIPR\s"TH$+-]*$/.test(upper))
    throw runtimeError(`to_char pattern "${pattern}" is not supported for numbers`);
  const [wholePattern = "", fractionPattern = ""] = upper.split(/[.D]/);
  const places = (fractionPattern.match(/[90]/g) ?? []).length;
  const rounded = roundDecimal(value, places);
  const negative = rounded.unscaled < 0n;
  const text = decimalToString({ unscaled: negative ? -rounded.unscaled : rounded.unscaled, scale: rounded.scale });
  const [wholeDigits = "0", fractionDigits = ""] = text.split(".");
  const slots = Array.from(wholePattern).filter((c) => c === "9" || c === "0");
  const isZero = rounded.unscaled === 0n;
  const significant = wholeDigits === "0" && places > 0 && !slots.includes("0") && (fill || !isZero) ? "" : wholeDigits;
  const overflow = significant.length > slots.length;
  const firstZero = slots.indexOf("0");
  let out = "";
  let slot = 0;
  let started = false;
  for (const c of wholePattern) {
    if (c === "9" || c === "0") {
      const index = slot - (slots.length - significant.length);
      if (overflow) out += "#";
      else if (index >= 0) {
        out += significant[index] ?? "";
        started = true;
      } else if (firstZero >= 0 && slot >= firstZero) {
        out += "0";
        started = true;
      } else if (fill) out += " ";
      slot++;
    } else if (c === "," || c === "G") {
      out += started || overflow ? "," : fill ? " " : "";
    } else if (c === "L" || c === "$") {
      out += c === "$" ? "$" : " ";
    }
  }
  if (/[.D]/.test(upper)) {
    let fraction = overflow ? "#".repeat(places) : fractionDigits;
    if (!fill) {
      const kept = fractionPattern.lastIndexOf("0") + 1;
      fraction = fraction.slice(0, kept) + fraction.slice(kept).replace(/0+$/, "");
    }
    out += `.${fraction}`;
  }
  const lead = /^ */.exec(out)?.[0] ?? "";
  const tail = out.slice(lead.length);
  if (upper.includes("PR")) return negative ? `${lead}<${tail}>` : fill ? ` ${lead}${tail} ` : tail;
  if (upper.endsWith("MI")) return lead + tail + (negative ? "-" : fill ? " " : "");
  if (upper.startsWith("S")) return `${lead}${negative ? "-" : "+"}${tail}`;
  if (upper.endsWith("S")) return lead + tail + (negative ? "-" : "+");
  return lead + (negative ? "-" : fill ? " " : "") + tail;
}
