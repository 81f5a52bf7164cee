// Exponentials and logarithms of numeric with as many digits as PostgreSQL gives. Values are whole numbers at a scale
// of powers of ten; each step carries spare digits, so that only the last rounding shows.

import type { Decimal } from "#columnar";
import {
  compareDecimals,
  decimalToNumber,
  divideDecimalsAt,
  leadingDigits,
  powerOfTen,
  roundDecimal,
} from "./decimal.ts";
import { outOfRange, runtimeError } from "./errors.ts";

/** PostgreSQL gives at least this many significant digits. */
const MIN_SIGNIFICANT_DIGITS = 16;
const MAX_DISPLAY_SCALE = 1000;
/** Natural logarithms of results beyond this overflow, or are zero. */
const MAX_RESULT_LOGARITHM = 6000;
const { LN10: LN_10, LOG10E: LOG10_E } = Math;
/** Digits carried beyond those that are shown. */
const SPARE_DIGITS = 12;

const ONE: Decimal = { unscaled: 1n, scale: 0 };
const TEN: Decimal = { unscaled: 10n, scale: 0 };
const ALMOST_ONE: Decimal = { unscaled: 9n, scale: 1 };
const LITTLE_MORE: Decimal = { unscaled: 11n, scale: 1 };

/** 2 · atanh(1 / n) at a scale, by its series. */
function doubleArcTangent(n: bigint, scale: bigint): bigint {
  const square = n * n;
  let term = scale / n;
  let sum = term;
  for (let k = 3n; term !== 0n; k += 2n) {
    term /= square;
    sum += term / k;
  }
  return 2n * sum;
}

const keptLn10 = { digits: 0, value: 0n };

/** ln(10) with `digits` digits after the point. */
function naturalLogarithmOf10(digits: number): bigint {
  if (keptLn10.digits < digits) {
    const scale = powerOfTen(digits + SPARE_DIGITS);
    // 10 = 2³ · 5/4; ln 2 = 2 atanh(1/3), ln 5/4 = 2 atanh(1/9).
    keptLn10.value = (3n * doubleArcTangent(3n, scale) + doubleArcTangent(9n, scale)) / powerOfTen(SPARE_DIGITS);
    keptLn10.digits = digits;
  }
  return keptLn10.value / powerOfTen(keptLn10.digits - digits);
}

