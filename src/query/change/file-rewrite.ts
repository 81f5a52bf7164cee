// Copy-on-write of one data file: its live rows are streamed into new files, but for the rows that change.

import { concatBatches, constantVector, gatherBatch, type Batch, type DataType, type Vector } from "#columnar";
import { LINEAGE_COLUMNS, requireReadable, schemaToColumns, type TableMetadata, type TableWriter } from "#iceberg";
import type { FileChange } from "#sql";
import type { ScanColumn, ScannedBatch } from "../file-scan.ts";

/** How rows of a batch change. */
export interface BatchChange {
  /** Rows that stay as they are. */
  readonly kept: Int32Array;
  /** Rows that get new values, and their indices in the change. */
  readonly updated: Int32Array;
  readonly changes: Int32Array;
}

/** Divides a batch's rows by a file's change. Both have ascending positions; `from` is where to start in the change's. */
export function divideRows(
  positions: Int32Array,
  change: Pick<FileChange, "positions" | "isUpdate">,
  from: number,
): BatchChange & { readonly next: number } {
  const kept: number[] = [];
  const updated: number[] = [];
  const changes: number[] = [];
  let at = from;
  for (const [row, position] of positions.entries()) {
    while (at < change.positions.length && (change.positions[at] as number) < position) at += 1;
    if (change.positions[at] !== position) kept.push(row);
    else if (change.isUpdate[at] === 1) {
      updated.push(row);
      changes.push(at);
    }
  }
  return {
    kept: Int32Array.from(kept),
    updated: Int32Array.from(updated),
    changes: Int32Array.from(changes),
    next: at,
  };
}

/** The columns a rewrite reads: the table's, and the rows' lineage where the format has it. */
export function rewriteColumns(
  metadata: TableMetadata,
  schema: Parameters<typeof schemaToColumns>[0],
): readonly ScanColumn[] {
  const columns = schemaToColumns(schema);
  requireReadable(columns);
  return hasLineage(metadata) ? [...columns, ...LINEAGE_COLUMNS] : columns;
}

/** Whether rows of the table's files keep their ids when they are copied. */
export function hasLineage(metadata: TableMetadata): boolean {
  return metadata["format-version"] >= 3;
}

const INT64: DataType = { kind: "int64" };

/**
 * A batch with its updated rows in place; all columns are there, lineage too where `width` is less than their number.
 * Updated rows keep their id, and say by a missing sequence number that this change updated them.
 */
export function applyChange(batch: Batch, rows: BatchChange, width: number, change: Pick<FileChange, "update">): Batch {
  if (rows.kept.length === batch.rowCount) return batch;
  const kept = gatherBatch(batch, rows.kept);
  if (rows.updated.length === 0) return kept;
  const replaced = updatedRows(batch, rows, width, change);
  if (rows.kept.length === 0) return replaced;
  // Rows stay in the order of their positions.
  const order = new Int32Array(kept.rowCount + replaced.rowCount);
  let a = 0;
  let b = 0;
  for (let i = 0; i < order.length; i++) {
    const isKept = b >= rows.updated.length || (rows.kept[a] ?? Number.POSITIVE_INFINITY) < (rows.updated[b] as number);
    order[i] = isKept ? a++ : kept.rowCount + b++;
  }
  return gatherBatch(concatBatches([kept, replaced]), order);
}

/** The new rows of a batch's updated ones, with their lineage. */
export function updatedRows(batch: Batch, rows: BatchChange, width: number, change: Pick<FileChange, "update">): Batch {
  const table: Batch = { rowCount: batch.rowCount, columns: batch.columns.slice(0, width) };
  const values = change.update(table, rows.updated, rows.changes);
  const rowIds = batch.columns[width];
  if (rowIds === undefined) return values;
  const ids = gatherBatch({ rowCount: batch.rowCount, columns: [rowIds] }, rows.updated).columns;
  const unknown: Vector = constantVector(INT64, null, rows.updated.length);
  return { rowCount: values.rowCount, columns: [...values.columns, ...ids, unknown] };
}

/** Streams a file's live rows into a writer with its change applied. */
export async function rewriteFile(
  batches: AsyncIterable<ScannedBatch>,
  change: FileChange,
  width: number,
  writer: TableWriter,
): Promise<void> {
  let at = 0;
  for await (const batch of batches) {
    const { next, ...rows } = divideRows(batch.positions ?? new Int32Array(0), change, at);
    at = next;
    const changed = applyChange(batch, rows, width, change);
    if (changed.rowCount > 0) await writer.write({ rowCount: changed.rowCount, columns: changed.columns });
  }
}

/** Streams only the new rows of a file's updated ones into a writer. */
export async function writeUpdated(
  batches: AsyncIterable<ScannedBatch>,
  change: FileChange,
  width: number,
  writer: TableWriter,
): Promise<void> {
  let at = 0;
  for await (const batch of batches) {
    const { next, ...rows } = divideRows(batch.positions ?? new Int32Array(0), change, at);
    at = next;
    if (rows.updated.length > 0) await writer.write(updatedRows(batch, rows, width, change));
  }
}
