// count(*), count(x) and count_if(x).

import type { Vector } from "#columnar";
import { isNullAt } from "#columnar";
import { TRUE, triStates } from "../tri-state.ts";
import { grownFloats, type Accumulator } from "./accumulator.ts";

/** What makes a row count. */
export type CountMode = "rows" | "present" | "true";

/** Counts rows, rows with a value, or rows with a true value. */
export class CountAccumulator implements Accumulator {
  private counts: Float64Array = new Float64Array(16);
  private readonly mode: CountMode;

  constructor(mode: CountMode) {
    this.mode = mode;
  }

  get byteSize(): number {
    return this.counts.byteLength;
  }

  reserve(groupCount: number): void {
    this.counts = grownFloats(this.counts, groupCount);
  }

  update(groups: Int32Array | undefined, args: readonly Vector[], rowCount: number): void {
    const present = this.presence(args[0], rowCount);
    if (present === "none") return;
    const { counts } = this;
    if (present === "all") {
      if (groups === undefined) counts[0] = (counts[0] as number) + rowCount;
      else countGroups(counts, groups, rowCount);
      return;
    }
    if (groups === undefined) {
      let total = 0;
      for (let i = 0; i < rowCount; i++) total += present[i] === TRUE ? 1 : 0;
      counts[0] = (counts[0] as number) + total;
      return;
    }
    for (let i = 0; i < rowCount; i++) {
      if (present[i] === TRUE) counts[groups[i] as number] = (counts[groups[i] as number] as number) + 1;
    }
  }

  updateCounted(groups: Int32Array | undefined, args: readonly Vector[], rowCount: number, times: Int32Array): void {
    const present = this.presence(args[0], rowCount);
    if (present === "none") return;
    const { counts } = this;
    for (let i = 0; i < rowCount; i++) {
      if (present !== "all" && present[i] !== TRUE) continue;
      const group = groups === undefined ? 0 : (groups[i] as number);
      counts[group] = (counts[group] as number) + (times[i] as number);
    }
  }

  private presence(vector: Vector | undefined, rowCount: number): "all" | "none" | Uint8Array {
    if (this.mode === "rows" || vector === undefined) return "all";
    if (this.mode === "true") return triStates(vector, rowCount);
    if (vector.type.kind === "null") return "none";
    if (vector.encoding === "constant") return vector.value === null ? "none" : "all";
    const { validity } = vector;
    if (vector.encoding === "dictionary" && vector.dictionary.validity !== undefined) {
      const present = new Uint8Array(rowCount);
      const { codes, dictionary } = vector;
      for (let i = 0; i < rowCount; i++) {
        present[i] = validity?.[i] === 0 || isNullAt(dictionary, codes[i] as number) ? 0 : 1;
      }
      return present;
    }
    return validity ?? "all";
  }

  finish(groupCount: number): Vector {
    return {
      encoding: "flat",
      type: { kind: "int64" },
      length: groupCount,
      values: this.counts.slice(0, groupCount),
      validity: undefined,
    };
  }
}

function countGroups(counts: Float64Array, groups: Int32Array, rowCount: number): void {
  for (let i = 0; i < rowCount; i++) {
    const g = groups[i] as number;
    counts[g] = (counts[g] as number) + 1;
  }
}
