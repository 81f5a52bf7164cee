// SEARCH and CYCLE of a recursive query: columns that the rows carry from round to round, by which they are ordered or
// known to have come before. Source: PostgreSQL manual, "Search Order" and "Cycle Detection".

import type { CTECycleClause, CTESearchClause } from "libpg-query";
import type { ColumnSchema } from "#columnar";
import { BOOLEAN, INT64, caseBranch, columnRef, conjunction, literal } from "../expressions.ts";
import { transformPlan } from "../optimize/plan-shape.ts";
import type { Expr, PlanNode, SourceSpan } from "../plan.ts";
import { stringsOf } from "./ast.ts";
import { bindCall, unify } from "./coerce.ts";
import { spanAt, type CommonTable } from "./context.ts";
import { attachOuter } from "./dependent-join.ts";
import { carriedRows } from "./outer-values.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { project } from "./output.ts";
import { fieldAt, rowOf } from "./row-values.ts";
import { emptyScope } from "./scope.ts";

/** A column that rows carry: its value in the seed, and what a step makes of the value of the row before. */
interface Carried {
  readonly name: string;
  readonly first: (row: readonly Expr[]) => Expr;
  readonly next: (row: readonly Expr[], before: readonly Expr[]) => Expr;
}

interface Carrying {
  readonly columns: readonly Carried[];
  /** Which rows the next step reads, over the carried columns of a row; undefined: all. */
  readonly goesOn: ((carried: readonly Expr[]) => Expr) | undefined;
}

function rowIn(columns: readonly ColumnSchema[], first: number, count: number): readonly Expr[] {
  return columns.slice(first, first + count).map((column, i) => columnRef(first + i, column));
}

/** The recursive query with the columns of its SEARCH and CYCLE clauses; itself without either. */
export function carrySearch(
  plan: PlanNode & { readonly kind: "recursive" },
  common: CommonTable,
  env: ExprEnvironment,
): PlanNode {
  const carrying = joined([
    ...(common.search === undefined ? [] : [searchOf(common.search, plan, env)]),
    ...(common.cycle === undefined ? [] : [cycleOf(common.cycle, plan, common.search?.search_seq_column, env)]),
  ]);
  const { columns: added, goesOn } = carrying;
  if (added.length === 0) return plan;
  const width = plan.columns.length;
  const own = rowIn(plan.columns, 0, width);
  const names = [...plan.columns.map((column) => column.name), ...added.map(({ name }) => name)];
  const left = project(plan.left, [...own, ...added.map(({ first }) => first(own))], names);
  const columns = left.columns.map((column) => ({ ...column, nullable: true }));
  const working: PlanNode = { kind: "working_table", id: plan.id, name: plan.name, columns };
  const carried = rowIn(columns, width, added.length);
  const newest: PlanNode =
    goesOn === undefined ? working : { kind: "filter", input: working, condition: goesOn(carried), columns };
  const step = transformPlan(plan.right, (node) =>
    node.kind === "working_table" && node.id === plan.id ? carriedRows(newest, width) : node,
  );
  const attached = attachOuter(step, { plan: newest, captures: carried });
  const before = attached.at.flatMap((index) => {
    const column = attached.plan.columns[index];
    return column === undefined ? [] : [columnRef(index, column)];
  });
  const row = rowIn(attached.plan.columns, 0, width);
  const right = project(attached.plan, [...row, ...added.map(({ next }) => next(row, before))], names);
  return { ...plan, left, right, columns };
}

/** Several clauses as one: each sees its own columns. */
function joined(parts: readonly Carrying[]): Carrying {
  const conditions: ((carried: readonly Expr[]) => Expr)[] = [];
  const columns: Carried[] = [];
  for (const part of parts) {
    const from = columns.length;
    const own = (carried: readonly Expr[]): readonly Expr[] => carried.slice(from, from + part.columns.length);
    const { goesOn } = part;
    if (goesOn !== undefined) conditions.push((carried) => goesOn(own(carried)));
    columns.push(
      ...part.columns.map(({ next, ...column }) => ({
        ...column,
        next: (row: readonly Expr[], before: readonly Expr[]) => next(row, own(before)),
      })),
    );
  }
  const goesOn =
    conditions.length === 0
      ? undefined
      : (carried: readonly Expr[]) => conjunction(conditions.map((each) => each(carried))) ?? literal(true, BOOLEAN);
  return { columns, goesOn };
}

