// Order of physical values of one Iceberg type: the order bounds and partition summaries are in.

import { compareBytes, compareCodePoints } from "#core";
import type { Scalar } from "#columnar";
import { isDecimal } from "./single-value.ts";

/**
 * Compares two values of one type that are not null: negative, zero or positive. Strings by code point, bytes
 * unsigned, uuids as text, false before true. NaN compares as equal to everything: test for it before.
 */
export function compareScalars(a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  if (isDecimal(a) && isDecimal(b)) return compareDecimals(a, b);
  // Numbers, bigints and booleans compare across each other by value.
  const left = a as number | bigint;
  const right = b as number | bigint;
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

function compareDecimals(
  a: { readonly unscaled: bigint; readonly scale: number },
  b: { readonly unscaled: bigint; readonly scale: number },
): number {
  const scale = Math.max(a.scale, b.scale);
  const left = a.unscaled * 10n ** BigInt(scale - a.scale);
  const right = b.unscaled * 10n ** BigInt(scale - b.scale);
  if (left < right) return -1;
  return left > right ? 1 : 0;
}
