// Aggregations that a table's metadata can answer for files all of whose rows count: numbers of rows and values, least
// and greatest values.

import { conjunctsOf } from "../expressions.ts";
import type { AggregateCall, Expr, PlanNode } from "../plan.ts";
import type { ScanFact } from "../table-source.ts";
import { inputsOf, transformPlan } from "./plan-shape.ts";
import { castColumn, isExactPredicate } from "./scan-predicates.ts";

type Aggregate = Extract<PlanNode, { kind: "aggregate" }>;
type Scan = Extract<PlanNode, { kind: "scan" }>;

/** Kinds whose least and greatest values files may tell. NaN and the two zeros keep floats out. */
const BOUNDED = new Set(["int16", "int32", "int64", "decimal", "date", "time", "timestamp", "string"]);

/** Marks the aggregations that metadata may answer. */
export function markMetadataAggregates(plan: PlanNode): PlanNode {
  return transformPlan(plan, (node) => {
    if (node.kind !== "aggregate") return node;
    const facts = factsOf(node);
    return facts === undefined ? node : { ...node, facts };
  });
}

/** The only scan below an operator of a marked aggregation. */
export function scanBelow(plan: PlanNode): Scan | undefined {
  if (plan.kind === "scan") return plan;
  const [input] = plan.kind === "filter" || plan.kind === "project" ? inputsOf(plan) : [];
  return input === undefined ? undefined : scanBelow(input);
}

/** What each call asks of the scan's rows; undefined when one asks for more than metadata can tell. */
function factsOf({ keys, groupingSets, aggregates, input }: Aggregate): readonly ScanFact[] | undefined {
  if (keys.length > 0 || groupingSets !== undefined || aggregates.length === 0) return undefined;
  const facts = aggregates.map((call) => factOf(call, input));
  return facts.every((fact) => fact !== undefined) && filtersExactly(input) ? facts : undefined;
}

/** What a call asks of the rows of the scan below its input; undefined when it is more than metadata can tell. */
export function factOf(call: AggregateCall, input: PlanNode): ScanFact | undefined {
  const { args, distinct, filter, orderBy, directArgs } = call;
  if (distinct || filter !== undefined || orderBy.length > 0 || directArgs.length > 0) return undefined;
  const [argument] = args;
  if (call.function === "count" && argument === undefined) return { kind: "rows" };
  const column = argument === undefined ? undefined : sourceColumn(argument, input);
  if (argument === undefined || column === undefined) return undefined;
  if (call.function === "count") return { kind: "values", column };
  if (call.function !== "min" && call.function !== "max") return undefined;
  return BOUNDED.has(argument.type.kind) ? { kind: call.function, column } : undefined;
}

/** The source's column that an expression over an operator's output reads. */
function sourceColumn(expr: Expr, input: PlanNode): number | undefined {
  const column = castColumn(expr)?.index;
  if (column === undefined) return undefined;
  if (input.kind === "scan") return input.projection[column];
  if (input.kind === "filter") return sourceColumn(expr, input.input);
  const below = input.kind === "project" ? input.exprs[column] : undefined;
  return below === undefined || input.kind !== "project" ? undefined : sourceColumn(below, input.input);
}

/** Whether the scan's predicates say which of its rows reach the aggregation, no more and no less. */
export function filtersExactly(input: PlanNode): boolean {
  if (input.kind === "scan") return input.limit === undefined && input.predicates.length === 0;
  if (input.kind === "project") return filtersExactly(input.input);
  if (input.kind !== "filter" || input.input.kind !== "scan" || input.input.limit !== undefined) return false;
  const { projection } = input.input;
  return conjunctsOf(input.condition).every((conjunct) => isExactPredicate(conjunct, projection));
}
