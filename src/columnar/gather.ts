// Row selection: filter results, sort orders and join matches all become index lists.

import { constantVector, vectorFromScalars } from "./build.ts";
import type { DataType } from "./data-type.ts";
import { decimalBlockOf, decimalVector } from "./decimal-vector.ts";
import { gatherFloat64, gatherInt32, gatherUint8, gatherValues } from "./gather-values.ts";
import { passCodes, pickCodes } from "./packed-codes.ts";
import { passPending, pickPending } from "./pending-vector.ts";
import { gatherText, looseTextOf, textBlockOf, textVector } from "./text-vector.ts";
import type { Batch, DictionaryVector, FlatVector, Vector } from "./vector.ts";

/**
 * Rows `indices` of a vector, in that order; a negative index makes a null row (the unmatched side of an outer
 * join). Dictionary and constant vectors stay so, sharing the dictionary.
 */
export function gather(vector: Vector, indices: Int32Array): Vector {
  const length = indices.length;
  const present = presentRows(indices);
  if (present === undefined) return gatherPresent(vector, indices);
  if (vector.length === 0) return constantVector(vector.type, null, length);
  if (vector.encoding === "constant") {
    if (vector.value === null) return constantVector(vector.type, null, length);
    const dictionary = vectorFromScalars(vector.type, [vector.value]);
    return {
      encoding: "dictionary",
      type: vector.type,
      length,
      codes: new Int32Array(length),
      dictionary,
      validity: present,
    };
  }
  const clamped = indices.map((index) => (index < 0 ? 0 : index));
  const gathered = gatherPresent(vector, clamped);
  if (gathered.encoding === "constant") return gathered;
  if (gathered.validity !== undefined) {
    for (let i = 0; i < length; i++) if (gathered.validity[i] === 0) present[i] = 0;
  }
  if (gathered.encoding === "dictionary") {
    for (let i = 0; i < length; i++) if (present[i] === 0) gathered.codes[i] = 0;
  }
  return withValidity(gathered, present);
}

/**
 * Rows `rows` of a vector, ascending and each once, as filters leave them: what is not decoded yet is decoded for them
 * alone where the encoding allows that. Otherwise as {@link gather}.
 */
export function pick(vector: Vector, rows: Int32Array): Vector {
  const { type } = vector;
  const { length } = rows;
  if (vector.encoding === "dictionary") {
    const { dictionary } = vector;
    const validity = vector.validity === undefined ? undefined : gatherUint8(vector.validity, rows);
    return { encoding: "dictionary", type, length, codes: pickCodes(vector, rows), dictionary, validity };
  }
  const numbers = vector.encoding === "flat" ? pickPending(vector, rows) : undefined;
  return numbers === undefined ? gatherPresent(vector, rows) : numbersVector(type, numbers);
}

/** Numbers as a flat vector; a decimal's are unscaled. */
function numbersVector(type: DataType, values: Float64Array): FlatVector {
  if (type.kind === "decimal") return decimalVector(type, { unscaled: values, scale: type.scale ?? 0 }, undefined);
  return { encoding: "flat", type, length: values.length, values, validity: undefined };
}

/** The vector with other nulls; text and decimals stay as compact as they are. */
function withValidity(vector: FlatVector | DictionaryVector, validity: Uint8Array): Vector {
  if (vector.encoding === "flat") {
    const block = textBlockOf(vector);
    if (block !== undefined) return textVector(vector.type, vector.length, block, validity);
    const decimals = decimalBlockOf(vector);
    if (decimals !== undefined) return decimalVector(vector.type, decimals, validity);
  }
  return { ...vector, validity };
}

/** Rows `indices` of every column. Errors: as {@link gather}. */
export function gatherBatch(batch: Batch, indices: Int32Array): Batch {
  return { rowCount: indices.length, columns: batch.columns.map((column) => gather(column, indices)) };
}

/** One byte an index, 0 where it is negative; undefined when none is. */
function presentRows(indices: Int32Array): Uint8Array | undefined {
  let any = 0;
  for (let i = 0; i < indices.length; i++) any |= indices[i] as number;
  if (any >= 0) return undefined;
  const present = new Uint8Array(indices.length);
  for (let i = 0; i < indices.length; i++) present[i] = (indices[i] as number) < 0 ? 0 : 1;
  return present;
}

function gatherPresent(vector: Vector, indices: Int32Array): Vector {
  const length = indices.length;
  if (vector.encoding === "constant") return { ...vector, length };
  const validity = vector.validity === undefined ? undefined : gatherUint8(vector.validity, indices);
  if (vector.encoding === "dictionary") {
    const { type, dictionary } = vector;
    return {
      encoding: "dictionary",
      type,
      length,
      codes: gatherInt32(passCodes(vector), indices),
      dictionary,
      validity,
    };
  }
  const numbers = passPending(vector);
  if (numbers !== undefined) return numbersVector(vector.type, gatherFloat64(numbers, indices));
  const text = looseTextOf(vector);
  if (text !== undefined) return textVector(vector.type, length, gatherText(text, indices), validity);
  const decimals = decimalBlockOf(vector);
  if (decimals !== undefined) {
    const unscaled = gatherFloat64(decimals.unscaled, indices);
    return decimalVector(vector.type, { unscaled, scale: decimals.scale }, validity);
  }
  return { ...vector, length, values: gatherValues(vector.values, indices), validity };
}
