// Differences and sums of times by units: date_diff and date_add of Spark, Trino and DuckDB.

import type { Interval } from "#columnar";
import {
  civilFromDays,
  isoDayOfWeek,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "../values/civil.ts";
import { addIntervalToTimestamp } from "./arithmetic.ts";
import { canonicalUnit } from "./date-trunc.ts";
import type { FunctionCatalog } from "./definition.ts";
import { unknownUnit } from "./extract.ts";

/** Number of unit borders between two instants, as DuckDB's, Snowflake's and Spark's date_diff count. */
function dateDiff(unitText: string, start: number, end: number): number {
  const unit = canonicalUnit(unitText);
  const index = (micros: number): number => {
    const days = Math.floor(micros / MICROS_PER_DAY);
    const { year, month } = civilFromDays(days);
    switch (unit) {
      case "year":
        return year;
      case "quarter":
        return year * 4 + Math.floor((month - 1) / 3);
      case "month":
        return year * 12 + month;
      case "week":
        return Math.floor((days - isoDayOfWeek(days) + 4) / 7);
      case "decade":
        return Math.floor(year / 10);
      case "century":
        return Math.floor((year - 1) / 100);
      default: {
        const width = {
          day: MICROS_PER_DAY,
          hour: MICROS_PER_HOUR,
          minute: MICROS_PER_MINUTE,
          second: MICROS_PER_SECOND,
          milliseconds: 1000,
          microseconds: 1,
        }[unit];
        return width === undefined ? unknownUnit(unitText, "timestamp") : Math.floor(micros / width);
      }
    }
  };
  return index(end) - index(start);
}

function dateAdd(unitText: string, amount: number, micros: number): number {
  const unit = canonicalUnit(unitText);
  const months = { month: 1, quarter: 3, year: 12, decade: 120, century: 1200 }[unit];
  const days = { day: 1, week: 7 }[unit];
  const width = {
    hour: MICROS_PER_HOUR,
    minute: MICROS_PER_MINUTE,
    second: MICROS_PER_SECOND,
    milliseconds: 1000,
    microseconds: 1,
  }[unit];
  if (months !== undefined) return addIntervalToTimestamp(micros, { months: months * amount, days: 0, micros: 0 });
  if (days !== undefined) return micros + days * amount * MICROS_PER_DAY;
  return width === undefined ? unknownUnit(unitText, "timestamp") : micros + width * amount;
}

/** Adds differences by units. */
export function defineDifferences({ define, alias }: FunctionCatalog): void {
  for (const name of ["timestamp", "timestamptz"]) {
    define("date_diff", `text, ${name}, ${name} -> int8`, dateDiff);
    define("date_add", `text, int4, ${name} -> ${name}`, dateAdd);
    define("date_add", `${name}, interval -> ${name}`, addIntervalToTimestamp, { safe: true });
    define("date_sub", `${name}, interval -> ${name}`, (micros: number, i: Interval) =>
      addIntervalToTimestamp(micros, { months: -i.months, days: -i.days, micros: -i.micros }),
    );
  }
  define("date_diff", "text, date, date -> int8", (unit: string, start: number, end: number) =>
    dateDiff(unit, start * MICROS_PER_DAY, end * MICROS_PER_DAY),
  );
  define("date_diff", "date, date -> int4", (end: number, start: number) => end - start, { safe: true });
  define("date_add", "date, int4 -> date", (days: number, amount: number) => days + amount, { safe: true });
  define("date_sub", "date, int4 -> date", (days: number, amount: number) => days - amount, { safe: true });
  alias("date_diff", "datediff");
  alias("date_add", "dateadd");
}
