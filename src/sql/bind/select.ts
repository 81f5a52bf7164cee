// One SELECT: FROM, WHERE, GROUP BY, HAVING, the select list, DISTINCT, ORDER BY and LIMIT, in the order they apply.

import type { A_Indirection, Node, ResTarget, SelectStmt, WindowDef } from "libpg-query";
import { QUALIFY_MARK } from "../parser/qualify.ts";
import { columnRef, exprIdentity, mapAggregate, transformExpr } from "../expressions.ts";
import type { Expr, PlanNode, SortKey } from "../plan.ts";
import { nodeKind, locationOf, stringOf, stringsOf } from "./ast.ts";
import { coerceCondition, resolveUnknown } from "./coerce.ts";
import { deriveColumnName } from "./column-name.ts";
import { spanAt, unsupported } from "./context.ts";
import { applySubqueries } from "./correlated.ts";
import { subqueriesRead, subqueriesThat } from "./subquery-sink.ts";
import {
  SET_BASE,
  subquerySink,
  type AggregateSink,
  type CorrelatedSubquery,
  type ExprEnvironment,
  type PendingWindow,
  type SetSink,
} from "./environment.ts";
import { sqlError } from "./errors.ts";
import { bindFrom } from "./from.ts";
import {
  bareName,
  bindGroupKeys,
  createAggregate,
  ordinalOf,
  regroup,
  targetAt,
  usesSet,
  usesWindow,
  type Target,
} from "./grouping.ts";
import { bindLimit } from "./limit.ts";
import { project } from "./output.ts";
import { keepRanked } from "./ranking.ts";
import { fieldsOf } from "./row-values.ts";
import { emptyScope, isOfTable, missingColumn, type Scope } from "./scope.ts";
import { sortOrder } from "./sort-order.ts";
import { bindWhere } from "./where.ts";
import { createWindows, mapPending, windowSink } from "./window.ts";

/** PostgreSQL's bound on the columns of a row. */
const MAX_TARGETS = 1664;

/**
 * Binds a SELECT with a select list. `env.scope` is the scope around it. Output columns of a plain SELECT may still
 * be untyped, so that a set operation can give them the other side's type.
 */
