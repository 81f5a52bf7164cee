// Probing: rows of a join's streamed input meet the rows it holds. Only columns that somebody reads are gathered.

import { BATCH_ROWS, constantVector, gather, nullVector, type Batch, type FlatVector, type Vector } from "#columnar";
import type { PlanNode } from "../plan.ts";
import { columnsUsed } from "./columns-used.ts";
import type { ExecutionContext } from "./context.ts";
import { compileExpr, type CompiledExpr } from "./expression.ts";
import type { JoinIndex } from "./join-index.ts";
import { compileSelection, type CompiledSelection } from "./selection.ts";

type JoinNode = Extract<PlanNode, { kind: "join" }>;

/** Columns of a join's two inputs side by side that somebody reads. */
export type Wanted = ReadonlySet<number> | "all";

/** Pairs of a left and a right row, in order of the streamed input's rows. `left` undefined: each left row once. */
interface Pairs {
  readonly count: number;
  readonly left: Int32Array | undefined;
  readonly right: Int32Array;
}

/** Everything that batches of the streamed input need. */
export interface Probe {
  readonly node: JoinNode;
  /** The held rows and their index; without keys there is none. */
  readonly held: Batch;
  readonly index: JoinIndex | undefined;
  readonly streamedKeys: readonly CompiledExpr[];
  readonly residual: CompiledSelection | undefined;
  readonly residualColumns: ReadonlySet<number>;
  readonly wanted: Wanted;
  /** One byte a held row, 1 once it had a partner; kept where the join asks for it. */
  readonly heldMatched: Uint8Array | undefined;
}

/** Prepares probing. `streamed` is the side that is not held. */
export function createProbe(
  node: JoinNode,
  streamed: "left" | "right",
  held: Batch,
  index: JoinIndex | undefined,
  wanted: Wanted,
  context: ExecutionContext,
): Probe {
  const { joinType, residual } = node;
  const marks = streamed === "right" || joinType === "right" || joinType === "full";
  return {
    node,
    held,
    index,
    streamedKeys: node.equalKeys.map((pair) => compileExpr(pair[streamed], context)),
    residual: residual === undefined ? undefined : compileSelection(residual, context),
    residualColumns: residual === undefined ? new Set() : columnsUsed(residual),
    wanted,
    heldMatched: marks ? new Uint8Array(held.rowCount) : undefined,
  };
}

function idsOf({ index, streamedKeys }: Probe, batch: Batch): Int32Array | undefined {
  return index?.find(
    streamedKeys.map((key) => key(batch)),
    batch.rowCount,
  );
}

/** Pairs where each key has one held row at most. */
function uniquePairs(first: Int32Array, ids: Int32Array): Pairs {
  const left = new Int32Array(ids.length);
  const right = new Int32Array(ids.length);
  let count = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (id < 0) continue;
    const row = first[id] as number;
    left[count] = i;
    right[count] = row;
    if (row >= 0) count++;
  }
  if (count === ids.length) return { count, left: undefined, right };
  return { count, left: left.subarray(0, count), right: right.subarray(0, count) };
}

/** Collects pairs until they make a batch. */
class PairBlock {
  private left = new Int32Array(0);
  private right = new Int32Array(0);
  count = 0;

  get isFull(): boolean {
    return this.count === BATCH_ROWS;
  }

  add(left: number, right: number): void {
    if (this.count === 0) {
      this.left = new Int32Array(BATCH_ROWS);
      this.right = new Int32Array(BATCH_ROWS);
    }
    this.left[this.count] = left;
    this.right[this.count++] = right;
  }

  /** Hands the pairs over and begins anew. */
  take(): Pairs {
    const { count } = this;
    this.count = 0;
    return { count, left: this.left.subarray(0, count), right: this.right.subarray(0, count) };
  }
}

/** Pairs where a key may have several held rows. */
function* chainedPairs(first: Int32Array, next: Int32Array, ids: Int32Array): Generator<Pairs> {
  const block = new PairBlock();
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    for (let row = id < 0 ? -1 : (first[id] as number); row >= 0; row = next[row] as number) {
      if (block.isFull) yield block.take();
      block.add(i, row);
    }
  }
  if (block.count > 0) yield block.take();
}

