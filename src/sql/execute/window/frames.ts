// The frame of every row: which rows of its partition a call sees. Source: PostgreSQL manual, "Window Function Calls".

import { LakeError } from "#core";
import type { Batch, Scalar } from "#columnar";
import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { FrameBound, SortKey, WindowFrame } from "../../plan.ts";
import { scalarComparator } from "../../values/index.ts";
import { rowReader, type RowReader } from "../build.ts";
import { compileExpr, evaluateConstant } from "../expression.ts";
import { partitionEnd, partitionStart, peersEnd, peersStart, type WindowLayout } from "./layout.ts";

/** Frames before exclusion: rows `start[i]` to `end[i]`, exclusive; empty when they are equal. */
export interface Frames {
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly exclude: WindowFrame["exclude"];
  /** Every frame starts its partition and ends no earlier than the one before: values can be built up row by row. */
  readonly growsFromStart: boolean;
  /** Every frame is its whole partition. */
  readonly isPartition: boolean;
}

/** Computes the frames of all rows. Errors: `windowing_error` for an offset that is NULL or negative. */
export function computeFrames(
  frame: WindowFrame,
  orderBy: readonly SortKey[],
  rows: Batch,
  layout: WindowLayout,
  env: EvaluationEnvironment,
): Frames {
  const edge = { frame, orderBy, rows, layout, env };
  const start = edgeOf(edge, frame.start, "start");
  const end = edgeOf(edge, frame.end, "end");
  for (let row = 0; row < layout.rowCount; row++) {
    if ((end[row] as number) < (start[row] as number)) end[row] = start[row] as number;
  }
  const growsFromStart = frame.start.kind === "unbounded" && frame.exclude === "none";
  return {
    start,
    end,
    exclude: frame.exclude,
    growsFromStart,
    isPartition: growsFromStart && frame.end.kind === "unbounded",
  };
}

interface EdgeContext {
  readonly frame: WindowFrame;
  readonly orderBy: readonly SortKey[];
  readonly rows: Batch;
  readonly layout: WindowLayout;
  readonly env: EvaluationEnvironment;
}

function edgeOf(context: EdgeContext, bound: FrameBound, side: "start" | "end"): Int32Array {
  const { frame, layout } = context;
  const isStart = side === "start";
  const out = new Int32Array(layout.rowCount);
  switch (bound.kind) {
    case "unbounded":
      for (let row = 0; row < out.length; row++) {
        out[row] = isStart ? partitionStart(layout, row) : partitionEnd(layout, row);
      }
      return out;
    case "current_row":
      for (let row = 0; row < out.length; row++) {
        if (frame.mode === "rows") out[row] = isStart ? row : row + 1;
        else out[row] = isStart ? peersStart(layout, row) : peersEnd(layout, row);
      }
      return out;
    case "offset": {
      const count = frameOffset(evaluateConstant(bound.offset, context.env), side);
      const signed = bound.direction === "preceding" ? -count : count;
      if (frame.mode === "rows") rowEdge(layout, signed, isStart, out);
      else groupEdge(layout, signed, isStart, out);
      return out;
    }
    case "value": {
      frameOffset(evaluateConstant(bound.offset, context.env), side);
      valueEdge(context, bound.value, isStart, out);
      return out;
    }
  }
}

/** An offset as a number, where it is one. Errors: `windowing_error`. */
function frameOffset(value: Scalar, side: "start" | "end"): number {
  if (value === null) throw offsetError(`Frame ${side === "start" ? "starting" : "ending"} offset must not be null.`);
  if (isNegative(value)) {
    throw offsetError(`Frame ${side === "start" ? "starting" : "ending"} offset must not be negative.`);
  }
  return typeof value === "bigint" || typeof value === "number" ? Number(value) : 0;
}

function isNegative(value: Scalar): boolean {
  if (typeof value === "number" || typeof value === "bigint") return value < 0;
  if (value === null || typeof value !== "object") return false;
  if ("unscaled" in value) return (value.unscaled as bigint) < 0n;
  if ("months" in value && "days" in value && "micros" in value) {
    // PostgreSQL compares intervals with months of 30 days and days of 24 hours.
    return (Number(value.months) * 30 + Number(value.days)) * 86_400_000_000 + Number(value.micros) < 0;
  }
  return false;
}

function offsetError(message: string): LakeError {
  return new LakeError("windowing_error", message);
}

function clamp(value: number, least: number, most: number): number {
  return value < least ? least : value > most ? most : value;
}

function rowEdge(layout: WindowLayout, offset: number, isStart: boolean, out: Int32Array): void {
  for (let row = 0; row < out.length; row++) {
    const at = row + offset + (isStart ? 0 : 1);
    out[row] = clamp(at, partitionStart(layout, row), partitionEnd(layout, row));
  }
}

function groupEdge(layout: WindowLayout, offset: number, isStart: boolean, out: Int32Array): void {
  const { peersOf, peerBounds } = layout;
  for (let row = 0; row < out.length; row++) {
    const first = peersOf[partitionStart(layout, row)] as number;
    const last = peersOf[partitionEnd(layout, row) - 1] as number;
    const group = (peersOf[row] as number) + offset + (isStart ? 0 : 1);
    out[row] = peerBounds[clamp(group, first, last + 1)] as number;
  }
}

/** RANGE with an offset: the bound values rise with the order values, so both are walked once a partition. */
function valueEdge(context: EdgeContext, value: FrameValue, isStart: boolean, out: Int32Array): void {
  const { frame, orderBy, rows, layout, env } = context;
  const key = frame.rangeKey;
  if (key === undefined) return;
  const compare = scalarComparator(key.type);
  const keyAt: RowReader = rowReader(compileExpr(key, env)(rows));
  const boundAt: RowReader = rowReader(compileExpr(value, env)(rows));
  const sign = orderBy[0]?.descending === true ? -1 : 1;
  const { partitionBounds } = layout;
  for (let partition = 0; partition + 1 < partitionBounds.length; partition++) {
    let from = partitionBounds[partition] as number;
    let to = partitionBounds[partition + 1] as number;
    const nulls = (row: number): void => {
      out[row] = isStart ? peersStart(layout, row) : peersEnd(layout, row);
    };
    for (; from < to && keyAt(from) === null; from++) nulls(from);
    for (; to > from && keyAt(to - 1) === null; to--) nulls(to - 1);
    let at = from;
    for (let row = from; row < to; row++) {
      const bound = boundAt(row);
      for (; at < to; at++) {
        const order = compare(keyAt(at), bound) * sign;
        if (isStart ? order >= 0 : order > 0) break;
      }
      out[row] = at;
    }
  }
}

type FrameValue = Extract<FrameBound, { kind: "value" }>["value"];

/** Calls `visit` with each run of rows, end exclusive, that the row's frame keeps after exclusion. */
export function visitFrame(
  frames: Frames,
  layout: WindowLayout,
  row: number,
  visit: (from: number, to: number) => void,
): void {
  const start = frames.start[row] as number;
  const end = frames.end[row] as number;
  const span = (from: number, to: number): void => {
    const first = Math.max(from, start);
    const last = Math.min(to, end);
    if (first < last) visit(first, last);
  };
  switch (frames.exclude) {
    case "none":
      span(start, end);
      return;
    case "current_row":
      span(start, row);
      span(row + 1, end);
      return;
    case "group":
      span(start, peersStart(layout, row));
      span(peersEnd(layout, row), end);
      return;
    case "ties":
      span(start, peersStart(layout, row));
      span(row, row + 1);
      span(peersEnd(layout, row), end);
      return;
  }
}
