// Skipping rows that cannot be among the first N: once N rows are held, the N-th one's first key bounds the rest;
// and within a batch, a heap of the N best first keys bounds the batch.

import { scalarAt, type FlatVector, type Scalar } from "#columnar";
import { scalarComparator, type ScalarComparator } from "../values/index.ts";
import { comparableArrays, type KeyColumn } from "./sort-rows.ts";

/** Beyond this many rows the heap costs more than it saves. */
const MAX_HEAP_ROWS = 4096;
/** A batch with this many times N candidates is worth narrowing. */
const NARROW_FACTOR = 2;

/** What is known about the first N rows so far. */
export interface TopBound {
  readonly isKnown: boolean;
  /** States that the N-th row held is `row` of the key. */
  update(key: KeyColumn | undefined, row: number): void;
  /** Rows that may be among the first N; undefined when all may. Ascending. */
  candidates(keys: readonly KeyColumn[], rowCount: number): Int32Array | undefined;
}

function passingRows(rowCount: number, passes: (row: number) => boolean): Int32Array {
  const rows = new Int32Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) if (passes(i)) rows[count++] = i;
  return rows.subarray(0, count);
}

/** NaN and nulls always pass; the sort decides. */
function passingNumbers(
  values: Float64Array | Int32Array,
  validity: Uint8Array | undefined,
  bound: number,
  descending: boolean,
): Int32Array {
  const rows = new Int32Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    rows[count] = i;
    if (!(descending ? value < bound : value > bound) || (validity !== undefined && validity[i] === 0)) count++;
  }
  return rows.subarray(0, count);
}

/** The n-th smallest of the values, by a max-heap of n; there must be more than n. */
function nthSmallest(values: Float64Array, n: number): number {
  const heap = values.slice(0, n).toSorted().toReversed();
  // Sorted descending is a max-heap already.
  let top = heap[0] as number;
  for (let i = n; i < values.length; i++) {
    const value = values[i] as number;
    if (value >= top) continue;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= n) break;
      if (child + 1 < n && (heap[child + 1] as number) > (heap[child] as number)) child++;
      if ((heap[child] as number) <= value) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = value;
    top = heap[0] as number;
  }
  return top;
}

/** Bounds for the first N rows by some keys; only the first key is looked at. */
export function createTopBound(topRows: number): TopBound {
  let bound: Exclude<Scalar, null> | undefined;
  let compare: ScalarComparator | undefined;
  let entryVerdicts = new WeakMap<FlatVector, Uint8Array>();

  const verdictsOf = (dictionary: FlatVector, passes: (value: Scalar) => boolean): Uint8Array => {
    let verdicts = entryVerdicts.get(dictionary);
    if (verdicts === undefined) {
      verdicts = Uint8Array.from({ length: dictionary.length }, (_, i) => (passes(scalarAt(dictionary, i)) ? 1 : 0));
      entryVerdicts.set(dictionary, verdicts);
    }
    return verdicts;
  };

  const withinBound = ({ vector, descending }: KeyColumn, rowCount: number): Int32Array | undefined => {
    if (bound === undefined || compare === undefined || vector.encoding === "constant") return undefined;
    const limit = bound;
    const order = compare;
    const passes = (value: Scalar): boolean =>
      value === null || (descending ? order(value, limit) >= 0 : order(value, limit) <= 0);
    if (vector.encoding === "dictionary") {
      const verdicts = verdictsOf(vector.dictionary, passes);
      const { codes, validity } = vector;
      return passingRows(rowCount, (row) => validity?.[row] === 0 || verdicts[codes[row] as number] === 1);
    }
    const { values, validity } = vector;
    if ((values instanceof Float64Array || values instanceof Int32Array) && typeof limit === "number") {
      return passingNumbers(values, validity, limit, descending);
    }
    return passingRows(rowCount, (row) => passes(scalarAt(vector, row)));
  };

  /** Where the first key is numbers or codes, the batch's own N-th best narrows it. */
  const narrow = (key: KeyColumn, rows: Int32Array | undefined, rowCount: number): Int32Array | undefined => {
    const { vector } = key;
    if (topRows > MAX_HEAP_ROWS || (rows?.length ?? rowCount) <= topRows * NARROW_FACTOR) return rows;
    const isNumeric = vector.encoding === "flat" && !Array.isArray(vector.values);
    if (vector.encoding !== "dictionary" && !isNumeric) return rows;
    const [values, ...rest] = comparableArrays(key, rowCount);
    if (values === undefined || rest.length > 0) return rows;
    const limit = nthSmallest(values, topRows);
    return passingRows(rowCount, (row) => (values[row] as number) <= limit);
  };

  return {
    get isKnown() {
      return bound !== undefined;
    },
    update(key, row) {
      if (key === undefined) return;
      const value = scalarAt(key.vector, row);
      if (value === null || Number.isNaN(value)) return;
      compare ??= scalarComparator(key.vector.type);
      if (bound !== undefined && compare(value, bound) === 0) return;
      bound = value;
      entryVerdicts = new WeakMap();
    },
    candidates([key], rowCount) {
      if (key === undefined) return undefined;
      const rows = withinBound(key, rowCount);
      if (rows?.length === 0) return rows;
      return narrow(key, rows, rowCount);
    },
  };
}
