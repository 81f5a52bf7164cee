// Running plans: one async generator for each node, batches pulled from the top.

import { constantVector, gather, sliceBatch, vectorFromScalars, type Batch, type Vector } from "#columnar";
import type { Expr, PlanNode } from "../plan.ts";
import { aggregateColumns, executeAggregate } from "./aggregate/index.ts";
import { addColumnsUsed, columnsUsed } from "./columns-used.ts";
import { checkpoint, type ExecutionContext } from "./context.ts";
import { executeDistinct, executeSetOperation } from "./distinct.ts";
import { compileExpr, evaluateConstant } from "./expression.ts";
import { executeFilteredScan, executeScan } from "./filtered-scan.ts";
import { executeJoin } from "./join.ts";
import { executeFromMetadata } from "./metadata-aggregate.ts";
import { executeRecursive } from "./recursive.ts";
import { compileSelection } from "./selection.ts";
import { executeSort } from "./sort.ts";
import { executeFunctionApply, executeFunctionScan } from "./table-function.ts";
import { executeWindow, windowExprs } from "./window/index.ts";
import { greatestPlace, topPlaces } from "./window/top-places.ts";

export {
  createMemoryBudget,
  createProfileSink,
  type ExecutionContext,
  type MemoryAccount,
  type MemoryBudget,
  type OperatorProfile,
  type ProfileSink,
  type ScanNode,
} from "./context.ts";
export { evaluateConstant } from "./expression.ts";
export { resolveTableFunction, tableFunctionNames, type ResolvedTableFunction } from "./table-function.ts";

/** Output columns of a node that its parent reads; the others may come as null constants. */
type Required = ReadonlySet<number> | "all";

type Node<K extends PlanNode["kind"]> = Extract<PlanNode, { kind: K }>;

/**
 * Runs a plan. Batches come as operators make them; none is empty. Ending the iteration early stops the inputs.
 *
 * Errors: memory_limit_exceeded, time_limit_exceeded, what expressions raise, what the sources raise; the
 * signal's reason when it aborts. Ownership: batches are the caller's to read, not to change.
 */
export async function* executePlan(plan: PlanNode, context: ExecutionContext): AsyncGenerator<Batch> {
  for await (const batch of run(plan, "all", context)) if (batch.rowCount > 0) yield batch;
}

/** `places` is the greatest place in a window that the caller keeps rows of. */
function run(node: PlanNode, required: Required, context: ExecutionContext, places?: number): AsyncIterable<Batch> {
  const held = context.held?.get(node);
  const output = held === undefined ? runNode(node, required, context, places) : replay(held);
  return context.profile === undefined ? output : profiled(node, output, context);
}

async function* replay(batches: readonly Batch[]): AsyncGenerator<Batch> {
  yield* await Promise.resolve(batches);
}

async function* profiled(
  node: PlanNode,
  output: AsyncIterable<Batch>,
  { profile }: ExecutionContext,
): AsyncGenerator<Batch> {
  if (profile === undefined) return;
  const record = profile.operator(node);
  const iterator = output[Symbol.asyncIterator]();
  try {
    for (;;) {
      const start = profile.clock.nowMs();
      const step = await iterator.next();
      record.elapsedMs += profile.clock.nowMs() - start;
      if (step.done === true) return;
      record.rows += step.value.rowCount;
      record.batches++;
      yield step.value;
    }
  } finally {
    await iterator.return?.();
  }
}

function runNode(
  node: PlanNode,
  required: Required,
  context: ExecutionContext,
  places: number | undefined,
): AsyncIterable<Batch> {
  switch (node.kind) {
    case "scan":
      return executeScan(node, context);
    case "values":
      return executeValues(node, context);
    case "function_scan":
      return node.input === undefined
        ? executeFunctionScan(node, context)
        : runFunctionApply(node, node.input, required, context);
    case "filter":
      return node.input.kind === "scan" && context.held?.has(node.input) !== true
        ? executeFilteredScan(node, node.input, required, context)
        : executeFilter(node, required, context);
    case "project":
      return executeProject(node, required, context);
    case "aggregate": {
      const aggregate = (inner: ExecutionContext): AsyncIterable<Batch> =>
        executeAggregate(node, run(node.input, aggregateColumns(node), inner), inner);
      const { facts } = node;
      return facts === undefined ? aggregate(context) : executeFromMetadata(node, facts, aggregate, context);
    }
    case "window": {
      const width = node.input.columns.length;
      const passed = required === "all" ? required : new Set([...required].filter((index) => index < width));
      const rows = run(node.input, withKeys(passed, windowExprs(node)), context);
      return executeWindow(node, places === undefined ? rows : topPlaces(node, places, rows, context), context);
    }
    case "sort":
      return executeSort(
        node,
        run(
          node.input,
          withKeys(
            required,
            node.keys.map((key) => key.expr),
          ),
          context,
        ),
        context,
      );
    case "limit":
      return executeLimit(node, run(node.input, required, context));
    case "distinct":
      return executeDistinct(node, [run(node.input, "all", context)], context);
    case "join":
      return runJoin(node, required, context);
    case "recursive":
      return executeRecursive(node, (plan, inner) => run(plan, "all", inner), context);
    case "shared":
      return context.shared?.read(node.rows) ?? run(node.rows.plan, "all", context);
    case "working_table":
      return replay(context.workingTables?.get(node.id) ?? []);
    case "set_operation":
      return executeSetOperation(node, run(node.left, "all", context), run(node.right, "all", context), context);
  }
}

