// sum and avg. Integers are exact: a double while the sum is below 2^52, a bigint beyond.

import {
  decimalVector,
  vectorFromScalars,
  type DataType,
  type Decimal,
  type Interval,
  type Scalar,
  type Vector,
} from "#columnar";
import { divideDecimals, integerToDecimal } from "../../values/decimal.ts";
import { addIntervals, divideInterval } from "../../values/interval.ts";
import { bigintToInt64 } from "../../values/number-text.ts";
import { rowReader } from "../build.ts";
import { denseNumbers, grownFloats, groupsOrZero, type Accumulator, type SumAccumulator } from "./accumulator.ts";

/** Sums stay exact doubles below this; a rounded result below it is the true one. */
const EXACT_LIMIT = 2 ** 52;

/** Where sums would outgrow exact doubles, all of them are looked at only when they are at most so many a row. */
const MAX_GROUPS_A_ROW = 4;

/** The greatest absolute value. */
function greatestOf(values: Float64Array | Int32Array | Uint8Array, rowCount: number): number {
  let least = 0;
  let greatest = 0;
  for (let i = 0; i < rowCount; i++) {
    const value = values[i] as number;
    if (value < least) least = value;
    else if (value > greatest) greatest = value;
  }
  return Math.max(-least, greatest);
}

/** Exact integer sums by group. */
export class IntegerSums {
  sums: Float64Array = new Float64Array(16);
  counts: Float64Array = new Float64Array(16);
  /** No sum is greater than this. */
  private bound = 0;
  private readonly spilled = new Map<number, bigint>();

  /** Bytes held. */
  get byteSize(): number {
    return this.sums.byteLength * 2 + this.spilled.size * 64;
  }

  /** Makes room for groups. */
  reserve(groupCount: number): void {
    this.sums = grownFloats(this.sums, groupCount);
    this.counts = grownFloats(this.counts, groupCount);
  }

  /** Adds one value that may be anything from the int64 range. */
  add(group: number, value: number | bigint): void {
    this.counts[group] = (this.counts[group] as number) + 1;
    const total = (this.sums[group] as number) + Number(value);
    if (typeof value === "number" && total < EXACT_LIMIT && total > -EXACT_LIMIT) {
      this.sums[group] = total;
      if (total > this.bound || -total > this.bound) this.bound = Math.abs(total);
    } else this.spill(group, BigInt(value));
  }

  private spill(group: number, value: bigint): void {
    const exact = BigInt(this.sums[group] as number) + value;
    this.spilled.set(group, (this.spilled.get(group) ?? 0n) + exact);
    this.sums[group] = 0;
  }

  /** Adds rows of integers. */
  update(groups: Int32Array | undefined, vector: Vector, rowCount: number): void {
    const dense = denseNumbers(vector);
    if (dense === undefined) {
      const read = rowReader(vector);
      for (let i = 0; i < rowCount; i++) {
        const value = read(i);
        if (value !== null) this.add(groups?.[i] ?? 0, value as number | bigint);
      }
      return;
    }
    this.addRows(groups, dense.values, dense.validity, rowCount);
  }

  /** Adds rows of safe integers in a typed array. */
  addRows(
    groups: Int32Array | undefined,
    values: Float64Array | Int32Array | Uint8Array,
    validity: Uint8Array | undefined,
    rowCount: number,
  ): void {
    if (groups === undefined && validity === undefined) this.updateSingle(values, rowCount);
    else if (validity === undefined && this.makeRoom(greatestOf(values, rowCount) * rowCount, rowCount)) {
      this.addGroups(groupsOrZero(groups, rowCount), values, rowCount);
    } else this.updateGroups(groupsOrZero(groups, rowCount), values, validity, rowCount);
  }

  /** Adds rows that are entries of a list, by their numbers; false, with nothing added, where a sum could grow too large. */
  addCoded(groups: Int32Array | undefined, entries: Float64Array, codes: Int32Array, rowCount: number): boolean {
    if (!this.makeRoom(greatestOf(entries, entries.length) * rowCount, rowCount)) return false;
    const of = groupsOrZero(groups, rowCount);
    const { sums, counts } = this;
    for (let i = 0; i < rowCount; i++) {
      const g = of[i] as number;
      sums[g] = (sums[g] as number) + (entries[codes[i] as number] as number);
      counts[g] = (counts[g] as number) + 1;
    }
    return true;
  }

