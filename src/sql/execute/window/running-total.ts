// Sums of whole numbers, and counts of rows, as they run over a partition: one double while it is exact.

import { decimalVector, type DataType, type FlatVector, type Vector } from "#columnar";
import type { AggregateCall } from "../../plan.ts";
import { denseNumbers } from "../aggregate/accumulator.ts";
import type { FrameInput } from "./aggregates.ts";

const WHOLE = new Set<DataType["kind"]>(["int16", "int32", "int64"]);

/** The numbers of a batch, and which of its rows have one; undefined values are ones. */
interface Numbers {
  readonly values: Float64Array | Int32Array | Uint8Array | undefined;
  readonly validity: Uint8Array | undefined;
  readonly kept: Uint8Array | undefined;
}

/** A total that starts at nothing; undefined for calls whose values are no whole numbers. */
export function startTotal({ function: name, args }: AggregateCall): RunningTotal | undefined {
  const [argument] = args;
  if (name === "count" && argument === undefined) return new RunningTotal(true);
  const isSum = name === "sum" && argument !== undefined && WHOLE.has(argument.type.kind);
  return isSum ? new RunningTotal(false) : undefined;
}

/** One running sum. NULL until there was a number, unless it counts. */
export class RunningTotal {
  readonly #counts: boolean;
  #total = 0;
  #isNull: boolean;
  #totals: number[] = [];
  /** Values kept before the first number: they are NULL. */
  #nulls = 0;

  constructor(counts: boolean) {
    this.#counts = counts;
    this.#isNull = !counts;
  }

  /** What of a batch is summed; undefined where it is no array of numbers. */
  numbersOf({ args, kept }: FrameInput): Numbers | undefined {
    if (this.#counts) return { values: undefined, validity: undefined, kept };
    const [argument] = args;
    const dense = argument === undefined ? undefined : denseNumbers(argument);
    return dense === undefined ? undefined : { ...dense, kept };
  }

  /** Adds rows `from` to `to`, end exclusive. Returns false, and adds none, where the sum would not be exact. */
  add({ values, validity, kept }: Numbers, from: number, to: number): boolean {
    let total = this.#total;
    let isNull = this.#isNull;
    for (let row = from; row < to; row++) {
      if ((validity !== undefined && validity[row] === 0) || (kept !== undefined && kept[row] === 0)) continue;
      total += values === undefined ? 1 : (values[row] as number);
      isNull = false;
      if (!Number.isSafeInteger(total)) return false;
    }
    this.#total = total;
    this.#isNull = isNull;
    return true;
  }

  keep(): void {
    if (this.#isNull) this.#nulls += 1;
    this.#totals.push(this.#total);
  }

  /** The values kept, which are forgotten. */
  take(type: DataType): FlatVector {
    const values = Float64Array.from(this.#totals);
    const validity = this.#nulls === 0 ? undefined : new Uint8Array(values.length).fill(1).fill(0, 0, this.#nulls);
    this.#totals = [];
    this.#nulls = 0;
    if (type.kind === "decimal") return decimalVector(type, { unscaled: values, scale: 0 }, validity);
    return { encoding: "flat", type, length: values.length, values, validity };
  }

  /** The value now, as a vector of one row. */
  value(type: DataType): FlatVector {
    const totals = this.#totals.splice(0);
    const nulls = this.#nulls;
    this.#nulls = 0;
    this.keep();
    const value = this.take(type);
    this.#totals = totals;
    this.#nulls = nulls;
    return value;
  }

  /** The sum as a row of its call's argument; undefined while there is none. A count stays one. */
  asArgument({ args }: AggregateCall): Vector | undefined {
    const [argument] = args;
    if (this.#isNull || argument === undefined) return undefined;
    const type: DataType = { kind: "int64" };
    return { encoding: "flat", type, length: 1, values: Float64Array.of(this.#total), validity: undefined };
  }
}
