// The index of a join's held rows by their keys. Keys that are integers in few numbers are places in an array, or one
// number; all others go through the row encoder.

import { flattenVector, type DataType, type Vector } from "#columnar";
import { NumberTable } from "./hash-table.ts";
import { RowEncoder } from "./row-encoder.ts";

/** A key pair of a join. */
export interface IndexedKey {
  readonly type: DataType;
  /** The other input's type of the same key. */
  readonly otherType: DataType;
  /** Whether NULL equals NULL. */
  readonly nullsEqual: boolean;
}

/** Held rows by key id: `first[id]`, then `next[row]`, ascending; -1 ends. */
export interface JoinIndex {
  readonly first: Int32Array;
  /** Undefined when no two rows have the same key. */
  readonly next: Int32Array | undefined;
  readonly byteSize: number;
  /**
   * The key id of each row of the other input; -1 where no held row has its key. Ownership: good until the next call.
   */
  find(keys: readonly Vector[], rowCount: number): Int32Array;
}

/** Gives rows the ids of their keys; `insert` for held rows, which give unknown keys new ids. */
interface KeyIds {
  readonly count: number;
  readonly byteSize: number;
  ids(keys: readonly Vector[], rowCount: number, insert: boolean): Int32Array;
}

/** Indexes held rows by their keys. Cost: at most about 60 bytes a row. */
export function indexRows(keys: readonly IndexedKey[], vectors: readonly Vector[], rowCount: number): JoinIndex {
  const keyIds = integerKeyIds(keys, vectors, rowCount) ?? encodedKeyIds(keys);
  const ids = keyIds.ids(vectors, rowCount, true);
  const first = new Int32Array(keyIds.count).fill(-1);
  let next: Int32Array | undefined;
  for (let row = rowCount - 1; row >= 0; row--) {
    const id = ids[row] as number;
    if (id < 0) continue;
    const later = first[id] as number;
    if (later >= 0) {
      next ??= new Int32Array(rowCount).fill(-1);
      next[row] = later;
    }
    first[id] = row;
  }
  return {
    first,
    next,
    byteSize: keyIds.byteSize + first.byteLength + (next?.byteLength ?? 0),
    find: (others, count) => keyIds.ids(others, count, false),
  };
}

function encodedKeyIds(keys: readonly IndexedKey[]): KeyIds {
  const encoder = new RowEncoder(keys.map(({ type }) => type));
  const rejectNulls = keys.map(({ nullsEqual }) => !nullsEqual);
  return {
    get count() {
      return encoder.count;
    },
    get byteSize() {
      return encoder.byteSize;
    },
    ids: (vectors, rowCount, insert) => encoder.encode(vectors, rowCount, insert, rejectNulls),
  };
}

const INTEGER_KINDS = new Set(["int16", "int32", "int64", "date"]);
/** Whether keys of these types are compared as integers. */
export function hasIntegerKeys(type: DataType, otherType: DataType): boolean {
  return INTEGER_KINDS.has(type.kind) && INTEGER_KINDS.has(otherType.kind);
}

/** An array of places has at most so many for each row, which is what a hash table would need. */
const PLACES_A_ROW = 8;
const SMALL_PLACES = 1 << 16;
/** A bit for each place and the number of bits before each word of them take a quarter byte a place. */
const RANKED_A_ROW = 256;
/** Ids are 32-bit. */
const MAX_PLACES = 1 << 28;

/** Integers as numbers, and which of them are not null. */
export interface IntegerColumn {
  readonly values: Float64Array | Int32Array;
  readonly validity: Uint8Array | undefined;
}

/** The column as numbers. Integers beyond ±(2^53 - 1) come as NaN: see {@link allSafe} for the held rows. */
function integerColumn(vector: Vector): IntegerColumn {
  const { values, validity } = flattenVector(vector);
  if (values instanceof Float64Array || values instanceof Int32Array) return { values, validity };
  if (!(values instanceof BigInt64Array)) return { values: new Float64Array(vector.length).fill(Number.NaN), validity };
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < numbers.length; i++) {
    const number = Number(values[i]);
    numbers[i] = Number.isSafeInteger(number) ? number : Number.NaN;
  }
  return { values: numbers, validity };
}

/** Whether a column holds no integer beyond what a double has exactly. */
function allSafe(vector: Vector): boolean {
  if (vector.type.kind === "null") return false;
  if (vector.encoding === "constant") return typeof vector.value !== "bigint";
  return !((vector.encoding === "dictionary" ? vector.dictionary.values : vector.values) instanceof BigInt64Array);
}

/** Where integers lie. */
export interface IntegerRange {
  readonly min: number;
  /** Number of integers from the least to the greatest. */
  readonly size: number;
}

