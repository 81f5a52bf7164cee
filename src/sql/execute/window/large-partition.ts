// One partition that is more than the memory holds, computed while its sorted rows pass. Calls that look around come
// first; then rows wait, aside where they are many, for the last of their peers or of the partition.

import {
  BATCH_ROWS,
  constantVector,
  gather,
  sliceBatch,
  vectorFromScalars,
  type Batch,
  type DataType,
  type Scalar,
  type Vector,
} from "#columnar";
import { LakeError } from "#core";
import type { AggregateCall, PlanNode } from "../../plan.ts";
import { rowReader } from "../build.ts";
import { checkpoint, noteSpilled, type ExecutionContext, type MemoryAccount } from "../context.ts";
import { compileExpr } from "../expression.ts";
import { asAggregate, reachOf, type Reach } from "./reach.ts";
import { numberRows, Places, RunningAggregate, type Position } from "./running.ts";
import { slide, type SlidingCall } from "./sliding.ts";
import { WaitingRows } from "./waiting-rows.ts";

type WindowNode = Extract<PlanNode, { kind: "window" }>;

/** Peer groups whose values are known are kept as numbers until they are so many. */
const GROUPS_AT_ONCE = 4096;
const COUNT: DataType = { kind: "float64" };

/** A call with what it takes, in the order of the node's calls. */
interface PlacedCall {
  readonly call: AggregateCall;
  readonly reach: Reach;
  readonly aggregate: AggregateCall | undefined;
}

/** Computes the calls over a partition's rows, which come in order. */
export type LargePartition = (rows: AsyncIterable<Batch>) => AsyncGenerator<Batch>;

/** How a node's calls are computed over a large partition; the names of calls that take all its rows at once if any do. */
export function largePartition(
  node: WindowNode,
  context: ExecutionContext,
): { readonly run: LargePartition } | { readonly whole: readonly string[] } {
  const placed: PlacedCall[] = [];
  const whole: string[] = [];
  for (const windowCall of node.calls) {
    const reach = reachOf(windowCall, node, context);
    if (reach === undefined) whole.push(windowCall.call.function);
    else placed.push({ call: windowCall.call, reach, aggregate: asAggregate(windowCall) });
  }
  if (whole.length > 0) return { whole };
  return { run: (rows) => new Computation(node, placed, context).run(rows) };
}

class Computation {
  readonly #node: WindowNode;
  readonly #context: ExecutionContext;
  readonly #placed: readonly PlacedCall[];
  readonly #sliding: readonly SlidingCall[];
  readonly #before: readonly PlacedCall[];
  readonly #peers: readonly PlacedCall[];
  readonly #partition: readonly PlacedCall[];
  readonly #running: ReadonlyMap<PlacedCall, RunningAggregate>;

