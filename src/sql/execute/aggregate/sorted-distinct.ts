// count(DISTINCT …) of pairs that come sorted: each that differs from the one before counts.

import { concatBatches, sliceBatch, type Batch, type DataType, type Vector } from "#columnar";
import { createMergeComparator, mergeKeysOf, type MergeKeys } from "../spill/merge-keys.ts";
import { rowReader } from "../build.ts";
import type { RowState } from "./row-state.ts";

interface Kept {
  byteSize(): number;
  /** Pairs of group and value, each once. */
  take(): Batch;
}

/** The state of count(DISTINCT …) over arguments of some types. */
export function sortedDistinctCount(types: readonly DataType[], kept: Kept): RowState {
  const order = { descending: false, nullsFirst: false };
  const keysOf = ({ columns, rowCount }: Batch): MergeKeys =>
    mergeKeysOf(
      columns.map((vector) => ({ vector, ...order })),
      rowCount,
    );
  const compare = createMergeComparator([{ kind: "int32" } as const, ...types].map((type) => ({ type, ...order })));
  return {
    types,
    descending: false,
    get byteSize() {
      return kept.byteSize();
    },
    // Tables have room to grow, and places beside their values.
    get takenBytes() {
      return kept.byteSize() / 2;
    },
    takeRows() {
      const pairs = kept.take();
      return pairs.rowCount === 0 ? undefined : pairs;
    },
    async finishSorted(groupCount, sorted) {
      const values = new Float64Array(groupCount);
      let last: Batch | undefined;
      for await (const batch of sorted) {
        // The last pair of the batch before stands before the first of this one.
        const pairs = last === undefined ? batch : concatBatches([last, batch]);
        const groupOf = rowReader(pairs.columns[0] as Vector);
        const keys = keysOf(pairs);
        for (let row = last === undefined ? 0 : 1; row < pairs.rowCount; row++) {
          if (row > 0 && compare(keys, row, keys, row - 1) === 0) continue;
          const group = Number(groupOf(row));
          values[group] = (values[group] as number) + 1;
        }
        last = sliceBatch(batch, batch.rowCount - 1, batch.rowCount);
      }
      return { encoding: "flat", type: { kind: "int64" }, length: groupCount, values, validity: undefined };
    },
  };
}
