// Where partitions and peer groups lie among rows that are in the window's order.

import { comparableArrays, type KeyColumn } from "../sort-rows.ts";

/**
 * Partitions and peers of sorted rows.
 *
 * Shapes: `partitionBounds` and `peerBounds` hold the first row of each partition or peer group and the row count
 * last; the others have one entry a row. Ends are exclusive.
 */
export interface WindowLayout {
  readonly rowCount: number;
  readonly partitionBounds: Int32Array;
  readonly peerBounds: Int32Array;
  /** Index of the row's partition and of its peer group. */
  readonly partitionOf: Int32Array;
  readonly peersOf: Int32Array;
}

/** Finds partitions and peers. Without order keys all rows of a partition are peers. */
export function createLayout(
  partitionKeys: readonly KeyColumn[],
  orderKeys: readonly KeyColumn[],
  rowCount: number,
): WindowLayout {
  const partitions = partitionKeys.flatMap((key) => comparableArrays(key, rowCount));
  const orders = orderKeys.flatMap((key) => comparableArrays(key, rowCount));
  const partitionBounds: number[] = [];
  const peerBounds: number[] = [];
  const partitionOf = new Int32Array(rowCount);
  const peersOf = new Int32Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    const startsPartition = row === 0 || differs(partitions, row);
    if (startsPartition) partitionBounds.push(row);
    if (startsPartition || differs(orders, row)) peerBounds.push(row);
    partitionOf[row] = partitionBounds.length - 1;
    peersOf[row] = peerBounds.length - 1;
  }
  return {
    rowCount,
    partitionBounds: Int32Array.from([...partitionBounds, rowCount]),
    peerBounds: Int32Array.from([...peerBounds, rowCount]),
    partitionOf,
    peersOf,
  };
}

/** Whether a row has other keys than the one before. */
function differs(keys: readonly Float64Array[], row: number): boolean {
  return keys.some((key) => key[row] !== key[row - 1]);
}

/** First row of the partition of a row. */
export function partitionStart(layout: WindowLayout, row: number): number {
  return layout.partitionBounds[layout.partitionOf[row] as number] as number;
}

/** The row after the last one of the partition of a row. */
export function partitionEnd(layout: WindowLayout, row: number): number {
  return layout.partitionBounds[(layout.partitionOf[row] as number) + 1] as number;
}

/** First peer of a row. */
export function peersStart(layout: WindowLayout, row: number): number {
  return layout.peerBounds[layout.peersOf[row] as number] as number;
}

/** The row after the last peer of a row. */
export function peersEnd(layout: WindowLayout, row: number): number {
  return layout.peerBounds[(layout.peersOf[row] as number) + 1] as number;
}
