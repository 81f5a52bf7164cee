// Functions that look into numbers: scales, buckets, error functions, degrees.

import { LakeError } from "#core";
import type { Decimal, Interval, Scalar } from "#columnar";
import { scalarComparator } from "../values/index.ts";
import { trimDecimal } from "../values/decimal.ts";
import { outOfRange, runtimeError } from "../values/errors.ts";
import { isInfiniteInterval } from "../values/infinite.ts";
import type { FunctionCatalog } from "./definition.ts";
import { commonType } from "./resolve.ts";

/** The error function by its series, and for large arguments by the continued fraction of its complement. */
function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const magnitude = Math.abs(x);
  if (magnitude >= 3) return Math.sign(x) * (1 - erfcLarge(magnitude));
  let term = magnitude;
  let sum = magnitude;
  for (let n = 1; Math.abs(term) > sum * 1e-18; n++) {
    term *= (-magnitude * magnitude * (2 * n - 1)) / (n * (2 * n + 1));
    sum += term;
  }
  return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
}

function erfcLarge(x: number): number {
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}

function erfc(x: number): number {
  return x >= 3 ? erfcLarge(x) : 1 - erf(x);
}

/** Lanczos' approximation, g = 7, nine terms. */
const LANCZOS = [
  0.999_999_999_999_809_9, 676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_1,
  -176.615_029_162_140_6, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_572e-6,
  1.505_632_735_149_311_6e-7,
] as const;

function logGamma(x: number): number {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? x : Number.POSITIVE_INFINITY;
  if (x <= 0 && Number.isInteger(x)) return Number.POSITIVE_INFINITY;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x);
  const z = x - 1;
  const t = z + 7.5;
  let sum: number = LANCZOS[0];
  for (const [i, term] of LANCZOS.entries()) if (i > 0) sum += term / (z + i);
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

function gamma(x: number): number {
  if (x === Number.NEGATIVE_INFINITY || x === 0 || (x < 0 && Number.isInteger(x))) {
    throw outOfRange("value out of range: overflow; float");
  }
  if (Number.isInteger(x) && x > 0 && x <= 171) {
    let product = 1;
    for (let i = 2; i < x; i++) product *= i;
    return product;
  }
  const magnitude = Math.exp(logGamma(x));
  if (!Number.isFinite(magnitude) && Number.isFinite(x)) throw outOfRange("value out of range: overflow; float");
  return x < 0 && Math.floor(x) % 2 !== 0 ? -magnitude : magnitude;
}

function within(low: number, high: number, unit: number): number {
  if (low > high) throw runtimeError("lower bound must be less than or equal to upper bound");
  return low + Math.floor(unit * (high - low + 1));
}

const SPECIAL_SINES: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [30, 0.5],
  [90, 1],
  [150, 0.5],
  [180, 0],
  [210, -0.5],
  [270, -1],
  [330, -0.5],
]);

function sind(degrees: number): number {
  if (!Number.isFinite(degrees)) throw outOfRange("input is out of range");
  const turned = ((degrees % 360) + 360) % 360;
  return SPECIAL_SINES.get(turned) ?? Math.sin((turned * Math.PI) / 180);
}

const cosd = (degrees: number): number => sind(degrees + 90);

function tand(degrees: number): number {
  const turned = ((degrees % 180) + 180) % 180;
  if (turned === 45) return 1;
  if (turned === 135) return -1;
  return sind(degrees) / cosd(degrees);
}

const EXACT_ARCS = [
  [0, 0],
  [0.5, 30],
  [1, 90],
] as const;

function toDegrees(arc: number): number {
  const degrees = (arc * 180) / Math.PI;
  const near = Math.round(degrees);
  return Math.abs(degrees - near) < 1e-13 * Math.max(1, Math.abs(near)) ? near : degrees;
}

function asind(x: number): number {
  const exact = EXACT_ARCS.find(([sine]) => sine === Math.abs(x));
  return exact === undefined ? toDegrees(Math.asin(x)) : Math.sign(x) * exact[1];
}

