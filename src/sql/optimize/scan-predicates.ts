// Conditions that a table can use to skip data. Each is implied by the filter it comes from, which stays.

import type { DataType, Scalar } from "#columnar";
import type { Expr } from "../plan.ts";
import type { ScanPredicate } from "../table-source.ts";
import { visitExpr } from "../expressions.ts";
import { scalarComparator } from "../values/index.ts";
import { isConstant } from "./fold.ts";
import { spellingsOf, type Spellings } from "./spellings.ts";

type Operator = ScanPredicate["operator"];

const FLIPPED: Readonly<Record<string, Operator>> = {
  "=": "=",
  "<>": "<>",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};
/** Longer lists cost more to test against every file than they save. */
const MAX_IN_VALUES = 1000;
const INTEGER_RANK: Readonly<Record<string, number>> = { int16: 1, int32: 2, int64: 3 };

/** The source column an expression reads, through casts that keep every value and its order. */
function columnOf(expr: Expr, projection: readonly number[]): { index: number; type: DataType } | undefined {
  const column = castColumn(expr);
  const index = column === undefined ? undefined : projection[column.index];
  return column === undefined || index === undefined ? undefined : { index, type: column.type };
}

/** The column an expression reads, through casts that keep every value and its order. */
export function castColumn(expr: Expr): (Expr & { readonly kind: "column" }) | undefined {
  if (expr.kind === "column") return expr;
  if (expr.kind !== "cast") return undefined;
  const from = expr.arg.type;
  const to = expr.type;
  const fromRank = INTEGER_RANK[from.kind] ?? 0;
  const isWiderInteger = fromRank > 0 && (INTEGER_RANK[to.kind] ?? 0) >= fromRank;
  // Sessions run in UTC, so a timestamp and its timestamptz are the same number.
  const isSameInstant = from.kind === "timestamp" && to.kind === "timestamp";
  return isWiderInteger || isSameInstant ? castColumn(expr.arg) : undefined;
}

/**
 * The predicates a condition implies. `projection` maps the condition's columns to the source's.
 *
 * PostgreSQL's NaN is greater than every number, but file bounds leave NaN out: on floating-point columns no
 * predicate is derived that NaN fulfils.
 */
export function extractScanPredicates(condition: Expr, projection: readonly number[]): readonly ScanPredicate[] {
  switch (condition.kind) {
    case "column":
      return booleanTest(condition, true, projection);
    case "not":
      return booleanTest(condition.arg, false, projection);
    case "is_null": {
      const column = condition.arg.kind === "column" ? columnOf(condition.arg, projection) : undefined;
      if (column === undefined) return [];
      return [{ column: column.index, operator: condition.negated ? "is_not_null" : "is_null", values: [] }];
    }
    case "in_list":
      return membership(condition, projection);
    case "or":
      return alternatives(condition.args, projection);
    case "and":
      return condition.args.flatMap((arg) => extractScanPredicates(arg, projection));
    case "call":
      return fromCall(condition, projection);
    case "coalesce": {
      // x IS TRUE
      const [first, second] = condition.args;
      const isFalse = second !== undefined && isConstant(second) && second.value === false;
      return first !== undefined && condition.args.length === 2 && isFalse
        ? extractScanPredicates(first, projection)
        : [];
    }
    case "literal":
    case "cast":
    case "case":
      return [];
  }
}

const EXACT_COMPARISONS = new Set(["=", "<>", "<", "<=", ">", ">="]);

/** Whether the one predicate a condition implies says all that the condition says. */
export function isExactPredicate(condition: Expr, projection: readonly number[]): boolean {
  const isComparison =
    (condition.kind === "call" &&
      EXACT_COMPARISONS.has(condition.function) &&
      condition.args.some((arg) => castColumn(arg) !== undefined)) ||
    condition.kind === "is_null" ||
    (condition.kind === "in_list" && !condition.negated && castColumn(condition.arg) !== undefined);
  return isComparison && extractScanPredicates(condition, projection).length === 1;
}

function booleanTest(expr: Expr, value: boolean, projection: readonly number[]): readonly ScanPredicate[] {
  const column = expr.kind === "column" && expr.type.kind === "boolean" ? columnOf(expr, projection) : undefined;
  return column === undefined ? [] : [{ column: column.index, operator: "=", values: [value] }];
}

function isUsable(operator: Operator, type: DataType, value: Scalar): boolean {
  if (value === null) return false;
  if (type.kind === "float32" || type.kind === "float64") {
    return typeof value === "number" && !Number.isNaN(value) && ["=", "<", "<="].includes(operator);
  }
  return !["interval", "list", "struct", "map", "json", "null"].includes(type.kind);
}

function comparison(
  left: Expr,
  operator: Operator,
  right: Expr,
  projection: readonly number[],
): readonly ScanPredicate[] {
  const column = columnOf(left, projection);
  if (column === undefined || !isConstant(right) || !isUsable(operator, column.type, right.value)) return [];
  return [{ column: column.index, operator, values: [right.value] }];
}

