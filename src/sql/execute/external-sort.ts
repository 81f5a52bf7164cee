// Sorting more rows than the memory holds: sorted runs are put aside and merged.

import { BATCH_ROWS, gatherBatch, sliceBatch, type Batch, type DataType, type Vector } from "#columnar";
import type { Expr, PlanNode } from "../plan.ts";
import { BatchSizer } from "./buffered-input.ts";
import { checkpoint, noteSpilled, type ExecutionContext, type MemoryAccount } from "./context.ts";
import { sortRows, type KeyColumn } from "./sort-rows.ts";
import type { KeyEvaluator } from "./sort.ts";
import { createMergeComparator, mergeKeysOf } from "./spill/merge-keys.ts";
import { mergeSorted, type MergeOrder } from "./spill/merge.ts";
import { RowSpiller, pieceBytes, type SpilledRows } from "./spill/rows.ts";
import type { SpillSpace } from "./spill/store.ts";

type SortNode = Extract<PlanNode, { kind: "sort" }>;

/** Pieces of the runs that are merged at once take no more than this part of the memory that is free. */
const MERGED_SHARE = 0.5;
/** Fewer runs cannot be merged; more make comparing rows slower than reading them twice. */
const MIN_RUNS = 2;
const MAX_RUNS = 64;
/** Bytes a row takes while sorting: a comparable value and its copy for each key, and two row numbers. */
const KEY_BYTES = 16;
const ORDER_BYTES = 8;
/** A sort holds its rows, and twice the column that is being joined or the rows that leave. */
const COPIES = 1.5;

/** Bytes of sorting rows of so many bytes. */
export function sortingBytes(node: SortNode, rowBytes: number, rowCount: number): number {
  return rowBytes * COPIES + rowCount * (node.keys.length * KEY_BYTES + ORDER_BYTES);
}

/**
 * Collects sorted runs. Keys that are no columns of the rows are kept after these, so that none is computed twice.
 *
 * Memory: what {@link RunWriter.addInParts} is given and its order, then a piece of each run that is merged: as many at once as
 * fit a part of what is free, and again until all are one.
 */
export class RunWriter {
  readonly #node: SortNode;
  readonly #space: SpillSpace;
  readonly #context: ExecutionContext;
  readonly #keysOf: KeyEvaluator;
  readonly #order: MergeOrder;
  /** In the order of their rows' arrival: merged with neighbours only, rows with equal keys keep theirs. */
  readonly #runs: SpilledRows[] = [];
  #blockRows = BATCH_ROWS;
  #spilledBytes = 0;

