// Reading single values out of vectors, and expanding encodings. Kernels with a hot loop work on the arrays.

import type { Scalar } from "./data-type.ts";
import { constantVector, vectorFromScalars } from "./build.ts";
import { decimalBlockOf, decimalOfBlock, decimalVector } from "./decimal-vector.ts";
import { gatherFloat64, gatherValues } from "./gather-values.ts";
import { gatherText, looseTextOf, textVector } from "./text-vector.ts";
import { decodeUtf8Range } from "./utf8-block.ts";
import type { Batch, FlatVector, Vector } from "./vector.ts";

/** Whether row `index` is null. */
export function isNullAt(vector: Vector, index: number): boolean {
  if (vector.encoding === "constant") return vector.value === null;
  if (vector.type.kind === "null") return true;
  return vector.validity !== undefined && vector.validity[index] === 0;
}

/**
 * The value of row `index` as a scalar, null where the row is null. int64 comes as a number within ±(2^53 - 1)
 * and as a bigint outside, a timestamp as a number where that is exact; boolean as true or false. Bytes and nested values are the vector's own: do not mutate.
 */
export function scalarAt(vector: Vector, index: number): Scalar {
  if (vector.encoding === "constant") return vector.value;
  if (isNullAt(vector, index)) return null;
  if (vector.encoding === "dictionary") return scalarAt(vector.dictionary, vector.codes[index] as number);
  const text = looseTextOf(vector);
  if (text !== undefined) {
    const { bytes, starts, gap } = text;
    return decodeUtf8Range(bytes, starts[index] as number, (starts[index + 1] as number) - gap);
  }
  const decimals = decimalBlockOf(vector);
  if (decimals !== undefined) return decimalOfBlock(decimals, index);
  const value = vector.values[index] as Scalar;
  if (vector.type.kind === "boolean") return value === 1;
  if (typeof value === "bigint") {
    const narrow = Number(value);
    if (Number.isSafeInteger(narrow)) return narrow;
    return vector.type.kind === "timestamp" && BigInt(narrow) === value ? narrow : value;
  }
  return value;
}

/** The row as scalars, one for each column. */
export function rowAt(batch: Batch, index: number): Scalar[] {
  return batch.columns.map((column) => scalarAt(column, index));
}

/**
 * The vector with one value a row: dictionaries and constants are expanded, a flat vector is returned as it is.
 * Cost: one pass.
 */
export function flattenVector(vector: Vector): FlatVector {
  switch (vector.encoding) {
    case "flat":
      return vector;
    case "dictionary": {
      const { type, length, codes, dictionary, validity } = vector;
      if (dictionary.length === 0) return nullFlatVector(vector);
      const nested = dictionary.validity;
      let merged = validity;
      if (nested !== undefined) {
        merged = new Uint8Array(length);
        for (let i = 0; i < length; i++) {
          merged[i] = validity?.[i] === 0 ? 0 : (nested[codes[i] as number] as number);
        }
      }
      const text = looseTextOf(dictionary);
      if (text !== undefined) return textVector(type, length, gatherText(text, codes), merged);
      const decimals = decimalBlockOf(dictionary);
      if (decimals !== undefined) {
        const unscaled = gatherFloat64(decimals.unscaled, codes);
        return decimalVector(type, { unscaled, scale: decimals.scale }, merged);
      }
      return { encoding: "flat", type, length, values: gatherValues(dictionary.values, codes), validity: merged };
    }
    case "constant": {
      if (vector.value === null) return nullFlatVector(vector);
      const one = vectorFromScalars(vector.type, [vector.value]);
      const values = gatherValues(one.values, new Int32Array(vector.length));
      return { encoding: "flat", type: vector.type, length: vector.length, values, validity: undefined };
    }
  }
}

function nullFlatVector(vector: Vector): FlatVector {
  const none = vectorFromScalars(vector.type, [null]);
  return {
    encoding: "flat",
    type: vector.type,
    length: vector.length,
    values: gatherValues(none.values, new Int32Array(vector.length)),
    validity: new Uint8Array(vector.length),
  };
}

/** Every row null. */
export function nullVector(type: Vector["type"], length: number): Vector {
  return constantVector(type, null, length);
}
