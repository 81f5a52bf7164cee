// Scans with the filter above them: all that rows are dropped by is looked at first, and the other columns are decoded for
// the rows that are left.

import { constantVector, pick, type Batch } from "#columnar";
import { someExpr } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { breathe, type ExecutionContext, type ScanNode } from "./context.ts";
import { isSafe } from "./expression-properties.ts";
import { narrowingOf } from "./found-conditions.ts";
import { createScanFilter, type ScanFilter } from "./key-filter.ts";
import type { Selection } from "./row-scratch.ts";
import { compileSelection } from "./selection.ts";

/** Output columns that a parent reads; the others may come as null constants. */
type Required = ReadonlySet<number> | "all";

/** Runs a scan without a filter of its own; rows that no join above wants are left out. */
export async function* executeScan(node: ScanNode, context: ExecutionContext): AsyncGenerator<Batch> {
  const keys = keysOf(node, context);
  for await (const batch of batchesOf(node, context)) {
    const rows = keys?.select(batch, undefined);
    if (rows === undefined) yield batch;
    else if (rows.length > 0) yield pickRows(batch, rows, "all");
  }
}

/**
 * Runs a filter on a scan. The scan's operator counts the rows that were read, the filter's those that its condition and
 * the joins above want.
 */
export async function* executeFilteredScan(
  { condition }: Extract<PlanNode, { kind: "filter" }>,
  scan: ScanNode,
  required: Required,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const select = compileSelection(condition, context);
  const keys = keysOf(scan, context);
  const record = context.profile?.operator(scan);
  const steps: ((batch: Batch, rows: Selection) => Selection)[] = [select];
  if (keys !== undefined) {
    const joined = (batch: Batch, rows: Selection): Selection => keys.select(batch, rows);
    // Looking up keys is cheap beside reading text, and what may fail should see as few rows as possible.
    if (isCheap(condition) && isSafe(condition, context)) steps.push(joined);
    else steps.unshift(joined);
  }
  for await (const batch of batchesOf(scan, context)) {
    if (record !== undefined) {
      record.rows += batch.rowCount;
      record.batches += 1;
    }
    let rows: Selection;
    for (const step of steps) if (rows === undefined || rows.length > 0) rows = step(batch, rows);
    if (rows === undefined) yield batch;
    else if (rows.length > 0) yield pickRows(batch, rows, required);
  }
}

async function* batchesOf(node: ScanNode, context: ExecutionContext): AsyncGenerator<Batch> {
  for await (const batch of context.planScan(node).open(context.signal, narrowingOf(node, context))) {
    await breathe(context);
    if (batch.rowCount > 0) yield batch;
  }
}

function keysOf({ narrowedBy = [], projection }: ScanNode, { found }: ExecutionContext): ScanFilter | undefined {
  if (found === undefined || narrowedBy.length === 0) return undefined;
  return createScanFilter(
    found,
    narrowedBy.map(({ by, column }) => ({ by, position: projection.indexOf(column) })),
  );
}

function isCheap(condition: Expr): boolean {
  return !someExpr(condition, ({ type }) => type.kind === "string" || type.kind === "json");
}

function pickRows(batch: Batch, rows: Int32Array, required: Required): Batch {
  const columns = batch.columns.map((column, i) =>
    required === "all" || required.has(i) ? pick(column, rows) : constantVector(column.type, null, rows.length),
  );
  return { rowCount: rows.length, columns };
}