export function bindSelect(statement: SelectStmt, env: ExprEnvironment): PlanNode {
  const { context } = env;
  const distinct = statement.distinctClause;
  // A plain DISTINCT has one empty item.
  const distinctOn = (distinct ?? []).filter((item) => nodeKind(item) !== "");
  const outer: Scope = emptyScope(env.scope);
  const from = bindFrom(statement.fromClause ?? [], {
    ...env,
    scope: outer,
    aggregates: undefined,
    correlated: undefined,
  });
  const base: ExprEnvironment = {
    ...env,
    scope: { ...from.scope, parent: env.scope },
    aggregates: undefined,
    correlated: undefined,
  };
  let plan = bindWhere(statement.whereClause, from.plan, { ...base, clause: "WHERE" });

  const windows = windowSink(statement.windowClause ?? [], context);
  const sink: AggregateSink = { calls: [], windows };
  const inArguments = subquerySink("arguments");
  const inList = subquerySink("list", inArguments);
  const setSink: SetSink = { calls: [] };
  const rowEnv: ExprEnvironment = { ...base, aggregates: sink, correlated: inList, clause: "SELECT" };
  const listEnv: ExprEnvironment = { ...rowEnv, sets: setSink };
  const isPlain = ["groupClause", "sortClause", "limitCount", "limitOffset"].every((clause) => !(clause in statement));
  let targets = bindTargets(statement.targetList ?? [], listEnv).map((target) =>
    isPlain && distinct === undefined ? target : { ...target, expr: resolveUnknown(context, target.expr) },
  );
  if (targets.length > MAX_TARGETS) {
    throw sqlError(
      "sql_unsupported",
      `The select list has ${targets.length} columns; at most ${MAX_TARGETS} are supported.`,
    );
  }
  const group = bindGroupKeys(statement.groupClause ?? [], targets, rowEnv, statement.groupDistinct === true);
  const clauses = splitHaving(statement.havingClause);
  let having =
    clauses.having === undefined
      ? undefined
      : coerceCondition(
          context,
          env.bind(clauses.having, {
            ...rowEnv,
            aggregates: { ...sink, windows: undefined },
            clause: "HAVING",
          }),
          "HAVING",
        );
  let qualify = bindQualify(clauses.qualify, targets, rowEnv);
  let order = bindOrder(statement.sortClause ?? [], targets, { ...listEnv, clause: "ORDER BY" });
  checkWindows(windows.named.values(), { ...rowEnv, aggregates: { ...sink, windows: undefined }, clause: "WINDOW" });
  let sets = setSink.calls;
  let first = distinctOn.map((item) => bindSortValue(item, targets, { ...listEnv, clause: "DISTINCT ON" }));
  let pending: readonly PendingWindow[] = windows.calls;
  let waiting: readonly CorrelatedSubquery[] = inList.subqueries;
  const changeCaptures = (change: (expr: Expr) => Expr): void => {
    waiting = waiting.map((subquery) => ({ ...subquery, captures: subquery.captures.map(change) }));
  };
  /** Moves everything that is still to be computed to another row. */
  const rebase = (change: (expr: Expr) => Expr): void => {
    targets = targets.map((target) => ({ ...target, expr: change(target.expr) }));
    order = order.map((key) => ({ ...key, expr: change(key.expr) }));
    first = first.map(change);
    if (qualify !== undefined) qualify = change(qualify);
    if (having !== undefined) having = change(having);
    sets = sets.map((call) => ({ ...call, args: call.args.map(change) }));
    pending = pending.map((window) => mapPending(window, change));
  };
  /** Makes the values of the subqueries whose row is known, that is, that read none of what comes later. */
  const applyReady = (isLater: (expr: Expr) => boolean): void => {
    const later = subqueriesThat(waiting, isLater);
    const ready = waiting.filter((subquery) => !later.includes(subquery));
    const applied = applySubqueries(plan, ready);
    plan = applied.plan;
    waiting = later;
    rebase(applied.resolve);
    changeCaptures(applied.resolve);
  };

  if (group.keys.length > 0 || group.sets !== undefined || sink.calls.length > 0 || having !== undefined) {
    const below = applySubqueries(plan, inArguments.subqueries);
    const calls = sink.calls.map((call) => mapAggregate(call, below.resolve));
    plan = createAggregate(below.plan, group.keys.map(below.resolve), calls, group.sets);
    const rewrite = (expr: Expr): Expr => regroup(context, expr, group, inList);
    rebase(rewrite);
    // What was grouped by is a column now.
    const read: Expr[] = [];
    rebase((expr) => {
      read.push(expr);
      return expr;
    });
    waiting = subqueriesRead(waiting, read);
    changeCaptures(rewrite);
  }
  applyReady((expr) => usesWindow(expr) || usesSet(expr));
  if (having !== undefined) plan = { kind: "filter", input: plan, condition: having, columns: plan.columns };
  if (pending.length > 0) {
    const windowed = createWindows(plan, pending);
    plan = windowed.plan;
    pending = [];
    rebase(windowed.resolve);
    changeCaptures(windowed.resolve);
    applyReady(usesSet);
  } else if (qualify !== undefined) {
    const message = "QUALIFY needs a window function in its condition or in the select list.";
    throw sqlError("windowing_error", message, context.spans.get(qualify));
  }
  if (qualify !== undefined) plan = { kind: "filter", input: plan, condition: qualify, columns: plan.columns };
  if (sets.length > 0) {
    const expanded = expandSets(plan, sets);
    plan = expanded.plan;
    rebase(expanded.resolve);
    changeCaptures(expanded.resolve);
    applyReady(() => false);
  }
  const isDistinct = distinct !== undefined && first.length === 0;
  return finishSelect(statement, plan, { targets, order, isDistinct, first }, env);
}

/** Binds what windows are made of, for the errors of those that nothing uses. */
function checkWindows(definitions: Iterable<WindowDef>, env: ExprEnvironment): void {
  for (const { partitionClause = [], orderClause = [] } of definitions) {
    for (const item of partitionClause) env.bind(item, env);
    for (const item of orderClause) if ("SortBy" in item) env.bind(item.SortBy.node, env);
  }
}

/** The condition inside the mark of QUALIFY. */
function marked(part: Node | undefined): Node | undefined {
  if (part === undefined || !("FuncCall" in part)) return undefined;
  return stringsOf(part.FuncCall.funcname).at(-1) === QUALIFY_MARK ? part.FuncCall.args?.[0] : undefined;
}

