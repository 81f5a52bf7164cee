// Rows that a filter on their place leaves out, left out before the window holds them: "the best three of each day".

import { flattenVector, gatherBatch, type Batch, type Vector } from "#columnar";
import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { Expr, PlanNode } from "../../plan.ts";
import { checkpoint, type ExecutionContext } from "../context.ts";
import { compileExpr } from "../expression.ts";
import { isVolatile } from "../expression-properties.ts";
import { RowEncoder } from "../row-encoder.ts";

type WindowNode = Extract<PlanNode, { kind: "window" }>;

/** Beyond so many places, keeping the best of each partition in order costs more than it saves. */
const MAX_PLACES = 100;
/** Values kept of all partitions together: 8 MiB. */
const MAX_KEPT_VALUES = 1 << 20;
/** Types whose values are numbers in their order. */
const NUMBERS = new Set(["int16", "int32", "int64", "float32", "float64", "date", "time", "timestamp"]);
/** A row has at least as great a place as the number of rows before it in its partition, plus one. */
const PLACES = new Set(["row_number", "rank"]);
const MIRRORED: Readonly<Record<string, string>> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=" };

/**
 * The greatest place that a condition over a window's rows lets through; undefined when it does not limit places, or the
 * window computes more than places.
 */
export function greatestPlace(
  condition: Expr,
  { calls, input, orderBy, partitionBy }: WindowNode,
  env: EvaluationEnvironment,
): number | undefined {
  const [first] = orderBy;
  if (first === undefined || !calls.every(({ call }) => PLACES.has(call.function))) return undefined;
  if ([first.expr, ...partitionBy].some((expr) => isVolatile(expr, env))) return undefined;
  const width = input.columns.length;
  const limits = (condition.kind === "and" ? condition.args : [condition]).flatMap((part) => placeLimit(part, width));
  const limit = Math.min(...limits);
  return limit >= 1 && limit <= MAX_PLACES ? limit : undefined;
}

/** The greatest place for which a comparison of a call's column with a constant is true. */
function placeLimit(expr: Expr, width: number): number[] {
  if (expr.kind !== "call" || expr.args.length !== 2) return [];
  const [left, right] = expr.args;
  const isMirrored = left?.kind === "literal";
  const [column, constant] = isMirrored ? [right, left] : [left, right];
  if (column?.kind !== "column" || column.index < width || constant?.kind !== "literal") return [];
  const { value } = constant;
  if (typeof value !== "number" && typeof value !== "bigint") return [];
  const operator = isMirrored ? MIRRORED[expr.function] : expr.function;
  if (operator === "<") return [Math.ceil(Number(value)) - 1];
  return operator === "<=" || operator === "=" ? [Math.floor(Number(value))] : [];
}

/** The smallest values of each partition so far, ascending, places without one infinite. */
class SmallestValues {
  private values: Float64Array;
  private readonly places: number;

  constructor(places: number) {
    this.places = places;
    this.values = new Float64Array(places * 16).fill(Number.POSITIVE_INFINITY);
  }

  get byteSize(): number {
    return this.values.byteLength;
  }

  reserve(partitions: number): void {
    const needed = partitions * this.places;
    if (needed <= this.values.length) return;
    const grown = new Float64Array(Math.max(needed, this.values.length * 2)).fill(Number.POSITIVE_INFINITY);
    grown.set(this.values);
    this.values = grown;
  }

  /** Whether fewer values than there are places are smaller; takes the value in. */
  admit(partition: number, value: number): boolean {
    const { values, places } = this;
    const first = partition * places;
    let at = first + places - 1;
    if (value > (values[at] as number)) return false;
    for (; at > first && (values[at - 1] as number) > value; at--) values[at] = values[at - 1] as number;
    values[at] = value;
    return true;
  }
}

/**
 * The window's input without rows before which at least `places` others come in their partition, by the first key
 * alone. The other rows' places among themselves are those they had. Memory: the partitions' keys and `places` values of
 * each, accounted; where these become many, and for keys that are no numbers, rows pass.
 */
export async function* topPlaces(
  { partitionBy, orderBy }: WindowNode,
  places: number,
  input: AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const partitions = partitionBy.map((expr) => compileExpr(expr, context));
  const [firstKey] = orderBy;
  const keyOf = firstKey === undefined ? undefined : compileExpr(firstKey.expr, context);
  const sign = firstKey?.descending === true ? -1 : 1;
  const encoder = new RowEncoder(partitionBy.map(({ type }) => type));
  const smallest = new SmallestValues(places);
  const account = context.memory.open("window");
  try {
    for await (const batch of input) {
      checkpoint(context);
      const key = encoder.count * places > MAX_KEPT_VALUES ? undefined : keyOf?.(batch);
      const values = key === undefined ? undefined : plainNumbers(key);
      if (values === undefined) {
        yield batch;
        continue;
      }
      const { rowCount } = batch;
      const ids = encoder.encode(
        partitions.map((partition) => partition(batch)),
        rowCount,
        true,
      );
      smallest.reserve(encoder.count);
      account.resize(encoder.byteSize + smallest.byteSize);
      const kept = new Int32Array(rowCount);
      let count = 0;
      for (let i = 0; i < rowCount; i++) {
        if (smallest.admit(ids[i] as number, sign * (values[i] as number))) kept[count++] = i;
      }
      if (count === rowCount) yield batch;
      else if (count > 0) yield gatherBatch(batch, kept.subarray(0, count));
    }
  } finally {
    account.close();
  }
}

/** The numbers of a vector without NULL and NaN, whose order is that of numbers. */
function plainNumbers(vector: Vector): Float64Array | Int32Array | undefined {
  if (!NUMBERS.has(vector.type.kind) || vector.encoding === "constant") return undefined;
  const { values, validity } = flattenVector(vector);
  if (validity !== undefined) return undefined;
  if (values instanceof Int32Array) return values;
  if (!(values instanceof Float64Array)) return undefined;
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return undefined;
  return values;
}
