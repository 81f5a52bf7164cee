// ORDER BY: a full sort, or a top-N that keeps little more than the rows it will return.

import { BATCH_ROWS, concatBatches, gatherBatch, type Batch } from "#columnar";
import type { EvaluationEnvironment } from "../functions/index.ts";
import type { PlanNode, SortKey } from "../plan.ts";
import { collectInput, BatchSizer } from "./buffered-input.ts";
import { checkpoint, type ExecutionContext } from "./context.ts";
import { compileExpr } from "./expression.ts";
import { sortRows, type KeyColumn } from "./sort-rows.ts";

type SortNode = Extract<PlanNode, { kind: "sort" }>;

/** A top-N sorts when it holds this many times its rows, and at least this many more. */
const TOP_SLACK_FACTOR = 2;
const TOP_SLACK_ROWS = 16_384;
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
    yield* executeTop(topRows, keysOf, input, context);
    return;
  }
  const account = context.memory.open("sort");
  try {
    const all = await collectInput(input, node.input.columns, account, context);
    const rows = sortRows(keysOf(all), all.rowCount);
    const end = topRows === undefined ? rows.length : Math.min(rows.length, topRows);
    for (let start = 0; start < end; start += BATCH_ROWS) {
      checkpoint(context);
      yield gatherBatch(all, rows.subarray(start, Math.min(start + BATCH_ROWS, end)));
    }
  } finally {
    account.close();
  }
}

/**
 * A bound on the first key: once N rows are held, a row whose first key is beyond the N-th's cannot be among the
 * first N. Works on number columns; others are never skipped.
 */
function candidateRows(
  key: KeyColumn | undefined,
  rowCount: number,
  bound: number | undefined,
): Int32Array | undefined {
  if (bound === undefined || key === undefined || key.vector.encoding !== "flat") return undefined;
  const { values, validity } = key.vector;
  if (!(values instanceof Float64Array || values instanceof Int32Array)) return undefined;
  const rows = new Int32Array(rowCount);
  let count = 0;
  const { descending } = key;
  for (let i = 0; i < rowCount; i++) {
    const value = values[i] as number;
    rows[count] = i;
    // NaN fails both comparisons and is kept; so are nulls.
    if (!(descending ? value < bound : value > bound) || (validity !== undefined && validity[i] === 0)) count++;
  }
  return count === rowCount ? undefined : rows.subarray(0, count);
}

function boundOf(key: KeyColumn | undefined, row: number): number | undefined {
  if (key?.vector.encoding !== "flat") return undefined;
  const { values, validity } = key.vector;
  if (validity !== undefined && validity[row] === 0) return undefined;
  const value = values[row];
  return typeof value === "number" && !Number.isNaN(value) ? value : undefined;
}

async function* executeTop(
  topRows: number,
  keysOf: KeyEvaluator,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  if (topRows === 0) return;
  const account = context.memory.open("top-N sort");
  let held: Batch[] = [];
  let heldRows = 0;
  let bytes = 0;
  let sizer = new BatchSizer();
  let bound: number | undefined;
  let triedBound = false;
  const shrink = (): void => {
    const all = concatBatches(held);
    const keys = keysOf(all);
    const rows = sortRows(keys, all.rowCount).subarray(0, topRows);
    const kept = gatherBatch(all, rows);
    if (rows.length === topRows) bound = boundOf(keys[0], rows[topRows - 1] as number);
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
      const rows = bound === undefined ? undefined : candidateRows(keysOf(batch)[0], batch.rowCount, bound);
      const candidates = rows === undefined ? batch : gatherBatch(batch, rows);
      if (candidates.rowCount === 0) continue;
      held.push(candidates);
      heldRows += candidates.rowCount;
      bytes += sizer.add(candidates);
      account.resize(bytes);
      // The first chance to learn a bound is taken at once.
      const firstBound = bound === undefined && !triedBound;
      if (heldRows > (firstBound ? topRows : topRows * TOP_SLACK_FACTOR + TOP_SLACK_ROWS)) {
        triedBound = true;
        shrink();
      }
    }
    if (held.length === 0) return;
    shrink();
    const [result] = held;
    for (let start = 0; result !== undefined && start < result.rowCount; start += BATCH_ROWS) {
      const end = Math.min(start + BATCH_ROWS, result.rowCount);
      yield start === 0 && end === result.rowCount
        ? result
        : gatherBatch(
            result,
            Int32Array.from({ length: end - start }, (_, i) => start + i),
          );
    }
  } finally {
    account.close();
  }
}
