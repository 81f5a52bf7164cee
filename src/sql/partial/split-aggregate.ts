// Splits an aggregation over one table into a part that runs over pieces of the table and one that merges what the
// pieces gave, so that what immutable pieces gave need not be computed again.

import type { ColumnSchema, DataType } from "#columnar";
import type { ScanNode } from "../execute/context.ts";
import { BOOLEAN, INT64, caseBranch, columnRef, conjunction, conjunctsOf, literal } from "../expressions.ts";
import { functionRegistry } from "../functions/index.ts";
import { inputsOf, mapInputs } from "../optimize/plan-shape.ts";
import { extractScanPredicates, isExactPredicate } from "../optimize/scan-predicates.ts";
import type { AggregateCall, Expr, PlanNode } from "../plan.ts";
import type { ScanPiece, ScanPredicate } from "../table-source.ts";

type AggregateNode = Extract<PlanNode, { kind: "aggregate" }>;

const DECIMAL: DataType = { kind: "decimal" };
const INTEGERS = new Set(["int16", "int32", "int64"]);
/** Merging their results with themselves gives the result over all rows, exactly. */
const SELF_MERGING = new Set(["min", "max", "bool_and", "every", "bool_or", "bit_and", "bit_or", "bit_xor"]);

/** A conjunct of the filter over the scan that file metadata may prove for whole pieces. */
export interface ProvableConjunct {
  readonly conjunct: Expr;
  /** Holds for a row exactly if the conjunct does. */
  readonly predicate: ScanPredicate;
}

/** An aggregation that can be computed piece by piece. */
export interface SplitAggregate {
  /** The node of the plan that is replaced. */
  readonly aggregate: AggregateNode;
  readonly scan: ScanNode;
  readonly provable: readonly ProvableConjunct[];
  /** Whether metadata tells what is asked of a piece: all its rows count. */
  isAnsweredByMetadata(piece: ScanPiece): boolean;
  /** The aggregation of one piece, without the conjuncts that all its rows fulfil. */
  piece(proven: ReadonlySet<Expr>): PlanNode;
  /** What replaces the node: merges the rows of `pieces`, which come as that node's rows. */
  merged(pieces: PlanNode): PlanNode;
}

/** The aggregations of a plan that can be split; their scans are distinct. */
export function splitAggregates(plan: PlanNode): readonly SplitAggregate[] {
  if (plan.kind === "aggregate") {
    const split = splitOne(plan);
    if (split !== undefined) return [split];
  }
  return inputsOf(plan).flatMap((input) => splitAggregates(input));
}

/** The plan with some of its nodes replaced. */
export function replaceNodes(plan: PlanNode, replacements: ReadonlyMap<PlanNode, PlanNode>): PlanNode {
  return replacements.get(plan) ?? mapInputs(plan, (input) => replaceNodes(input, replacements));
}

function splitOne(aggregate: AggregateNode): SplitAggregate | undefined {
  const scan = rowWiseScan(aggregate.input);
  if (scan === undefined || scan.limit !== undefined || aggregate.groupingSets !== undefined) return undefined;
  // Of a whole table metadata tells what is asked, for less than it takes to look for what is known of pieces.
  const provable = provableConjuncts(aggregate.input, scan);
  if (aggregate.facts !== undefined && provable.length === 0) return undefined;
  const calls = aggregate.aggregates.map((call) => splitCall(call));
  if (!calls.every((call) => call !== undefined)) return undefined;
  const partialCalls = calls.flatMap(({ partial }) => partial);
  const keyCount = aggregate.keys.length;
  const columns: ColumnSchema[] = [
    ...aggregate.columns.slice(0, keyCount),
    ...partialCalls.map((call, index) => ({ name: `partial_${index}`, type: call.type, nullable: true })),
  ];
  return {
    aggregate,
    scan,
    provable,
    isAnsweredByMetadata: (piece) =>
      aggregate.facts !== undefined && provable.every(({ predicate }) => piece.provesAll(predicate)),
    piece: (proven) => ({
      ...withoutFacts(aggregate),
      input: withoutConjuncts(aggregate.input, scan, proven),
      aggregates: partialCalls,
      columns,
    }),
    merged(pieces) {
      const reference = (index: number): Expr => columnRef(index, columns[index] as ColumnSchema);
      const merging: PlanNode = {
        kind: "aggregate",
        input: pieces,
        keys: aggregate.keys.map((_, index) => reference(index)),
        aggregates: calls.flatMap(({ merge }) => merge).map((merge, index) => merge(reference(keyCount + index))),
        columns,
      };
      let next = keyCount;
      const results = calls.map(({ partial, result }) => {
        const parts = partial.map((_, index) => reference(next + index));
        next += partial.length;
        return result(parts);
      });
      return {
        kind: "project",
        input: merging,
        exprs: [...aggregate.keys.map((_, index) => reference(index)), ...results],
        columns: aggregate.columns,
      };
    },
  };
}

