// PostgreSQL's numeric on bigint: exact arithmetic, display scale carried along, division scale as PostgreSQL picks it.

import { decimalToString, stringToDecimal, type Decimal } from "#columnar";
import { divisionByZero, invalidText, outOfRange } from "./errors.ts";

/** PostgreSQL guarantees this many significant digits in a quotient. */
const MIN_SIGNIFICANT_DIGITS = 16;
/** PostgreSQL's numeric stores base-10000 digits; its scale rules count in them. */
const BASE_DIGITS = 4;
const MAX_DISPLAY_SCALE = 1000;
/** Digits PostgreSQL keeps when a double becomes numeric (DBL_DIG) and when a real does (FLT_DIG). */
const FLOAT64_DIGITS = 15;
const FLOAT32_DIGITS = 6;

const POWERS: bigint[] = [1n];
/** Shorter values are within every bound of numeric. */
const LONG = 1n << 4096n;

/** Powers kept once they are computed; larger ones are computed each time. */
const MAX_KEPT_EXPONENT = 1024;
/** PostgreSQL's numeric holds this many digits before the point and after it. */
const MAX_WHOLE_DIGITS = 131_072;
const MAX_SCALE = 16_383;
/** Beyond this many digits in all, a value is surely outside. */
const MAX_DIGITS = MAX_WHOLE_DIGITS + MAX_SCALE;

/** 10^exponent as bigint; exponent ≥ 0. Errors: `numeric_out_of_range` beyond what numeric can hold. */
export function powerOfTen(exponent: number): bigint {
  if (exponent > MAX_KEPT_EXPONENT) {
    if (exponent > 2 * MAX_DIGITS) throw outOfRange("value overflows numeric format:");
    return 10n ** BigInt(exponent);
  }
  for (let i = POWERS.length; i <= exponent; i++) POWERS.push((POWERS[i - 1] as bigint) * 10n);
  return POWERS[exponent] as bigint;
}

/** The decimal of a bigint or safe integer, with scale 0. */
export function integerToDecimal(value: number | bigint): Decimal {
  return { unscaled: BigInt(value), scale: 0 };
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** `value` rewritten with a greater or equal scale. */
function unscaledAt(value: Decimal, scale: number): bigint {
  return scale === value.scale ? value.unscaled : value.unscaled * powerOfTen(scale - value.scale);
}

/** Negative, zero or positive; 1.0 equals 1.00. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const x = unscaledAt(a, scale);
  const y = unscaledAt(b, scale);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Sum; scale is the larger one. */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { unscaled: unscaledAt(a, scale) + unscaledAt(b, scale), scale };
}

/** Difference; scale is the larger one. */
export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { unscaled: unscaledAt(a, scale) - unscaledAt(b, scale), scale };
}

/** Product; scales add up, to 16,383 digits after the point. Errors: `numeric_out_of_range`. */
export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  return bounded({ unscaled: a.unscaled * b.unscaled, scale: a.scale + b.scale });
}

/** A value rounded to the scale that numeric can hold. Errors: `numeric_out_of_range` for too many digits before the point. */
function bounded(value: Decimal): Decimal {
  const { unscaled, scale } = scaleWithin(value);
  // Short values, nearly all, are told by the first comparison.
  const magnitude = absolute(unscaled);
  if (magnitude >= LONG && magnitude >= powerOfTen(MAX_WHOLE_DIGITS + scale)) {
    throw outOfRange("value overflows numeric format:");
  }
  return { unscaled, scale };
}

function scaleWithin(value: Decimal): Decimal {
  return value.scale > MAX_SCALE ? roundDecimal(value, MAX_SCALE) : value;
}

/** Weight and value of the first base-10000 digit; both 0 for zero. */
function leadingDigit(value: Decimal): { weight: number; digit: number } {
  if (value.unscaled === 0n) return { weight: 0, digit: 0 };
  const text = absolute(value.unscaled).toString();
  const exponent = text.length - 1 - value.scale;
  const weight = Math.floor(exponent / BASE_DIGITS);
  const digits = exponent - weight * BASE_DIGITS + 1;
  return { weight, digit: Number(text.slice(0, digits).padEnd(digits, "0")) };
}

