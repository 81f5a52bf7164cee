// Arithmetic on whole vectors of integers and floats. A kernel gives up (undefined) when any row would raise an
// error or leave the exact range; the scalar implementation then finds the row and reports it.

import type { DataType, FlatVector, Vector } from "#columnar";
import type { VectorKernel } from "./definition.ts";
import { mergeValidity, numericOperand, type NumericOperand } from "./operand.ts";

/** The operators that have kernels. */
export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%";

type NumericKind = "int16" | "int32" | "int64" | "float64";

const RANGES: Readonly<Record<NumericKind, number>> = {
  int16: 32_767,
  int32: 2_147_483_647,
  int64: Number.MAX_SAFE_INTEGER,
  float64: Number.MAX_VALUE,
};

function addInto(out: Float64Array, a: NumericOperand, b: NumericOperand): void {
  const x = a.values;
  const y = b.values;
  if (y === undefined && x !== undefined) {
    const c = b.constant;
    for (let i = 0; i < out.length; i++) out[i] = (x[i] as number) + c;
  } else if (x === undefined && y !== undefined) {
    const c = a.constant;
    for (let i = 0; i < out.length; i++) out[i] = c + (y[i] as number);
  } else if (x !== undefined && y !== undefined) {
    for (let i = 0; i < out.length; i++) out[i] = (x[i] as number) + (y[i] as number);
  }
}

function subtractInto(out: Float64Array, a: NumericOperand, b: NumericOperand): void {
  const x = a.values;
  const y = b.values;
  if (y === undefined && x !== undefined) {
    const c = b.constant;
    for (let i = 0; i < out.length; i++) out[i] = (x[i] as number) - c;
  } else if (x === undefined && y !== undefined) {
    const c = a.constant;
    for (let i = 0; i < out.length; i++) out[i] = c - (y[i] as number);
  } else if (x !== undefined && y !== undefined) {
    for (let i = 0; i < out.length; i++) out[i] = (x[i] as number) - (y[i] as number);
  }
}

function multiplyInto(out: Float64Array, a: NumericOperand, b: NumericOperand): void {
  const x = a.values;
  const y = b.values;
  if (y === undefined && x !== undefined) {
    const c = b.constant;
    for (let i = 0; i < out.length; i++) out[i] = (x[i] as number) * c;
  } else if (x === undefined && y !== undefined) {
    const c = a.constant;
    for (let i = 0; i < out.length; i++) out[i] = c * (y[i] as number);
  } else if (x !== undefined && y !== undefined) {
    for (let i = 0; i < out.length; i++) out[i] = (x[i] as number) * (y[i] as number);
  }
}

/** Quotients, truncated for integers. A zero divisor leaves a value that the range check refuses. */
function divideInto(out: Float64Array, a: NumericOperand, b: NumericOperand, integral: boolean): void {
  const x = a.values;
  const y = b.values;
  for (let i = 0; i < out.length; i++) {
    const quotient =
      (x === undefined ? a.constant : (x[i] as number)) / (y === undefined ? b.constant : (y[i] as number));
    out[i] = integral ? Math.trunc(quotient) : quotient;
  }
}

function moduloInto(out: Float64Array, a: NumericOperand, b: NumericOperand): void {
  const x = a.values;
  const y = b.values;
  for (let i = 0; i < out.length; i++) {
    out[i] = (x === undefined ? a.constant : (x[i] as number)) % (y === undefined ? b.constant : (y[i] as number));
  }
}

/** Whether every present row is finite and within ±limit; NaN is not. Underflow to 0 is checked by the caller. */
function allWithin(values: Float64Array, limit: number, validity: Uint8Array | undefined): boolean {
  if (validity === undefined) {
    for (let i = 0; i < values.length; i++) {
      const v = values[i] as number;
      if (!(v <= limit && v >= -limit)) return false;
    }
    return true;
  }
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (!(v <= limit && v >= -limit) && validity[i] !== 0) return false;
  }
  return true;
}

/** Whether a product or quotient of non-zero operands became 0. */
function underflows(out: Float64Array, a: NumericOperand, b: NumericOperand, operator: "*" | "/"): boolean {
  for (let i = 0; i < out.length; i++) {
    if (out[i] !== 0) continue;
    const x = a.values === undefined ? a.constant : (a.values[i] as number);
    const y = b.values === undefined ? b.constant : (b.values[i] as number);
    if (x !== 0 && (operator === "*" ? y !== 0 : Number.isFinite(y))) return true;
  }
  return false;
}

/** Rewrites -0 as 0, which integers do not have. */
function withoutNegativeZero(values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + 0;
}

/** The kernel of an operator for one numeric kind. */
export function arithmeticKernel(operator: ArithmeticOperator, kind: NumericKind): VectorKernel {
  const type: DataType = { kind };
  const limit = RANGES[kind];
  const integral = kind !== "float64";
  return (args, rowCount): Vector | undefined => {
    const [left, right] = args;
    if (left === undefined || right === undefined) return undefined;
    const a = numericOperand(left);
    const b = numericOperand(right);
    if (a === undefined || b === undefined || (a.values === undefined && b.values === undefined)) return undefined;
    const validity = mergeValidity(a.validity, b.validity, rowCount);
    const out = new Float64Array(rowCount);
    switch (operator) {
      case "+":
        addInto(out, a, b);
        break;
      case "-":
        subtractInto(out, a, b);
        break;
      case "*":
        multiplyInto(out, a, b);
        if (!integral && underflows(out, a, b, "*")) return undefined;
        break;
      case "/":
        divideInto(out, a, b, integral);
        if (!integral && underflows(out, a, b, "/")) return undefined;
        break;
      case "%":
        moduloInto(out, a, b);
        break;
    }
    if (!allWithin(out, limit, validity)) return undefined;
    if (integral && operator !== "+" && operator !== "-") withoutNegativeZero(out);
    const values = kind === "int16" || kind === "int32" ? new Int32Array(out) : out;
    const result: FlatVector = { encoding: "flat", type, length: rowCount, values, validity };
    return result;
  };
}
