// The Z-curve: several columns ordered alike, so that a file holds a small box of all of them and not a slice of the first.
//
// A column's values are spread evenly over the numbers below 2^bits: a value's coordinate is the share of rows below it,
// estimated from a sample. Columns then weigh the same whatever their types, ranges and common prefixes, and a column of
// few values still divides the rows. Interleaving the bits of the coordinates gives a row's place on the curve.

import { gatherBatch, type Batch, type DictionaryVector, type Vector } from "#columnar";
import { compareRows, sortedRowOrder, type SortKey } from "./sort-rows.ts";

/** The curve's place fits a double exactly. */
const CURVE_BITS = 52;

/** Finer than any sample tells values apart. */
const MAX_BITS = 16;

const FIRST_COLUMN: readonly SortKey[] = [{ column: 0, direction: "asc", nullOrder: "nulls-first" }];

/** Bits that each of so many columns gets. */
export function bitsPerColumn(columns: number): number {
  return Math.min(MAX_BITS, Math.floor(CURVE_BITS / columns));
}

/** A sample of one column in ascending order, nulls first. */
export interface SortedSample {
  readonly batch: Batch;
}

/** Sorts a sampled column. */
export function sortSample(column: Vector): SortedSample {
  const batch = { rowCount: column.length, columns: [column] };
  return { batch: gatherBatch(batch, sortedRowOrder(batch, FIRST_COLUMN)) };
}

/**
 * The coordinate of each value: below 2^bits, never decreasing with the value, 0 for nulls, equal for equal values.
 *
 * Cost: one sort of the column and a walk along it beside the sample; of a dictionary its entries only.
 */
export function coordinatesOf({ batch: sample }: SortedSample, column: Vector, bits: number): Uint32Array {
  if (column.encoding === "dictionary" && column.dictionary.length < column.length) {
    return dictionaryCoordinates(coordinatesOf({ batch: sample }, column.dictionary, bits), column);
  }
  const coordinates = new Uint32Array(column.length);
  const batch = { rowCount: column.length, columns: [column] };
  let below = 0;
  for (const row of sortedRowOrder(batch, FIRST_COLUMN)) {
    while (below < sample.rowCount && compareRows(sample, below, batch, row, FIRST_COLUMN) < 0) below += 1;
    const share = sample.rowCount === 0 ? 0 : below / sample.rowCount;
    coordinates[row] = Math.min(2 ** bits - 1, Math.floor(share * 2 ** bits));
  }
  return coordinates;
}

function dictionaryCoordinates(byCode: Uint32Array, { length, codes, validity }: DictionaryVector): Uint32Array {
  const coordinates = new Uint32Array(length);
  for (let row = 0; row < length; row++) {
    if (validity?.[row] !== 0) coordinates[row] = byCode[codes[row] as number] as number;
  }
  return coordinates;
}

/**
 * The place on the curve of each row: the bits of its coordinates in turn, the first column's most significant bit
 * first. Shapes: one array a column, equal lengths; coordinates below 2^bits, columns × bits at most 52.
 */
export function interleave(coordinates: readonly Uint32Array[], bits: number): Float64Array {
  const rows = coordinates[0]?.length ?? 0;
  const places = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let place = 0;
    for (let bit = bits - 1; bit >= 0; bit--) {
      for (const column of coordinates) place = place * 2 + (((column[row] as number) >>> bit) & 1);
    }
    places[row] = place;
  }
  return places;
}