/**
 * The first base-10000 digits of a value as one number, with the weight of the first; 0 and 0 for zero. Numbers with
 * fewer digits are filled with zeros.
 */
export function leadingDigits(value: Decimal, count: number): { readonly weight: number; readonly digit: number } {
  if (value.unscaled === 0n) return { weight: 0, digit: 0 };
  const text = absolute(value.unscaled).toString();
  const weight = Math.floor((text.length - 1 - value.scale) / BASE_DIGITS);
  const digits = text.length - value.scale - weight * BASE_DIGITS + (count - 1) * BASE_DIGITS;
  return { weight, digit: Number(text.slice(0, digits).padEnd(digits, "0")) };
}

/** The scale PostgreSQL gives a quotient (select_div_scale). */
export function divisionScale(a: Decimal, b: Decimal): number {
  const first = leadingDigit(a);
  const second = leadingDigit(b);
  let weight = first.weight - second.weight;
  if (first.digit <= second.digit) weight--;
  return Math.min(Math.max(MIN_SIGNIFICANT_DIGITS - weight * BASE_DIGITS, a.scale, b.scale, 0), MAX_DISPLAY_SCALE);
}

/** Integer quotient rounded half away from zero. */
function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const remainder = numerator - quotient * denominator;
  if (absolute(remainder) * 2n < absolute(denominator)) return quotient;
  return numerator < 0n === denominator < 0n ? quotient + 1n : quotient - 1n;
}

/** Quotient at an explicit scale, rounded half away from zero. Errors: division_by_zero. */
export function divideDecimalsAt(a: Decimal, b: Decimal, scale: number): Decimal {
  if (b.unscaled === 0n) throw divisionByZero();
  const shift = scale + b.scale - a.scale;
  const numerator = shift >= 0 ? a.unscaled * powerOfTen(shift) : a.unscaled;
  const denominator = shift >= 0 ? b.unscaled : b.unscaled * powerOfTen(-shift);
  return { unscaled: roundedQuotient(numerator, denominator), scale };
}

/** Quotient at PostgreSQL's scale. Errors: division_by_zero. */
export function divideDecimals(a: Decimal, b: Decimal): Decimal {
  if (b.unscaled === 0n) throw divisionByZero();
  return divideDecimalsAt(a, b, divisionScale(a, b));
}

/** Remainder with the dividend's sign. Errors: division_by_zero. */
export function moduloDecimals(a: Decimal, b: Decimal): Decimal {
  if (b.unscaled === 0n) throw divisionByZero();
  const scale = Math.max(a.scale, b.scale);
  return { unscaled: unscaledAt(a, scale) % unscaledAt(b, scale), scale };
}

/** `-value`. */
export function negateDecimal(value: Decimal): Decimal {
  return { unscaled: -value.unscaled, scale: value.scale };
}

/** Digits after the point (negative: before it) that can be rounded to; beyond them there is nothing to round. */
function heldDigits(wanted: number): number {
  return Math.min(Math.max(wanted, -MAX_WHOLE_DIGITS - 1), MAX_SCALE);
}

/** Rounds half away from zero to `wanted` digits after the point; negative digits round to tens, hundreds, … */
export function roundDecimal(value: Decimal, wanted: number): Decimal {
  const digits = heldDigits(wanted);
  const scale = Math.max(digits, 0);
  if (digits >= value.scale) return { unscaled: unscaledAt(value, scale), scale };
  const rounded = roundedQuotient(value.unscaled, powerOfTen(value.scale - digits));
  return digits >= 0 ? { unscaled: rounded, scale } : { unscaled: rounded * powerOfTen(-digits), scale: 0 };
}

/** Cuts to `wanted` digits after the point, towards zero. */
export function truncateDecimal(value: Decimal, wanted: number): Decimal {
  const digits = heldDigits(wanted);
  const scale = Math.max(digits, 0);
  if (digits >= value.scale) return { unscaled: unscaledAt(value, scale), scale };
  const cut = value.unscaled / powerOfTen(value.scale - digits);
  return digits >= 0 ? { unscaled: cut, scale } : { unscaled: cut * powerOfTen(-digits), scale: 0 };
}

