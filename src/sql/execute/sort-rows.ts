// Sorting row numbers by several keys. Each key becomes an array of doubles in the wanted order, so that the merge
// sort compares numbers only; strings and other types are ranked first. Stable.

import { looseTextOf, type DataType, type FlatVector, type Scalar, type Vector } from "#columnar";
import { scalarComparator, scalarKey } from "../values/index.ts";
import { rowReader } from "./build.ts";
import { RUN_ROWS, sortSingle } from "./sort-numbers.ts";
import { rankTexts } from "./text-order.ts";

/** A sort key whose values are known. */
export interface KeyColumn {
  readonly vector: Vector;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

const SURROGATE = /[\ud800-\udfff]/;

function sortedDistinct(values: Scalar[], type: DataType): Scalar[] {
  const isText = type.kind === "string" || type.kind === "uuid" || (type.kind === "json" && type.canonical !== true);
  // Without surrogates, UTF-16 order is code point order, and the engine's own string sort applies.
  if (isText && !(values as string[]).some((text) => SURROGATE.test(text))) return (values as string[]).toSorted();
  const compare = scalarComparator(type);
  return values.toSorted((a, b) => compare(a, b));
}

/** Ranks values: equal values share a rank, greater values have greater ones; null rows get 0. */
function rankValues(vector: Vector, rowCount: number): Ranks {
  const { type } = vector;
  const text = vector.encoding === "flat" && type.kind === "string" ? looseTextOf(vector) : undefined;
  if (text !== undefined && vector.encoding === "flat") {
    const { validity } = vector;
    const nulls = validity === undefined ? undefined : validity.map((present) => 1 - present);
    return { ranks: rankTexts(type, text, validity, rowCount), nulls };
  }
  const read = rowReader(vector);
  const ids = new Map<unknown, number>();
  const distinct: Scalar[] = [];
  const rowIds = new Int32Array(rowCount);
  let nulls: Uint8Array | undefined;
  for (let i = 0; i < rowCount; i++) {
    const value = read(i);
    if (value === null) {
      nulls ??= new Uint8Array(rowCount);
      nulls[i] = 1;
      continue;
    }
    const key = scalarKey(type, value);
    let id = ids.get(key);
    if (id === undefined) {
      id = distinct.length;
      ids.set(key, id);
      distinct.push(value);
    }
    rowIds[i] = id;
  }
  const rankOfId = new Float64Array(distinct.length);
  for (const [rank, value] of sortedDistinct(distinct, type).entries()) {
    rankOfId[ids.get(scalarKey(type, value as Exclude<Scalar, null>)) as number] = rank;
  }
  const ranks = new Float64Array(rowCount);
  for (let i = 0; i < rowCount; i++) ranks[i] = rankOfId[rowIds[i] as number] ?? 0;
  return { ranks, nulls };
}

interface Ranks {
  readonly ranks: Float64Array;
  readonly nulls: Uint8Array | undefined;
}

const dictionaryRanks = new WeakMap<FlatVector, Ranks>();

/** Ranks of a dictionary's entries, computed once. */
export function ranksOfDictionary(dictionary: FlatVector): Ranks {
  let ranks = dictionaryRanks.get(dictionary);
  if (ranks === undefined) dictionaryRanks.set(dictionary, (ranks = rankValues(dictionary, dictionary.length)));
  return ranks;
}

function rankDictionary(vector: Extract<Vector, { encoding: "dictionary" }>, rowCount: number): Ranks {
  const entries = ranksOfDictionary(vector.dictionary);
  const ranks = new Float64Array(rowCount);
  const { codes, validity } = vector;
  for (let i = 0; i < rowCount; i++) ranks[i] = entries.ranks[codes[i] as number] as number;
  if (validity === undefined && entries.nulls === undefined) return { ranks, nulls: undefined };
  const nulls = new Uint8Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    if (validity?.[i] === 0) nulls[i] = 1;
    else nulls[i] = entries.nulls?.[codes[i] as number] ?? 0;
  }
  return { ranks, nulls };
}

