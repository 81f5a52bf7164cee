// What operators learn while they run and scans below them can skip data by: the bound of a top-N sort, the keys of a
// join's held side. Both only ever leave out rows that could not reach the result.

import { looseTextOf, scalarAt, type DataType, type Scalar, type Vector } from "#columnar";
import type { PlanNode } from "../plan.ts";
import type { RuntimePredicate, ScanNarrowing } from "../table-source.ts";
import { scalarComparator, scalarKey } from "../values/index.ts";
import { createKeyFilter, type KeyFilter } from "./key-filter.ts";
import type { ExecutionContext, ScanNode } from "./context.ts";
import { extremeTexts } from "./text-order.ts";

type JoinNode = Extract<PlanNode, { kind: "join" }>;

/** A condition on the column that a scan knows. */
export type FoundCondition = Omit<RuntimePredicate, "column">;

/** What the operators of one execution have found, by who finds it. */
export interface FoundConditions {
  /** The conditions known now; empty when there are none, or not yet. */
  of(by: symbol): readonly FoundCondition[];
  /** Which rows can match at all, where that is known. */
  filterOf(by: symbol): KeyFilter | undefined;
  /** Replaces what was found; no conditions take it back. */
  set(by: symbol, conditions: readonly FoundCondition[], filter?: KeyFilter): void;
}

/** Nothing found yet. */
export function createFoundConditions(): FoundConditions {
  const found = new Map<symbol, readonly FoundCondition[]>();
  const filters = new Map<symbol, KeyFilter | undefined>();
  return {
    of: (by) => found.get(by) ?? [],
    filterOf: (by) => filters.get(by),
    set(by, conditions, filter) {
      found.set(by, conditions);
      filters.set(by, filter);
    },
  };
}

/** What a scan is told while it runs; undefined when nothing can be. */
export function narrowingOf(node: ScanNode, { found }: ExecutionContext): ScanNarrowing | undefined {
  const { narrowedBy = [], order, stopsEarly = false } = node;
  if (found === undefined || (narrowedBy.length === 0 && order === undefined && !stopsEarly)) return undefined;
  return {
    predicates: () => narrowedBy.flatMap(({ by, column }) => found.of(by).map((each) => ({ ...each, column }))),
    ...(order === undefined ? {} : { order }),
    stopsEarly,
  };
}

/** Different values of a key that are told one by one; of more only the least and the greatest are. */
const MAX_VALUES = 512;
/** Looking for the least and greatest of more rows would cost more than scans save. */
const MAX_ROWS = 4_000_000;

/**
 * Tells the scans below a join's streamed input what keys the rows of its held input have; `keyAt` gives a key by its
 * number. To be called when all held rows are known and before a streamed one is asked for; {@link forgetKeys} has to
 * follow when the join ends, since its inputs may then serve others.
 */
export function tellKeys(
  node: JoinNode,
  keyAt: (key: number) => Vector,
  rowCount: number,
  { found }: ExecutionContext,
): void {
  if (found === undefined || rowCount > MAX_ROWS) return;
  for (const { key, to } of node.narrows ?? []) {
    const vector = keyAt(key);
    found.set(to, conditionsOf(vector, rowCount), createKeyFilter(vector, rowCount));
  }
}

/** Takes back what {@link tellKeys} told. */
export function forgetKeys(node: JoinNode, { found }: ExecutionContext): void {
  for (const { to } of node.narrows ?? []) found?.set(to, []);
}

/** Conditions that every value equal to one of the vector's fulfils. */
function conditionsOf(vector: Vector, rowCount: number): readonly FoundCondition[] {
  const { type } = vector;
  const values = distinctValues(vector, rowCount);
  const told = { keepsNulls: false, reason: "join keys" };
  if (values !== undefined) {
    // NaN equals NaN, and bounds leave it out.
    if (values.some((value) => Number.isNaN(value))) return [];
    return [{ ...told, operator: values.length === 1 ? "=" : "in", values }];
  }
  const range = rangeOf(vector, rowCount, type);
  if (range === undefined) return [];
  return [
    { ...told, operator: ">=", values: [range.min] },
    { ...told, operator: "<=", values: [range.max] },
  ];
}