function runFunctionApply(
  node: Node<"function_scan">,
  input: PlanNode,
  required: Required,
  context: ExecutionContext,
): AsyncIterable<Batch> {
  const width = input.columns.length;
  const passed = required === "all" ? required : new Set([...required].filter((index) => index < width));
  return executeFunctionApply(node, run(input, withKeys(passed, node.args), context), width, context);
}

function withKeys(required: Required, exprs: readonly Expr[]): Required {
  if (required === "all") return required;
  const used = new Set(required);
  for (const expr of exprs) addColumnsUsed(expr, used);
  return used;
}

function runJoin(node: Node<"join">, required: Required, context: ExecutionContext): AsyncIterable<Batch> {
  const width = node.left.columns.length;
  const wanted = withKeys(required, node.residual === undefined ? [] : [node.residual]);
  let left: Required = "all";
  let right: Required = "all";
  if (wanted !== "all") {
    left = columnsUsed(...node.equalKeys.map((pair) => pair.left));
    right = columnsUsed(...node.equalKeys.map((pair) => pair.right));
    for (const index of wanted) {
      if (index < width) (left as Set<number>).add(index);
      else (right as Set<number>).add(index - width);
    }
  } else if (node.joinType === "semi" || node.joinType === "anti") {
    right = columnsUsed(...node.equalKeys.map((pair) => pair.right));
    if (node.residual !== undefined) {
      for (const index of columnsUsed(node.residual)) if (index >= width) (right as Set<number>).add(index - width);
    }
  }
  return executeJoin(node, run(node.left, left, context), run(node.right, right, context), required, context);
}

async function* executeValues(node: Node<"values">, context: ExecutionContext): AsyncGenerator<Batch> {
  checkpoint(context);
  const columns = node.columns.map((column, i) =>
    vectorFromScalars(
      column.type,
      node.rows.map((row) => {
        const expr = row[i];
        return expr === undefined ? null : evaluateConstant(expr, context);
      }),
    ),
  );
  if (node.rows.length > 0) yield { rowCount: node.rows.length, columns };
}

async function* executeFilter(
  node: Node<"filter">,
  required: Required,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const select = compileSelection(node.condition, context);
  const below = withKeys(required, [node.condition]);
  const { input, condition } = node;
  const places = input.kind === "window" ? greatestPlace(condition, input, context) : undefined;
  for await (const batch of run(input, below, context, places)) {
    checkpoint(context);
    const rows = select(batch, undefined);
    if (rows === undefined) yield batch;
    else if (rows.length > 0) {
      const columns = batch.columns.map((column, i) =>
        required === "all" || required.has(i) ? gather(column, rows) : constantVector(column.type, null, rows.length),
      );
      yield { rowCount: rows.length, columns };
    }
  }
}

async function* executeProject(
  node: Node<"project">,
  required: Required,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  // A column nobody reads is not computed.
  const wanted = node.exprs.map((_, i) => required === "all" || required.has(i));
  const compiled = node.exprs.map((expr) => compileExpr(expr, context));
  const below = columnsUsed(...node.exprs.filter((_, i) => wanted[i] === true));
  for await (const batch of run(node.input, below, context)) {
    checkpoint(context);
    const columns: Vector[] = compiled.map((expr, i) =>
      wanted[i] === true
        ? expr(batch)
        : constantVector(node.columns[i]?.type ?? { kind: "null" }, null, batch.rowCount),
    );
    yield { rowCount: batch.rowCount, columns };
  }
}

async function* executeLimit(node: Node<"limit">, input: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  let toSkip = node.offset;
  let left = node.limit ?? Number.POSITIVE_INFINITY;
  if (left <= 0) return;
  for await (const batch of input) {
    const start = Math.min(toSkip, batch.rowCount);
    toSkip -= start;
    const end = Math.min(batch.rowCount, start + left);
    if (end <= start) continue;
    left -= end - start;
    yield sliceBatch(batch, start, end);
    // Leaving the loop returns the input's iterator, which stops the scan.
    if (left <= 0) return;
  }
}
