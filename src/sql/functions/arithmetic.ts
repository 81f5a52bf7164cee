// Arithmetic operators on numbers, dates, timestamps and intervals.

import type { Decimal, Interval } from "#columnar";
import { addMonths, MICROS_PER_DAY } from "../values/civil.ts";
import {
  addDecimals,
  divideDecimals,
  moduloDecimals,
  multiplyDecimals,
  negateDecimal,
  subtractDecimals,
} from "../values/decimal.ts";
import { divisionByZero, outOfRange, runtimeError } from "../values/errors.ts";
import { dateToMicros, isInfiniteDate, isInfiniteInterval } from "../values/infinite.ts";
import {
  addIntervals,
  divideInterval,
  multiplyInterval,
  negateInterval,
  subtractIntervals,
} from "../values/interval.ts";
import { bigintToInt64, checkSmallInteger } from "../values/number-text.ts";
import { arithmeticKernel, type ArithmeticOperator } from "./arithmetic-kernels.ts";
import { DECIMAL_KERNELS, negateDecimals } from "./decimal-kernels.ts";
import type { FunctionCatalog } from "./definition.ts";

type Int64 = number | bigint;

function exactInt64(a: Int64, b: Int64, approximate: number, exact: (x: bigint, y: bigint) => bigint): Int64 {
  // A rounded result within the safe range is the exact one.
  if (typeof a === "number" && typeof b === "number" && Number.isSafeInteger(approximate)) return approximate;
  return bigintToInt64(exact(BigInt(a), BigInt(b)));
}

/** int8 + int8. Errors: numeric_out_of_range. */
export function addInt64(a: Int64, b: Int64): Int64 {
  return exactInt64(a, b, Number(a) + Number(b), (x, y) => x + y);
}

/** int8 * int8. Errors: numeric_out_of_range. */
export function multiplyInt64(a: Int64, b: Int64): Int64 {
  return exactInt64(a, b, Number(a) * Number(b) + 0, (x, y) => x * y);
}

function subtractInt64(a: Int64, b: Int64): Int64 {
  return exactInt64(a, b, Number(a) - Number(b), (x, y) => x - y);
}

function divideInt64(a: Int64, b: Int64): Int64 {
  if (Number(b) === 0) throw divisionByZero();
  if (typeof a === "number" && typeof b === "number") return Math.trunc(a / b) + 0;
  return bigintToInt64(BigInt(a) / BigInt(b));
}

function moduloInt64(a: Int64, b: Int64): Int64 {
  if (Number(b) === 0) throw divisionByZero();
  if (typeof a === "number" && typeof b === "number") return (a % b) + 0;
  return bigintToInt64(BigInt(a) % BigInt(b));
}

function checkFloat(result: number, a: number, b: number): number {
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) {
    throw outOfRange("value out of range: overflow; float");
  }
  return result;
}

function checkProduct(result: number, a: number, b: number): number {
  if (result === 0 && a !== 0 && b !== 0 && Number.isFinite(a) && Number.isFinite(b)) {
    throw outOfRange("value out of range: underflow; float");
  }
  return checkFloat(result, a, b);
}

/** The five float8 operators with PostgreSQL's overflow and zero checks. */
export const FLOAT_OPERATORS: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  "+": (a, b) => checkFloat(a + b, a, b),
  "-": (a, b) => checkFloat(a - b, a, b),
  "*": (a, b) => checkProduct(a * b, a, b),
  "/": (a, b) => {
    if (b === 0) {
      if (Number.isNaN(a)) return a;
      throw divisionByZero();
    }
    return Number.isFinite(b) ? checkProduct(a / b, a, b) : a / b;
  },
  "%": (a, b) => {
    if (b === 0) throw divisionByZero();
    return a % b;
  },
};

const INT_OPERATORS: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => {
    if (b === 0) throw divisionByZero();
    return Math.trunc(a / b);
  },
  "%": (a, b) => {
    if (b === 0) throw divisionByZero();
    return a % b;
  },
};

const INT64_OPERATORS: Readonly<Record<ArithmeticOperator, (a: Int64, b: Int64) => Int64>> = {
  "+": addInt64,
  "-": subtractInt64,
  "*": multiplyInt64,
  "/": divideInt64,
  "%": moduloInt64,
};

