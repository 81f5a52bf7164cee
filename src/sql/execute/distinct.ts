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
  // A generator of its own, so that the rows it met are free before those of the parts are kept.
  const aside = yield* newRows(node, inputs, division, context);
  for (const rows of (await aside?.finish()) ?? []) {
    if (rows.rowCount === 0) continue;
    noteSpilled(context, node, rows.bytes);
    yield* distinctRows(node, [rows.read()], division + 1, context);
  }
}

/** Gives rows that did not appear before while those met fit the memory; returns others, which were put aside. */
async function* newRows(
  node: PlanNode,
  inputs: readonly AsyncIterable<Batch>[],
  division: number,
  context: ExecutionContext,
): AsyncGenerator<Batch, PartitionSpiller | undefined> {
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
  return aside;
}

/** Rows that did not fit the memory, both inputs divided the same way. */
interface DividedInputs {
  readonly left: PartitionSpiller | undefined;
  readonly right: PartitionSpiller | undefined;
}

/**
 * INTERSECT and EXCEPT, with or without ALL: the right input is counted, the left streams. Where the rows counted crowd
 * the memory, rows that are not among them are put aside, of both inputs, and looked at afterwards, part by part.
 */
async function* executeCounted(
  node: SetOperationNode,
  left: AsyncIterable<Batch>,
  right: AsyncIterable<Batch>,
  division: number,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const aside = yield* countedRows(node, left, right, division, context);
  const leftParts = await aside.left?.finish();
  const rightParts = await aside.right?.finish();
  for (const [part, rows] of (leftParts ?? []).entries()) {
    const others = rightParts?.[part];
    noteSpilled(context, node, rows.bytes + (others?.bytes ?? 0));
    // Without rows on the left there is nothing to give, whatever is on the right.
    if (rows.rowCount > 0) yield* executeCounted(node, rows.read(), others?.read() ?? NO_ROWS, division + 1, context);
  }
}

const NO_ROWS: AsyncIterable<Batch> = {
  async *[Symbol.asyncIterator]() {
    // Nothing.
  },
};

async function* countedRows(
  node: SetOperationNode,
  left: AsyncIterable<Batch>,
  right: AsyncIterable<Batch>,
  division: number,
  context: ExecutionContext,
): AsyncGenerator<Batch, DividedInputs> {
  const { spill } = context;
  const encoder = encoderFor(node);
  const account = context.memory.open(node.operation);
  const types = node.columns.map(({ type }) => type);
  const intersect = node.operation === "intersect";
  /** Rows that only the left has matter for their repetitions. */
  const addsNew = !intersect && !node.all;
  let counts: Int32Array = new Int32Array(1024);
  let leftAside: PartitionSpiller | undefined;
  let rightAside: PartitionSpiller | undefined;
  const divideIfCrowded = (bytes: number): PartitionSpiller | undefined => {
    if (spill === undefined || node.columns.length === 0 || division >= MAX_DIVISIONS) return undefined;
    return account.crowds(bytes) ? new PartitionSpiller(spill, types, division, node.operation, context) : undefined;
  };
  /** Ids of a batch's rows; of new ones too, unless rows are put aside. */
  const encode = (batch: Batch, mayAdd: boolean): Int32Array => {
    const ids = encoder.encode(batch.columns, batch.rowCount, mayAdd);
    while (counts.length < encoder.count) counts = doubled(counts);
    return ids;
  };
  try {
    for await (const batch of right) {
      checkpoint(context);
      const ids = encode(batch, rightAside === undefined);
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i] as number;
        if (id >= 0) counts[id] = (counts[id] as number) + 1;
      }
      if (rightAside === undefined) rightAside = divideIfCrowded(encoder.byteSize + counts.byteLength);
      else {
        const { unknown } = splitKnown(ids);
        if (unknown.length > 0) await rightAside.add(batch, batch.columns, unknown);
      }
      account.resize(encoder.byteSize + counts.byteLength);
    }
    // What the right has beyond memory may be what a new row of the left is compared with.
    if (rightAside !== undefined && spill !== undefined) {
      leftAside = new PartitionSpiller(spill, types, division, node.operation, context);
    }
    for await (const batch of left) {
      checkpoint(context);
      const ids = encode(batch, leftAside === undefined && addsNew);
      const rows = wantedRows(ids, counts, {
        intersect,
        all: node.all,
        unknown: leftAside === undefined && !intersect,
      });
      if (leftAside === undefined) {
        if (addsNew) leftAside = divideIfCrowded(encoder.byteSize + counts.byteLength);
      } else {
        const { unknown } = splitKnown(ids);
        if (unknown.length > 0) await leftAside.add(batch, batch.columns, unknown);
      }
      account.resize(encoder.byteSize + counts.byteLength);
      if (rows.length === batch.rowCount) yield batch;
      else if (rows.length > 0) yield gatherBatch(batch, rows);
    }
    return { left: leftAside, right: rightAside };
  } finally {
    account.close();
  }
}

/** Rows of the left that the operation gives, by their ids; those without one as `unknown` says. Changes the counts. */
function wantedRows(
  ids: Int32Array,
  counts: Int32Array,
  { intersect, all, unknown }: { readonly intersect: boolean; readonly all: boolean; readonly unknown: boolean },
): Int32Array {
  const rows = new Int32Array(ids.length);
  let kept = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (id < 0) {
      if (unknown) rows[kept++] = i;
      continue;
    }
    const count = counts[id] as number;
    // For DISTINCT, -1 marks a row that was given already.
    const inRight = count > 0;
    const wanted = inRight === intersect && count !== -1;
    if (all) {
      if (inRight) counts[id] = count - 1;
    } else if (wanted) counts[id] = -1;
    if (wanted) rows[kept++] = i;
  }
  return rows.subarray(0, kept);
}

/** Runs a set operation. */
export async function* executeSetOperation(
  node: SetOperationNode,
  left: AsyncIterable<Batch>,
  right: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  if (node.operation !== "union") yield* executeCounted(node, left, right, 0, context);
  else if (!node.all) yield* executeDistinct(node, [left, right], context);
  else {
    yield* left;
    yield* right;
  }
}
