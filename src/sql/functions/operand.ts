// How kernels look at their arguments: numbers in a typed array, or one constant.

import { flattenVector, type Vector } from "#columnar";

/** A numeric argument: an array of numbers, or a constant when `values` is undefined. */
export interface NumericOperand {
  readonly values: Float64Array | Int32Array | Uint8Array | undefined;
  readonly constant: number;
  readonly validity: Uint8Array | undefined;
}

/**
 * Views a vector as numbers; undefined when it is none: a null constant, big integers, strings, objects.
 * Dictionary vectors are expanded.
 */
export function numericOperand(vector: Vector): NumericOperand | undefined {
  if (vector.encoding === "constant") {
    if (typeof vector.value === "number") return { values: undefined, constant: vector.value, validity: undefined };
    if (typeof vector.value === "boolean") {
      return { values: undefined, constant: vector.value ? 1 : 0, validity: undefined };
    }
    return undefined;
  }
  const source = vector.encoding === "dictionary" ? vector.dictionary.values : vector.values;
  if (!(source instanceof Float64Array || source instanceof Int32Array || source instanceof Uint8Array))
    return undefined;
  const flat = flattenVector(vector);
  return {
    values: flat.values as Float64Array | Int32Array | Uint8Array,
    constant: 0,
    validity: flat.validity,
  };
}

/** Rows present in both; undefined when all are. May return one of its arguments. */
export function mergeValidity(
  a: Uint8Array | undefined,
  b: Uint8Array | undefined,
  rowCount: number,
): Uint8Array | undefined {
  if (a === undefined) return b;
  if (b === undefined || a === b) return a;
  const merged = new Uint8Array(rowCount);
  for (let i = 0; i < rowCount; i++) merged[i] = (a[i] as number) & (b[i] as number);
  return merged;
}
