// Percentiles of numbers and times: values in typed arrays, spread to their groups at the end, and found by
// selection; nothing is sorted unless several fractions are wanted.

import { vectorFromScalars, type DataType, type Scalar, type Vector } from "#columnar";
import { denseNumbers, type Accumulator } from "./accumulator.ts";
import { eachFraction } from "../../functions/percentile.ts";
import type { RowState } from "./row-state.ts";
import { sortedPercentiles, type KeptNumbers } from "./sorted-percentiles.ts";

const CHUNK_ROWS = 16_384;
/** Ranges this short are sorted outright. */
const SMALL_RANGE = 24;

/** Puts the value of rank `k` at `values[k]`, smaller ones before and greater ones after. No NaN in the range. */
export function selectRank(values: Float64Array, k: number, from: number, to: number): number {
  let left = from;
  let right = to - 1;
  while (right - left > SMALL_RANGE) {
    const middle = (left + right) >> 1;
    const a = values[left] as number;
    const b = values[middle] as number;
    const c = values[right] as number;
    const pivot = a < b ? (b < c ? b : a < c ? c : a) : a < c ? a : b < c ? c : b;
    let i = left;
    let j = right;
    while (i <= j) {
      while ((values[i] as number) < pivot) i++;
      while ((values[j] as number) > pivot) j--;
      if (i <= j) {
        const swapped = values[i] as number;
        values[i] = values[j] as number;
        values[j] = swapped;
        i++;
        j--;
      }
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else return values[k] as number;
  }
  values.subarray(left, right + 1).sort();
  return values[k] as number;
}

function smallest(values: Float64Array, from: number, to: number): number {
  let least = values[from] as number;
  for (let i = from + 1; i < to; i++) if ((values[i] as number) < least) least = values[i] as number;
  return least;
}

/** How a percentile reads its ordered values. */
export interface PercentileOptions {
  readonly type: DataType;
  readonly fraction: Scalar;
  /** Between neighbours (percentile_cont) or an actual value (percentile_disc). */
  readonly interpolate: boolean;
  readonly descending: boolean;
}

/**
 * percentile_cont, percentile_disc, median and approx_percentile over numbers. Memory: 12 bytes a row, which can be put
 * aside.
 */
export class NumberPercentileAccumulator implements Accumulator {
  readonly rowState: RowState;
  private readonly options: PercentileOptions;
  private readonly groups: Int32Array[] = [];
  private readonly values: Float64Array[] = [];
  private fill = CHUNK_ROWS;

  constructor(options: PercentileOptions) {
    this.options = options;
    eachFraction(options.fraction, () => null);
    this.rowState = sortedPercentiles(options, {
      byteSize: () => this.byteSize,
      take: () => this.take(),
    });
  }

  private take(): KeptNumbers {
    const chunks = this.groups.splice(0).map((groups, c, { length }) => {
      const count = c === length - 1 ? this.fill : CHUNK_ROWS;
      return { groups: groups.subarray(0, count), values: (this.values[c] as Float64Array).subarray(0, count) };
    });
    this.values.length = 0;
    this.fill = CHUNK_ROWS;
    const rowCount = chunks.reduce((sum, { groups }) => sum + groups.length, 0);
    const kept = { groups: new Int32Array(rowCount), values: new Float64Array(rowCount) };
    let at = 0;
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      kept.groups.set(chunk.groups, at);
      kept.values.set(chunk.values, at);
      at += chunk.groups.length;
    }
    return kept;
  }

  get byteSize(): number {
    return this.groups.length * CHUNK_ROWS * 12;
  }

  // State is by row, not by group.
  reserve(): void {}

  update(groups: Int32Array | undefined, args: readonly Vector[], rowCount: number): void {
    const vector = args[0];
    const dense = vector === undefined ? undefined : denseNumbers(vector);
    if (dense === undefined) return;
    const { values, validity } = dense;
    const sign = this.options.descending ? -1 : 1;
    let start = 0;
    while (start < rowCount) {
      if (this.fill === CHUNK_ROWS) {
        this.groups.push(new Int32Array(CHUNK_ROWS));
        this.values.push(new Float64Array(CHUNK_ROWS));
        this.fill = 0;
      }
      const chunkGroups = this.groups.at(-1) as Int32Array;
      const chunkValues = this.values.at(-1) as Float64Array;
      let { fill } = this;
      const end = Math.min(rowCount, start + CHUNK_ROWS - fill);
      for (let i = start; i < end; i++) {
        if (validity !== undefined && validity[i] === 0) continue;
        chunkGroups[fill] = groups === undefined ? 0 : (groups[i] as number);
        chunkValues[fill++] = (values[i] as number) * sign;
      }
      this.fill = fill;
      start = end;
    }
  }

  finish(groupCount: number): Vector {
    const ends = new Int32Array(groupCount + 1);
    const lengthOf = (chunk: number): number => (chunk === this.groups.length - 1 ? this.fill : CHUNK_ROWS);
    for (const [c, chunk] of this.groups.entries()) {
      const length = lengthOf(c);
      for (let i = 0; i < length; i++) {
        const g = (chunk[i] as number) + 1;
        ends[g] = (ends[g] as number) + 1;
      }
    }
    for (let g = 1; g <= groupCount; g++) ends[g] = (ends[g] as number) + (ends[g - 1] as number);
    const starts = ends.slice();
    const ordered = new Float64Array(ends[groupCount] as number);
    for (const [c, chunk] of this.groups.entries()) {
      const values = this.values[c] as Float64Array;
      const length = lengthOf(c);
      for (let i = 0; i < length; i++) {
        const g = chunk[i] as number;
        const at = starts[g] as number;
        ordered[at] = values[i] as number;
        starts[g] = at + 1;
      }
    }
    const results: Scalar[] = [];
    for (let g = 0; g < groupCount; g++) {
      results.push(this.resultOf(ordered.subarray(ends[g], ends[g + 1])));
    }
    return vectorFromScalars(this.options.type, results);
  }

  private resultOf(values: Float64Array): Scalar {
    const { fraction, interpolate, descending } = this.options;
    const count = values.length;
    if (count === 0) return null;
    // NaN is the greatest number: first when descending, last otherwise.
    const numbers = moveNaNs(values, descending);
    const at = (rank: number): number => {
      const k = rank - numbers.start;
      return k < 0 || k >= numbers.values.length ? Number.NaN : selectRank(numbers.values, k, 0, numbers.values.length);
    };
    const sign = descending ? -1 : 1;
    return eachFraction(fraction, (value) => {
      if (!interpolate) return at(Math.max(Math.ceil(value * count), 1) - 1) * sign + 0;
      const position = value * (count - 1);
      const below = Math.floor(position);
      const low = at(below);
      if (position === below) return low * sign + 0;
      const k = below + 1 - numbers.start;
      const high =
        k < numbers.values.length && k > 0 ? smallest(numbers.values, k, numbers.values.length) : at(below + 1);
      const from = low * sign;
      return from + (high * sign - from) * (position - below) + 0;
    });
  }
}

function moveNaNs(values: Float64Array, first: boolean): { values: Float64Array; start: number } {
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value === value) values[count++] = value;
  }
  return { values: values.subarray(0, count), start: first ? values.length - count : 0 };
}
