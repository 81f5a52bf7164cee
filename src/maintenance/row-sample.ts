// A sample of a stream of rows in bounded memory, the same whenever the same rows come in the same order.

import { batchByteSize, concatBatches, gatherBatch, type Batch } from "#columnar";

/** Bounds of a sample. */
export interface SampleLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** Collects a sample. */
export interface RowSample {
  add(batch: Batch): void;
  /** The rows sampled so far; undefined when there was none. */
  rows(): Batch | undefined;
}

/**
 * Starts a sample. A row is in it when a hash of its number is below a threshold, which is halved whenever the sample
 * outgrows its bounds: every row has the same chance, and no period of the data meets a period of the sample.
 *
 * Cost: memory of the bounds and one batch.
 */
export function createRowSample({ maxRows, maxBytes }: SampleLimits): RowSample {
  let threshold = 2 ** 32;
  let seen = 0;
  let kept: Batch | undefined;
  let hashes: number[] = [];

  function thin(): void {
    if (kept === undefined) return;
    threshold /= 2;
    const rows: number[] = [];
    hashes.forEach((hash, row) => {
      if (hash < threshold) rows.push(row);
    });
    hashes = rows.map((row) => hashes[row] as number);
    kept = gatherBatch(kept, Int32Array.from(rows));
  }

  return {
    add(batch) {
      const rows: number[] = [];
      for (let row = 0; row < batch.rowCount; row++) {
        const hash = hashOf(seen + row);
        if (hash >= threshold) continue;
        rows.push(row);
        hashes.push(hash);
      }
      seen += batch.rowCount;
      if (rows.length === 0) return;
      const added = gatherBatch(batch, Int32Array.from(rows));
      kept = kept === undefined ? added : concatBatches([kept, added]);
      while (kept.rowCount > 1 && (kept.rowCount > maxRows || batchByteSize(kept) > maxBytes)) thin();
    },
    rows: () => kept,
  };
}

/** The finalizer of MurmurHash3: every bit of the number changes half of the hash's. */
function hashOf(row: number): number {
  let hash = (row ^ Math.floor(row / 2 ** 32)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