/** The largest integer not above. */
export function floorDecimal(value: Decimal): Decimal {
  const cut = truncateDecimal(value, 0);
  return value.unscaled < 0n && compareDecimals(cut, value) !== 0 ? { unscaled: cut.unscaled - 1n, scale: 0 } : cut;
}

/** The smallest integer not below. */
export function ceilDecimal(value: Decimal): Decimal {
  const cut = truncateDecimal(value, 0);
  return value.unscaled > 0n && compareDecimals(cut, value) !== 0 ? { unscaled: cut.unscaled + 1n, scale: 0 } : cut;
}

function integerSquareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  // Newton's method falls towards the root only from above it; the double's root may lie a little below.
  let guess = BigInt(Math.ceil(Math.sqrt(Number(value < 1n << 1000n ? value : 1n << 1000n)) * (1 + 1e-15))) + 1n;
  if (value >= 1n << 1000n) guess = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) {
      while (guess * guess > value) guess--;
      return guess;
    }
    guess = next;
  }
}

/** Square root rounded at an explicit scale; the argument must not be negative. */
export function squareRootDecimalAt(value: Decimal, scale: number): Decimal {
  // Two spare digits decide the rounding; the floor of the root is exact below them.
  const spare = scale + 2;
  const shift = 2 * spare - value.scale;
  const scaled = shift >= 0 ? value.unscaled * powerOfTen(shift) : value.unscaled / powerOfTen(-shift);
  return roundDecimal({ unscaled: integerSquareRoot(scaled), scale: spare }, scale);
}

/** Square root at PostgreSQL's scale; the argument must not be negative. */
export function squareRootDecimal(value: Decimal): Decimal {
  const weight = (leadingDigit(value).weight + 1) * (BASE_DIGITS / 2) - 1;
  return squareRootDecimalAt(
    value,
    Math.min(Math.max(MIN_SIGNIFICANT_DIGITS - weight, value.scale, 0), MAX_DISPLAY_SCALE),
  );
}

/** Parses or throws invalid_text_representation. */
export function textToDecimal(text: string): Decimal {
  const value = stringToDecimal(text);
  if (value === undefined) throw invalidText("numeric", text);
  return value;
}

/** The nearest double. */
export function decimalToNumber(value: Decimal): number {
  if (value.scale === 0) return Number(value.unscaled);
  const asNumber = Number(value.unscaled);
  // Both operands exact and the divisor a power of ten up to 10^22: one correctly rounded division.
  if (value.scale <= 22 && Number.isSafeInteger(asNumber)) return asNumber / 10 ** value.scale;
  return Number(decimalToString(value));
}

function textOfDouble(value: number, digits: number): Decimal {
  if (!Number.isFinite(value)) throw outOfRange("numeric: NaN and infinity are not supported, value");
  const text = value.toPrecision(digits);
  const parsed = textToDecimal(text);
  return trimDecimal(parsed);
}

/** Without trailing zeros after the point. */
export function trimDecimal(value: Decimal): Decimal {
  let { unscaled, scale } = value;
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n;
    scale--;
  }
  return { unscaled, scale };
}

/** A double as numeric, kept to 15 significant digits as PostgreSQL does. Errors: numeric_out_of_range. */
export function float64ToDecimal(value: number): Decimal {
  return textOfDouble(value, FLOAT64_DIGITS);
}

/** A real as numeric, kept to 6 significant digits as PostgreSQL does. Errors: numeric_out_of_range. */
export function float32ToDecimal(value: number): Decimal {
  return textOfDouble(value, FLOAT32_DIGITS);
}

/** Rounds to a declared precision and scale. Errors: numeric_out_of_range when the integer part does not fit. */
export function fitDecimal(value: Decimal, precision: number | undefined, scale: number | undefined): Decimal {
  if (precision === undefined) return value;
  const rounded = roundDecimal(value, scale ?? 0);
  if (absolute(rounded.unscaled) >= powerOfTen(precision)) {
    throw outOfRange(`numeric field overflow: value for numeric(${precision},${scale ?? 0})`);
  }
  return rounded;
}
