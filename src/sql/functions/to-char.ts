// to_char for timestamps.

import { dayOfYear, isoDayOfWeek, isoWeek } from "../values/civil.ts";
import { DAYS, digits, fieldsOf, MONTHS, type Fields } from "./time-fields.ts";

const ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

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

/** Pattern tokens with their FM prefix and TH suffix; longest first, so that a token is never cut short. */
export const TOKENS =
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
