// Rows as values: ROW(…), whole rows of tables by their names, and the fields of both.

import type { Node } from "libpg-query";
import type { DataType } from "#columnar";
import { BOOLEAN, TEXT, TRUE, caseBranch, literal } from "../expressions.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { dataTypeToName, typesEqual } from "../values/index.ts";
import { stringOf } from "./ast.ts";
import { bindCall, resolveUnknown, unify } from "./coerce.ts";
import type { BindContext } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { lookupColumn, type Scope } from "./scope.ts";

/** The function that makes a row of the names of its fields and their values. */
const ROW_OF = "row of";

/** A row of named values. Errors: `sql_unsupported` for a name twice. */
export function rowOf(
  context: BindContext,
  fields: readonly { readonly name: string; readonly expr: Expr }[],
  span: SourceSpan,
): Expr {
  const names = fields.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw sqlError("sql_unsupported", `A row with two fields named "${twice}" as a value is not supported.`, span);
  }
  const values = fields.map(({ expr }) => resolveUnknown(context, expr));
  const made = bindCall(context, ROW_OF, [literal(JSON.stringify(names), TEXT), ...values], span);
  const type: DataType = {
    kind: "struct",
    fields: values.map((value, i) => ({ name: names[i] ?? "", type: value.type, nullable: true })),
  };
  return made.kind === "call" ? { ...made, type } : made;
}

/** The items of a row that is written out; `t.*` stands for the columns of t. */
export function bindRowItems(items: readonly Node[], env: ExprEnvironment, span: SourceSpan): readonly Expr[] {
  return items.flatMap((item) => {
    const relation = starOf(item);
    if (relation === undefined) return [env.bind(item, env)];
    const columns = relationColumns(relation, env.scope);
    if (columns === undefined)
      throw sqlError("undefined_table", `Missing FROM-clause entry for table "${relation}".`, span);
    return columns.map(({ expr }) => expr);
  });
}

/** ROW(…) and (a, b): fields f1, f2, … */
export function bindRowValue(items: readonly Node[], env: ExprEnvironment, span: SourceSpan): Expr {
  const fields = bindRowItems(items, env, span).map((expr, i) => ({ name: `f${i + 1}`, expr }));
  return rowOf(env.context, fields, span);
}

/** The relation whose columns an item stands for: t of `t.*`. */
function starOf(item: Node): string | undefined {
  if (!("ColumnRef" in item)) return undefined;
  const { fields = [] } = item.ColumnRef;
  const last = fields.at(-1);
  return last !== undefined && "A_Star" in last ? stringOf(fields.at(-2)) : undefined;
}

interface RelationColumn {
  readonly name: string;
  readonly expr: Expr;
  readonly isOptional: boolean;
}

/** The columns of the nearest relation of a name; undefined when there is none. */
function relationColumns(relation: string, scope: Scope): readonly RelationColumn[] | undefined {
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    if (!level.relations.includes(relation)) continue;
    return level.columns
      .filter((column) => column.relation === relation)
      .map(({ name, isOptional }) => {
        const found = lookupColumn(scope, relation, name);
        if (found.kind !== "found") {
          throw sqlError("ambiguous_column", `Column reference "${relation}.${name}" is ambiguous.`);
        }
        return { name, expr: { ...found.column.expr }, isOptional: isOptional === true };
      });
  }
  return undefined;
}

/** The whole row of a relation as a value; undefined when there is no such relation. */
export function bindWholeRow(relation: string, env: ExprEnvironment, span: SourceSpan): Expr | undefined {
  const columns = relationColumns(relation, env.scope);
  if (columns === undefined) return undefined;
  const row = rowOf(env.context, columns, span);
  if (!columns.some(({ isOptional }) => isOptional)) return row;
  // An outer join gave no row here.
  const isMissing = allOf(columns.map(({ expr }) => ({ kind: "is_null", arg: expr, negated: false, type: BOOLEAN })));
  const branches = [caseBranch(isMissing, literal(null, row.type))];
  return { kind: "case", branches, otherwise: row, type: row.type };
}