function numbersOf(vector: Vector, rowCount: number): Ranks {
  if (vector.encoding === "dictionary") return rankDictionary(vector, rowCount);
  if (vector.encoding === "flat" && vector.type.kind !== "null" && looseTextOf(vector) === undefined) {
    const { values, validity } = vector;
    if (values instanceof Float64Array || values instanceof Int32Array || values instanceof Uint8Array) {
      const ranks = new Float64Array(values);
      if (validity === undefined) return { ranks, nulls: undefined };
      const nulls = new Uint8Array(rowCount);
      for (let i = 0; i < rowCount; i++) {
        if (validity[i] === 0) {
          nulls[i] = 1;
          ranks[i] = 0;
        }
      }
      return { ranks, nulls };
    }
  }
  return rankValues(vector, rowCount);
}

/** The arrays of doubles to compare for one key, most significant first. */
export function comparableArrays({ vector, descending, nullsFirst }: KeyColumn, rowCount: number): Float64Array[] {
  if (vector.encoding === "constant") return [];
  const { ranks, nulls } = numbersOf(vector, rowCount);
  const sign = descending ? -1 : 1;
  let classes: Float64Array | undefined;
  for (let i = 0; i < rowCount; i++) {
    const value = ranks[i] as number;
    if (nulls !== undefined && nulls[i] === 1) {
      classes ??= new Float64Array(rowCount);
      classes[i] = nullsFirst ? -2 : 2;
      ranks[i] = 0;
    } else if (value !== value) {
      classes ??= new Float64Array(rowCount);
      classes[i] = sign;
      ranks[i] = 0;
    } else if (descending) ranks[i] = -value;
  }
  return classes === undefined ? [ranks] : [classes, ranks];
}

function compareAt(keys: readonly Float64Array[], a: number, b: number): number {
  for (let k = 0; k < keys.length; k++) {
    const key = keys[k] as Float64Array;
    const x = key[a] as number;
    const y = key[b] as number;
    if (x < y) return -1;
    if (x > y) return 1;
  }
  return 0;
}

function insertionRuns(rows: Int32Array, keys: readonly Float64Array[], count: number): void {
  for (let start = 0; start < count; start += RUN_ROWS) {
    const end = Math.min(start + RUN_ROWS, count);
    for (let i = start + 1; i < end; i++) {
      const row = rows[i] as number;
      let j = i - 1;
      while (j >= start && compareAt(keys, rows[j] as number, row) > 0) {
        rows[j + 1] = rows[j] as number;
        j--;
      }
      rows[j + 1] = row;
    }
  }
}

function mergeMany(source: Int32Array, target: Int32Array, keys: readonly Float64Array[], width: number): void {
  const count = source.length;
  for (let start = 0; start < count; start += width * 2) {
    const middle = Math.min(start + width, count);
    const end = Math.min(start + width * 2, count);
    let left = start;
    let right = middle;
    for (let out = start; out < end; out++) {
      const takeLeft =
        left < middle && (right >= end || compareAt(keys, source[left] as number, source[right] as number) <= 0);
      target[out] = source[takeLeft ? left++ : right++] as number;
    }
  }
}

/** The row numbers 0 .. rowCount - 1 in the order of the keys; rows with equal keys keep their order. */
export function sortRows(columns: readonly KeyColumn[], rowCount: number): Int32Array {
  const keys = columns.flatMap((column) => comparableArrays(column, rowCount));
  const [first] = keys;
  if (keys.length === 1 && first !== undefined) return sortSingle(first, rowCount);
  let rows = new Int32Array(rowCount);
  for (let i = 0; i < rowCount; i++) rows[i] = i;
  if (keys.length === 0) return rows;
  insertionRuns(rows, keys, rowCount);
  let other = new Int32Array(rowCount);
  for (let width = RUN_ROWS; width < rowCount; width *= 2) {
    mergeMany(rows, other, keys, width);
    [rows, other] = [other, rows];
  }
  return rows;
}
