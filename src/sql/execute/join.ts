// Joins: the right input is held and indexed by its key ids, the left streams past. Without equal keys every pair is
// a candidate, taken in blocks.

import { BATCH_ROWS, gather, nullVector, type Batch, type Vector } from "#columnar";
import type { JoinKey, PlanNode } from "../plan.ts";
import { invariant } from "#core";
import { holdInput, joinHeld } from "./buffered-input.ts";
import { checkpoint, noteSpilled, type ExecutionContext } from "./context.ts";
import { compileExpr, type CompiledExpr } from "./expression.ts";
import { forgetKeys, tellKeys } from "./found-conditions.ts";
import { RowEncoder } from "./row-encoder.ts";
import { compileSelection, type CompiledSelection } from "./selection.ts";
import { MAX_DIVISIONS, PartitionSpiller } from "./spill/partitions.ts";
import type { SpilledRows } from "./spill/rows.ts";

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
 * Runs a join. Memory: the right input and its index; where they crowd it and there are keys, both inputs are put
 * aside by their keys and joined part by part. Order: left rows in order within a part, then, for right and full joins,
 * the unmatched right rows. NULL keys match nothing unless `nullsEqual`.
 */
export async function* executeJoin(
  node: JoinNode,
  leftInput: AsyncIterable<Batch>,
  rightInput: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  yield* joinRows({ node, division: 0 }, leftInput, rightInput, context);
}

/** What is joined: all rows, or a part of them. */
interface Joined {
  readonly node: JoinNode;
  /** How often the rows were divided. */
  readonly division: number;
}

/** Bytes of a right row in the index: its place in a chain, and for each key its id, entry and slots. */
const CHAIN_BYTES = 16;
const KEY_BYTES = 48;

async function* joinRows(
  joined: Joined,
  leftInput: AsyncIterable<Batch>,
  rightInput: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const { node, division } = joined;
  const { joinType } = node;
  const account = context.memory.open(`${joinType} join`);
  const indexAccount = context.memory.open(`${joinType} join`);
  let aside: readonly SpilledRows[] | undefined;
  try {
    const held = await holdInput(rightInput, account, context, (bytes, rowCount) => {
      const canDivide = context.spill !== undefined && node.equalKeys.length > 0 && division < MAX_DIVISIONS;
      // While they are joined to one batch, the rows are there twice.
      return canDivide && account.crowds(bytes * 2 + rowCount * (CHAIN_BYTES + node.equalKeys.length * KEY_BYTES));
    });
    if (held.rest !== undefined) {
      aside = await divide(joined, "right", held.batches, held.rest, context, () => account.resize(0));
    } else {
      const right = joinHeld(held.batches, node.right.columns, account);
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
      tellKeys(
        node,
        (key) => compileExpr((node.equalKeys[key] as JoinKey).right, context)(right),
        right.rowCount,
        context,
      );
      yield* probeAll(node, leftInput, right, index, context);
      return;
    }
  } finally {
    forgetKeys(node, context);
    account.close();
    indexAccount.close();
  }
  const left = await divide(joined, "left", [], leftInput, context);
  for (const [part, rightRows] of aside.entries()) {
    const leftRows = left[part];
    if (leftRows === undefined || (leftRows.rowCount === 0 && rightRows.rowCount === 0)) continue;
    yield* joinRows({ node, division: division + 1 }, leftRows.read(), rightRows.read(), context);
  }
}

/** Puts one side of a join aside by its keys. `whenHeldIsOut` is called once `held` was written. */
async function divide(
  { node, division }: Joined,
  side: "left" | "right",
  held: readonly Batch[],
  rest: AsyncIterable<Batch>,
  context: ExecutionContext,
  whenHeldIsOut?: () => void,
): Promise<readonly SpilledRows[]> {
  const { spill } = context;
  invariant(spill !== undefined, "rows are divided where there is room for them");
  const types = node[side].columns.map(({ type }) => type);
  const keys = node.equalKeys.map((pair) => compileExpr(pair[side], context));
  const spiller = new PartitionSpiller(spill, types, division, `${node.joinType} join`, context);
  const put = (batch: Batch): Promise<void> =>
    spiller.add(
      batch,
      keys.map((key) => key(batch)),
    );
  for (const batch of held) await put(batch);
  whenHeldIsOut?.();
  for await (const batch of rest) {
    checkpoint(context);
    if (batch.rowCount > 0) await put(batch);
  }
  const parts = await spiller.finish();
  for (const { bytes } of parts) noteSpilled(context, node, bytes);
  return parts;
}

async function* probeAll(
  node: JoinNode,
  leftInput: AsyncIterable<Batch>,
  right: Batch,
  index: RightIndex | undefined,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const { joinType } = node;
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
}
