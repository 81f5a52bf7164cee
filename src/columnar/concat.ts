// Joining vectors end to end and cutting them apart.

import { invariant } from "#core";
import { flattenVector } from "./access.ts";
import { constantVector } from "./build.ts";
import type { DataType } from "./data-type.ts";
import { decimalBlockOf, decimalVector } from "./decimal-vector.ts";
import {
  concatBlocks,
  gatherBlock,
  internBlock,
  looseTextOf,
  looseTextVector,
  textBlockOf,
  textVector,
} from "./text-vector.ts";
import { encodeUtf8Block } from "./utf8-block.ts";
import type { Batch, DictionaryVector, FlatVector, Vector, VectorValues } from "./vector.ts";

/** Rows [start, end) as a view where the encoding allows it; typed arrays share their buffer. */
export function sliceVector(vector: Vector, start: number, end: number): Vector {
  const length = end - start;
  if (start === 0 && end === vector.length) return vector;
  switch (vector.encoding) {
    case "constant":
      return { ...vector, length };
    case "dictionary":
      return {
        ...vector,
        length,
        codes: vector.codes.subarray(start, end),
        validity: vector.validity?.subarray(start, end),
      };
    case "flat": {
      const text = looseTextOf(vector);
      if (text !== undefined) {
        const { bytes, gap } = text;
        const starts = text.starts.subarray(start, end + 1);
        if (gap > 0) return looseTextVector(vector.type, length, { bytes, starts, gap });
        return textVector(vector.type, length, { offsets: starts, bytes }, vector.validity?.subarray(start, end));
      }
      const decimals = decimalBlockOf(vector);
      if (decimals !== undefined) {
        const unscaled = decimals.unscaled.subarray(start, end);
        return decimalVector(vector.type, { unscaled, scale: decimals.scale }, vector.validity?.subarray(start, end));
      }
      return {
        ...vector,
        length,
        values: sliceValues(vector.values, start, end),
        validity: vector.validity?.subarray(start, end),
      };
    }
  }
}

/** Rows [start, end) of every column. */
export function sliceBatch(batch: Batch, start: number, end: number): Batch {
  return { rowCount: end - start, columns: batch.columns.map((column) => sliceVector(column, start, end)) };
}

function sliceValues(values: VectorValues, start: number, end: number): VectorValues {
  if (ArrayBuffer.isView(values)) return (values as Float64Array).subarray(start, end);
  return (values as readonly string[]).slice(start, end);
}

/**
 * The vectors end to end; at least one, all of one type. Constants of one value stay constant. Dictionary vectors
 * stay dictionary-encoded when the joined dictionary is at most half as long as the rows; otherwise the result is
 * flat.
 */
export function concatVectors(vectors: readonly Vector[]): Vector {
  const first = vectors[0];
  invariant(first !== undefined, "concatVectors needs a vector");
  if (vectors.length === 1) return first;
  const length = vectors.reduce((sum, vector) => sum + vector.length, 0);
  if (first.encoding === "constant" && isAtomic(first.value)) {
    const { value } = first;
    if (vectors.every((vector) => vector.encoding === "constant" && Object.is(vector.value, value))) {
      return constantVector(first.type, value, length);
    }
  }
  const allDictionary = vectors.every((vector): vector is DictionaryVector => vector.encoding === "dictionary");
  if (allDictionary) {
    const joined = concatDictionaries(vectors, length);
    if (joined !== undefined) return joined;
  }
  return concatFlat(
    first.type,
    vectors.map((vector) => flattenVector(vector)),
    length,
  );
}

/** The batches end to end; at least one, all of one schema. */
export function concatBatches(batches: readonly Batch[]): Batch {
  const first = batches[0];
  invariant(first !== undefined, "concatBatches needs a batch");
  if (batches.length === 1) return first;
  const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
  const columns = first.columns.map((_, index) =>
    concatVectors(
      batches.map((batch) => {
        const column = batch.columns[index];
        invariant(column !== undefined, "batches of one schema have equally many columns");
        return column;
      }),
    ),
  );
  return { rowCount, columns };
}

