// Column values as unsigned 64-bit sort keys: comparing keys is comparing values in Iceberg's order, so that rows
// sort with integer passes whatever their types.

import { compareBytes, compareCodePoints, LakeError } from "#core";
import {
  scalarAt,
  textBlockOf,
  type DataType,
  type Decimal,
  type FlatVector,
  type Scalar,
  type Vector,
} from "#columnar";
import { rankTextBlock } from "./text-ranks.ts";

/**
 * Keys of one column. Row i's key is `high[i]` × 2^32 + `low[i]`, `high` absent when every key is below 2^32.
 * Keys of null rows are 0. `present` has one byte a row, 0 null; undefined when no row is null.
 */
export interface EncodedKeys {
  readonly low: Uint32Array;
  readonly high: Uint32Array | undefined;
  readonly present: Uint8Array | undefined;
}

const TWO_32 = 2 ** 32;
const SIGN_BIT = 0x8000_0000;

/**
 * Encodes a column; undefined when every row holds the same value and the order cannot depend on it.
 *
 * Order: numbers ascending, NaN above every number, -0 below +0 (Iceberg spec, "Sorting"); strings by code point;
 * false below true. Keys of different vectors are not comparable. Cost: one pass; strings are ranked, which sorts
 * the distinct values. Errors: `unsupported_operation` for nested types and intervals.
 */
export function encodeSortKeys(vector: Vector): EncodedKeys | undefined {
  if (vector.encoding === "constant" || vector.type.kind === "null") return undefined;
  if (vector.encoding === "flat") return encodeFlat(vector);
  const dictionary = encodeFlat(vector.dictionary);
  const { codes, length } = vector;
  const low = new Uint32Array(length);
  const high = dictionary.high === undefined ? undefined : new Uint32Array(length);
  let present = vector.validity;
  if (dictionary.present !== undefined) {
    present = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      present[i] = vector.validity?.[i] === 0 ? 0 : (dictionary.present[codes[i] as number] as number);
    }
  }
  for (let i = 0; i < length; i++) {
    if (present?.[i] === 0) continue;
    low[i] = dictionary.low[codes[i] as number] as number;
    if (high !== undefined) high[i] = (dictionary.high as Uint32Array)[codes[i] as number] as number;
  }
  return { low, high, present };
}

function encodeFlat(vector: FlatVector): EncodedKeys {
  const { type, validity } = vector;
  const block = textBlockOf(vector);
  if (block !== undefined) {
    return { low: rankTextBlock(block, vector.length, validity), high: undefined, present: validity };
  }
  const { values } = vector;
  if (values instanceof Uint8Array) return { low: Uint32Array.from(values), high: undefined, present: validity };
  if (values instanceof Int32Array) return encodeInt32(values, validity);
  if (values instanceof BigInt64Array) return encodeBigInt64(values, validity);
  if (values instanceof Float64Array) {
    const isFloat = type.kind === "float32" || type.kind === "float64";
    return isFloat ? encodeFloats(values, validity) : encodeIntegers(values, validity);
  }
  if (type.kind === "string" || type.kind === "json" || type.kind === "uuid") {
    return encodeStrings(values as readonly string[], validity);
  }
  return encodeRanks(vector);
}

function encodeInt32(values: Int32Array, validity: Uint8Array | undefined): EncodedKeys {
  const low = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    low[i] = validity?.[i] === 0 ? 0 : ((values[i] as number) ^ SIGN_BIT) >>> 0;
  }
  return { low, high: undefined, present: validity };
}

/** Values as distances from the smallest: timestamps of a day then need 37 bits, not 64. */
function encodeIntegers(values: Float64Array, validity: Uint8Array | undefined): EncodedKeys {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] === 0) continue;
    const value = values[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (max - min > Number.MAX_SAFE_INTEGER) return encodeFloats(values, validity);
  const low = new Uint32Array(values.length);
  const high = max - min >= TWO_32 ? new Uint32Array(values.length) : undefined;
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] === 0) continue;
    const distance = (values[i] as number) - min;
    low[i] = distance;
    if (high !== undefined) {
      const upper = Math.floor(distance / TWO_32);
      high[i] = upper;
      low[i] = distance - upper * TWO_32;
    }
  }
  return { low, high, present: validity };
}