/** e^x for |x| < 3, both at 10^digits. */
function smallExponential(x: bigint, digits: number): bigint {
  const scale = powerOfTen(digits);
  // Halved until the series is short, then squared back.
  const halvings = 8 + Math.floor(Math.sqrt(digits) / 2);
  const extra = powerOfTen(halvings);
  const wide = scale * extra;
  const reduced = (x * extra) >> BigInt(halvings);
  let term = wide;
  let sum = wide;
  for (let k = 1n; term !== 0n && k < 10_000n; k++) {
    term = (term * reduced) / (wide * k);
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum = (sum * sum) / wide;
  return sum / extra;
}

/** e^x rounded at an explicit scale. Errors: `numeric_out_of_range`. */
function exponentialAt(value: Decimal, scale: number): Decimal {
  const approximate = decimalToNumber(value);
  if (Math.abs(approximate) >= MAX_RESULT_LOGARITHM) {
    if (approximate > 0) throw outOfRange("value overflows numeric format:");
    return { unscaled: 0n, scale };
  }
  const tens = Math.trunc(approximate / LN_10);
  const digits = Math.max(scale + tens, 0) + SPARE_DIGITS;
  const precise = rescaled(value, digits + 4) - BigInt(tens) * naturalLogarithmOf10(digits + 4);
  const mantissa = smallExponential(precise, digits + 4);
  return roundDecimal(shifted({ unscaled: mantissa, scale: digits + 4 }, tens), scale);
}

/** The value times 10^places. */
function shifted({ unscaled, scale }: Decimal, places: number): Decimal {
  const next = scale - places;
  return next >= 0 ? { unscaled, scale: next } : { unscaled: unscaled * powerOfTen(-next), scale: 0 };
}

function rescaled({ unscaled, scale }: Decimal, digits: number): bigint {
  return digits >= scale ? unscaled * powerOfTen(digits - scale) : unscaled / powerOfTen(scale - digits);
}

/** ln(x) at an explicit scale; x > 0. */
function logarithmAt(value: Decimal, scale: number): Decimal {
  const length = value.unscaled.toString().length;
  const tens = length - value.scale;
  const digits = scale + SPARE_DIGITS + 4;
  const one = powerOfTen(digits);
  // x = m · 10^tens with 0.1 ≤ m < 1; near one the number itself, so that its small logarithm keeps its digits.
  const near = compareDecimals(value, ALMOST_ONE) >= 0 && compareDecimals(value, LITTLE_MORE) <= 0;
  const places = near ? 0 : tens;
  const mantissa = rescaled(shifted(value, -places), digits);
  let guess =
    BigInt(Math.round(Math.log(Number(rescaled(shifted(value, -places), 17)) / 1e17) * 1e15)) * powerOfTen(digits - 15);
  // Halley's step triples the digits that are right.
  for (let right = 14; right < digits + 3; right *= 3) {
    const power = smallExponential(guess, digits);
    guess += (2n * (mantissa - power) * one) / (mantissa + power);
  }
  return roundDecimal({ unscaled: guess + BigInt(places) * naturalLogarithmOf10(digits), scale: digits }, scale);
}

/** The decimal weight of ln(x), as PostgreSQL estimates it to choose how many digits to show. */
function logarithmWeight(value: Decimal): number {
  if (value.unscaled <= 0n) return 0;
  if (compareDecimals(value, ALMOST_ONE) >= 0 && compareDecimals(value, LITTLE_MORE) <= 0) {
    const beyond = { unscaled: value.unscaled - powerOfTen(value.scale), scale: value.scale };
    if (beyond.unscaled === 0n) return 0;
    const { weight, digit } = leadingDigits(beyond, 1);
    return weight * 4 + Math.trunc(Math.log10(digit));
  }
  const { weight, digit } = leadingDigits(value, 2);
  const logarithm = Math.log(digit) + (weight - 1) * 4 * LN_10;
  return Math.trunc(Math.log10(Math.abs(logarithm)));
}

function shownScale(weight: number, ...scales: readonly number[]): number {
  return Math.min(Math.max(MIN_SIGNIFICANT_DIGITS - weight, ...scales, 0), MAX_DISPLAY_SCALE);
}

function requirePositive(value: Decimal): void {
  if (value.unscaled === 0n) throw runtimeError("cannot take logarithm of zero");
  if (value.unscaled < 0n) throw runtimeError("cannot take logarithm of a negative number");
}

/** e^x. Errors: `numeric_out_of_range`. */
export function exponentialDecimal(value: Decimal): Decimal {
  const weight = Math.trunc(Math.max(-2000, Math.min(2000, decimalToNumber(value) * LOG10_E)));
  return exponentialAt(value, shownScale(weight, value.scale));
}

/** ln(x). Errors: `sql_runtime_error` for zero and negative numbers. */
export function logarithmDecimal(value: Decimal): Decimal {
  requirePositive(value);
  return logarithmAt(value, shownScale(logarithmWeight(value), value.scale));
}

/** The logarithm of x to a base, ten without one. Errors: `sql_runtime_error`, `division_by_zero` for base one. */
export function logarithmToBase(value: Decimal, base: Decimal = TEN): Decimal {
  requirePositive(base);
  requirePositive(value);
  const baseWeight = logarithmWeight(base);
  const valueWeight = logarithmWeight(value);
  const weight = valueWeight - baseWeight;
  const scale = shownScale(weight, base.scale, value.scale);
  const divisor = logarithmAt(base, Math.max(scale + weight - baseWeight + 8, 0));
  const dividend = logarithmAt(value, Math.max(scale + weight - valueWeight + 8, 0));
  return divideDecimalsAt(dividend, divisor, scale);
}

/** x^y for an y that is no whole number, x ≥ 0. Errors: `numeric_out_of_range`. */
export function fractionalPower(base: Decimal, exponent: Decimal): Decimal {
  if (base.unscaled === 0n) return { unscaled: 0n, scale: MIN_SIGNIFICANT_DIGITS };
  const baseWeight = logarithmWeight(base);
  const rough = logarithmAt(base, Math.max(8 - baseWeight, 0));
  const logarithm = decimalToNumber(rough) * decimalToNumber(exponent);
  if (Math.abs(logarithm) > MAX_RESULT_LOGARITHM * 1.003) {
    if (logarithm > 0) throw outOfRange("value overflows numeric format:");
    return { unscaled: 0n, scale: MAX_DISPLAY_SCALE };
  }
  const weight = Math.trunc(logarithm * LOG10_E);
  const scale = shownScale(weight, base.scale, exponent.scale);
  const digits = Math.max(scale + weight, 0) - baseWeight + SPARE_DIGITS;
  const precise = logarithmAt(base, Math.max(digits, 0) + Math.max(exponentDigits(exponent), 0));
  return exponentialAt(
    { unscaled: precise.unscaled * exponent.unscaled, scale: precise.scale + exponent.scale },
    scale,
  );
}

function exponentDigits({ unscaled, scale }: Decimal): number {
  return (unscaled < 0n ? -unscaled : unscaled).toString().length - scale;
}

/** x^n for whole n. Errors: `numeric_out_of_range`, `sql_runtime_error` for zero to a negative power. */
export function wholePower(base: Decimal, exponent: number, exponentScale: number): Decimal {
  if (base.unscaled === 0n && exponent < 0) throw runtimeError("zero raised to a negative power is undefined");
  const { weight, digit } = leadingDigits(base, 4);
  const logarithm = base.unscaled === 0n ? 0 : exponent * (Math.log10(digit) + (weight - 3) * 4);
  if (logarithm > 131_072) throw outOfRange("value overflows numeric format:");
  if (logarithm + 1 < -MAX_DISPLAY_SCALE) return { unscaled: 0n, scale: MAX_DISPLAY_SCALE };
  const scale = shownScale(Math.trunc(logarithm), base.scale, exponentScale);
  const magnitude = Math.abs(exponent);
  const power = limitedPower(base, magnitude, Math.max(scale + Math.trunc(Math.abs(logarithm)), 0) + 20);
  if (exponent >= 0) return roundDecimal(power, scale);
  return divideDecimalsAt(ONE, power, scale);
}

/** base^n with at least `digits` significant digits: more are cut on the way. */
function limitedPower(base: Decimal, exponent: number, digits: number): Decimal {
  const cut = (value: Decimal): Decimal => {
    const surplus = value.unscaled.toString().length - digits - 20;
    return surplus > 0 && value.scale > 0
      ? {
          unscaled: value.unscaled / powerOfTen(Math.min(surplus, value.scale)),
          scale: value.scale - Math.min(surplus, value.scale),
        }
      : value;
  };
  const times = (a: Decimal, b: Decimal): Decimal =>
    cut({ unscaled: a.unscaled * b.unscaled, scale: a.scale + b.scale });
  let result = ONE;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = times(result, square);
    if (rest > 1) square = times(square, square);
  }
  return result;
}
