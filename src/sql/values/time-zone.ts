// Offsets of fixed and IANA time zones. IANA rules come from Intl; a day whose start and end share an offset is
// answered from one cached number.

import { MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE } from "./civil.ts";
import { runtimeError } from "./errors.ts";

/** A zone that knows its offset from UTC at an instant. */
export interface TimeZone {
  readonly name: string;
  /** Microseconds to add to UTC to get local time. */
  offsetAtUtc(micros: number): number;
}

const MILLIS_PER_DAY = 86_400_000;
/** Zone transitions of the last hundred years fall on quarter hours. */
const SLOT_MILLIS = 900_000;
/** Offsets kept for one zone before its cache starts over: some megabytes at most. */
const MAX_CACHED_OFFSETS = 50_000;
const MAX_CACHED_ZONES = 64;
const FIXED_OFFSET = /^([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?$/;
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  utc: "+0",
  gmt: "+0",
  z: "+0",
  zulu: "+0",
  ut: "+0",
  est: "-5",
  edt: "-4",
  cst: "-6",
  cdt: "-5",
  mst: "-7",
  mdt: "-6",
  pst: "-8",
  pdt: "-7",
  cet: "+1",
  cest: "+2",
  eet: "+2",
  eest: "+3",
  wet: "+0",
  west: "+1",
  bst: "+1",
  msk: "+3",
  jst: "+9",
  ist: "+2",
};

function fixedZone(name: string, offsetMicros: number): TimeZone {
  return { name, offsetAtUtc: () => offsetMicros };
}

/** UTC itself. */
export const UTC_ZONE: TimeZone = fixedZone("UTC", 0);

/** Parses `+02`, `-05:30`, `+0530`: microseconds east of UTC; undefined when it is no offset. */
export function parseOffset(text: string): number | undefined {
  const match = FIXED_OFFSET.exec(text);
  if (match === null) return undefined;
  const hours = Number(match[2]);
  const minutes = Number(match[3] ?? 0);
  if (hours > 15 || minutes > 59) return undefined;
  const micros = hours * MICROS_PER_HOUR + minutes * MICROS_PER_MINUTE + Number(match[4] ?? 0) * 1_000_000;
  return match[1] === "-" ? -micros : micros;
}

function intlZone(name: string): TimeZone {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: name,
    hourCycle: "h23",
    era: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const offsets = new Map<number, number>();
  const measure = (millis: number): number => {
    const cached = offsets.get(millis);
    if (cached !== undefined) return cached;
    const parts: Record<string, string> = {};
    for (const part of format.formatToParts(millis)) parts[part.type] = part.value;
    const year = parts["era"] === "BC" || parts["era"] === "B" ? 1 - Number(parts["year"]) : Number(parts["year"]);
    const local = Date.UTC(
      2000,
      Number(parts["month"]) - 1,
      Number(parts["day"]),
      Number(parts["hour"]),
      Number(parts["minute"]),
      Number(parts["second"]),
    );
    const shifted = new Date(local);
    shifted.setUTCFullYear(year, Number(parts["month"]) - 1, Number(parts["day"]));
    const offset = (shifted.getTime() - Math.floor(millis / 1000) * 1000) * 1000;
    if (offsets.size >= MAX_CACHED_OFFSETS) offsets.clear();
    offsets.set(millis, offset);
    return offset;
  };
  return {
    name,
    offsetAtUtc(micros) {
      const millis = Math.floor(micros / 1000);
      const day = Math.floor(millis / MILLIS_PER_DAY) * MILLIS_PER_DAY;
      const start = measure(day);
      if (start === measure(day + MILLIS_PER_DAY)) return start;
      return measure(Math.floor(millis / SLOT_MILLIS) * SLOT_MILLIS);
    },
  };
}

const ZONES = new Map<string, TimeZone>();

/** The zone of a name, an abbreviation or a fixed offset; undefined when there is none such. */
export function lookupTimeZone(name: string): TimeZone | undefined {
  const key = name.trim().toLowerCase();
  const known = ZONES.get(key);
  if (known !== undefined) return known;
  const offset = parseOffset(ABBREVIATIONS[key] ?? key);
  let zone: TimeZone | undefined;
  if (offset !== undefined) {
    zone = fixedZone(name, offset);
  } else {
    try {
      zone = intlZone(name.trim());
    } catch {
      return undefined;
    }
  }
  if (ZONES.size >= MAX_CACHED_ZONES) ZONES.clear();
  ZONES.set(key, zone);
  return zone;
}

const POSIX_OFFSET = /^(?:utc|gmt)?([+-])(\d{1,2}(?::?\d{2}){0,2})$/i;

/**
 * The zone that AT TIME ZONE names. As in PostgreSQL, a bare offset follows POSIX here: `+03` lies west of
 * Greenwich. Errors: sql_runtime_error.
 */
export function requireTimeZone(name: string): TimeZone {
  const posix = POSIX_OFFSET.exec(name.trim());
  const zone = lookupTimeZone(posix === null ? name : `${posix[1] === "-" ? "+" : "-"}${posix[2] ?? ""}`);
  if (zone === undefined) throw runtimeError(`time zone "${name}" not recognized`);
  return zone;
}

/** Local time to UTC. A time that a spring transition skips takes the offset before it, a repeated one the offset after. */
export function localToUtc(zone: TimeZone, localMicros: number): number {
  if (!Number.isFinite(localMicros)) return localMicros;
  const before = zone.offsetAtUtc(localMicros - MICROS_PER_DAY);
  const after = zone.offsetAtUtc(localMicros + MICROS_PER_DAY);
  if (before === after) return localMicros - before;
  const early = localMicros - before;
  const late = localMicros - after;
  if (zone.offsetAtUtc(late) === after) return late;
  return early;
}

/** UTC to local time. */
export function utcToLocal(zone: TimeZone, utcMicros: number): number {
  if (!Number.isFinite(utcMicros)) return utcMicros;
  return utcMicros + zone.offsetAtUtc(utcMicros);
}
