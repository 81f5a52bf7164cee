// Proof that outputs hold what lived in the inputs: row counts, null counts and bounds of every column. Footers tell, but
// for inputs with deletes, whose live rows are counted as they pass.

import { LakeError } from "#core";
import { scalarAt, type Batch, type DataType, type Scalar, type Vector } from "#columnar";
import type { IcebergColumn } from "#iceberg";
import type { ParquetColumnChunk, ParquetMetadata } from "#parquet";
import { compareScalars } from "./sort-encoding.ts";

/** A bound over many chunks; `isExact` when it is a value of some row. */
interface Bound {
  readonly value: Scalar;
  readonly isExact: boolean;
}

/** Totals of one column; undefined where some chunk does not say. */
interface ColumnTally {
  nulls: number | undefined;
  min: Bound | undefined;
  max: Bound | undefined;
  isMinKnown: boolean;
  isMaxKnown: boolean;
}

/** Totals over the files of one side of a rewrite. */
export interface ContentTally {
  /** Adds a whole file. `missing` has the values of columns it lacks; others are null. */
  add(metadata: ParquetMetadata, missing?: ReadonlyMap<number, Scalar>): void;
  /** Adds rows whose columns begin with the tallied ones; nothing is known of their bounds. */
  addRows(batch: Batch): void;
  readonly rows: number;
  readonly columns: ReadonlyMap<number, ColumnTally>;
}

/** Starts a tally of the columns; nested columns are counted by rows alone. */
export function createContentTally(columns: readonly IcebergColumn[]): ContentTally {
  const flat = columns
    .map((column, index) => ({ ...column, index }))
    .filter(({ type }) => type.kind !== "list" && type.kind !== "struct" && type.kind !== "map");
  const tallies = new Map<number, ColumnTally>(
    flat.map(({ fieldId }) => [
      fieldId,
      { nulls: 0, min: undefined, max: undefined, isMinKnown: true, isMaxKnown: true },
    ]),
  );
  let rows = 0;
  return {
    get rows() {
      return rows;
    },
    columns: tallies,
    add(metadata, missing) {
      rows += metadata.numRows;
      for (const { fieldId, type } of flat) {
        const tally = tallies.get(fieldId);
        if (tally === undefined) continue;
        const leaf = metadata.columns.find((column) => column.fieldId === fieldId && column.path.length === 1);
        for (const group of metadata.rowGroups) {
          const chunk = leaf === undefined ? undefined : group.columns[leaf.leafIndex];
          if (chunk === undefined) addConstant(tally, missing?.get(fieldId) ?? null, group.numRows, type);
          else addChunk(tally, comparableChunk(chunk, leaf?.type, type), type);
        }
      }
    },
    addRows(batch) {
      rows += batch.rowCount;
      for (const { fieldId, index } of flat) {
        const tally = tallies.get(fieldId);
        const column = batch.columns[index];
        if (tally === undefined || column === undefined) continue;
        tally.isMinKnown = false;
        tally.isMaxKnown = false;
        if (tally.nulls !== undefined) tally.nulls += countNulls(column);
      }
    },
  };
}

/** The chunk with its bounds as values of the table's type, or without them. */
function comparableChunk(
  chunk: ParquetColumnChunk,
  fileType: DataType | undefined,
  type: DataType,
): ParquetColumnChunk {
  if (type.kind === "int64" && type.stored !== undefined) return { ...chunk, min: chunk.minNanos, max: chunk.maxNanos };
  return hasOrderOf(fileType, type) ? chunk : { ...chunk, min: undefined, max: undefined };
}

/** Whether bounds of a file's type are values of the table's. */
function hasOrderOf(fileType: DataType | undefined, type: DataType): boolean {
  if (fileType === undefined) return false;
  const promoted = `${fileType.kind}→${type.kind}`;
  return fileType.kind === type.kind || promoted === "int32→int64" || promoted === "float32→float64";
}

function addConstant(tally: ColumnTally, value: Scalar, rows: number, type: DataType): void {
  if (value === null) {
    if (tally.nulls !== undefined) tally.nulls += rows;
    return;
  }
  if (rows === 0) return;
  tally.min = outerBound(tally.min, { value, isExact: true }, type, -1);
  tally.max = outerBound(tally.max, { value, isExact: true }, type, 1);
}

function countNulls(column: Vector): number {
  if (column.encoding === "constant") return column.value === null ? column.length : 0;
  const nestedNulls = column.encoding === "dictionary" && column.dictionary.validity !== undefined;
  if (column.validity === undefined && !nestedNulls) return 0;
  let nulls = 0;
  for (let row = 0; row < column.length; row++) {
    if (nestedNulls ? scalarAt(column, row) === null : column.validity?.[row] === 0) nulls += 1;
  }
  return nulls;
}

function addChunk(tally: ColumnTally, chunk: ParquetColumnChunk, type: DataType): void {
  if (chunk.nullCount === undefined) tally.nulls = undefined;
  else if (tally.nulls !== undefined) tally.nulls += chunk.nullCount;
  if (chunk.nullCount !== undefined && chunk.nullCount === chunk.valueCount) return;
  if (chunk.min === undefined) tally.isMinKnown = false;
  else tally.min = outerBound(tally.min, { value: chunk.min, isExact: chunk.isMinExact }, type, -1);
  if (chunk.max === undefined) tally.isMaxKnown = false;
  else tally.max = outerBound(tally.max, { value: chunk.max, isExact: chunk.isMaxExact }, type, 1);
}

/** The smaller (side -1) or larger (side 1) of two bounds; of equal ones the exact. */
function outerBound(known: Bound | undefined, bound: Bound, type: DataType, side: -1 | 1): Bound {
  if (known === undefined) return bound;
  const compared = compareScalars(type, bound.value, known.value) * side;
  if (compared === 0) return known.isExact ? known : bound;
  return compared > 0 ? bound : known;
}

/**
 * Checks that the outputs' totals are those of the inputs, as far as the footers of both say.
 *
 * Errors: `data_invalid` naming the first difference; nothing may be committed then.
 */
export function requireSameContent(
  inputs: ContentTally,
  outputs: ContentTally,
  columns: readonly IcebergColumn[],
): void {
  if (inputs.rows !== outputs.rows) throw differs(`${outputs.rows} rows where the inputs hold ${inputs.rows}`);
  for (const { fieldId, name, type } of columns) {
    const before = inputs.columns.get(fieldId);
    const after = outputs.columns.get(fieldId);
    if (before === undefined || after === undefined) continue;
    if (before.nulls !== undefined && after.nulls !== undefined && before.nulls !== after.nulls) {
      throw differs(`${after.nulls} nulls in "${name}" where the inputs hold ${before.nulls}`);
    }
    if (before.isMinKnown && after.isMinKnown && !agree(before.min, after.min, type, -1)) {
      throw differs(`another minimum of "${name}" than the inputs`);
    }
    if (before.isMaxKnown && after.isMaxKnown && !agree(before.max, after.max, type, 1)) {
      throw differs(`another maximum of "${name}" than the inputs`);
    }
  }
}

/** Whether two bounds can belong to the same values: an inexact one may only lie outside the other. */
function agree(before: Bound | undefined, after: Bound | undefined, type: DataType, side: -1 | 1): boolean {
  if (before === undefined || after === undefined) return before === after;
  const outward = compareScalars(type, after.value, before.value) * side;
  if (outward > 0) return !after.isExact;
  if (outward < 0) return !before.isExact;
  return true;
}

function differs(what: string): LakeError {
  return new LakeError("data_invalid", `The rewritten files hold ${what}; nothing was committed.`);
}
