// Dense ids for rows of several columns: each column has its own ids, pairs of ids are folded left to right. Exact,
// so no key is ever compared again; ids count up in order of first appearance.

import type { DataType, Vector } from "#columnar";
import { createColumnEncoder, type ColumnEncoder } from "./column-encoder.ts";
import { PairTable } from "./pair-table.ts";

/** Gives rows dense ids by the values of their columns. */
export class RowEncoder {
  private readonly encoders: readonly ColumnEncoder[];
  private readonly pairs: readonly PairTable[];
  private ids = new Int32Array(0);
  private scratch = new Int32Array(0);

  constructor(types: readonly DataType[]) {
    this.encoders = types.map((type) => createColumnEncoder(type));
    this.pairs = types.slice(1).map(() => new PairTable());
  }

  /** Number of distinct rows seen with `insert`; without columns there is one. */
  get count(): number {
    const last = this.pairs.at(-1);
    return last?.count ?? this.encoders[0]?.count ?? 1;
  }

  /** Bytes held. */
  get byteSize(): number {
    let bytes = 0;
    for (const encoder of this.encoders) bytes += encoder.byteSize;
    for (const pair of this.pairs) bytes += pair.byteSize;
    return bytes;
  }

  /**
   * The id of each row. Without `insert`, rows never inserted give -1. Rows with a NULL in a column
   * that `rejectNulls` names give -1 (joins). Ownership: a view of this encoder's buffer, good until the next call.
   */
  encode(
    columns: readonly Vector[],
    rowCount: number,
    insert: boolean,
    rejectNulls: readonly boolean[] = [],
  ): Int32Array {
    if (this.ids.length < rowCount) this.ids = new Int32Array(rowCount);
    const out = this.ids.subarray(0, rowCount);
    const rejected = rejectNulls.includes(true) ? new Uint8Array(rowCount) : undefined;
    if (this.encoders.length === 0) out.fill(0);
    for (const [c, encoder] of this.encoders.entries()) {
      const column = columns[c] as Vector;
      let target = out;
      if (c > 0) {
        if (this.scratch.length < rowCount) this.scratch = new Int32Array(rowCount);
        target = this.scratch;
      }
      encoder.encode(column, rowCount, insert, target);
      if (rejected !== undefined && rejectNulls[c] === true && encoder.nullId >= 0) {
        const { nullId } = encoder;
        for (let i = 0; i < rowCount; i++) if (target[i] === nullId) rejected[i] = 1;
      }
      if (c > 0) {
        const before = c === 1 ? (this.encoders[0] as ColumnEncoder).count : (this.pairs[c - 2] as PairTable).count;
        (this.pairs[c - 1] as PairTable).encode(out, target, rowCount, before, encoder.count, insert, out);
      }
    }
    if (rejected !== undefined) for (let i = 0; i < rowCount; i++) if (rejected[i] === 1) out[i] = -1;
    return out;
  }

  /** The columns of rows first .. count-1, by id. */
  decode(first = 0, end = this.count): Vector[] {
    let ids = new Int32Array(end - first);
    for (let i = 0; i < ids.length; i++) ids[i] = first + i;
    const columns: Vector[] = [];
    for (let c = this.encoders.length - 1; c > 0; c--) {
      const { lefts, rights } = this.pairs[c - 1] as PairTable;
      const right = new Int32Array(ids.length);
      const left = new Int32Array(ids.length);
      for (let i = 0; i < ids.length; i++) {
        right[i] = rights[ids[i] as number] as number;
        left[i] = lefts[ids[i] as number] as number;
      }
      columns.push((this.encoders[c] as ColumnEncoder).decode(right));
      ids = left;
    }
    const [only] = this.encoders;
    if (only !== undefined) columns.push(only.decode(ids));
    return columns.toReversed();
  }
}

/**
 * Rows whose id appears for the first time, given the number of ids known before; ids are dense, so the next new
 * one is always `known`. Undefined when every row is new.
 */
export function firstAppearances(ids: Int32Array, known: number): Int32Array | undefined {
  let next = known;
  const rows = new Int32Array(ids.length);
  let count = 0;
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === next) {
      rows[count++] = i;
      next++;
    }
  }
  return count === ids.length ? undefined : rows.subarray(0, count);
}
