// Stable multi-key sorting of a batch's rows: least significant digit radix passes over encoded keys.

import { scalarAt, type Batch, type Vector } from "#columnar";
import { required } from "#core";
import type { NullOrder } from "#iceberg";
import { DIGIT_BITS, radixPass } from "./radix-pass.ts";
import { compareScalars, encodeSortKeys } from "./sort-encoding.ts";

/** One key, by the column's position in the batch. */
export interface SortKey {
  readonly column: number;
  readonly direction: "asc" | "desc";
  readonly nullOrder: NullOrder;
}

/**
 * The rows of a batch in sorted order; rows equal in every key keep their order.
 *
 * Cost: linear in rows for numbers; at most six passes a key, fewer when high digits are constant and none when
 * the rows are already in the key's order. Memory: about 20 bytes a row.
 */
export function sortedRowOrder(batch: Batch, keys: readonly SortKey[]): Int32Array {
  let order = new Int32Array(batch.rowCount);
  for (let i = 0; i < order.length; i++) order[i] = i;
  let spare = new Int32Array(batch.rowCount);
  for (const key of keys.toReversed()) {
    const encoded = encodeSortKeys(keyColumn(batch, key));
    if (encoded === undefined) continue;
    const isDescending = key.direction === "desc";
    for (const digits of [encoded.low, encoded.high]) {
      if (digits === undefined) continue;
      for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
        if (radixPass(digits, shift, isDescending, order, spare)) [order, spare] = [spare, order];
      }
    }
    if (encoded.present !== undefined) {
      nullPass(encoded.present, key.nullOrder, order, spare);
      [order, spare] = [spare, order];
    }
  }
  return order;
}

/** Whether the batch's rows are already sorted by the keys. */
export function isSortedBy(batch: Batch, keys: readonly SortKey[]): boolean {
  for (let row = 1; row < batch.rowCount; row++) {
    if (compareRows(batch, row - 1, batch, row, keys) > 0) return false;
  }
  return true;
}

/** Order of two rows, perhaps of different batches of one schema: negative, zero or positive. */
export function compareRows(a: Batch, rowA: number, b: Batch, rowB: number, keys: readonly SortKey[]): number {
  for (const key of keys) {
    const columnA = keyColumn(a, key);
    const valueA = scalarAt(columnA, rowA);
    const valueB = scalarAt(keyColumn(b, key), rowB);
    if (valueA === null || valueB === null) {
      if (valueA === valueB) continue;
      const nullsFirst = key.nullOrder === "nulls-first" ? -1 : 1;
      return valueA === null ? nullsFirst : -nullsFirst;
    }
    const compared = compareScalars(columnA.type, valueA, valueB);
    if (compared !== 0) return key.direction === "asc" ? compared : -compared;
  }
  return 0;
}

function keyColumn(batch: Batch, key: SortKey): Vector {
  return required(batch.columns[key.column], "the sort key's column");
}

/** Stable partition of null and present rows from `order` into `target`. */
function nullPass(present: Uint8Array, nullOrder: NullOrder, order: Int32Array, target: Int32Array): void {
  let nulls = 0;
  for (let i = 0; i < present.length; i++) if (present[i] === 0) nulls += 1;
  let nextNull = nullOrder === "nulls-first" ? 0 : order.length - nulls;
  let nextPresent = nullOrder === "nulls-first" ? nulls : 0;
  for (let i = 0; i < order.length; i++) {
    const row = order[i] as number;
    if (present[row] === 0) target[nextNull++] = row;
    else target[nextPresent++] = row;
  }
}