function allOf(args: readonly Expr[]): Expr {
  const [first] = args;
  if (first === undefined) return TRUE;
  return args.length === 1 ? first : { kind: "and", args, type: BOOLEAN };
}

/** The fields of a row value; those of a row that is made here are what it is made of. */
export function fieldsOf(
  row: Expr,
  context: BindContext,
  span: SourceSpan,
): readonly { readonly name: string; readonly expr: Expr }[] {
  const { type } = row;
  if (type.kind !== "struct") {
    const message = `Column notation .* applied to type ${dataTypeToName(type)}, which is not a struct.`;
    throw sqlError("type_mismatch", message, span);
  }
  return type.fields.map(({ name }, i) => ({ name, expr: fieldAt(row, i, context, span) }));
}

/** One field of a row value. */
export function fieldAt(row: Expr, position: number, context: BindContext, span: SourceSpan): Expr {
  const { type } = row;
  const field = type.kind === "struct" ? type.fields[position] : undefined;
  if (field === undefined) throw sqlError("undefined_column", "This field does not exist.", span);
  const made = row.kind === "case" && isMissingRow(row) ? row.otherwise : row;
  if (made.kind === "call" && made.function === ROW_OF) return made.args[position + 1] ?? literal(null, field.type);
  const call = bindCall(context, "struct_field", [row, literal(field.name, TEXT)], span);
  return call.kind === "call" ? { ...call, type: field.type } : call;
}

/** Whether a CASE is the row of an outer join, whose fields are NULL where it is missing. */
function isMissingRow(expr: Expr & { readonly kind: "case" }): boolean {
  const [branch, ...others] = expr.branches;
  const isNull = branch !== undefined && branch.then.kind === "literal" && branch.then.value === null;
  if (!isNull || others.length > 0 || expr.otherwise.kind !== "call" || expr.otherwise.function !== ROW_OF)
    return false;
  const [, ...fields] = expr.otherwise.args;
  const tested = branch.when.kind === "and" ? branch.when.args : [branch.when];
  return tested.every((test) => test.kind === "is_null" && !test.negated && fields.includes(test.arg));
}

/** IS NULL and IS NOT NULL of a row: a row is null when all its fields are, and not null when none is. */
export function bindRowTest(row: Expr, negated: boolean, context: BindContext, span: SourceSpan): Expr {
  return allOf(fieldsOf(row, context, span).map(({ expr: arg }) => ({ kind: "is_null", arg, negated, type: BOOLEAN })));
}

/** Two values with the fields of the second, if both are rows, named and typed as the first's. */
export function alignRows(context: BindContext, [a, b, ...rest]: readonly Expr[], span: SourceSpan): readonly Expr[] {
  if (a === undefined || b === undefined) return a === undefined ? [] : [a];
  const isPair = a.type.kind === "struct" && b.type.kind === "struct" && !typesEqual(a.type, b.type);
  if (!isPair || rest.length > 0) return [a, b, ...rest];
  const [left, right] = [fieldsOf(a, context, span), fieldsOf(b, context, span)];
  if (left.length !== right.length) {
    throw sqlError("type_mismatch", "Rows of different length cannot be compared.", span);
  }
  const pairs = left.map((field, i) => unify(context, [field.expr, right[i]?.expr ?? field.expr], "row", span).exprs);
  const rebuilt = (original: Expr, side: 0 | 1): Expr => {
    const fields = left.map(({ name, expr }, i) => ({ name, expr: pairs[i]?.[side] ?? expr }));
    const row = rowOf(context, fields, span);
    if (original.kind === "call" && original.function === ROW_OF) return row;
    const isMissing: Expr = { kind: "is_null", arg: original, negated: false, type: BOOLEAN };
    const branches = [caseBranch(isMissing, literal(null, row.type))];
    return { kind: "case", branches, otherwise: row, type: row.type };
  };
  return [rebuilt(a, 0), rebuilt(b, 1)];
}
