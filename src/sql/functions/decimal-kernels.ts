// Arithmetic, comparisons and casts of decimals that are kept as numbers. A kernel gives up (undefined) where an operand
// is not, or a result would not be, a safe integer in its scale; the scalar implementation then serves.

import {
  decimalBlockOf,
  decimalVector,
  flattenVector,
  type DataType,
  type Decimal,
  type DictionaryVector,
  type Scalar,
  type Vector,
} from "#columnar";
import { orderInto, type ComparisonOperator } from "./comparison-kernels.ts";
import type { VectorKernel } from "./definition.ts";
import { mergeValidity, numericOperand, type NumericOperand } from "./operand.ts";

/** Powers of ten are exact doubles up to this exponent. */
const MAX_EXPONENT = 22;

/** A decimal argument: integers in a scale. */
interface DecimalOperand extends NumericOperand {
  readonly values: Float64Array | undefined;
  readonly scale: number;
}

function isDecimal(value: Scalar): value is Decimal {
  return typeof value === "object" && value !== null && "unscaled" in value;
}

function constantOperand(value: Scalar): DecimalOperand | undefined {
  if (!isDecimal(value)) return undefined;
  const constant = Number(value.unscaled);
  if (!Number.isSafeInteger(constant)) return undefined;
  return { values: undefined, constant, validity: undefined, scale: value.scale };
}

/** Views a vector as integers in a scale; undefined when it is none. Dictionary vectors are expanded. */
function decimalOperand(vector: Vector): DecimalOperand | undefined {
  if (vector.encoding === "constant") return constantOperand(vector.value);
  if (decimalBlockOf(vector.encoding === "dictionary" ? vector.dictionary : vector) === undefined) return undefined;
  const flat = flattenVector(vector);
  const block = decimalBlockOf(flat);
  if (block === undefined) return undefined;
  return { values: block.unscaled, constant: 0, validity: flat.validity, scale: block.scale };
}

/** Whether every value is a safe integer. */
function allSafe(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!(value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER)) return false;
  }
  return true;
}

/** The operand in a greater or equal scale. */
function rescaled(operand: DecimalOperand, scale: number): DecimalOperand | undefined {
  if (operand.scale === scale) return operand;
  if (scale - operand.scale > MAX_EXPONENT) return undefined;
  const factor = 10 ** (scale - operand.scale);
  if (operand.values === undefined) {
    const constant = operand.constant * factor;
    return Number.isSafeInteger(constant) ? { ...operand, constant, scale } : undefined;
  }
  const from = operand.values;
  const values = new Float64Array(from.length);
  for (let i = 0; i < values.length; i++) values[i] = (from[i] as number) * factor;
  return allSafe(values) ? { ...operand, values, scale } : undefined;
}

/** Both arguments in the greater of their scales; undefined when one is no compact decimal or both are constant. */
function alignedOperands(args: readonly Vector[]): readonly [DecimalOperand, DecimalOperand] | undefined {
  const [left, right] = args;
  if (left === undefined || right === undefined) return undefined;
  const a = decimalOperand(left);
  const b = decimalOperand(right);
  if (a === undefined || b === undefined || (a.values === undefined && b.values === undefined)) return undefined;
  const scale = Math.max(a.scale, b.scale);
  const x = rescaled(a, scale);
  const y = rescaled(b, scale);
  return x === undefined || y === undefined ? undefined : [x, y];
}

function addInto(out: Float64Array, a: DecimalOperand, b: DecimalOperand, sign: 1 | -1): void {
  const x = a.values;
  const y = b.values;
  if (x !== undefined && y !== undefined) {
    for (let i = 0; i < out.length; i++) out[i] = (x[i] as number) + sign * (y[i] as number);
  } else if (x !== undefined) {
    const c = sign * b.constant;
    for (let i = 0; i < out.length; i++) out[i] = (x[i] as number) + c;
  } else if (y !== undefined) {
    const c = a.constant;
    for (let i = 0; i < out.length; i++) out[i] = c + sign * (y[i] as number);
  }
}

function sumKernel(sign: 1 | -1): VectorKernel {
  return (args, rowCount) => {
    const operands = alignedOperands(args);
    if (operands === undefined) return undefined;
    const [a, b] = operands;
    const unscaled = new Float64Array(rowCount);
    addInto(unscaled, a, b, sign);
    if (!allSafe(unscaled)) return undefined;
    return decimalVector(
      { kind: "decimal" },
      { unscaled, scale: a.scale },
      mergeValidity(a.validity, b.validity, rowCount),
    );
  };
}

/** A column times a dictionary-coded one, whose entries are looked up where they are needed. */
function multiplyByEntries(column: Vector, coded: DictionaryVector, rowCount: number): Vector | undefined {
  if (column.encoding !== "flat") return undefined;
  const entries = decimalBlockOf(coded.dictionary);
  const block = decimalBlockOf(column);
  if (entries === undefined || block === undefined || coded.dictionary.validity !== undefined) return undefined;
  const scale = block.scale + entries.scale;
  if (scale > MAX_EXPONENT) return undefined;
  const { codes } = coded;
  const x = block.unscaled;
  const y = entries.unscaled;
  const unscaled = new Float64Array(rowCount);
  for (let i = 0; i < rowCount; i++) unscaled[i] = (x[i] as number) * (y[codes[i] as number] as number) + 0;
  if (!allSafe(unscaled)) return undefined;
  return decimalVector(
    { kind: "decimal" },
    { unscaled, scale },
    mergeValidity(column.validity, coded.validity, rowCount),
  );
}

