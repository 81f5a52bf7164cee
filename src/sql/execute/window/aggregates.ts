// Aggregates over frames. A frame that only grows is accumulated once; other frames become groups of one accumulator,
// a chunk of rows at a time.

import { gather, sliceVector, vectorFromScalars, type Batch, type Scalar, type Vector } from "#columnar";
import type { AggregateCall } from "../../plan.ts";
import type { Accumulator } from "../aggregate/accumulator.ts";
import { createAccumulator } from "../aggregate/create.ts";
import { rowReader } from "../build.ts";
import { checkpoint, type ExecutionContext } from "../context.ts";
import { compileExpr } from "../expression.ts";
import { compileSelection } from "../selection.ts";
import { visitFrame, type Frames } from "./frames.ts";
import type { WindowLayout } from "./layout.ts";

/** Rows given to one accumulator at once. */
const CHUNK_ROWS = 65_536;
/** Rows between looks at the clock. */
const CHECK_ROWS = 8192;

/** The aggregate's value for every row. Cost: the sum of the frames' sizes unless frames grow from the partition's start. */
export function aggregateFrames(
  call: AggregateCall,
  rows: Batch,
  frames: Frames,
  layout: WindowLayout,
  context: ExecutionContext,
): Vector {
  const input = frameInputOf(call, rows, context);
  if (frames.isPartition) return overPartitions(input, layout);
  return frames.growsFromStart ? overGrowing(input, frames, layout) : overChunks(input, frames, layout);
}

/** An aggregate's arguments for some rows, and which of them it takes. */
export interface FrameInput {
  readonly call: AggregateCall;
  readonly args: readonly Vector[];
  /** Rows that pass FILTER; undefined when all do. */
  readonly kept: Uint8Array | undefined;
  readonly context: ExecutionContext;
}

/** Evaluates what an aggregate takes of some rows. */
export function frameInputOf(call: AggregateCall, rows: Batch, context: ExecutionContext): FrameInput {
  const args = call.args.map((arg) => compileExpr(arg, context)(rows));
  return { call, args, kept: keptRows(call, rows, context), context };
}

function keptRows(call: AggregateCall, rows: Batch, context: ExecutionContext): Uint8Array | undefined {
  if (call.filter === undefined) return undefined;
  const selected = compileSelection(call.filter, context)(rows, undefined);
  if (selected === undefined) return undefined;
  const kept = new Uint8Array(rows.rowCount);
  for (const row of selected) kept[row] = 1;
  return kept;
}

function takeRows(input: FrameInput, accumulator: Accumulator, rows: Int32Array, groups: Int32Array | undefined): void {
  if (rows.length === 0) return;
  accumulator.update(
    groups,
    input.args.map((arg) => gather(arg, rows)),
    rows.length,
  );
}

function overPartitions(input: FrameInput, layout: WindowLayout): Vector {
  const { call, args, kept, context } = input;
  const partitions = layout.partitionBounds.length - 1;
  const accumulator = createAccumulator(call, context);
  accumulator.reserve(partitions);
  if (kept === undefined) {
    if (layout.rowCount > 0) accumulator.update(layout.partitionOf, args, layout.rowCount);
  } else {
    const rows = Int32Array.from({ length: layout.rowCount }, (_, row) => row).filter((row) => kept[row] === 1);
    takeRows(
      input,
      accumulator,
      rows,
      rows.map((row) => layout.partitionOf[row] as number),
    );
  }
  return gather(accumulator.finish(partitions), layout.partitionOf);
}

/** Adds rows `from` to `to`, end exclusive, to group 0. */
export function addSpan(input: FrameInput, accumulator: Accumulator, from: number, to: number): void {
  const { args, kept } = input;
  if (kept === undefined) {
    accumulator.update(
      undefined,
      args.map((arg) => sliceVector(arg, from, to)),
      to - from,
    );
    return;
  }
  const rows: number[] = [];
  for (let row = from; row < to; row++) if (kept[row] === 1) rows.push(row);
  takeRows(input, accumulator, Int32Array.from(rows), undefined);
}

function overGrowing(input: FrameInput, frames: Frames, layout: WindowLayout): Vector {
  const { call, context } = input;
  const values: Scalar[] = [];
  let partition = -1;
  let accumulator = createAccumulator(call, context);
  let added = 0;
  let value: Scalar = null;
  for (let row = 0; row < layout.rowCount; row++) {
    if (row % CHECK_ROWS === 0) checkpoint(context);
    const end = frames.end[row] as number;
    const isNew = layout.partitionOf[row] !== partition;
    if (isNew) {
      partition = layout.partitionOf[row] as number;
      accumulator = createAccumulator(call, context);
      accumulator.reserve(1);
      added = frames.start[row] as number;
    }
    if (isNew || end > added) {
      if (end > added) addSpan(input, accumulator, added, end);
      added = Math.max(added, end);
      value = rowReader(accumulator.finish(1))(0);
    }
    values.push(value);
  }
  return vectorFromScalars(call.type, values);
}

function overChunks(input: FrameInput, frames: Frames, layout: WindowLayout): Vector {
  const { call, kept, context } = input;
  const values: Scalar[] = [];
  let rows: number[] = [];
  let groups: number[] = [];
  let groupOfRow: number[] = [];
  let groupCount = 0;
  const flush = (): void => {
    checkpoint(context);
    const accumulator = createAccumulator(call, context);
    accumulator.reserve(groupCount);
    takeRows(input, accumulator, Int32Array.from(rows), Int32Array.from(groups));
    const read = rowReader(accumulator.finish(groupCount));
    for (const group of groupOfRow) values.push(read(group));
    rows = [];
    groups = [];
    groupOfRow = [];
    groupCount = 0;
  };
  for (let row = 0; row < layout.rowCount; row++) {
    const repeats =
      groupOfRow.length > 0 &&
      frames.exclude === "none" &&
      frames.start[row] === frames.start[row - 1] &&
      frames.end[row] === frames.end[row - 1];
    if (!repeats) {
      if (rows.length >= CHUNK_ROWS || groupOfRow.length >= CHUNK_ROWS) flush();
      const group = groupCount++;
      visitFrame(frames, layout, row, (from, to) => {
        for (let at = from; at < to; at++) {
          if (kept !== undefined && kept[at] !== 1) continue;
          rows.push(at);
          groups.push(group);
        }
      });
    }
    groupOfRow.push(groupCount - 1);
  }
  if (groupOfRow.length > 0) flush();
  return vectorFromScalars(call.type, values);
}
