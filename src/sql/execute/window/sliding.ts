// Window calls that look at rows around theirs: only the rows that a frame still needs are held.

import {
  BATCH_ROWS,
  batchByteSize,
  concatBatches,
  sliceBatch,
  vectorByteSize,
  type Batch,
  type Vector,
} from "#columnar";
import { LakeError } from "#core";
import type { PlanNode, WindowCall } from "../../plan.ts";
import { checkpoint, type ExecutionContext } from "../context.ts";
import { compileKeys } from "../sort.ts";
import { aggregateFrames } from "./aggregates.ts";
import { computeFrames } from "./frames.ts";
import { evaluateWindowFunction } from "./functions.ts";
import { createLayout } from "./layout.ts";

type WindowNode = Extract<PlanNode, { kind: "window" }>;

/** A call, and how many rows away the only row is that it looks at; undefined: it looks at its frame. */
export interface SlidingCall {
  readonly call: WindowCall;
  readonly shift: number | undefined;
}

/** Rows are evaluated together up to this part of the budget, and more where frames are larger. */
const CHUNK_SHARE = 1 / 32;
/** Bytes of a row's place among its peers and of one call's frame. */
const LAYOUT_BYTES = 16;
const FRAME_BYTES = 8;

/**
 * The rows of one partition with a column for each call after theirs.
 *
 * Memory: the rows from the first that a frame needs to the last, twice, so that no row is looked at more than about
 * three times. Errors: `memory_limit_exceeded` when frames are too large; `windowing_error`.
 */
export async function* slide(
  node: WindowNode,
  calls: readonly SlidingCall[],
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const account = context.memory.open("window");
  const enough = context.memory.limitBytes * CHUNK_SHARE;
  let held: Batch[] = [];
  let heldRows = 0;
  let bytes = 0;
  /** Held rows before this one have left and are there for frames only. */
  let left = 0;
  const hold = (batch: Batch): void => {
    held.push(batch);
    heldRows += batch.rowCount;
    bytes += batchByteSize(batch);
    account.resize(heldBytes(bytes, heldRows, calls.length));
  };
  const evaluate = function* (isEnd: boolean): Generator<Batch> {
    if (heldRows === 0) return;
    const rows = concatBatches(held);
    const { ready, needed, columns } = evaluateHeld(node, calls, rows, isEnd, context);
    const made = columns.reduce((sum, column) => sum + vectorByteSize(column), 0);
    account.resize(heldBytes(bytes, heldRows, calls.length) + made);
    const result: Batch = { rowCount: heldRows, columns: [...rows.columns, ...columns] };
    for (let start = left; start < ready; start += BATCH_ROWS) {
      checkpoint(context);
      yield sliceBatch(result, start, Math.min(ready, start + BATCH_ROWS));
    }
    const first = Math.min(needed, Math.max(left, ready));
    left = Math.max(left, ready) - first;
    held = [];
    heldRows = 0;
    bytes = 0;
    if (first < rows.rowCount) hold(sliceBatch(rows, first, rows.rowCount));
  };
  try {
    for await (const batch of input) {
      checkpoint(context);
      hold(batch);
      // As many rows at once as are there for frames only: each is evaluated little more often than it leaves.
      const isMany = heldRows - left >= left && (heldRows - left >= BATCH_ROWS || bytes >= enough);
      if (isMany || account.crowds(heldBytes(bytes, heldRows, calls.length))) yield* evaluate(false);
    }
    yield* evaluate(true);
  } catch (error) {
    throw frameTooLarge(error);
  } finally {
    account.close();
  }
}

/** What is told when the rows of a frame take all of the memory. */
function frameTooLarge(error: unknown): unknown {
  if (!(error instanceof LakeError) || error.code !== "memory_limit_exceeded") return error;
  const { operator } = error.details ?? {};
  if (operator !== "window") return error;
  return new LakeError(
    "memory_limit_exceeded",
    "window needs more than the query's memory budget: the rows of a frame, or those between a row and its lag or lead, " +
      "are more than that; narrow the frame, or select fewer columns",
    { details: error.details, cause: error },
  );
}

/** Bytes of rows, their joined copy and their frames. */
function heldBytes(bytes: number, rowCount: number, calls: number): number {
  return bytes * 2 + rowCount * (LAYOUT_BYTES + calls * FRAME_BYTES);
}

interface Evaluated {
  /** Values of rows before this one are final. */
  readonly ready: number;
  /** The first row that later rows look at. */
  readonly needed: number;
  /** The calls' values; those of rows from `ready` on are not final. */
  readonly columns: readonly Vector[];
}

function evaluateHeld(
  node: WindowNode,
  calls: readonly SlidingCall[],
  rows: Batch,
  isEnd: boolean,
  context: ExecutionContext,
): Evaluated {
  const { rowCount } = rows;
  const layout = createLayout([], compileKeys(node.orderBy, context)(rows), rowCount);
  const framed = calls.map(({ call, shift }) => {
    return { call, shift, frames: computeFrames(call.frame, node.orderBy, rows, layout, context) };
  });
  let ready = rowCount;
  if (!isEnd) {
    for (const { shift, frames } of framed) {
      if (shift !== undefined) ready = Math.min(ready, rowCount - Math.max(0, shift));
      // A frame that reaches the last row at hand may reach further; later frames end no earlier.
      else while (ready > 0 && (frames.end[ready - 1] as number) >= rowCount) ready--;
    }
    ready = Math.max(0, ready);
  }
  let needed = ready;
  for (const { shift, frames } of framed) {
    if (shift !== undefined) needed = Math.min(needed, ready + Math.min(0, shift));
    // Frames start no earlier than those of rows before.
    else needed = Math.min(needed, frames.start[Math.min(ready, rowCount - 1)] as number);
  }
  const columns = framed.map(({ call: { call, isAggregate }, frames }) =>
    isAggregate
      ? aggregateFrames(call, rows, frames, layout, context)
      : evaluateWindowFunction(call, rows, frames, layout, context),
  );
  return { ready, needed: Math.max(0, needed), columns };
}
