// Joins: the right input is held and indexed by its key ids, the left streams past. Without equal keys every pair is
// a candidate, taken in blocks.

import { BATCH_ROWS, gather, nullVector, type Batch, type Vector } from "#columnar";
import type { PlanNode } from "../plan.ts";
import { collectInput } from "./buffered-input.ts";
import { checkpoint, type ExecutionContext } from "./context.ts";
import { compileExpr, type CompiledExpr } from "./expression.ts";
import { RowEncoder } from "./row-encoder.ts";
import { compileSelection, type CompiledSelection } from "./selection.ts";

type JoinNode = Extract<PlanNode, { kind: "join" }>;

/** Right rows by key id: `first[id]`, then `next[row]`; -1 ends. */
interface RightIndex {
  readonly encoder: RowEncoder;
  readonly first: Int32Array;
  readonly next: Int32Array;
}

function indexRight(node: JoinNode, right: Batch, context: ExecutionContext): RightIndex {
  const keys = node.equalKeys.map((pair) => compileExpr(pair.right, context));
  const encoder = new RowEncoder(node.equalKeys.map((pair) => pair.right.type));
  const ids = encoder.encode(
    keys.map((key) => key(right)),
    right.rowCount,
    true,
    rejectedNulls(node),
  );
  const first = new Int32Array(encoder.count).fill(-1);
  const next = new Int32Array(right.rowCount).fill(-1);
  for (let row = right.rowCount - 1; row >= 0; row--) {
    const id = ids[row] as number;
    if (id < 0) continue;
    next[row] = first[id] as number;
    first[id] = row;
  }
  return { encoder, first, next };
}

/** The keys whose NULLs match nothing. */
function rejectedNulls(node: JoinNode): boolean[] {
  return node.equalKeys.map((key) => key.nullsEqual !== true);
}

/** Pairs of rows in order of the left rows, at most about a batch of them. */
interface Pairs {
  readonly left: Int32Array;
  readonly right: Int32Array;
}

function* keyedPairs(index: RightIndex, ids: Int32Array): Generator<Pairs> {
  let left = new Int32Array(BATCH_ROWS);
  let right = new Int32Array(BATCH_ROWS);
  let count = 0;
  const { first, next } = index;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    for (let row = id < 0 ? -1 : (first[id] as number); row >= 0; row = next[row] as number) {
      if (count === BATCH_ROWS) {
        yield { left, right };
        left = new Int32Array(BATCH_ROWS);
        right = new Int32Array(BATCH_ROWS);
        count = 0;
      }
      left[count] = i;
      right[count++] = row;
    }
  }
  if (count > 0) yield { left: left.subarray(0, count), right: right.subarray(0, count) };
}

function* allPairs(leftRows: number, rightRows: number): Generator<Pairs> {
  let left = new Int32Array(BATCH_ROWS);
  let right = new Int32Array(BATCH_ROWS);
  let count = 0;
  for (let i = 0; i < leftRows; i++) {
    for (let row = 0; row < rightRows; row++) {
      if (count === BATCH_ROWS) {
        yield { left, right };
        left = new Int32Array(BATCH_ROWS);
        right = new Int32Array(BATCH_ROWS);
        count = 0;
      }
      left[count] = i;
      right[count++] = row;
    }
  }
  if (count > 0) yield { left: left.subarray(0, count), right: right.subarray(0, count) };
}

function pairBatch(left: Batch, right: Batch, pairs: Pairs): Batch {
  return {
    rowCount: pairs.left.length,
    columns: [
      ...left.columns.map((column) => gather(column, pairs.left)),
      ...right.columns.map((column) => gather(column, pairs.right)),
    ],
  };
}

function unmatchedRows(matched: Uint8Array, wanted: 0 | 1): Int32Array {
  const rows = new Int32Array(matched.length);
  let count = 0;
  for (let i = 0; i < matched.length; i++) if (matched[i] === wanted) rows[count++] = i;
  return rows.subarray(0, count);
}

