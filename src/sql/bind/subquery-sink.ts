// Correlated subqueries that wait for the rows they read: equal ones are one, and those of keys go below the groups.

import { BOOLEAN, collectColumns, columnsOf, exprIdentity, replaceColumns } from "../expressions.ts";
import { isVolatilePlan } from "../optimize/share.ts";
import type { Expr } from "../plan.ts";
import type { BindContext } from "./context.ts";
import type { CorrelatedSubquery, SubquerySink } from "./environment.ts";

type NewSubquery = Omit<CorrelatedSubquery, "place">;

/** Equal for subqueries that give the same value for the same row. */
function subqueryKey({ planKey }: BindContext, { plan, captures }: NewSubquery): string {
  return `${planKey(plan)}(${captures.map((capture) => exprIdentity(capture)).join()})`;
}

function standIn({ place, plan }: CorrelatedSubquery): Expr {
  const [column] = plan.columns;
  return { kind: "column", index: place, name: column?.name ?? "subquery", type: column?.type ?? BOOLEAN };
}

function findSubquery(context: BindContext, sink: SubquerySink, subquery: NewSubquery): CorrelatedSubquery | undefined {
  const key = subqueryKey(context, subquery);
  return sink.subqueries.find((other) => subqueryKey(context, other) === key);
}

/** Registers a subquery; its value stands as a column until it is applied. Equal ones are one. */
export function addSubquery(context: BindContext, sink: SubquerySink, subquery: NewSubquery): Expr {
  const known = isVolatilePlan(subquery.plan) ? undefined : findSubquery(context, sink, subquery);
  if (known !== undefined) return standIn(known);
  const added = { ...subquery, place: sink.firstIndex + sink.subqueries.length };
  sink.subqueries.push(added);
  return standIn(added);
}

/** The expression with its subqueries in the sink below theirs: what is grouped by must be known before the groups. */
export function moveBelow(context: BindContext, expr: Expr, sink: SubquerySink): Expr {
  const { below } = sink;
  if (below === undefined) return expr;
  return replaceSubqueries(expr, sink, (subquery) => addSubquery(context, below, subquery));
}

/** The expression with those of its subqueries that are also in the sink below read from there. */
export function readBelow(context: BindContext, expr: Expr, sink: SubquerySink): Expr {
  const { below } = sink;
  if (below === undefined || below.subqueries.length === 0) return expr;
  return replaceSubqueries(expr, sink, (subquery) => {
    const found = findSubquery(context, below, subquery);
    return found === undefined ? undefined : standIn(found);
  });
}

function replaceSubqueries(
  expr: Expr,
  sink: SubquerySink,
  replace: (subquery: CorrelatedSubquery) => Expr | undefined,
): Expr {
  return replaceColumns(expr, (index) => {
    const subquery = sink.subqueries.find(({ place }) => place === index);
    if (subquery === undefined) return undefined;
    const captures = subquery.captures.map((capture) => replaceSubqueries(capture, sink, replace));
    return replace({ ...subquery, captures });
  });
}

/** Those of the subqueries that fulfil the test, or read the value of one that does. */
export function subqueriesThat(
  subqueries: readonly CorrelatedSubquery[],
  test: (capture: Expr) => boolean,
): readonly CorrelatedSubquery[] {
  const places = new Set<number>();
  return subqueries.filter(({ place, captures }) => {
    const fulfils = captures.some(
      (capture) => test(capture) || [...columnsOf(capture)].some((index) => places.has(index)),
    );
    if (fulfils) places.add(place);
    return fulfils;
  });
}

/** Those of the subqueries whose values the expressions read, directly or through another's. */
export function subqueriesRead(
  subqueries: readonly CorrelatedSubquery[],
  exprs: readonly Expr[],
): readonly CorrelatedSubquery[] {
  const read = new Set<number>();
  for (const expr of exprs) collectColumns(expr, read);
  const needed = subqueries.toReversed().filter(({ place, captures }) => {
    if (!read.has(place)) return false;
    for (const capture of captures) collectColumns(capture, read);
    return true;
  });
  return needed.toReversed();
}
