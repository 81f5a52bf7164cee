// min, max, any_value, first, last, min_by, max_by, bool_and, bool_or and the bitwise aggregates.

import { vectorFromScalars, type DataType, type Scalar, type Vector } from "#columnar";
import { bigintToInt64 } from "../../values/number-text.ts";
import { scalarComparator, type ScalarComparator } from "../../values/index.ts";
import { rowReader } from "../build.ts";
import { denseNumbers, grownBytes, grownFloats, groupsOrZero, type Accumulator } from "./accumulator.ts";

/** min or max of numbers and times in typed arrays; NaN is the largest. Big integers are kept aside. */
export class NumberExtremeAccumulator implements Accumulator {
  private best: Float64Array = new Float64Array(16);
  private seen: Uint8Array = new Uint8Array(16);
  private readonly big = new Map<number, bigint>();
  private readonly type: DataType;
  private readonly wantsMax: boolean;

  constructor(type: DataType, wantsMax: boolean) {
    this.type = type;
    this.wantsMax = wantsMax;
  }

  get byteSize(): number {
    return this.best.byteLength + this.seen.byteLength + this.big.size * 64;
  }

  reserve(groupCount: number): void {
    this.best = grownFloats(this.best, groupCount);
    this.seen = grownBytes(this.seen, groupCount);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector === undefined) return;
    const dense = denseNumbers(vector);
    if (dense === undefined) {
      this.updateBig(groups, vector, rowCount);
      return;
    }
    const { values, validity } = dense;
    if (groups === undefined && validity === undefined && rowCount > 0) {
      this.updateSingle(values, rowCount);
      return;
    }
    const of = groupsOrZero(groups, rowCount);
    const { best, seen, wantsMax } = this;
    for (let i = 0; i < rowCount; i++) {
      if (validity !== undefined && validity[i] === 0) continue;
      const g = of[i] as number;
      const value = values[i] as number;
      const current = best[g] as number;
      // NaN compares false, so the negated forms put it above everything.
      if (
        seen[g] === 0 ||
        (wantsMax ? !(value <= current) && current === current : value < current || current !== current)
      ) {
        best[g] = value;
        seen[g] = 1;
      }
    }
  }

  private updateSingle(values: Float64Array | Int32Array | Uint8Array, rowCount: number): void {
    let current = this.seen[0] === 1 ? (this.best[0] as number) : (values[0] as number);
    if (this.wantsMax) {
      for (let i = 0; i < rowCount; i++) {
        const value = values[i] as number;
        if (!(value <= current) && current === current) current = value;
      }
    } else {
      for (let i = 0; i < rowCount; i++) {
        const value = values[i] as number;
        if (value < current || current !== current) current = value;
      }
    }
    this.best[0] = current;
    this.seen[0] = 1;
  }

  private updateBig(groups: Int32Array | undefined, vector: Vector, rowCount: number): void {
    const read = rowReader(vector);
    for (let i = 0; i < rowCount; i++) {
      const value = read(i);
      if (value === null) continue;
      const g = groups?.[i] ?? 0;
      if (typeof value !== "bigint") {
        const current = this.best[g] as number;
        if (this.seen[g] === 0 || (this.wantsMax ? (value as number) > current : (value as number) < current)) {
          this.best[g] = value as number;
          this.seen[g] = 1;
        }
        continue;
      }
      const current = this.big.get(g);
      if (current === undefined || (this.wantsMax ? value > current : value < current)) this.big.set(g, value);
    }
  }

  finish(groupCount: number): Vector {
    const isBoolean = this.type.kind === "boolean";
    const results: Scalar[] = [];
    for (let g = 0; g < groupCount; g++) {
      const small = this.seen[g] === 1 ? (this.best[g] as number) : undefined;
      const big = this.big.get(g);
      let result: number | bigint | null = small ?? big ?? null;
      if (small !== undefined && big !== undefined) {
        result = big > BigInt(small) === this.wantsMax ? big : small;
      }
      results.push(isBoolean && result !== null ? result === 1 : result);
    }
    return vectorFromScalars(this.type, results);
  }
}

