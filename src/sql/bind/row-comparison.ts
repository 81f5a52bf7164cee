// Rows compared, as PostgreSQL defines it: with rows and with the rows of subqueries.

import type { Node, SubLink } from "libpg-query";
import { BOOLEAN, FALSE, columnRef } from "../expressions.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { builtInName, locationOf } from "./ast.ts";
import { bindCall, resolveUnknown } from "./coerce.ts";
import { spanAt, unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { addSubquery } from "./subquery-sink.ts";
import { sqlError } from "./errors.ts";
import { project } from "./output.ts";
import { OUTER_BASE } from "./scope.ts";
import { bindRowItems, fieldsOf } from "./row-values.ts";
import { bindSubselect, quantifiedValue } from "./subselect.ts";

/** Whether a node is a row that is written out. */
export function isRow(node: Node | undefined): boolean {
  return node !== undefined && "RowExpr" in node;
}

/** The fields of a row that is written out. */
export function rowItems(node: Node | undefined, env: ExprEnvironment): readonly Expr[] {
  if (node !== undefined && "RowExpr" in node) {
    return bindRowItems(node.RowExpr.args ?? [], env, spanAt(env.context, node.RowExpr.location));
  }
  const span = spanAt(env.context, locationOf(node));
  return fieldsOf(env.bind(node, env), env.context, span).map(({ expr }) => expr);
}

/** One expression, or several joined by a word. */
export function combine(kind: "and" | "or", args: readonly Expr[]): Expr {
  const [first] = args;
  if (args.length === 1 && first !== undefined) return first;
  return { kind, args, type: BOOLEAN };
}

/** (a, b) op (c, d). Errors: `type_mismatch` for different lengths. */
export function compareItems(
  operator: string,
  left: readonly Expr[],
  right: readonly Expr[],
  env: ExprEnvironment,
  span: SourceSpan,
): Expr {
  const { context } = env;
  if (left.length !== right.length || left.length === 0) {
    throw sqlError("type_mismatch", "Rows of different length cannot be compared.", span);
  }
  const pairs = left.map((item, i) => [item, right[i] ?? item] as const);
  const each = (symbol: string): Expr[] => pairs.map(([a, b]) => bindCall(context, symbol, [a, b], span));
  if (operator === "=") return combine("and", each("="));
  if (operator === "<>") return combine("or", each("<>"));
  if (!["<", "<=", ">", ">="].includes(operator)) {
    throw sqlError("sql_unsupported", `Operator ${operator} on rows is not supported.`, span);
  }
  const strict = operator.charAt(0);
  // a < c OR (a = c AND (b < d OR …)); the last pair takes the operator itself.
  let result: Expr | undefined;
  for (const [a, b] of pairs.toReversed()) {
    result =
      result === undefined
        ? bindCall(context, operator, [a, b], span)
        : combine("or", [
            bindCall(context, strict, [a, b], span),
            combine("and", [bindCall(context, "=", [a, b], span), result]),
          ]);
  }
  return result ?? FALSE;
}

/** `(a, b) op (SELECT …)`, `(a, b) op ANY (SELECT …)` and ALL: the row's fields are read by the subquery. */
export function compareWithRows(
  operator: string,
  row: readonly Expr[],
  link: SubLink,
  env: ExprEnvironment,
  span: SourceSpan,
): Expr {
  const { context, correlated: sink } = env;
  if (sink === undefined)
    throw unsupported(context, `Comparing a row with a subquery in ${env.clause} is`, link.location);
  const { plan, captures } = bindSubselect(link.subselect, env);
  const items = row.map((item) => resolveUnknown(context, item));
  if (plan.columns.length !== items.length) {
    const message = `Subquery has ${plan.columns.length} columns where ${items.length} are compared.`;
    throw sqlError("type_mismatch", message, span);
  }
  const outer = items.map((item, i): Expr => ({
    kind: "column",
    index: OUTER_BASE + captures.length + i,
    name: "compared",
    type: item.type,
  }));
  const found = plan.columns.map((column, i) => columnRef(i, column));
  const compared = compareItems(operator, outer, found, env, span);
  const isQuantified = link.subLinkType === "ANY_SUBLINK" || link.subLinkType === "ALL_SUBLINK";
  const result = isQuantified
    ? quantifiedValue(plan, compared, link.subLinkType === "ANY_SUBLINK")
    : project(plan, [compared], ["compared"]);
  return addSubquery(context, sink, { plan: result, captures: [...captures, ...items], span });
}

/** The operator of a quantified comparison; `=` of IN. */
export function operatorOf(link: SubLink): string {
  return builtInName(link.operName) || "=";
}