/** The row of the named columns. Errors: `undefined_column`, `ambiguous_column`, as PostgreSQL raises them. */
function pickerOf(
  clause: string,
  names: readonly string[],
  plan: PlanNode,
  added: readonly string[],
  env: ExprEnvironment,
  span: SourceSpan,
): (row: readonly Expr[], first?: Expr) => Expr {
  const positions = names.map((name) => {
    const position = plan.columns.findIndex((column) => column.name === name);
    if (position === -1) {
      throw sqlError("undefined_column", `${clause} column "${name}" not in WITH query column list.`, span);
    }
    return position;
  });
  const known = plan.columns.map((column) => column.name);
  for (const name of added) {
    if (known.includes(name)) {
      throw sqlError("ambiguous_column", `Column name "${name}" of ${clause} is already used in the WITH query.`, span);
    }
    known.push(name);
  }
  return (row, first) => {
    const values = [...(first === undefined ? [] : [first]), ...positions.flatMap((position) => row[position] ?? [])];
    return rowOf(
      env.context,
      values.map((expr, i) => ({ name: `f${i + 1}`, expr })),
      span,
    );
  };
}

/** The rows on the way to this one: one that is given, or one more than the row before had. */
function pathOf(env: ExprEnvironment, span: SourceSpan, row: Expr, before: Expr | undefined): Expr {
  return before === undefined
    ? bindCall(env.context, "array", [row], span)
    : bindCall(env.context, "array_append", [before, row], span);
}

function searchOf(node: CTESearchClause, plan: PlanNode, env: ExprEnvironment): Carrying {
  const { context } = env;
  const span = spanAt(context, node.location);
  const name = node.search_seq_column ?? "";
  const pick = pickerOf("SEARCH", stringsOf(node.search_col_list), plan, [name], env, span);
  if (node.search_breadth_first !== true) {
    const first = (row: readonly Expr[]): Expr => pathOf(env, span, pick(row), undefined);
    const next = (row: readonly Expr[], [before]: readonly Expr[]): Expr => pathOf(env, span, pick(row), before);
    return { columns: [{ name, first, next }], goesOn: undefined };
  }
  const first = (row: readonly Expr[]): Expr => pick(row, literal(0, INT64));
  const next = (row: readonly Expr[], [before]: readonly Expr[]): Expr => {
    const depth = before === undefined ? literal(0, INT64) : fieldAt(before, 0, context, span);
    return pick(row, bindCall(context, "+", [depth, literal(1, INT64)], span));
  };
  return { columns: [{ name, first, next }], goesOn: undefined };
}

function cycleOf(node: CTECycleClause, plan: PlanNode, sequence: string | undefined, env: ExprEnvironment): Carrying {
  const { context } = env;
  const span = spanAt(context, node.location);
  const mark = node.cycle_mark_column ?? "";
  const path = node.cycle_path_column ?? "";
  const taken = [...(sequence === undefined ? [] : [sequence]), mark, path];
  const pick = pickerOf("CYCLE", stringsOf(node.cycle_col_list), plan, taken, env, span);
  const constant = { ...env, scope: emptyScope(undefined), aggregates: undefined, clause: "CYCLE" };
  const values = [env.bind(node.cycle_mark_value, constant), env.bind(node.cycle_mark_default, constant)];
  const { exprs, type } = unify(context, values, "CYCLE", span);
  const [marked = literal(true, BOOLEAN), plain = literal(false, BOOLEAN)] = exprs;
  const isMarked = (row: Expr, before: Expr): Expr => ({
    kind: "case",
    branches: [caseBranch(bindCall(context, "= any", [row, before], span), marked)],
    otherwise: plain,
    type,
  });
  return {
    columns: [
      {
        name: mark,
        first: () => plain,
        next: (row, [, before]) => (before === undefined ? plain : isMarked(pick(row), before)),
      },
      {
        name: path,
        first: (row) => pathOf(env, span, pick(row), undefined),
        next: (row, [, before]) => pathOf(env, span, pick(row), before),
      },
    ],
    goesOn: ([found]) => bindCall(context, "<>", [found ?? plain, marked], span),
  };
}
