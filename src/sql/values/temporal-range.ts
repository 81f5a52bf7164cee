// What dates, timestamps and intervals can hold in PostgreSQL. Checked on results, so that no function can give a value
// that no other engine could read, or that is no time at all.

import type { DataType, Interval, Scalar } from "#columnar";
import { outOfRange } from "./errors.ts";
import { isInfiniteDate } from "./infinite.ts";

/** 4714-11-24 BC, the first day of the Julian period, as days since 1970. */
const FIRST_DAY = -2_440_588;
/** 5874897-12-31. */
const LAST_DAY = 2_145_042_905;
const FIRST_MICROS = FIRST_DAY * 86_400_000_000;
/** 294277-01-01, exclusive. */
const END_MICROS = 9_224_318_016_000_000_000;
const MAX_INT32 = 2 ** 31 - 1;
const MAX_INT64 = 2 ** 63;

function isInt32(value: number): boolean {
  return value >= -MAX_INT32 - 1 && value <= MAX_INT32;
}

/** A check of values of the type, or undefined for types without one. Errors of the check: `numeric_out_of_range`. */
export function temporalRange(type: DataType): ((value: Exclude<Scalar, null>) => void) | undefined {
  if (type.kind === "date") return checkDate;
  if (type.kind === "timestamp") return checkTimestamp;
  return type.kind === "interval" ? checkInterval : undefined;
}

function checkDate(value: Exclude<Scalar, null>): void {
  const days = value as number;
  if (!(days >= FIRST_DAY && days <= LAST_DAY) && !isInfiniteDate(days)) throw outOfRange("date");
}

function checkTimestamp(value: Exclude<Scalar, null>): void {
  const micros = value as number;
  const isInfinite = micros === Number.POSITIVE_INFINITY || micros === Number.NEGATIVE_INFINITY;
  if (!isInfinite && !(micros >= FIRST_MICROS && micros < END_MICROS)) throw outOfRange("timestamp");
}

function checkInterval(value: Exclude<Scalar, null>): void {
  const { months, days, micros } = value as Interval;
  if (micros === Number.POSITIVE_INFINITY || micros === Number.NEGATIVE_INFINITY) return;
  const isHeld = isInt32(months) && isInt32(days) && micros >= -MAX_INT64 && micros < MAX_INT64;
  if (!isHeld) throw outOfRange("interval");
}