/** HAVING without the condition of QUALIFY, which the parser's text holds there. */
function splitHaving(node: Node | undefined): { readonly having?: Node; readonly qualify?: Node } {
  if (node === undefined) return {};
  const only = marked(node);
  if (only !== undefined) return { qualify: only };
  if (!("BoolExpr" in node) || node.BoolExpr.boolop !== "AND_EXPR") return { having: node };
  const { args = [] } = node.BoolExpr;
  const qualify = marked(args.at(-1));
  if (qualify === undefined) return { having: node };
  const rest = args.slice(0, -1);
  const [first] = rest;
  const having: Node =
    rest.length === 1 && first !== undefined ? first : { BoolExpr: { ...node.BoolExpr, args: rest } };
  return { having, qualify };
}

/** Binds QUALIFY: window functions may stand in it, and names of the select list that the row does not have. */
function bindQualify(node: Node | undefined, targets: readonly Target[], env: ExprEnvironment): Expr | undefined {
  if (node === undefined) return undefined;
  const bound = env.bind(node, { ...env, clause: "QUALIFY", outputs: targets });
  return coerceCondition(env.context, bound, "QUALIFY");
}

/** One row for each row of the set-returning functions side by side; a row for which none gives any is left out. */
function expandSets(
  input: PlanNode,
  calls: SetSink["calls"],
): { readonly plan: PlanNode; readonly resolve: (expr: Expr) => Expr } {
  const width = input.columns.length;
  const plan: PlanNode = {
    kind: "function_scan",
    input,
    function: "rows from",
    args: calls.flatMap((call) => call.args),
    parts: calls.map((call) => ({ function: call.function, argCount: call.args.length, columnCount: 1 })),
    columns: [...input.columns, ...calls.map((call) => ({ name: call.function, type: call.type, nullable: true }))],
  };
  const isSet = (index: number): boolean => index >= SET_BASE && index < SET_BASE + calls.length;
  const resolve = (expr: Expr): Expr =>
    transformExpr(expr, (part) =>
      part.kind === "column" && isSet(part.index) ? { ...part, index: width + part.index - SET_BASE } : part,
    );
  return { plan, resolve };
}

/** What a SELECT gives of its rows. */
interface Output {
  readonly targets: readonly Target[];
  readonly order: readonly SortKey[];
  readonly isDistinct: boolean;
  /** DISTINCT ON: the first row of each combination of these. */
  readonly first: readonly Expr[];
}

/** Projection, DISTINCT, ORDER BY over the projection with hidden sort columns, LIMIT. */
function finishSelect(
  statement: SelectStmt,
  input: PlanNode,
  { targets, order, isDistinct, first }: Output,
  env: ExprEnvironment,
): PlanNode {
  const { context } = env;
  const exprs = targets.map((target) => target.expr);
  const identities = exprs.map((expr) => exprIdentity(expr));
  const place = (expr: Expr): number => {
    const identity = exprIdentity(expr);
    let index = identities.indexOf(identity);
    if (index === -1) {
      if (isDistinct) {
        throw sqlError(
          "grouping_error",
          "For SELECT DISTINCT, ORDER BY expressions must appear in select list.",
          context.spans.get(expr),
        );
      }
      index = exprs.push(expr) - 1;
      identities.push(identity);
    }
    return index;
  };
  const keys = order.map((key) => ({ ...key, expr: place(key.expr) }));
  const partition = first.map(place);
  requireMatchingOrder(partition, keys, env);
  let plan: PlanNode = project(
    input,
    exprs,
    targets.map((target) => target.name),
  );
  if (isDistinct) plan = { kind: "distinct", input: plan, columns: plan.columns };
  const { columns } = plan;
  const sortKeys: SortKey[] = keys.flatMap(({ expr, ...rest }) => {
    const column = columns[expr];
    return column === undefined ? [] : [{ ...rest, expr: columnRef(expr, column) }];
  });
  if (partition.length > 0) {
    const partitionBy = partition.flatMap((index) => {
      const column = columns[index];
      return column === undefined ? [] : [columnRef(index, column)];
    });
    plan = keepRanked(plan, partitionBy, sortKeys, [{ ranking: "row_number", operator: "<=", value: 1 }]);
  }
  if (sortKeys.length > 0) plan = { kind: "sort", input: plan, keys: sortKeys, topRows: undefined, columns };
  plan = bindLimit(statement, plan, env);
  if (exprs.length === targets.length) return plan;
  const visible = columns.slice(0, targets.length);
  return project(
    plan,
    visible.map((column, i) => columnRef(i, column)),
    visible.map((column) => column.name),
  );
}

