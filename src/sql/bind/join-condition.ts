// Joins whose condition holds correlated subqueries. What reads one side alone is made beside that side's rows; the rest
// belongs to pairs of rows: of an inner join they are the rows to filter, of an outer join those that a lateral subquery
// finds for each row that is kept.

import {
  columnRef,
  columnsOf,
  conjunction,
  exprIdentity,
  literal,
  remapColumns,
  transformExpr,
} from "../expressions.ts";
import type { JoinType } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { applySubqueries, createDependentJoin } from "./correlated.ts";
import { subqueriesThat } from "./subquery-sink.ts";
import { SUBQUERY_BASE, type CorrelatedSubquery } from "./environment.ts";
import { usesSubquery } from "./grouping.ts";
import { project } from "./output.ts";
import { OUTER_BASE } from "./scope.ts";

/** The inputs of a join, and a condition over left ++ right that waits for the values of subqueries. */
interface Pairing {
  readonly left: PlanNode;
  readonly right: PlanNode;
  /** What the right plan reads of the left row, present for lateral items only. */
  readonly captures: readonly Expr[];
  readonly conditions: readonly Expr[];
  readonly subqueries: readonly CorrelatedSubquery[];
}

/** Joins a pairing's inputs by a condition that waits for nothing. */
type JoinInputs = (type: JoinType, pairing: Pairing, condition: Expr | undefined) => PlanNode;

/** The join of two FROM items, with the columns of left and right alone. `join` makes it without subqueries. */
export function joinWithSubqueries(type: JoinType, given: Pairing, join: JoinInputs): PlanNode {
  const pairing = applyRight(applyLeft(given));
  const [a, b] = [given.left.columns.length, given.right.columns.length];
  const rightAt = pairing.left.columns.length;
  const both = (plan: PlanNode, first = 0, second = rightAt): PlanNode =>
    pick(plan, [
      [first, a],
      [second, b],
    ]);
  if (pairing.subqueries.length === 0) return both(join(type, pairing, conjunction(pairing.conditions)));
  switch (type) {
    case "left":
      return both(keepLeft("left", pairing));
    case "right":
      return both(keepLeft("left", turned(pairing)), pairing.right.columns.length, 0);
    case "full": {
      const kept = both(keepLeft("left", pairing));
      const alone = keepLeft("anti", turned(pairing));
      const missing = given.left.columns.map((column) => literal(null, column.type));
      const own = given.right.columns.map((column, i) => columnRef(i, column));
      const names = kept.columns.map((column) => column.name);
      const columns = kept.columns.map((column) => ({ ...column, nullable: true }));
      const right = project(alone, [...missing, ...own], names);
      return { kind: "set_operation", operation: "union", all: true, left: kept, right, columns };
    }
    case "inner":
    case "cross":
    case "semi":
    case "anti": {
      const plain = pairing.conditions.filter((part) => !usesSubquery(part));
      const joined = join("inner", pairing, conjunction(plain));
      const applied = applySubqueries(joined, pairing.subqueries);
      const rest = pairing.conditions.filter((part) => usesSubquery(part)).map(applied.resolve);
      return both(filtered(applied.plan, rest));
    }
  }
}

/** Runs of columns of a plan: the first and how many. */
function pick(plan: PlanNode, runs: readonly (readonly [number, number])[]): PlanNode {
  const wanted = runs.flatMap(([first, count]) =>
    plan.columns.slice(first, first + count).map((column, i) => columnRef(first + i, column)),
  );
  return project(
    plan,
    wanted,
    wanted.map((expr) => (expr.kind === "column" ? expr.name : "")),
  );
}

function filtered(input: PlanNode, parts: readonly Expr[]): PlanNode {
  const condition = conjunction(parts);
  return condition === undefined ? input : { kind: "filter", input, condition, columns: input.columns };
}