/** Keeps one value a group, replaced when a later one is preferred. */
export class ChosenAccumulator implements Accumulator {
  private readonly chosen: Scalar[] = [];
  private readonly ranks: Scalar[] = [];
  private seen: Uint8Array = new Uint8Array(16);
  private readonly type: DataType;
  private readonly prefer: (candidate: Scalar, current: Scalar) => boolean;
  private readonly skipNulls: boolean;

  /** With a second argument, that one decides and the first is kept; otherwise the value decides. */
  constructor(type: DataType, prefer: (candidate: Scalar, current: Scalar) => boolean, skipNulls: boolean) {
    this.type = type;
    this.prefer = prefer;
    this.skipNulls = skipNulls;
  }

  get byteSize(): number {
    return this.chosen.length * 64 + this.seen.byteLength;
  }

  reserve(groupCount: number): void {
    this.seen = grownBytes(this.seen, groupCount);
    while (this.chosen.length < groupCount) {
      this.chosen.push(null);
      this.ranks.push(null);
    }
  }

  update(groups: Int32Array | undefined, [value, rank]: readonly Vector[], rowCount: number): void {
    if (value === undefined) return;
    const readValue = rowReader(value);
    const readRank = rank === undefined ? readValue : rowReader(rank);
    for (let i = 0; i < rowCount; i++) {
      const candidate = readRank(i);
      if (candidate === null && this.skipNulls) continue;
      const g = groups?.[i] ?? 0;
      const current = this.ranks[g] ?? null;
      if (this.seen[g] === 1 && (Object.is(candidate, current) || !this.prefer(candidate, current))) continue;
      this.seen[g] = 1;
      this.ranks[g] = candidate;
      this.chosen[g] = rank === undefined ? candidate : readValue(i);
    }
  }

  finish(groupCount: number): Vector {
    return vectorFromScalars(this.type, this.chosen.slice(0, groupCount));
  }
}

const NUMERIC_KINDS = new Set([
  "boolean",
  "int16",
  "int32",
  "int64",
  "float32",
  "float64",
  "date",
  "time",
  "timestamp",
]);

/** min or max of any type. */
export function createExtreme(argType: DataType, wantsMax: boolean): Accumulator {
  if (NUMERIC_KINDS.has(argType.kind)) return new NumberExtremeAccumulator(argType, wantsMax);
  const compare = scalarComparator(argType);
  return new ChosenAccumulator(argType, preferBy(compare, wantsMax), true);
}

/** Prefers the greater or the smaller; the first of equals stays. */
export function preferBy(compare: ScalarComparator, wantsMax: boolean): (a: Scalar, b: Scalar) => boolean {
  return wantsMax ? (a, b) => compare(a, b) > 0 : (a, b) => compare(a, b) < 0;
}

/** Folds the values of a group with an associative function: bool_and, bit_or and so on. */
export class FoldAccumulator implements Accumulator {
  private readonly results: Scalar[] = [];
  private readonly type: DataType;
  private readonly fold: (a: Exclude<Scalar, null>, b: Exclude<Scalar, null>) => Scalar;

  constructor(type: DataType, fold: (a: Exclude<Scalar, null>, b: Exclude<Scalar, null>) => Scalar) {
    this.type = type;
    this.fold = fold;
  }

  get byteSize(): number {
    return this.results.length * 16;
  }

  reserve(groupCount: number): void {
    while (this.results.length < groupCount) this.results.push(null);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector === undefined) return;
    const read = rowReader(vector);
    for (let i = 0; i < rowCount; i++) {
      const value = read(i);
      if (value === null) continue;
      const g = groups?.[i] ?? 0;
      const current = this.results[g] ?? null;
      this.results[g] = current === null ? value : this.fold(current, value);
    }
  }

  finish(groupCount: number): Vector {
    return vectorFromScalars(this.type, this.results.slice(0, groupCount));
  }
}

/** The bitwise aggregates by name. */
export function createBitFold(name: "bit_and" | "bit_or" | "bit_xor", type: DataType): Accumulator {
  return new FoldAccumulator(type, (a, b) => {
    const x = BigInt(a as number | bigint);
    const y = BigInt(b as number | bigint);
    return bigintToInt64(name === "bit_and" ? x & y : name === "bit_or" ? x | y : x ^ y);
  });
}
