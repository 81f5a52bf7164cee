// SQL/JSON paths (PostgreSQL's jsonpath): which parts of a JSON document an expression finds.
//
// Source: PostgreSQL manual, "The SQL/JSON Path Language".

import { LakeError } from "#core";
import {
  addDecimals,
  divideDecimals,
  moduloDecimals,
  multiplyDecimals,
  negateDecimal,
  subtractDecimals,
  textToDecimal,
} from "../values/decimal.ts";
import { runtimeError } from "../values/errors.ts";
import { compareDateTimes } from "./json-datetime.ts";
import { applyMethod, jsonTypeName } from "./json-path-methods.ts";
import { parsePath, type PathExpr, type PathStep } from "./json-path-parser.ts";
import {
  compareJsonb,
  isJsonArray,
  isJsonObject,
  jsonMembers,
  JsonDateTime,
  JsonNumber,
  jsonbText,
  parseJsonb,
  type Jsonb,
} from "../values/jsonb.ts";
import { postgresPattern } from "./pattern.ts";

/** A condition's value; undefined is unknown. */
type Truth = boolean | undefined;

interface Scope {
  readonly root: Jsonb;
  readonly current: Jsonb;
  readonly isLax: boolean;
  readonly variables: Jsonb;
  /** Whether the session's time zone, UTC, may decide: in functions whose names end in _tz. */
  readonly usesZone: boolean;
  /** The last index of the array whose subscript is evaluated. */
  readonly last?: number;
}

const MAX_CACHED = 256;
const parsed = new Map<string, ReturnType<typeof parsePath>>();

function pathOf(text: string): ReturnType<typeof parsePath> {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const path = parsePath(text);
  if (parsed.size >= MAX_CACHED) parsed.clear();
  parsed.set(text, path);
  return path;
}

/** What a path finds in a document. Errors: `sql_runtime_error` for a wrong path, and in strict mode for a missing part. */
export function findByPath(
  document: Jsonb,
  pathText: string,
  variables: Jsonb = {},
  usesZone = false,
): readonly Jsonb[] {
  const { isLax, expr } = pathOf(pathText);
  return evaluate(expr, { root: document, current: document, isLax, variables, usesZone });
}

/** Whether an error is one that `silent` keeps quiet: not what Firn cannot do. */
export function isOfPath(error: unknown): boolean {
  return !(error instanceof LakeError && error.code === "sql_unsupported");
}

/** The parts of a JSON text that a path finds, as jsonb texts. */
export function queryJsonPath(
  text: string,
  path: string,
  variables = "{}",
  silent = false,
  usesZone = false,
): string[] {
  try {
    return findByPath(parseJsonb(text), path, parseJsonb(variables), usesZone).map((item) => jsonbText(item));
  } catch (error) {
    if (silent && isOfPath(error)) return [];
    throw error;
  }
}

/** Whether a path finds anything; null where an error is kept quiet. */
export function existsByPath(
  text: string,
  path: string,
  variables = "{}",
  silent = false,
  usesZone = false,
): boolean | null {
  try {
    return findByPath(parseJsonb(text), path, parseJsonb(variables), usesZone).length > 0;
  } catch (error) {
    if (silent && isOfPath(error)) return null;
    throw error;
  }
}

function evaluate(expr: PathExpr, scope: Scope): readonly Jsonb[] {
  switch (expr.kind) {
    case "and":
    case "or":
    case "not":
    case "compare":
    case "like_regex":
    case "starts_with":
    case "exists":
    case "is_unknown":
      return [test(expr, scope) ?? null];
    case "literal":
      return [expr.value];
    case "root":
      return [scope.root];
    case "current":
      return [scope.current];
    case "last": {
      if (scope.last === undefined) throw runtimeError("LAST is allowed only in array subscripts");
      return [number(scope.last)];
    }
    case "variable": {
      const { variables } = scope;
      if (!isJsonObject(variables) || !Object.hasOwn(variables, expr.name)) {
        throw runtimeError(`could not find jsonpath variable "${expr.name}"`);
      }
      return [variables[expr.name] ?? null];
    }
    case "path":
      return expr.steps.reduce<readonly Jsonb[]>(
        (items, step) => items.flatMap((item) => applyStep(item, step, scope)),
        evaluate(expr.start, scope),
      );
    case "negate":
      return unwrap(evaluate(expr.arg, scope), scope).map(
        (item) => new JsonNumber(negateDecimal(decimalOf(item, "-"))),
      );
    case "plus":
      return unwrap(evaluate(expr.arg, scope), scope).map((item) => new JsonNumber(decimalOf(item, "+")));
    case "arithmetic": {
      const left = decimalOf(single(evaluate(expr.left, scope), scope, expr.operator), expr.operator);
      const right = decimalOf(single(evaluate(expr.right, scope), scope, expr.operator), expr.operator);
      return [new JsonNumber(ARITHMETIC[expr.operator](left, right))];
    }
  }
}

