// Exact decimals to and from text.

import type { Decimal } from "./data-type.ts";

/** PostgreSQL's numeric holds at most this many digits before the point; longer exponents are refused. */
const MAX_DIGITS = 131_072;

const DECIMAL = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/;

/** Decimal notation with exactly `scale` digits after the point: {-105n, 2} → "-1.05". */
export function decimalToString(value: Decimal): string {
  const { unscaled, scale } = value;
  if (scale === 0) return unscaled.toString();
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${negative ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * Parses decimal or scientific notation exactly; the scale is the number of digits after the point, never
 * negative. Undefined when the text is not a finite number or has more than 131,072 digits.
 */
export function stringToDecimal(text: string): Decimal | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = match;
  if (whole === "" && fraction === "") return undefined;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > MAX_DIGITS || whole.length + fraction.length > MAX_DIGITS) return undefined;
  const unsigned = BigInt(whole + fraction);
  const unscaled = sign === "-" ? -unsigned : unsigned;
  const scale = fraction.length - exponent;
  return scale >= 0 ? { unscaled, scale } : { unscaled: unscaled * 10n ** BigInt(-scale), scale: 0 };
}
