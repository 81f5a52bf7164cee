// Where selections are written before it is known how many rows they have.

/** Row numbers in ascending order; undefined stands for every row of the batch. */
export type Selection = Int32Array | undefined;

let scratch = new Int32Array(1 << 15);

/** Room for `count` rows. Ownership: until the next call; what is kept of it goes through {@link keepRows}. */
export function rowScratch(count: number): Int32Array {
  if (count > scratch.length) scratch = new Int32Array(count);
  return scratch;
}

/** The first `kept` rows written to `written`, as a selection; `from` is the selection of `count` rows they came from. */
export function keepRows(written: Int32Array, kept: number, from: Selection, count: number): Selection {
  return kept === count ? from : written.slice(0, kept);
}

/** Those of the first `count` rows that are not null; moved to the front. */
export function dropNulls(rows: Int32Array, count: number, validity: Uint8Array): number {
  let n = 0;
  for (let k = 0; k < count; k++) {
    const row = rows[k] as number;
    rows[n] = row;
    if (validity[row] !== 0) n++;
  }
  return n;
}

/** The rows that `inner`, which selects from the rows `rows`, stands for. */
export function composeRows(rows: Int32Array, inner: Selection): Int32Array {
  if (inner === undefined) return rows;
  const out = new Int32Array(inner.length);
  for (let k = 0; k < out.length; k++) out[k] = rows[inner[k] as number] as number;
  return out;
}