const ARITHMETIC = {
  "+": addDecimals,
  "-": subtractDecimals,
  "*": multiplyDecimals,
  "/": divideDecimals,
  "%": moduloDecimals,
} as const;

function number(value: number): JsonNumber {
  return new JsonNumber(textToDecimal(String(value)));
}

function unwrap(items: readonly Jsonb[], { isLax }: Scope): readonly Jsonb[] {
  return isLax ? items.flatMap((item) => (isJsonArray(item) ? item : [item])) : items;
}

function single(items: readonly Jsonb[], scope: Scope, operator: string): Jsonb {
  const unwrapped = unwrap(items, scope);
  const [only] = unwrapped;
  if (unwrapped.length !== 1 || only === undefined) {
    throw runtimeError(`operand of jsonpath operator ${operator} is not a single numeric value`);
  }
  return only;
}

function decimalOf(value: Jsonb, operator: string): JsonNumber["decimal"] {
  if (value instanceof JsonNumber) return value.decimal;
  throw runtimeError(`operand of jsonpath operator ${operator} is not a single numeric value`);
}

function applyStep(item: Jsonb, step: PathStep, scope: Scope): readonly Jsonb[] {
  const { isLax } = scope;
  switch (step.kind) {
    case "member":
    case "members":
      return membersOf(item, step.kind === "member" ? step.name : undefined, scope);
    case "descendants":
      return descendants(item, step.from, step.to, 0);
    case "elements":
      if (isJsonArray(item)) return item;
      if (isLax) return [item];
      throw runtimeError("jsonpath wildcard array accessor can only be applied to an array");
    case "subscripts":
      return step.ranges.flatMap(([from, to]) => elementsAt(item, from, to, scope));
    case "filter": {
      const items = isLax && isJsonArray(item) ? item : [item];
      return items.filter((candidate) => test(step.condition, { ...scope, current: candidate }) === true);
    }
    case "method":
      return applyMethod(item, step, isLax, scope.usesZone);
  }
}

function membersOf(item: Jsonb, name: string | undefined, scope: Scope): readonly Jsonb[] {
  if (isJsonObject(item)) {
    if (name === undefined) return jsonMembers(item).map(([, value]) => value);
    if (Object.hasOwn(item, name)) return [item[name] ?? null];
    if (scope.isLax) return [];
    throw runtimeError(`JSON object does not contain key "${name}"`);
  }
  if (scope.isLax)
    return isJsonArray(item) ? item.flatMap((part) => (isJsonObject(part) ? membersOf(part, name, scope) : [])) : [];
  throw runtimeError(
    name === undefined
      ? "jsonpath wildcard member accessor can only be applied to an object"
      : "jsonpath member accessor can only be applied to an object",
  );
}

function descendants(item: Jsonb, from: number, to: number, depth: number): readonly Jsonb[] {
  const own = depth >= from && depth <= to ? [item] : [];
  if (depth >= to) return own;
  const children = isJsonArray(item) ? item : isJsonObject(item) ? jsonMembers(item).map(([, value]) => value) : [];
  return [...own, ...children.flatMap((child) => descendants(child, from, to, depth + 1))];
}

