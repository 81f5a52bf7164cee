// Computes what becomes of rows that a search found: new values of updated ones, and inserted ones.

import { concatBatches, constantVector, gather, gatherBatch, type Batch, type Vector } from "#columnar";
import { required } from "#core";
import { compileExpr, type CompiledExpr } from "../execute/expression.ts";
import type { ExecutionContext } from "../execute/context.ts";
import { INT32, collectColumns } from "../expressions.ts";
import { PLACE_COLUMNS, type ChangeTarget, type RowAction } from "./bound-change.ts";
import { checkRows } from "./row-checks.ts";
import type { SourceTable } from "./source-table.ts";

/** The actions of one statement, ready to run. */
export interface RowActions {
  /** Whether an action writes a new row in place of the old one. */
  isUpdate(action: number): boolean;
  /** By column that updates assign: the columns of the target that its new values are computed from. */
  readonly reads: ReadonlyMap<number, ReadonlySet<number>>;
  /**
   * New rows of the target: for each row of `batch` its action, its row of the source, -1 for none, and what the search
   * carried.
   */
  updated(batch: Batch, actions: Int32Array, sourceRows: Int32Array, carried: Batch): Batch;
  /** Rows to insert, one for each row of the source with what the search carried. */
  inserted(action: number, sourceRows: Int32Array, carried: Batch): Batch;
}

/** Compiles the actions. Errors of the methods: what expressions raise, and those of new rows that break a rule. */
export function compileActions(
  target: ChangeTarget,
  actions: readonly RowAction[],
  source: SourceTable | undefined,
  context: ExecutionContext,
): RowActions {
  const compiled = actions.map((action): readonly CompiledExpr[] =>
    action.kind === "delete" ? [] : action.values.map((expr) => compileExpr(expr, context)),
  );

  /** The row that the actions' expressions read. */
  function joined(targetColumns: readonly Vector[], sourceRows: Int32Array, carried: Batch): Batch {
    const rowCount = sourceRows.length;
    const place = PLACE_COLUMNS.map(({ type }) => constantVector(type, null, rowCount));
    const numbers: Vector = {
      encoding: "flat",
      type: INT32,
      length: rowCount,
      values: sourceRows,
      validity: undefined,
    };
    const columns = source === undefined ? [] : [...source.rowsAt(sourceRows), numbers];
    return { rowCount, columns: [...targetColumns, ...place, ...columns, ...carried.columns] };
  }

  function evaluate(action: number, row: Batch): Batch {
    const columns = required(compiled[action], `action ${action}`).map((expr) => expr(row));
    const batch = { rowCount: row.rowCount, columns };
    checkRows(target, batch);
    return batch;
  }

  const reads = new Map<number, Set<number>>();
  for (const action of actions) {
    if (action.kind !== "update") continue;
    for (const [index, expr] of action.values.entries()) {
      if (expr.kind === "column" && expr.index === index) continue;
      const columns = reads.get(index) ?? new Set<number>();
      collectColumns(expr, columns);
      reads.set(index, columns);
    }
  }

  return {
    reads,
    isUpdate: (action) => actions[action]?.kind === "update",
    updated(batch, rowActions, sourceRows, carried) {
      const [first = 0] = rowActions;
      if (rowActions.every((action) => action === first)) {
        return evaluate(first, joined(batch.columns, sourceRows, carried));
      }
      const parts: Batch[] = [];
      // Where each row of the input stands in the parts put together.
      const order = new Int32Array(rowActions.length);
      let written = 0;
      for (const action of new Set(rowActions)) {
        const rows = Int32Array.from(rowActions.keys()).filter((row) => rowActions[row] === action);
        for (const row of rows) order[row] = written++;
        const columns = batch.columns.map((column) => gather(column, rows));
        const sources = rows.map((row) => sourceRows[row] ?? -1);
        parts.push(evaluate(action, joined(columns, sources, gatherBatch(carried, rows))));
      }
      return gatherBatch(concatBatches(parts), order);
    },
    inserted(action, sourceRows, carried) {
      const nulls = target.columns.map(({ type }) => constantVector(type, null, sourceRows.length));
      return evaluate(action, joined(nulls, sourceRows, carried));
    },
  };
}
