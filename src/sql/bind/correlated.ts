// Where correlated subqueries meet the rows they read: as joins, or as one more column.

import {
  BOOLEAN,
  INT64,
  caseBranch,
  columnRef,
  conjunction,
  conjunctsOf,
  literal,
  replaceColumns,
} from "../expressions.ts";
import { createJoin, type JoinNode, type JoinType } from "../joins.ts";
import type { Expr, JoinKey, PlanNode } from "../plan.ts";
import { attachOuter } from "./dependent-join.ts";
import { groupByOuter, overNoRows } from "./outer-groups.ts";
import { isCorrelated, readsOuter, type AttachedPlan, type OuterRows } from "./outer-values.ts";
import type { CorrelatedSubquery } from "./environment.ts";
import { plainAggregate } from "./aggregate-call.ts";
import { createAggregate } from "./grouping.ts";
import { project } from "./output.ts";
import { OUTER_BASE } from "./scope.ts";

/**
 * A join whose right side reads the left rows. The right side's columns follow the left's, then come the values it was
 * joined by. `condition` is over left ++ right.
 */
export function createDependentJoin(
  type: JoinType,
  outer: OuterRows,
  right: PlanNode,
  condition: Expr | undefined,
): JoinNode {
  const lifted = type === "semi" || type === "anti" ? liftConditions(right, outer) : undefined;
  if (lifted !== undefined) {
    return createJoin(type, outer.plan, lifted.plan, conjunction([...conjunctsOf(condition), ...lifted.conditions]));
  }
  const attached = attachOuter(right, outer);
  const join = createJoin(type, outer.plan, attached.plan, condition);
  const equalKeys = [...join.equalKeys, ...outerKeys(outer, attached)];
  return { ...join, joinType: join.joinType === "cross" && equalKeys.length > 0 ? "inner" : join.joinType, equalKeys };
}

/**
 * A subquery whose existence alone counts, as rows that read nothing outer and conditions over outer row ++ its row.
 * Undefined when more than conditions reads the outer row.
 */
function liftConditions(
  right: PlanNode,
  { plan: left, captures }: OuterRows,
): { readonly plan: PlanNode; readonly conditions: readonly Expr[] } | undefined {
  const filters: Expr[] = [];
  let input = right;
  const projection = right.kind === "project" ? right : undefined;
  if (projection !== undefined) input = projection.input;
  for (; input.kind === "filter"; input = input.input) filters.push(...conjunctsOf(input.condition));
  if (filters.length === 0 || isCorrelated(input)) return undefined;
  if (projection?.exprs.some((expr) => readsOuter(expr)) === true) return undefined;
  const own = conjunction(filters.filter((condition) => !readsOuter(condition)));
  const filtered: PlanNode =
    own === undefined ? input : { kind: "filter", input, condition: own, columns: input.columns };
  // What the conditions read comes after what the subquery gives.
  const passed = input.columns.map((column, i) => columnRef(i, column));
  const plan =
    projection === undefined
      ? filtered
      : project(
          filtered,
          [...projection.exprs, ...passed],
          [...projection.columns, ...input.columns].map((column) => column.name),
        );
  const offset = left.columns.length + (projection?.exprs.length ?? 0);
  const overBoth = (expr: Expr): Expr =>
    replaceColumns(expr, (index) => {
      if (index >= OUTER_BASE) return captures[index - OUTER_BASE];
      const column = input.columns[index];
      return column === undefined ? undefined : columnRef(index + offset, column);
    });
  return { plan, conditions: filters.filter((condition) => readsOuter(condition)).map(overBoth) };
}

function outerKeys(outer: OuterRows, attached: AttachedPlan): JoinKey[] {
  return outer.captures.flatMap((capture, k) => {
    const index = attached.at[k] ?? 0;
    const column = attached.plan.columns[index];
    if (column === undefined) return [];
    return [{ left: capture, right: columnRef(index, column), nullsEqual: attached.nullSafe[k] ?? false }];
  });
}

/** A plan whose first columns are those of another, and how expressions over that one read it. */
export interface AppliedSubqueries {
  readonly plan: PlanNode;
  readonly resolve: (expr: Expr) => Expr;
}

