// Subqueries that read outer rows, made independent of them: the plan is widened by the outer values it depends on, so
// that an ordinary join on these values gives each outer row its part.
//
// Source: T. Neumann, A. Kemper, "Unnesting Arbitrary Queries", BTW 2015. Where an equality ties an outer value to
// columns of the subquery, these columns stand for it and the outer plan need not be run twice.

import {
  BOOLEAN,
  columnRef,
  conjunction,
  conjunctsOf,
  literal,
  mapSortKeys,
  mapWindowCall,
  replaceColumns,
} from "../expressions.ts";
import { createJoin, type JoinType } from "../joins.ts";
import { transformPlan } from "../optimize/plan-shape.ts";
import type { Expr, JoinKey, PlanNode } from "../plan.ts";
import { attachAggregate } from "./outer-groups.ts";
import {
  NULL_SAFE_EQUAL,
  aligned,
  carriedRows,
  domain,
  isCorrelated,
  outerColumns,
  projected,
  readsOuter,
  resolveOuter,
  withDomain,
  type AttachedPlan,
  type OuterRows,
} from "./outer-values.ts";
import { project } from "./output.ts";
import { keepRanked, type RankBound } from "./ranking.ts";
import { OUTER_BASE } from "./scope.ts";

/** Makes a subquery's plan independent of the outer rows. */
export function attachOuter(plan: PlanNode, outer: OuterRows): AttachedPlan {
  if (!isCorrelated(plan)) return withDomain(plan, outer);
  switch (plan.kind) {
    case "filter":
      return attachFilter(plan, outer);
    case "project": {
      const input = attachOuter(plan.input, outer);
      const exprs = plan.exprs.map((expr) => resolveOuter(expr, input));
      return projected(input, exprs, plan.columns);
    }
    case "aggregate":
      return attachAggregate(plan, attachOuter(plan.input, outer), outer);
    case "window": {
      const input = attachOuter(plan.input, outer);
      const resolve = (expr: Expr): Expr => resolveOuter(expr, input);
      const width = plan.input.columns.length;
      const made = plan.columns.slice(width);
      const window: PlanNode = {
        ...plan,
        input: input.plan,
        partitionBy: [...plan.partitionBy.map(resolve), ...outerColumns(input)],
        orderBy: mapSortKeys(plan.orderBy, resolve),
        calls: plan.calls.map((call) => mapWindowCall(call, resolve)),
        columns: [...input.plan.columns, ...made],
      };
      const own = plan.columns.map((column, i) =>
        columnRef(i < width ? i : input.plan.columns.length + i - width, column),
      );
      return projected({ ...input, plan: window }, own, plan.columns);
    }
    case "sort": {
      const input = attachOuter(plan.input, outer);
      const keys = mapSortKeys(plan.keys, (expr) => resolveOuter(expr, input));
      return { ...input, plan: { ...plan, input: input.plan, keys, columns: input.plan.columns } };
    }
    case "limit":
      return attachLimit(plan, outer);
    case "distinct": {
      const input = attachOuter(plan.input, outer);
      return { ...input, plan: { ...plan, input: input.plan, columns: input.plan.columns } };
    }
    case "join":
      return attachJoin(plan, outer);
    case "set_operation": {
      const left = aligned(attachOuter(plan.left, outer), plan.left);
      const right = aligned(attachOuter(plan.right, outer), plan.right);
      const columns = [...plan.columns, ...left.plan.columns.slice(plan.columns.length)];
      return {
        plan: { ...plan, left: left.plan, right: right.plan, columns },
        at: left.at,
        nullSafe: left.nullSafe.map((safe, k) => safe || right.nullSafe[k] === true),
      };
    }
    case "function_scan":
      return attachFunction(plan, outer);
    case "values":
      return attachValues(plan, outer);
    case "recursive":
      return attachRecursive(plan, outer);
    case "scan":
    case "working_table":
    case "shared":
      return withDomain(plan, outer);
  }
}

