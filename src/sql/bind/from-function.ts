// Functions in FROM.

import type { Node, RangeFunction } from "libpg-query";
import { INT32, INT64, columnRef, remapColumns } from "../expressions.ts";
import { tableFunctionNames, type ResolvedTableFunction } from "../execute/table-function.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { builtInName, itemsOf, locationOf, nodeKind } from "./ast.ts";
import { resolveSetCall } from "./calls.ts";
import { bindCall, resolveUnknown } from "./coerce.ts";
import { deriveColumnName } from "./column-name.ts";
import { spanAt, unsupported } from "./context.ts";
import { applySubqueries } from "./correlated.ts";
import { SUBQUERY_BASE, subquerySink, type ExprEnvironment, type SubquerySink } from "./environment.ts";
import { aliased, lateralScope, type BoundFrom, type BoundItem } from "./from-item.ts";
import { bindRecords } from "./json-table.ts";
import { ONE_EMPTY_ROW, project } from "./output.ts";
import { emptyScope } from "./scope.ts";

/** A call in FROM: a set-returning function, or any other as one row. */
function bindPart(
  call: Node | undefined,
  env: ExprEnvironment,
): { readonly name: string; readonly resolved: ResolvedTableFunction; readonly args: readonly Expr[] }[] {
  const { context } = env;
  const name = call !== undefined && "FuncCall" in call ? builtInName(call.FuncCall.funcname) : "";
  const span = spanAt(context, locationOf(call));
  if (call !== undefined && "FuncCall" in call && name === "generate_subscripts") {
    const bound = (call.FuncCall.args ?? []).map((arg) => env.bind(arg, env));
    const list = bindCall(context, "array_subscripts", bound, span);
    return [
      { name, resolved: { id: "unnest", argTypes: [list.type], columns: [{ name, type: INT32 }] }, args: [list] },
    ];
  }
  if (call === undefined || !("FuncCall" in call) || !tableFunctionNames().includes(name)) {
    const value = resolveUnknown(context, env.bind(call, env));
    const list = bindCall(context, "array", [value], span);
    const columns = [{ name: deriveColumnName(call), type: value.type }];
    return [{ name: deriveColumnName(call), resolved: { id: "unnest", argTypes: [list.type], columns }, args: [list] }];
  }
  const bound = (call.FuncCall.args ?? []).map((arg) => env.bind(arg, env));
  // unnest(a, b) is the two side by side.
  const calls = name === "unnest" && bound.length > 1 ? bound.map((arg) => [arg]) : [bound];
  return calls.map((args) => ({ name, ...resolveSetCall(name, args, context, span) }));
}

/** The surroundings of a function in FROM, which may always read the items before it. */
export function functionEnvironment(
  env: ExprEnvironment,
  before: BoundFrom | undefined,
): {
  readonly scope: ReturnType<typeof lateralScope> | undefined;
  readonly inner: ExprEnvironment;
  readonly correlated: SubquerySink;
} {
  const scope = before === undefined ? undefined : lateralScope(before, env);
  const correlated = subquerySink("from");
  const inner: ExprEnvironment = {
    ...env,
    scope: scope ?? emptyScope(env.scope.parent),
    aggregates: undefined,
    correlated,
    clause: "functions in FROM",
  };
  return { scope, inner, correlated };
}

/** A function in FROM whose arguments, and what is made of its rows, wait for the values of subqueries. */
export function overSubqueries(plan: PlanNode, { subqueries }: SubquerySink): PlanNode {
  if (subqueries.length === 0) return plan;
  const scan = plan.kind === "project" ? plan.input : plan;
  if (scan.kind !== "function_scan") return plan;
  const { plan: input, resolve } = applySubqueries(ONE_EMPTY_ROW, subqueries);
  const width = input.columns.length;
  const columns = [...input.columns, ...scan.columns];
  const called: PlanNode = { ...scan, input, args: scan.args.map(resolve), columns };
  const made = plan.kind === "project" ? plan.exprs : plan.columns.map((column, i) => columnRef(i, column));
  const moved = made.map((expr) =>
    resolve(remapColumns(expr, (index) => (index < SUBQUERY_BASE.where ? index + width : index))),
  );
  return project(
    called,
    moved,
    plan.columns.map((column) => column.name),
  );
}

/** Binds functions in FROM: one, several side by side, or one that makes records. */
export function bindRangeFunction(node: RangeFunction, env: ExprEnvironment, before: BoundFrom | undefined): BoundItem {
  const { context } = env;
  const { scope, inner, correlated } = functionEnvironment(env, before);
  const items = (node.functions ?? []).map((item) => itemsOf(item));
  const ownList = items[0]?.[1];
  const definitions = node.coldeflist ?? (ownList !== undefined && items.length === 1 ? itemsOf(ownList) : []);
  if (definitions.length > 0 && node.ordinality !== true) {
    const plan = overSubqueries(bindRecords(items[0]?.[0], definitions, inner), correlated);
    return { ...aliased(plan, node.alias, "record", env), captures: scope?.captures ?? [] };
  }
  if (definitions.length > 0 || items.some((item) => item[1] !== undefined && nodeKind(item[1]) === "List")) {
    const location = locationOf(items[0]?.[0]);
    throw unsupported(context, "A column definition list beside other functions or WITH ORDINALITY is", location);
  }
  const parts = items.flatMap(([call]) => bindPart(call, inner));
  const [first] = parts;
  if (first === undefined) throw unsupported(context, "This FROM item is", undefined);
  const made = parts.flatMap(({ resolved }) => resolved.columns);
  // A function with one column names it after the alias.
  const alias = node.alias?.aliasname;
  const isRenamed = made.length === 1 && alias !== undefined;
  const columns = made.map(({ name, type }) => ({ name: isRenamed ? alias : name, type, nullable: true }));
  const isNumbered = node.ordinality === true;
  if (isNumbered) columns.push({ name: "ordinality", type: INT64, nullable: true });
  const plan: PlanNode = {
    kind: "function_scan",
    function: parts.length === 1 ? first.resolved.id : "rows from",
    args: parts.flatMap(({ args }) => args),
    ...(parts.length === 1
      ? {}
      : {
          parts: parts.map(({ resolved, args }) => ({
            function: resolved.id,
            argCount: args.length,
            columnCount: resolved.columns.length,
          })),
        }),
    ...(isNumbered ? { ordinality: true } : {}),
    columns,
  };
  return { ...aliased(overSubqueries(plan, correlated), node.alias, first.name, env), captures: scope?.captures ?? [] };
}
