// Runs split aggregations: what is known of a scan's pieces is taken from a cache, the others are aggregated one by one
// and remembered, and everything is merged.

import type { Batch, DataType } from "#columnar";
import type { ExecutionContext } from "../execute/context.ts";
import { BatchSizer } from "../execute/buffered-input.ts";
import { executePlan } from "../execute/index.ts";
import { planToCacheText } from "../explain/cache-text.ts";
import { someExpression } from "../execution.ts";
import { implementFunction } from "../functions/index.ts";
import type { Expr, PlanNode } from "../plan.ts";
import type { PlannedScan, ScanPiece, ScanPieces } from "../table-source.ts";
import { replaceNodes, splitAggregates, type SplitAggregate } from "./split-aggregate.ts";

/** Where the results of pieces are kept between queries. */
export interface PartialCache {
  /** What is known under the canonical text of a piece's plan, whose rows have columns of the given types. */
  open(planText: string, types: readonly DataType[]): Promise<PartialEntry>;
}

/** Results of pieces under one plan. */
export interface PartialEntry {
  /** The rows a piece gave; undefined when they are not known. */
  get(piece: string): readonly Batch[] | undefined;
  /** Remembers them. */
  put(piece: string, rows: readonly Batch[]): void;
}

/** More result rows than this a piece are not worth keeping: merging them costs what computing them costs. */
const MAX_PIECE_ROWS = 4096;
/** Results of all pieces of a scan held for merging, rows. */
const MAX_MERGED_ROWS = 65_536;

/** A plan ready to run, with the rows of nodes that have run already. */
export interface PiecewisePlan {
  readonly plan: PlanNode;
  readonly context: ExecutionContext;
}

/**
 * Computes the plan's split aggregations piece by piece and gives the plan that is left. Answers are those of the
 * whole plan to the last digit; rows without an order may come in another one.
 *
 * Errors: those of executePlan.
 */
export async function runPieces(
  plan: PlanNode,
  context: ExecutionContext,
  cache: PartialCache,
): Promise<PiecewisePlan> {
  const held = new Map(context.held);
  const replacements = new Map<PlanNode, PlanNode>();
  const account = context.memory.open("partial aggregates");
  const sizer = new BatchSizer();
  let bytes = 0;
  for (const split of splitAggregates(plan)) {
    const scan = context.planScan(split.scan);
    const pieces = await scan.pieces?.();
    if (pieces === undefined || pieces.pieces.length === 0) continue;
    // Then few files are left to be read, those that a condition cuts.
    if (pieces.pieces.some((piece) => split.isAnsweredByMetadata(piece))) continue;
    const rows = await aggregatePieces(split, scan, pieces, context, cache);
    for (const batch of rows) bytes += sizer.add(batch);
    account.resize(bytes);
    const node = split.piece(new Set());
    held.set(node, rows);
    replacements.set(split.aggregate, split.merged(node));
  }
  return { plan: replaceNodes(plan, replacements), context: { ...context, held } };
}

/** How one piece is aggregated. */
interface PieceTask {
  /** Index of the piece in the scan. */
  readonly index: number;
  readonly piece: ScanPiece;
  readonly plan: PlanNode;
  /** Where its result is kept; undefined when the plan says something only of now. */
  readonly entry: PartialEntry | undefined;
}

