// Hash aggregation: rows to dense group ids, ids to accumulators.

import { BATCH_ROWS, constantVector, gather, sliceBatch, sliceVector, type Batch, type Vector } from "#columnar";
import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { AggregateCall, Expr, PlanNode } from "../../plan.ts";
import { addColumnsUsed, columnsUsed } from "../columns-used.ts";
import { checkpoint, noteSpilled, type ExecutionContext } from "../context.ts";
import { compileExpr, gatherColumns, type CompiledExpr } from "../expression.ts";
import { PairTable } from "../pair-table.ts";
import { firstAppearances, RowEncoder } from "../row-encoder.ts";
import { compileSelection, type CompiledSelection } from "../selection.ts";
import { MAX_DIVISIONS, PartitionSpiller, splitKnown } from "../spill/partitions.ts";
import type { Accumulator } from "./accumulator.ts";
import { countedRows, onlyColumn } from "./by-entry.ts";
import { clusterInput } from "./clusters.ts";
import { accumulatedTypes } from "./create.ts";
import { DistinctCountAccumulator } from "./distinct-count.ts";
import { groupTypes, remedyOf, SET_NUMBER, storedKeys } from "./group-keys.ts";
import { RowStates } from "./row-state.ts";
import { SharedWork } from "./shared-work.ts";

type AggregateNode = Extract<PlanNode, { kind: "aggregate" }>;

/** The call whose value is the number of the row's grouping set. */
const GROUPING_SET = "grouping_set";

/** Duplicates change nothing in these, so DISTINCT is free. */
const DUPLICATE_BLIND = new Set(["min", "max", "bool_and", "bool_or", "every", "any_value", "bit_and", "bit_or"]);

