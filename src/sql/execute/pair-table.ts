// A table that gives dense ids to pairs of ids, in order of first appearance.

import { doubled, NumberTable } from "./hash-table.ts";

/** Pairs there is room for at first. */
const MIN_PAIRS = 1024;
/** Cells of the direct map of a pair table before it becomes a hash table: 8 MiB. */
const MAX_DIRECT_CELLS = 1 << 21;
/** A map up to this size, 256 KiB, may be mostly empty. */
const SMALL_DIRECT_CELLS = 1 << 16;
/** A larger one has at least one pair in so many cells when it grows. */
const CELLS_A_PAIR = 64;
/** Each row to come may bring a pair. */
const CELLS_A_ROW = 16;
const MIN_STRIDE = 8;
/** Ids stay below this, so that a pair packs exactly into a double. */
const PAIR_BASE = 2 ** 26;

/**
 * Pairs of dense ids to dense ids. While one id of a pair decides the other, as a key decides what else is told of it,
 * it is the pair's id and nothing is looked up; then a flat two-dimensional map while the ids are few, else a hash table.
 */
export class PairTable {
  lefts: Int32Array = new Int32Array(MIN_PAIRS);
  rights: Int32Array = new Int32Array(MIN_PAIRS);
  count = 0;
  /** The side whose ids are the pairs'. */
  private deciding: "left" | "right" | undefined = "left";
  private direct: Int32Array | undefined;
  private stride = MIN_STRIDE;
  private leftCapacity = MIN_STRIDE;
  private table: NumberTable | undefined;

  /** Bytes held. */
  get byteSize(): number {
    const own = this.lefts.byteLength + this.rights.byteLength;
    return own + (this.direct?.byteLength ?? 0) + (this.table?.byteSize ?? 0);
  }

  /**
   * Gives each row's pair its id in `out`, which may be one of the inputs. Without `insert`, unknown pairs and rows
   * with a negative id give -1. `leftLimit` and `rightLimit` bound the ids (exclusive).
   */
  encode(
    left: Int32Array,
    right: Int32Array,
    rowCount: number,
    leftLimit: number,
    rightLimit: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    let start = 0;
    while (this.deciding !== undefined) {
      const [key, other] = this.deciding === "left" ? [left, right] : [right, left];
      start = this.encodeDecided(key, other, start, rowCount, insert, out);
      if (start === rowCount) return;
      this.decideAnew(leftLimit, rightLimit, rowCount);
    }
    if (insert) this.reserve(leftLimit, rightLimit, rowCount);
    if (this.direct === undefined) this.encodeHashed(left, right, start, rowCount, insert, out);
    else this.encodeDirect(left, right, start, rowCount, insert, out);
  }

  /** Rows from `start` on whose key is their pair's id; the row whose key has another partner already, or the end. */
  private encodeDecided(
    key: Int32Array,
    other: Int32Array,
    start: number,
    rowCount: number,
    insert: boolean,
    out: Int32Array,
  ): number {
    let others = this.deciding === "left" ? this.rights : this.lefts;
    for (let i = start; i < rowCount; i++) {
      const id = key[i] as number;
      const partner = other[i] as number;
      if (id >= 0 && id < this.count && others[id] === partner) out[i] = id;
      else if (!insert) out[i] = -1;
      else if (id === this.count) {
        out[i] = this.deciding === "left" ? this.append(id, partner) : this.append(partner, id);
        others = this.deciding === "left" ? this.rights : this.lefts;
      } else return i;
    }
    return rowCount;
  }

  /** A key has a second partner: the other side may still decide, else pairs are looked up. */
  private decideAnew(leftLimit: number, rightLimit: number, rowCount: number): void {
    const { count, rights } = this;
    let isRight = this.deciding === "left";
    for (let id = 0; isRight && id < count; id++) isRight = rights[id] === id;
    this.deciding = isRight ? "right" : undefined;
    if (!isRight) this.makeRoom(leftLimit, rightLimit, rowCount);
  }

  private encodeDirect(
    left: Int32Array,
    right: Int32Array,
    start: number,
    rowCount: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    const { stride, leftCapacity } = this;
    const direct = this.direct as Int32Array;
    for (let i = start; i < rowCount; i++) {
      const a = left[i] as number;
      const b = right[i] as number;
      if (!insert && (a < 0 || b < 0 || a >= leftCapacity || b >= stride)) {
        out[i] = -1;
        continue;
      }
      const cell = a * stride + b;
      let id = direct[cell] as number;
      if (id < 0 && insert) {
        id = this.append(a, b);
        direct[cell] = id;
      }
      out[i] = id;
    }
  }

  private encodeHashed(
    left: Int32Array,
    right: Int32Array,
    start: number,
    rowCount: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    const table = this.table as NumberTable;
    for (let i = start; i < rowCount; i++) {
      const a = left[i] as number;
      const b = right[i] as number;
      if (a < 0 || b < 0) {
        out[i] = -1;
        continue;
      }
      const id = table.idOf(a * PAIR_BASE + b, insert);
      if (id === this.count) this.append(a, b);
      out[i] = id;
    }
  }

  private append(left: number, right: number): number {
    const id = this.count++;
    if (id >= this.lefts.length) {
      this.lefts = doubled(this.lefts);
      this.rights = doubled(this.rights);
    }
    this.lefts[id] = left;
    this.rights[id] = right;
    return id;
  }

  private reserve(leftLimit: number, rightLimit: number, rowCount: number): void {
    if (this.direct === undefined || (leftLimit <= this.leftCapacity && rightLimit <= this.stride)) return;
    this.makeRoom(leftLimit, rightLimit, rowCount);
  }

  private makeRoom(leftLimit: number, rightLimit: number, rowCount: number): void {
    let { stride, leftCapacity } = this;
    while (stride < rightLimit) stride *= 2;
    while (leftCapacity < leftLimit) leftCapacity *= 2;
    this.stride = stride;
    this.leftCapacity = leftCapacity;
    const cells = stride * leftCapacity;
    const worthwhile = this.count * CELLS_A_PAIR + rowCount * CELLS_A_ROW;
    if (cells <= MAX_DIRECT_CELLS && cells <= Math.max(SMALL_DIRECT_CELLS, worthwhile)) {
      const direct = new Int32Array(stride * leftCapacity).fill(-1);
      for (let id = 0; id < this.count; id++) {
        direct[(this.lefts[id] as number) * stride + (this.rights[id] as number)] = id;
      }
      this.direct = direct;
      return;
    }
    this.direct = undefined;
    this.table = new NumberTable();
    for (let id = 0; id < this.count; id++) {
      this.table.idOf((this.lefts[id] as number) * PAIR_BASE + (this.rights[id] as number), true);
    }
  }
}