function fromCall(call: Expr & { readonly kind: "call" }, projection: readonly number[]): readonly ScanPredicate[] {
  const [a, b] = call.args;
  if (a === undefined || b === undefined) return [];
  const flipped = FLIPPED[call.function];
  const spellings = spellingsOf(call);
  if (spellings !== undefined) return spelled(spellings, projection);
  if (flipped !== undefined) {
    const direct = comparison(a, call.function as Operator, b, projection);
    return direct.length > 0 ? direct : comparison(b, flipped, a, projection);
  }
  if (call.function === "is_not_distinct_from") return comparison(a, "=", b, projection);
  if (!isConstant(b) || typeof b.value !== "string") return [];
  if (call.function === "starts_with" || call.function === "^@") return prefix(a, b.value, projection);
  if (call.function === "~~") {
    const pattern = likePrefix(b.value);
    if (pattern === undefined) return [];
    return pattern.isWhole
      ? comparison(a, "=", { ...b, value: pattern.prefix }, projection)
      : prefix(a, pattern.prefix, projection);
  }
  return [];
}

/** The texts that one of another case may be, as a list or, where they are many, as the range they are in. */
function spelled(
  { column, texts, least, greatest }: Spellings,
  projection: readonly number[],
): readonly ScanPredicate[] {
  const found = columnOf(column, projection);
  if (found === undefined) return [];
  if (texts !== undefined) {
    return [{ column: found.index, operator: texts.length === 1 ? "=" : "in", values: [...texts] }];
  }
  return [
    { column: found.index, operator: ">=", values: [least] },
    { column: found.index, operator: "<=", values: [greatest] },
  ];
}

function prefix(expr: Expr, text: string, projection: readonly number[]): readonly ScanPredicate[] {
  const column = expr.kind === "column" && expr.type.kind === "string" ? columnOf(expr, projection) : undefined;
  if (column === undefined || text === "") return [];
  return [{ column: column.index, operator: "starts_with", values: [text] }];
}

/** The fixed text a LIKE pattern starts with; undefined when it ends in a lone escape. */
function likePrefix(pattern: string): { readonly prefix: string; readonly isWhole: boolean } | undefined {
  let text = "";
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern.charAt(i);
    if (character === "%" || character === "_") return { prefix: text, isWhole: false };
    if (character === "\\") {
      i += 1;
      if (i >= pattern.length) return undefined;
    }
    text += pattern.charAt(i);
  }
  return { prefix: text, isWhole: true };
}

function membership(
  expr: Expr & { readonly kind: "in_list" },
  projection: readonly number[],
): readonly ScanPredicate[] {
  const column = columnOf(expr.arg, projection);
  if (column === undefined || expr.negated || expr.list.length > MAX_IN_VALUES) return [];
  const values: Scalar[] = [];
  for (const item of expr.list) {
    if (!isConstant(item)) return [];
    if (item.value === null) continue;
    if (!isUsable("=", column.type, item.value)) return [];
    values.push(item.value);
  }
  return values.length === 0 ? [] : [{ column: column.index, operator: "in", values }];
}

/** `a = 1 OR a IN (2, 3)`: one list when every alternative names values of the same column. */
function alternatives(args: readonly Expr[], projection: readonly number[]): readonly ScanPredicate[] {
  const values: Scalar[] = [];
  const branches = args.map((arg) => extractScanPredicates(arg, projection));
  let column: number | undefined;
  for (const [only, ...rest] of branches) {
    const isList = only !== undefined && rest.length === 0 && (only.operator === "=" || only.operator === "in");
    if (!isList || (column !== undefined && column !== only.column)) return hull(args, branches, projection);
    column = only.column;
    values.push(...only.values);
  }
  return column === undefined || values.length > MAX_IN_VALUES ? [] : [{ column, operator: "in", values }];
}

/** `(a >= 1 AND a < 2) OR (a >= 5 AND a < 6)`: from the least start to the greatest end, where every branch has one. */
function hull(
  args: readonly Expr[],
  branches: readonly (readonly ScanPredicate[])[],
  projection: readonly number[],
): readonly ScanPredicate[] {
  const types = new Map<number, DataType>();
  for (const arg of args) {
    visitExpr(arg, (part) => {
      const index = part.kind === "column" ? projection[part.index] : undefined;
      if (index !== undefined) types.set(index, part.type);
    });
  }
  return [...types].flatMap(([column, type]) => [
    ...edge(branches, column, type, LOWER_EDGES, -1),
    ...edge(branches, column, type, UPPER_EDGES, 1),
  ]);
}

const LOWER_EDGES: readonly Operator[] = [">=", ">", "="];
const UPPER_EDGES: readonly Operator[] = ["<=", "<", "="];

/** The outermost edge of the branches on one side; none when a branch is open there. */
function edge(
  branches: readonly (readonly ScanPredicate[])[],
  column: number,
  type: DataType,
  operators: readonly Operator[],
  side: 1 | -1,
): readonly ScanPredicate[] {
  const compare = scalarComparator(type);
  let outermost: Exclude<Scalar, null> | undefined;
  for (const branch of branches) {
    const bound = branch.find((predicate) => predicate.column === column && operators.includes(predicate.operator));
    const value = bound?.values[0];
    if (value === undefined || value === null) return [];
    if (outermost === undefined || compare(value, outermost) * side > 0) outermost = value;
  }
  return outermost === undefined ? [] : [{ column, operator: side === 1 ? "<=" : ">=", values: [outermost] }];
}
