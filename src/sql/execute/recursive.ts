// WITH RECURSIVE: rounds over a working table until a round gives no new row.

import { BATCH_ROWS, concatBatches, gatherBatch, type Batch } from "#columnar";
import { sqlError } from "../bind/errors.ts";
import { inputsOf, readsOuterRecursion, visitPlan } from "../optimize/plan-shape.ts";
import type { PlanNode } from "../plan.ts";
import { BatchSizer } from "./buffered-input.ts";
import { breathe, type ExecutionContext, type MemoryAccount } from "./context.ts";
import { firstAppearances, RowEncoder } from "./row-encoder.ts";

type RecursiveNode = Extract<PlanNode, { kind: "recursive" }>;
type Run = (plan: PlanNode, context: ExecutionContext) => AsyncIterable<Batch>;

/** Ends what would never end by itself; generate_series serves who needs more numbers. */
const MAX_ROUNDS = 1_000_000;
/** Inputs of a round that never change are held up to this part of the memory budget, else read again each round. */
const HELD_PART = 0.25;

/**
 * Runs a recursive query: rows come round by round. Memory: the rows of two rounds, what is held of the step's
 * unchanging inputs, and without ALL every distinct row.
 *
 * Errors: `memory_limit_exceeded`; `sql_runtime_error` after 1,000,000 rounds.
 */
export async function* executeRecursive(
  node: RecursiveNode,
  run: Run,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const remedy = "the rows of two rounds are held, and without ALL every row; end it sooner, or select fewer columns";
  const account = context.memory.open(`WITH RECURSIVE ${node.name}`, remedy);
  const heldAccount = context.memory.open(`WITH RECURSIVE ${node.name}`, remedy);
  const newRows = createNewRowFilter(node);
  try {
    let newest: Batch[] = [];
    let bytes = 0;
    const keep = (batch: Batch, sizer: BatchSizer): void => {
      newest.push(batch);
      bytes += sizer.add(batch);
      account.resize(bytes + newRows.byteSize());
    };
    let sizer = new BatchSizer();
    for await (const batch of run(node.left, context)) {
      await breathe(context);
      const fresh = newRows.take(batch);
      if (fresh === undefined) continue;
      keep(fresh, sizer);
      yield fresh;
    }
    if (newest.length === 0) return;
    const held = await holdInputs(node, run, context, heldAccount);
    for (let round = 1; newest.length > 0; round++) {
      if (round > MAX_ROUNDS) {
        throw sqlError(
          "sql_runtime_error",
          `WITH RECURSIVE "${node.name}" did not end within ${MAX_ROUNDS} rounds: its condition to stop may be missing.`,
        );
      }
      const before = joinSmall(newest);
      const bytesBefore = bytes;
      newest = [];
      sizer = new BatchSizer();
      const workingTables = new Map([...(context.workingTables ?? []), [node.id, before]]);
      for await (const batch of run(node.right, { ...context, workingTables, held })) {
        await breathe(context);
        const fresh = newRows.take(batch);
        if (fresh === undefined) continue;
        keep(fresh, sizer);
        yield fresh;
      }
      await breathe(context);
      bytes -= bytesBefore;
      account.resize(bytes + newRows.byteSize());
    }
  } finally {
    account.close();
    heldAccount.close();
  }
}

/** The rows in fewer batches: joins give small ones, and those of the next round would be smaller still. */
function joinSmall(batches: readonly Batch[]): readonly Batch[] {
  const joined: Batch[] = [];
  let small: Batch[] = [];
  let rowCount = 0;
  const flush = (): void => {
    const [only] = small;
    if (only !== undefined) joined.push(small.length === 1 ? only : concatBatches(small));
    small = [];
    rowCount = 0;
  };
  for (const batch of batches) {
    if (rowCount + batch.rowCount > BATCH_ROWS) flush();
    small.push(batch);
    rowCount += batch.rowCount;
  }
  flush();
  return joined;
}

interface NewRowFilter {
  /** The rows that did not come before; undefined when there is none. */
  take(batch: Batch): Batch | undefined;
  byteSize(): number;
}

function createNewRowFilter(node: RecursiveNode): NewRowFilter {
  if (node.all) return { take: (batch) => (batch.rowCount === 0 ? undefined : batch), byteSize: () => 0 };
  const encoder = new RowEncoder(node.columns.map((column) => column.type));
  return {
    take(batch) {
      if (batch.rowCount === 0) return undefined;
      const known = encoder.count;
      const ids = encoder.encode(batch.columns, batch.rowCount, true);
      const rows = firstAppearances(ids, known);
      if (rows === undefined) return batch;
      return rows.length === 0 ? undefined : gatherBatch(batch, rows);
    },
    byteSize: () => encoder.byteSize,
  };
}

function readsTable(plan: PlanNode): boolean {
  let found = false;
  visitPlan(plan, (node) => {
    found ||= node.kind === "scan";
  });
  return found;
}

/** The largest parts of a step that give the same rows in every round and read tables. */
function unchangingInputs(plan: PlanNode): readonly PlanNode[] {
  if (!readsTable(plan)) return [];
  return readsOuterRecursion(plan) ? inputsOf(plan).flatMap((input) => unchangingInputs(input)) : [plan];
}

async function holdInputs(
  node: RecursiveNode,
  run: Run,
  context: ExecutionContext,
  account: MemoryAccount,
): Promise<ReadonlyMap<PlanNode, readonly Batch[]>> {
  const held = new Map(context.held);
  const limit = context.memory.limitBytes * HELD_PART;
  let total = 0;
  for (const input of unchangingInputs(node.right)) {
    const batches: Batch[] = [];
    const sizer = new BatchSizer();
    let bytes = 0;
    for await (const batch of run(input, context)) {
      await breathe(context);
      bytes += sizer.add(batch);
      if (total + bytes > limit) break;
      batches.push(batch);
    }
    if (total + bytes > limit) continue;
    total += bytes;
    account.resize(total);
    held.set(input, batches);
  }
  return held;
}
