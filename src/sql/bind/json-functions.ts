// SQL/JSON's own syntax: JSON_EXISTS, JSON_VALUE and JSON_QUERY without further clauses; and operators on jsonb casts.

import type { JsonFuncExpr } from "libpg-query";
import type { Expr, SourceSpan } from "../plan.ts";
import { bindCall, coerce } from "./coerce.ts";
import { unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";

const FUNCTIONS: Readonly<Record<string, string>> = {
  JSON_EXISTS_OP: "jsonb_path_exists",
  JSON_QUERY_OP: "jsonb_path_query_first",
  JSON_VALUE_OP: "jsonb_path_query_first",
};

/** Binds JSON_EXISTS, JSON_QUERY, JSON_VALUE (document, path). Errors: `sql_unsupported` for their further clauses. */
export function bindJsonFunction(node: JsonFuncExpr, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const {
    op = "",
    context_item: item,
    pathspec,
    passing,
    on_empty: onEmpty,
    on_error: onError,
    wrapper,
    quotes,
  } = node;
  const name = FUNCTIONS[op];
  if (name === undefined) throw unsupported(context, "JSON_TABLE is", node.location);
  const isPlain = [wrapper, quotes].every((word) => word === undefined || /UNSPEC$|NONE$/.test(word));
  const output = node.output?.typeName;
  if (
    !isPlain ||
    (passing ?? []).length > 0 ||
    onEmpty !== undefined ||
    onError !== undefined ||
    output !== undefined
  ) {
    const shown = op.replace("_OP", "");
    throw unsupported(context, `A clause of ${shown} after its path is`, node.location);
  }
  const document = coerce(context, env.bind(item?.raw_expr, env), { kind: "json" }, "explicit", span);
  const found = bindCall(context, name, [document, env.bind(pathspec, env)], span);
  return op === "JSON_VALUE_OP" ? bindCall(context, "jsonb_plain", [found], span) : found;
}

/**
 * `cast -> key` for a cast to jsonb: the part is looked up first and only it takes the canonical form, so that a long
 * document is not rewritten for one field of it. Undefined for any other operator.
 */
export function lookUpFirst(
  operator: string,
  args: readonly Expr[],
  env: ExprEnvironment,
  span: SourceSpan,
): Expr | undefined {
  const [left, key] = args;
  const lookup =
    operator === "->" || operator === "->>" ? "->" : operator === "#>" || operator === "#>>" ? "#>" : undefined;
  if (lookup === undefined || left?.kind !== "call" || left.function !== "jsonb" || key === undefined) return undefined;
  const [document] = left.args;
  if (document === undefined) return undefined;
  const part = bindCall(env.context, lookup, [document, key], span);
  return bindCall(env.context, operator.endsWith(">>") ? "jsonb_plain" : "jsonb", [part], span);
}
