// Dates, times and intervals that are later or earlier than all others. They are values of queries only: Iceberg has
// none, so nothing infinite is written.
//
// A timestamp is ±Infinity as its micros are; an interval is infinite when its micros are; a date is the end of int32,
// as in PostgreSQL's own files.

import type { Interval } from "#columnar";
import { MICROS_PER_DAY } from "./civil.ts";

const LATEST_DATE = 2 ** 31 - 1;
const EARLIEST_DATE = -(2 ** 31);

/** Whether a date is one of the two infinite ones. */
export function isInfiniteDate(days: number): boolean {
  return days === LATEST_DATE || days === EARLIEST_DATE;
}

/** Midnight of a date; infinite for infinite ones. */
export function dateToMicros(days: number): number {
  if (isInfiniteDate(days)) return days > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return days * MICROS_PER_DAY;
}

/** The date of an instant; infinite for infinite ones. */
export function microsToDate(micros: number): number {
  if (Number.isFinite(micros)) return Math.floor(micros / MICROS_PER_DAY);
  return micros > 0 ? LATEST_DATE : EARLIEST_DATE;
}

/** Whether an interval is infinite. */
export function isInfiniteInterval({ micros }: Interval): boolean {
  return !Number.isFinite(micros);
}

/** `infinity` or `-infinity`. */
export function infiniteText(sign: number): string {
  return sign > 0 ? "infinity" : "-infinity";
}
