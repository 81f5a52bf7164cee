// The groups of a subquery for each outer value, with those that have no rows.

import { INT64, columnRef, literal, mapAggregate } from "../expressions.ts";
import { createJoin } from "../joins.ts";
import type { AggregateCall, Expr, JoinKey, PlanNode } from "../plan.ts";
import { GROUPING_SET, createAggregate } from "./grouping.ts";
import { domain, outerColumns, projected, resolveOuter, type AttachedPlan, type OuterRows } from "./outer-values.ts";

/** Aggregates that are a number, not NULL, over no rows. */
const ZERO_WHEN_EMPTY = new Set(["count", "count_if", "regr_count", "approx_count_distinct"]);

/** What an aggregate gives, where an outer join left its column NULL for want of rows. */
export function overNoRows(call: AggregateCall, column: Expr): Expr {
  if (!ZERO_WHEN_EMPTY.has(call.function)) return column;
  return { kind: "coalesce", args: [column, literal(0, INT64)], type: call.type };
}

/** The aggregate of each outer value's rows: keys are the outer values, then the plan's own. */
export function groupByOuter(plan: PlanNode & { readonly kind: "aggregate" }, input: AttachedPlan): PlanNode {
  const resolve = (expr: Expr): Expr => resolveOuter(expr, input);
  const calls = plan.aggregates.map((call) => mapAggregate(call, resolve));
  const outer = outerColumns(input);
  const sets = plan.groupingSets?.map((set) => [...outer.keys(), ...set.map((key) => key + outer.length)]);
  return createAggregate(input.plan, [...outer, ...plan.keys.map(resolve)], calls, sets);
}

/** The groups of every outer value, over an input that holds them. */
export function attachAggregate(
  plan: PlanNode & { readonly kind: "aggregate" },
  input: AttachedPlan,
  outer: OuterRows,
): AttachedPlan {
  const grouped = groupByOuter(plan, input);
  const count = outer.captures.length;
  if (plan.keys.length > 0 || plan.groupingSets !== undefined) {
    const at = [...outer.captures.keys()];
    const own = plan.columns.map((column, i) => columnRef(count + i, column));
    const found = projected({ plan: grouped, at, nullSafe: input.nullSafe }, own, plan.columns);
    return withEmptySets(plan, found, outer);
  }
  // Without keys there is a row for every outer value, whether it has input rows or not.
  const values = domain(outer, [...outer.captures.keys()]);
  const keys = values.columns.map((column, k): JoinKey => {
    const right = grouped.columns[k] ?? column;
    return { left: columnRef(k, column), right: columnRef(k, right), nullsEqual: input.nullSafe[k] ?? false };
  });
  const joined: PlanNode = { ...createJoin("left", values, grouped, undefined), equalKeys: keys };
  const own = plan.aggregates.map((call, i) => {
    const index = values.columns.length + count + i;
    const column = joined.columns[index];
    return overNoRows(call, column === undefined ? literal(null, call.type) : columnRef(index, column));
  });
  const at = [...outer.captures.keys()];
  return projected({ plan: joined, at, nullSafe: at.map(() => true) }, own, plan.columns);
}

/** An empty grouping set has a row for an outer value without input rows too. */
function withEmptySets(
  plan: PlanNode & { readonly kind: "aggregate" },
  found: AttachedPlan,
  outer: OuterRows,
): AttachedPlan {
  const sets = [...(plan.groupingSets ?? []).entries()].filter(([, keys]) => keys.length === 0);
  if (sets.length === 0) return found;
  const all = [...outer.captures.keys()];
  const values = domain(outer, all);
  const equalKeys = values.columns.map((column, k): JoinKey => {
    const index = found.at[k] ?? 0;
    const right = columnRef(index, found.plan.columns[index] ?? column);
    return { left: columnRef(k, column), right, nullsEqual: found.nullSafe[k] ?? false };
  });
  const without: PlanNode = { ...createJoin("anti", values, found.plan, undefined), equalKeys };
  const columns = found.plan.columns.map((column) => ({ ...column, nullable: true }));
  const keys = plan.columns.slice(0, plan.keys.length);
  const rows = sets.map(([number]): PlanNode => {
    const own = [
      ...keys.map((column) => literal(null, column.type)),
      ...plan.aggregates.map((call) =>
        call.function === GROUPING_SET ? literal(number, call.type) : overNoRows(call, literal(null, call.type)),
      ),
    ];
    return projected({ plan: without, at: all, nullSafe: all.map(() => true) }, own, plan.columns).plan;
  });
  const union = (left: PlanNode, right: PlanNode): PlanNode => ({
    kind: "set_operation",
    operation: "union",
    all: true,
    left,
    right,
    columns,
  });
  return { plan: rows.reduce(union, found.plan), at: found.at, nullSafe: all.map(() => true) };
}
