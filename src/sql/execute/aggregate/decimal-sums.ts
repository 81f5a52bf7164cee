// sum, avg, min and max of numeric: over plain numbers while all values share a scale, over objects from the first that
// does not on.

import {
  decimalBlockOf,
  decimalVector,
  flattenVector,
  vectorFromScalars,
  type DataType,
  type Decimal,
  type Scalar,
  type Vector,
} from "#columnar";
import { scalarComparator } from "../../values/index.ts";
import { addDecimals, divideDecimals, integerToDecimal } from "../../values/decimal.ts";
import { grownBytes, grownFloats, groupsOrZero, type Accumulator, type SumAccumulator } from "./accumulator.ts";
import { ChosenAccumulator, preferBy } from "./extremes.ts";
import { IntegerSums, ObjectSumAccumulator } from "./sums.ts";

/** Rows as integers of one scale. */
interface ScaledRows {
  readonly unscaled: Float64Array;
  readonly validity: Uint8Array | undefined;
  readonly scale: number;
}

/** The rows as integers; undefined when they are not compact. */
function scaledRows(vector: Vector): ScaledRows | undefined {
  if (vector.encoding === "dictionary" && decimalBlockOf(vector.dictionary) === undefined) return undefined;
  const flat = flattenVector(vector);
  const block = decimalBlockOf(flat);
  return block === undefined ? undefined : { ...block, validity: flat.validity };
}

const divide = (sum: Decimal, count: number): Decimal => divideDecimals(sum, integerToDecimal(count));

/** sum or avg of numeric. */
export class DecimalSumAccumulator implements SumAccumulator {
  private readonly numbers = new IntegerSums();
  private readonly type: DataType;
  private readonly average: boolean;
  /** Of the values so far; -1 before the first. */
  private scale = -1;
  private groupCount = 0;
  private objects: ObjectSumAccumulator<Decimal> | undefined;

  constructor(type: DataType, average: boolean) {
    this.type = type;
    this.average = average;
  }

  get byteSize(): number {
    return this.numbers.byteSize + (this.objects?.byteSize ?? 0);
  }

  reserve(groupCount: number): void {
    this.groupCount = groupCount;
    if (this.objects === undefined) this.numbers.reserve(groupCount);
    else this.objects.reserve(groupCount);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector === undefined || (vector.encoding === "constant" && vector.value === null)) return;
    if (this.addEntries(groups, vector, rowCount)) return;
    const rows = this.objects === undefined ? scaledRows(vector) : undefined;
    if (rows === undefined || (this.scale >= 0 && rows.scale !== this.scale)) {
      this.objects ??= this.toObjects();
      this.objects.update(groups, [vector], rowCount);
      return;
    }
    this.scale = rows.scale;
    this.numbers.addRows(groups, rows.unscaled, rows.validity, rowCount);
  }

  /** Adds the entries of a small dictionary by their codes; false where these are no numbers of the scale. */
  private addEntries(groups: Int32Array | undefined, vector: Vector, rowCount: number): boolean {
    if (vector.encoding !== "dictionary" || vector.validity !== undefined || this.objects !== undefined) return false;
    const { dictionary } = vector;
    const block = decimalBlockOf(dictionary);
    if (block === undefined || dictionary.validity !== undefined || dictionary.length > rowCount) return false;
    if (this.scale >= 0 && block.scale !== this.scale) return false;
    if (!this.numbers.addCoded(groups, block.unscaled, vector.codes, rowCount)) return false;
    this.scale = block.scale;
    return true;
  }

  private sumOf(group: number): Decimal {
    return { unscaled: BigInt(this.numbers.sumOf(group)), scale: Math.max(this.scale, 0) };
  }

  private toObjects(): ObjectSumAccumulator<Decimal> {
    const objects = new ObjectSumAccumulator<Decimal>(this.type, addDecimals, undefined);
    objects.reserve(this.groupCount);
    for (let group = 0; group < this.groupCount; group++) {
      const count = this.numbers.counts[group] as number;
      if (count > 0) objects.set(group, this.sumOf(group), count);
    }
    return objects;
  }

  finish(groupCount: number): Vector {
    return this.finishAs(this.type, this.average, groupCount);
  }

  finishAs(type: DataType, average: boolean, groupCount: number): Vector {
    if (this.objects !== undefined) return this.objects.finishWith(average ? divide : undefined, groupCount);
    const unscaled = average ? undefined : this.numbers.safeSums(groupCount);
    if (unscaled !== undefined) {
      const validity = this.numbers.present(groupCount);
      return decimalVector(type, { unscaled, scale: Math.max(this.scale, 0) }, validity);
    }
    const results: Scalar[] = [];
    for (let group = 0; group < groupCount; group++) {
      const count = this.numbers.counts[group] as number;
      if (count === 0) results.push(null);
      else results.push(average ? divide(this.sumOf(group), count) : this.sumOf(group));
    }
    return vectorFromScalars(type, results);
  }
}

