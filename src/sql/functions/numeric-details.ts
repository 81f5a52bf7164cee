// Functions that look into numbers: scales, buckets, error functions, degrees.

import { LakeError } from "#core";
import type { Decimal, Scalar } from "#columnar";
import { scalarComparator } from "../values/index.ts";
import { trimDecimal } from "../values/decimal.ts";
import { outOfRange } from "../values/errors.ts";
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
  for (const type of ["timestamp", "timestamptz", "time"]) {
    define("round_fraction", `${type}, int4 -> ${type}`, (micros: number, digits: number) => {
      const unit = 10 ** (6 - digits);
      return Number.isFinite(micros) ? Math.round(micros / unit) * unit : micros;
    });
  }
  define("isfinite", "interval -> bool", () => true);
  for (const type of ["date", "time", "timestamp", "timestamptz"]) {
    define("overlaps", `${type}, ${type}, ${type}, ${type} -> bool`, overlaps, { strict: false });
  }
  alias("ceil", "ceiling");
}

/** Whether two spans of time meet, each by its two ends in any order; a missing end counts as the other. */
function overlaps(a: number | null, b: number | null, c: number | null, d: number | null): boolean | null {
  const [startA, endA] = [a ?? b, b ?? a];
  const [startC, endC] = [c ?? d, d ?? c];
  if (startA === null || endA === null || startC === null || endC === null) return null;
  const first = { start: Math.min(startA, endA), end: Math.max(startA, endA) };
  const second = { start: Math.min(startC, endC), end: Math.max(startC, endC) };
  const [early, late] = first.start <= second.start ? [first, second] : [second, first];
  if (early.start === late.start) return true;
  if (late.start >= early.end) return false;
  return a === null || b === null || c === null || d === null ? null : true;
}

function squareRoot(x: number): number {
  if (x < 0) throw outOfRange("cannot take square root of a negative number");
  return Math.sqrt(x);
}

function radix(value: number | bigint, bits: number, base: number): string {
  return BigInt.asUintN(bits, BigInt(value)).toString(base);
}
