// Mathematical functions.

import type { Decimal } from "#columnar";
import {
  ceilDecimal,
  compareDecimals,
  decimalToNumber,
  divideDecimals,
  floorDecimal,
  moduloDecimals,
  negateDecimal,
  roundDecimal,
  squareRootDecimal,
  truncateDecimal,
} from "../values/decimal.ts";
import {
  exponentialDecimal,
  fractionalPower,
  logarithmDecimal,
  logarithmToBase,
  wholePower,
} from "../values/decimal-logarithms.ts";
import { divisionByZero, outOfRange, runtimeError } from "../values/errors.ts";
import { bigintToInt64, checkSmallInteger, roundHalfEven } from "../values/number-text.ts";
import { FLOAT_OPERATORS } from "./arithmetic.ts";
import type { FunctionCatalog } from "./definition.ts";

type Int64 = number | bigint;
const ZERO: Decimal = { unscaled: 0n, scale: 0 };

function power(base: number, exponent: number): number {
  if (Number.isNaN(base)) return exponent === 0 ? 1 : base;
  if (Number.isNaN(exponent)) return base === 1 ? 1 : exponent;
  if (base === 1) return 1;
  if (base === 0 && exponent < 0) throw runtimeError("zero raised to a negative power is undefined");
  if (base < 0 && Number.isFinite(exponent) && !Number.isInteger(exponent)) {
    throw runtimeError("a negative number raised to a non-integer power yields a complex result");
  }
  if (base === -1 && !Number.isFinite(exponent)) return 1;
  const result = base ** exponent;
  if (!Number.isFinite(result) && Number.isFinite(base) && Number.isFinite(exponent)) {
    throw outOfRange("value out of range: overflow; float");
  }
  if (result === 0 && base !== 0 && Number.isFinite(base) && Number.isFinite(exponent)) {
    throw outOfRange("value out of range: underflow; float");
  }
  return result;
}

function decimalPower(base: Decimal, exponent: Decimal): Decimal {
  const whole = truncateDecimal(exponent, 0);
  if (compareDecimals(whole, exponent) === 0 && BigInt.asIntN(32, whole.unscaled) === whole.unscaled) {
    return wholePower(base, Number(whole.unscaled), exponent.scale);
  }
  if (base.unscaled < 0n && compareDecimals(whole, exponent) !== 0) {
    throw runtimeError("a negative number raised to a non-integer power yields a complex result");
  }
  if (base.unscaled === 0n && exponent.unscaled < 0n) {
    throw runtimeError("zero raised to a negative power is undefined");
  }
  const power = fractionalPower(base.unscaled < 0n ? negateDecimal(base) : base, exponent);
  return base.unscaled < 0n && whole.unscaled % 2n !== 0n ? negateDecimal(power) : power;
}

function logarithm(value: number): number {
  if (value === 0) throw runtimeError("cannot take logarithm of zero");
  if (value < 0) throw runtimeError("cannot take logarithm of a negative number");
  return Math.log(value);
}

function logarithm10(value: number): number {
  if (value === 0) throw runtimeError("cannot take logarithm of zero");
  if (value < 0) throw runtimeError("cannot take logarithm of a negative number");
  return Math.log10(value);
}

function gcd(a: bigint, b: bigint): bigint {
  let x = a < 0n ? -a : a;
  let y = b < 0n ? -b : b;
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** Both numbers at the larger scale. */
function aligned(a: Decimal, b: Decimal): readonly [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale);
  return [a.unscaled * 10n ** BigInt(scale - a.scale), b.unscaled * 10n ** BigInt(scale - b.scale), scale];
}

function factorial(n: Int64): Decimal {
  const limit = Number(n);
  if (limit < 0) throw runtimeError("factorial of a negative number is undefined");
  if (limit > 5000) throw outOfRange("value");
  let product = 1n;
  for (let i = 2n; i <= BigInt(n); i++) product *= i;
  return { unscaled: product, scale: 0 };
}

