// Joins: one input is held and indexed by its key ids, the other streams past. Without equal keys every pair is a
// candidate, taken in blocks.

import type { Batch, Vector } from "#columnar";
import type { JoinKey, PlanNode } from "../plan.ts";
import { invariant } from "#core";
import { holdInput, joinHeld } from "./buffered-input.ts";
import { breathe, checkpoint, noteSpilled, type ExecutionContext } from "./context.ts";
import { compileExpr } from "./expression.ts";
import { forgetKeys, tellKeys } from "./found-conditions.ts";
import { hasIntegerKeys, indexRows, type JoinIndex } from "./join-index.ts";
import { createProbe, gatherMarked, markHeldLeft, probeLeft, unmatchedRight, type Wanted } from "./join-probe.ts";
import { MAX_DIVISIONS, PartitionSpiller } from "./spill/partitions.ts";
import type { SpilledRows } from "./spill/rows.ts";

/** Rows that are held are divided by this for the account, which counts what it is asked about twice. */
const HELD_GROWTH = 1.5;

type JoinNode = Extract<PlanNode, { kind: "join" }>;

/**
 * Runs a join. Of its output columns only those wanted are computed, the others are null constants.
 *
 * Memory: the right input, or the left one where the plan says so, and its index; where they crowd it and there are
 * keys, both inputs are put aside by their keys and joined part by part. Order: left rows in order within a part, then,
 * for right and full joins, the unmatched right rows. NULL keys match nothing unless `nullsEqual`.
 */
export async function* executeJoin(
  node: JoinNode,
  leftInput: AsyncIterable<Batch>,
  rightInput: AsyncIterable<Batch>,
  wanted: Wanted,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  yield* joinRows({ node, wanted, division: 0 }, leftInput, rightInput, context);
}

/** What is joined: all rows, or a part of them. */
interface Joined {
  readonly node: JoinNode;
  readonly wanted: Wanted;
  /** How often the rows were divided. */
  readonly division: number;
}

/** Bytes of a held row in the index: its place in a chain, and for each key its id, entry and slots. */
const CHAIN_BYTES = 16;
const KEY_BYTES = 48;

/** Keys that are all integers are one number. */
function indexBytesOf({ equalKeys }: JoinNode): number {
  const isOne = equalKeys.every(({ left, right }) => hasIntegerKeys(left.type, right.type));
  return CHAIN_BYTES + (isOne ? 1 : equalKeys.length) * KEY_BYTES;
}

async function* joinRows(
  joined: Joined,
  leftInput: AsyncIterable<Batch>,
  rightInput: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const { node, division } = joined;
  const { joinType } = node;
  const heldSide = node.holdsLeft === true ? "left" : "right";
  const streamedSide = heldSide === "left" ? "right" : "left";
  const inputs = { left: leftInput, right: rightInput };
  const remedy =
    node.equalKeys.length === 0
      ? "it has no equal condition to divide its rows by; add one, or filter its smaller input"
      : "too many of its rows share a key; add to the condition, or aggregate an input first";
  const account = context.memory.open(`${joinType} join`, remedy);
  const indexAccount = context.memory.open(`${joinType} join`, remedy);
  const rowBytes = indexBytesOf(node);
  let aside: readonly SpilledRows[] | undefined;
  try {
    const { batches, rest } = await holdInput(inputs[heldSide], account, context, (bytes, rowCount) => {
      const canDivide = context.spill !== undefined && node.equalKeys.length > 0 && division < MAX_DIVISIONS;
      // The account counts what operators double as they grow; of a join's rows only the index comes on top, and what is
      // made to join or divide them.
      return canDivide && account.crowds((bytes + rowCount * rowBytes) / HELD_GROWTH);
    });
    if (rest !== undefined) {
      aside = await divide(joined, heldSide, batches, rest, context, () => {
        batches.length = 0;
        account.resize(0);
      });
    } else {
      const held = joinHeld(batches, node[heldSide].columns, account);
      if (held.rowCount === 0 && (heldSide === "left" || EMPTY_WITHOUT_RIGHT.has(joinType))) return;
      const keysOf = (key: number): Vector => compileExpr((node.equalKeys[key] as JoinKey)[heldSide], context)(held);
      const index = node.equalKeys.length === 0 ? undefined : indexHeld(node, heldSide, held, keysOf);
      indexAccount.resize(index?.byteSize ?? 0);
      tellKeys(node, keysOf, held.rowCount, context);
      const streamed = inputs[streamedSide];
      if (heldSide === "right") yield* probeAll(joined, streamed, held, index, context);
      else yield* markAll(joined, streamed, held, index, context);
      return;
    }
  } finally {
    forgetKeys(node, context);
    account.close();
    indexAccount.close();
  }
  const other = await divide(joined, streamedSide, [], inputs[streamedSide], context);
  const [left, right] = heldSide === "left" ? [aside, other] : [other, aside];
  for (const [part, rightRows] of right.entries()) {
    const leftRows = left[part];
    if (leftRows === undefined || (leftRows.rowCount === 0 && rightRows.rowCount === 0)) continue;
    yield* joinRows({ ...joined, division: division + 1 }, leftRows.read(), rightRows.read(), context);
  }
}

/** Joins that give nothing without right rows. */
const EMPTY_WITHOUT_RIGHT: ReadonlySet<string> = new Set(["inner", "semi", "cross", "right"]);

function indexHeld(
  { equalKeys }: JoinNode,
  side: "left" | "right",
  held: Batch,
  keysOf: (key: number) => Vector,
): JoinIndex {
  const other = side === "left" ? "right" : "left";
  const keys = equalKeys.map((pair) => ({
    type: pair[side].type,
    otherType: pair[other].type,
    nullsEqual: pair.nullsEqual === true,
  }));
  return indexRows(
    keys,
    equalKeys.map((_, key) => keysOf(key)),
    held.rowCount,
  );
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

/** Streams the left input past the held right one. */
async function* probeAll(
  { node, wanted }: Joined,
  leftInput: AsyncIterable<Batch>,
  right: Batch,
  index: JoinIndex | undefined,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const probe = createProbe(node, "left", right, index, wanted, context);
  for await (const left of leftInput) {
    if (left.rowCount === 0) continue;
    for (const batch of probeLeft(probe, left)) {
      await breathe(context);
      if (batch !== undefined) yield batch;
    }
  }
  const unmatched = unmatchedRight(probe);
  if (unmatched !== undefined) yield unmatched;
}

/** Streams the right input of a semi or anti join past the held left one, whose rows come at the end. */
async function* markAll(
  { node, wanted }: Joined,
  rightInput: AsyncIterable<Batch>,
  left: Batch,
  index: JoinIndex | undefined,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const probe = createProbe(node, "right", left, index, wanted, context);
  for await (const right of rightInput) {
    await breathe(context);
    if (right.rowCount > 0) markHeldLeft(probe, right);
  }
  yield* gatherMarked(probe);
}
