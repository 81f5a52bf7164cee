// Subscripts, slices and fields: parts of arrays, JSON and structs.

import type { A_Indices, A_Indirection, Node } from "libpg-query";
import { INT32, TEXT, literal } from "../expressions.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { dataTypeToName } from "../values/index.ts";
import { stringOf } from "./ast.ts";
import { bindCall, coerce } from "./coerce.ts";
import { unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { fieldAt } from "./row-values.ts";
import { lookupColumn } from "./scope.ts";

/** Binds `value[…]` and `(value).field`. Errors: `type_mismatch` for values without such parts. */
export function bindIndirection(node: A_Indirection, env: ExprEnvironment, span: SourceSpan): Expr {
  const steps = node.indirection ?? [];
  let value = env.bind(node.arg, env);
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    if (step !== undefined && "A_Indices" in step && value.type.kind === "list") {
      // All subscripts of an array count together.
      const indices = steps.slice(i).flatMap((other) => ("A_Indices" in other ? [other.A_Indices] : []));
      value = bindSubscripts(value, indices, env, span);
      i += indices.length - 1;
    } else value = bindStep(value, step, env, span);
  }
  return value;
}

function bindStep(value: Expr, step: Node | undefined, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const field = stringOf(step);
  if (field !== undefined) return fieldOf(value, field, env, span);
  if (step === undefined || !("A_Indices" in step)) throw unsupported(context, "This part of a value is", undefined);
  if (value.type.kind === "json" && step.A_Indices.is_slice !== true) {
    const index = env.bind(step.A_Indices.uidx, env);
    const isPosition = index.type.kind === "int32" || index.type.kind === "int16" || index.type.kind === "int64";
    const key = isPosition
      ? coerce(context, index, INT32, "explicit", span)
      : coerce(context, index, TEXT, "implicit", span);
    return bindCall(context, "->", [value, key], span);
  }
  if (value.type.kind === "map" && step.A_Indices.is_slice !== true) {
    return bindCall(context, "map_element", [value, env.bind(step.A_Indices.uidx, env)], span);
  }
  throw sqlError(
    "type_mismatch",
    `Cannot subscript type ${dataTypeToName(value.type)} because it does not support subscripting.`,
    span,
  );
}

const isOpen = (edge: Node | undefined): Expr => literal(edge === undefined, { kind: "boolean" });

function bindSubscripts(value: Expr, indices: readonly A_Indices[], env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const bind = (node: Node | undefined): Expr =>
    node === undefined ? literal(null, INT32) : coerce(context, env.bind(node, env), INT32, "assignment", span);
  if (!indices.some((index) => index.is_slice === true)) {
    return bindCall(context, "array_subscript", [value, ...indices.map((index) => bind(index.uidx))], span);
  }
  // With one slice all are slices: `n` stands for `1:n`.
  const bounds = indices.flatMap((index) => {
    if (index.is_slice !== true) {
      return [literal(1, INT32), literal(false, { kind: "boolean" }), bind(index.uidx), isOpen(index.uidx)];
    }
    return [bind(index.lidx), isOpen(index.lidx), bind(index.uidx), isOpen(index.uidx)];
  });
  return bindCall(context, "array_slice", [value, ...bounds], span);
}

function fieldOf(value: Expr, name: string, env: ExprEnvironment, span: SourceSpan): Expr {
  const { type } = value;
  const position = type.kind === "struct" ? type.fields.findIndex((candidate) => candidate.name === name) : -1;
  if (position < 0) {
    const message =
      type.kind === "struct"
        ? `Field "${name}" does not exist.`
        : `Column notation .${name} applied to type ${dataTypeToName(type)}, which is not a struct.`;
    throw sqlError("undefined_column", message, span);
  }
  return fieldAt(value, position, env.context, span);
}

/** `column.field…` where no relation has that name: fields of a struct column. Undefined when there is none. */
export function bindFields(parts: readonly string[], env: ExprEnvironment, span: SourceSpan): Expr | undefined {
  for (const start of [0, 1]) {
    const name = parts[start];
    const rest = parts.slice(start + 1);
    if (name === undefined || rest.length === 0) return undefined;
    const found = lookupColumn(env.scope, start === 0 ? undefined : parts[0], name);
    if (found.kind !== "found" || found.column.expr.type.kind !== "struct") continue;
    return rest.reduce<Expr>((value, field) => fieldOf(value, field, env, span), found.column.expr);
  }
  return undefined;
}
