// How much memory vectors hold, for budgets. Estimates are within a factor of two of V8's heap.

import type { Scalar } from "./data-type.ts";
import { decimalBlockOf } from "./decimal-vector.ts";
import { looseTextOf } from "./text-vector.ts";
import type { Batch, FlatVector, Vector } from "./vector.ts";

/** Header and pointer of a V8 heap string or small object, bytes. */
const OBJECT_BYTES = 24;

/** Dictionaries are shared by many batches: size each once. */
const dictionaryBytes = new WeakMap<FlatVector, number>();

/** Bytes the vector keeps alive, its dictionary included. */
export function vectorByteSize(vector: Vector): number {
  switch (vector.encoding) {
    case "constant":
      return OBJECT_BYTES + scalarBytes(vector.value);
    case "dictionary": {
      let shared = dictionaryBytes.get(vector.dictionary);
      if (shared === undefined) {
        shared = vectorByteSize(vector.dictionary);
        dictionaryBytes.set(vector.dictionary, shared);
      }
      return vector.length * Int32Array.BYTES_PER_ELEMENT + (vector.validity?.byteLength ?? 0) + shared;
    }
    case "flat":
      return valuesBytes(vector) + (vector.validity?.byteLength ?? 0);
  }
}

/**
 * Bytes the batch keeps alive. Dictionaries in `counted` are taken as accounted for already, and those met are
 * added, so that one set over many batches counts each dictionary once.
 */
export function batchByteSize(batch: Batch, counted: Set<FlatVector> = new Set()): number {
  let total = 0;
  for (const column of batch.columns) {
    total += vectorByteSize(column);
    if (column.encoding !== "dictionary") continue;
    if (counted.has(column.dictionary)) total -= vectorByteSize(column.dictionary);
    else counted.add(column.dictionary);
  }
  return total;
}

function valuesBytes(vector: FlatVector): number {
  const text = looseTextOf(vector);
  if (text !== undefined) {
    return text.starts.byteLength + (text.starts[vector.length] as number) - (text.starts[0] as number);
  }
  const decimals = decimalBlockOf(vector);
  if (decimals !== undefined) return decimals.unscaled.byteLength;
  const { values } = vector;
  if (ArrayBuffer.isView(values)) return values.byteLength;
  let total = 0;
  if (vector.type.kind === "string" || vector.type.kind === "json" || vector.type.kind === "uuid") {
    const strings = values as readonly string[];
    for (const text of strings) total += OBJECT_BYTES + text.length;
    return total;
  }
  for (const value of values as readonly Scalar[]) total += 8 + scalarBytes(value);
  return total;
}

function scalarBytes(value: Scalar): number {
  if (typeof value === "string") return OBJECT_BYTES + value.length;
  if (typeof value !== "object" || value === null) return 8;
  if (value instanceof Uint8Array) return OBJECT_BYTES * 4 + value.byteLength;
  if (Array.isArray(value))
    return value.reduce((sum: number, item: Scalar) => sum + 8 + scalarBytes(item), OBJECT_BYTES);
  return Object.values(value).reduce<number>((sum, item) => sum + 8 + scalarBytes(item as Scalar), OBJECT_BYTES);
}
