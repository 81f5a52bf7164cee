// The rows a target is joined with, read once and held: each row is known by its number, so that what a change does
// with it can be computed when the target's file is rewritten.

import { BATCH_ROWS, constantVector, gather, sliceVector, type Batch, type ColumnSchema, type Vector } from "#columnar";
import { InvariantViolation } from "#core";
import { INT32 } from "../expressions.ts";
import { emptyScanStatistics, type PlannedScan, type TableSource } from "../table-source.ts";

/** A table of rows that are filled in before it is scanned. Its last column is the row's number. */
export interface SourceTable extends TableSource {
  /** Columns without the row's number. */
  readonly width: number;
  /** Holds the rows; columns that are not needed may be missing. */
  fill(rowCount: number, columns: readonly (Vector | undefined)[]): void;
  readonly rowCount: number;
  /** The held column; undefined when it was left out. */
  column(index: number): Vector | undefined;
  /** Columns of some rows; -1 gives NULLs. */
  rowsAt(rows: Int32Array): readonly Vector[];
}

/** A source with these columns, not yet filled. */
export function createSourceTable(columns: readonly ColumnSchema[]): SourceTable {
  const width = columns.length;
  const all: readonly ColumnSchema[] = [...columns, { name: "source row", type: INT32, nullable: false }];
  let held: { readonly rowCount: number; readonly columns: readonly (Vector | undefined)[] } | undefined;
  const filled = (): { readonly rowCount: number; readonly columns: readonly (Vector | undefined)[] } => {
    if (held === undefined) throw new InvariantViolation("the source of a change is read before it is filled");
    return held;
  };
  const nulls = (index: number, length: number): Vector =>
    constantVector(columns[index]?.type ?? { kind: "null" }, null, length);

  function* batches(wanted: readonly number[]): Generator<Batch> {
    const { rowCount, columns: vectors } = filled();
    for (let start = 0; start < rowCount; start += BATCH_ROWS) {
      const end = Math.min(rowCount, start + BATCH_ROWS);
      yield {
        rowCount: end - start,
        columns: wanted.map((index) => {
          if (index === width) return numbers(start, end);
          const vector = vectors[index];
          return vector === undefined ? nulls(index, end - start) : sliceVector(vector, start, end);
        }),
      };
    }
  }

  return {
    name: "source",
    columns: all,
    width,
    get rowCount() {
      return filled().rowCount;
    },
    fill(rowCount, vectors) {
      held = { rowCount, columns: vectors };
    },
    column: (index) => filled().columns[index],
    rowsAt: (rows) =>
      columns.map((_, index) => {
        const vector = filled().columns[index];
        return vector === undefined || rows.includes(-1) ? nulls(index, rows.length) : gather(vector, rows);
      }),
    planScan(request): Promise<PlannedScan> {
      return Promise.resolve({
        identity: "source",
        statistics: emptyScanStatistics("source"),
        async *open() {
          yield* await Promise.resolve(batches(request.columns));
        },
      });
    },
  };
}

function numbers(start: number, end: number): Vector {
  const values = Int32Array.from({ length: end - start }, (_, i) => start + i);
  return { encoding: "flat", type: INT32, length: end - start, values, validity: undefined };
}