/** The pairing with what still waits read from another row. */
function changed(pairing: Pairing, subqueries: readonly CorrelatedSubquery[], change: (expr: Expr) => Expr): Pairing {
  return {
    ...pairing,
    conditions: pairing.conditions.map(change),
    subqueries: subqueries.map((subquery) => ({ ...subquery, captures: subquery.captures.map(change) })),
  };
}

/** Whether an expression reads columns of the joined row whose number fulfils the test. */
function readsOwn(expr: Expr, test: (index: number) => boolean): boolean {
  return [...columnsOf(expr)].some((index) => index < SUBQUERY_BASE.where && test(index));
}

/** Moves the columns of the joined row; those that stand for something else stay. */
function moveOwn(expr: Expr, indexOf: (index: number) => number): Expr {
  return remapColumns(expr, (index) => (index < SUBQUERY_BASE.where ? indexOf(index) : index));
}

/** Makes the values of subqueries that do not read the right row beside the left one. */
function applyLeft(pairing: Pairing): Pairing {
  const width = pairing.left.columns.length;
  const others = subqueriesThat(pairing.subqueries, (capture) => readsOwn(capture, (index) => index >= width));
  const own = pairing.subqueries.filter((subquery) => !others.includes(subquery));
  const applied = applySubqueries(pairing.left, own);
  const added = applied.plan.columns.length - width;
  const change = (expr: Expr): Expr =>
    applied.resolve(moveOwn(expr, (index) => (index < width ? index : index + added)));
  return { ...changed(pairing, others, change), left: applied.plan };
}

/** Makes the values of subqueries that do not read the left row beside the right one. */
function applyRight(pairing: Pairing): Pairing {
  // A lateral plan knows the rows around it by numbers of its own.
  if (pairing.captures.length > 0) return pairing;
  const width = pairing.left.columns.length;
  const others = subqueriesThat(pairing.subqueries, (capture) => readsOwn(capture, (index) => index < width));
  const own = pairing.subqueries.filter((subquery) => !others.includes(subquery));
  const toRight = (expr: Expr): Expr => moveOwn(expr, (index) => index - width);
  const applied = applySubqueries(pairing.right, changed(pairing, own, toRight).subqueries);
  const change = (expr: Expr): Expr =>
    transformExpr(expr, (part) => {
      const value = part.kind === "column" ? applied.resolve(part) : part;
      return value === part ? part : moveOwn(value, (index) => index + width);
    });
  return { ...changed(pairing, others, change), right: applied.plan };
}

/** The same pairs with the sides exchanged. */
function turned(pairing: Pairing): Pairing {
  const { left, right, subqueries } = pairing;
  const [a, b] = [left.columns.length, right.columns.length];
  const change = (expr: Expr): Expr => moveOwn(expr, (index) => (index < a ? index + b : index - a));
  return { ...changed(pairing, subqueries, change), left: right, right: left };
}

/** Each left row with the right rows that fulfil the condition, or alone. */
function keepLeft(type: "left" | "anti", pairing: Pairing): PlanNode {
  const { left, right, conditions, subqueries } = pairing;
  const width = left.columns.length;
  const captures = [...pairing.captures];
  const lift = (expr: Expr): Expr =>
    transformExpr(expr, (part) => {
      if (part.kind !== "column") return part;
      const { index } = part;
      if (index >= width && index < SUBQUERY_BASE.where) return { ...part, index: index - width };
      if (index >= SUBQUERY_BASE.where && index < OUTER_BASE) return part;
      const identity = exprIdentity(part);
      const known = captures.findIndex((other) => exprIdentity(other) === identity);
      return { ...part, index: OUTER_BASE + (known === -1 ? captures.push(part) - 1 : known) };
    });
  const plain = conditions.filter((part) => !usesSubquery(part)).map(lift);
  const applied = applySubqueries(filtered(right, plain), changed(pairing, subqueries, lift).subqueries);
  const rest = conditions.filter((part) => usesSubquery(part)).map((part) => applied.resolve(lift(part)));
  const found = pick(filtered(applied.plan, rest), [[0, right.columns.length]]);
  return createDependentJoin(type, { plan: left, captures }, found, undefined);
}
