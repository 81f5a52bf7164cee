// ORDER BY: a full sort, or a top-N that keeps little more than the rows it will return.

import { BATCH_ROWS, concatBatches, gatherBatch, sliceBatch, type Batch } from "#columnar";
import type { EvaluationEnvironment } from "../functions/index.ts";
import type { PlanNode, SortKey } from "../plan.ts";
import { BatchSizer, joinHeld } from "./buffered-input.ts";
import { checkpoint, type ExecutionContext, type MemoryAccount } from "./context.ts";
import { RunWriter, sortingBytes } from "./external-sort.ts";
import { forgetBound, tellBound } from "./found-conditions.ts";
import { compileExpr } from "./expression.ts";
import { sortRows, type KeyColumn } from "./sort-rows.ts";
import { createTopBound } from "./top-bound.ts";

type SortNode = Extract<PlanNode, { kind: "sort" }>;

/** A top-N sorts what it holds when that is this many times its rows, and at least this many rows, more. */
const TOP_SLACK_FACTOR = 3;
const TOP_SLACK_ROWS = 4096;
/** Beyond this, a full sort with its denser memory serves as well. */
const MAX_TOP_ROWS = 1_000_000;

/** Computes the sort keys of a batch. */
export type KeyEvaluator = (batch: Batch) => KeyColumn[];

/** Compiles sort keys. */
export function compileKeys(keys: readonly SortKey[], env: EvaluationEnvironment): KeyEvaluator {
  const compiled = keys.map(({ expr, descending, nullsFirst }) => ({
    run: compileExpr(expr, env),
    descending,
    nullsFirst,
  }));
  return (batch) => compiled.map(({ run, descending, nullsFirst }) => ({ vector: run(batch), descending, nullsFirst }));
}

/** Runs a sort node. Stable: rows with equal keys keep the input's order. */
export async function* executeSort(
  node: SortNode,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const keysOf = compileKeys(node.keys, context);
  const { topRows } = node;
  if (topRows !== undefined && topRows <= MAX_TOP_ROWS) {
    yield* executeTop(node, topRows, keysOf, input, context);
    return;
  }
  const account = context.memory.open("sort");
  const keyAccount = context.memory.open("sort");
  try {
    const { runs, rest } = await collectRuns(node, keysOf, input, account, context, (bytes, rowCount) =>
      sortingBytes(node, bytes, rowCount),
    );
    if (runs !== undefined) {
      account.resize(0);
      yield* firstRows(runs.merged(), topRows);
      return;
    }
    const all = joinHeld(rest, node.input.columns, account);
    keyAccount.resize(sortingBytes(node, 0, all.rowCount));
    const rows = sortRows(keysOf(all), all.rowCount);
    const end = topRows === undefined ? rows.length : Math.min(rows.length, topRows);
    for (let start = 0; start < end; start += BATCH_ROWS) {
      checkpoint(context);
      yield gatherBatch(all, rows.subarray(start, Math.min(start + BATCH_ROWS, end)));
    }
  } finally {
    account.close();
    keyAccount.close();
  }
}

/** What was read of a sort's input. */
export interface Collected {
  /** Present when rows had to be put aside; then it has all of them. */
  readonly runs: RunWriter | undefined;
  readonly rest: Batch[];
}

/**
 * Reads an input to its end and puts sorted runs of it aside whenever `bytesOf` the rows at hand, which is what they
 * take with all that is done with them, crowd the memory. Errors: `memory_limit_exceeded`.
 */
export async function collectRuns(
  node: SortNode,
  keysOf: KeyEvaluator,
  input: AsyncIterable<Batch>,
  account: MemoryAccount,
  context: ExecutionContext,
  bytesOf: (bytes: number, rowCount: number) => number,
): Promise<Collected> {
  const { spill } = context;
  let runs: RunWriter | undefined;
  let held: Batch[] = [];
  let rowCount = 0;
  let bytes = 0;
  let sizer = new BatchSizer();
  const putAside = async (): Promise<void> => {
    if (spill === undefined || held.length === 0) return;
    runs ??= new RunWriter(node, keysOf, spill, context);
    const all = joinHeld(held, node.input.columns, account);
    held = [];
    await runs.addInParts(all, bytes, account);
    sizer = new BatchSizer();
    rowCount = 0;
    bytes = 0;
  };
  for await (const batch of input) {
    checkpoint(context);
    if (batch.rowCount === 0) continue;
    held.push(batch);
    rowCount += batch.rowCount;
    const added = sizer.add(batch);
    bytes += added;
    // What crowds is thought to double: that is all that is done with these rows and a next batch.
    const next = bytesOf(bytes + added, rowCount + batch.rowCount);
    if (spill !== undefined && account.crowds(next / 2)) await putAside();
    account.resize(bytes);
  }
  if (runs !== undefined) await putAside();
  return { runs, rest: held };
}

async function* firstRows(input: AsyncIterable<Batch>, count: number | undefined): AsyncGenerator<Batch> {
  let left = count ?? Number.POSITIVE_INFINITY;
  for await (const batch of input) {
    const taken = Math.min(left, batch.rowCount);
    if (taken > 0) yield sliceBatch(batch, 0, taken);
    left -= taken;
    if (left <= 0) return;
  }
}

async function* executeTop(
  node: SortNode,
  topRows: number,
  keysOf: KeyEvaluator,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  if (topRows === 0) return;
  const account = context.memory.open("top-N sort");
  const bound = createTopBound(topRows);
  let held: Batch[] = [];
  let heldRows = 0;
  let bytes = 0;
  let sizer = new BatchSizer();
  const shrink = (): void => {
    const all = concatBatches(held);
    const keys = keysOf(all);
    const rows = sortRows(keys, all.rowCount).subarray(0, topRows);
    const kept = gatherBatch(all, rows);
    const [first] = keys;
    if (rows.length === topRows && first !== undefined) {
      const last = rows[topRows - 1] as number;
      bound.update(first, last);
      tellBound(node, first.vector, last, context);
    }
    held = [kept];
    heldRows = kept.rowCount;
    sizer = new BatchSizer();
    bytes = sizer.add(kept);
    account.resize(bytes);
  };
  try {
    for await (const batch of input) {
      checkpoint(context);
      if (batch.rowCount === 0) continue;
      const rows = bound.candidates(keysOf(batch), batch.rowCount);
      if (rows?.length === 0) continue;
      const candidates = rows === undefined ? batch : gatherBatch(batch, rows);
      held.push(candidates);
      heldRows += candidates.rowCount;
      bytes += sizer.add(candidates);
      account.resize(bytes);
      // The first chance to learn a bound is taken at once.
      const slack = bound.isKnown ? topRows * TOP_SLACK_FACTOR + TOP_SLACK_ROWS : 0;
      if (heldRows >= topRows + slack) shrink();
    }
    if (held.length === 0) return;
    shrink();
    for (const result of held) {
      for (let start = 0; start < result.rowCount; start += BATCH_ROWS) {
        yield sliceBatch(result, start, Math.min(start + BATCH_ROWS, result.rowCount));
      }
    }
  } finally {
    account.close();
    forgetBound(node, context);
  }
}