const DECIMAL_OPERATORS: Readonly<Record<ArithmeticOperator, (a: Decimal, b: Decimal) => Decimal>> = {
  "+": addDecimals,
  "-": subtractDecimals,
  "*": multiplyDecimals,
  "/": divideDecimals,
  "%": moduloDecimals,
};

/** A timestamp moved by an interval: months first (day clamped), then days, then microseconds. */
export function addIntervalToTimestamp(micros: number, interval: Interval): number {
  // Infinity and its opposite together are no instant: the range check refuses what is not a number.
  if (!Number.isFinite(micros)) return isInfiniteInterval(interval) ? micros + interval.micros : micros;
  let result = micros;
  if (interval.months !== 0) {
    const days = Math.floor(result / MICROS_PER_DAY);
    result = addMonths(days, interval.months) * MICROS_PER_DAY + (result - days * MICROS_PER_DAY);
  }
  return result + interval.days * MICROS_PER_DAY + interval.micros;
}

function wrapTime(micros: number): number {
  if (!Number.isFinite(micros)) throw runtimeError("cannot add infinite interval to time");
  return micros - Math.floor(micros / MICROS_PER_DAY) * MICROS_PER_DAY;
}

function defineNumeric({ define }: FunctionCatalog): void {
  for (const operator of ["+", "-", "*", "/", "%"] as const) {
    const onInt = INT_OPERATORS[operator];
    for (const [name, kind] of [
      ["int2", "int16"],
      ["int4", "int32"],
    ] as const) {
      define(operator, `${name}, ${name} -> ${name}`, (a: number, b: number) => checkSmallInteger(kind, onInt(a, b)), {
        kernel: arithmeticKernel(operator, kind),
      });
    }
    define(operator, "int8, int8 -> int8", INT64_OPERATORS[operator], { kernel: arithmeticKernel(operator, "int64") });
    const onDecimals = DECIMAL_KERNELS[operator];
    const options = onDecimals === undefined ? {} : { kernel: onDecimals };
    define(operator, "numeric, numeric -> numeric", DECIMAL_OPERATORS[operator], options);
    if (operator === "%") continue;
    const onFloat = FLOAT_OPERATORS[operator];
    define(operator, "float4, float4 -> float4", (a: number, b: number) =>
      checkFloat(Math.fround(onFloat(a, b)), a, b),
    );
    // Mixed with any other number, a real computes in double precision.
    define(operator, "float4, float8 -> float8", onFloat);
    define(operator, "float8, float4 -> float8", onFloat);
    define(operator, "float8, float8 -> float8", onFloat, { kernel: arithmeticKernel(operator, "float64") });
  }
  define("-", "int2 -> int2", (a: number) => checkSmallInteger("int16", -a));
  define("-", "int4 -> int4", (a: number) => checkSmallInteger("int32", -a));
  define("-", "int8 -> int8", (a: Int64) => (typeof a === "number" ? 0 - a : bigintToInt64(-a)));
  define("-", "float4 -> float4", (a: number) => -a, { safe: true });
  define("-", "float8 -> float8", (a: number) => -a, { safe: true });
  define("-", "numeric -> numeric", negateDecimal, { safe: true, kernel: negateDecimals });
  define("-", "interval -> interval", negateInterval, { safe: true });
  for (const name of ["int2", "int4", "int8", "float4", "float8", "numeric"]) {
    define("+", `${name} -> ${name}`, (a: never) => a, { safe: true });
  }
  for (const [name, onBits] of [
    ["&", (a: bigint, b: bigint) => a & b],
    ["|", (a: bigint, b: bigint) => a | b],
    ["#", (a: bigint, b: bigint) => a ^ b],
  ] as const) {
    for (const type of ["int2", "int4"]) {
      define(name, `${type}, ${type} -> ${type}`, (a: number, b: number) => Number(onBits(BigInt(a), BigInt(b))), {
        safe: true,
      });
    }
    define(name, "int8, int8 -> int8", (a: Int64, b: Int64) => bigintToInt64(onBits(BigInt(a), BigInt(b))), {
      safe: true,
    });
  }
  define("<<", "int2, int4 -> int2", (a: number, b: number) => ((a << b) << 16) >> 16, { safe: true });
  for (const type of ["int2", "int4"]) {
    define(">>", `${type}, int4 -> ${type}`, (a: number, b: number) => a >> b, { safe: true });
    define("~", `${type} -> ${type}`, (a: number) => ~a, { safe: true });
  }
  define("<<", "int4, int4 -> int4", (a: number, b: number) => a << b, { safe: true });
  define("<<", "int8, int4 -> int8", (a: Int64, b: number) =>
    bigintToInt64(BigInt.asIntN(64, BigInt(a) << BigInt(b & 63))),
  );
  define(">>", "int8, int4 -> int8", (a: Int64, b: number) => bigintToInt64(BigInt(a) >> BigInt(b & 63)));
  define("~", "int8 -> int8", (a: Int64) => bigintToInt64(~BigInt(a)), { safe: true });
}

