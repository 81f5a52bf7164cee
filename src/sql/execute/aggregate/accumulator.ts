// What an aggregate does with rows: state for each group in typed arrays, grown as groups appear.

import { flattenVector, type DataType, type Vector } from "#columnar";
import type { RowState } from "./row-state.ts";

/** Accumulates one aggregate call over all groups. */
export interface Accumulator {
  /** Makes room for groups 0 .. groupCount - 1. */
  reserve(groupCount: number): void;
  /** Adds rows; row i belongs to group `groups[i]`, or all to group 0 when `groups` is undefined. */
  update(groups: Int32Array | undefined, args: readonly Vector[], rowCount: number): void;
  /** As {@link Accumulator.update}, row i standing for `times[i]` rows; absent where that makes no difference. */
  updateCounted?(groups: Int32Array | undefined, args: readonly Vector[], rowCount: number, times: Int32Array): void;
  /** One result for each group. */
  finish(groupCount: number): Vector;
  readonly byteSize: number;
  /** State that grows with rows and can be put aside; absent where there is none. */
  readonly rowState?: RowState;
}

/** Sums that can be told as such and as averages. */
export interface SumAccumulator extends Accumulator {
  /** The sum of each group, or its average, as a type. */
  finishAs(type: DataType, average: boolean, groupCount: number): Vector;
}

/** Capacity to allocate for a number of groups: the next power of two. */
export function capacityFor(current: number, needed: number): number {
  let capacity = Math.max(current, 16);
  while (capacity < needed) capacity *= 2;
  return capacity;
}

/** A copy with at least `needed` entries, the same array if it has. */
export function grownFloats(array: Float64Array, needed: number): Float64Array {
  if (array.length >= needed) return array;
  const grown = new Float64Array(capacityFor(array.length, needed));
  grown.set(array);
  return grown;
}

/** As {@link grownFloats}. */
export function grownBytes(array: Uint8Array, needed: number): Uint8Array {
  if (array.length >= needed) return array;
  const grown = new Uint8Array(capacityFor(array.length, needed));
  grown.set(array);
  return grown;
}

/** As {@link grownFloats}. */
export function grownInts(array: Int32Array, needed: number): Int32Array {
  if (array.length >= needed) return array;
  const grown = new Int32Array(capacityFor(array.length, needed));
  grown.set(array);
  return grown;
}

/** A numeric column as an array, with its validity. */
export interface DenseNumbers {
  readonly values: Float64Array | Int32Array | Uint8Array;
  readonly validity: Uint8Array | undefined;
}

/** The vector as an array of numbers; undefined when it holds big integers or no numbers. */
export function denseNumbers(vector: Vector): DenseNumbers | undefined {
  const flat = flattenVector(vector);
  const { values, validity } = flat;
  if (values instanceof Float64Array || values instanceof Int32Array || values instanceof Uint8Array) {
    return { values, validity: vector.type.kind === "null" ? new Uint8Array(vector.length) : validity };
  }
  return undefined;
}

let zeros = new Int32Array(0);

/** Group numbers of rows that all belong to group 0; shared, do not mutate. */
export function groupsOrZero(groups: Int32Array | undefined, rowCount: number): Int32Array {
  if (groups !== undefined) return groups;
  if (zeros.length < rowCount) zeros = new Int32Array(rowCount);
  return zeros;
}
