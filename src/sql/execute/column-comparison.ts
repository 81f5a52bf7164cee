// Comparisons of two columns of numbers or times of one type: straight over their arrays, through codes where they are
// dictionary-coded.

import { passCodes, passPending, pick, type Batch, type Vector } from "#columnar";
import type { Expr } from "../plan.ts";
import { composeRows, dropNulls, keepRows, rowScratch, type Selection } from "./row-scratch.ts";

/** Orders that each operator accepts, as a set of bits: less 1, equal 2, greater 4. */
const ACCEPTED: Readonly<Record<string, number>> = { "=": 2, "<>": 5, "<": 1, "<=": 3, ">": 4, ">=": 6 };
/** Kinds whose values are plain numbers, none of them NaN. */
const KINDS = new Set(["int16", "int32", "int64", "date", "time", "timestamp"]);
/** Fewer rows than one in so many are compared apart from the others. */
const PICK_SHARE = 4;

/** A column's numbers: the one of row i is at `codes[i]`, or at i. */
interface Numbers {
  readonly values: Float64Array | Int32Array;
  readonly codes: Int32Array | undefined;
  readonly validity: Uint8Array | undefined;
}

/** `column op column`; undefined when the condition is of another shape. `general` serves vectors of other forms. */
export function compileColumnComparison(
  expr: Expr,
  general: (batch: Batch, rows: Selection) => Selection,
): ((batch: Batch, rows: Selection) => Selection) | undefined {
  if (expr.kind !== "call" || expr.args.length !== 2) return undefined;
  const [left, right] = expr.args;
  const accepted = ACCEPTED[expr.function];
  if (accepted === undefined || left?.kind !== "column" || right?.kind !== "column") return undefined;
  if (!KINDS.has(left.type.kind) || left.type.kind !== right.type.kind) return undefined;

  return (batch, rows) => {
    const a = batch.columns[left.index];
    const b = batch.columns[right.index];
    if (a === undefined || b === undefined) return general(batch, rows);
    if (rows === undefined || rows.length * PICK_SHARE > batch.rowCount) {
      const compared = compareColumns(a, b, rows, batch.rowCount, accepted);
      return compared === undefined ? general(batch, rows) : compared.rows;
    }
    const compared = compareColumns(pick(a, rows), pick(b, rows), undefined, rows.length, accepted);
    return compared === undefined ? general(batch, rows) : composeRows(rows, compared.rows);
  };
}

/** Undefined where a column does not hold numbers. */
function compareColumns(
  a: Vector,
  b: Vector,
  rows: Selection,
  rowCount: number,
  accepted: number,
): { readonly rows: Selection } | undefined {
  const first = numbersOf(a);
  const second = numbersOf(b);
  if (first === undefined || second === undefined) return undefined;
  const count = rows === undefined ? rowCount : rows.length;
  const out = rowScratch(count);
  let n = writeAccepted(out, first, second, rows, count, accepted);
  for (const { validity } of [first, second]) if (validity !== undefined) n = dropNulls(out, n, validity);
  return { rows: keepRows(out, n, rows, count) };
}

function numbersOf(vector: Vector): Numbers | undefined {
  if (vector.encoding === "constant") return undefined;
  const { validity } = vector;
  if (vector.encoding === "dictionary") {
    const { values, validity: ofEntries } = vector.dictionary;
    if (ofEntries !== undefined || !isNumbers(values)) return undefined;
    return { values, codes: passCodes(vector), validity };
  }
  const values = passPending(vector) ?? vector.values;
  return isNumbers(values) ? { values, codes: undefined, validity } : undefined;
}

function isNumbers(values: unknown): values is Float64Array | Int32Array {
  return values instanceof Float64Array || values instanceof Int32Array;
}

function writeAccepted(
  out: Int32Array,
  a: Numbers,
  b: Numbers,
  rows: Selection,
  count: number,
  accepted: number,
): number {
  const { values: left, codes: leftCodes } = a;
  const { values: right, codes: rightCodes } = b;
  let n = 0;
  for (let k = 0; k < count; k++) {
    const row = rows === undefined ? k : (rows[k] as number);
    const x = left[leftCodes === undefined ? row : (leftCodes[row] as number)] as number;
    const y = right[rightCodes === undefined ? row : (rightCodes[row] as number)] as number;
    out[n] = row;
    if (((x < y ? 1 : x > y ? 4 : 2) & accepted) !== 0) n++;
  }
  return n;
}