function* allPairs(leftRows: number, rightRows: number): Generator<Pairs> {
  const block = new PairBlock();
  for (let i = 0; i < leftRows; i++) {
    for (let row = 0; row < rightRows; row++) {
      if (block.isFull) yield block.take();
      block.add(i, row);
    }
  }
  if (block.count > 0) yield block.take();
}

function pairsOf(
  index: JoinIndex | undefined,
  ids: Int32Array | undefined,
  streamed: Batch,
  held: Batch,
): Iterable<Pairs> {
  if (index === undefined || ids === undefined) return allPairs(streamed.rowCount, held.rowCount);
  if (index.next !== undefined) return chainedPairs(index.first, index.next, ids);
  const pairs = uniquePairs(index.first, ids);
  return pairs.count === 0 ? [] : [pairs];
}

/** Rows of a column, or nothing where nobody reads them. */
function taken(column: Vector, rows: Int32Array | undefined, count: number, isWanted: boolean): Vector {
  if (!isWanted) return constantVector(column.type, null, count);
  if (rows === undefined) return column;
  if (!isRepeated(column, count)) return gather(column, rows);
  return {
    encoding: "dictionary",
    type: column.type,
    length: count,
    codes: rows,
    dictionary: column,
    validity: undefined,
  };
}

/** Whether texts occur so often that they are better told by their row than copied: who groups by them reads each once. */
function isRepeated(column: Vector, count: number): column is FlatVector {
  return (
    column.encoding === "flat" &&
    column.type.kind === "string" &&
    column.validity === undefined &&
    column.length > 0 &&
    column.length <= count
  );
}

function isIn(wanted: Wanted, index: number): boolean {
  return wanted === "all" || wanted.has(index);
}

function pairBatch(
  left: Batch,
  right: Batch,
  { count, left: leftRows, right: rightRows }: Pairs,
  wanted: Wanted,
): Batch {
  const width = left.columns.length;
  return {
    rowCount: count,
    columns: [
      ...left.columns.map((column, i) => taken(column, leftRows, count, isIn(wanted, i))),
      ...right.columns.map((column, i) => taken(column, rightRows, count, isIn(wanted, width + i))),
    ],
  };
}

/** The pairs that fulfil the rest of the condition. */
function fulfilling({ residual, residualColumns }: Probe, left: Batch, right: Batch, pairs: Pairs): Pairs {
  if (residual === undefined) return pairs;
  const rows = residual(pairBatch(left, right, pairs, residualColumns), undefined);
  if (rows === undefined) return pairs;
  const of = pairs.left;
  return {
    count: rows.length,
    left: of === undefined ? rows : pick(of, rows),
    right: pick(pairs.right, rows),
  };
}

function pick(values: Int32Array, rows: Int32Array): Int32Array {
  const out = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i] as number] as number;
  return out;
}

function mark(matched: Uint8Array, rows: Int32Array | undefined): void {
  if (rows === undefined) matched.fill(1);
  else for (let k = 0; k < rows.length; k++) matched[rows[k] as number] = 1;
}

/** The rows that are marked, or those that are not. */
function markedRows(matched: Uint8Array, wanted: 0 | 1): Int32Array {
  const rows = new Int32Array(matched.length);
  let count = 0;
  for (let i = 0; i < matched.length; i++) if (matched[i] === wanted) rows[count++] = i;
  return rows.subarray(0, count);
}

/** Marks the rows whose key some held row has. */
function markFound(matched: Uint8Array, { first }: JoinIndex, ids: Int32Array): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (id >= 0 && (first[id] as number) >= 0) matched[i] = 1;
  }
}

