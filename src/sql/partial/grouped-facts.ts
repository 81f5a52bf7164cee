// Counts by keys that metadata knows of whole files: files each of which lies in one group are not read. What is told of
// them is merged with the aggregate of the others.

import { constantVector, scalarAt, vectorFromScalars, type Batch, type Scalar } from "#columnar";
import type { ExecutionContext } from "../execute/context.ts";
import { BatchSizer } from "../execute/buffered-input.ts";
import { compileExpr } from "../execute/expression.ts";
import { executePlan } from "../execute/index.ts";
import { replaceColumns } from "../expressions.ts";
import { factOf, filtersExactly } from "../optimize/metadata-aggregates.ts";
import type { Expr, PlanNode } from "../plan.ts";
import type { FileFacts, ScanFact } from "../table-source.ts";
import { replaceNodes, splitAggregates, type SplitAggregate } from "./split-aggregate.ts";
import type { PiecewisePlan } from "./run-pieces.ts";

/** What a grouping asks of each file. */
interface GroupQuestion {
  /** Keys over the scan's output. */
  readonly keys: readonly Expr[];
  /** Outputs of the scan that keys read. */
  readonly outputs: readonly number[];
  readonly facts: readonly ScanFact[];
}

/**
 * Answers the plan's groupings from metadata as far as it tells, reads the rest, and gives the plan that is left.
 *
 * Errors: those of executePlan.
 */
export async function answerGroups(plan: PlanNode, context: ExecutionContext): Promise<PiecewisePlan> {
  const held = new Map(context.held);
  const replacements = new Map<PlanNode, PlanNode>();
  const account = context.memory.open("groups from metadata");
  const sizer = new BatchSizer();
  let bytes = 0;
  for (const split of splitAggregates(plan)) {
    const question = questionOf(split);
    const rows = question === undefined ? undefined : await answerGroup(split, question, context);
    if (rows === undefined) continue;
    for (const batch of rows) bytes += sizer.add(batch);
    account.resize(bytes);
    const node = split.piece(new Set());
    held.set(node, rows);
    replacements.set(split.aggregate, split.merged(node));
  }
  if (replacements.size === 0) return { plan, context };
  return { plan: replaceNodes(plan, replacements), context: { ...context, held } };
}

/** Undefined where metadata cannot tell: a key of another kind, a call that is no count, a condition it does not know. */
function questionOf({ aggregate, scan }: SplitAggregate): GroupQuestion | undefined {
  const { keys, aggregates, input } = aggregate;
  if (keys.length === 0 || !filtersExactly(input)) return undefined;
  const facts = aggregates.map((call) => factOf(call, input));
  if (!facts.every((fact) => fact !== undefined && (fact.kind === "rows" || fact.kind === "values"))) return undefined;
  const overScan = keys.map((key) => throughProjects(key, input));
  const outputs = overScan.map(orderedBy);
  if (!outputs.every((output) => output !== undefined && scan.projection[output] !== undefined)) return undefined;
  return { keys: overScan, outputs: outputs as number[], facts: facts as ScanFact[] };
}

/** An expression over an operator's output as one over the output of the scan below. */
function throughProjects(expr: Expr, input: PlanNode): Expr {
  if (input.kind === "filter") return throughProjects(expr, input.input);
  if (input.kind !== "project") return expr;
  return throughProjects(
    replaceColumns(expr, (index) => input.exprs[index]),
    input.input,
  );
}

/** The only column of an expression that never falls while that column rises: itself, date_trunc of it, its date. */
function orderedBy(expr: Expr): number | undefined {
  if (expr.kind === "column") return expr.index;
  if (expr.kind === "cast") {
    const isDate = expr.type.kind === "date" && expr.arg.type.kind === "timestamp" && expr.lenient !== true;
    return isDate ? orderedBy(expr.arg) : undefined;
  }
  if (expr.kind !== "call" || expr.function !== "date_trunc") return undefined;
  const [unit, time, zone] = expr.args;
  const isPlain = unit?.kind === "literal" && time?.type.kind === "timestamp" && zone === undefined;
  return isPlain ? orderedBy(time) : undefined;
}

/** The rows of the split's pieces: one of what metadata tells for each group, and those of what has to be read. */
async function answerGroup(
  split: SplitAggregate,
  question: GroupQuestion,
  context: ExecutionContext,
): Promise<readonly Batch[] | undefined> {
  const { scan } = split;
  const planned = context.planScan(scan);
  const columns = question.outputs.map((output) => scan.projection[output] as number);
  const told = planned.fileFacts?.(columns, question.facts);
  if (told === undefined) return undefined;
  const { known, batch } = groupsOf(split, question, told, context);
  if (known.size === 0) return undefined;
  planned.statistics.pruning.push({ reason: "answered from metadata", files: known.size, rowGroups: 0 });
  const piece = split.piece(new Set());
  const rows = [batch];
  const planScan: ExecutionContext["planScan"] = (node) =>
    node === scan
      ? { identity: planned.identity, statistics: planned.statistics, open: (signal) => told.open(known, signal) }
      : context.planScan(node);
  for await (const read of executePlan(piece, { ...context, planScan })) rows.push(read);
  return rows;
}

/** Files that lie in one group, and the counts of their groups. */
function groupsOf(
  split: SplitAggregate,
  { keys, outputs, facts }: GroupQuestion,
  { files }: FileFacts,
  context: ExecutionContext,
): { readonly known: ReadonlySet<number>; readonly batch: Batch } {
  const keysAt = (end: "low" | "high"): ((file: number) => readonly Scalar[]) => {
    const input: Batch = {
      rowCount: files.length,
      columns: split.scan.columns.map(({ type }, output) => {
        const key = outputs.indexOf(output);
        if (key === -1) return constantVector(type, null, files.length);
        return vectorFromScalars(
          type,
          files.map(({ bounds }) => bounds[key]?.[end] ?? null),
        );
      }),
    };
    const vectors = keys.map((key) => compileExpr(key, context)(input));
    return (file) => vectors.map((vector) => scalarAt(vector, file));
  };
  const [lowest, highest] = [keysAt("low"), keysAt("high")];
  const known = new Set<number>();
  const groups = new Map<string, { readonly keys: readonly Scalar[]; readonly counts: number[] }>();
  for (const [file, { counts }] of files.entries()) {
    const low = lowest(file);
    const name = nameOf(low);
    if (name !== nameOf(highest(file))) continue;
    known.add(file);
    const group = groups.get(name) ?? { keys: low, counts: facts.map(() => 0) };
    for (const [index, count] of counts.entries()) group.counts[index] = (group.counts[index] ?? 0) + count;
    groups.set(name, group);
  }
  const rows = [...groups.values()].map((group) => [...group.keys, ...group.counts]);
  const { columns } = split.piece(new Set());
  return {
    known,
    batch: {
      rowCount: rows.length,
      columns: columns.map(({ type }, index) =>
        vectorFromScalars(
          type,
          rows.map((row) => row[index] ?? null),
        ),
      ),
    },
  };
}

function nameOf(keys: readonly Scalar[]): string {
  return JSON.stringify(keys, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}
