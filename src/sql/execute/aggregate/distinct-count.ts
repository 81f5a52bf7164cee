// count(DISTINCT …): pairs of group and value get dense ids, and each new pair counts one.

import { gather, type Batch, type DataType, type Vector } from "#columnar";
import { PairTable } from "../pair-table.ts";
import { RowEncoder } from "../row-encoder.ts";
import { grownFloats, type Accumulator } from "./accumulator.ts";
import { groupVector, type RowState } from "./row-state.ts";
import { sortedDistinctCount } from "./sorted-distinct.ts";

/** Counts distinct non-null values by group; with several arguments, distinct rows that have no null. */
export class DistinctCountAccumulator implements Accumulator {
  readonly rowState: RowState;
  private values: RowEncoder;
  private pairs = new PairTable();
  private counts: Float64Array = new Float64Array(16);
  private groupCount = 1;
  /** Without groups, a value counts when its id was not seen as a non-null one before. */
  private seen: Uint8Array = new Uint8Array(1024);
  private readonly argCount: number;

  constructor(argTypes: readonly DataType[]) {
    this.values = new RowEncoder(argTypes);
    this.argCount = argTypes.length;
    this.rowState = sortedDistinctCount(argTypes, {
      byteSize: () => this.values.byteSize + this.pairs.byteSize + this.seen.byteLength,
      take: () => this.take(),
    });
  }

  /** The pairs of group and value, out of memory. */
  private take(): Batch {
    const { values, pairs, seen } = this;
    const isGrouped = pairs.count > 0;
    const ids = isGrouped ? pairs.rights.subarray(0, pairs.count) : seenIds(seen, values.count);
    const groups = isGrouped ? pairs.lefts.subarray(0, pairs.count) : new Int32Array(ids.length);
    const columns = values.decode().map((column) => gather(column, ids));
    this.values = new RowEncoder(this.rowState.types);
    this.pairs = new PairTable();
    this.seen = new Uint8Array(1024);
    this.counts.fill(0);
    return { rowCount: ids.length, columns: [groupVector(groups, isGrouped), ...columns] };
  }

  get byteSize(): number {
    return this.values.byteSize + this.pairs.byteSize + this.counts.byteLength + this.seen.byteLength;
  }

  reserve(groupCount: number): void {
    this.groupCount = Math.max(this.groupCount, groupCount);
    this.counts = grownFloats(this.counts, groupCount);
  }

  update(groups: Int32Array | undefined, args: readonly Vector[], rowCount: number): void {
    const values = args.slice(0, this.argCount);
    const rejectNulls = values.map(() => true);
    const ids = this.values.encode(values, rowCount, true, rejectNulls);
    if (groups === undefined) this.countSingle(ids, rowCount);
    else this.countGroups(groups, ids, rowCount);
  }

  private countSingle(ids: Int32Array, rowCount: number): void {
    const limit = this.values.count;
    if (this.seen.length < limit) {
      const grown = new Uint8Array(Math.max(limit, this.seen.length * 2));
      grown.set(this.seen);
      this.seen = grown;
    }
    const { seen } = this;
    let added = 0;
    for (let i = 0; i < rowCount; i++) {
      const id = ids[i] as number;
      if (id >= 0 && seen[id] === 0) {
        seen[id] = 1;
        added++;
      }
    }
    this.counts[0] = (this.counts[0] as number) + added;
  }

  private countGroups(groups: Int32Array, ids: Int32Array, rowCount: number): void {
    let kept = rowCount;
    let ofGroups = groups;
    let ofIds = ids;
    if (ids.some((id) => id < 0)) {
      ofGroups = new Int32Array(rowCount);
      ofIds = new Int32Array(rowCount);
      kept = 0;
      for (let i = 0; i < rowCount; i++) {
        if ((ids[i] as number) < 0) continue;
        ofGroups[kept] = groups[i] as number;
        ofIds[kept++] = ids[i] as number;
      }
    }
    const before = this.pairs.count;
    const out = new Int32Array(kept);
    this.pairs.encode(ofGroups, ofIds, kept, this.groupCount, this.values.count, true, out);
    const { lefts, count } = this.pairs;
    for (let id = before; id < count; id++) {
      const g = lefts[id] as number;
      this.counts[g] = (this.counts[g] as number) + 1;
    }
  }

  finish(groupCount: number): Vector {
    const values = new Float64Array(groupCount);
    values.set(this.counts.subarray(0, groupCount));
    return { encoding: "flat", type: { kind: "int64" }, length: groupCount, values, validity: undefined };
  }
}

/** Ids that were seen. */
function seenIds(seen: Uint8Array, limit: number): Int32Array {
  const ids = new Int32Array(limit);
  let count = 0;
  for (let id = 0; id < limit; id++) if (seen[id] === 1) ids[count++] = id;
  return ids.subarray(0, count);
}