/** One aggregate call ready to take batches. */
interface RunningAggregate {
  readonly accumulator: Accumulator;
  readonly args: readonly CompiledExpr[];
  readonly used: ReadonlySet<number>;
  readonly filter: CompiledSelection | undefined;
  /** Columns that the filter reads. */
  readonly filterUsed: ReadonlySet<number>;
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

function startAggregate(call: AggregateCall, env: EvaluationEnvironment, shared: SharedWork): RunningAggregate {
  const exprs = [...call.args, ...call.orderBy.map((key) => key.expr)];
  const args = exprs.map((expr) => shared.compile(expr));
  const used = columnsUsed(...exprs);
  const filter = call.filter === undefined ? undefined : compileSelection(call.filter, env);
  const filterUsed = call.filter === undefined ? new Set<number>() : columnsUsed(call.filter);
  if (call.distinct && call.function === "count" && call.args.length > 0) {
    const accumulator = new DistinctCountAccumulator(call.args.map((arg) => arg.type));
    return { accumulator, args, used, filter, filterUsed, distinct: undefined };
  }
  const distinct = call.distinct && !DUPLICATE_BLIND.has(call.function) ? new DistinctRows(call) : undefined;
  return { accumulator: shared.accumulatorOf(call), args, used, filter, filterUsed, distinct };
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
  counts?: Int32Array,
): void {
  const { accumulator, args, used, filter, distinct } = aggregate;
  accumulator.reserve(groupCount);
  let vectors = args.map((arg) => (filter === undefined ? arg(batch) : undefined));
  let rowCount = batch.rowCount;
  let ofGroups = groups;
  let times = counts;
  if (filter !== undefined) {
    const rows = filter(batch, undefined);
    if (rows?.length === 0) return;
    const filtered = rows === undefined ? batch : gatherColumns(batch, rows, used);
    if (rows !== undefined) {
      rowCount = rows.length;
      if (groups !== undefined) ofGroups = take(groups, rows);
      if (counts !== undefined) times = take(counts, rows);
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
  if (rowCount === 0) return;
  if (times === undefined || accumulator.updateCounted === undefined) accumulator.update(ofGroups, values, rowCount);
  else accumulator.updateCounted(ofGroups, values, rowCount, times);
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

/** Computes the group keys of a batch. */
type GroupKeys = (batch: Batch) => Vector[];

/** The groups of the rows of a batch, once for each grouping set. */
interface Grouping {
  readonly keysOf: GroupKeys;
  readonly sets: readonly (readonly number[])[] | undefined;
  /** Encodes the keys and, with sets, the number of the set after them. */
  readonly encoder: RowEncoder;
}

function* groupsOf({ keysOf, sets, encoder }: Grouping, batch: Batch): Generator<Int32Array | undefined> {
  const { rowCount } = batch;
  const columns = keysOf(batch);
  if (sets === undefined) {
    yield columns.length === 0 ? undefined : encoder.encode(columns, rowCount, true);
    return;
  }
  for (const [number, set] of sets.entries()) {
    yield encoder.encode(keysOfSet(columns, set, number, rowCount), rowCount, true);
  }
}

/** The keys with those that a set leaves out as NULL, and the set's number. */
function keysOfSet(columns: readonly Vector[], set: readonly number[], number: number, rowCount: number): Vector[] {
  return [
    ...columns.map((column, i) => (set.includes(i) ? column : constantVector(column.type, null, rowCount))),
    constantVector(SET_NUMBER, number, rowCount),
  ];
}

/** A set without keys has a row even when there are no rows to group. */
function addEmptySets({ sets, encoder }: Grouping, node: AggregateNode): void {
  for (const [number, set] of (sets ?? []).entries()) {
    if (set.length > 0) continue;
    const row = [...node.keys.map((key) => constantVector(key.type, null, 1)), constantVector(SET_NUMBER, number, 1)];
    encoder.encode(row, 1, true);
  }
}

/**
 * Runs an aggregate node over its input. Memory: groups and accumulators, accounted after each batch. Where these
 * crowd the budget, rows of groups that are not among them are put aside and grouped afterwards, part by part.
 */
export async function* executeAggregate(
  node: AggregateNode,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const keys = node.keys.map((key) => compileExpr(key, context));
  yield* aggregateRows({ node, keysOf: (batch) => keys.map((key) => key(batch)), division: 0 }, input, context);
}

/** What is grouped: all rows of the input, or a part of them that was put aside with its keys. */
interface Grouped {
  readonly node: AggregateNode;
  readonly keysOf: GroupKeys;
  /** How often the rows were divided. */
  readonly division: number;
}

async function* aggregateRows(
  grouped: Grouped,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const { node, division } = grouped;
  // A generator of its own, so that its groups are free before those of the parts are made.
  const aside = yield* groupRows(grouped, input, context);
  if (aside === undefined) return;
  const { places } = storedKeys(node);
  const stored = ({ columns }: Batch): Vector[] => places.map((place) => columns[place] as Vector);
  for (const rows of await aside.finish()) {
    if (rows.rowCount === 0) continue;
    noteSpilled(context, node, rows.bytes);
    yield* aggregateRows({ node, keysOf: stored, division: division + 1 }, rows.read(), context);
  }
}

/** Each row is grouped once for each set: fewer rows at once, so that memory is looked at as often. */
async function* inParts(input: AsyncIterable<Batch>, parts: number): AsyncGenerator<Batch> {
  for await (const batch of input) {
    const rows = Math.ceil(batch.rowCount / parts);
    for (let start = 0; start < batch.rowCount; start += rows) {
      yield sliceBatch(batch, start, Math.min(batch.rowCount, start + rows));
    }
  }
}

/** Groups and what was accumulated of them. */
interface Groups {
  readonly grouping: Grouping;
  /** In order of the calls; undefined where the set's number is asked for. */
  readonly aggregates: readonly (RunningAggregate | undefined)[];
  readonly running: readonly RunningAggregate[];
  readonly rowStates: RowStates;
}

function startGroups({ node, keysOf, division }: Grouped, context: ExecutionContext): Groups {
  const encoder = new RowEncoder(groupTypes(node));
  const shared = new SharedWork(context);
  const aggregates = node.aggregates.map((call) =>
    call.function === GROUPING_SET ? undefined : startAggregate(call, context, shared),
  );
  // Rows that were put aside have their set's number among their keys.
  const sets = division === 0 ? node.groupingSets : undefined;
  const running = aggregates.filter((aggregate) => aggregate !== undefined);
  const accumulators = running.map(({ accumulator }) => accumulator);
  return {
    grouping: { keysOf, sets, encoder },
    aggregates,
    running,
    rowStates: new RowStates(node, accumulators, context),
  };
}

/** Without keys all rows are one group, and so are no rows. */
function hasKeys({ keys, groupingSets }: AggregateNode): boolean {
  return keys.length > 0 || groupingSets !== undefined;
}

async function* finishGroups(
  { grouping: { encoder }, aggregates, rowStates }: Groups,
  node: AggregateNode,
): AsyncGenerator<Batch> {
  const isKeyed = hasKeys(node);
  const groupCount = isKeyed ? encoder.count : 1;
  const results: (Vector | undefined)[] = [];
  for (const aggregate of aggregates) {
    aggregate?.accumulator.reserve(groupCount);
    results.push(aggregate === undefined ? undefined : await rowStates.finish(aggregate.accumulator, groupCount));
  }
  for (let start = 0; start < groupCount; start += BATCH_ROWS) {
    const end = Math.min(start + BATCH_ROWS, groupCount);
    const decoded = isKeyed ? encoder.decode(start, end) : [];
    const setNumber = decoded[node.keys.length] ?? constantVector(SET_NUMBER, 0, end - start);
    const values = results.map((result) => (result === undefined ? setNumber : sliceVector(result, start, end)));
    yield { rowCount: end - start, columns: [...decoded.slice(0, node.keys.length), ...values] };
  }
}

function bytesOf({ grouping, running }: Groups): number {
  let bytes = grouping.encoder.byteSize;
  for (const { accumulator, distinct } of running) bytes += accumulator.byteSize + (distinct?.byteSize ?? 0);
  return bytes;
}

/** Fewer whole groups may as well stay. */
const WORTH_LEAVING = 4096;

/** Gives the groups that fit the memory; returns the rows of others, which were put aside. */
async function* groupRows(
  grouped: Grouped,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch, PartitionSpiller | undefined> {
  const { node, division } = grouped;
  const isKeyed = hasKeys(node);
  let groups = startGroups(grouped, context);
  const clustered = division > 0 ? undefined : clusterInput(node, context);
  const column = division > 0 ? undefined : onlyColumn(node, aggregateColumns(node), context);
  const account = context.memory.open("aggregate", remedyOf(node));
  let aside: PartitionSpiller | undefined;
  const setCount = groups.grouping.sets?.length ?? 1;
  const parts = setCount > 1 ? inParts(input, setCount) : input;
  try {
    for await (const batch of clustered?.(parts) ?? parts) {
      checkpoint(context);
      const { grouping, running } = groups;
      if (batch === "whole") {
        if (aside !== undefined || grouping.encoder.count < WORTH_LEAVING) continue;
        yield* finishGroups(groups, node);
        groups = startGroups(grouped, context);
        continue;
      }
      if (batch.rowCount === 0) continue;
      if (aside === undefined) {
        const counted = column === undefined ? undefined : countedRows(batch, column);
        const rows = counted?.batch ?? batch;
        for (const ids of groupsOf(grouping, rows)) {
          const groupCount = isKeyed ? grouping.encoder.count : 1;
          for (const aggregate of running) updateAggregate(aggregate, rows, ids, groupCount, counted?.counts);
        }
      } else await updateKnown(groups, batch, node, aside);
      let bytes = bytesOf(groups);
      if (await groups.rowStates.relieve(bytes, account)) bytes = bytesOf(groups);
      if (aside === undefined && account.crowds(bytes)) aside = divideRest(grouped, context);
      account.resize(bytes);
    }
    addEmptySets(groups.grouping, node);
    yield* finishGroups(groups, node);
  } finally {
    account.close();
  }
  return aside;
}

/** Where rows of groups not yet met go from now on; undefined when they cannot be told apart or put aside. */
function divideRest({ node, division }: Grouped, context: ExecutionContext): PartitionSpiller | undefined {
  const { spill } = context;
  if (spill === undefined || node.keys.length === 0 || division >= MAX_DIVISIONS) return undefined;
  const keyTypes = groupTypes(node);
  const made = storedKeys(node).made.flatMap((k) => keyTypes[k] ?? []);
  const types = [...node.input.columns.map(({ type }) => type), ...made];
  return new PartitionSpiller(spill, types, division, "aggregate", context);
}

/** Adds rows of the groups that are there and puts the others aside, with their keys. */
async function updateKnown(
  { grouping: { keysOf, sets, encoder }, running }: Groups,
  batch: Batch,
  node: AggregateNode,
  aside: PartitionSpiller,
): Promise<void> {
  const { rowCount } = batch;
  const { made } = storedKeys(node);
  const own = batch.columns.slice(0, node.input.columns.length);
  const columns = keysOf(batch);
  const used = new Set<number>();
  for (const aggregate of running) for (const index of aggregate.used) used.add(index);
  for (const { filterUsed } of running) for (const index of filterUsed) used.add(index);
  const keysOfSets = sets?.map((set, number) => keysOfSet(columns, set, number, rowCount)) ?? [columns];
  for (const keys of keysOfSets) {
    const { known, unknown } = splitKnown(encoder.encode(keys, rowCount, false));
    if (known.rows.length > 0) {
      const rows = unknown.length === 0 ? batch : gatherColumns(batch, known.rows, used);
      for (const aggregate of running) updateAggregate(aggregate, rows, known.ids, encoder.count);
    }
    if (unknown.length === 0) continue;
    await aside.add({ rowCount, columns: [...own, ...made.map((k) => keys[k] as Vector)] }, keys, unknown);
  }
}
