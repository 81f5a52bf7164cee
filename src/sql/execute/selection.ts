// Conditions compiled to row selections: comparisons with constants run straight over the column's array, AND
// narrows step by step, everything else goes through a boolean vector.

import { constantVector, decimalBlockOf, passPending, pick, type Batch, type Decimal, type Vector } from "#columnar";
import { unscaledBound, type DecimalBound, type EvaluationEnvironment } from "../functions/index.ts";
import { someExpr } from "../expressions.ts";
import type { Expr } from "../plan.ts";
import { compileColumnComparison } from "./column-comparison.ts";
import { columnsUsed } from "./columns-used.ts";
import { selectByDictionary } from "./dictionary-selection.ts";
import { compileExpr, withSpan } from "./expression.ts";
import { isSafe, isVolatile } from "./expression-properties.ts";
import { composeRows, dropNulls, keepRows, rowScratch, type Selection } from "./row-scratch.ts";
import { compileTextSelection, likePrefix } from "./text-selection.ts";
import { TRUE, triStates } from "./tri-state.ts";

export type { Selection } from "./row-scratch.ts";

/** Narrows a selection of a batch to the rows where the condition is true. */
export type CompiledSelection = (batch: Batch, rows: Selection) => Selection;

type Numbers = Float64Array | Int32Array | Uint8Array;

/** Writes the rows that pass to `out` and returns how many. */
type RangeKernel = (
  out: Int32Array,
  values: Numbers,
  rows: Selection,
  count: number,
  low: number,
  high: number,
) => number;

function selectBetween(
  out: Int32Array,
  values: Numbers,
  rows: Selection,
  count: number,
  low: number,
  high: number,
): number {
  let n = 0;
  if (rows === undefined) {
    for (let i = 0; i < count; i++) {
      const v = values[i] as number;
      out[n] = i;
      if (v >= low && v <= high) n++;
    }
    return n;
  }
  for (let k = 0; k < count; k++) {
    const row = rows[k] as number;
    const v = values[row] as number;
    out[n] = row;
    if (v >= low && v <= high) n++;
  }
  return n;
}

/** NaN is above every number, so it passes a lower bound. */
function selectFrom(out: Int32Array, values: Numbers, rows: Selection, count: number, low: number): number {
  let n = 0;
  if (rows === undefined) {
    for (let i = 0; i < count; i++) {
      out[n] = i;
      if (!((values[i] as number) < low)) n++;
    }
    return n;
  }
  for (let k = 0; k < count; k++) {
    const row = rows[k] as number;
    out[n] = row;
    if (!((values[row] as number) < low)) n++;
  }
  return n;
}

function selectAbove(out: Int32Array, values: Numbers, rows: Selection, count: number, low: number): number {
  let n = 0;
  if (rows === undefined) {
    for (let i = 0; i < count; i++) {
      out[n] = i;
      if (!((values[i] as number) <= low)) n++;
    }
    return n;
  }
  for (let k = 0; k < count; k++) {
    const row = rows[k] as number;
    out[n] = row;
    if (!((values[row] as number) <= low)) n++;
  }
  return n;
}

function selectBelow(out: Int32Array, values: Numbers, rows: Selection, count: number, high: number): number {
  let n = 0;
  if (rows === undefined) {
    for (let i = 0; i < count; i++) {
      out[n] = i;
      if ((values[i] as number) < high) n++;
    }
    return n;
  }
  for (let k = 0; k < count; k++) {
    const row = rows[k] as number;
    out[n] = row;
    if ((values[row] as number) < high) n++;
  }
  return n;
}

function selectUpTo(out: Int32Array, values: Numbers, rows: Selection, count: number, high: number): number {
  let n = 0;
  if (rows === undefined) {
    for (let i = 0; i < count; i++) {
      out[n] = i;
      if ((values[i] as number) <= high) n++;
    }
    return n;
  }
  for (let k = 0; k < count; k++) {
    const row = rows[k] as number;
    out[n] = row;
    if ((values[row] as number) <= high) n++;
  }
  return n;
}

function selectUnequal(out: Int32Array, values: Numbers, rows: Selection, count: number, constant: number): number {
  let n = 0;
  if (rows === undefined) {
    for (let i = 0; i < count; i++) {
      out[n] = i;
      if ((values[i] as number) !== constant) n++;
    }
    return n;
  }
  for (let k = 0; k < count; k++) {
    const row = rows[k] as number;
    out[n] = row;
    if ((values[row] as number) !== constant) n++;
  }
  return n;
}