function elementsAt(item: Jsonb, from: PathExpr, to: PathExpr | undefined, scope: Scope): readonly Jsonb[] {
  if (!isJsonArray(item) && !scope.isLax) throw runtimeError("jsonpath array accessor can only be applied to an array");
  const items = isJsonArray(item) ? item : [item];
  const inner: Scope = { ...scope, last: items.length - 1 };
  const position = (expr: PathExpr): number => {
    const [value, ...others] = evaluate(expr, inner);
    if (!(value instanceof JsonNumber) || others.length > 0) {
      throw runtimeError("jsonpath array subscript is not a single numeric value");
    }
    return Number(value.decimal.unscaled / 10n ** BigInt(value.decimal.scale));
  };
  const start = position(from);
  const end = to === undefined ? start : position(to);
  if (!scope.isLax && (start < 0 || start > end || end >= items.length)) {
    throw runtimeError("jsonpath array subscript is out of bounds");
  }
  return items.slice(Math.max(0, start), Math.max(0, end + 1));
}

/** A condition; what fails inside it is unknown. */
function test(expr: PathExpr, scope: Scope): Truth {
  switch (expr.kind) {
    case "and": {
      const left = test(expr.left, scope);
      if (left === false) return false;
      const right = test(expr.right, scope);
      return right === false ? false : left === undefined || right === undefined ? undefined : true;
    }
    case "or": {
      const left = test(expr.left, scope);
      if (left === true) return true;
      const right = test(expr.right, scope);
      return right === true ? true : left === undefined || right === undefined ? undefined : false;
    }
    case "not": {
      const value = test(expr.arg, scope);
      return value === undefined ? undefined : !value;
    }
    case "is_unknown":
      return test(expr.arg, scope) === undefined;
    case "exists": {
      const found = attempt(() => evaluate(expr.arg, scope));
      return found === undefined ? undefined : found.length > 0;
    }
    case "compare":
      return anyOf(scope, expr.left, expr.right, (a, b) => compareItems(a, b, expr.operator, scope));
    case "starts_with":
      return anyOf(scope, expr.left, expr.right, (a, b) =>
        typeof a === "string" && typeof b === "string" ? a.startsWith(b) : undefined,
      );
    case "like_regex": {
      const pattern = postgresPattern(expr.pattern, expr.flags);
      return anyOf(scope, expr.arg, { kind: "literal", value: null }, (a) =>
        typeof a === "string" ? pattern.test(a) : undefined,
      );
    }
    case "arithmetic":
    case "current":
    case "last":
    case "literal":
    case "negate":
    case "path":
    case "plus":
    case "root":
    case "variable": {
      const [value, ...others] = evaluate(expr, scope);
      return typeof value === "boolean" && others.length === 0 ? value : undefined;
    }
  }
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

/** Whether a pair fulfils the test. In strict mode one unknown makes all unknown. */
function anyOf(scope: Scope, left: PathExpr, right: PathExpr, holds: (a: Jsonb, b: Jsonb) => Truth): Truth {
  const pairs = attempt(() => [unwrap(evaluate(left, scope), scope), unwrap(evaluate(right, scope), scope)] as const);
  if (pairs === undefined) return undefined;
  let isUnknown = false;
  let isFound = false;
  for (const a of pairs[0]) {
    for (const b of pairs[1]) {
      const result = holds(a, b);
      if (result === undefined) {
        if (!scope.isLax) return undefined;
        isUnknown = true;
      } else if (result) {
        if (scope.isLax) return true;
        isFound = true;
      }
    }
  }
  if (isFound) return true;
  return isUnknown ? undefined : false;
}

function compareItems(a: Jsonb, b: Jsonb, operator: string, scope: Scope): Truth {
  if (a instanceof JsonDateTime && b instanceof JsonDateTime) {
    const difference = compareDateTimes(a, b, scope.usesZone);
    return difference === undefined ? undefined : holds(difference, operator);
  }
  if (jsonTypeName(a) !== jsonTypeName(b)) {
    // null equals nothing but null, and is comparable with everything.
    return a === null || b === null ? operator === "<>" || operator === "!=" : undefined;
  }
  if (isJsonArray(a) || isJsonObject(a)) return undefined;
  return holds(compareJsonb(a, b), operator);
}

function holds(order: number, operator: string): boolean {
  switch (operator) {
    case "==":
      return order === 0;
    case "!=":
    case "<>":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    default:
      return order >= 0;
  }
}