/** Its calls become others, of which the facts say nothing. */
function withoutFacts({ facts: _facts, ...aggregate }: AggregateNode): AggregateNode {
  return aggregate;
}

/** The only scan below a node when everything between works row by row. */
function rowWiseScan(node: PlanNode): ScanNode | undefined {
  if (node.kind === "scan") return node;
  if (node.kind === "filter" || node.kind === "project") return rowWiseScan(node.input);
  return undefined;
}

/** How a call is computed in pieces. */
interface SplitCall {
  readonly partial: readonly AggregateCall[];
  /** For each partial call, the call that merges its results. */
  readonly merge: readonly ((partial: Expr) => AggregateCall)[];
  /** The call's result from the merged ones. */
  readonly result: (merged: readonly Expr[]) => Expr;
}

/**
 * Only calls whose merged result is the same to the last digit: sums of floats depend on the order of the rows, so
 * they are not split.
 */
function splitCall(call: AggregateCall): SplitCall | undefined {
  if (call.distinct || call.orderBy.length > 0 || call.directArgs.length > 0) return undefined;
  const argument = call.args[0]?.type.kind ?? "null";
  const isExactNumber = INTEGERS.has(argument) || argument === "decimal";
  if (call.function === "count" || call.function === "count_if") return oneToOne(call, "sum");
  if (SELF_MERGING.has(call.function)) return oneToOne(call, call.function);
  if (call.function === "sum") return isExactNumber ? oneToOne(call, "sum") : undefined;
  return call.function === "avg" && isExactNumber ? average(call) : undefined;
}

function mergeCall(name: string, type: DataType): (partial: Expr) => AggregateCall {
  return (partial) => ({
    function: name,
    args: [partial],
    distinct: false,
    filter: undefined,
    orderBy: [],
    directArgs: [],
    type,
  });
}

function oneToOne(call: AggregateCall, merge: string): SplitCall {
  return { partial: [call], merge: [mergeCall(merge, call.type)], result: ([merged]) => merged as Expr };
}

function average(call: AggregateCall): SplitCall | undefined {
  const divide = functionRegistry.resolveScalar("/", [DECIMAL, DECIMAL]);
  const equals = functionRegistry.resolveScalar("=", [INT64, INT64]);
  if (divide === undefined || equals === undefined) return undefined;
  return {
    partial: [
      { ...call, function: "sum", type: DECIMAL },
      { ...call, function: "count", type: INT64 },
    ],
    merge: [mergeCall("sum", DECIMAL), mergeCall("sum", INT64)],
    result(merged) {
      const [sum, count] = merged as readonly [Expr, Expr];
      const isEmpty: Expr = { kind: "call", function: equals.id, args: [count, literal(0, INT64)], type: BOOLEAN };
      const quotient: Expr = {
        kind: "call",
        function: divide.id,
        args: [sum, { kind: "cast", arg: count, type: DECIMAL }],
        type: call.type,
      };
      return {
        kind: "case",
        branches: [caseBranch(isEmpty, literal(null, call.type))],
        otherwise: quotient,
        type: call.type,
      };
    },
  };
}

/** The filter right above the scan, if there is one. */
function scanFilter(node: PlanNode, scan: ScanNode): Extract<PlanNode, { kind: "filter" }> | undefined {
  if (node.kind === "filter" && node.input === scan) return node;
  return node.kind === "filter" || node.kind === "project" ? scanFilter(node.input, scan) : undefined;
}

function provableConjuncts(node: PlanNode, scan: ScanNode): readonly ProvableConjunct[] {
  const filter = scanFilter(node, scan);
  if (filter === undefined) return [];
  return conjunctsOf(filter.condition).flatMap((conjunct) => {
    const [predicate] = extractScanPredicates(conjunct, scan.projection);
    const isProvable = predicate !== undefined && isExactPredicate(conjunct, scan.projection);
    return isProvable ? [{ conjunct, predicate }] : [];
  });
}

function withoutConjuncts(node: PlanNode, scan: ScanNode, proven: ReadonlySet<Expr>): PlanNode {
  if (node.kind === "filter" && node.input === scan) {
    const condition = conjunction(conjunctsOf(node.condition).filter((conjunct) => !proven.has(conjunct)));
    return condition === undefined ? scan : { ...node, condition };
  }
  return mapInputs(node, (input) => withoutConjuncts(input, scan, proven));
}
