// Window calls over one partition that need not be held: a state of the rows so far, told at each row or at the last of
// its peers, or of all rows.

import {
  concatBatches,
  scalarAt,
  sliceBatch,
  vectorFromScalars,
  type Batch,
  type Scalar,
  type Vector,
} from "#columnar";
import type { AggregateCall, PlanNode } from "../../plan.ts";
import type { Accumulator } from "../aggregate/accumulator.ts";
import { createAccumulator } from "../aggregate/create.ts";
import { rowReader } from "../build.ts";
import type { ExecutionContext } from "../context.ts";
import { compileKeys } from "../sort.ts";
import { addSpan, frameInputOf } from "./aggregates.ts";
import { createLayout } from "./layout.ts";
import { startTotal, type RunningTotal } from "./running-total.ts";

type WindowNode = Extract<PlanNode, { kind: "window" }>;

/** Where the rows of a batch lie in their partition. */
export interface Position {
  /** Rows of the partition before the batch. */
  readonly rowsBefore: number;
  /** The first row of each peer group in the batch, without a group that began before the batch. */
  readonly starts: readonly number[];
  /** The number of the group that the first row belongs to, from 0, and its first row in the partition. */
  readonly firstGroup: number;
  readonly firstGroupStart: number;
}

/** Walks through a partition and tells the place of each batch. */
export class Places {
  readonly #boundsOf: (rows: Batch) => Int32Array;
  #last: Batch | undefined;
  #rows = 0;
  #group = -1;
  #groupStart = 0;

  constructor({ orderBy }: WindowNode, context: ExecutionContext) {
    const keysOf = compileKeys(orderBy, context);
    this.#boundsOf = (rows) => createLayout([], keysOf(rows), rows.rowCount).peerBounds;
  }

  /** The place of the next batch, which has a row. */
  next(batch: Batch): Position {
    const starts = Array.from(this.#boundsOf(batch).subarray(1, -1));
    const first = sliceBatch(batch, 0, 1);
    const isNew = this.#last === undefined || this.#boundsOf(concatBatches([this.#last, first])).length > 2;
    if (isNew) {
      starts.unshift(0);
      this.#group += 1;
      this.#groupStart = this.#rows;
    }
    const position: Position = {
      rowsBefore: this.#rows,
      starts,
      firstGroup: this.#group,
      firstGroupStart: this.#groupStart,
    };
    const begun = isNew ? starts.length - 1 : starts.length;
    this.#group += begun;
    if (begun > 0) this.#groupStart = this.#rows + (starts.at(-1) as number);
    this.#last = sliceBatch(batch, batch.rowCount - 1, batch.rowCount);
    this.#rows += batch.rowCount;
    return position;
  }
}

/** row_number, rank or dense_rank of the rows of a batch. */
export function numberRows(call: AggregateCall, batch: Batch, position: Position): Vector {
  const { rowsBefore, starts, firstGroup, firstGroupStart } = position;
  const values = new Float64Array(batch.rowCount);
  if (call.function === "row_number") {
    for (let row = 0; row < values.length; row++) values[row] = rowsBefore + row + 1;
  } else {
    const isDense = call.function === "dense_rank";
    let value = isDense ? firstGroup + 1 : firstGroupStart + 1;
    let next = starts[0] === 0 ? 1 : 0;
    for (let row = 0; row < values.length; row++) {
      if (row === starts[next]) {
        next += 1;
        value = isDense ? value + 1 : rowsBefore + row + 1;
      }
      values[row] = value;
    }
  }
  return { encoding: "flat", type: call.type, length: batch.rowCount, values, validity: undefined };
}

/** An aggregate over all rows of the partition so far, and its values where it was told to keep them. */
export class RunningAggregate {
  readonly #call: AggregateCall;
  readonly #context: ExecutionContext;
  readonly #accumulator: Accumulator;
  /** Takes the rows as long as it can; the accumulator takes what it has then. */
  #total: RunningTotal | undefined;
  #kept: Scalar[] = [];

  constructor(call: AggregateCall, context: ExecutionContext) {
    this.#call = call;
    this.#context = context;
    this.#accumulator = createAccumulator(call, context);
    this.#accumulator.reserve(1);
    this.#total = startTotal(call);
  }

  get byteSize(): number {
    return this.#accumulator.byteSize;
  }

  /** Takes rows: `add(from, to)` takes a span of them, and what is added in order is part of the aggregate. */
  over(batch: Batch): (from: number, to: number) => void {
    const input = frameInputOf(this.#call, batch, this.#context);
    const accumulate = (from: number, to: number): void => {
      if (to > from) addSpan(input, this.#accumulator, from, to);
    };
    const numbers = this.#total?.numbersOf(input);
    if (numbers === undefined) this.#leaveTotal();
    return (from, to) => {
      if (numbers !== undefined && this.#total?.add(numbers, from, to) === true) return;
      this.#leaveTotal();
      accumulate(from, to);
    };
  }

  #leaveTotal(): void {
    const total = this.#total;
    if (total === undefined) return;
    this.#total = undefined;
    const kept = total.take(this.#call.type);
    this.#kept = Array.from({ length: kept.length }, (_, row) => scalarAt(kept, row));
    const sum = total.asArgument(this.#call);
    if (sum !== undefined) this.#accumulator.update(undefined, [sum], 1);
  }

  /** The value for the rows taken so far. */
  value(): Scalar {
    if (this.#total === undefined) return rowReader(this.#accumulator.finish(1))(0);
    return scalarAt(this.#total.value(this.#call.type), 0);
  }

  /** Keeps the value for the rows taken so far. */
  keep(): void {
    if (this.#total === undefined) this.#kept.push(this.value());
    else this.#total.keep();
  }

  /** The values kept, which are forgotten. */
  take(): Vector {
    if (this.#total !== undefined) return this.#total.take(this.#call.type);
    const values = vectorFromScalars(this.#call.type, this.#kept);
    this.#kept = [];
    return values;
  }

  /** Takes a batch and tells the value at each of its rows. */
  atEachRow(batch: Batch): Vector {
    const add = this.over(batch);
    for (let row = 0; row < batch.rowCount; row++) {
      add(row, row + 1);
      this.keep();
    }
    return this.take();
  }
}
