// The inner loops of gather, one for each physical array, so that each stays monomorphic.

import type { VectorValues } from "./vector.ts";

/** `values[indices[i]]` for every i, in a new array of the same kind. Indices must be within range. */
export function gatherValues(values: VectorValues, indices: Int32Array): VectorValues {
  if (values instanceof Float64Array) return gatherFloat64(values, indices);
  if (values instanceof Int32Array) return gatherInt32(values, indices);
  if (values instanceof Uint8Array) return gatherUint8(values, indices);
  if (values instanceof BigInt64Array) return gatherBigInt64(values, indices);
  return gatherArray(values, indices) as VectorValues;
}

/** As {@link gatherValues}, for doubles. */
export function gatherFloat64(values: Float64Array, indices: Int32Array): Float64Array {
  const out = new Float64Array(indices.length);
  for (let i = 0; i < indices.length; i++) out[i] = values[indices[i] as number] as number;
  return out;
}

/** As {@link gatherValues}, for codes and 32-bit integers. */
export function gatherInt32(values: Int32Array, indices: Int32Array): Int32Array {
  const out = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) out[i] = values[indices[i] as number] as number;
  return out;
}

/** As {@link gatherValues}, for booleans and validity. */
export function gatherUint8(values: Uint8Array, indices: Int32Array): Uint8Array {
  const out = new Uint8Array(indices.length);
  for (let i = 0; i < indices.length; i++) out[i] = values[indices[i] as number] as number;
  return out;
}

function gatherBigInt64(values: BigInt64Array, indices: Int32Array): BigInt64Array {
  const out = new BigInt64Array(indices.length);
  for (let i = 0; i < indices.length; i++) out[i] = values[indices[i] as number] as bigint;
  return out;
}

function gatherArray(values: readonly unknown[], indices: Int32Array): readonly unknown[] {
  const length = indices.length;
  // Filling a preallocated array keeps one growth step; elements are all objects or all strings.
  const out: unknown[] = Array.from({ length: 0 });
  out.length = length;
  for (let i = 0; i < length; i++) out[i] = values[indices[i] as number];
  return out;
}
