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

/** What aggregates numbers while all values share a scale, and objects from the first value on that does not. */
abstract class ScaledAccumulator<Objects extends Accumulator> {
  protected readonly type: DataType;
  /** Of the values so far; -1 before the first. */
  protected scale = -1;
  protected groupCount = 0;
  protected objects: Objects | undefined;

  constructor(type: DataType) {
    this.type = type;
  }

  protected abstract readonly numberBytes: number;
  protected abstract reserveNumbers(groupCount: number): void;
  protected abstract addNumbers(groups: Int32Array | undefined, rows: ScaledRows, rowCount: number): void;
  /** The same for values of any scale, with what was aggregated so far. */
  protected abstract toObjects(): Objects;

  get byteSize(): number {
    return this.numberBytes + (this.objects?.byteSize ?? 0);
  }

  reserve(groupCount: number): void {
    this.groupCount = groupCount;
    if (this.objects === undefined) this.reserveNumbers(groupCount);
    else this.objects.reserve(groupCount);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector === undefined || (vector.encoding === "constant" && vector.value === null)) return;
    if (this.objects === undefined && this.addEntries(groups, vector, rowCount)) return;
    const rows = this.objects === undefined ? scaledRows(vector) : undefined;
    if (rows === undefined || !this.hasScale(rows.scale)) {
      this.objects ??= this.toObjects();
      this.objects.update(groups, [vector], rowCount);
      return;
    }
    this.scale = rows.scale;
    this.addNumbers(groups, rows, rowCount);
  }

  /** Adds rows by their dictionary codes; false, with nothing added, where that does not serve. */
  protected addEntries(_groups: Int32Array | undefined, _vector: Vector, _rowCount: number): boolean {
    return false;
  }

  /** Whether values of a scale can stand beside those so far. */
  protected hasScale(scale: number): boolean {
    return this.scale < 0 || this.scale === scale;
  }
}

/** sum or avg of numeric. */
export class DecimalSumAccumulator extends ScaledAccumulator<ObjectSumAccumulator<Decimal>> implements SumAccumulator {
  private readonly numbers = new IntegerSums();
  private readonly average: boolean;

  constructor(type: DataType, average: boolean) {
    super(type);
    this.average = average;
  }

  protected get numberBytes(): number {
    return this.numbers.byteSize;
  }

  protected reserveNumbers(groupCount: number): void {
    this.numbers.reserve(groupCount);
  }

  protected addNumbers(groups: Int32Array | undefined, { unscaled, validity }: ScaledRows, rowCount: number): void {
    this.numbers.addRows(groups, unscaled, validity, rowCount);
  }

  /** Serves small dictionaries whose entries are numbers of the scale. */
  protected override addEntries(groups: Int32Array | undefined, vector: Vector, rowCount: number): boolean {
    if (vector.encoding !== "dictionary" || vector.validity !== undefined) return false;
    const { dictionary } = vector;
    const block = decimalBlockOf(dictionary);
    if (block === undefined || dictionary.validity !== undefined || dictionary.length > rowCount) return false;
    if (!this.hasScale(block.scale)) return false;
    if (!this.numbers.addCoded(groups, block.unscaled, vector.codes, rowCount)) return false;
    this.scale = block.scale;
    return true;
  }

  private sumOf(group: number): Decimal {
    return { unscaled: BigInt(this.numbers.sumOf(group)), scale: Math.max(this.scale, 0) };
  }

  protected toObjects(): ObjectSumAccumulator<Decimal> {
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
export class DecimalExtremeAccumulator extends ScaledAccumulator<ChosenAccumulator> implements Accumulator {
  private best: Float64Array = new Float64Array(16);
  private seen: Uint8Array = new Uint8Array(16);
  private readonly wantsMax: boolean;

  constructor(type: DataType, wantsMax: boolean) {
    super(type);
    this.wantsMax = wantsMax;
  }

  protected get numberBytes(): number {
    return this.best.byteLength + this.seen.byteLength;
  }

  protected reserveNumbers(groupCount: number): void {
    this.best = grownFloats(this.best, groupCount);
    this.seen = grownBytes(this.seen, groupCount);
  }

  protected addNumbers(of: Int32Array | undefined, { unscaled, validity }: ScaledRows, rowCount: number): void {
    const { best, seen, wantsMax } = this;
    const groups = groupsOrZero(of, rowCount);
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

  protected toObjects(): ChosenAccumulator {
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