/** min or max of numeric. Of equal values the first stays, with its scale. */
export class DecimalExtremeAccumulator implements Accumulator {
  private best: Float64Array = new Float64Array(16);
  private seen: Uint8Array = new Uint8Array(16);
  private readonly type: DataType;
  private readonly wantsMax: boolean;
  private scale = -1;
  private groupCount = 0;
  private objects: ChosenAccumulator | undefined;

  constructor(type: DataType, wantsMax: boolean) {
    this.type = type;
    this.wantsMax = wantsMax;
  }

  get byteSize(): number {
    return this.best.byteLength + this.seen.byteLength + (this.objects?.byteSize ?? 0);
  }

  reserve(groupCount: number): void {
    this.groupCount = groupCount;
    if (this.objects !== undefined) {
      this.objects.reserve(groupCount);
      return;
    }
    this.best = grownFloats(this.best, groupCount);
    this.seen = grownBytes(this.seen, groupCount);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector === undefined || (vector.encoding === "constant" && vector.value === null)) return;
    const rows = this.objects === undefined ? scaledRows(vector) : undefined;
    if (rows === undefined || (this.scale >= 0 && rows.scale !== this.scale)) {
      this.objects ??= this.toObjects();
      this.objects.update(groups, [vector], rowCount);
      return;
    }
    this.scale = rows.scale;
    this.updateNumbers(groupsOrZero(groups, rowCount), rows, rowCount);
  }

  private updateNumbers(groups: Int32Array, { unscaled, validity }: ScaledRows, rowCount: number): void {
    const { best, seen, wantsMax } = this;
    for (let i = 0; i < rowCount; i++) {
      if (validity !== undefined && validity[i] === 0) continue;
      const group = groups[i] as number;
      const value = unscaled[i] as number;
      const current = best[group] as number;
      if (seen[group] === 0 || (wantsMax ? value > current : value < current)) {
        best[group] = value;
        seen[group] = 1;
      }
    }
  }

  private bests(groupCount: number): Vector {
    const results: Scalar[] = [];
    for (let group = 0; group < groupCount; group++) {
      const unscaled = BigInt(this.best[group] as number);
      results.push(this.seen[group] === 1 ? { unscaled, scale: Math.max(this.scale, 0) } : null);
    }
    return vectorFromScalars(this.type, results);
  }

  private toObjects(): ChosenAccumulator {
    const objects = new ChosenAccumulator(this.type, preferBy(scalarComparator(this.type), this.wantsMax), true);
    objects.reserve(this.groupCount);
    const groups = Int32Array.from({ length: this.groupCount }, (_, group) => group);
    objects.update(groups, [this.bests(this.groupCount)], this.groupCount);
    return objects;
  }

  finish(groupCount: number): Vector {
    return this.objects === undefined ? this.bests(groupCount) : this.objects.finish(groupCount);
  }
}
