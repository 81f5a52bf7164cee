// Aggregate calls: arguments, FILTER, ORDER BY and WITHIN GROUP, whether they aggregate groups or window frames.

import type { FuncCall, Node } from "libpg-query";
import { exprIdentity } from "../expressions.ts";
import type { AggregateCall, Expr, SortKey, SourceSpan } from "../plan.ts";
import { locationOf } from "./ast.ts";
import { coerce, coerceCondition, resolveUnknown, undefinedFunction } from "./coerce.ts";
import { spanAt } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { sortOrder } from "./sort-order.ts";

/** An aggregate call without FILTER, DISTINCT or ORDER BY. */
export function plainAggregate(name: string, args: readonly Expr[], type: Expr["type"], filter?: Expr): AggregateCall {
  return { function: name, args, distinct: false, filter, orderBy: [], directArgs: [], type };
}

/** The call of an aggregate; its arguments are bound in `env`. Errors: `undefined_function`, `sql_unsupported`. */
export function bindAggregateCall(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): AggregateCall {
  const { context } = env;
  const args: readonly Node[] = node.args ?? [];
  const bound = args.map((arg) => env.bind(arg, env));
  const sortNodes = (node.agg_order ?? []).flatMap((item) => ("SortBy" in item ? [item.SortBy] : []));
  const sortExprs = sortNodes.map((item) => env.bind(item.node, env));
  const isWithinGroup = node.agg_within_group === true;
  const types = [...bound, ...(isWithinGroup ? sortExprs : [])].map((expr) => expr.type);
  const resolved = context.registry.resolveAggregate(name, types);
  if (resolved === undefined || resolved.orderedSet !== isWithinGroup) {
    if (resolved?.orderedSet === true) {
      throw sqlError("undefined_function", `WITHIN GROUP is required for ordered-set aggregate ${name}.`, span);
    }
    throw undefinedFunction(context, name, types, span);
  }
  if (args.length === 0 && node.agg_star !== true && !isWithinGroup)
    throw undefinedFunction(context, name, types, span);
  const typed = bound.map((expr, i) => coerce(context, expr, resolved.argTypes[i] ?? expr.type, "implicit", undefined));
  const orderBy: SortKey[] = sortNodes.map((item, i) => {
    const raw = resolveUnknown(context, sortExprs[i] ?? env.bind(item.node, env));
    const target = isWithinGroup ? resolved.argTypes[bound.length + i] : undefined;
    const expr = target === undefined ? raw : coerce(context, raw, target, "implicit", undefined);
    return { expr, ...sortOrder(context, item) };
  });
  const filter =
    node.agg_filter === undefined
      ? undefined
      : coerceCondition(
          context,
          env.bind(node.agg_filter, { ...env, clause: "FILTER" }),
          "FILTER",
          spanAt(context, locationOf(node.agg_filter)),
        );
  if (isWithinGroup) requireConstants(typed, name, span);
  const given = new Set([...bound, ...typed].map((expr) => exprIdentity(expr)));
  if (node.agg_distinct === true && orderBy.some(({ expr }) => !given.has(exprIdentity(expr)))) {
    const message = "In an aggregate with DISTINCT, ORDER BY expressions must appear in the argument list.";
    throw sqlError("grouping_error", message, span);
  }
  const call: AggregateCall = {
    function: resolved.id,
    args: isWithinGroup ? [] : typed,
    distinct: node.agg_distinct ?? false,
    filter,
    orderBy,
    directArgs: isWithinGroup ? typed : [],
    type: resolved.returnType,
    span,
  };
  context.functions.set(resolved.id, { name, volatility: "immutable" });
  return call;
}

function requireConstants(args: readonly Expr[], name: string, span: SourceSpan): void {
  for (const arg of args) {
    const value = arg.kind === "cast" ? arg.arg : arg;
    if (value.kind !== "literal" || value.subquery !== undefined) {
      throw sqlError("sql_unsupported", `The direct arguments of ${name} must be constants.`, span);
    }
  }
}
