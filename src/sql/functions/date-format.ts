// date_format: the pattern letters of Java, as Spark has them, and the % codes of MySQL and Trino.

import { dayOfYear, isoDayOfWeek, isoWeek } from "../values/civil.ts";
import { runtimeError } from "../values/errors.ts";
import { DAYS, digits, fieldsOf, MONTHS, type Fields } from "./time-fields.ts";

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