  constructor(node: SortNode, keysOf: KeyEvaluator, space: SpillSpace, context: ExecutionContext) {
    this.#node = node;
    this.#space = space;
    this.#context = context;
    this.#keysOf = keysOf;
    const orders = node.keys.map(({ expr, descending, nullsFirst }) => ({ type: expr.type, descending, nullsFirst }));
    const keyPlaces = placesOfKeys(node);
    this.#order = {
      keysOf: ({ columns, rowCount }) =>
        mergeKeysOf(
          orders.map(({ descending, nullsFirst }, k): KeyColumn => {
            return { vector: columns[keyPlaces[k] as number] as Vector, descending, nullsFirst };
          }),
          rowCount,
        ),
      compare: createMergeComparator(orders),
    };
  }

  /** Bytes of all that was put aside. */
  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  /**
   * Sorts rows of so many bytes and puts them aside, as one run unless they are more than can be sorted beside them.
   * `account` is told what that takes, the rows included. Errors: those of the store; `memory_limit_exceeded`.
   */
  async addInParts(rows: Batch, bytes: number, account: MemoryAccount): Promise<void> {
    const { memory } = this.#context;
    account.resize(0);
    const free = memory.limitBytes - memory.usedBytes - bytes - 2 * pieceBytes(this.#context);
    const sortBytes = sortingBytes(this.#node, bytes, rows.rowCount) - bytes;
    const parts = free < sortBytes ? Math.min(rows.rowCount, Math.ceil(sortBytes / Math.max(1, free))) : 1;
    account.resize(bytes + sortBytes / parts);
    const partRows = Math.ceil(rows.rowCount / parts);
    for (let start = 0; start < rows.rowCount; start += partRows) {
      await this.#add(parts > 1 ? sliceBatch(rows, start, Math.min(rows.rowCount, start + partRows)) : rows);
    }
  }

  async #add(rows: Batch): Promise<void> {
    const keys = this.#keysOf(rows);
    const order = sortRows(keys, rows.rowCount);
    const made = keys.filter((_, k) => !isColumn(this.#node.keys[k]?.expr)).map(({ vector }) => vector);
    const whole: Batch = { rowCount: rows.rowCount, columns: [...rows.columns, ...made] };
    const block = blockRows(whole, this.#context);
    this.#blockRows = Math.min(this.#blockRows, block);
    const blocks = function* (): Generator<Batch> {
      for (let start = 0; start < order.length; start += block) {
        yield gatherBatch(whole, order.subarray(start, start + block));
      }
    };
    this.#runs.push(await this.#put(blocks()));
  }

  /** The rows of all runs in order. */
  async *merged(): AsyncGenerator<Batch> {
    for (;;) {
      const most = this.#mostRuns();
      if (this.#runs.length <= most) break;
      await this.#mergeNeighbours(Math.min(most, this.#runs.length - most + 1));
    }
    const width = this.#node.input.columns.length;
    for await (const { rowCount, columns } of this.#merge(this.#runs)) {
      yield { rowCount, columns: columns.slice(0, width) };
    }
  }

  /** Runs that are merged at once. */
  #mostRuns(): number {
    const { limitBytes, usedBytes } = this.#context.memory;
    const largest = this.#runs.reduce((most, run) => Math.max(most, run.pieceBytes), 1);
    const fitting = Math.floor(((limitBytes - usedBytes) * MERGED_SHARE) / largest);
    return Math.max(MIN_RUNS, Math.min(MAX_RUNS, fitting));
  }

  /** Puts the rows of one run aside. */
  async #put(batches: Iterable<Batch> | AsyncIterable<Batch>): Promise<SpilledRows> {
    const spiller = new RowSpiller(this.#space, keptTypes(this.#node), "sort", this.#context);
    try {
      for await (const batch of batches) {
        checkpoint(this.#context);
        await spiller.add(batch);
      }
      const rows = await spiller.finish();
      this.#spilledBytes += rows.bytes;
      noteSpilled(this.#context, this.#node, rows.bytes);
      return rows;
    } finally {
      spiller.close();
    }
  }

  /** Merges those `count` runs next to each other that have the fewest bytes. */
  async #mergeNeighbours(count: number): Promise<void> {
    let first = 0;
    let fewest = Number.POSITIVE_INFINITY;
    for (let start = 0; start + count <= this.#runs.length; start++) {
      const bytes = this.#runs.slice(start, start + count).reduce((sum, run) => sum + run.bytes, 0);
      if (bytes >= fewest) continue;
      fewest = bytes;
      first = start;
    }
    const merged = await this.#put(this.#merge(this.#runs.slice(first, first + count)));
    this.#runs.splice(first, count, merged);
  }

  async *#merge(runs: readonly SpilledRows[]): AsyncGenerator<Batch> {
    const account = this.#context.memory.open("sort");
    const iterators = runs.map((run) => run.read()[Symbol.asyncIterator]());
    try {
      yield* mergeSorted(iterators, this.#order, this.#blockRows, account, this.#context);
    } finally {
      for (const iterator of iterators) await iterator.return?.();
      account.close();
    }
  }
}

function isColumn(expr: Expr | undefined): boolean {
  return expr?.kind === "column";
}

/** Where the keys are among what is kept of a row. */
function placesOfKeys({ keys, input }: SortNode): readonly number[] {
  let next = input.columns.length;
  return keys.map(({ expr }) => (expr.kind === "column" ? expr.index : next++));
}

/** Types of what is kept of a row: its columns, and the keys that are none of them. */
function keptTypes({ keys, input }: SortNode): DataType[] {
  const made = keys.filter(({ expr }) => !isColumn(expr)).map(({ expr }) => expr.type);
  return [...input.columns.map(({ type }) => type), ...made];
}

/** Rows of a block: half a piece, so that what leaves a merge is little beside the pieces. */
function blockRows(rows: Batch, context: ExecutionContext): number {
  const rowBytes = Math.max(1, new BatchSizer().add(rows) / rows.rowCount);
  return Math.max(1, Math.min(BATCH_ROWS, Math.floor(pieceBytes(context) / 2 / rowBytes)));
}
