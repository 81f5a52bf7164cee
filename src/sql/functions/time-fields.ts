// The calendar and clock fields of an instant, and the names patterns print for them.

import {
  civilFromDays,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "../values/civil.ts";

/** English month names, January first. */
export const MONTHS = [
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
/** English day names, Monday first. */
export const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/** An instant taken apart; `micro` is the fraction of the second. */
export interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly days: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micro: number;
}

/** Takes an instant apart. */
export function fieldsOf(micros: number): Fields {
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

/** A number with at least `width` digits. */
export function digits(value: number, width: number): string {
  return value < 0 ? `-${(-value).toString().padStart(width, "0")}` : value.toString().padStart(width, "0");
}
