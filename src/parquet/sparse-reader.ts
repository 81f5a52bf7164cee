// A column of a row group of which only some pages were fetched.

import { invariant } from "#core";
import type { Vector } from "#columnar";
import type { ChunkDecoder } from "./chunk-decoder.ts";
import type { RowRange } from "./row-ranges.ts";

/** Hands out rows of a row group, of which only those in some ranges are there. Rows outside may only be skipped. */
export class SparseReader {
  readonly #decoder: ChunkDecoder;
  readonly #present: readonly RowRange[];
  #row = 0;
  #range = 0;

  /** `decoder` gives the rows of the ranges, which ascend and do not overlap, one after the other. */
  constructor(decoder: ChunkDecoder, present: readonly RowRange[]) {
    this.#decoder = decoder;
    this.#present = present;
  }

  /** See {@link ChunkDecoder.wantOnly}. */
  wantOnly(text: Uint8Array): void {
    this.#decoder.wantOnly(text);
  }

  /** Passes over rows, fetched or not. */
  skip(rows: number): void {
    const end = this.#row + rows;
    while (this.#row < end) {
      const range = this.#present[this.#range];
      if (range === undefined) break;
      const from = Math.max(this.#row, range.start);
      const to = Math.min(end, range.end);
      if (to > from) this.#decoder.skip(to - from);
      if (range.end > end) break;
      this.#row = range.end;
      this.#range += 1;
    }
    this.#row = end;
  }

  /** As {@link ChunkDecoder.rowsAhead}, of the rows that were fetched together. */
  rowsAhead(): number {
    const range = this.#present[this.#range];
    if (range === undefined || this.#row < range.start) return 0;
    return Math.min(this.#decoder.rowsAhead(), range.end - this.#row);
  }

  /** The next `rows` rows; all of them must have been fetched. Errors: those of the decoder. */
  read(rows: number): Vector {
    const range = this.#present[this.#range];
    const end = this.#row + rows;
    invariant(range !== undefined && this.#row >= range.start && end <= range.end, "rows that are read were fetched");
    this.#row = end;
    if (end === range.end) this.#range += 1;
    return this.#decoder.read(rows);
  }
}