function shift(days: number, amount: number): number {
  return isInfiniteDate(days) ? days : days + amount;
}

function daysBetween(a: number, b: number): number {
  if (isInfiniteDate(a) || isInfiniteDate(b)) throw runtimeError("cannot subtract infinite dates");
  return a - b;
}

function inverse(micros: number, interval: Interval): number {
  return addIntervalToTimestamp(micros, negateInterval(interval));
}

function defineTemporal({ define }: FunctionCatalog): void {
  define("+", "date, int4 -> date", shift, { safe: true });
  define("+", "int4, date -> date", (amount: number, days: number) => shift(days, amount), { safe: true });
  define("-", "date, int4 -> date", (days: number, amount: number) => shift(days, -amount), { safe: true });
  define("-", "date, date -> int4", daysBetween);
  define("+", "date, time -> timestamp", (days: number, micros: number) => dateToMicros(days) + micros, {
    safe: true,
  });
  define("+", "time, date -> timestamp", (micros: number, days: number) => dateToMicros(days) + micros, {
    safe: true,
  });
  define("+", "date, interval -> timestamp", (days: number, interval: Interval) =>
    addIntervalToTimestamp(dateToMicros(days), interval),
  );
  define("+", "interval, date -> timestamp", (interval: Interval, days: number) =>
    addIntervalToTimestamp(dateToMicros(days), interval),
  );
  define("-", "date, interval -> timestamp", (days: number, interval: Interval) =>
    inverse(dateToMicros(days), interval),
  );
  for (const name of ["timestamp", "timestamptz"]) {
    define("+", `${name}, interval -> ${name}`, addIntervalToTimestamp, { safe: true });
    define("+", `interval, ${name} -> ${name}`, (interval: Interval, micros: number) =>
      addIntervalToTimestamp(micros, interval),
    );
    define("-", `${name}, interval -> ${name}`, inverse, { safe: true });
    define("-", `${name}, ${name} -> interval`, (a: number, b: number) => {
      const micros = a - b;
      if (!Number.isFinite(micros)) return { months: 0, days: 0, micros };
      const days = Math.trunc(micros / MICROS_PER_DAY);
      return { months: 0, days: days + 0, micros: micros - days * MICROS_PER_DAY };
    });
  }
  define("+", "time, interval -> time", (t: number, i: Interval) => wrapTime(t + i.micros));
  define("+", "interval, time -> time", (i: Interval, t: number) => wrapTime(t + i.micros));
  define("-", "time, interval -> time", (t: number, i: Interval) => wrapTime(t - i.micros));
  define("-", "time, time -> interval", (a: number, b: number) => ({ months: 0, days: 0, micros: a - b }));
  define("+", "interval, interval -> interval", addIntervals, { safe: true });
  define("-", "interval, interval -> interval", subtractIntervals, { safe: true });
  define("*", "interval, float8 -> interval", multiplyInterval, { safe: true });
  define("*", "float8, interval -> interval", (factor: number, i: Interval) => multiplyInterval(i, factor), {
    safe: true,
  });
  define("/", "interval, float8 -> interval", divideInterval);
}

/** Adds the arithmetic operators. */
export function defineArithmetic(catalog: FunctionCatalog): void {
  defineNumeric(catalog);
  defineTemporal(catalog);
}