  constructor(node: WindowNode, placed: readonly PlacedCall[], context: ExecutionContext) {
    const of = (kind: Reach["kind"]): PlacedCall[] => placed.filter(({ reach }) => reach.kind === kind);
    this.#node = node;
    this.#context = context;
    this.#placed = placed;
    this.#sliding = placed.flatMap(({ reach }, i) => {
      const call = node.calls[i];
      return reach.kind === "around" && call !== undefined ? [{ call, shift: reach.shift }] : [];
    });
    this.#before = of("before");
    this.#peers = of("peers");
    this.#partition = of("partition");
    this.#running = new Map(
      placed.flatMap((of) => {
        const { aggregate, reach } = of;
        return aggregate === undefined || reach.kind === "around"
          ? []
          : [[of, new RunningAggregate(aggregate, context)]];
      }),
    );
  }

  async *run(rows: AsyncIterable<Batch>): AsyncGenerator<Batch> {
    const account = this.#context.memory.open("window");
    const slid = this.#sliding.length === 0 ? rows : slide(this.#node, this.#sliding, rows, this.#context);
    try {
      if (this.#partition.length > 0) yield* this.#toTheEnd(slid, account);
      else if (this.#peers.length > 0) yield* this.#toPeers(slid, account);
      else yield* this.#atOnce(slid, account);
    } finally {
      account.close();
    }
  }

  async *#atOnce(rows: AsyncIterable<Batch>, account: MemoryAccount): AsyncGenerator<Batch> {
    const places = new Places(this.#node, this.#context);
    for await (const batch of rows) {
      checkpoint(this.#context);
      const passed = this.#pass(batch, places.next(batch));
      this.#hold(account);
      yield this.#arrange(passed, new Map());
    }
  }

  /** Rows leave when the last of their peers is there. */
  async *#toPeers(rows: AsyncIterable<Batch>, account: MemoryAccount): AsyncGenerator<Batch> {
    const places = new Places(this.#node, this.#context);
    const waiting = new WaitingRows(this.#passedTypes(), this.#context);
    const groups = new PeerGroups(this.#peers, this.#running);
    const leave = async function* (this: Computation): AsyncGenerator<Batch> {
      for await (const [passed, values] of withGroups(waiting.drain(), groups.take())) {
        yield this.#arrange(passed, new Map(this.#peers.map((call, i) => [call, values[i + 2] as Vector])));
      }
    };
    try {
      for await (const batch of rows) {
        checkpoint(this.#context);
        const position = places.next(batch);
        const passed = this.#pass(batch, position);
        groups.add(batch, position);
        this.#hold(account);
        const last = position.starts.at(-1);
        if (last !== undefined) {
          await waiting.add(sliceBatch(passed, 0, last));
          yield* leave.call(this);
        }
        await waiting.add(sliceBatch(passed, last ?? 0, passed.rowCount));
      }
      groups.end();
      yield* leave.call(this);
      noteSpilled(this.#context, this.#node, waiting.spilledBytes);
    } finally {
      waiting.close();
    }
  }

  /** Rows leave when all are there. */
  async *#toTheEnd(rows: AsyncIterable<Batch>, account: MemoryAccount): AsyncGenerator<Batch> {
    const places = new Places(this.#node, this.#context);
    const waiting = new WaitingRows(this.#passedTypes(), this.#context);
    const groups = new PeerGroups(this.#peers, this.#running);
    const groupRows = new WaitingRows([COUNT, COUNT, ...this.#peers.map(({ call }) => call.type)], this.#context);
    let rowCount = 0;
    let firstRow: Batch | undefined;
    try {
      for await (const batch of rows) {
        checkpoint(this.#context);
        firstRow ??= sliceBatch(batch, 0, 1);
        const position = places.next(batch);
        const passed = this.#pass(batch, position);
        groups.add(batch, position);
        for (const call of this.#partition) this.#running.get(call)?.over(batch)(0, batch.rowCount);
        this.#hold(account);
        if (groups.count >= GROUPS_AT_ONCE) for (const known of groups.take()) await groupRows.add(known);
        await waiting.add(passed);
        rowCount += batch.rowCount;
      }
      if (firstRow === undefined) return;
      groups.end();
      for (const known of groups.take()) await groupRows.add(known);
      const valueOf = this.#partitionValues(firstRow, rowCount);
      let before = 0;
      for await (const [passed, values] of withGroups(waiting.drain(), groupRows.drain())) {
        checkpoint(this.#context);
        const known = new Map(this.#peers.map((call, i) => [call, values[i + 2] as Vector]));
        for (const call of this.#partition) known.set(call, valueOf(call, passed.rowCount, before, values));
        before += passed.rowCount;
        yield this.#arrange(passed, known);
      }
      noteSpilled(this.#context, this.#node, waiting.spilledBytes + groupRows.spilledBytes);
    } finally {
      waiting.close();
      groupRows.close();
    }
  }

  /** The rows with the values that are known as they come. */
  #pass(batch: Batch, position: Position): Batch {
    const made = this.#before.map((of): Vector => {
      return this.#running.get(of)?.atEachRow(batch) ?? numberRows(of.call, batch, position);
    });
    return { rowCount: batch.rowCount, columns: [...batch.columns, ...made] };
  }

  /** Types of rows that wait: the input's, the calls' that look around, and those of {@link Computation.#pass}. */
  #passedTypes(): DataType[] {
    const { columns } = this.#node.input;
    const around = this.#sliding.map(({ call }) => call.call.type);
    return [...columns.map(({ type }) => type), ...around, ...this.#before.map(({ call }) => call.type)];
  }

  #hold(account: MemoryAccount): void {
    let bytes = 0;
    for (const running of this.#running.values()) bytes += running.byteSize;
    account.resize(bytes);
  }

  /** What a call gives at some rows, once all rows are known; `groups` are the rows' peer groups as they were kept. */
  #partitionValues(
    firstRow: Batch,
    rowCount: number,
  ): (of: PlacedCall, count: number, before: number, groups: readonly Vector[]) => Vector {
    const values = new Map<PlacedCall, Scalar>();
    for (const of of this.#partition) {
      const [argument] = of.call.args;
      const running = this.#running.get(of);
      if (running !== undefined) values.set(of, running.value());
      else if (argument !== undefined) values.set(of, rowReader(compileExpr(argument, this.#context)(firstRow))(0));
    }
    return (of, count, before, groups) => {
      const { call } = of;
      const value = values.get(of) ?? null;
      if (this.#running.has(of) || (call.function === "ntile" && value === null)) {
        return constantVector(call.type, value, count);
      }
      const [sizes, firsts] = groups.map(rowReader);
      const at = (row: number): number => {
        if (call.function === "ntile") return bucketOf(before + row, rowCount, Number(value));
        const first = Number(firsts?.(row));
        if (call.function === "cume_dist") return (first + Number(sizes?.(row))) / rowCount;
        return rowCount <= 1 ? 0 : first / (rowCount - 1);
      };
      return vectorFromScalars(
        call.type,
        Array.from({ length: count }, (_, row) => at(row)),
      );
    };
  }

  /** The node's columns of rows that passed. */
  #arrange({ rowCount, columns }: Batch, known: ReadonlyMap<PlacedCall, Vector>): Batch {
    const width = this.#node.input.columns.length;
    let around = width;
    let before = width + this.#sliding.length;
    const values = this.#placed.map((of) => {
      if (of.reach.kind === "around") return columns[around++] as Vector;
      if (of.reach.kind === "before") return columns[before++] as Vector;
      return known.get(of) as Vector;
    });
    return { rowCount, columns: [...columns.slice(0, width), ...values] };
  }
}

/** The bucket of a row: buckets are as equal as can be, the larger ones first. Errors: `windowing_error`. */
function bucketOf(row: number, rowCount: number, buckets: number): number {
  if (buckets <= 0) throw new LakeError("windowing_error", "Argument of ntile must be greater than zero.");
  const small = Math.floor(rowCount / buckets);
  const larger = rowCount % buckets;
  const inLarger = larger * (small + 1);
  if (row < inLarger) return Math.floor(row / (small + 1)) + 1;
  return larger + Math.floor((row - inLarger) / small) + 1;
}

/** The peer groups of a partition: their rows, the rows before them, and what calls give for all of a group's rows. */
class PeerGroups {
  readonly #running: readonly RunningAggregate[];
  #sizes: number[] = [];
  #firsts: number[] = [];
  #size = 0;
  #before = 0;

  constructor(calls: readonly PlacedCall[], running: ReadonlyMap<PlacedCall, RunningAggregate>) {
    this.#running = calls.flatMap((of) => running.get(of) ?? []);
  }

  /** Groups that are complete and were not taken. */
  get count(): number {
    return this.#sizes.length;
  }

  add(batch: Batch, { starts }: Position): void {
    const adders = this.#running.map((running) => running.over(batch));
    const span = (from: number, to: number): void => {
      for (const add of adders) add(from, to);
      this.#size += to - from;
    };
    let from = 0;
    for (const start of starts) {
      span(from, start);
      this.end();
      from = start;
    }
    span(from, batch.rowCount);
  }

  /** Ends the group at hand. */
  end(): void {
    if (this.#size === 0) return;
    this.#sizes.push(this.#size);
    this.#firsts.push(this.#before);
    for (const running of this.#running) running.keep();
    this.#before += this.#size;
    this.#size = 0;
  }

  /** The groups that are complete; a row has its size, the rows before, and the calls' values. */
  *take(): Generator<Batch> {
    const rowCount = this.#sizes.length;
    if (rowCount === 0) return;
    const columns: Vector[] = [vectorFromScalars(COUNT, this.#sizes), vectorFromScalars(COUNT, this.#firsts)];
    for (const running of this.#running) columns.push(running.take());
    this.#sizes = [];
    this.#firsts = [];
    for (let start = 0; start < rowCount; start += BATCH_ROWS) {
      yield sliceBatch({ rowCount, columns }, start, Math.min(rowCount, start + BATCH_ROWS));
    }
  }
}

/** Rows with the columns of their groups; groups follow each other as their rows do. */
async function* withGroups(
  rows: AsyncIterable<Batch>,
  groups: AsyncIterable<Batch> | Iterable<Batch>,
): AsyncGenerator<readonly [rows: Batch, groups: readonly Vector[]]> {
  const iterator = Symbol.asyncIterator in groups ? groups[Symbol.asyncIterator]() : groups[Symbol.iterator]();
  let known: Batch | undefined;
  let group = 0;
  let left = 0;
  try {
    for await (const batch of rows) {
      for (let from = 0; from < batch.rowCount;) {
        if (known === undefined || (left === 0 && group + 1 >= known.rowCount)) {
          const step = await iterator.next();
          if (step.done === true) return;
          known = step.value;
          group = -1;
        }
        const sizeOf = rowReader(known.columns[0] as Vector);
        const codes = new Int32Array(batch.rowCount - from);
        let count = 0;
        while (count < codes.length && (left > 0 || group + 1 < known.rowCount)) {
          if (left === 0) left = Number(sizeOf(++group));
          const taken = Math.min(left, codes.length - count);
          codes.fill(group, count, count + taken);
          count += taken;
          left -= taken;
        }
        const used = codes.subarray(0, count);
        yield [sliceBatch(batch, from, from + count), known.columns.map((column) => gather(column, used))];
        from += count;
      }
    }
  } finally {
    await iterator.return?.();
  }
}
