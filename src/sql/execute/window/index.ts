// Window calls: rows are put in the window's order, then each call is computed over all of them.

import { BATCH_ROWS, batchByteSize, gatherBatch, sliceBatch, vectorByteSize, type Batch } from "#columnar";
import { windowCallExprs } from "../../expressions.ts";
import type { Expr, PlanNode, SortKey } from "../../plan.ts";
import { collectInput } from "../buffered-input.ts";
import { checkpoint, type ExecutionContext } from "../context.ts";
import { compileKeys } from "../sort.ts";
import { sortRows } from "../sort-rows.ts";
import { aggregateFrames } from "./aggregates.ts";
import { computeFrames } from "./frames.ts";
import { evaluateWindowFunction } from "./functions.ts";
import { createLayout } from "./layout.ts";

type WindowNode = Extract<PlanNode, { kind: "window" }>;

/** Bytes a row takes for one key while sorting, and for its place in partition, peers and one call's frame. */
const KEY_BYTES = 16;
const LAYOUT_BYTES = 24;
const FRAME_BYTES = 8;

/** Every expression the node evaluates on its input's rows. */
export function windowExprs(node: WindowNode): readonly Expr[] {
  return [...node.partitionBy, ...node.orderBy.map((key) => key.expr), ...node.calls.flatMap(windowCallExprs)];
}

/**
 * Runs a window node. Memory: the whole input twice while it is put in order. Errors: `memory_limit_exceeded`,
 * `windowing_error`, what expressions raise.
 */
export async function* executeWindow(
  node: WindowNode,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const account = context.memory.open("window");
  const work = context.memory.open("window");
  try {
    const all = await collectInput(input, node.input.columns, account, context);
    if (all.rowCount === 0) return;
    const bytes = batchByteSize(all);
    const keys = node.partitionBy.length + node.orderBy.length;
    work.resize(bytes + all.rowCount * (keys * KEY_BYTES + LAYOUT_BYTES + FRAME_BYTES));
    const rows = inOrder(all, node, context);
    account.resize(bytes);
    work.resize(all.rowCount * (keys * KEY_BYTES + LAYOUT_BYTES + FRAME_BYTES));
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
      account.resize(bytes + made);
      columns.push(vector);
    }
    const result: Batch = { rowCount: rows.rowCount, columns };
    for (let start = 0; start < result.rowCount; start += BATCH_ROWS) {
      checkpoint(context);
      yield sliceBatch(result, start, Math.min(start + BATCH_ROWS, result.rowCount));
    }
  } finally {
    account.close();
    work.close();
  }
}

function partitionKeys(node: WindowNode, context: ExecutionContext): ReturnType<typeof compileKeys> {
  const keys = node.partitionBy.map((expr): SortKey => ({ expr, descending: false, nullsFirst: false }));
  return compileKeys(keys, context);
}

function inOrder(all: Batch, node: WindowNode, context: ExecutionContext): Batch {
  const keys = [...partitionKeys(node, context)(all), ...compileKeys(node.orderBy, context)(all)];
  return keys.length === 0 ? all : gatherBatch(all, sortRows(keys, all.rowCount));
}
