// What every new row has to fulfil, whatever statement made it.

import { LakeError } from "#core";
import { flattenVector, isNullAt, scalarAt, type Batch, type Vector } from "#columnar";
import type { TableSource } from "../table-source.ts";
import { isInfiniteDate } from "../values/infinite.ts";

/**
 * Checks new rows, which have all columns of the table.
 *
 * Errors: `not_null_violation` for a NULL in a required column; `numeric_out_of_range` for bytes that a fixed column
 * cannot hold, and for infinite dates and timestamps.
 */
export function checkRows({ name, columns }: TableSource, batch: Batch): void {
  for (const [index, column] of columns.entries()) {
    const vector = batch.columns[index];
    if (vector === undefined) continue;
    if (!column.nullable && hasNull(vector, batch.rowCount)) {
      const message = `Null value in column "${column.name}" of table ${name} violates its NOT NULL constraint; nothing was changed.`;
      throw new LakeError("not_null_violation", message, { details: { table: name, column: column.name } });
    }
    if (column.type.kind === "date" || column.type.kind === "timestamp") {
      checkFinite(vector, column.name);
    }
    if (column.type.kind === "binary" && column.type.length !== undefined) {
      checkLength(vector, batch.rowCount, column.type.length, column.name);
    }
  }
}

function hasNull(vector: Vector, rowCount: number): boolean {
  if (vector.encoding === "constant") return vector.value === null && rowCount > 0;
  for (let row = 0; row < rowCount; row++) if (isNullAt(vector, row)) return true;
  return false;
}

function checkFinite(vector: Vector, column: string): void {
  const { type, values, validity } = flattenVector(vector);
  if (!(values instanceof Float64Array || values instanceof Int32Array)) return;
  const isInfinite = type.kind === "date" ? isInfiniteDate : (micros: number) => Math.abs(micros) === Infinity;
  if (!values.some((value, row) => isInfinite(value) && validity?.[row] !== 0)) return;
  const message = `Column "${column}" cannot hold infinity: Iceberg's dates and timestamps are finite. Nothing was changed.`;
  throw new LakeError("numeric_out_of_range", message, { details: { column } });
}

function checkLength(vector: Vector, rowCount: number, length: number, column: string): void {
  for (let row = 0; row < rowCount; row++) {
    const value = scalarAt(vector, row);
    if (!(value instanceof Uint8Array) || value.length === length) continue;
    const message = `A value of column "${column}" has ${value.length} bytes; the column holds exactly ${length}.`;
    throw new LakeError("numeric_out_of_range", message, { details: { column } });
  }
}
