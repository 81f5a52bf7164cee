// Sorting a stream of batches of any length in bounded memory: sorted runs, spilled, then merged batch by batch.

import {
  BATCH_ROWS,
  batchByteSize,
  concatBatches,
  gatherBatch,
  sliceBatch,
  type Batch,
  type FlatVector,
} from "#columnar";
import { compareRows, sortedRowOrder, type SortKey } from "./sort-rows.ts";

/** Where sorted runs wait until they are merged. */
export interface RunStore {
  /** Writes a run; `rowBytes` is the average decoded size of a row, for the size of the run's blocks. */
  write(runId: number, batches: AsyncIterable<Batch> | Iterable<Batch>, rowBytes: number): Promise<void>;
  /** Reads a run back in order, in blocks small enough to hold one of every run at once. */
  read(runId: number): AsyncIterable<Batch>;
  delete(runId: number): Promise<void>;
}

/** Bounds of one sort. */
export interface SortLimits {
  /** Decoded bytes collected before a run is sorted; sorting holds about twice as much. */
  readonly runBytes: number;
  /** Runs merged at once; more runs are merged in rounds. */
  readonly fanIn: number;
}

/** 16 MiB a run, held twice while it is sorted, leaves room for the writer's row group in an isolate of 128 MB. */
export const DEFAULT_SORT_LIMITS: SortLimits = { runBytes: 16 * 1024 * 1024, fanIn: 16 };

/**
 * The rows of `source`, sorted. Nothing is written when they fit one run.
 *
 * Cost: memory about twice `runBytes`; every row is written and read once for each merge round when there is more
 * than one run. Stable only within a run.
 */
export async function* sortBatches(
  source: AsyncIterable<Batch>,
  keys: readonly SortKey[],
  runs: RunStore,
  limits: SortLimits = DEFAULT_SORT_LIMITS,
): AsyncGenerator<Batch> {
  const runIds: number[] = [];
  let collected: Batch[] = [];
  let collectedBytes = 0;
  let collectedRows = 0;
  let countedDictionaries = new Set<FlatVector>();
  let rowBytes = 1;
  let nextRunId = 0;

  async function spill(): Promise<void> {
    if (collected.length === 0) return;
    rowBytes = Math.max(rowBytes, collectedBytes / Math.max(1, collectedRows));
    const batches = collected;
    collected = [];
    collectedBytes = 0;
    collectedRows = 0;
    countedDictionaries = new Set();
    const runId = nextRunId++;
    runIds.push(runId);
    await runs.write(runId, sortRun(batches, keys), rowBytes);
  }

  for await (const batch of source) {
    if (batch.rowCount === 0) continue;
    collected.push(batch);
    collectedBytes += batchByteSize(batch, countedDictionaries);
    collectedRows += batch.rowCount;
    if (collectedBytes >= limits.runBytes) await spill();
  }
  if (runIds.length === 0) {
    if (collected.length > 0) yield* sortRun(collected, keys);
    return;
  }
  await spill();
  // Each round merges the oldest runs into one, until the rest can be merged straight into the output.
  let waiting = runIds;
  while (waiting.length > limits.fanIn) {
    const merged = waiting.slice(0, limits.fanIn);
    const runId = nextRunId++;
    await runs.write(runId, mergeRuns(runs, merged, keys), rowBytes);
    for (const id of merged) await runs.delete(id);
    waiting = [...waiting.slice(limits.fanIn), runId];
  }
  yield* mergeRuns(runs, waiting, keys);
  for (const id of waiting) await runs.delete(id);
}

/** Batches sorted together. The list is emptied, so that its memory can go while the output is consumed. */
function* sortRun(batches: Batch[], keys: readonly SortKey[]): Generator<Batch> {
  const whole = concatBatches(batches);
  batches.length = 0;
  const order = sortedRowOrder(whole, keys);
  for (let start = 0; start < order.length; start += BATCH_ROWS) {
    yield gatherBatch(whole, order.subarray(start, Math.min(start + BATCH_ROWS, order.length)));
  }
}

interface RunCursor {
  readonly rest: AsyncIterator<Batch>;
  batch: Batch;
  /** First row not merged yet. */
  row: number;
}

/**
 * Merges sorted runs. Each round takes, from the current batch of every run, the rows not above the smallest of
 * the batches' last rows: whatever comes later in any run is at or above that bound. The taken rows are sorted
 * together, which costs a few linear passes and no comparison for each row.
 */
async function* mergeRuns(runs: RunStore, runIds: readonly number[], keys: readonly SortKey[]): AsyncGenerator<Batch> {
  const opened: AsyncIterator<Batch>[] = [];
  try {
    let cursors: RunCursor[] = [];
    for (const id of runIds) {
      const rest = runs.read(id)[Symbol.asyncIterator]();
      opened.push(rest);
      const batch = await nextNonEmpty(rest);
      if (batch !== undefined) cursors.push({ rest, batch, row: 0 });
    }
    while (cursors.length > 0) {
      const bound = smallestLastRow(cursors, keys);
      const taken: Batch[] = [];
      for (const cursor of cursors) {
        const end = rowsNotAbove(cursor, bound, keys);
        if (end > cursor.row) taken.push(sliceBatch(cursor.batch, cursor.row, end));
        cursor.row = end;
      }
      yield* taken.length === 1 ? taken : sortRun(taken, keys);
      cursors = await advance(cursors);
    }
  } finally {
    for (const rest of opened) await rest.return?.();
  }
}

/** The cursors that still have rows, exhausted batches replaced by the next ones. */
async function advance(cursors: readonly RunCursor[]): Promise<RunCursor[]> {
  const alive: RunCursor[] = [];
  for (const cursor of cursors) {
    if (cursor.row < cursor.batch.rowCount) {
      alive.push(cursor);
      continue;
    }
    const batch = await nextNonEmpty(cursor.rest);
    if (batch !== undefined) alive.push({ rest: cursor.rest, batch, row: 0 });
  }
  return alive;
}

function smallestLastRow(cursors: readonly RunCursor[], keys: readonly SortKey[]): RunCursor["batch"] {
  const lastRows = cursors.map(({ batch }) => sliceBatch(batch, batch.rowCount - 1, batch.rowCount));
  return lastRows.reduce((smallest, row) => (compareRows(row, 0, smallest, 0, keys) < 0 ? row : smallest));
}

/** The end of the rows at or below the bound, by binary search from the cursor's row. */
function rowsNotAbove(cursor: RunCursor, bound: Batch, keys: readonly SortKey[]): number {
  let low = cursor.row;
  let high = cursor.batch.rowCount;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareRows(cursor.batch, middle, bound, 0, keys) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function nextNonEmpty(batches: AsyncIterator<Batch>): Promise<Batch | undefined> {
  for (;;) {
    const { value, done } = await batches.next();
    if (done === true) return undefined;
    if (value.rowCount > 0) return value;
  }
}
