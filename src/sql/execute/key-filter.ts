// Row by row what a join's held keys leave of a scan: a bit for each integer from the least key to the greatest. Rows that
// could meet no held row go before anything is computed of them.

import { flattenVector, gatherBatch, type Batch, type DataType, type Vector } from "#columnar";
import type { FoundConditions } from "./found-conditions.ts";
import { rangeOf } from "./join-index.ts";

/** The keys that some held row has. */
export interface KeyFilter {
  /** Rows whose key is one of them; undefined when all are, or when the column is none of such keys. */
  select(column: Vector): Int32Array | undefined;
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
  return { select: (column) => (areComparable(type, column.type) ? selectRows(column, bits, min, range) : undefined) };
}

function selectRows(column: Vector, bits: Int32Array, min: number, range: number): Int32Array | undefined {
  const { values, validity, length } = flattenVector(column);
  if (!(values instanceof Float64Array || values instanceof Int32Array)) return undefined;
  const rows = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) {
    const place = (values[i] as number) - min;
    rows[count] = i;
    if (place >= 0 && place < range && ((bits[place >>> 5] as number) & (1 << (place & 31))) !== 0) count++;
  }
  if (validity !== undefined) {
    let present = 0;
    for (let k = 0; k < count; k++) {
      const row = rows[k] as number;
      rows[present] = row;
      if (validity[row] !== 0) present++;
    }
    count = present;
  }
  return count === length ? undefined : rows.subarray(0, count);
}

/** A filter that leaves more than this part of so many rows is not asked again. */
const WORTH_PART = 0.8;
const TRIED_ROWS = 1 << 16;

/** Drops the rows of a scan's batches that no join above it wants. */
export interface ScanFilter {
  apply(batch: Batch): Batch;
}

/** The filter of a scan; `position` is the column's place in its batches. */
export function createScanFilter(
  found: FoundConditions,
  narrowedBy: readonly { readonly by: symbol; readonly position: number }[],
): ScanFilter {
  const tried = narrowedBy.map((each) => ({ ...each, rows: 0, kept: 0 }));
  return {
    apply(batch) {
      let rest = batch;
      for (const each of tried) {
        const filter = found.filterOf(each.by);
        const column = rest.columns[each.position];
        if (filter === undefined || column === undefined || rest.rowCount === 0) continue;
        if (each.rows > TRIED_ROWS && each.kept > each.rows * WORTH_PART) continue;
        const rows = filter.select(column);
        each.rows += rest.rowCount;
        each.kept += rows?.length ?? rest.rowCount;
        if (rows !== undefined) rest = gatherBatch(rest, rows);
      }
      return rest;
    },
  };
}
