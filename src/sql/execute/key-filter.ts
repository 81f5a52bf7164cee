// Row by row what a join's held keys leave of a scan: a bit for each integer from the least key to the greatest. Rows that
// could meet no held row go before anything is computed of them.

import {
  flattenVector,
  passCodes,
  passPending,
  type Batch,
  type DataType,
  type FlatVector,
  type Vector,
} from "#columnar";
import type { FoundConditions } from "./found-conditions.ts";
import { rangeOf } from "./join-index.ts";
import { dropNulls, keepRows, rowScratch, type Selection } from "./row-scratch.ts";

/** The keys that some held row has. */
export interface KeyFilter {
  /** Those of `rows` whose key is one of them; `rows` itself when all are, or when the column is none of such keys. */
  select(column: Vector, rows: Selection): Selection;
}

const NUMBERS = new Set(["int16", "int32", "int64"]);
/** Bits a held row; more would be mostly empty, but for few rows 512 KiB are no matter, */
const BITS_A_ROW = 256;
const SMALL_BITS = 1 << 22;
/** and more than 4 MiB are not worth it. */
const MAX_BITS = 1 << 25;

function areComparable(a: DataType, b: DataType): boolean {
  return (NUMBERS.has(a.kind) && NUMBERS.has(b.kind)) || (a.kind === "date" && b.kind === "date");
}

/** The filter of a key's held values; undefined where they are no integers of a small range. Cost: two passes. */
export function createKeyFilter(vector: Vector, rowCount: number): KeyFilter | undefined {
  const { type } = vector;
  if (!areComparable(type, type)) return undefined;
  const { values, validity } = flattenVector(vector);
  if (!(values instanceof Float64Array || values instanceof Int32Array)) return undefined;
  const { min, size: range } = rangeOf({ values, validity }, rowCount);
  if (range > Math.min(MAX_BITS, Math.max(SMALL_BITS, rowCount * BITS_A_ROW))) return undefined;
  const bits = new Int32Array((range + 31) >>> 5);
  for (let i = 0; i < rowCount; i++) {
    if (validity !== undefined && validity[i] === 0) continue;
    const place = (values[i] as number) - min;
    bits[place >>> 5] = (bits[place >>> 5] as number) | (1 << (place & 31));
  }
  const keys: KeyBits = { bits, min, range };
  const marksOf = new WeakMap<FlatVector, Uint8Array | undefined>();
  return {
    select(column, rows) {
      if (!areComparable(type, column.type)) return rows;
      if (column.encoding !== "dictionary" || column.dictionary.length > column.length) {
        return selectRows(column, keys, rows);
      }
      const { dictionary } = column;
      if (!marksOf.has(dictionary)) marksOf.set(dictionary, markEntries(dictionary, keys));
      const marks = marksOf.get(dictionary);
      if (marks === undefined) return rows;
      const count = rows === undefined ? column.length : rows.length;
      const out = rowScratch(count);
      let n = writeMarked(out, marks, passCodes(column), rows, count);
      if (column.validity !== undefined) n = dropNulls(out, n, column.validity);
      return keepRows(out, n, rows, count);
    },
  };
}

interface KeyBits {
  readonly bits: Int32Array;
  readonly min: number;
  readonly range: number;
}

/** 1 for each entry of a dictionary that is a key. */
function markEntries(dictionary: FlatVector, keys: KeyBits): Uint8Array | undefined {
  if (numbersOf(dictionary) === undefined) return undefined;
  const marks = new Uint8Array(dictionary.length);
  const entries = selectRows(dictionary, keys, undefined);
  if (entries === undefined) marks.fill(1);
  else for (const entry of entries) marks[entry] = 1;
  return marks;
}

function numbersOf(vector: FlatVector): Float64Array | Int32Array | undefined {
  const values = passPending(vector) ?? vector.values;
  return values instanceof Float64Array || values instanceof Int32Array ? values : undefined;
}

function selectRows(column: Vector, keys: KeyBits, rows: Selection): Selection {
  const flat = flattenVector(column);
  const values = numbersOf(flat);
  if (values === undefined) return rows;
  const count = rows === undefined ? flat.length : rows.length;
  const out = rowScratch(count);
  let n = rows === undefined ? writeKeys(out, values, keys, count) : writeKeysOf(out, values, keys, rows);
  if (flat.validity !== undefined) n = dropNulls(out, n, flat.validity);
  return keepRows(out, n, rows, count);
}

function writeKeys(out: Int32Array, values: Float64Array | Int32Array, keys: KeyBits, count: number): number {
  const { bits, min, range } = keys;
  let n = 0;
  for (let row = 0; row < count; row++) {
    const place = (values[row] as number) - min;
    out[n] = row;
    if (place >= 0 && place < range && ((bits[place >>> 5] as number) & (1 << (place & 31))) !== 0) n++;
  }
  return n;
}

function writeKeysOf(out: Int32Array, values: Float64Array | Int32Array, keys: KeyBits, rows: Int32Array): number {
  const { bits, min, range } = keys;
  let n = 0;
  for (let k = 0; k < rows.length; k++) {
    const row = rows[k] as number;
    const place = (values[row] as number) - min;
    out[n] = row;
    if (place >= 0 && place < range && ((bits[place >>> 5] as number) & (1 << (place & 31))) !== 0) n++;
  }
  return n;
}

function writeMarked(out: Int32Array, marks: Uint8Array, codes: Int32Array, rows: Selection, count: number): number {
  let n = 0;
  for (let k = 0; k < count; k++) {
    const row = rows === undefined ? k : (rows[k] as number);
    out[n] = row;
    n += marks[codes[row] as number] as number;
  }
  return n;
}

/** A filter that leaves more than this part of so many rows is not asked again. */
const WORTH_PART = 0.8;
const TRIED_ROWS = 1 << 16;

/** Drops the rows of a scan's batches that no join above it wants. */
export interface ScanFilter {
  /** Those of `rows` that joins may want. */
  select(batch: Batch, rows: Selection): Selection;
}

/** The filter of a scan; `position` is the column's place in its batches. */
export function createScanFilter(
  found: FoundConditions,
  narrowedBy: readonly { readonly by: symbol; readonly position: number }[],
): ScanFilter {
  const tried = narrowedBy.map((each) => ({ ...each, seen: 0, kept: 0 }));
  return {
    select(batch, rows) {
      let rest = rows;
      for (const each of tried) {
        const filter = found.filterOf(each.by);
        const column = batch.columns[each.position];
        const before = rest?.length ?? batch.rowCount;
        if (filter === undefined || column === undefined || before === 0) continue;
        if (each.seen > TRIED_ROWS && each.kept > each.seen * WORTH_PART) continue;
        rest = filter.select(column, rest);
        each.seen += before;
        each.kept += rest?.length ?? batch.rowCount;
      }
      return rest;
    },
  };
}