function encodeBigInt64(values: BigInt64Array, validity: Uint8Array | undefined): EncodedKeys {
  const low = new Uint32Array(values.length);
  const high = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] === 0) continue;
    const value = values[i] as bigint;
    low[i] = Number(BigInt.asUintN(32, value));
    high[i] = (Number(BigInt.asIntN(32, value >> 32n)) ^ SIGN_BIT) >>> 0;
  }
  return { low, high, present: validity };
}

/** IEEE 754 bits with the sign folded in: negative numbers inverted, others above them. */
function encodeFloats(values: Float64Array, validity: Uint8Array | undefined): EncodedKeys {
  const low = new Uint32Array(values.length);
  const high = new Uint32Array(values.length);
  const scratch = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] === 0) continue;
    const value = values[i] as number;
    scratch.setFloat64(0, Number.isNaN(value) ? Number.NaN : value);
    const upper = scratch.getUint32(0);
    const lower = scratch.getUint32(4);
    const isNegative = upper >= SIGN_BIT && !Number.isNaN(value);
    high[i] = isNegative ? ~upper >>> 0 : (upper | SIGN_BIT) >>> 0;
    low[i] = isNegative ? ~lower >>> 0 : lower;
  }
  return { low, high, present: validity };
}

const HAS_SURROGATE = /[\ud800-\udfff]/;

/** Strings as ranks among the distinct values. */
function encodeStrings(values: readonly string[], validity: Uint8Array | undefined): EncodedKeys {
  const ranks = new Map<string, number>();
  let hasSurrogate = false;
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] === 0) continue;
    const value = values[i] as string;
    if (ranks.has(value)) continue;
    ranks.set(value, 0);
    hasSurrogate ||= HAS_SURROGATE.test(value);
  }
  // UTF-16 order equals code point order while there are no surrogates, and the engine compares it natively.
  const distinct = hasSurrogate
    ? [...ranks.keys()].toSorted(compareCodePoints)
    : [...ranks.keys()].toSorted(compareUnits);
  for (let rank = 0; rank < distinct.length; rank++) ranks.set(distinct[rank] as string, rank);
  const low = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] !== 0) low[i] = ranks.get(values[i] as string) as number;
  }
  return { low, high: undefined, present: validity };
}

function compareUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Values of any ordered type as ranks; equal values share one. */
function encodeRanks(vector: FlatVector): EncodedKeys {
  const { type, length, validity } = vector;
  const rows: number[] = [];
  for (let i = 0; i < length; i++) if (validity?.[i] !== 0) rows.push(i);
  const sorted = rows.toSorted((a, b) => compareScalars(type, scalarAt(vector, a), scalarAt(vector, b)));
  const low = new Uint32Array(length);
  let rank = 0;
  for (let i = 1; i < sorted.length; i++) {
    const row = sorted[i] as number;
    const before = sorted[i - 1] as number;
    if (compareScalars(type, scalarAt(vector, before), scalarAt(vector, row)) !== 0) rank += 1;
    low[row] = rank;
  }
  return { low, high: undefined, present: validity };
}

/**
 * Order of two present values of a type, the same as {@link encodeSortKeys}: negative, zero or positive.
 *
 * Errors: `unsupported_operation` for nested types and intervals.
 */
export function compareScalars(type: DataType, a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  if (typeof a === "number" && typeof b === "number") return compareNumbers(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (isInteger(a) && isInteger(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  if (type.kind === "decimal") return compareDecimals(a as Decimal, b as Decimal);
  throw new LakeError("unsupported_operation", `Values of type ${type.kind} have no order.`);
}

function isInteger(value: Scalar): value is number | bigint {
  return typeof value === "bigint" || typeof value === "number";
}

function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  if (a === 0 && b === 0) return Number(Object.is(b, -0)) - Number(Object.is(a, -0));
  return a - b;
}

function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const left = a.unscaled * 10n ** BigInt(scale - a.scale);
  const right = b.unscaled * 10n ** BigInt(scale - b.scale);
  return left < right ? -1 : left > right ? 1 : 0;
}