/** What a batch of the left input gives, with the right one held; undefined after pairs that gave nothing. */
export function* probeLeft(state: Probe, left: Batch): Generator<Batch | undefined> {
  const { node, held: right, index, residual, wanted, heldMatched } = state;
  const { joinType } = node;
  const keepsLeft = joinType === "left" || joinType === "full";
  const existence = joinType === "semi" || joinType === "anti";
  const leftMatched = keepsLeft || existence ? new Uint8Array(left.rowCount) : undefined;
  const ids = idsOf(state, left);
  if (existence && residual === undefined && index !== undefined && ids !== undefined && leftMatched !== undefined) {
    markFound(leftMatched, index, ids);
  } else {
    for (const candidates of pairsOf(index, ids, left, right)) {
      const pairs = fulfilling(state, left, right, candidates);
      if (leftMatched !== undefined) mark(leftMatched, pairs.left);
      if (heldMatched !== undefined) mark(heldMatched, pairs.right);
      yield existence || pairs.count === 0 ? undefined : pairBatch(left, right, pairs, wanted);
    }
  }
  if (leftMatched === undefined) return;
  const rows = markedRows(leftMatched, joinType === "semi" ? 1 : 0);
  if (rows.length === 0) return;
  const whole = rows.length === left.rowCount ? undefined : rows;
  const columns = left.columns.map((column, i) => taken(column, whole, rows.length, isIn(wanted, i)));
  if (keepsLeft) for (const column of right.columns) columns.push(nullVector(column.type, rows.length));
  yield { rowCount: rows.length, columns };
}

/** The rows of the held right input that had no partner, with nulls for the left one. */
export function unmatchedRight({ node, held, heldMatched, wanted }: Probe): Batch | undefined {
  if (heldMatched === undefined) return undefined;
  const rows = markedRows(heldMatched, 0);
  if (rows.length === 0) return undefined;
  const columns: Vector[] = node.left.columns.map((column) => nullVector(column.type, rows.length));
  const width = columns.length;
  for (const [i, column] of held.columns.entries()) {
    columns.push(taken(column, rows, rows.length, isIn(wanted, width + i)));
  }
  return { rowCount: rows.length, columns };
}

/** Marks the held left rows of a semi or anti join that have a partner in a batch of the right input. */
export function markHeldLeft(state: Probe, right: Batch): void {
  const { held: left, index, residual, heldMatched } = state;
  const ids = idsOf(state, right);
  if (index === undefined || ids === undefined || heldMatched === undefined) return;
  const { first, next } = index;
  if (residual === undefined) {
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number;
      let row = id < 0 ? -1 : (first[id] as number);
      // A key that was met has all its rows marked.
      if (row < 0 || heldMatched[row] === 1) continue;
      for (; row >= 0; row = next === undefined ? -1 : (next[row] as number)) heldMatched[row] = 1;
    }
    return;
  }
  for (const { count, left: streamedRows, right: heldRows } of pairsOf(index, ids, right, left)) {
    const candidates = { count, left: heldRows, right: streamedRows ?? identity(count) };
    const pairs = fulfilling(state, left, right, unmatchedPairs(candidates, heldMatched));
    mark(heldMatched, pairs.left);
  }
}

/** The held left rows that a semi or anti join keeps, a batch at a time. */
export function* gatherMarked({ node, held, heldMatched, wanted }: Probe): Generator<Batch> {
  if (heldMatched === undefined) return;
  const rows = markedRows(heldMatched, node.joinType === "semi" ? 1 : 0);
  for (let start = 0; start < rows.length; start += BATCH_ROWS) {
    const part = rows.subarray(start, Math.min(rows.length, start + BATCH_ROWS));
    const columns = held.columns.map((column, i) => taken(column, part, part.length, isIn(wanted, i)));
    yield { rowCount: part.length, columns };
  }
}

/** Pairs whose held row has no partner yet. */
function unmatchedPairs(pairs: { count: number; left: Int32Array; right: Int32Array }, matched: Uint8Array): Pairs {
  const rows = new Int32Array(pairs.count);
  let count = 0;
  for (let k = 0; k < pairs.count; k++) if (matched[pairs.left[k] as number] === 0) rows[count++] = k;
  if (count === pairs.count) return pairs;
  const kept = rows.subarray(0, count);
  return { count, left: pick(pairs.left, kept), right: pick(pairs.right, kept) };
}

function identity(count: number): Int32Array {
  const rows = new Int32Array(count);
  for (let i = 0; i < count; i++) rows[i] = i;
  return rows;
}
