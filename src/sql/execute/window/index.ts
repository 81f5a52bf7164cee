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
 * that does not fit, the input is sorted aside and read back partition by partition.
 *
 * Errors: `memory_limit_exceeded` when a single partition does not fit, `windowing_error`, what expressions raise.
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
  const enough = context.memory.limitBytes * GROUP_SHARE;
  let held: Batch[] = [];
  let bytes = 0;
  const hold = (batch: Batch): void => {
    if (batch.rowCount === 0) return;
    held.push(batch);
    bytes += batchByteSize(batch);
    account.resize(windowBytes(node, bytes * 2, countRows(held)));
  };
  const take = function* (): Generator<Batch> {
    if (held.length === 0) return;
    const rows = concatBatches(held);
    const rowBytes = bytes;
    held = [];
    bytes = 0;
    yield* evaluateSorted(node, rows, rowBytes, account, context);
    account.resize(0);
  };
  try {
    for await (const batch of sorted) {
      checkpoint(context);
      const starts = boundsOf(held.at(-1), batch);
      const last = starts.at(-1);
      if (last === undefined || bytes + batchByteSize(batch) < enough) {
        hold(batch);
        continue;
      }
      hold(sliceBatch(batch, 0, last));
      yield* take();
      hold(sliceBatch(batch, last, batch.rowCount));
    }
    yield* take();
  } catch (error) {
    throw partitionTooLarge(error);
  }
}

/** What is told when rows of a partition take all of the memory. */
function partitionTooLarge(error: unknown): unknown {
  if (!(error instanceof LakeError) || error.code !== "memory_limit_exceeded") return error;
  return new LakeError(
    "memory_limit_exceeded",
    `window needs more than the query's memory budget: one partition is larger than that; add to PARTITION BY, or filter rows first`,
    { details: { ...error.details, operator: "window" }, cause: error },
  );
}

function countRows(batches: readonly Batch[]): number {
  return batches.reduce((sum, { rowCount }) => sum + rowCount, 0);
}

/** Finds the rows of a batch at which a partition starts, the first one too when the rows before belong to another. */
function partitionBoundsOf(
  node: WindowNode,
  context: ExecutionContext,
): (before: Batch | undefined, batch: Batch) => readonly number[] {
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