/** The range of the values that are not null; of size 0 when all are. NaN is left out. */
export function rangeOf({ values, validity }: IntegerColumn, rowCount: number): IntegerRange {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < rowCount; i++) {
    if (validity !== undefined && validity[i] === 0) continue;
    const value = values[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? { min: 0, size: 0 } : { min, size: max - min + 1 };
}

/** Ids by arithmetic, for keys that are all integers; undefined where that does not serve. */
function integerKeyIds(keys: readonly IndexedKey[], vectors: readonly Vector[], rowCount: number): KeyIds | undefined {
  const areIntegers = keys.every(({ type, otherType, nullsEqual }) => !nullsEqual && hasIntegerKeys(type, otherType));
  if (!areIntegers || !vectors.every((vector) => allSafe(vector))) return undefined;
  const ranges = vectors.map((vector) => rangeOf(integerColumn(vector), rowCount));
  const places = ranges.reduce((product, { size }) => product * size, 1);
  if (!Number.isSafeInteger(places)) return undefined;
  const isDirect = places <= Math.min(MAX_PLACES, Math.max(SMALL_PLACES, rowCount * PLACES_A_ROW));
  if (isDirect) return placeIds(ranges, places);
  const isRanked = places <= Math.min(MAX_PLACES, rowCount * RANKED_A_ROW);
  return isRanked ? rankedIds(ranges, places) : numberIds(ranges);
}

/** The key of each row is its id. */
function placeIds(ranges: readonly IntegerRange[], count: number): KeyIds {
  let ids = new Int32Array(0);
  return {
    count,
    byteSize: 0,
    ids(vectors, rowCount) {
      if (ids.length < rowCount) ids = new Int32Array(rowCount);
      const out = ids.subarray(0, rowCount);
      keyPlaces(vectors, ranges, out);
      return out;
    },
  };
}

/** Bits of a word. */
function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** A bit for each key that is there; the id of a key is the number of keys below it. */
function rankedIds(ranges: readonly IntegerRange[], size: number): KeyIds {
  const bits = new Int32Array((size + 31) >>> 5);
  const ranks = new Int32Array(bits.length);
  let count = 0;
  let ids = new Int32Array(0);
  return {
    get count() {
      return count;
    },
    byteSize: bits.byteLength * 2,
    ids(vectors, rowCount, insert) {
      if (ids.length < rowCount) ids = new Int32Array(rowCount);
      const out = ids.subarray(0, rowCount);
      keyPlaces(vectors, ranges, out);
      if (insert) count = setBits(bits, ranks, out);
      takeRanks(bits, ranks, out);
      return out;
    },
  };
}

/** Sets the bits of places and counts them: in all, and before each word. */
function setBits(bits: Int32Array, ranks: Int32Array, rows: Int32Array): number {
  for (let i = 0; i < rows.length; i++) {
    const place = rows[i] as number;
    if (place >= 0) bits[place >>> 5] = (bits[place >>> 5] as number) | (1 << (place & 31));
  }
  let count = 0;
  for (let word = 0; word < bits.length; word++) {
    ranks[word] = count;
    count += bitsIn(bits[word] as number);
  }
  return count;
}

/** Turns places into the number of bits before theirs; -1 where it is not set. */
function takeRanks(bits: Int32Array, ranks: Int32Array, rows: Int32Array): void {
  for (let i = 0; i < rows.length; i++) {
    const place = rows[i] as number;
    if (place < 0) continue;
    const word = bits[place >>> 5] as number;
    const bit = 1 << (place & 31);
    rows[i] = (word & bit) === 0 ? -1 : (ranks[place >>> 5] as number) + bitsIn(word & (bit - 1));
  }
}

/** What a row's key is as one number is looked up in a hash table. */
function numberIds(ranges: readonly IntegerRange[]): KeyIds {
  const table = new NumberTable();
  let ids = new Int32Array(0);
  let numbers = new Float64Array(0);
  return {
    get count() {
      return table.count;
    },
    get byteSize() {
      return table.byteSize;
    },
    ids(vectors, rowCount, insert) {
      if (ids.length < rowCount) {
        ids = new Int32Array(rowCount);
        numbers = new Float64Array(rowCount);
      }
      const out = ids.subarray(0, rowCount);
      const of = numbers.subarray(0, rowCount);
      places(vectors, ranges, of);
      for (let i = 0; i < rowCount; i++) {
        const number = of[i] as number;
        out[i] = number < 0 ? -1 : table.idOf(number, insert);
      }
      return out;
    },
  };
}

/** Place of each row's keys in their ranges; -1 outside of them and for NULL. */
function keyPlaces(vectors: readonly Vector[], ranges: readonly IntegerRange[], out: Int32Array): void {
  const [range] = ranges;
  const [vector] = vectors;
  if (ranges.length === 1 && range !== undefined && vector !== undefined) onePlace(vector, range, out);
  else places(vectors, ranges, out);
}

/** Place of each row's only key in its range; -1 outside of it and for NULL. */
function onePlace(vector: Vector, { min, size }: IntegerRange, out: Int32Array): void {
  const { values, validity } = integerColumn(vector);
  if (values instanceof Int32Array) {
    for (let i = 0; i < out.length; i++) {
      const place = (values[i] as number) - min;
      out[i] = place >= 0 && place < size ? place : -1;
    }
  } else {
    for (let i = 0; i < out.length; i++) {
      const place = (values[i] as number) - min;
      out[i] = place >= 0 && place < size ? place : -1;
    }
  }
  dropNulls(out, validity);
}

/** As {@link onePlace}, of all keys together. */
function places(vectors: readonly Vector[], ranges: readonly IntegerRange[], out: Int32Array | Float64Array): void {
  out.fill(0);
  for (const [k, { min, size }] of ranges.entries()) {
    const vector = vectors[k];
    if (vector === undefined) continue;
    const { values, validity } = integerColumn(vector);
    for (let i = 0; i < out.length; i++) {
      const before = out[i] as number;
      const place = (values[i] as number) - min;
      out[i] = before >= 0 && place >= 0 && place < size ? before * size + place : -1;
    }
    dropNulls(out, validity);
  }
}

function dropNulls(out: Int32Array | Float64Array, validity: Uint8Array | undefined): void {
  if (validity === undefined) return;
  for (let i = 0; i < out.length; i++) if (validity[i] === 0) out[i] = -1;
}
