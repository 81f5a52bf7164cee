// What groups are told apart by, where that is kept of rows that are put aside, and what helps where groups do not fit.

import type { DataType } from "#columnar";
import type { PlanNode } from "../../plan.ts";

type AggregateNode = Extract<PlanNode, { kind: "aggregate" }>;

/** The type of a grouping set's number. */
export const SET_NUMBER: DataType = { kind: "int32" };

/** Types of what groups are told apart by: the keys and, of several sets, the set's number. */
export function groupTypes({ keys, groupingSets }: AggregateNode): DataType[] {
  const types = keys.map((key) => key.type);
  return groupingSets === undefined ? types : [...types, SET_NUMBER];
}

/** Where the keys are among what is put aside of a row: its columns, and after them the keys that are none of these. */
export interface StoredKeys {
  readonly places: readonly number[];
  /** Numbers of the keys that stand after the columns. */
  readonly made: readonly number[];
}

/** Finds them. A grouping set has NULL where its columns need not, so its keys are none of these. */
export function storedKeys(node: AggregateNode): StoredKeys {
  const { keys, input, groupingSets } = node;
  const made: number[] = [];
  const places = groupTypes(node).map((_, k) => {
    const key = keys[k];
    if (groupingSets === undefined && key?.kind === "column") return key.index;
    made.push(k);
    return input.columns.length + made.length - 1;
  });
  return { places, made };
}

/** What to do where groups do not fit, which for most calls only means that there are too many to divide. */
export function remedyOf({ aggregates }: AggregateNode): string {
  const holding = aggregates.filter(({ function: name, distinct }) => distinct || HOLDS_VALUES.test(name));
  if (holding.length === 0) return "filter rows first, or group by fewer different values";
  const names = [...new Set(holding.map(({ function: name, distinct }) => (distinct ? `${name}(DISTINCT …)` : name)))];
  return `${names.join(", ")} may hold all values of a group; group by more, filter rows first, or cut what is collected`;
}

/** Calls that may keep the values of a group. */
const HOLDS_VALUES = /_agg|^mode$|^percentile_|^median$/;
