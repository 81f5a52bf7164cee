// Names in reach of an expression and the columns they mean.

import { nearestName } from "#core";
import type { ColumnSchema } from "#columnar";
import type { Expr, SourceSpan } from "../plan.ts";
import { columnRef, exprIdentity, remapColumns } from "../expressions.ts";
import { sqlError } from "./errors.ts";

/** One name of the FROM clause. `expr` reads the FROM clause's output row. */
export interface ScopeColumn {
  /** Alias or table name that qualifies it; undefined for columns merged by USING. */
  readonly relation: string | undefined;
  readonly name: string;
  readonly expr: Expr;
  readonly nullable: boolean;
  /** True for the two sides of a USING column: reached by qualification only, left out of `*`. */
  readonly isMerged: boolean;
  /** The full name of the table it is of, where that goes by its own name. */
  readonly table?: string | undefined;
  /** Whether an outer join may leave its whole relation out. */
  readonly isOptional?: boolean;
}

/** The names of one query level and of those around it. */
export interface Scope {
  readonly columns: readonly ScopeColumn[];
  /** Relations in reach, to tell an unknown relation from an unknown column. */
  readonly relations: readonly string[];
  readonly parent: Scope | undefined;
  /**
   * Present where a subquery begins: names found further out belong to the outer row, are gathered here as expressions
   * over it, and stand as the columns OUTER_BASE + k.
   */
  readonly captures?: Expr[];
}

/** Above every other column index: columns of an outer row. */
export const OUTER_BASE = 5_000_000;

/** The scope a subquery starts from, which gathers what it reads of the rows around it. */
export function subqueryScope(parent: Scope | undefined): Scope & { readonly captures: Expr[] } {
  return { columns: [], relations: [], parent, captures: [] };
}

/** A scope over the columns of one relation that starts at an offset of the row. */
export function relationScope(relation: string, columns: readonly ColumnSchema[], table?: string): Scope {
  return {
    columns: columns.map((column, index) => ({
      table,
      relation,
      name: column.name,
      expr: columnRef(index, column),
      nullable: column.nullable,
      isMerged: false,
    })),
    relations: [relation],
    parent: undefined,
  };
}

/** A scope without names. */
export function emptyScope(parent: Scope | undefined): Scope {
  return { columns: [], relations: [], parent };
}

/** The names of a row that is one scope's columns followed by another's. */
export function joinScopes(left: Scope, right: Scope, leftWidth: number): Scope {
  const shifted = right.columns.map((column) => ({
    ...column,
    expr: remapColumns(column.expr, (index) => index + leftWidth),
  }));
  return {
    columns: [...left.columns, ...shifted],
    relations: [...left.relations, ...right.relations],
    parent: undefined,
  };
}

/** How a name was found. */
export type Lookup =
  | { readonly kind: "found"; readonly column: ScopeColumn }
  | { readonly kind: "ambiguous" }
  | { readonly kind: "missing" };

/** Whether a column is of the table that the parts before its name spell: t, or namespace.t. */
export function isOfTable({ table }: ScopeColumn, qualifiers: readonly string[]): boolean {
  if (qualifiers.length < 2) return true;
  const name = qualifiers.join(".");
  return table !== undefined && (table === name || table.endsWith(`.${name}`));
}

/** Looks a name up in a scope, then outwards. */
export function lookupColumn(scope: Scope, relation: string | undefined, name: string): Lookup {
  const matches = scope.columns.filter(
    (column) => column.name === name && (relation === undefined ? !column.isMerged : column.relation === relation),
  );
  const [first] = matches;
  if (first !== undefined) return matches.length === 1 ? { kind: "found", column: first } : { kind: "ambiguous" };
  if (scope.parent === undefined) return { kind: "missing" };
  const outer = lookupColumn(scope.parent, relation, name);
  if (outer.kind !== "found" || scope.captures === undefined) return outer;
  return { kind: "found", column: { ...outer.column, expr: capture(scope.captures, outer.column) } };
}

/** An expression over the row of a scope further out, as the subqueries between read it. */
export function captureExpr(scope: Scope, of: Scope, name: string, expr: Expr): Expr {
  if (scope === of || scope.parent === undefined) return expr;
  const outer = captureExpr(scope.parent, of, name, expr);
  return scope.captures === undefined ? outer : capture(scope.captures, { name, expr: outer });
}

/** Remembers what is captured so far; the result forgets what came after. */
export function captureMark(scope: Scope): () => void {
  const marks: (readonly [Expr[], number])[] = [];
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    if (level.captures !== undefined) marks.push([level.captures, level.captures.length]);
  }
  return () => {
    for (const [captures, length] of marks) captures.length = length;
  };
}

function capture(captures: Expr[], { name, expr }: Pick<ScopeColumn, "name" | "expr">): Expr {
  const identity = exprIdentity(expr);
  const known = captures.findIndex((other) => exprIdentity(other) === identity);
  const position = known === -1 ? captures.push(expr) - 1 : known;
  return { kind: "column", index: OUTER_BASE + position, name, type: expr.type };
}

/** The error for a name that is nowhere in reach, with the nearest one that is. */
export function missingColumn(scope: Scope, relation: string | undefined, name: string, span: SourceSpan): Error {
  const relations: string[] = [];
  const names: string[] = [];
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    relations.push(...level.relations);
    names.push(
      ...level.columns.filter((c) => relation === undefined || c.relation === relation).map((column) => column.name),
    );
  }
  if (relation !== undefined && !relations.includes(relation)) {
    const nearest = nearestName(relation, relations);
    return sqlError("undefined_table", `Missing FROM-clause entry for table "${relation}".`, span, nearest);
  }
  const shown = relation === undefined ? `"${name}"` : `"${relation}.${name}"`;
  return sqlError("undefined_column", `Column ${shown} does not exist.`, span, nearestName(name, names));
}