function widthBucket(value: number, low: number, high: number, count: number): number {
  if (count <= 0) throw runtimeError("count must be greater than zero");
  if (Number.isNaN(value) || Number.isNaN(low) || Number.isNaN(high)) {
    throw runtimeError("operand, lower bound, and upper bound cannot be NaN");
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw runtimeError("lower and upper bounds must be finite");
  if (low === high) throw runtimeError("lower bound cannot equal upper bound");
  if (low < high) {
    if (value < low) return 0;
    if (value >= high) return count + 1;
    return Math.min(Math.floor((count * (value - low)) / (high - low)) + 1, count);
  }
  if (value > low) return 0;
  if (value <= high) return count + 1;
  return Math.min(Math.floor((count * (low - value)) / (low - high)) + 1, count);
}

function domain(name: string, low: number, high: number, f: (x: number) => number): (x: number) => number {
  return (x) => {
    if (x < low || x > high) throw outOfRange(`input of ${name} is`);
    return f(x);
  };
}

function defineRounding({ define }: FunctionCatalog): void {
  define("abs", "int2 -> int2", (x: number) => checkSmallInteger("int16", Math.abs(x)));
  define("abs", "int4 -> int4", (x: number) => checkSmallInteger("int32", Math.abs(x)));
  define("abs", "int8 -> int8", (x: Int64) => (typeof x === "number" ? Math.abs(x) : bigintToInt64(x < 0n ? -x : x)));
  define("abs", "float4 -> float4", (x: number) => Math.abs(x), { safe: true });
  define("abs", "float8 -> float8", (x: number) => Math.abs(x), { safe: true });
  define("abs", "numeric -> numeric", (x: Decimal) => (x.unscaled < 0n ? negateDecimal(x) : x), { safe: true });
  for (const [name, onFloat, onDecimal] of [
    ["ceil", Math.ceil, ceilDecimal],
    ["floor", Math.floor, floorDecimal],
    ["trunc", Math.trunc, (x: Decimal) => truncateDecimal(x, 0)],
    ["round", roundHalfEven, (x: Decimal) => roundDecimal(x, 0)],
  ] as const) {
    define(name, "float8 -> float8", (x: number) => (Number.isFinite(x) ? onFloat(x) : x), { safe: true });
    define(name, "numeric -> numeric", onDecimal, { safe: true });
  }
  define("round", "numeric, int4 -> numeric", roundDecimal, { safe: true });
  define("trunc", "numeric, int4 -> numeric", truncateDecimal, { safe: true });
  define("sign", "float8 -> float8", (x: number) => (Number.isNaN(x) ? 0 : Math.sign(x) + 0), { safe: true });
  define("sign", "numeric -> numeric", (x: Decimal) => ({
    unscaled: x.unscaled > 0n ? 1n : x.unscaled < 0n ? -1n : 0n,
    scale: 0,
  }));
}

const modulo = (a: number, b: number): number => {
  if (b === 0) throw divisionByZero();
  return (a % b) + 0;
};

const lcm = (a: Int64, b: Int64): bigint => {
  const divisor = gcd(BigInt(a), BigInt(b));
  const product = divisor === 0n ? 0n : (BigInt(a) / divisor) * BigInt(b);
  return product < 0n ? -product : product;
};

function defineIntegers({ define }: FunctionCatalog): void {
  define("mod", "int2, int2 -> int2", modulo);
  define("mod", "int4, int4 -> int4", modulo);
  define("mod", "int8, int8 -> int8", (a: Int64, b: Int64) => {
    if (Number(b) === 0) throw divisionByZero();
    return bigintToInt64(BigInt(a) % BigInt(b));
  });
  define("mod", "numeric, numeric -> numeric", moduloDecimals);
  define("div", "numeric, numeric -> numeric", (a: Decimal, b: Decimal) => {
    if (b.unscaled === 0n) throw divisionByZero();
    const scale = Math.max(a.scale, b.scale);
    const whole = truncateDecimal({ unscaled: a.unscaled * 10n ** BigInt(scale - a.scale), scale: 0 }, 0);
    return { unscaled: whole.unscaled / (b.unscaled * 10n ** BigInt(scale - b.scale)), scale: 0 };
  });
  define("gcd", "int4, int4 -> int4", (a: number, b: number) => Number(gcd(BigInt(a), BigInt(b))));
  define("gcd", "int8, int8 -> int8", (a: Int64, b: Int64) => bigintToInt64(gcd(BigInt(a), BigInt(b))));
  define("lcm", "int4, int4 -> int4", (a: number, b: number) => checkSmallInteger("int32", Number(lcm(a, b))));
  define("lcm", "int8, int8 -> int8", (a: Int64, b: Int64) => bigintToInt64(lcm(a, b)));
  define("gcd", "numeric, numeric -> numeric", (a: Decimal, b: Decimal) => {
    const [x, y, scale] = aligned(a, b);
    return { unscaled: gcd(x, y), scale };
  });
  define("lcm", "numeric, numeric -> numeric", (a: Decimal, b: Decimal) => {
    const [x, y, scale] = aligned(a, b);
    if (x === 0n || y === 0n) return { unscaled: 0n, scale };
    const multiple = (x / gcd(x, y)) * y;
    return { unscaled: multiple < 0n ? -multiple : multiple, scale };
  });
  define("factorial", "int8 -> numeric", factorial);
  define("to_hex", "int4 -> text", (x: number) => (x >>> 0).toString(16), { safe: true });
  define("to_hex", "int8 -> text", (x: Int64) => BigInt.asUintN(64, BigInt(x)).toString(16), { safe: true });
}

const sqrt = (x: number): number => {
  if (x < 0) throw runtimeError("cannot take square root of a negative number");
  return Math.sqrt(x);
};

function defineTranscendental({ define, alias }: FunctionCatalog): void {
  define("sqrt", "float8 -> float8", sqrt);
  define("sqrt", "numeric -> numeric", (x: Decimal) => {
    if (x.unscaled < 0n) throw runtimeError("cannot take square root of a negative number");
    return squareRootDecimal(x);
  });
  define("cbrt", "float8 -> float8", (x: number) => Math.cbrt(x), { safe: true });
  define("power", "float8, float8 -> float8", power);
  define("power", "numeric, numeric -> numeric", decimalPower);
  define("^", "float8, float8 -> float8", power);
  define("^", "numeric, numeric -> numeric", decimalPower);
  alias("power", "pow");
  define("exp", "float8 -> float8", (x: number) => {
    const result = Math.exp(x);
    if (!Number.isFinite(result) && Number.isFinite(x)) throw outOfRange("value out of range: overflow; float");
    if (result === 0 && Number.isFinite(x)) throw outOfRange("value out of range: underflow; float");
    return result;
  });
  define("exp", "numeric -> numeric", exponentialDecimal);
  define("ln", "float8 -> float8", logarithm);
  define("ln", "numeric -> numeric", logarithmDecimal);
  define("log", "numeric, numeric -> numeric", (base: Decimal, x: Decimal) => logarithmToBase(x, base));
  for (const name of ["log", "log10"]) {
    define(name, "float8 -> float8", logarithm10);
    define(name, "numeric -> numeric", (x: Decimal) => logarithmToBase(x));
  }
  define("log2", "float8 -> float8", (x: number) => logarithm(x) && Math.log2(x));
  define("log", "float8, float8 -> float8", (base: number, x: number) => {
    const divisor = logarithm(base);
    if (divisor === 0) throw divisionByZero();
    return logarithm(x) / divisor;
  });
  define("degrees", "float8 -> float8", (x: number) => x / (Math.PI / 180), { safe: true });
  define("radians", "float8 -> float8", (x: number) => x * (Math.PI / 180), { safe: true });
  define("pi", "-> float8", () => Math.PI, { safe: true });
  for (const [name, f] of [
    ["sin", Math.sin],
    ["cos", Math.cos],
    ["tan", Math.tan],
    ["atan", Math.atan],
    ["sinh", Math.sinh],
    ["cosh", Math.cosh],
    ["tanh", Math.tanh],
    ["asinh", Math.asinh],
    ["asin", domain("asin", -1, 1, Math.asin)],
    ["acos", domain("acos", -1, 1, Math.acos)],
    ["acosh", domain("acosh", 1, Number.POSITIVE_INFINITY, Math.acosh)],
    ["atanh", domain("atanh", -1, 1, Math.atanh)],
    ["cot", (x: number) => 1 / Math.tan(x)],
  ] as const) {
    define(name, "float8 -> float8", f);
  }
  define("atan2", "float8, float8 -> float8", (y: number, x: number) => Math.atan2(y, x), { safe: true });
}

/** Adds mathematical functions. */
export function defineMath(catalog: FunctionCatalog): void {
  defineRounding(catalog);
  defineIntegers(catalog);
  defineTranscendental(catalog);
  const { define, defineWith } = catalog;
  define("width_bucket", "float8, float8, float8, int4 -> int4", widthBucket);
  define(
    "width_bucket",
    "numeric, numeric, numeric, int4 -> int4",
    (value: Decimal, low: Decimal, high: Decimal, count: number) =>
      widthBucket(decimalToNumber(value), decimalToNumber(low), decimalToNumber(high), count),
  );
  defineWith(
    "random",
    "-> float8",
    ({ randomUnit = Math.random }) =>
      () =>
        randomUnit(),
    { volatility: "volatile" },
  );
  define("isnan", "float8 -> bool", (x: number) => Number.isNaN(x), { safe: true });
  define("isfinite", "float8 -> bool", (x: number) => Number.isFinite(x), { safe: true });
  define("safe_divide", "float8, float8 -> float8", (a: number, b: number) =>
    b === 0 ? null : FLOAT_OPERATORS["/"](a, b),
  );
  define("try_divide", "numeric, numeric -> numeric", (a: Decimal, b: Decimal) =>
    compareDecimals(b, ZERO) === 0 ? null : divideDecimals(a, b),
  );
  define("square", "float8 -> float8", (x: number) => x * x, { safe: true });
}
