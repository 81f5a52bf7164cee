// Comparisons of whole vectors, giving boolean vectors. Filters use the selection kernels in ../execute instead.

import { compareCodePoints } from "#core";
import { flattenVector, type DataType, type FlatVector, type Vector } from "#columnar";
import type { VectorKernel } from "./definition.ts";
import { mergeValidity, numericOperand, type NumericOperand } from "./operand.ts";

/** The six comparison operators. */
export type ComparisonOperator = "=" | "<>" | "<" | "<=" | ">" | ">=";

const BOOLEAN: DataType = { kind: "boolean" };

/** Bits that a row's order sets: less 1, equal 2, greater 4; an operator is the set of orders it accepts. */
const ACCEPTED: Readonly<Record<ComparisonOperator, number>> = { "=": 2, "<>": 5, "<": 1, "<=": 3, ">": 4, ">=": 6 };

/** Orders as bits, NaN above everything and equal to itself. */
function orderBits(x: number, y: number): number {
  if (x < y) return 1;
  if (x > y) return 4;
  if (x === y) return 2;
  const xIsNaN = x !== x;
  return xIsNaN === (y !== y) ? 2 : xIsNaN ? 4 : 1;
}

function compareNumeric(out: Uint8Array, a: NumericOperand, b: NumericOperand, accepted: number): void {
  const x = a.values;
  const y = b.values;
  if (x !== undefined && y === undefined) {
    const c = b.constant;
    for (let i = 0; i < out.length; i++) out[i] = (orderBits(x[i] as number, c) & accepted) === 0 ? 0 : 1;
  } else if (x === undefined && y !== undefined) {
    const c = a.constant;
    for (let i = 0; i < out.length; i++) out[i] = (orderBits(c, y[i] as number) & accepted) === 0 ? 0 : 1;
  } else if (x !== undefined && y !== undefined) {
    for (let i = 0; i < out.length; i++) out[i] = (orderBits(x[i] as number, y[i] as number) & accepted) === 0 ? 0 : 1;
  }
}

/** Writes 1 where the numbers of two operands, not both constant, are in the operator's order. */
export function orderInto(out: Uint8Array, a: NumericOperand, b: NumericOperand, operator: ComparisonOperator): void {
  compareNumeric(out, a, b, ACCEPTED[operator]);
}

function compareStrings(out: Uint8Array, a: FlatVector, b: FlatVector, accepted: number): void {
  const x = a.values as readonly string[];
  const y = b.values as readonly string[];
  if (accepted === 2 || accepted === 5) {
    const whenEqual = accepted === 2 ? 1 : 0;
    for (let i = 0; i < out.length; i++) out[i] = x[i] === y[i] ? whenEqual : 1 - whenEqual;
    return;
  }
  for (let i = 0; i < out.length; i++) {
    const order = compareCodePoints(x[i] as string, y[i] as string);
    out[i] = ((order < 0 ? 1 : order > 0 ? 4 : 2) & accepted) === 0 ? 0 : 1;
  }
}

function textKernel(accepted: number): VectorKernel {
  return (args, rowCount): Vector | undefined => {
    const [left, right] = args;
    // One constant side: the scalar path works per dictionary entry, or per row with the constant at hand.
    if (left === undefined || right === undefined) return undefined;
    if (left.encoding === "constant" || right.encoding === "constant") return undefined;
    const a = flattenVector(left);
    const b = flattenVector(right);
    const values = new Uint8Array(rowCount);
    compareStrings(values, a, b, accepted);
    const validity = mergeValidity(a.validity, b.validity, rowCount);
    return { encoding: "flat", type: BOOLEAN, length: rowCount, values, validity };
  };
}

/** The kernel for a type, or undefined when only the scalar implementation serves. */
export function comparisonKernel(operator: ComparisonOperator, type: DataType): VectorKernel | undefined {
  const accepted = ACCEPTED[operator];
  switch (type.kind) {
    case "json":
      return type.canonical === true ? undefined : textKernel(accepted);
    case "string":
    case "uuid":
      return textKernel(accepted);
    case "boolean":
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "date":
    case "time":
    case "timestamp":
      return (args, rowCount): Vector | undefined => {
        const [left, right] = args;
        if (left === undefined || right === undefined) return undefined;
        const a = numericOperand(left);
        const b = numericOperand(right);
        if (a === undefined || b === undefined || (a.values === undefined && b.values === undefined)) return undefined;
        const values = new Uint8Array(rowCount);
        compareNumeric(values, a, b, accepted);
        const validity = mergeValidity(a.validity, b.validity, rowCount);
        return { encoding: "flat", type: BOOLEAN, length: rowCount, values, validity };
      };
    case "null":
    case "decimal":
    case "binary":
    case "interval":
    case "list":
    case "struct":
    case "map":
      return undefined;
  }
}
