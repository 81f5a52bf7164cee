// Text of integers and floats, in PostgreSQL's shortest round-trip form.

import { invalidText, outOfRange, outOfTypeRange } from "./errors.ts";

const INT_LIMITS = {
  int16: { min: -32_768, max: 32_767, name: "smallint" },
  int32: { min: -2_147_483_648, max: 2_147_483_647, name: "integer" },
} as const;
const INT64_MIN = -(1n << 63n);
const INT64_MAX = (1n << 63n) - 1n;
/** Decimal, or hexadecimal, octal or binary with its prefix; single underscores may group digits. */
const INTEGER_TEXT = /^\s*([+-]?)(\d+(?:_\d+)*|0x(?:_?[\da-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+)\s*$/i;
const FLOAT_TEXT = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const SPECIAL_FLOATS: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  "+infinity": Number.POSITIVE_INFINITY,
  "-infinity": Number.NEGATIVE_INFINITY,
  inf: Number.POSITIVE_INFINITY,
  "+inf": Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
};

/** An int16 or int32 checked for range. Errors: numeric_out_of_range. */
export function checkSmallInteger(kind: "int16" | "int32", value: number): number {
  const limits = INT_LIMITS[kind];
  if (value < limits.min || value > limits.max) throw outOfRange(limits.name);
  return value + 0;
}

/** A bigint as an int64 scalar: a number when safe, else a bigint. Errors: numeric_out_of_range. */
export function bigintToInt64(value: bigint): number | bigint {
  if (value < INT64_MIN || value > INT64_MAX) throw outOfRange("bigint");
  return value >= -9_007_199_254_740_991n && value <= 9_007_199_254_740_991n ? Number(value) : value;
}

/** Parses an integer of the kind. Errors: invalid_text_representation, numeric_out_of_range. */
export function textToInteger(kind: "int16" | "int32" | "int64", text: string): number | bigint {
  const name = kind === "int64" ? "bigint" : INT_LIMITS[kind].name;
  const match = INTEGER_TEXT.exec(text);
  if (match === null) throw invalidText(name, text);
  const digits = (match[2] ?? "").replaceAll("_", "");
  const sign = match[1] === "-" ? -1 : 1;
  if (digits.length <= 15) {
    const small = sign * Number(digits) + 0;
    const limits = kind === "int64" ? undefined : INT_LIMITS[kind];
    if (limits === undefined || (small >= limits.min && small <= limits.max)) return small;
  } else if (kind === "int64") {
    const value = BigInt(sign) * BigInt(digits);
    if (value >= INT64_MIN && value <= INT64_MAX) return bigintToInt64(value);
  }
  throw outOfTypeRange(`value "${text}"`, name);
}

/** Parses a float of the kind. Errors: invalid_text_representation, numeric_out_of_range on overflow. */
export function textToFloat(kind: "float32" | "float64", text: string): number {
  const name = kind === "float64" ? "double precision" : "real";
  if (!FLOAT_TEXT.test(text)) {
    const special = SPECIAL_FLOATS[text.trim().toLowerCase()];
    if (special === undefined) throw invalidText(name, text);
    return special;
  }
  const value = kind === "float64" ? Number(text) : Math.fround(Number(text));
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(text.replace(/e.*$/i, "")))) {
    throw outOfTypeRange(`"${text.trim()}"`, name);
  }
  return value;
}

function shortestDigits(value: number, kind: "float32" | "float64"): string {
  if (kind === "float64") return value.toExponential();
  for (let precision = 0; precision < 9; precision++) {
    const text = value.toExponential(precision);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential(8);
}

/** Shortest text that reads back as the same float: 1e+20, 0.0001, 1e-05, NaN, Infinity. */
export function floatToText(value: number, kind: "float32" | "float64"): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", exponentText = "0"] = shortestDigits(value, kind).split("e");
  const exponent = Number(exponentText);
  const negative = mantissa.startsWith("-");
  const digits = mantissa.replace("-", "").replace(".", "").replace(/0+$/, "") || "0";
  const sign = negative ? "-" : "";
  if (exponent < -4 || exponent >= (kind === "float64" ? 15 : 6)) {
    const tail = digits.length > 1 ? `.${digits.slice(1)}` : "";
    const magnitude = Math.abs(exponent).toString().padStart(2, "0");
    return `${sign}${digits[0] ?? "0"}${tail}e${exponent < 0 ? "-" : "+"}${magnitude}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, "0");
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** Rounds half to even, as rint() does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  let result = floor + 1;
  if (fraction < 0.5 || (fraction === 0.5 && floor % 2 === 0)) result = floor;
  // Negative values that round to zero keep their sign, as in C.
  return result === 0 && value < 0 ? -0 : result;
}