function isAtomic(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function concatDictionaries(vectors: readonly DictionaryVector[], length: number): DictionaryVector | undefined {
  const offsets = new Map<FlatVector, number>();
  let entries = 0;
  for (const { dictionary } of vectors) {
    if (offsets.has(dictionary)) continue;
    offsets.set(dictionary, entries);
    entries += dictionary.length;
  }
  if (offsets.size > 1 && entries > length / 2) return undefined;
  const [first] = vectors;
  if (first === undefined) return undefined;
  const codes = new Int32Array(length);
  let position = 0;
  let firstFlat = first.dictionary;
  let remap: Int32Array | undefined;
  if (offsets.size > 1) {
    const joined = concatFlat(first.type, [...offsets.keys()], entries);
    ({ dictionary: firstFlat, remap } = distinctEntries(joined));
  }
  for (const vector of vectors) {
    const offset = offsets.get(vector.dictionary) ?? 0;
    if (remap === undefined) codes.set(vector.codes, position);
    else {
      const { codes: from, validity } = vector;
      for (let i = 0; i < vector.length; i++) {
        codes[position + i] = validity?.[i] === 0 ? 0 : (remap[offset + (from[i] as number)] as number);
      }
    }
    position += vector.length;
  }
  return {
    encoding: "dictionary",
    type: first.type,
    length,
    codes,
    dictionary: firstFlat,
    validity: concatValidity(vectors, length),
  };
}

/** Folds equal strings and numbers of a joined dictionary together; other values stay as they are. */
function distinctEntries(joined: FlatVector): { dictionary: FlatVector; remap: Int32Array } {
  const block = joined.validity === undefined ? textBlockOf(joined) : undefined;
  if (block !== undefined) {
    const { codes, firsts } = internBlock(block, joined.length, undefined);
    return { dictionary: textVector(joined.type, firsts.length, gatherBlock(block, firsts), undefined), remap: codes };
  }
  const decimals = decimalBlockOf(joined);
  if (decimals !== undefined) {
    const { dictionary, remap: codes } = distinctEntries({
      encoding: "flat",
      type: joined.type,
      length: joined.length,
      values: decimals.unscaled,
      validity: joined.validity,
    });
    const { values, validity } = dictionary;
    const block = { unscaled: values as Float64Array, scale: decimals.scale };
    return { dictionary: decimalVector(joined.type, block, validity), remap: codes };
  }
  const remap = new Int32Array(joined.length);
  const seen = new Map<unknown, number>();
  const kept: number[] = [];
  for (let i = 0; i < joined.length; i++) {
    const value = joined.values[i];
    const isNull = joined.validity?.[i] === 0;
    const known = isNull || Object.is(value, -0) ? undefined : seen.get(value);
    if (known === undefined) {
      const code = kept.length;
      kept.push(i);
      if (!isNull && !Object.is(value, -0)) seen.set(value, code);
      remap[i] = code;
    } else remap[i] = known;
  }
  const values = joined.values;
  const length = kept.length;
  const pick = (index: number) => values[index] as never;
  let distinct: VectorValues;
  if (values instanceof Float64Array) distinct = Float64Array.from(kept, pick);
  else if (values instanceof Int32Array) distinct = Int32Array.from(kept, pick);
  else if (values instanceof Uint8Array) distinct = Uint8Array.from(kept, pick);
  else if (values instanceof BigInt64Array) distinct = BigInt64Array.from(kept, pick);
  else distinct = kept.map(pick);
  const { validity } = joined;
  return {
    dictionary: {
      ...joined,
      length,
      values: distinct,
      validity: validity === undefined ? undefined : Uint8Array.from(kept, (index) => validity[index] as number),
    },
    remap,
  };
}

function concatFlat(type: DataType, vectors: readonly FlatVector[], length: number): FlatVector {
  if (vectors.some((vector) => textBlockOf(vector) !== undefined) && vectors.every(fitsUtf8)) {
    const parts = vectors.map(
      (vector) => textBlockOf(vector) ?? encodeUtf8Block(vector.values as readonly string[], vector.validity),
    );
    const counts = vectors.map((vector) => vector.length);
    return textVector(type, length, concatBlocks(parts, counts), concatValidity(vectors, length));
  }
  const decimals = concatDecimals(type, vectors, length);
  if (decimals !== undefined) return decimals;
  return {
    encoding: "flat",
    type,
    length,
    values: concatValues(vectors, length),
    validity: concatValidity(vectors, length),
  };
}

/** Decimals that are numbers of one scale, end to end; vectors of nulls only fit any. */
function concatDecimals(type: DataType, vectors: readonly FlatVector[], length: number): FlatVector | undefined {
  const unscaled = new Float64Array(type.kind === "decimal" ? length : 0);
  let scale = -1;
  let position = 0;
  for (const vector of type.kind === "decimal" ? vectors : []) {
    const block = decimalBlockOf(vector);
    if (block === undefined) {
      if (vector.length > 0 && vector.validity?.includes(1) !== false) return undefined;
    } else {
      if (scale >= 0 && scale !== block.scale) return undefined;
      ({ scale } = block);
      unscaled.set(block.unscaled, position);
    }
    position += vector.length;
  }
  return scale < 0 ? undefined : decimalVector(type, { unscaled, scale }, concatValidity(vectors, length));
}

/** Whether the text of a vector is well-formed: strings with unpaired surrogates would not survive as UTF-8. */
function fitsUtf8(vector: FlatVector): boolean {
  return textBlockOf(vector) !== undefined || (vector.values as readonly string[]).every((text) => text.isWellFormed());
}

function concatValidity(vectors: readonly (FlatVector | DictionaryVector)[], length: number): Uint8Array | undefined {
  if (vectors.every((vector) => vector.validity === undefined)) return undefined;
  const validity = new Uint8Array(length);
  let position = 0;
  for (const vector of vectors) {
    if (vector.validity === undefined) validity.fill(1, position, position + vector.length);
    else validity.set(vector.validity, position);
    position += vector.length;
  }
  return validity;
}

function concatValues(vectors: readonly FlatVector[], length: number): VectorValues {
  const parts = vectors.map((vector) => vector.values);
  const [first] = parts;
  if (first instanceof BigInt64Array || first instanceof Float64Array) {
    if (parts.some((part) => part instanceof BigInt64Array)) {
      return fill(
        new BigInt64Array(length),
        parts.map((part) => (part instanceof BigInt64Array ? part : doublesToBigInts(part as Float64Array))),
      );
    }
    return fill(new Float64Array(length), parts as Float64Array[]);
  }
  if (first instanceof Int32Array) return fill(new Int32Array(length), parts as Int32Array[]);
  if (first instanceof Uint8Array) return fill(new Uint8Array(length), parts as Uint8Array[]);
  return (parts as (readonly string[])[]).flat(1);
}

function fill<T extends Float64Array | Int32Array | Uint8Array | BigInt64Array>(target: T, parts: readonly T[]): T {
  let position = 0;
  for (const part of parts) {
    target.set(part as never, position);
    position += part.length;
  }
  return target;
}

/** Entries at null rows may be anything, NaN included; those become 0. */
function doublesToBigInts(values: Float64Array): BigInt64Array {
  return BigInt64Array.from(values, (value) => (Number.isInteger(value) ? BigInt(value) : 0n));
}