/** Everything one left batch needs. */
interface Probe {
  readonly node: JoinNode;
  readonly right: Batch;
  readonly index: RightIndex | undefined;
  readonly leftKeys: readonly CompiledExpr[];
  readonly residual: CompiledSelection | undefined;
  readonly rightMatched: Uint8Array | undefined;
}

function* probe(state: Probe, left: Batch): Generator<Batch> {
  const { node, right, index, residual, rightMatched } = state;
  const { joinType } = node;
  const keepsLeft = joinType === "left" || joinType === "full";
  const existence = joinType === "semi" || joinType === "anti";
  const leftMatched = keepsLeft || existence ? new Uint8Array(left.rowCount) : undefined;
  const candidates =
    index === undefined
      ? allPairs(left.rowCount, right.rowCount)
      : keyedPairs(
          index,
          index.encoder.encode(
            state.leftKeys.map((key) => key(left)),
            left.rowCount,
            false,
            rejectedNulls(node),
          ),
        );
  for (const pairs of candidates) {
    let joined: Batch | undefined = existence && residual === undefined ? undefined : pairBatch(left, right, pairs);
    let kept = pairs;
    if (residual !== undefined && joined !== undefined) {
      const rows = residual(joined, undefined);
      if (rows !== undefined) {
        kept = { left: pick(pairs.left, rows), right: pick(pairs.right, rows) };
        joined = existence ? undefined : pairBatch(left, right, kept);
      }
    }
    if (leftMatched !== undefined) for (let k = 0; k < kept.left.length; k++) leftMatched[kept.left[k] as number] = 1;
    if (rightMatched !== undefined) {
      for (let k = 0; k < kept.right.length; k++) rightMatched[kept.right[k] as number] = 1;
    }
    if (!existence && joined !== undefined && joined.rowCount > 0) yield joined;
  }
  if (leftMatched === undefined) return;
  const rows = unmatchedRows(leftMatched, joinType === "semi" ? 1 : 0);
  if (rows.length === 0) return;
  const columns: Vector[] = left.columns.map((column) => gather(column, rows));
  if (keepsLeft) for (const column of right.columns) columns.push(nullVector(column.type, rows.length));
  yield { rowCount: rows.length, columns };
}

function pick(values: Int32Array, rows: Int32Array): Int32Array {
  const out = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i] as number] as number;
  return out;
}

/**
 * Runs a join. Memory: the right input and its index. Order: left rows in order, then, for right and full joins,
 * the unmatched right rows. NULL keys match nothing unless `nullsEqual`.
 */
export async function* executeJoin(
  node: JoinNode,
  leftInput: AsyncIterable<Batch>,
  rightInput: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const account = context.memory.open(`${node.joinType} join`);
  const indexAccount = context.memory.open(`${node.joinType} join`);
  try {
    const right = await collectInput(rightInput, node.right.columns, account, context);
    const { joinType } = node;
    if (
      right.rowCount === 0 &&
      (joinType === "inner" || joinType === "semi" || joinType === "cross" || joinType === "right")
    ) {
      return;
    }
    const index = node.equalKeys.length === 0 ? undefined : indexRight(node, right, context);
    if (index !== undefined) {
      indexAccount.resize(index.encoder.byteSize + index.first.byteLength + index.next.byteLength);
    }
    const keepsRight = joinType === "right" || joinType === "full";
    const state: Probe = {
      node,
      right,
      index,
      leftKeys: node.equalKeys.map((pair) => compileExpr(pair.left, context)),
      residual: node.residual === undefined ? undefined : compileSelection(node.residual, context),
      rightMatched: keepsRight ? new Uint8Array(right.rowCount) : undefined,
    };
    for await (const left of leftInput) {
      if (left.rowCount === 0) continue;
      for (const batch of probe(state, left)) {
        checkpoint(context);
        yield batch;
      }
    }
    if (state.rightMatched === undefined) return;
    const rows = unmatchedRows(state.rightMatched, 0);
    if (rows.length === 0) return;
    const columns: Vector[] = node.left.columns.map((column) => nullVector(column.type, rows.length));
    for (const column of right.columns) columns.push(gather(column, rows));
    yield { rowCount: rows.length, columns };
  } finally {
    account.close();
    indexAccount.close();
  }
}