function multiplyKernel(args: readonly Vector[], rowCount: number): Vector | undefined {
  const [left, right] = args;
  if (left === undefined || right === undefined) return undefined;
  const coded = left.encoding === "dictionary" ? left : right;
  const column = left.encoding === "dictionary" ? right : left;
  const product = coded.encoding === "dictionary" ? multiplyByEntries(column, coded, rowCount) : undefined;
  if (product !== undefined) return product;
  const a = decimalOperand(left);
  const b = decimalOperand(right);
  if (a === undefined || b === undefined || a.scale + b.scale > MAX_EXPONENT) return undefined;
  const x = a.values ?? b.values;
  const y = a.values === undefined ? undefined : b.values;
  if (x === undefined) return undefined;
  const unscaled = new Float64Array(rowCount);
  // Adding 0 makes -0 a 0.
  if (y === undefined) {
    const c = a.values === undefined ? a.constant : b.constant;
    for (let i = 0; i < rowCount; i++) unscaled[i] = (x[i] as number) * c + 0;
  } else {
    for (let i = 0; i < rowCount; i++) unscaled[i] = (x[i] as number) * (y[i] as number) + 0;
  }
  if (!allSafe(unscaled)) return undefined;
  const validity = mergeValidity(a.validity, b.validity, rowCount);
  return decimalVector({ kind: "decimal" }, { unscaled, scale: a.scale + b.scale }, validity);
}

/** `-value` of a column. */
export function negateDecimals([source]: readonly Vector[]): Vector | undefined {
  const operand = source === undefined ? undefined : decimalOperand(source);
  if (operand?.values === undefined) return undefined;
  const unscaled = operand.values.map((value) => 0 - value);
  return decimalVector({ kind: "decimal" }, { unscaled, scale: operand.scale }, operand.validity);
}

/** The kernels of the operators whose results share a scale; quotients do not. */
export const DECIMAL_KERNELS: Readonly<Partial<Record<string, VectorKernel>>> = {
  "+": sumKernel(1),
  "-": sumKernel(-1),
  "*": multiplyKernel,
};

/** Compares compact decimals; scales may differ. */
export function decimalComparisonKernel(operator: ComparisonOperator): VectorKernel {
  return (args, rowCount) => {
    const operands = alignedOperands(args);
    if (operands === undefined) return undefined;
    const [a, b] = operands;
    const values = new Uint8Array(rowCount);
    orderInto(values, a, b, operator);
    const validity = mergeValidity(a.validity, b.validity, rowCount);
    return { encoding: "flat", type: { kind: "boolean" }, length: rowCount, values, validity };
  };
}

/** A number with which unscaled values compare as the decimals do with a constant. */
export interface DecimalBound {
  readonly operator: string;
  readonly value: number;
}

/** What `column op constant` is for the unscaled values of a scale. NaN stands for what no value equals. */
export function unscaledBound(operator: string, constant: Decimal, scale: number): DecimalBound {
  const shift = scale - constant.scale;
  if (shift >= 0) return { operator, value: Number(constant.unscaled * 10n ** BigInt(shift)) };
  const divisor = 10n ** BigInt(-shift);
  const cut = constant.unscaled / divisor;
  const isExact = cut * divisor === constant.unscaled;
  if (isExact) return { operator, value: Number(cut) };
  const floor = Number(constant.unscaled < 0n ? cut - 1n : cut);
  switch (operator) {
    case "<":
    case "<=":
      return { operator: "<=", value: floor };
    case ">":
    case ">=":
      return { operator: ">", value: floor };
    default:
      return { operator, value: Number.NaN };
  }
}

/** Casts between compact decimals, integers and doubles; undefined where values go one by one. */
export function decimalCastKernel(from: DataType, to: DataType): VectorKernel | undefined {
  if (to.kind === "decimal" && to.precision === undefined) {
    if (from.kind === "decimal") return ([source]) => (source === undefined ? undefined : retyped(source, to));
    const isInteger = from.kind === "int16" || from.kind === "int32" || from.kind === "int64";
    return isInteger ? ([source]) => (source === undefined ? undefined : integersToDecimals(source, to)) : undefined;
  }
  if (from.kind === "decimal" && to.kind === "float64") {
    return ([source]) => (source === undefined ? undefined : decimalsToDoubles(source, to));
  }
  return undefined;
}

function retyped(source: Vector, type: DataType): Vector | undefined {
  if (source.encoding === "constant") return { ...source, type };
  const flat = source.encoding === "dictionary" ? source.dictionary : source;
  const block = decimalBlockOf(flat);
  if (block === undefined) return undefined;
  const vector = decimalVector(type, block, flat.validity);
  return source.encoding === "dictionary" ? { ...source, type, dictionary: vector } : vector;
}

function integersToDecimals(source: Vector, type: DataType): Vector | undefined {
  const operand = numericOperand(source);
  if (operand?.values === undefined) return undefined;
  const { values, validity } = operand;
  const unscaled = new Float64Array(values.length);
  for (let i = 0; i < unscaled.length; i++) unscaled[i] = validity?.[i] === 0 ? 0 : (values[i] as number);
  return allSafe(unscaled) ? decimalVector(type, { unscaled, scale: 0 }, validity) : undefined;
}

function decimalsToDoubles(source: Vector, type: DataType): Vector | undefined {
  const operand = decimalOperand(source);
  if (operand?.values === undefined || operand.scale > MAX_EXPONENT) return undefined;
  const { values: unscaled, scale, validity } = operand;
  const divisor = 10 ** scale;
  const values = new Float64Array(unscaled.length);
  for (let i = 0; i < values.length; i++) values[i] = (unscaled[i] as number) / divisor;
  return { encoding: "flat", type, length: values.length, values, validity };
}
