// Hash aggregation: rows to dense group ids, ids to accumulators.

import { gather, sliceBatch, BATCH_ROWS, type Batch, type Vector } from "#columnar";
import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { AggregateCall, Expr, PlanNode } from "../../plan.ts";
import { addColumnsUsed, columnsUsed } from "../columns-used.ts";
import { checkpoint, type ExecutionContext } from "../context.ts";
import { compileExpr, gatherColumns, type CompiledExpr } from "../expression.ts";
import { PairTable } from "../hash-table.ts";
import { firstAppearances, RowEncoder } from "../row-encoder.ts";
import { compileSelection, type CompiledSelection } from "../selection.ts";
import type { Accumulator } from "./accumulator.ts";
import { accumulatedTypes, createAccumulator } from "./create.ts";
import { DistinctCountAccumulator } from "./distinct-count.ts";

type AggregateNode = Extract<PlanNode, { kind: "aggregate" }>;

/** Duplicates change nothing in these, so DISTINCT is free. */
const DUPLICATE_BLIND = new Set(["min", "max", "bool_and", "bool_or", "every", "any_value", "bit_and", "bit_or"]);

/** One aggregate call ready to take batches. */
interface RunningAggregate {
  readonly accumulator: Accumulator;
  readonly args: readonly CompiledExpr[];
  readonly used: ReadonlySet<number>;
  readonly filter: CompiledSelection | undefined;
  readonly distinct: DistinctRows | undefined;
}

/** Lets each (group, arguments) through once. */
class DistinctRows {
  private readonly values: RowEncoder;
  private readonly pairs = new PairTable();

  constructor(call: AggregateCall) {
    this.values = new RowEncoder(call.args.length > 0 ? call.args.map((arg) => arg.type) : accumulatedTypes(call));
  }

  get byteSize(): number {
    return this.values.byteSize + this.pairs.byteSize;
  }

  /** Rows not seen before; undefined when all are new. */
  keep(groups: Int32Array, groupCount: number, args: readonly Vector[], rowCount: number): Int32Array | undefined {
    const ids = this.values.encode(args, rowCount, true);
    const known = this.pairs.count;
    this.pairs.encode(groups, ids, rowCount, groupCount, this.values.count, true, ids);
    return firstAppearances(ids, known);
  }
}

function startAggregate(call: AggregateCall, env: EvaluationEnvironment): RunningAggregate {
  const exprs = [...call.args, ...call.orderBy.map((key) => key.expr)];
  const args = exprs.map((expr) => compileExpr(expr, env));
  const used = columnsUsed(...exprs);
  const filter = call.filter === undefined ? undefined : compileSelection(call.filter, env);
  if (call.distinct && call.function === "count" && call.args.length > 0) {
    const accumulator = new DistinctCountAccumulator(call.args.map((arg) => arg.type));
    return { accumulator, args, used, filter, distinct: undefined };
  }
  const distinct = call.distinct && !DUPLICATE_BLIND.has(call.function) ? new DistinctRows(call) : undefined;
  return { accumulator: createAccumulator(call, env), args, used, filter, distinct };
}

function take(groups: Int32Array, rows: Int32Array): Int32Array {
  const out = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = groups[rows[i] as number] as number;
  return out;
}

function updateAggregate(
  aggregate: RunningAggregate,
  batch: Batch,
  groups: Int32Array | undefined,
  groupCount: number,
): void {
  const { accumulator, args, used, filter, distinct } = aggregate;
  accumulator.reserve(groupCount);
  let vectors = args.map((arg) => (filter === undefined ? arg(batch) : undefined));
  let rowCount = batch.rowCount;
  let ofGroups = groups;
  if (filter !== undefined) {
    const rows = filter(batch, undefined);
    if (rows?.length === 0) return;
    const filtered = rows === undefined ? batch : gatherColumns(batch, rows, used);
    if (rows !== undefined) {
      rowCount = rows.length;
      if (groups !== undefined) ofGroups = take(groups, rows);
    }
    vectors = args.map((arg) => arg(filtered));
  }
  let values = vectors as Vector[];
  if (distinct !== undefined) {
    const rows = distinct.keep(ofGroups ?? new Int32Array(rowCount), groupCount, values, rowCount);
    if (rows !== undefined) {
      ofGroups = ofGroups === undefined ? undefined : take(ofGroups, rows);
      values = values.map((vector) => gather(vector, rows));
      rowCount = rows.length;
    }
  }
  if (rowCount > 0) accumulator.update(ofGroups, values, rowCount);
}

/** The columns of its input that an aggregate node reads. */
export function aggregateColumns(node: AggregateNode): Set<number> {
  const used = new Set<number>();
  const add = (expr: Expr | undefined): void => {
    if (expr !== undefined) addColumnsUsed(expr, used);
  };
  node.keys.forEach(add);
  for (const call of node.aggregates) {
    call.args.forEach(add);
    add(call.filter);
    for (const key of call.orderBy) add(key.expr);
  }
  return used;
}

/** Runs an aggregate node over its input. Memory: groups and accumulators, accounted after each batch. */
export async function* executeAggregate(
  node: AggregateNode,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const keys = node.keys.map((key) => compileExpr(key, context));
  const encoder = new RowEncoder(node.keys.map((key) => key.type));
  const aggregates = node.aggregates.map((call) => startAggregate(call, context));
  const account = context.memory.open("aggregate");
  try {
    for await (const batch of input) {
      checkpoint(context);
      if (batch.rowCount === 0) continue;
      let groups: Int32Array | undefined;
      let groupCount = 1;
      if (keys.length > 0) {
        groups = encoder.encode(
          keys.map((key) => key(batch)),
          batch.rowCount,
          true,
        );
        groupCount = encoder.count;
      }
      for (const aggregate of aggregates) updateAggregate(aggregate, batch, groups, groupCount);
      let bytes = encoder.byteSize;
      for (const { accumulator, distinct } of aggregates) bytes += accumulator.byteSize + (distinct?.byteSize ?? 0);
      account.resize(bytes);
    }
    const groupCount = keys.length > 0 ? encoder.count : 1;
    const columns = keys.length > 0 ? encoder.decode() : [];
    for (const { accumulator } of aggregates) {
      accumulator.reserve(groupCount);
      columns.push(accumulator.finish(groupCount));
    }
    const result: Batch = { rowCount: groupCount, columns };
    for (let start = 0; start < groupCount; start += BATCH_ROWS) {
      yield sliceBatch(result, start, Math.min(start + BATCH_ROWS, groupCount));
    }
  } finally {
    account.close();
  }
}
