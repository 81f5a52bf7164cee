// Conditions on a function of a timestamp become ranges on the timestamp, which files and partitions can be
// skipped by. A rewritten condition is true for exactly the same rows.

import type { DataType, Interval, Scalar } from "#columnar";
import { BOOLEAN, FALSE, TEXT, literal, mapChildren } from "../expressions.ts";
import { expressionToText } from "../explain/expression-text.ts";
import { implementFunction } from "../functions/index.ts";
import type { Expr } from "../plan.ts";
import { MICROS_PER_DAY, daysFromCivil } from "../values/civil.ts";
import { decimalToNumber } from "../values/decimal.ts";
import { isConstant } from "./fold.ts";
import { spellingsOf } from "./spellings.ts";

/** One rewrite the optimizer made, by name, for EXPLAIN. */
export interface Rewrite {
  readonly rule: string;
  readonly before: string;
  readonly after: string;
}

/** Where rewrites are noted. */
export interface RewriteLog {
  readonly rewrites: Rewrite[];
}

type Comparison = "=" | "<" | "<=" | ">" | ">=";
type Column = Expr & { readonly kind: "column" };

const FLIPPED: Readonly<Record<string, Comparison>> = { "=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };
/** More days than the unit ever has, and fewer than two of it. */
const DAYS_INTO_NEXT: Readonly<Record<string, number>> = {
  hour: 1 / 24,
  day: 1,
  week: 7,
  month: 32,
  quarter: 93,
  year: 367,
};
/** Date patterns that order like time and name one unit of it; Java's letters (date_format) and PostgreSQL's (to_char). */
const PATTERN_UNITS: Readonly<Record<string, { readonly unit: string; readonly text: RegExp }>> = {
  "yyyy-MM-dd HH": { unit: "hour", text: /^(\d{4})-(\d\d)-(\d\d) (\d\d)$/ },
  "YYYY-MM-DD HH24": { unit: "hour", text: /^(\d{4})-(\d\d)-(\d\d) (\d\d)$/ },
  "%Y-%m-%d %H": { unit: "hour", text: /^(\d{4})-(\d\d)-(\d\d) (\d\d)$/ },
  "yyyy-MM-dd": { unit: "day", text: /^(\d{4})-(\d\d)-(\d\d)$/ },
  "YYYY-MM-DD": { unit: "day", text: /^(\d{4})-(\d\d)-(\d\d)$/ },
  "%Y-%m-%d": { unit: "day", text: /^(\d{4})-(\d\d)-(\d\d)$/ },
  yyyyMMdd: { unit: "day", text: /^(\d{4})(\d\d)(\d\d)$/ },
  YYYYMMDD: { unit: "day", text: /^(\d{4})(\d\d)(\d\d)$/ },
  "yyyy-MM": { unit: "month", text: /^(\d{4})-(\d\d)$/ },
  "YYYY-MM": { unit: "month", text: /^(\d{4})-(\d\d)$/ },
  "%Y-%m": { unit: "month", text: /^(\d{4})-(\d\d)$/ },
  yyyy: { unit: "year", text: /^(\d{4})$/ },
  YYYY: { unit: "year", text: /^(\d{4})$/ },
  "%Y": { unit: "year", text: /^(\d{4})$/ },
};
const FIRST_YEAR = 100;
const LAST_YEAR = 9999;

/** The condition in its range form, noted in the log; the condition itself when no rule applies. */
export function rewriteSargable(condition: Expr, log: RewriteLog): Expr {
  // Also inside AND and OR: both keep "not true" when a part changes from NULL to false.
  if (condition.kind === "and" || condition.kind === "or") {
    return mapChildren(condition, (part) => rewriteSargable(part, log));
  }
  if (condition.kind === "in_list") return rewriteList(condition, log);
  if (condition.kind !== "call") return condition;
  noteSpellings(condition, log);
  const [a, b] = condition.args;
  const operator = FLIPPED[condition.function];
  if (a === undefined || b === undefined || operator === undefined) return condition;
  const rewritten = isConstant(b)
    ? rewriteComparison(a, condition.function as Comparison, b.value, b)
    : isConstant(a)
      ? rewriteComparison(b, operator, a.value, a)
      : undefined;
  if (rewritten === undefined) return condition;
  log.rewrites.push({
    rule: rewritten.rule,
    before: expressionToText(condition),
    after: expressionToText(rewritten.expr),
  });
  return rewritten.expr;
}

/** More values would make more ranges than they save. */
const MAX_RANGES = 32;

/** `date_trunc('day', ts) IN (…)`: one range for each value. A NULL among them makes no row true. */
function rewriteList(condition: Expr & { readonly kind: "in_list" }, log: RewriteLog): Expr {
  const { arg, list, negated } = condition;
  if (negated || arg.kind === "column" || list.length > MAX_RANGES) return condition;
  const ranges: Expr[] = [];
  let rule = "";
  for (const item of list) {
    if (!isConstant(item)) return condition;
    if (item.value === null) continue;
    const rewritten = rewriteComparison(arg, "=", item.value, item);
    if (rewritten === undefined) return condition;
    rule = rewritten.rule;
    ranges.push(rewritten.expr);
  }
  const [first] = ranges;
  if (first === undefined) return condition;
  const expr: Expr = ranges.length === 1 ? first : { kind: "or", args: ranges, type: BOOLEAN };
  log.rewrites.push({ rule, before: expressionToText(condition), after: expressionToText(expr) });
  return expr;
}

/** The condition stays; data is skipped by the texts that the column may hold. */
function noteSpellings(condition: Expr, log: RewriteLog): void {
  const spellings = spellingsOf(condition);
  if (spellings === undefined) return;
  const { column, texts, least, greatest } = spellings;
  const values = texts === undefined ? `from '${least}' to '${greatest}'` : `one of ${texts.length} spellings`;
  log.rewrites.push({
    rule: "case_to_spellings",
    before: expressionToText(condition),
    after: `skip by ${column.name} ${values}`,
  });
}

interface Rewritten {
  readonly rule: string;
  readonly expr: Expr;
}

function rewriteComparison(expr: Expr, operator: Comparison, value: Scalar, constant: Expr): Rewritten | undefined {
  if (value === null) return undefined;
  if (expr.kind === "cast" && expr.type.kind === "date") {
    return wholeUnits(
      "cast_to_date_to_range",
      timestampColumn(expr.arg),
      "day",
      operator,
      (value as number) * MICROS_PER_DAY,
    );
  }
  if (expr.kind !== "call") return undefined;
  const [first, second] = expr.args;
  switch (expr.function) {
    case "+":
    case "-":
      return shiftedBound(expr.function, first, second, operator, value);
    case "date":
      return expr.type.kind === "date"
        ? wholeUnits(
            "cast_to_date_to_range",
            timestampColumn(first),
            "day",
            operator,
            (value as number) * MICROS_PER_DAY,
          )
        : undefined;
    case "date_trunc": {
      const unit = expr.args.length === 2 ? textOf(first).toLowerCase() : "";
      return wholeUnits("date_trunc_to_range", timestampColumn(second), unit, operator, value as number);
    }
    case "extract":
    case "date_part": {
      const field = textOf(first).toLowerCase();
      return field === "year" ? yearRange(timestampColumn(second), operator, value, constant.type) : undefined;
    }
    case "date_format":
    case "to_char":
    case "strftime":
      return operator === "=" ? formatRange(expr, timestampColumn(first), second, value) : undefined;
    default:
      return undefined;
  }
}

/** `ts + interval '1 day' < t` as `ts < t - interval '1 day'`; months have no fixed length, so they stay. */
function shiftedBound(
  sign: "+" | "-",
  first: Expr | undefined,
  second: Expr | undefined,
  operator: Comparison,
  value: Scalar,
): Rewritten | undefined {
  if (first === undefined || second === undefined) return undefined;
  const rule = "interval_to_bound";
  if (second.type.kind === "interval" && isConstant(second)) {
    const column = timestampColumn(first);
    const shift = exactMicros(second.value);
    if (column === undefined || shift === undefined || typeof value !== "number") return undefined;
    const bound = value - (sign === "+" ? shift : -shift);
    return Number.isSafeInteger(bound) ? { rule, expr: compare(column, operator, bound) } : undefined;
  }
  // now() - ts < interval '1 hour'
  const column = sign === "-" && isConstant(first) ? timestampColumn(second) : undefined;
  const width = exactMicros(value);
  if (column === undefined || width === undefined || !isConstant(first) || typeof first.value !== "number") {
    return undefined;
  }
  const bound = first.value - width;
  const flipped = FLIPPED[operator];
  return Number.isSafeInteger(bound) && flipped !== undefined
    ? { rule, expr: compare(column, flipped, bound) }
    : undefined;
}

/** The length of an interval of days and time; undefined for anything else. */
function exactMicros(value: Scalar): number | undefined {
  const isInterval = typeof value === "object" && value !== null && "months" in value && "micros" in value;
  if (!isInterval) return undefined;
  const { months, days, micros } = value as Interval;
  const total = days * MICROS_PER_DAY + micros;
  return months === 0 && Number.isSafeInteger(total) ? total : undefined;
}

/** The value of a text constant; empty for anything else. */
function textOf(expr: Expr | undefined): string {
  return expr !== undefined && isConstant(expr) && typeof expr.value === "string" ? expr.value : "";
}

function timestampColumn(expr: Expr | undefined): Column | undefined {
  if (expr?.kind === "column" && expr.type.kind === "timestamp") return expr;
  // Sessions run in UTC: the cast does not change the number.
  if (expr?.kind === "cast" && expr.type.kind === "timestamp") return timestampColumn(expr.arg);
  return undefined;
}

function truncate(unit: string, micros: number): number {
  const type: DataType = { kind: "timestamp", utc: true };
  const implementation = implementFunction("date_trunc", [TEXT, type], type, { statementTimeMicros: 0 });
  return (implementation.evaluate as (unit: string, value: number) => number)(unit, micros);
}

function compare(column: Column, operator: Comparison, micros: number): Expr {
  return { kind: "call", function: operator, args: [column, literal(micros, column.type)], type: BOOLEAN };
}

function range(column: Column, from: number, to: number): Expr {
  return { kind: "and", args: [compare(column, ">=", from), compare(column, "<", to)], type: BOOLEAN };
}

/** `start of unit(column) op value` as a condition on the column. */
function wholeUnits(
  rule: string,
  column: Column | undefined,
  unit: string,
  operator: Comparison,
  value: number,
): Rewritten | undefined {
  const days = DAYS_INTO_NEXT[unit];
  if (column === undefined || days === undefined || !Number.isFinite(value)) return undefined;
  const start = truncate(unit, value);
  const next = truncate(unit, start + days * MICROS_PER_DAY);
  if (!Number.isSafeInteger(next)) return undefined;
  const isAligned = start === value;
  switch (operator) {
    case "=":
      return { rule, expr: isAligned ? range(column, start, next) : FALSE };
    case ">=":
      return { rule, expr: compare(column, ">=", isAligned ? start : next) };
    case ">":
      return { rule, expr: compare(column, ">=", next) };
    case "<":
      return { rule, expr: compare(column, "<", isAligned ? start : next) };
    case "<=":
      return { rule, expr: compare(column, "<", next) };
  }
}

function yearStart(year: number): number {
  return daysFromCivil(year, 1, 1) * MICROS_PER_DAY;
}

function yearRange(
  column: Column | undefined,
  operator: Comparison,
  value: Scalar,
  type: DataType,
): Rewritten | undefined {
  const year = type.kind === "decimal" ? decimalToNumber(value as { unscaled: bigint; scale: number }) : Number(value);
  if (column === undefined || !Number.isInteger(year) || year < FIRST_YEAR || year > LAST_YEAR) return undefined;
  return wholeUnits("extract_year_to_range", column, "year", operator, yearStart(year));
}

/** `to_char(column, pattern) = text`: the unit the text names, when formatting its start gives the text back. */
function formatRange(
  call: Expr & { readonly kind: "call" },
  column: Column | undefined,
  pattern: Expr | undefined,
  value: Scalar,
): Rewritten | undefined {
  if (column === undefined || pattern === undefined || !isConstant(pattern) || typeof value !== "string")
    return undefined;
  const known = PATTERN_UNITS[textOf(pattern)];
  if (known === undefined) return undefined;
  const rule = `${call.function}_to_range`;
  const [, year = "", month = "01", day = "01", hour = "00"] = known.text.exec(value) ?? [];
  if (year === "") return { rule, expr: FALSE };
  if (Number(year) < FIRST_YEAR) return undefined;
  const start = (daysFromCivil(Number(year), Number(month), Number(day)) + Number(hour) / 24) * MICROS_PER_DAY;
  const types = call.args.map((arg) => arg.type);
  const format = implementFunction(call.function, types, TEXT, { statementTimeMicros: 0 }).evaluate as (
    micros: number,
    pattern: Scalar,
  ) => Scalar;
  // 2024-02-30 names no day: nothing formats to it.
  if (format(start, pattern.value) !== value) return { rule, expr: FALSE };
  return wholeUnits(rule, column, known.unit, "=", start);
}
