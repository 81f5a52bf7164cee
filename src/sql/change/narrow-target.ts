// What the source's rows tell of the target's: a target row that matches has a key of the source.

import { scalarAt, type Scalar } from "#columnar";
import type { JoinNode } from "../joins.ts";
import { mapInputs } from "../optimize/plan-shape.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { scalarComparator, scalarKey, typesEqual } from "../values/index.ts";
import type { ScanPredicate, TableSource } from "../table-source.ts";
import type { SourceTable } from "./source-table.ts";

/** More keys than these are told as a range. */
const MAX_KEYS = 1000;
const COMPARABLE = new Set(["int32", "int64", "decimal", "string", "uuid", "date", "time", "timestamp", "boolean"]);

/**
 * The plan with predicates on the target's scan that follow from the keys the source holds. Only joins that drop
 * target rows without a match can be narrowed.
 *
 * Cost: one pass over the source's key columns.
 */
export function narrowTarget(plan: PlanNode, scanned: TableSource, source: SourceTable): PlanNode {
  if (plan.kind === "join" && (plan.joinType === "inner" || plan.joinType === "right") && reads(plan.right, source)) {
    const predicates = plan.equalKeys.flatMap((key) => keyPredicates(plan, key, scanned, source));
    return { ...plan, left: addPredicates(plan.left, scanned, predicates) };
  }
  return mapInputs(plan, (input) => narrowTarget(input, scanned, source));
}

function reads(plan: PlanNode, source: TableSource): boolean {
  return plan.kind === "scan" ? plan.source === source : plan.kind === "filter" && reads(plan.input, source);
}

function addPredicates(plan: PlanNode, scanned: TableSource, predicates: readonly ScanPredicate[]): PlanNode {
  if (plan.kind === "scan") {
    return plan.source === scanned ? { ...plan, predicates: [...plan.predicates, ...predicates] } : plan;
  }
  // Only the way down that keeps or drops whole rows of the target: filters, projections, joins with it on the left.
  if (plan.kind === "filter" || plan.kind === "project") {
    return { ...plan, input: addPredicates(plan.input, scanned, predicates) };
  }
  return plan.kind === "join" ? { ...plan, left: addPredicates(plan.left, scanned, predicates) } : plan;
}

/** The column of a table's scan that an expression over a plan's output is; undefined for anything computed. */
function columnOf(expr: Expr, plan: PlanNode, table: TableSource): number | undefined {
  if (expr.kind !== "column") return undefined;
  if (plan.kind === "scan") return plan.source === table ? plan.projection[expr.index] : undefined;
  if (plan.kind === "filter") return columnOf(expr, plan.input, table);
  if (plan.kind === "project") {
    const inner = plan.exprs[expr.index];
    return inner === undefined ? undefined : columnOf(inner, plan.input, table);
  }
  const isLeft = plan.kind === "join" && plan.joinType !== "right" && plan.joinType !== "full";
  return isLeft && expr.index < plan.left.columns.length ? columnOf(expr, plan.left, table) : undefined;
}

function keyPredicates(
  join: JoinNode,
  key: JoinNode["equalKeys"][number],
  scanned: TableSource,
  source: SourceTable,
): readonly ScanPredicate[] {
  const column = columnOf(key.left, join.left, scanned);
  const sourceColumn = columnOf(key.right, join.right, source);
  const { type } = key.left;
  if (column === undefined || sourceColumn === undefined) return [];
  if (!COMPARABLE.has(type.kind) || !typesEqual(type, key.right.type)) return [];
  const vector = source.column(sourceColumn);
  if (vector === undefined) return [];
  const compare = scalarComparator(type);
  const distinct = new Map<unknown, Scalar>();
  let min: Scalar = null;
  let max: Scalar = null;
  for (let row = 0; row < source.rowCount; row++) {
    const value = scalarAt(vector, row);
    if (value === null) continue;
    if (min === null || compare(value, min) < 0) min = value;
    if (max === null || compare(value, max) > 0) max = value;
    if (distinct.size <= MAX_KEYS) distinct.set(scalarKey(type, value), value);
  }
  if (min === null || max === null) return [];
  if (distinct.size <= MAX_KEYS) return [{ column, operator: "in", values: [...distinct.values()] }];
  return [
    { column, operator: ">=", values: [min] },
    { column, operator: "<=", values: [max] },
  ];
}