const RANGE_KERNELS: Readonly<Record<string, RangeKernel>> = {
  "=": (out, values, rows, count, constant) => selectBetween(out, values, rows, count, constant, constant),
  "<>": selectUnequal,
  "<": selectBelow,
  "<=": selectUpTo,
  ">": selectAbove,
  ">=": selectFrom,
};
const MIRRORED: Readonly<Record<string, string>> = { "=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

/** Rows where a boolean vector over the whole batch is true. */
function selectTrue(vector: Vector, batchRows: number, rows: Selection): Selection {
  const count = rows === undefined ? batchRows : rows.length;
  if (vector.encoding === "constant") return vector.value === true ? rows : new Int32Array(0);
  const out = rowScratch(count);
  let n = 0;
  if (vector.encoding === "dictionary") {
    const entries = triStates(vector.dictionary, vector.dictionary.length);
    const { codes, validity } = vector;
    if (rows === undefined) {
      for (let i = 0; i < count; i++) {
        out[n] = i;
        if (entries[codes[i] as number] === TRUE) n++;
      }
    } else {
      for (let k = 0; k < count; k++) {
        const row = rows[k] as number;
        out[n] = row;
        if (entries[codes[row] as number] === TRUE) n++;
      }
    }
    if (validity !== undefined) n = dropNulls(out, n, validity);
  } else {
    const states = triStates(vector, batchRows);
    if (rows === undefined) {
      for (let i = 0; i < count; i++) {
        out[n] = i;
        if (states[i] === TRUE) n++;
      }
    } else {
      for (let k = 0; k < count; k++) {
        const row = rows[k] as number;
        out[n] = row;
        if (states[row] === TRUE) n++;
      }
    }
  }
  return keepRows(out, n, rows, count);
}

/** A selection must be this much smaller than the batch before gathering its columns pays. */
const GATHER_BELOW_FRACTION = 0.5;

function compileGeneral(expr: Expr, env: EvaluationEnvironment): CompiledSelection {
  const compiled = compileExpr(expr, env);
  const used = columnsUsed(expr);
  const safe = isSafe(expr, env);
  return (batch, rows) => {
    if (rows === undefined || (safe && rows.length > batch.rowCount * GATHER_BELOW_FRACTION)) {
      return selectTrue(compiled(batch), batch.rowCount, rows);
    }
    if (rows.length === 0) return rows;
    const columns = batch.columns.map((column, i) =>
      used.has(i) ? pick(column, rows) : constantVector(column.type, null, rows.length),
    );
    const picked = { rowCount: rows.length, columns };
    return composeRows(rows, selectTrue(compiled(picked), rows.length, undefined));
  };
}

/** `column op constant` on numbers, times and text; undefined when the condition is of another shape. */
function compileComparison(expr: Expr, env: EvaluationEnvironment): CompiledSelection | undefined {
  if (expr.kind !== "call") return undefined;
  const [left, right] = expr.args;
  if (left === undefined || right === undefined || expr.args.length !== 2) return undefined;
  const isLike = expr.function === "~~" || expr.function === "!~~";
  if (isLike && left.kind === "column" && right.kind === "literal" && left.type.kind === "string") {
    if (typeof right.value !== "string") return undefined;
    const prefix = expr.function === "~~" ? likePrefix(right.value) : undefined;
    return prefix === undefined
      ? compileTextComparison(expr, left.index, expr.function, right.value, env)
      : compileTextComparison(expr, left.index, "^@", prefix, env);
  }
  const mirrored = MIRRORED[expr.function];
  if (mirrored === undefined) return undefined;
  const columnFirst = left.kind === "column" && right.kind === "literal";
  if (!columnFirst && !(right.kind === "column" && left.kind === "literal")) return undefined;
  const [column, literal] = columnFirst ? [left, right] : [right, left];
  if (column.kind !== "column" || literal.kind !== "literal") return undefined;
  const constant = literal.value;
  const operator = columnFirst ? expr.function : mirrored;
  if (typeof constant === "string" && column.type.kind === "string") {
    return compileTextComparison(expr, column.index, operator, constant, env);
  }
  const { index } = column;
  if (column.type.kind === "decimal" && typeof constant === "object" && constant !== null && "unscaled" in constant) {
    return compileDecimalComparison(expr, index, operator, constant as Decimal, env);
  }
  if (typeof constant !== "number" || Number.isNaN(constant)) return undefined;
  const kernel = RANGE_KERNELS[operator];
  if (kernel === undefined) return undefined;
  const general = compileGeneral(expr, env);
  return (batch, rows) => {
    const vector = batch.columns[index];
    if (vector?.encoding !== "flat") return general(batch, rows);
    const values = passPending(vector) ?? vector.values;
    if (!(values instanceof Float64Array || values instanceof Int32Array)) return general(batch, rows);
    const count = rows === undefined ? batch.rowCount : rows.length;
    const out = rowScratch(count);
    let n = kernel(out, values, rows, count, constant, constant);
    if (vector.validity !== undefined) n = dropNulls(out, n, vector.validity);
    return keepRows(out, n, rows, count);
  };
}

function compileDecimalComparison(
  expr: Expr,
  index: number,
  operator: string,
  constant: Decimal,
  env: EvaluationEnvironment,
): CompiledSelection {
  const general = compileGeneral(expr, env);
  let bound: DecimalBound | undefined;
  let boundScale = -1;
  return (batch, rows) => {
    const vector = batch.columns[index];
    if (vector?.encoding !== "flat" || vector.type.kind !== "decimal") return general(batch, rows);
    const pending = passPending(vector);
    const block = pending === undefined ? decimalBlockOf(vector) : { unscaled: pending, scale: vector.type.scale ?? 0 };
    if (block === undefined) return general(batch, rows);
    if (bound === undefined || boundScale !== block.scale) bound = unscaledBound(operator, constant, block.scale);
    boundScale = block.scale;
    const kernel = RANGE_KERNELS[bound.operator];
    if (kernel === undefined) return general(batch, rows);
    const count = rows === undefined ? batch.rowCount : rows.length;
    const out = rowScratch(count);
    let n = kernel(out, block.unscaled, rows, count, bound.value, bound.value);
    if (vector.validity !== undefined) n = dropNulls(out, n, vector.validity);
    return keepRows(out, n, rows, count);
  };
}

function compileTextComparison(
  expr: Expr,
  index: number,
  operator: string,
  constant: string,
  env: EvaluationEnvironment,
): CompiledSelection | undefined {
  const select = compileTextSelection(operator, constant);
  if (select === undefined) return undefined;
  const general = compileGeneral(expr, env);
  return (batch, rows) => {
    const vector = batch.columns[index];
    const selected = vector === undefined ? undefined : select(vector, rows, batch.rowCount);
    if (selected === undefined) return general(batch, rows);
    return selected.length === (rows?.length ?? batch.rowCount) ? rows : selected;
  };
}

/** How often the order of conjuncts is thought over: after 1, 2, 4, … batches up to this many, then each time so many. */
const REORDER_BATCHES = 64;
/** What a condition costs beside a comparison of numbers. */
const TEXT_COST = 4;
const GENERAL_COST = 2;

function costOf(expr: Expr): number {
  if (someExpr(expr, ({ type }) => type.kind === "string" || type.kind === "json")) return TEXT_COST;
  return expr.kind === "call" && MIRRORED[expr.function] !== undefined ? 1 : GENERAL_COST;
}

/**
 * Conjuncts that cannot fail, each on the rows that those before it left: those first that have been found to drop the
 * most rows for what they cost.
 */
function inBestOrder(
  parts: readonly { readonly select: CompiledSelection; readonly cost: number }[],
): CompiledSelection {
  let ordered = parts.map((part) => ({ ...part, seen: 0, kept: 0 }));
  let batches = 0;
  return (batch, rows) => {
    let current = rows;
    for (const part of ordered) {
      const before = current?.length ?? batch.rowCount;
      if (before === 0) break;
      current = part.select(batch, current);
      part.seen += before;
      part.kept += current?.length ?? batch.rowCount;
    }
    batches += 1;
    if ((batches & (batches - 1)) === 0 || batches % REORDER_BATCHES === 0) {
      const gain = (part: (typeof ordered)[number]): number => (1 - part.kept / Math.max(1, part.seen)) / part.cost;
      ordered = ordered.toSorted((a, b) => gain(b) - gain(a));
    }
    return current;
  };
}

/**
 * Compiles a condition. Conjuncts run each only on the rows the earlier ones left: in the order written where one may
 * fail, else in the order that has proved best.
 */
export function compileSelection(expr: Expr, env: EvaluationEnvironment): CompiledSelection {
  if (expr.kind === "literal") return (_batch, rows) => (expr.value === true ? rows : new Int32Array(0));
  if (expr.kind === "and") {
    const parts = expr.args.map((arg) => ({ select: compileSelection(arg, env), cost: costOf(arg) }));
    if (isSafe(expr, env) && !isVolatile(expr, env)) return inBestOrder(parts);
    return (batch, rows) => {
      let current = rows;
      for (const { select } of parts) {
        if (current?.length === 0) return current;
        current = select(batch, current);
      }
      return current;
    };
  }
  const select = compileOne(expr, env);
  const [index, ...others] = columnsUsed(expr);
  const isOfOneColumn = index !== undefined && others.length === 0;
  return isOfOneColumn && isSafe(expr, env) && !isVolatile(expr, env) ? selectByDictionary(select, index) : select;
}

function compileOne(expr: Expr, env: EvaluationEnvironment): CompiledSelection {
  const compared = compileComparison(expr, env) ?? compileColumnComparison(expr, compileGeneral(expr, env));
  if (compared === undefined) return compileGeneral(expr, env);
  return expr.kind === "call" ? (batch, rows) => withSpan(expr.span, () => compared(batch, rows)) : compared;
}