/** What stands for an outer value, and whether it does for NULL too. */
interface BoundCapture {
  /** The equality that says so; it holds wherever the value is known. */
  readonly condition: Expr;
  readonly own: Expr;
  readonly nullSafe: boolean;
}

/** Conjuncts of the form `outer value = own columns`: the value by capture. */
function boundCaptures(conditions: readonly Expr[]): ReadonlyMap<number, BoundCapture> {
  const bound = new Map<number, BoundCapture>();
  for (const condition of conditions) {
    if (condition.kind !== "call" || (condition.function !== "=" && condition.function !== NULL_SAFE_EQUAL)) continue;
    const [a, b] = condition.args;
    if (a === undefined || b === undefined) continue;
    for (const [outer, own] of [
      [a, b],
      [b, a],
    ] as const) {
      if (outer.kind !== "column" || outer.index < OUTER_BASE || readsOuter(own)) continue;
      const k = outer.index - OUTER_BASE;
      if (!bound.has(k)) bound.set(k, { condition, own, nullSafe: condition.function === NULL_SAFE_EQUAL });
    }
  }
  return bound;
}

function attachFilter(plan: PlanNode & { readonly kind: "filter" }, outer: OuterRows): AttachedPlan {
  const { input } = plan;
  const conditions = conjunctsOf(plan.condition);
  const bound = isCorrelated(input) ? new Map<number, BoundCapture>() : boundCaptures(conditions);
  if (bound.size === 0) {
    const attached = attachOuter(input, outer);
    const condition = resolveOuter(plan.condition, attached);
    return { ...attached, plan: { ...plan, input: attached.plan, condition, columns: attached.plan.columns } };
  }
  const width = input.columns.length;
  const rest = [...outer.captures.keys()].filter((k) => !bound.has(k));
  const base = rest.length === 0 ? input : createJoin("cross", input, domain(outer, rest), undefined);
  const valueOf = (k: number): Expr | undefined => {
    const own = bound.get(k)?.own;
    if (own !== undefined) return own;
    const index = width + rest.indexOf(k);
    const column = base.columns[index];
    return column === undefined ? undefined : columnRef(index, column);
  };
  const values = outer.captures.flatMap((_, k) => valueOf(k) ?? []);
  const resolve = (expr: Expr): Expr =>
    replaceColumns(expr, (index) => (index >= OUTER_BASE ? values[index - OUTER_BASE] : undefined));
  // An equality that defines its value holds for every row where that value is not NULL, or is null-safe.
  const defining = new Set([...bound.values()].map((capture) => capture.condition));
  const others = conditions.filter((part) => !defining.has(part));
  const known = [...bound.values()].flatMap(({ own: arg, nullSafe }): Expr[] =>
    nullSafe ? [] : [{ kind: "is_null", arg, negated: true, type: BOOLEAN }],
  );
  const condition = conjunction([...others.map(resolve), ...known]);
  const filtered: PlanNode =
    condition === undefined ? base : { kind: "filter", input: base, condition, columns: base.columns };
  const own = input.columns.map((column, i) => columnRef(i, column));
  const names = [...input.columns.map((column) => column.name), ...values.map((_, k) => `outer${k + 1}`)];
  return {
    plan: project(filtered, [...own, ...values], names),
    at: values.map((_, k) => width + k),
    nullSafe: values.map((_, k) => bound.get(k)?.nullSafe ?? true),
  };
}

/** The rows of a recursion carry the outer values from round to round. */
function attachRecursive(plan: PlanNode & { readonly kind: "recursive" }, outer: OuterRows): AttachedPlan {
  const left = aligned(attachOuter(plan.left, outer), plan.left);
  const width = plan.columns.length;
  const columns = left.plan.columns.map((column) => ({ ...column, nullable: true }));
  const working: PlanNode = { kind: "working_table", id: plan.id, name: plan.name, columns };
  const own = carriedRows(working, width);
  const step = transformPlan(plan.right, (node) => (node.kind === "working_table" && node.id === plan.id ? own : node));
  const right = aligned(attachOuter(step, outer), plan.right);
  return { ...left, plan: { ...plan, left: left.plan, right: right.plan, columns } };
}

