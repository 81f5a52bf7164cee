// extract() and date_part(): parts of dates, times and intervals, as doubles and as numeric.

import type { Decimal, Interval } from "#columnar";
import { MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND } from "../values/civil.ts";
import { addDecimals, divideDecimals, float64ToDecimal, integerToDecimal } from "../values/decimal.ts";
import { outOfRange, runtimeError } from "../values/errors.ts";
import { canonicalUnit, extractPart } from "./date-trunc.ts";

/** Julian day number of 1970-01-01. */
const JULIAN_EPOCH_DAYS = 2_440_588;

const DATE_ONLY = new Set(["hour", "minute", "second", "milliseconds", "microseconds"]);

/** Ends the call for a unit the type does not have. Errors: sql_runtime_error. */
export function unknownUnit(unit: string, typeName: string): never {
  throw runtimeError(`unit "${unit}" not recognized for type ${typeName}`);
}

/** Values that carry fractions keep PostgreSQL's scales: seconds and epoch 6, milliseconds 3. */
export function partToDecimal(unit: string, micros: number, part: number): Decimal {
  const inMinute = micros - Math.floor(micros / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
  if (unit === "second") return { unscaled: BigInt(inMinute), scale: 6 };
  if (unit === "milliseconds") return { unscaled: BigInt(inMinute), scale: 3 };
  if (unit === "epoch") return { unscaled: BigInt(micros), scale: 6 };
  // The day's part is a quotient with numeric's digits.
  if (unit === "julian") {
    const days = Math.floor(micros / MICROS_PER_DAY);
    const inDay = micros - days * MICROS_PER_DAY;
    const whole = integerToDecimal(days + JULIAN_EPOCH_DAYS);
    if (inDay === 0) return whole;
    return addDecimals(
      whole,
      divideDecimals({ unscaled: BigInt(inDay), scale: 6 }, { unscaled: 86_400_000_000n, scale: 6 }),
    );
  }
  if (Number.isInteger(part)) return integerToDecimal(part);
  return float64ToDecimal(part);
}

/** Parts that grow with time without end; all others of infinite values are NULL. */
const ENDLESS = new Set(["epoch", "julian", "isoyear", "year", "decade", "century", "millennium"]);

/** A part of an infinite value: infinite or null. */
export function infinitePart(unit: string, sign: number): number | null {
  return ENDLESS.has(unit) ? sign * Number.POSITIVE_INFINITY : null;
}

/** The same as numeric, which has no infinity. Errors: `numeric_out_of_range`. */
export function infinitePartToDecimal(unit: string, sign: number): null {
  if (infinitePart(unit, sign) !== null) throw outOfRange("numeric");
  return null;
}

/** A part of a timestamp as a double. */
export function extractTimestamp(unitText: string, micros: number): number {
  const unit = canonicalUnit(unitText);
  return extractPart(unit, micros) ?? unknownUnit(unitText, "timestamp");
}

/** A part of an interval as a double. */
export function intervalPart(unitText: string, value: Interval): number {
  const unit = canonicalUnit(unitText);
  const inMinute = value.micros % MICROS_PER_MINUTE;
  switch (unit) {
    case "microseconds":
      return inMinute;
    case "milliseconds":
      return inMinute / 1000;
    case "second":
      return inMinute / MICROS_PER_SECOND;
    case "minute":
      return Math.trunc((value.micros % MICROS_PER_HOUR) / MICROS_PER_MINUTE);
    case "hour":
      return Math.trunc(value.micros / MICROS_PER_HOUR);
    case "day":
      return value.days;
    case "month":
      return value.months % 12;
    case "quarter":
      return Math.trunc((value.months % 12) / 3) + 1;
    case "year":
      return Math.trunc(value.months / 12);
    case "decade":
      return Math.trunc(value.months / 120);
    case "century":
      return Math.trunc(value.months / 1200);
    case "millennium":
      return Math.trunc(value.months / 12_000);
    case "epoch":
      return (
        Math.trunc(value.months / 12) * 365.25 * 86_400 +
        (value.months % 12) * 30 * 86_400 +
        value.days * 86_400 +
        value.micros / MICROS_PER_SECOND
      );
    default:
      return unknownUnit(unitText, "interval");
  }
}

/** A part of an interval as numeric, with PostgreSQL's scale. */
export function intervalPartToDecimal(unitText: string, value: Interval): Decimal {
  const unit = canonicalUnit(unitText);
  const inMinute = BigInt(value.micros % MICROS_PER_MINUTE);
  if (unit === "second") return { unscaled: inMinute, scale: 6 };
  if (unit === "milliseconds") return { unscaled: inMinute, scale: 3 };
  if (unit === "epoch") {
    const seconds = BigInt(Math.trunc(value.months / 12)) * 31_557_600n + BigInt(value.months % 12) * 2_592_000n;
    return { unscaled: (seconds + BigInt(value.days) * 86_400n) * 1_000_000n + BigInt(value.micros), scale: 6 };
  }
  return integerToDecimal(intervalPart(unitText, value));
}

/** A part of a time of day as a double. */
export function timePart(unitText: string, micros: number): number {
  const unit = canonicalUnit(unitText);
  if (!DATE_ONLY.has(unit) && unit !== "epoch") return unknownUnit(unitText, "time without time zone");
  return extractPart(unit, micros) ?? unknownUnit(unitText, "time without time zone");
}

/** A part of a date as a double; parts of the day do not exist. */
export function datePart(unitText: string, days: number): number {
  if (DATE_ONLY.has(canonicalUnit(unitText))) throw runtimeError(`unit "${unitText}" not supported for type date`);
  return extractPart(canonicalUnit(unitText), days * MICROS_PER_DAY) ?? unknownUnit(unitText, "date");
}