/** The plan with what makes the values of subqueries in columns after its own. */
export function applySubqueries(input: PlanNode, subqueries: readonly CorrelatedSubquery[]): AppliedSubqueries {
  const values = new Map<number, Expr>();
  const resolve = (expr: Expr): Expr => (values.size === 0 ? expr : replaceColumns(expr, (index) => values.get(index)));
  let plan = input;
  for (const { place, plan: subquery, captures } of subqueries) {
    const applied = appendValue({ plan, captures: captures.map(resolve) }, subquery);
    plan = applied.plan;
    values.set(place, applied.value);
  }
  return { plan, resolve };
}

/** A plan that begins with the outer columns, and a subquery's value over its row. */
interface AppendedValue {
  readonly plan: PlanNode;
  /** Computed where it is read, so that a CASE around it guards it. */
  readonly value: Expr;
}

/** NULL where the subquery has no row. */
function appendValue(outer: OuterRows, subquery: PlanNode): AppendedValue {
  const found = overAggregate(subquery);
  return found === undefined ? appendSingleRow(outer, subquery) : appendAggregate(outer, found);
}

function leftJoin(outer: OuterRows, grouped: PlanNode, attached: AttachedPlan): PlanNode {
  const at = [...outer.captures.keys()];
  const join = createJoin("left", outer.plan, grouped, undefined);
  return { ...join, equalKeys: outerKeys(outer, { plan: grouped, at, nullSafe: attached.nullSafe }) };
}

function appendSingleRow(outer: OuterRows, plan: PlanNode): AppendedValue {
  const attached = attachOuter(plan, outer);
  const keys = attached.at.flatMap((index) => {
    const column = attached.plan.columns[index];
    return column === undefined ? [] : [columnRef(index, column)];
  });
  const [column] = plan.columns;
  const type = column?.type ?? BOOLEAN;
  const value = column === undefined ? literal(null, type) : columnRef(0, column);
  const grouped = createAggregate(attached.plan, keys, [
    plainAggregate("first", [value], type),
    plainAggregate("count", [], INT64),
  ]);
  const joined = leftJoin(outer, grouped, attached);
  const at = outer.plan.columns.length + keys.length;
  const args: Expr[] = [
    { kind: "column", index: at, name: "first", type },
    { kind: "column", index: at + 1, name: "count", type: INT64 },
  ];
  return { plan: joined, value: { kind: "call", function: "single row", args, type } };
}

/** A subquery that is expressions over one aggregated row. `above` goes upwards. */
interface OverAggregate {
  readonly aggregate: PlanNode & { readonly kind: "aggregate" };
  readonly above: readonly (PlanNode & { readonly kind: "project" | "filter" })[];
}

function overAggregate(plan: PlanNode): OverAggregate | undefined {
  if (plan.kind === "aggregate")
    return plan.keys.length === 0 && plan.groupingSets === undefined ? { aggregate: plan, above: [] } : undefined;
  if (plan.kind !== "project" && plan.kind !== "filter") return undefined;
  const below = overAggregate(plan.input);
  return below === undefined ? undefined : { ...below, above: [...below.above, plan] };
}

/** The aggregate is joined by its outer values; what stood above it is computed on the joined row. */
function appendAggregate(outer: OuterRows, { aggregate, above }: OverAggregate): AppendedValue {
  const attached = attachOuter(aggregate.input, outer);
  const joined = leftJoin(outer, groupByOuter(aggregate, attached), attached);
  const first = outer.plan.columns.length + outer.captures.length;
  let row: readonly Expr[] = aggregate.aggregates.map((call, i) =>
    overNoRows(call, { kind: "column", index: first + i, name: call.function, type: call.type }),
  );
  const conditions: Expr[] = [];
  for (const node of above) {
    const values = row;
    const resolve = (expr: Expr): Expr =>
      replaceColumns(expr, (index) => (index >= OUTER_BASE ? outer.captures[index - OUTER_BASE] : values[index]));
    if (node.kind === "project") row = node.exprs.map(resolve);
    else conditions.push(resolve(node.condition));
  }
  const value = row[0] ?? literal(null, BOOLEAN);
  const condition = conjunction(conditions);
  if (condition === undefined) return { plan: joined, value };
  const guarded: Expr = {
    kind: "case",
    branches: [caseBranch(condition, value)],
    otherwise: literal(null, value.type),
    type: value.type,
  };
  return { plan: joined, value: guarded };
}