  /** Whether every sum may grow by so much and stay an exact integer; large sums are put aside for it where that pays. */
  private makeRoom(growth: number, rowCount: number): boolean {
    if (this.bound + growth > Number.MAX_SAFE_INTEGER) {
      if (growth > EXACT_LIMIT || this.sums.length > rowCount * MAX_GROUPS_A_ROW) return false;
      this.bound = 0;
      for (let group = 0; group < this.sums.length; group++) {
        const sum = Math.abs(this.sums[group] as number);
        if (sum >= EXACT_LIMIT) this.spill(group, 0n);
        else if (sum > this.bound) this.bound = sum;
      }
    }
    this.bound += growth;
    return true;
  }

  /** Adds rows none of which can make a sum too large. */
  private addGroups(groups: Int32Array, values: Float64Array | Int32Array | Uint8Array, rowCount: number): void {
    const { sums, counts } = this;
    for (let i = 0; i < rowCount; i++) {
      const g = groups[i] as number;
      sums[g] = (sums[g] as number) + (values[i] as number);
      counts[g] = (counts[g] as number) + 1;
    }
  }

  private updateSingle(values: Float64Array | Int32Array | Uint8Array, rowCount: number): void {
    let total = this.sums[0] as number;
    for (let i = 0; i < rowCount; i++) {
      const next = total + (values[i] as number);
      if (next < EXACT_LIMIT && next > -EXACT_LIMIT) total = next;
      else {
        this.sums[0] = total;
        this.spill(0, BigInt(values[i] as number));
        total = 0;
      }
    }
    this.sums[0] = total;
    this.bound = EXACT_LIMIT;
    this.counts[0] = (this.counts[0] as number) + rowCount;
  }

  private updateGroups(
    groups: Int32Array,
    values: Float64Array | Int32Array | Uint8Array,
    validity: Uint8Array | undefined,
    rowCount: number,
  ): void {
    const { sums, counts } = this;
    this.bound = Number.MAX_SAFE_INTEGER;
    for (let i = 0; i < rowCount; i++) {
      if (validity !== undefined && validity[i] === 0) continue;
      const g = groups[i] as number;
      const next = (sums[g] as number) + (values[i] as number);
      if (next < EXACT_LIMIT && next > -EXACT_LIMIT) sums[g] = next;
      else this.spill(g, BigInt(values[i] as number));
      counts[g] = (counts[g] as number) + 1;
    }
  }

  /** The sums of groups as doubles; undefined where one is none. Ownership: the caller's. */
  safeSums(groupCount: number): Float64Array | undefined {
    return this.spilled.size > 0 ? undefined : this.sums.slice(0, groupCount);
  }

  /** 1 for each group that has a value; undefined when all have. */
  present(groupCount: number): Uint8Array | undefined {
    let validity: Uint8Array | undefined;
    for (let group = 0; group < groupCount; group++) {
      if (this.counts[group] !== 0) continue;
      validity ??= new Uint8Array(groupCount).fill(1);
      validity[group] = 0;
    }
    return validity;
  }

  /** The exact sum of a group. */
  sumOf(group: number): number | bigint {
    const rest = this.spilled.get(group);
    return rest === undefined ? (this.sums[group] as number) : rest + BigInt(this.sums[group] as number);
  }
}

/** sum or avg of integers: int8 or numeric. */
export class IntegerSumAccumulator implements SumAccumulator {
  private readonly state = new IntegerSums();
  private readonly type: DataType;
  private readonly average: boolean;

  constructor(type: DataType, average: boolean) {
    this.type = type;
    this.average = average;
  }

  get byteSize(): number {
    return this.state.byteSize;
  }

  reserve(groupCount: number): void {
    this.state.reserve(groupCount);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector !== undefined) this.state.update(groups, vector, rowCount);
  }

  finish(groupCount: number): Vector {
    return this.finishAs(this.type, this.average, groupCount);
  }

  finishAs(type: DataType, average: boolean, groupCount: number): Vector {
    const { state } = this;
    const sums = average ? undefined : state.safeSums(groupCount);
    if (sums !== undefined) {
      const validity = state.present(groupCount);
      if (type.kind === "decimal") return decimalVector(type, { unscaled: sums, scale: 0 }, validity);
      return { encoding: "flat", type, length: groupCount, values: sums, validity };
    }
    const results: Scalar[] = [];
    for (let g = 0; g < groupCount; g++) {
      const count = state.counts[g] as number;
      if (count === 0) {
        results.push(null);
        continue;
      }
      const sum = state.sumOf(g);
      if (average) results.push(divideDecimals(integerToDecimal(sum), integerToDecimal(count)));
      else results.push(type.kind === "decimal" ? integerToDecimal(sum) : bigintToInt64(BigInt(sum)));
    }
    return vectorFromScalars(type, results);
  }
}