/** LIMIT counts each outer value's rows: they are numbered in the order of the sort below. */
function attachLimit(plan: PlanNode & { readonly kind: "limit" }, outer: OuterRows): AttachedPlan {
  const sorted = plan.input.kind === "sort" ? plan.input : undefined;
  const original = sorted === undefined ? plan.input : sorted.input;
  const input = attachOuter(original, outer);
  const bounds: RankBound[] = [
    ...(plan.offset > 0 ? [{ ranking: "row_number", operator: ">", value: plan.offset } as const] : []),
    ...(plan.limit === undefined
      ? []
      : [{ ranking: "row_number", operator: "<=", value: plan.offset + plan.limit } as const]),
  ];
  const order = mapSortKeys(sorted?.keys ?? [], (expr) => resolveOuter(expr, input));
  return { ...input, plan: keepRanked(input.plan, outerColumns(input), order, bounds) };
}

function attachJoin(plan: PlanNode & { readonly kind: "join" }, outer: OuterRows): AttachedPlan {
  const { joinType } = plan;
  const conditionReads =
    plan.equalKeys.some((key) => readsOuter(key.left) || readsOuter(key.right)) ||
    (plan.residual !== undefined && readsOuter(plan.residual));
  const onlyRightKeepsRows = joinType === "right";
  const canStayLeft = joinType === "inner" || joinType === "cross" || onlyRightKeepsRows;
  const canStayRight = joinType !== "right" && joinType !== "full";
  const leftReads = isCorrelated(plan.left) || (conditionReads && !isCorrelated(plan.right));
  const left = leftReads || !canStayLeft ? attachOuter(plan.left, outer) : undefined;
  const right =
    isCorrelated(plan.right) || !canStayRight || left === undefined ? attachOuter(plan.right, outer) : undefined;
  return joinAttached(plan, left, right, joinType);
}

