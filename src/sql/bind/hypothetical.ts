// Hypothetical-set aggregates: where a row would stand among those of a group, as counts of the rows before it.

import type { FuncCall } from "libpg-query";
import type { DataType } from "#columnar";
import { BOOLEAN, INT64, conjunction, literal } from "../expressions.ts";
import type { AggregateCall, Expr, SourceSpan } from "../plan.ts";
import { plainAggregate } from "./aggregate-call.ts";
import { bindCall, coerce, coerceCondition, unify } from "./coerce.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { sortOrder } from "./sort-order.ts";

const NAMES = new Set(["rank", "dense_rank", "percent_rank", "cume_dist"]);
const FLOAT64: DataType = { kind: "float64" };

/** Whether a name with WITHIN GROUP is a hypothetical-set aggregate. */
export function isHypothetical(name: string): boolean {
  return NAMES.has(name);
}

interface Key {
  readonly own: Expr;
  readonly given: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

const isNull = (arg: Expr, negated = false): Expr => ({ kind: "is_null", arg, negated, type: BOOLEAN });

const all = (...parts: Expr[]): Expr => ({ kind: "and", args: parts, type: BOOLEAN });

const any = (...parts: Expr[]): Expr => ({ kind: "or", args: parts, type: BOOLEAN });

/**
 * The value of `name(args) WITHIN GROUP (ORDER BY keys)` from counts, which `count` registers.
 *
 * Errors: `undefined_function` when the numbers of arguments and keys differ; `sql_unsupported` for dense_rank over
 * several keys.
 */
export function bindHypotheticalCounts(
  name: string,
  node: FuncCall,
  env: ExprEnvironment,
  count: (call: AggregateCall) => Expr,
  span: SourceSpan,
): Expr {
  const { context } = env;
  const args = node.args ?? [];
  const order = (node.agg_order ?? []).flatMap((item) => ("SortBy" in item ? [item.SortBy] : []));
  if (args.length !== order.length || args.length === 0) {
    const message = `${name} has ${args.length} direct arguments for ${order.length} keys of WITHIN GROUP.`;
    throw sqlError("undefined_function", message, span);
  }
  const keys = order.map((item, i): Key => {
    const pair = [env.bind(item.node, env), env.bind(args[i], env)];
    const [own, given] = unify(context, pair, "WITHIN GROUP", span).exprs;
    if (own === undefined || given === undefined) throw sqlError("undefined_function", `${name} needs keys.`, span);
    return { own, given, ...sortOrder(context, item) };
  });
  const filter =
    node.agg_filter === undefined
      ? undefined
      : coerceCondition(context, env.bind(node.agg_filter, { ...env, clause: "FILTER" }), "FILTER");
  const call = (operator: string, ...operands: Expr[]): Expr => bindCall(context, operator, operands, span);
  const equal = (key: Key): Expr => call("is_not_distinct_from", key.own, key.given);
  const precedes = ({ own, given, descending, nullsFirst }: Key): Expr => {
    const isLess: Expr = {
      kind: "coalesce",
      args: [call(descending ? ">" : "<", own, given), literal(false, BOOLEAN)],
      type: BOOLEAN,
    };
    const byNull = nullsFirst ? all(isNull(own), isNull(given, true)) : all(isNull(own, true), isNull(given));
    return any(isLess, byNull);
  };
  const [first, ...others] = keys
    .map((key, i) => conjunction([...keys.slice(0, i).map(equal), precedes(key)]))
    .filter((part) => part !== undefined);
  if (first === undefined) throw sqlError("undefined_function", `${name} needs keys.`, span);
  const before = others.length === 0 ? first : any(first, ...others);
  const counted = (condition?: Expr): Expr =>
    count(plainAggregate("count", [], INT64, conjunction([filter, condition].filter((part) => part !== undefined))));
  const one = literal(1, INT64);
  const float = (value: Expr): Expr => coerce(context, value, FLOAT64, "explicit", span);
  switch (name) {
    case "rank":
      return call("+", counted(before), one);
    case "percent_rank": {
      const total = call("nullif", counted(), literal(0, INT64));
      const share = call("/", float(counted(before)), float(total));
      return { kind: "coalesce", args: [share, literal(0, FLOAT64)], type: FLOAT64 };
    }
    case "cume_dist": {
      const upTo = counted(any(before, conjunction(keys.map(equal)) ?? literal(true, BOOLEAN)));
      return call("/", float(call("+", upTo, one)), float(call("+", counted(), one)));
    }
    default: {
      const [key, second] = keys;
      if (key === undefined || second !== undefined) {
        throw sqlError("sql_unsupported", "dense_rank WITHIN GROUP over several keys is not supported.", span);
      }
      const condition = conjunction([filter, before].filter((part) => part !== undefined));
      const values = count({ ...plainAggregate("count", [key.own], INT64, condition), distinct: true });
      const nulls = counted(conjunction([before, isNull(key.own)]));
      const nullGroup = call("least", nulls, one);
      return call("+", call("+", values, nullGroup), one);
    }
  }
}
