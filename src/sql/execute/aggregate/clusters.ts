// Grouping by a key that a table's files are parted by: the groups below a cut are whole once a row above it comes, so
// they leave and make room. Memory is then that of one file's groups.

import { flattenVector, gatherBatch, type Batch, type Vector } from "#columnar";
import type { Expr, PlanNode } from "../../plan.ts";
import type { ScanCut } from "../../table-source.ts";
import type { ExecutionContext, ScanNode } from "../context.ts";

type AggregateNode = Extract<PlanNode, { kind: "aggregate" }>;

/** Rows of the key between two files that wait for the second one; of more the cut is passed over. */
const MAX_WAITING_ROWS = 1 << 16;

/** Rows of an input, or that all groups met so far are whole. */
export type Clustered = Batch | "whole";

/** The input's batches with the places where its groups are whole. */
export type ClusterInput = (input: AsyncIterable<Batch>) => AsyncGenerator<Clustered>;

/** How the input of a node comes in parts with groups of their own; undefined where it does not. */
export function clusterInput(node: AggregateNode, context: ExecutionContext): ClusterInput | undefined {
  if (node.groupingSets !== undefined) return undefined;
  for (const key of node.keys) {
    const source = scanColumn(node.input, key, context);
    const cuts = source && context.planScan(source.scan).clusterBy?.(source.column);
    if (cuts === undefined || key.kind !== "column") continue;
    const { index } = key;
    return (input) => cutRows(input, (batch) => batch.columns[index], cuts);
  }
  return undefined;
}

/** The stored column that an expression is, where everything between works row by row. */
function scanColumn(
  plan: PlanNode,
  expr: Expr | undefined,
  context: ExecutionContext,
): { readonly scan: ScanNode; readonly column: number } | undefined {
  // Rows that are there already came in an order of their own.
  if (expr?.kind !== "column" || context.held?.has(plan) === true) return undefined;
  if (plan.kind === "project") return scanColumn(plan.input, plan.exprs[expr.index], context);
  if (plan.kind === "filter") return scanColumn(plan.input, expr, context);
  if (plan.kind !== "scan" || plan.limit !== undefined) return undefined;
  const column = plan.projection[expr.index];
  return column === undefined ? undefined : { scan: plan, column };
}

/**
 * Passes rows on below the next cut; those that may belong to the groups above it wait until a row above it comes.
 */
export async function* cutRows(
  input: AsyncIterable<Batch>,
  keyOf: (batch: Batch) => Vector | undefined,
  cuts: readonly ScanCut[],
): AsyncGenerator<Clustered> {
  let next = 0;
  let waiting: Batch[] = [];
  let waitingRows = 0;
  for await (const batch of input) {
    let rest = batch;
    for (;;) {
      const cut = cuts[next];
      const key = keyOf(rest);
      if (cut === undefined || key === undefined) break;
      const values = integersOf(key);
      // A key of another form has no place: all rows come at once from here on.
      if (values === undefined) {
        next = cuts.length;
        break;
      }
      const greatest = maxOf(values, rest.rowCount);
      if (greatest < cut.below) break;
      const [below, above] = divide(rest, values, cut.below);
      if (below.rowCount > 0) yield below;
      if (greatest > cut.after) {
        yield "whole";
        yield* waiting;
        next += 1;
        rest = above;
      } else {
        waiting.push(above);
        waitingRows += above.rowCount;
        rest = NO_ROWS;
        if (waitingRows <= MAX_WAITING_ROWS) break;
        yield* waiting;
        next += 1;
      }
      waiting = [];
      waitingRows = 0;
    }
    if (rest.rowCount > 0) yield rest;
  }
  yield* waiting;
}

const NO_ROWS: Batch = { rowCount: 0, columns: [] };

function integersOf(vector: Vector): Float64Array | Int32Array | undefined {
  const { values, validity } = flattenVector(vector);
  const areNumbers = values instanceof Float64Array || values instanceof Int32Array;
  return areNumbers && validity === undefined ? values : undefined;
}

function maxOf(values: Float64Array | Int32Array, rowCount: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < rowCount; i++) if ((values[i] as number) > max) max = values[i] as number;
  return max;
}

/** The rows below a value and the others. */
function divide(
  batch: Batch,
  values: Float64Array | Int32Array,
  value: number,
): readonly [below: Batch, others: Batch] {
  const { rowCount } = batch;
  const below = new Int32Array(rowCount);
  const others = new Int32Array(rowCount);
  let belowCount = 0;
  let otherCount = 0;
  for (let i = 0; i < rowCount; i++) {
    if ((values[i] as number) < value) below[belowCount++] = i;
    else others[otherCount++] = i;
  }
  if (belowCount === 0) return [NO_ROWS, batch];
  if (otherCount === 0) return [batch, NO_ROWS];
  return [gatherBatch(batch, below.subarray(0, belowCount)), gatherBatch(batch, others.subarray(0, otherCount))];
}