function joinAttached(
  plan: PlanNode & { readonly kind: "join" },
  left: AttachedPlan | undefined,
  right: AttachedPlan | undefined,
  type: JoinType,
): AttachedPlan {
  const leftPlan = left?.plan ?? plan.left;
  const rightPlan = right?.plan ?? plan.right;
  const leftOriginal = plan.left.columns.length;
  const leftWidth = leftPlan.columns.length;
  const isExistence = type === "semi" || type === "anti";
  const shift = (index: number): number => (index < leftOriginal ? index : index - leftOriginal + leftWidth);
  const holder = left ?? right;
  const held = holder === undefined ? [] : outerColumns(holder);
  const inJoin = held.map((expr): Expr =>
    left === undefined && expr.kind === "column" ? { ...expr, index: expr.index + leftWidth } : expr,
  );
  const overBoth = (expr: Expr): Expr =>
    replaceColumns(expr, (index) => {
      if (index >= OUTER_BASE) return inJoin[index - OUTER_BASE];
      const column = (index < leftOriginal ? plan.left : plan.right).columns[
        index < leftOriginal ? index : index - leftOriginal
      ];
      return column === undefined ? undefined : columnRef(shift(index), column);
    });
  const keys: Expr[] = plan.equalKeys.map(({ left: a, right: b, nullsEqual }) => ({
    kind: "call",
    function: nullsEqual === true ? "is_not_distinct_from" : "=",
    args: [overBoth(a), overBoth(replaceColumns(b, (index) => rightColumn(plan, index)))],
    type: BOOLEAN,
  }));
  const residual = plan.residual === undefined ? [] : [overBoth(plan.residual)];
  const joined = createJoin(type, leftPlan, rightPlan, conjunction([...keys, ...residual]));
  const outerKeys =
    left === undefined || right === undefined
      ? []
      : outerColumns(left).map((expr, k): JoinKey => {
          const other = outerColumns(right)[k] ?? expr;
          const nullsEqual = left.nullSafe[k] === true && right.nullSafe[k] === true;
          return { left: expr, right: other, nullsEqual };
        });
  const withKeys: PlanNode = {
    ...joined,
    joinType: joined.joinType === "cross" && outerKeys.length > 0 ? "inner" : joined.joinType,
    equalKeys: [...joined.equalKeys, ...outerKeys],
  };
  const keepsAnyRight = type === "right" || type === "full";
  const source = keepsAnyRight && right !== undefined ? outerColumns(right) : held;
  const offset = source === held && left !== undefined ? 0 : leftWidth;
  const at = source.map((expr) => (expr.kind === "column" ? expr.index + offset : 0));
  const nullSafe = at.map(
    (_, k) => (left?.nullSafe[k] ?? true) && ((right?.nullSafe[k] ?? true) || type === "left" || type === "anti"),
  );
  const own = plan.columns.map((column, i) => columnRef(isExistence ? i : shift(i), column));
  const attached: AttachedPlan = { plan: withKeys, at, nullSafe };
  if (type !== "full" || left === undefined || right === undefined) return projected(attached, own, plan.columns);
  // A full join's outer values come from whichever side has the row.
  const either = at.map((index, k): Expr => {
    const rightValue = withKeys.columns[index];
    const leftIndex = left.at[k] ?? 0;
    const leftValue = withKeys.columns[leftIndex];
    if (rightValue === undefined || leftValue === undefined) return literal(null, BOOLEAN);
    const args = [columnRef(leftIndex, leftValue), columnRef(index, rightValue)];
    return { kind: "coalesce", args, type: leftValue.type };
  });
  const names = [...plan.columns.map((column) => column.name), ...either.map((_, k) => `outer${k + 1}`)];
  return {
    plan: project(withKeys, [...own, ...either], names),
    at: either.map((_, k) => own.length + k),
    nullSafe,
  };
}

/** A column of the right input as one of the join's row. */
function rightColumn(plan: PlanNode & { readonly kind: "join" }, index: number): Expr | undefined {
  const column = plan.right.columns[index];
  return index >= OUTER_BASE || column === undefined ? undefined : columnRef(index + plan.left.columns.length, column);
}

function attachFunction(plan: PlanNode & { readonly kind: "function_scan" }, outer: OuterRows): AttachedPlan {
  const all = [...outer.captures.keys()];
  const input: AttachedPlan =
    plan.input === undefined
      ? { plan: domain(outer, all), at: all, nullSafe: all.map(() => true) }
      : attachOuter(plan.input, outer);
  const ownWidth = plan.input?.columns.length ?? 0;
  const made = plan.columns.slice(ownWidth);
  const applied: PlanNode = {
    ...plan,
    input: input.plan,
    args: plan.args.map((arg) => resolveOuter(arg, input)),
    columns: [...input.plan.columns, ...made],
  };
  const own = plan.columns.map((column, i) =>
    columnRef(i < ownWidth ? i : input.plan.columns.length + i - ownWidth, column),
  );
  return projected({ ...input, plan: applied }, own, plan.columns);
}

function attachValues(plan: PlanNode & { readonly kind: "values" }, outer: OuterRows): AttachedPlan {
  const all = [...outer.captures.keys()];
  const arms = plan.rows.map((row) => {
    const input: AttachedPlan = { plan: domain(outer, all), at: all, nullSafe: all.map(() => true) };
    return projected(
      input,
      row.map((expr) => resolveOuter(expr, input)),
      plan.columns,
    );
  });
  const [first, ...others] = arms;
  if (first === undefined) return withDomain(plan, outer);
  return others.reduce(
    (left, right) => ({
      ...left,
      plan: {
        kind: "set_operation",
        operation: "union",
        all: true,
        left: left.plan,
        right: right.plan,
        columns: left.plan.columns,
      },
    }),
    first,
  );
}
