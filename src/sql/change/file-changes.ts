// Gathers what a search found, file by file: the search gives its rows in the order of files. Within a file an outer
// join may give the rows without a match after those with one.

import { batchByteSize, concatBatches, gatherBatch, scalarAt, type Batch, type Vector } from "#columnar";
import { InvariantViolation, LakeError } from "#core";
import type { MemoryAccount } from "../execute/context.ts";
import type { ChangeSink, FileChange } from "../table-source.ts";
import { SEARCH_COLUMNS } from "./bound-change.ts";
import type { RowActions } from "./row-actions.ts";

/** Rows that a search changed. */
export interface RowCounts {
  inserted: number;
  updated: number;
  deleted: number;
}

/** Bytes a found row takes while its file is gathered: position, source row, action. */
const BYTES_PER_ROW = 12;
/** Rows gathered before the arrays grow for the first time. */
const INITIAL_ROWS = 1024;
/** Source rows inserted at once. */
const INSERT_ROWS = 8192;

/** Takes a search's batches and hands each file's rows to the sink as soon as the next file begins. */
export interface FileChanges {
  add(batch: Batch): Promise<void>;
  finish(): Promise<void>;
}

/**
 * Creates the collector of one search. `refusesSecond`: a row that is found a second time is an error; else its first
 * action counts.
 *
 * Memory: {@link BYTES_PER_ROW} a row found in one file. Errors: `cardinality_violation`, those of the actions.
 */
export function createFileChanges(
  actions: RowActions,
  sink: ChangeSink,
  counts: RowCounts,
  refusesSecond: boolean,
  account: MemoryAccount,
): FileChanges {
  let file: number | undefined;
  let count = 0;
  let isAscending = true;
  let positions = new Int32Array(INITIAL_ROWS);
  let sourceRows = new Int32Array(INITIAL_ROWS);
  let chosen = new Int32Array(INITIAL_ROWS);
  // What the search carried for the rows found, in their order.
  let carried: Batch[] = [];
  let carriedBytes = 0;

  function grow(): void {
    account.resize(positions.length * 2 * BYTES_PER_ROW + carriedBytes);
    [positions, sourceRows, chosen] = [doubled(positions), doubled(sourceRows), doubled(chosen)];
  }

  function carry(batch: Batch, rows: number[]): void {
    const part = gatherBatch(carriedBy(batch), Int32Array.from(rows.splice(0)));
    if (part.rowCount === 0 || part.columns.length === 0) return;
    carried.push(part);
    carriedBytes += batchByteSize(part);
    account.resize(positions.length * BYTES_PER_ROW + carriedBytes);
  }

  async function flush(): Promise<void> {
    if (file === undefined || count === 0) return;
    const rows = isAscending ? undefined : firstOfEach(positions.subarray(0, count), refusesSecond);
    const take = (values: Int32Array): Int32Array<ArrayBuffer> =>
      rows === undefined ? values.slice(0, count) : rows.map((row) => values[row] as number);
    const found = { positions: take(positions), sources: take(sourceRows), actions: take(chosen) };
    const all = carried.length === 0 ? { rowCount: count, columns: [] } : concatBatches(carried);
    const values = rows === undefined ? all : gatherBatch(all, rows);
    count = 0;
    isAscending = true;
    carried = [];
    carriedBytes = 0;
    const isUpdate = Uint8Array.from(found.actions, (action) => (actions.isUpdate(action) ? 1 : 0));
    const updates = isUpdate.reduce((sum, flag) => sum + flag, 0);
    counts.updated += updates;
    counts.deleted += isUpdate.length - updates;
    const change: FileChange = {
      positions: found.positions,
      isUpdate,
      updates,
      reads: actions.reads,
      update(batch, rows, changes) {
        const pick = (values: Int32Array): Int32Array => Int32Array.from(changes, (change) => values[change] ?? -1);
        const old = rows.length === batch.rowCount ? batch : gatherBatch(batch, rows);
        return actions.updated(old, pick(found.actions), pick(found.sources), gatherBatch(values, changes));
      },
    };
    await sink.change(file, change);
  }

  /** Inserts rows of a batch, by their action. */
  async function insert(batch: Batch, pending: ReadonlyMap<number, number[]>): Promise<void> {
    const [, , sources] = batch.columns;
    for (const [action, rows] of pending) {
      for (let start = 0; start < rows.length; start += INSERT_ROWS) {
        const part = Int32Array.from(rows.slice(start, start + INSERT_ROWS));
        const sourcesOfPart = part.map((row) => sourceRow(sources, row));
        await sink.insert(actions.inserted(action, sourcesOfPart, gatherBatch(carriedBy(batch), part)));
      }
      counts.inserted += rows.length;
    }
  }

  return {
    async add(batch) {
      const [files, places, sources, numbers] = batch.columns;
      if (files === undefined || places === undefined || sources === undefined || numbers === undefined) {
        throw new InvariantViolation("a search gives four columns");
      }
      const inserts = new Map<number, number[]>();
      const taken: number[] = [];
      for (let row = 0; row < batch.rowCount; row++) {
        const action = scalarAt(numbers, row);
        if (action === null) continue;
        const found = scalarAt(files, row);
        if (found === null) {
          const rows = inserts.get(action as number) ?? [];
          rows.push(row);
          inserts.set(action as number, rows);
          continue;
        }
        if (found !== file) {
          if (file !== undefined && (found as number) < file) throw new InvariantViolation("files out of order");
          carry(batch, taken);
          await flush();
          file = found as number;
        }
        const position = scalarAt(places, row) as number;
        const last = count === 0 ? -1 : (positions[count - 1] as number);
        if (last === position) {
          if (refusesSecond) throw secondAction();
          continue;
        }
        if (position < last) isAscending = false;
        if (count === positions.length) grow();
        positions[count] = position;
        sourceRows[count] = sourceRow(sources, row);
        chosen[count] = action as number;
        taken.push(row);
        count += 1;
      }
      carry(batch, taken);
      await insert(batch, inserts);
    },
    finish: flush,
  };
}

function sourceRow(sources: Vector | undefined, row: number): number {
  return ((sources === undefined ? null : scalarAt(sources, row)) ?? -1) as number;
}

/** What a search's rows hold beyond their place and action. */
function carriedBy({ rowCount, columns }: Batch): Batch {
  return { rowCount, columns: columns.slice(SEARCH_COLUMNS.length) };
}

/** The first entry of each position, in the order of the positions. */
function firstOfEach(positions: Int32Array, refusesSecond: boolean): Int32Array<ArrayBuffer> {
  const order = Int32Array.from(positions.keys());
  order.sort((a, b) => (positions[a] as number) - (positions[b] as number) || a - b);
  const first = order.filter((row, i) => i === 0 || positions[row] !== positions[order[i - 1] as number]);
  if (refusesSecond && first.length < order.length) throw secondAction();
  return first;
}

function doubled(values: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(values.length * 2);
  grown.set(values);
  return grown;
}

function secondAction(): LakeError {
  return new LakeError(
    "cardinality_violation",
    "MERGE command cannot affect row a second time: more than one source row matches it; nothing was changed.",
  );
}
