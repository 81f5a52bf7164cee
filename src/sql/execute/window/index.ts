// Window calls: rows are put in the window's order, then each call is computed over all of them.

import {
  BATCH_ROWS,
  batchByteSize,
  concatBatches,
  gatherBatch,
  sliceBatch,
  vectorByteSize,
  type Batch,
} from "#columnar";
import { LakeError } from "#core";
import { windowCallExprs } from "../../expressions.ts";
import type { Expr, PlanNode, SortKey } from "../../plan.ts";
import { joinHeld } from "../buffered-input.ts";
import { checkpoint, noteSpilled, type ExecutionContext, type MemoryAccount } from "../context.ts";
import { collectRuns, compileKeys } from "../sort.ts";
import { sortRows } from "../sort-rows.ts";
import { aggregateFrames } from "./aggregates.ts";
import { computeFrames } from "./frames.ts";
import { evaluateWindowFunction } from "./functions.ts";
import { largePartition } from "./large-partition.ts";
import { createLayout } from "./layout.ts";

type WindowNode = Extract<PlanNode, { kind: "window" }>;
type SortNode = Extract<PlanNode, { kind: "sort" }>;

/** Bytes a row takes for one key while sorting, and for its place in partition, peers and one call's frame. */
const KEY_BYTES = 16;
const LAYOUT_BYTES = 24;
const FRAME_BYTES = 8;
/** And for the value of a call. */
const VALUE_BYTES = 8;

/** Every expression the node evaluates on its input's rows. */
export function windowExprs(node: WindowNode): readonly Expr[] {
  return [...node.partitionBy, ...node.orderBy.map((key) => key.expr), ...node.calls.flatMap(windowCallExprs)];
}

/**
 * Runs a window node. Rows come in the window's order. Memory: the whole input twice while it is put in order; where
 * that does not fit, the input is sorted aside and read back partition by partition, a large one row by row.
 *
 * Errors: `memory_limit_exceeded` when a partition does not fit and a call takes all its rows at once, `windowing_error`,
 * what expressions raise.
 */
export async function* executeWindow(
  node: WindowNode,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const account = context.memory.open("window");
  const sorting = sortOf(node);
  try {
    const keysOf = compileKeys(sorting.keys, context);
    const { runs, rest } = await collectRuns(sorting, keysOf, input, account, context, (bytes, rowCount) =>
      windowBytes(node, bytes * 2, rowCount),
    );
    if (runs !== undefined) {
      account.resize(0);
      noteSpilled(context, node, runs.spilledBytes);
      yield* evaluateByPartition(node, runs.merged(), account, context);
      return;
    }
    const all = joinHeld(rest, node.input.columns, account);
    if (all.rowCount === 0) return;
    const bytes = batchByteSize(all);
    const work = context.memory.open("window");
    try {
      work.resize(windowBytes(node, bytes, all.rowCount));
      const keys = keysOf(all);
      const rows = keys.length === 0 ? all : gatherBatch(all, sortRows(keys, all.rowCount));
      work.resize(0);
      yield* evaluateSorted(node, rows, bytes, account, context);
    } finally {
      work.close();
    }
  } finally {
    account.close();
  }
}

/** The window's order as a sort. */
function sortOf(node: WindowNode): SortNode {
  const partition = node.partitionBy.map((expr): SortKey => ({ expr, descending: false, nullsFirst: false }));
  return {
    kind: "sort",
    input: node.input,
    keys: [...partition, ...node.orderBy],
    topRows: undefined,
    columns: node.input.columns,
  };
}

/** Bytes of rows with their places and the values of the calls. */
function windowBytes(node: WindowNode, rowBytes: number, rowCount: number): number {
  const keys = node.partitionBy.length + node.orderBy.length;
  return rowBytes + rowCount * (keys * KEY_BYTES + LAYOUT_BYTES + FRAME_BYTES + node.calls.length * VALUE_BYTES);
}

/** Computes the calls over sorted rows, which are whole partitions. `account` holds the rows already. */
function* evaluateSorted(
  node: WindowNode,
  rows: Batch,
  bytes: number,
  account: MemoryAccount,
  context: ExecutionContext,
): Generator<Batch> {
  const layoutBytes = windowBytes(node, 0, rows.rowCount);
  account.resize(bytes + layoutBytes);
  const layout = createLayout(
    partitionKeys(node, context)(rows),
    compileKeys(node.orderBy, context)(rows),
    rows.rowCount,
  );
  const columns = [...rows.columns];
  let made = 0;
  for (const { call, isAggregate, frame } of node.calls) {
    checkpoint(context);
    const frames = computeFrames(frame, node.orderBy, rows, layout, context);
    const vector = isAggregate
      ? aggregateFrames(call, rows, frames, layout, context)
      : evaluateWindowFunction(call, rows, frames, layout, context);
    made += vectorByteSize(vector);
    account.resize(bytes + layoutBytes + made);
    columns.push(vector);
  }
  const result: Batch = { rowCount: rows.rowCount, columns };
  for (let start = 0; start < result.rowCount; start += BATCH_ROWS) {
    checkpoint(context);
    yield sliceBatch(result, start, Math.min(start + BATCH_ROWS, result.rowCount));
  }
}

/** Whole partitions are computed together up to this part of the budget. */
const GROUP_SHARE = 1 / 16;