/** The different values that are not NULL; undefined when there are too many. */
function distinctValues(vector: Vector, rowCount: number): readonly Scalar[] | undefined {
  const seen = new Map<unknown, Scalar>();
  const add = (value: Scalar): boolean => {
    if (value !== null) seen.set(scalarKey(vector.type, value), value);
    return seen.size <= MAX_VALUES;
  };
  if (vector.encoding === "constant") {
    add(vector.value);
    return [...seen.values()];
  }
  if (vector.encoding === "dictionary") {
    const { codes, validity, dictionary } = vector;
    const used = new Uint8Array(dictionary.length);
    for (let row = 0; row < rowCount; row++) if (validity?.[row] !== 0) used[codes[row] as number] = 1;
    for (let code = 0; code < used.length; code++) {
      if (used[code] === 1 && !add(scalarAt(dictionary, code))) return undefined;
    }
    return [...seen.values()];
  }
  for (let row = 0; row < rowCount; row++) if (!add(scalarAt(vector, row))) return undefined;
  return [...seen.values()];
}

function rangeOf(
  vector: Vector,
  rowCount: number,
  type: DataType,
): { readonly min: Scalar; readonly max: Scalar } | undefined {
  const text = vector.encoding === "flat" && type.kind === "string" ? looseTextOf(vector) : undefined;
  if (text !== undefined && vector.encoding === "flat") {
    const extremes = extremeTexts(text, vector.validity, rowCount);
    return extremes && { min: scalarAt(vector, extremes.least), max: scalarAt(vector, extremes.greatest) };
  }
  if (vector.encoding === "flat" && (vector.values instanceof Float64Array || vector.values instanceof Int32Array)) {
    return numericRange(vector.values, vector.validity, rowCount);
  }
  const compare = scalarComparator(type);
  let min: Exclude<Scalar, null> | undefined;
  let max: Exclude<Scalar, null> | undefined;
  for (let row = 0; row < rowCount; row++) {
    const value = scalarAt(vector, row);
    if (value === null) continue;
    if (Number.isNaN(value)) return undefined;
    if (min === undefined || compare(value, min) < 0) min = value;
    if (max === undefined || compare(value, max) > 0) max = value;
  }
  return min === undefined || max === undefined ? undefined : { min, max };
}

function numericRange(
  values: Float64Array | Int32Array,
  validity: Uint8Array | undefined,
  rowCount: number,
): { readonly min: number; readonly max: number } | undefined {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < rowCount; row++) {
    if (validity !== undefined && validity[row] === 0) continue;
    const value = values[row] as number;
    if (value !== value) return undefined;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? undefined : { min, max };
}

/**
 * Tells the scans below a top-N sort what a row must be to displace the last row kept. `row` is that row's place in
 * the first key; with more keys than one, rows that are equal to it in the first may still displace it.
 */
export function tellBound(
  { narrows, keys }: Extract<PlanNode, { kind: "sort" }>,
  first: Vector,
  row: number,
  { found }: ExecutionContext,
): void {
  const [key] = keys;
  if (found === undefined || narrows === undefined || key === undefined) return;
  const told = { keepsNulls: key.nullsFirst, reason: "top-N bound" };
  const isOnly = keys.length === 1;
  const value = scalarAt(first, row);
  if (Number.isNaN(value)) return;
  if (value !== null) {
    const operator = key.descending ? (isOnly ? ">" : ">=") : isOnly ? "<" : "<=";
    found.set(narrows, [{ ...told, operator, values: [value] }]);
  } else if (key.nullsFirst) {
    const operator = isOnly ? "in" : "is_null";
    found.set(narrows, [{ ...told, keepsNulls: false, operator, values: [] }]);
  } else if (isOnly) {
    found.set(narrows, [{ ...told, operator: "is_not_null", values: [] }]);
  }
}

/** Takes back what {@link tellBound} told. */
export function forgetBound({ narrows }: Extract<PlanNode, { kind: "sort" }>, { found }: ExecutionContext): void {
  if (narrows !== undefined) found?.set(narrows, []);
}
