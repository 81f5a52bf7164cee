// Percentiles of numbers that come sorted: each group's size is known, so the places wanted are, and are read as the
// values pass.

import { vectorFromScalars, type Batch, type Vector } from "#columnar";
import { rowReader } from "../build.ts";
import { grownFloats } from "./accumulator.ts";
import { eachFraction } from "../../functions/percentile.ts";
import type { PercentileOptions } from "./percentiles.ts";
import { groupVector, type RowState } from "./row-state.ts";

/** Numbers and their groups; the numbers are negated where the order is descending. */
export interface KeptNumbers {
  readonly groups: Int32Array;
  readonly values: Float64Array;
}

interface Kept {
  byteSize(): number;
  take(): KeptNumbers;
}

/** The state of percentiles over numbers. */
export function sortedPercentiles(options: PercentileOptions, kept: Kept): RowState {
  let counts: Float64Array = new Float64Array(16);
  const { descending } = options;
  return {
    types: [{ kind: "float64" }],
    descending,
    get byteSize() {
      return kept.byteSize();
    },
    get takenBytes() {
      return kept.byteSize();
    },
    takeRows() {
      const { groups, values } = kept.take();
      if (groups.length === 0) return undefined;
      let greatest = 0;
      for (let i = 0; i < groups.length; i++) greatest = Math.max(greatest, groups[i] as number);
      counts = grownFloats(counts, greatest + 1);
      for (let i = 0; i < groups.length; i++) {
        const g = groups[i] as number;
        counts[g] = (counts[g] as number) + 1;
        if (descending) values[i] = -(values[i] as number);
      }
      const numbers: Vector = {
        encoding: "flat",
        type: { kind: "float64" },
        length: values.length,
        values,
        validity: undefined,
      };
      return { rowCount: groups.length, columns: [groupVector(groups, greatest > 0), numbers] };
    },
    async finishSorted(groupCount, sorted) {
      const sizes = counts.subarray(0, groupCount);
      const found = await readPlaces(sorted, placesWanted(options, sizes));
      let first = 0;
      const results = Array.from({ length: groupCount }, (_, g) => {
        const size = sizes[g] ?? 0;
        const start = first;
        first += size;
        return percentileAt(options, size, (rank) => found.get(start + rank) ?? Number.NaN);
      });
      return vectorFromScalars(options.type, results);
    },
  };
}

/** The percentile of `count` numbers in order. */
function percentileAt(
  { fraction, interpolate }: PercentileOptions,
  count: number,
  at: (rank: number) => number,
): ReturnType<typeof eachFraction> {
  if (count === 0) return null;
  return eachFraction(fraction, (value) => {
    if (!interpolate) return at(Math.max(Math.ceil(value * count), 1) - 1) + 0;
    const position = value * (count - 1);
    const below = Math.floor(position);
    const low = at(below);
    if (position === below) return low + 0;
    return low + (at(below + 1) - low) * (position - below) + 0;
  });
}

/** Places among all groups' numbers that are asked for, in order. */
function placesWanted(options: PercentileOptions, sizes: Float64Array): Float64Array {
  const wanted: number[] = [];
  let first = 0;
  for (const size of sizes) {
    const start = first;
    percentileAt(options, size, (rank) => {
      wanted.push(start + rank);
      return 0;
    });
    first += size;
  }
  return Float64Array.from(wanted).toSorted();
}

async function readPlaces(sorted: AsyncIterable<Batch>, wanted: Float64Array): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  let next = 0;
  let before = 0;
  for await (const { rowCount, columns } of sorted) {
    const read = rowReader(columns[1] as Vector);
    for (; next < wanted.length && (wanted[next] as number) < before + rowCount; next++) {
      const place = wanted[next] as number;
      found.set(place, Number(read(place - before)));
    }
    before += rowCount;
    if (next === wanted.length) break;
  }
  return found;
}
