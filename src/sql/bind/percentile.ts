// Percentiles whose fraction is no constant: taken of the list of each group's values in order.

import type { FuncCall } from "libpg-query";
import { BOOLEAN, conjunction } from "../expressions.ts";
import type { AggregateCall, Expr, SourceSpan } from "../plan.ts";
import { plainAggregate } from "./aggregate-call.ts";
import { bindCall, coerce, coerceCondition, resolveUnknown } from "./coerce.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sortOrder } from "./sort-order.ts";

/** Whether the value is known before any row is read. */
function isConstant(expr: Expr): boolean {
  const value = expr.kind === "cast" ? expr.arg : expr;
  return value.kind === "literal" && value.subquery === undefined;
}

/**
 * percentile_cont and percentile_disc of a fraction that the groups' row gives; undefined for any other call. `inner`
 * is where the aggregate's own arguments are bound, `add` registers an aggregate.
 */
export function bindRowPercentile(
  name: string,
  node: FuncCall,
  env: ExprEnvironment,
  inner: ExprEnvironment,
  add: (call: AggregateCall) => Expr,
  span: SourceSpan,
): Expr | undefined {
  const { context } = env;
  const [item] = (node.agg_order ?? []).flatMap((each) => ("SortBy" in each ? [each.SortBy] : []));
  const [arg, ...others] = node.args ?? [];
  if (node.agg_within_group !== true || !name.startsWith("percentile_")) return undefined;
  if (item === undefined || arg === undefined || others.length > 0) return undefined;
  const direct = { ...env, aggregates: undefined, sets: undefined, clause: "an aggregate's direct arguments" };
  const fraction = env.bind(arg, direct);
  if (isConstant(fraction)) return undefined;
  const raw = resolveUnknown(context, env.bind(item.node, inner));
  const resolved = context.registry.resolveAggregate(name, [fraction.type, raw.type]);
  if (resolved === undefined || !resolved.orderedSet) return undefined;
  const [fractionType = fraction.type, valueType = raw.type] = resolved.argTypes;
  const value = coerce(context, raw, valueType, "implicit", undefined);
  const isKnown: Expr = { kind: "is_null", arg: value, negated: true, type: BOOLEAN };
  const chosen =
    node.agg_filter === undefined ? [] : [coerceCondition(context, env.bind(node.agg_filter, inner), "FILTER", span)];
  const values = add({
    ...plainAggregate("array_agg", [value], { kind: "list", element: value.type }, conjunction([...chosen, isKnown])),
    orderBy: [{ expr: value, ...sortOrder(context, item) }],
  });
  const made = bindCall(
    context,
    `${name} of`,
    [values, coerce(context, fraction, fractionType, "implicit", undefined)],
    span,
  );
  return made.kind === "call" ? { ...made, type: resolved.returnType } : made;
}
