// Sorting more rows than the memory holds: sorted runs are put aside and merged block by block.

import { BATCH_ROWS, concatBatches, gatherBatch, sliceBatch, type Batch, type DataType } from "#columnar";
import type { PlanNode } from "../plan.ts";
import { BatchSizer } from "./buffered-input.ts";
import { checkpoint, noteSpilled, type ExecutionContext, type MemoryAccount } from "./context.ts";
import { sortRows, type KeyColumn } from "./sort-rows.ts";
import type { KeyEvaluator } from "./sort.ts";
import { RowSpiller, pieceBytes, type SpilledRows } from "./spill/rows.ts";
import type { SpillSpace } from "./spill/store.ts";

type SortNode = Extract<PlanNode, { kind: "sort" }>;

/** Runs merged at once: each has a piece and a block in memory. */
const MAX_RUNS = 12;
/** Bytes a row takes while sorting: a comparable value and its copy for each key, and two row numbers. */
const KEY_BYTES = 16;
const ORDER_BYTES = 8;
/** A sort holds its rows, their copy in one piece, and the sorted copy of a block. */
const COPIES = 2;

/** Bytes of sorting rows of so many bytes. */
export function sortingBytes(node: SortNode, rowBytes: number, rowCount: number): number {
  return rowBytes * COPIES + rowCount * (node.keys.length * KEY_BYTES + ORDER_BYTES);
}

/**
 * Collects sorted runs. Rows are kept with their keys after their own columns, so that no key is computed twice.
 */
export class RunWriter {
  readonly #node: SortNode;
  readonly #space: SpillSpace;
  readonly #context: ExecutionContext;
  readonly #keysOf: KeyEvaluator;
  readonly #runs: SpilledRows[] = [];
  #spilledBytes = 0;

  constructor(node: SortNode, keysOf: KeyEvaluator, space: SpillSpace, context: ExecutionContext) {
    this.#node = node;
    this.#space = space;
    this.#context = context;
    this.#keysOf = keysOf;
  }