/** sum or avg of floats. */
export class FloatSumAccumulator implements SumAccumulator {
  private sums: Float64Array = new Float64Array(16);
  private counts: Float64Array = new Float64Array(16);
  private readonly type: DataType;
  private readonly average: boolean;

  constructor(type: DataType, average: boolean) {
    this.type = type;
    this.average = average;
  }

  get byteSize(): number {
    return this.sums.byteLength * 2;
  }

  reserve(groupCount: number): void {
    this.sums = grownFloats(this.sums, groupCount);
    this.counts = grownFloats(this.counts, groupCount);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    const dense = vector === undefined ? undefined : denseNumbers(vector);
    if (dense === undefined) return;
    const { values, validity } = dense;
    const { sums, counts } = this;
    if (groups === undefined && validity === undefined) {
      let total = sums[0] as number;
      for (let i = 0; i < rowCount; i++) total += values[i] as number;
      sums[0] = total;
      counts[0] = (counts[0] as number) + rowCount;
      return;
    }
    const of = groupsOrZero(groups, rowCount);
    for (let i = 0; i < rowCount; i++) {
      if (validity !== undefined && validity[i] === 0) continue;
      const g = of[i] as number;
      sums[g] = (sums[g] as number) + (values[i] as number);
      counts[g] = (counts[g] as number) + 1;
    }
  }

  finish(groupCount: number): Vector {
    return this.finishAs(this.type, this.average, groupCount);
  }

  finishAs(type: DataType, average: boolean, groupCount: number): Vector {
    const values = new Float64Array(groupCount);
    const validity = new Uint8Array(groupCount).fill(1);
    for (let g = 0; g < groupCount; g++) {
      const count = this.counts[g] as number;
      const sum = this.sums[g] as number;
      if (count === 0) validity[g] = 0;
      else if (average) values[g] = sum / count;
      else values[g] = type.kind === "float32" ? Math.fround(sum) : sum;
    }
    return { encoding: "flat", type, length: groupCount, values, validity };
  }
}

/** A sum of values that only their own type can add: numeric and interval. */
export class ObjectSumAccumulator<T extends Decimal | Interval> implements Accumulator {
  private readonly sums: (T | undefined)[] = [];
  private counts: Float64Array = new Float64Array(16);
  private readonly type: DataType;
  private readonly add: (a: T, b: T) => T;
  private readonly divide: ((sum: T, count: number) => T) | undefined;

  constructor(type: DataType, add: (a: T, b: T) => T, divide: ((sum: T, count: number) => T) | undefined) {
    this.type = type;
    this.add = add;
    this.divide = divide;
  }

  get byteSize(): number {
    return this.sums.length * 96 + this.counts.byteLength;
  }

  reserve(groupCount: number): void {
    this.counts = grownFloats(this.counts, groupCount);
    while (this.sums.length < groupCount) this.sums.push(undefined);
  }

  /** Gives a group its sum so far. */
  set(group: number, sum: T, count: number): void {
    this.sums[group] = sum;
    this.counts[group] = count;
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector === undefined) return;
    const read = rowReader(vector);
    for (let i = 0; i < rowCount; i++) {
      const value = read(i);
      if (value === null) continue;
      const g = groups?.[i] ?? 0;
      const sum = this.sums[g];
      this.sums[g] = sum === undefined ? (value as T) : this.add(sum, value as T);
      this.counts[g] = (this.counts[g] as number) + 1;
    }
  }

  finish(groupCount: number): Vector {
    return this.finishWith(this.divide, groupCount);
  }

  /** The sum of each group, divided by the number of its values where that is asked for. */
  finishWith(divide: ((sum: T, count: number) => T) | undefined, groupCount: number): Vector {
    const results: Scalar[] = [];
    for (let g = 0; g < groupCount; g++) {
      const sum = this.sums[g];
      if (sum === undefined) results.push(null);
      else results.push(divide === undefined ? sum : divide(sum, this.counts[g] as number));
    }
    return vectorFromScalars(this.type, results);
  }
}

/** sum or avg of intervals. */
export function createIntervalSum(type: DataType, average: boolean): Accumulator {
  return new ObjectSumAccumulator<Interval>(type, addIntervals, average ? divideInterval : undefined);
}