/** DISTINCT ON keeps the first row in the order asked, which must begin with what is made distinct. */
function requireMatchingOrder(
  partition: readonly number[],
  keys: readonly { readonly expr: number }[],
  { context }: ExprEnvironment,
): void {
  const wanted = new Set(partition);
  const leading = keys.slice(0, wanted.size).map((key) => key.expr);
  if (leading.every((index) => wanted.has(index))) return;
  const message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions.";
  throw sqlError("grouping_error", message, spanAt(context, undefined));
}

function bindTargets(nodes: readonly Node[], env: ExprEnvironment): readonly Target[] {
  return nodes.flatMap((node) => {
    if (!("ResTarget" in node)) throw unsupported(env.context, "This select item is", locationOf(node));
    return expandStar(node.ResTarget, env) ?? [bindTarget(node.ResTarget, env)];
  });
}

function bindTarget(node: ResTarget, env: ExprEnvironment): Target {
  return { name: node.name ?? deriveColumnName(node.val), expr: env.bind(node.val, env) };
}

/** `*` and `t.*`; undefined for any other item. */
function expandStar(node: ResTarget, env: ExprEnvironment): readonly Target[] | undefined {
  if (node.val === undefined) return undefined;
  if ("A_Indirection" in node.val) return expandFields(node.val.A_Indirection, env);
  if (!("ColumnRef" in node.val)) return undefined;
  const { fields = [], location } = node.val.ColumnRef;
  const last = fields.at(-1);
  if (last === undefined || !("A_Star" in last)) return undefined;
  const { context, scope } = env;
  const span = spanAt(context, location);
  const relation = stringOf(fields.at(-2));
  const columns = scope.columns.filter((column) =>
    relation === undefined ? !column.isMerged : column.relation === relation,
  );
  const qualifiers = fields.slice(0, -1).map((field) => stringOf(field) ?? "");
  if (columns.some((column) => !isOfTable(column, qualifiers))) {
    throw sqlError("undefined_table", `Invalid reference to FROM-clause entry for table "${relation ?? ""}".`, span);
  }
  if (columns.length === 0) {
    if (relation !== undefined && !scope.relations.includes(relation)) throw missingColumn(scope, relation, "*", span);
    if (scope.relations.length === 0) {
      throw sqlError("sql_syntax_error", "SELECT * with no tables specified is not valid.", span);
    }
  }
  return columns.map((column) => {
    const expr: Expr = { ...column.expr };
    context.spans.set(expr, span);
    return { name: column.name, expr };
  });
}

/** `(row).*`: the fields of a row value; undefined for any other item. */
function expandFields({ arg, indirection = [] }: A_Indirection, env: ExprEnvironment): readonly Target[] | undefined {
  const last = indirection.at(-1);
  if (arg === undefined || last === undefined || !("A_Star" in last)) return undefined;
  const rest = indirection.slice(0, -1);
  const row = env.bind(rest.length === 0 ? arg : { A_Indirection: { arg, indirection: rest } }, env);
  return fieldsOf(row, env.context, spanAt(env.context, locationOf(arg)));
}

/** Binds ORDER BY. */
function bindOrder(items: readonly Node[], targets: readonly Target[], env: ExprEnvironment): readonly SortKey[] {
  return items.flatMap((item) => {
    if (!("SortBy" in item)) return [];
    const { node } = item.SortBy;
    return [{ expr: bindSortValue(node, targets, env), ...sortOrder(env.context, item.SortBy) }];
  });
}

/** Binds what rows are ordered by: an ordinal, an output name, or an expression over the input, in this order. */
function bindSortValue(node: Node | undefined, targets: readonly Target[], env: ExprEnvironment): Expr {
  const { context, clause } = env;
  const ordinal = ordinalOf(node);
  if (ordinal !== undefined) return targetAt(context, targets, ordinal, clause, locationOf(node)).expr;
  const name = bareName(node);
  const matches = name === undefined ? [] : targets.filter((target) => target.name === name);
  const [match] = matches;
  if (match === undefined) return resolveUnknown(context, env.bind(node, env));
  const identity = exprIdentity(match.expr);
  if (matches.some((other) => exprIdentity(other.expr) !== identity)) {
    throw sqlError("ambiguous_column", `${clause} "${name}" is ambiguous.`, spanAt(context, locationOf(node)));
  }
  return match.expr;
}