  /** Bytes of all that was put aside. */
  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  /** Sorts rows and puts them aside. Errors: those of the store. */
  async add(rows: Batch): Promise<void> {
    const keys = this.#keysOf(rows);
    const order = sortRows(keys, rows.rowCount);
    const whole: Batch = { rowCount: rows.rowCount, columns: [...rows.columns, ...keys.map(({ vector }) => vector)] };
    const spiller = this.#spiller();
    const block = blockRows(whole, this.#context);
    for (let start = 0; start < order.length; start += block) {
      checkpoint(this.#context);
      await spiller.add(gatherBatch(whole, order.subarray(start, start + block)));
    }
    this.#runs.push(await this.#finished(spiller));
    // Runs are merged in order, so that rows with equal keys keep theirs.
    if (this.#runs.length >= MAX_RUNS * MAX_RUNS) await this.#mergeRuns();
  }

  /** The rows of all runs in order, without their keys. */
  async *merged(): AsyncGenerator<Batch> {
    while (this.#runs.length > MAX_RUNS) await this.#mergeRuns();
    const width = this.#node.input.columns.length;
    for await (const { rowCount, columns } of this.#merge(this.#runs)) {
      yield { rowCount, columns: columns.slice(0, width) };
    }
  }

  #spiller(): RowSpiller {
    return new RowSpiller(this.#space, this.#types(), "sort", this.#context);
  }

  async #finished(spiller: RowSpiller): Promise<SpilledRows> {
    const rows = await spiller.finish();
    this.#spilledBytes += rows.bytes;
    noteSpilled(this.#context, this.#node, rows.bytes);
    return rows;
  }

  /** Merges neighbouring runs into longer ones. */
  async #mergeRuns(): Promise<void> {
    const runs = this.#runs.splice(0);
    for (let first = 0; first < runs.length; first += MAX_RUNS) {
      const spiller = this.#spiller();
      for await (const batch of this.#merge(runs.slice(first, first + MAX_RUNS))) await spiller.add(batch);
      this.#runs.push(await this.#finished(spiller));
    }
  }

  #types(): DataType[] {
    return [...this.#node.input.columns, ...this.#node.keys.map(({ expr }) => expr)].map(({ type }) => type);
  }

  async *#merge(runs: readonly SpilledRows[]): AsyncGenerator<Batch> {
    const account = this.#context.memory.open("sort");
    const iterators = runs.map((run) => run.read()[Symbol.asyncIterator]());
    try {
      yield* mergeBlocks(iterators, (batch) => this.#storedKeys(batch), account, this.#context);
    } finally {
      for (const iterator of iterators) await iterator.return?.();
      account.close();
    }
  }

  #storedKeys({ columns }: Batch): KeyColumn[] {
    const width = this.#node.input.columns.length;
    return this.#node.keys.map(({ descending, nullsFirst }, i) => {
      return { vector: columns[width + i] as KeyColumn["vector"], descending, nullsFirst };
    });
  }
}

/** Rows of a block, so that a block of each run and their sorted whole fit beside each other. */
function blockRows(rows: Batch, context: ExecutionContext): number {
  const rowBytes = Math.max(1, new BatchSizer().add(rows) / rows.rowCount);
  return Math.max(16, Math.min(BATCH_ROWS, Math.floor(pieceBytes(context) / 2 / rowBytes)));
}

/**
 * Merges sorted inputs: the blocks at hand are sorted together, and what comes before the end of the first block to
 * end is final. Rows with equal keys come in the order of their inputs.
 */
async function* mergeBlocks(
  inputs: readonly AsyncIterator<Batch>[],
  keysOf: (batch: Batch) => KeyColumn[],
  account: MemoryAccount,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  /** Rows at hand of each input that is not at its end. */
  const heads: (Batch | undefined)[] = await Promise.all(inputs.map(nextOf));
  for (;;) {
    checkpoint(context);
    const present = [...heads.keys()].filter((index) => heads[index] !== undefined);
    if (present.length === 0) return;
    const blocks = present.map((index) => heads[index] as Batch);
    const sizer = new BatchSizer();
    account.resize(blocks.reduce((sum, block) => sum + sizer.add(block), 0) * COPIES);
    const all = concatBatches(blocks);
    const order = sortRows(keysOf(all), all.rowCount);
    const starts: number[] = [];
    let total = 0;
    for (const { rowCount } of blocks) {
      starts.push(total);
      total += rowCount;
    }
    // The last row at hand of an input bounds what may still come from it.
    const lastRows = new Map(starts.map((start, k) => [start + (blocks[k] as Batch).rowCount - 1, k]));
    const taken = new Int32Array(blocks.length);
    let safe = 0;
    let ended: number | undefined;
    while (ended === undefined) {
      const row = order[safe++] as number;
      const k = blockOf(starts, row);
      taken[k] = (taken[k] as number) + 1;
      ended = lastRows.get(row);
    }
    for (let start = 0; start < safe; start += BATCH_ROWS) {
      yield gatherBatch(all, order.subarray(start, Math.min(safe, start + BATCH_ROWS)));
    }
    for (const [k, index] of present.entries()) {
      const block = blocks[k] as Batch;
      heads[index] =
        k === ended
          ? await nextOf(inputs[index] as AsyncIterator<Batch>)
          : sliceBatch(block, taken[k] as number, block.rowCount);
    }
  }
}

async function nextOf(input: AsyncIterator<Batch>): Promise<Batch | undefined> {
  const { done, value } = await input.next();
  return done === true ? undefined : value;
}

/** The block that a row of the joined blocks comes from. */
function blockOf(starts: readonly number[], row: number): number {
  let k = starts.length - 1;
  while ((starts[k] as number) > row) k -= 1;
  return k;
}