async function aggregatePieces(
  split: SplitAggregate,
  scan: PlannedScan,
  pieces: ScanPieces,
  context: ExecutionContext,
  cache: PartialCache,
): Promise<readonly Batch[]> {
  const taskOf = createTaskMaker(split, context, cache);
  const rows: Batch[] = [];
  const keepable: PieceTask[] = [];
  const passing: PieceTask[] = [];
  let knownFiles = 0;
  for (const [index, piece] of pieces.pieces.entries()) {
    const task = await taskOf(index, piece);
    const known = task.entry?.get(piece.identity);
    if (known === undefined) (task.entry === undefined ? passing : keepable).push(task);
    else {
      rows.push(...known);
      knownFiles += piece.files;
    }
  }
  if (knownFiles > 0) {
    scan.statistics.pruning.push({ reason: "cached partial aggregates", files: knownFiles, rowGroups: 0 });
  }
  const indices = [...keepable, ...passing].map(({ index }) => index);
  const stream = createPieceStream(pieces.open(indices, context.signal));
  // What a join above has found holds for this query alone: a piece is remembered with all its groups.
  const { found: _found, ...alone } = context;
  const runOver = async (plan: PlanNode, input: () => AsyncIterable<Batch>): Promise<Batch[]> => {
    const output: Batch[] = [];
    const planScan: ExecutionContext["planScan"] = (node) =>
      node === split.scan
        ? { identity: scan.identity, statistics: scan.statistics, open: input }
        : context.planScan(node);
    for await (const batch of executePlan(plan, { ...alone, planScan })) output.push(batch);
    return output;
  };
  try {
    let mergedRows = countRows(rows);
    for (const [place, { piece, plan, entry }] of keepable.entries()) {
      if (mergedRows > MAX_MERGED_ROWS) break;
      const output = await runOver(plan, () => stream.until(place));
      rows.push(...output);
      const count = countRows(output);
      mergedRows += count;
      if (count > MAX_PIECE_ROWS) break;
      entry?.put(piece.identity, output);
    }
    // What cannot be kept is aggregated together with the rest.
    rows.push(...(await runOver(split.piece(new Set()), () => restOf(stream, pieces, context.signal))));
  } finally {
    await stream.close();
  }
  return rows;
}

async function* restOf(stream: PieceStream, pieces: ScanPieces, signal: AbortSignal): AsyncGenerator<Batch> {
  yield* stream.until(Number.POSITIVE_INFINITY);
  yield* pieces.openRest(signal);
}

/** Pieces whose plan is the same share it: most pieces fulfil the same conjuncts. */
function createTaskMaker(
  split: SplitAggregate,
  context: ExecutionContext,
  cache: PartialCache,
): (index: number, piece: ScanPiece) => Promise<PieceTask> {
  const plans = new Map<string, Promise<Omit<PieceTask, "index" | "piece">>>();
  async function prepare(proven: ReadonlySet<Expr>): Promise<Omit<PieceTask, "index" | "piece">> {
    const plan = split.piece(proven);
    const changes = someExpression(plan, (expr) => !isLasting(expr, context));
    const types = plan.columns.map(({ type }) => type);
    return { plan, entry: changes ? undefined : await cache.open(planToCacheText(plan), types) };
  }
  return async (index, piece) => {
    const proven = split.provable.filter(({ predicate }) => piece.provesAll(predicate));
    const key = proven.map((each) => split.provable.indexOf(each)).join();
    const known = plans.get(key);
    const prepared = known ?? prepare(new Set(proven.map(({ conjunct }) => conjunct)));
    if (known === undefined) plans.set(key, prepared);
    return { index, piece, ...(await prepared) };
  };
}

/** Whether an expression means the same in every query: neither chance, nor the clock, nor another query decides it. */
function isLasting(expr: Expr, context: ExecutionContext): boolean {
  if (expr.kind === "literal") return expr.source === undefined && expr.subquery === undefined;
  if (expr.kind !== "call") return true;
  const types = expr.args.map(({ type }) => type);
  return implementFunction(expr.function, types, expr.type, context).volatility === "immutable";
}

/** Batches of the pieces that are read, handed out piece by piece. */
interface PieceStream {
  /** The batches that are left up to and with those of the piece at a place in the list of pieces. */
  until(place: number): AsyncGenerator<Batch>;
  close(): Promise<void>;
}

function createPieceStream(source: AsyncIterable<{ readonly place: number; readonly batch: Batch }>): PieceStream {
  const iterator = source[Symbol.asyncIterator]();
  let next: { readonly place: number; readonly batch: Batch } | undefined;
  let ended = false;
  return {
    async *until(place) {
      while (!ended) {
        if (next === undefined) {
          const step = await iterator.next();
          if (step.done === true) {
            ended = true;
            return;
          }
          next = step.value;
        }
        if (next.place > place) return;
        const { batch } = next;
        next = undefined;
        yield batch;
      }
    },
    async close() {
      ended = true;
      await iterator.return?.();
    },
  };
}

function countRows(batches: readonly Batch[]): number {
  return batches.reduce((sum, { rowCount }) => sum + rowCount, 0);
}
