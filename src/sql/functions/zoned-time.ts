// Times that are made or moved in a named time zone.

import type { Interval } from "#columnar";
import { MICROS_PER_DAY } from "../values/civil.ts";
import { localToUtc, requireTimeZone, utcToLocal } from "../values/time-zone.ts";
import { addIntervalToTimestamp } from "./arithmetic.ts";
import type { FunctionCatalog } from "./definition.ts";

/** An instant moved by an interval whose months and days are the zone's, whose hours are hours. */
export function addInZone(micros: number, interval: Interval, zoneName: string): number {
  const zone = requireTimeZone(zoneName);
  const { months, days } = interval;
  const moved =
    months === 0 && days === 0
      ? micros
      : localToUtc(zone, addIntervalToTimestamp(utcToLocal(zone, micros), { months, days, micros: 0 }));
  return moved + interval.micros;
}

const negated = ({ months, days, micros }: Interval): Interval => ({ months: -months, days: -days, micros: -micros });

/** Adds functions that name a zone, and the session's: UTC. */
export function defineZonedTime({ define }: FunctionCatalog): void {
  define("date_add", "timestamptz, interval, text -> timestamptz", addInZone);
  define("date_subtract", "timestamptz, interval, text -> timestamptz", (micros: number, by: Interval, zone: string) =>
    addInZone(micros, negated(by), zone),
  );
  define("date_subtract", "timestamptz, interval -> timestamptz", (micros: number, by: Interval) =>
    addIntervalToTimestamp(micros, negated(by)),
  );
  define("timestamptz", "date, time -> timestamptz", (days: number, micros: number) => days * MICROS_PER_DAY + micros, {
    safe: true,
  });
  define("timezone", "timestamptz -> timestamp", (micros: number) => micros, { safe: true });
  define("timezone", "timestamp -> timestamptz", (micros: number) => micros, { safe: true });
}
