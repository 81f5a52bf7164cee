// DISTINCT and the set operations, on dense row ids. NULLs equal each other here.

import { gatherBatch, type Batch } from "#columnar";
import type { PlanNode } from "../plan.ts";
import { checkpoint, noteSpilled, type ExecutionContext } from "./context.ts";
import { doubled } from "./hash-table.ts";
import { firstAppearances, RowEncoder } from "./row-encoder.ts";
import { MAX_DIVISIONS, PartitionSpiller, splitKnown } from "./spill/partitions.ts";

type SetOperationNode = Extract<PlanNode, { kind: "set_operation" }>;

function encoderFor(node: PlanNode): RowEncoder {
  return new RowEncoder(node.columns.map((column) => column.type));
}

/**
 * Streams the rows that did not appear before. Where those met crowd the memory, rows that are not among them are put
 * aside and looked at afterwards, part by part.
 */
export async function* executeDistinct(
  node: PlanNode,
  inputs: readonly AsyncIterable<Batch>[],
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  yield* distinctRows(node, inputs, 0, context);
}

async function* distinctRows(
  node: PlanNode,
  inputs: readonly AsyncIterable<Batch>[],
  division: number,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const { spill } = context;
  const encoder = encoderFor(node);
  const account = context.memory.open("distinct");
  const types = node.columns.map(({ type }) => type);
  let aside: PartitionSpiller | undefined;
  let rowSeen = false;
  try {
    for (const input of inputs) {
      for await (const batch of input) {
        checkpoint(context);
        if (batch.rowCount === 0) continue;
        if (node.columns.length === 0) {
          // Rows without columns are all equal.
          if (!rowSeen) yield { rowCount: 1, columns: [] };
          rowSeen = true;
          continue;
        }
        if (aside !== undefined) {
          const { unknown } = splitKnown(encoder.encode(batch.columns, batch.rowCount, false));
          if (unknown.length > 0) await aside.add(batch, batch.columns, unknown);
          continue;
        }
        const known = encoder.count;
        const ids = encoder.encode(batch.columns, batch.rowCount, true);
        if (spill !== undefined && division < MAX_DIVISIONS && account.crowds(encoder.byteSize)) {
          aside = new PartitionSpiller(spill, types, division, "distinct", context);
        }
        account.resize(encoder.byteSize);
        const rows = firstAppearances(ids, known);
        if (rows === undefined) yield batch;
        else if (rows.length > 0) yield gatherBatch(batch, rows);
      }
    }
  } finally {
    account.close();
  }
  for (const rows of (await aside?.finish()) ?? []) {
    if (rows.rowCount === 0) continue;
    noteSpilled(context, node, rows.bytes);
    yield* distinctRows(node, [rows.read()], division + 1, context);
  }
}

/** Rows of the right input by id: how often each occurs. */
async function countRight(
  encoder: RowEncoder,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): Promise<Int32Array> {
  let counts: Int32Array = new Int32Array(1024);
  for await (const batch of input) {
    checkpoint(context);
    const ids = encoder.encode(batch.columns, batch.rowCount, true);
    while (counts.length < encoder.count) counts = doubled(counts);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number;
      counts[id] = (counts[id] as number) + 1;
    }
  }
  return counts;
}

/** INTERSECT and EXCEPT, with or without ALL: the right input is counted, the left streams. */
async function* executeCounted(
  node: SetOperationNode,
  left: AsyncIterable<Batch>,
  right: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const encoder = encoderFor(node);
  const account = context.memory.open(node.operation);
  const intersect = node.operation === "intersect";
  try {
    let counts = await countRight(encoder, right, context);
    account.resize(encoder.byteSize + counts.byteLength);
    for await (const batch of left) {
      checkpoint(context);
      const ids = encoder.encode(batch.columns, batch.rowCount, true);
      while (counts.length < encoder.count) counts = doubled(counts);
      account.resize(encoder.byteSize + counts.byteLength);
      const rows = new Int32Array(batch.rowCount);
      let kept = 0;
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i] as number;
        const count = counts[id] as number;
        // For DISTINCT, -1 marks a row that was given already.
        const inRight = count > 0;
        const wanted = inRight === intersect && count !== -1;
        if (node.all) {
          if (inRight) counts[id] = count - 1;
        } else if (wanted) counts[id] = -1;
        if (wanted) rows[kept++] = i;
      }
      if (kept === batch.rowCount) yield batch;
      else if (kept > 0) yield gatherBatch(batch, rows.subarray(0, kept));
    }
  } finally {
    account.close();
  }
}

/** Runs a set operation. */
export async function* executeSetOperation(
  node: SetOperationNode,
  left: AsyncIterable<Batch>,
  right: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  if (node.operation !== "union") yield* executeCounted(node, left, right, context);
  else if (!node.all) yield* executeDistinct(node, [left, right], context);
  else {
    yield* left;
    yield* right;
  }
}