/** Reads sorted rows and computes the calls over as many whole partitions at once as are little. */
async function* evaluateByPartition(
  node: WindowNode,
  sorted: AsyncIterable<Batch>,
  account: MemoryAccount,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const boundsOf = partitionBoundsOf(node, context);
  const large = largePartition(node, context);
  const enough = context.memory.limitBytes * GROUP_SHARE;
  let held: Batch[] = [];
  let bytes = 0;
  /** Rows at hand of the last partition, which may go on. */
  let openRows = 0;
  const hold = (batch: Batch, lastStart: number | undefined): void => {
    if (batch.rowCount === 0) return;
    held.push(batch);
    bytes += batchByteSize(batch);
    openRows = lastStart === undefined ? openRows + batch.rowCount : batch.rowCount - lastStart;
    account.resize(windowBytes(node, bytes * 2, countRows(held)));
  };
  const take = (): Batch | undefined => {
    if (held.length === 0) return undefined;
    const rows = concatBatches(held);
    held = [];
    bytes = 0;
    return rows;
  };
  const evaluate = function* (rows: Batch | undefined): Generator<Batch> {
    if (rows === undefined || rows.rowCount === 0) return;
    yield* evaluateSorted(node, rows, batchByteSize(rows), account, context);
    account.resize(0);
  };
  const iterator = sorted[Symbol.asyncIterator]();
  const next = async (): Promise<Batch | undefined> => {
    checkpoint(context);
    const { done, value } = await iterator.next();
    return done === true ? undefined : value;
  };
  try {
    for (let batch = await next(); batch !== undefined;) {
      const last = boundsOf(held.at(-1), batch).at(-1);
      if (bytes + batchByteSize(batch) < enough || (last === undefined && "whole" in large)) {
        hold(batch, last);
        batch = await next();
      } else if (last !== undefined) {
        hold(sliceBatch(batch, 0, last), undefined);
        yield* evaluate(take());
        hold(sliceBatch(batch, last, batch.rowCount), 0);
        batch = await next();
      } else if ("run" in large) {
        const open = openRows;
        const rows = take();
        const start = (rows?.rowCount ?? 0) - open;
        if (rows !== undefined) yield* evaluate(sliceBatch(rows, 0, start));
        const first = rows === undefined ? [] : [sliceBatch(rows, start, rows.rowCount)];
        account.resize(rows === undefined ? 0 : batchByteSize(rows));
        const rest = new RestOfPartition(first, batch, next, boundsOf);
        yield* large.run(rest.rows());
        account.resize(0);
        openRows = 0;
        batch = rest.after;
      }
    }
    yield* evaluate(take());
  } catch (error) {
    throw "whole" in large ? partitionTooLarge(error, large.whole) : error;
  } finally {
    await iterator.return?.();
  }
}

/** The rows of a partition up to its end, wherever that is, and the rows after it. */
class RestOfPartition {
  readonly #first: readonly Batch[];
  readonly #next: () => Promise<Batch | undefined>;
  readonly #boundsOf: PartitionBounds;
  #batch: Batch | undefined;

  /** `batch` goes on where `first` ends. */
  constructor(
    first: readonly Batch[],
    batch: Batch,
    next: () => Promise<Batch | undefined>,
    boundsOf: PartitionBounds,
  ) {
    this.#first = first;
    this.#batch = batch;
    this.#next = next;
    this.#boundsOf = boundsOf;
  }

  /** What was read beyond the partition, once its rows were given. */
  get after(): Batch | undefined {
    return this.#batch;
  }

  async *rows(): AsyncGenerator<Batch> {
    let before = this.#first.at(-1);
    yield* this.#first;
    for (let batch = this.#batch; batch !== undefined; batch = this.#batch) {
      const [end] = this.#boundsOf(before, batch);
      if (end !== undefined) {
        if (end > 0) yield sliceBatch(batch, 0, end);
        this.#batch = sliceBatch(batch, end, batch.rowCount);
        return;
      }
      yield batch;
      before = batch;
      this.#batch = await this.#next();
    }
  }
}

/** What is told when rows of a partition take all of the memory. */
function partitionTooLarge(error: unknown, calls: readonly string[]): unknown {
  if (!(error instanceof LakeError) || error.code !== "memory_limit_exceeded") return error;
  const names = [...new Set(calls)].join(", ");
  return new LakeError(
    "memory_limit_exceeded",
    `window needs more than the query's memory budget: one partition is larger than that, and ${names} with this frame ` +
      `takes all of its rows at once; add to PARTITION BY, bound the frame on both sides, or filter rows first`,
    { details: { ...error.details, operator: "window" }, cause: error },
  );
}

function countRows(batches: readonly Batch[]): number {
  return batches.reduce((sum, { rowCount }) => sum + rowCount, 0);
}

/** The rows of a batch at which a partition starts, the first one too when the rows before belong to another. */
type PartitionBounds = (before: Batch | undefined, batch: Batch) => readonly number[];

function partitionBoundsOf(node: WindowNode, context: ExecutionContext): PartitionBounds {
  const keysOf = partitionKeys(node, context);
  const startsOf = (rows: Batch): Int32Array => createLayout(keysOf(rows), [], rows.rowCount).partitionBounds;
  return (before, batch) => {
    const starts = Array.from(startsOf(batch).subarray(1, -1));
    if (before === undefined) return starts;
    const edge = concatBatches([sliceBatch(before, before.rowCount - 1, before.rowCount), sliceBatch(batch, 0, 1)]);
    return startsOf(edge).length > 2 ? [0, ...starts] : starts;
  };
}

function partitionKeys(node: WindowNode, context: ExecutionContext): ReturnType<typeof compileKeys> {
  const keys = node.partitionBy.map((expr): SortKey => ({ expr, descending: false, nullsFirst: false }));
  return compileKeys(keys, context);
}
