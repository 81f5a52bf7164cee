// Aggregations that read one dictionary-coded column: a batch's rows are counted by code, and what differs among them is
// aggregated once, with its count.

import { constantVector, countCodes, type Batch, type DictionaryVector } from "#columnar";
import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { PlanNode } from "../../plan.ts";
import { isVolatile } from "../expression-properties.ts";

type AggregateNode = Extract<PlanNode, { kind: "aggregate" }>;

/** A dictionary pays when the batch has this many rows an entry. */
const ROWS_AN_ENTRY = 8;

/** Rows that differ, and how many of the batch's rows each stands for. */
export interface CountedRows {
  readonly batch: Batch;
  readonly counts: Int32Array;
}

/** Aggregates that only ask which values there are. */
const DUPLICATE_BLIND = new Set(["min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or"]);

/**
 * The only column that a node reads, when each of its aggregates either counts rows or asks which values there are;
 * undefined otherwise.
 */
export function onlyColumn(
  node: AggregateNode,
  used: ReadonlySet<number>,
  env: EvaluationEnvironment,
): number | undefined {
  const [index, ...others] = used;
  if (index === undefined || others.length > 0) return undefined;
  const fits = node.aggregates.every(
    (call) =>
      call.orderBy.length === 0 &&
      (call.function === "count" || call.function === "grouping_set" || DUPLICATE_BLIND.has(call.function)),
  );
  if (!fits) return undefined;
  const ofCalls = node.aggregates.flatMap(({ args, filter }) => (filter === undefined ? args : [...args, filter]));
  return [...node.keys, ...ofCalls].some((expr) => isVolatile(expr, env)) ? undefined : index;
}

/** One row for each entry of a column's dictionary that rows have, and one for NULL; undefined where that is no gain. */
export function countedRows(batch: Batch, index: number): CountedRows | undefined {
  const vector = batch.columns[index];
  if (vector?.encoding !== "dictionary" || vector.dictionary.length * ROWS_AN_ENTRY > batch.rowCount) return undefined;
  const { dictionary, type } = vector;
  const byCode = countCodes(vector);
  const codes = new Int32Array(byCode.length + 1);
  const counts = new Int32Array(byCode.length + 1);
  let rowCount = 0;
  let nulls = batch.rowCount;
  for (let code = 0; code < byCode.length; code++) {
    const count = byCode[code] as number;
    if (count === 0) continue;
    codes[rowCount] = code;
    counts[rowCount++] = count;
    nulls -= count;
  }
  let validity: Uint8Array | undefined;
  if (nulls > 0) {
    counts[rowCount++] = nulls;
    validity = new Uint8Array(rowCount).fill(1, 0, rowCount - 1);
  }
  const values: DictionaryVector = {
    encoding: "dictionary",
    type,
    length: rowCount,
    codes: codes.subarray(0, rowCount),
    dictionary,
    validity,
  };
  const columns = batch.columns.map((column, i) =>
    i === index ? values : constantVector(column.type, null, rowCount),
  );
  return { batch: { rowCount, columns }, counts: counts.subarray(0, rowCount) };
}
