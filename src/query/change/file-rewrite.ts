// Copy-on-write of one data file: its live rows are streamed into new files, but for the rows that change.

import {
  concatBatches,
  constantVector,
  gatherBatch,
  scalarAt,
  vectorFromScalars,
  type Batch,
  type DataType,
  type Scalar,
  type Vector,
} from "#columnar";
import {
  LINEAGE_COLUMNS,
  fromStoredVector,
  schemaToParquetFields,
  toStoredVector,
  type IcebergColumn,
  type IcebergSchema,
  type TableMetadata,
  type TableWriter,
} from "#iceberg";
import { required } from "#core";
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

/** The columns a rewrite reads: the table's as files hold them, and the rows' lineage where the format has it. */
export function rewriteColumns(metadata: TableMetadata, schema: IcebergSchema): readonly ScanColumn[] {
  const columns = schemaToParquetFields(schema);
  return hasLineage(metadata) ? [...columns, ...LINEAGE_COLUMNS] : columns;
}

/** Whether rows of the table's files keep their ids when they are copied. */
export function hasLineage(metadata: TableMetadata): boolean {
  return metadata["format-version"] >= 3;
}

const INT64: DataType = { kind: "int64" };

/**
 * A batch with its updated rows in place; all columns are there, lineage too where the batch has more than `columns`,
 * which are the table's as SQL sees them. Updated rows keep their id, and say by a missing sequence number that this
 * change updated them.
 */
export function applyChange(
  batch: Batch,
  rows: BatchChange,
  columns: readonly IcebergColumn[],
  change: RowChange,
): Batch {
  if (rows.kept.length === batch.rowCount) return batch;
  const kept = gatherBatch(batch, rows.kept);
  if (rows.updated.length === 0) return kept;
  const replaced = updatedRows(batch, rows, columns, change);
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

/** How rows get their new values. */
type RowChange = Pick<FileChange, "update" | "reads">;

/**
 * The new rows of a batch's updated ones as files hold them, with their lineage. A value that SQL sees unchanged keeps
 * what SQL does not see of it.
 *
 * Errors: those of the change; `numeric_out_of_range` when nanoseconds are computed from a time that SQL would round.
 */
export function updatedRows(
  batch: Batch,
  rows: BatchChange,
  columns: readonly IcebergColumn[],
  change: RowChange,
): Batch {
  const old = gatherBatch(batch, rows.updated);
  // Where nanoseconds are assigned, what they are computed from has to be whole.
  const exact = new Set(
    [...change.reads].flatMap(([index, reads]) => {
      const to = old.columns[index];
      return to !== undefined && holdsNanoseconds(to.type) ? [...reads] : [];
    }),
  );
  const seen = columns.map(({ name, type }, index) =>
    fromStoredVector(required(old.columns[index], "a column"), type, name, exact.has(index)),
  );
  const all = Int32Array.from({ length: old.rowCount }, (_, row) => row);
  const { rowCount, columns: values } = change.update({ rowCount: old.rowCount, columns: seen }, all, rows.changes);
  const stored = values.map((vector, index) => {
    const before = required(old.columns[index], "a column");
    const shown = required(seen[index], "a column");
    return before === shown ? vector : keepUnseen(vector, shown, before, required(columns[index], "a column").name);
  });
  const rowIds = old.columns[columns.length];
  if (rowIds === undefined) return { rowCount, columns: stored };
  const unknown: Vector = constantVector(INT64, null, rowCount);
  return { rowCount, columns: [...stored, rowIds, unknown] };
}

function holdsNanoseconds(type: DataType): boolean {
  if (type.kind === "list") return holdsNanoseconds(type.element);
  if (type.kind === "map") return holdsNanoseconds(type.key) || holdsNanoseconds(type.value);
  if (type.kind === "struct") return type.fields.some((field) => holdsNanoseconds(field.type));
  return type.kind === "int64" && type.stored !== undefined;
}

/** New values as files hold them; rows whose value is the one that SQL saw have what was stored. */
function keepUnseen(values: Vector, seen: Vector, stored: Vector, name: string): Vector {
  const changed: number[] = [];
  const kept: Scalar[] = [];
  for (let row = 0; row < values.length; row++) {
    // Nested values that only stay as they are are the same objects.
    if (scalarAt(values, row) === scalarAt(seen, row)) kept.push(scalarAt(stored, row));
    else {
      changed.push(row);
      kept.push(null);
    }
  }
  if (changed.length === 0) return stored;
  const { columns } = gatherBatch({ rowCount: values.length, columns: [values] }, Int32Array.from(changed));
  const converted = toStoredVector(required(columns[0], "a column"), stored.type, name);
  for (const [index, row] of changed.entries()) kept[row] = scalarAt(converted, index);
  return vectorFromScalars(stored.type, kept);
}

/** Streams a file's live rows into a writer with its change applied. */
export async function rewriteFile(
  batches: AsyncIterable<ScannedBatch>,
  change: FileChange,
  columns: readonly IcebergColumn[],
  writer: TableWriter,
): Promise<void> {
  let at = 0;
  for await (const batch of batches) {
    const { next, ...rows } = divideRows(batch.positions ?? new Int32Array(0), change, at);
    at = next;
    const changed = applyChange(batch, rows, columns, change);
    if (changed.rowCount > 0) await writer.write({ rowCount: changed.rowCount, columns: changed.columns });
  }
}

/** Streams only the new rows of a file's updated ones into a writer. */
export async function writeUpdated(
  batches: AsyncIterable<ScannedBatch>,
  change: FileChange,
  columns: readonly IcebergColumn[],
  writer: TableWriter,
): Promise<void> {
  let at = 0;
  for await (const batch of batches) {
    const { next, ...rows } = divideRows(batch.positions ?? new Int32Array(0), change, at);
    at = next;
    if (rows.updated.length > 0) await writer.write(updatedRows(batch, rows, columns, change));
  }
}