function inverse(name: (x: number) => number): (x: number) => number {
  return (x) => {
    if (x < -1 || x > 1) throw outOfRange("input is out of range");
    return name(x);
  };
}

/** Takes a percentage of its calls; with a seed always the same ones. */
function createSampler(randomUnit: () => number): (percent: number | null, seed: number | null) => boolean {
  let state: number | undefined;
  return (percent, seed) => {
    if (percent === null || !(percent >= 0 && percent <= 100)) {
      throw new LakeError("invalid_parameter", "Sample percentage must be between 0 and 100.");
    }
    if (seed === null) return randomUnit() * 100 < percent;
    // Mulberry32.
    state = ((state ?? Math.imul(Math.floor(seed * 65_536), 0x9e37_79b1)) + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * 100 < percent;
  };
}

/** Adds functions on numbers. */
export function defineNumericDetails({ define, defineWith, definePolymorphic, alias }: FunctionCatalog): void {
  define("scale", "numeric -> int4", (value: Decimal) => value.scale);
  define("min_scale", "numeric -> int4", (value: Decimal) => Math.max(0, trimDecimal(value).scale));
  define("trim_scale", "numeric -> numeric", (value: Decimal) => {
    const trimmed = trimDecimal(value);
    return trimmed.scale >= 0 ? trimmed : { unscaled: trimmed.unscaled * 10n ** BigInt(-trimmed.scale), scale: 0 };
  });
  define("erf", "float8 -> float8", erf);
  define("erfc", "float8 -> float8", erfc);
  define("sind", "float8 -> float8", sind);
  define("cosd", "float8 -> float8", cosd);
  define("tand", "float8 -> float8", tand);
  define("cotd", "float8 -> float8", (degrees: number) => 1 / tand(degrees));
  define("asind", "float8 -> float8", inverse(asind));
  define(
    "acosd",
    "float8 -> float8",
    inverse((x) => 90 - asind(x)),
  );
  define("atand", "float8 -> float8", (x: number) => toDegrees(Math.atan(x)));
  define("atan2d", "float8, float8 -> float8", (y: number, x: number) => toDegrees(Math.atan2(y, x)));
  define("|/", "float8 -> float8", squareRoot);
  define("||/", "float8 -> float8", (x: number) => Math.cbrt(x));
  for (const type of ["int2", "int4", "int8", "float4", "float8"]) {
    define("@", `${type} -> ${type}`, (value: number | bigint) => (value < 0 ? -value : value));
  }
  define("@", "numeric -> numeric", ({ unscaled, scale }: Decimal) => ({
    unscaled: unscaled < 0n ? -unscaled : unscaled,
    scale,
  }));
  define("to_bin", "int8 -> text", (value: number | bigint) => radix(value, 64, 2));
  define("to_bin", "int4 -> text", (value: number) => radix(value, 32, 2));
  define("to_oct", "int8 -> text", (value: number | bigint) => radix(value, 64, 8));
  define("to_oct", "int4 -> text", (value: number) => radix(value, 32, 8));
  definePolymorphic("width_bucket", {
    signature: "any, any[] -> int4",
    options: {},
    resolve([value, list, ...rest]) {
      if (value === undefined || list?.kind !== "list" || rest.length > 0) return undefined;
      const element = commonType(value, list.element);
      if (element === undefined) return undefined;
      return { argTypes: [element, { kind: "list", element }], returnType: { kind: "int32" } };
    },
    implement([type]) {
      const compare = scalarComparator(type ?? { kind: "float64" });
      return (value: Scalar, bounds: readonly Scalar[]) => {
        const index = bounds.findIndex((bound) => bound !== null && compare(value, bound) < 0);
        return index < 0 ? bounds.length : index;
      };
    },
  });
  defineWith("sample_row", "float8, float8 -> bool", ({ randomUnit = Math.random }) => createSampler(randomUnit), {
    strict: false,
    volatility: "volatile",
  });
  define("round_fraction", "time, int4 -> time", roundFraction);
  for (const type of ["timestamp", "timestamptz"]) {
    define("round_fraction", `${type}, int4 -> ${type}`, (micros: number, digits: number) =>
      Number.isFinite(micros) ? YEAR_2000_MICROS + roundFraction(micros - YEAR_2000_MICROS, digits) : micros,
    );
  }
  define("round_fraction", "interval, int4 -> interval", ({ months, days, micros }: Interval, digits: number) => {
    return { months, days, micros: roundFraction(micros, digits) };
  });
  define("isfinite", "interval -> bool", (value: Interval) => !isInfiniteInterval(value));
  define("cut_interval", "interval, text -> interval", cutInterval);
  defineWith(
    "random",
    "int4, int4 -> int4",
    ({ randomUnit = Math.random }) =>
      (low: number, high: number) =>
        within(low, high, randomUnit()),
    { volatility: "volatile" },
  );
  defineWith(
    "random",
    "int8, int8 -> int8",
    ({ randomUnit = Math.random }) =>
      (low: number | bigint, high: number | bigint) =>
        within(Number(low), Number(high), randomUnit()),
    { volatility: "volatile" },
  );
  defineWith(
    "random_normal",
    "...float8 -> float8",
    ({ randomUnit = Math.random }) =>
      (mean = 0, deviation = 1) =>
        // Box and Muller.
        mean + deviation * Math.sqrt(-2 * Math.log(1 - randomUnit())) * Math.cos(2 * Math.PI * randomUnit()),
    { volatility: "volatile" },
  );
  define("lgamma", "float8 -> float8", logGamma);
  define("gamma", "float8 -> float8", gamma);
  for (const type of ["date", "time", "timestamp", "timestamptz"]) {
    define("overlaps", `${type}, ${type}, ${type}, ${type} -> bool`, overlaps, { strict: false });
  }
  alias("ceil", "ceiling");
}

/** 2000-01-01: PostgreSQL rounds away from it, halves too. */
const YEAR_2000_MICROS = 946_684_800_000_000;

function roundFraction(micros: number, digits: number): number {
  const unit = 10 ** (6 - digits);
  return Math.sign(micros) * Math.round(Math.abs(micros) / unit) * unit + 0;
}

const CLOCK_UNITS: Readonly<Record<string, number>> = { hour: 3_600_000_000, minute: 60_000_000, second: 1 };

/** An interval without what is smaller than a unit. */
function cutInterval({ months, days, micros }: Interval, unit: string): Interval {
  if (unit === "year") return { months: months - (months % 12), days: 0, micros: 0 };
  if (unit === "month") return { months, days: 0, micros: 0 };
  const clockUnit = CLOCK_UNITS[unit];
  return { months, days, micros: clockUnit === undefined ? 0 : Math.trunc(micros / clockUnit) * clockUnit + 0 };
}

/** The known end of a span first; undefined when both are missing. */
function spanOf(
  a: number | null,
  b: number | null,
): { readonly start: number; readonly end: number | null } | undefined {
  if (a === null) return b === null ? undefined : { start: b, end: null };
  return b !== null && b < a ? { start: b, end: a } : { start: a, end: b };
}

/** Whether two spans of time meet, each by its two ends in any order; null when a missing end decides. */
function overlaps(a: number | null, b: number | null, c: number | null, d: number | null): boolean | null {
  const first = spanOf(a, b);
  const second = spanOf(c, d);
  if (first === undefined || second === undefined) return null;
  const [early, late] = first.start <= second.start ? [first, second] : [second, first];
  if (early.start === late.start) return early.end === null || late.end === null ? null : true;
  if (early.end === null) return null;
  if (late.start < early.end) return true;
  return late.end === null ? null : false;
}

function squareRoot(x: number): number {
  if (x < 0) throw outOfRange("cannot take square root of a negative number");
  return Math.sqrt(x);
}

function radix(value: number | bigint, bits: number, base: number): string {
  return BigInt.asUintN(bits, BigInt(value)).toString(base);
}
