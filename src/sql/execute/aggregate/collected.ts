// Aggregates that need every value of a group: percentiles, mode, string_agg, array_agg and the JSON ones. Rows are
// kept by batch and sorted once at the end, by group and then by the call's own order.

import { LakeError, concatBytes } from "#core";
import { concatVectors, vectorFromScalars, vectorByteSize, type DataType, type Scalar, type Vector } from "#columnar";
import { canonicalJson } from "../../values/jsonb.ts";
import { scalarToJson } from "../../functions/miscellany.ts";
import { scalarToText } from "../../values/index.ts";
import { continuousPercentile, discretePercentile, eachFraction } from "../../functions/percentile.ts";
import { rowReader } from "../build.ts";
import { sortRows } from "../sort-rows.ts";
import type { Accumulator } from "./accumulator.ts";

/** How a sort argument of the call is ordered. */
export interface CollectedOrder {
  /** Position among the arguments given to `update`. */
  readonly argument: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Result of one group from its rows in order: each row as the arguments' readers. */
export type CollectedResult = (rows: Int32Array, readers: readonly ((row: number) => Scalar)[]) => Scalar;

/** What to keep, in which order, and what to make of it. */
export interface CollectedOptions {
  readonly type: DataType;
  readonly argTypes: readonly DataType[];
  readonly order: readonly CollectedOrder[];
  /** Rows whose first argument is null are not kept. */
  readonly skipNulls: boolean;
  readonly result: CollectedResult;
}

/** Keeps rows and computes at the end. */
export class CollectedAccumulator implements Accumulator {
  private readonly options: CollectedOptions;
  private readonly groups: Int32Array[] = [];
  private readonly columns: Vector[][];
  private bytes = 0;
  private rowCount = 0;

  constructor(options: CollectedOptions) {
    this.options = options;
    this.columns = options.argTypes.map(() => []);
  }

  get byteSize(): number {
    return this.bytes;
  }

  // State is by row, not by group.
  reserve(): void {}

  update(groups: Int32Array | undefined, args: readonly Vector[], rowCount: number): void {
    const own = groups === undefined ? new Int32Array(rowCount) : groups.slice(0, rowCount);
    this.groups.push(own);
    this.rowCount += rowCount;
    this.bytes += own.byteLength;
    for (const [i, column] of this.columns.entries()) {
      const vector = args[i] as Vector;
      column.push(vector);
      this.bytes += vector.encoding === "dictionary" ? vector.codes.byteLength : vectorByteSize(vector);
    }
  }

  finish(groupCount: number): Vector {
    const { type, order, result, skipNulls } = this.options;
    const results: Scalar[] = Array.from({ length: groupCount }, () => null);
    if (this.rowCount > 0) {
      const groups = new Float64Array(this.rowCount);
      let at = 0;
      for (const part of this.groups) {
        groups.set(part, at);
        at += part.length;
      }
      const columns = this.columns.map((parts) => concatVectors(parts));
      const readers = columns.map((column) => rowReader(column));
      const groupVector: Vector = {
        encoding: "flat",
        type: { kind: "float64" },
        length: this.rowCount,
        values: groups,
        validity: undefined,
      };
      const keys = [
        { vector: groupVector, descending: false, nullsFirst: false },
        ...order.map(({ argument, descending, nullsFirst }) => ({
          vector: columns[argument] as Vector,
          descending,
          nullsFirst,
        })),
      ];
      let rows = sortRows(keys, this.rowCount);
      const [first] = readers;
      if (skipNulls && first !== undefined) rows = rows.filter((row) => first(row) !== null);
      for (let start = 0; start < rows.length;) {
        const group = groups[rows[start] as number] as number;
        let end = start + 1;
        while (end < rows.length && groups[rows[end] as number] === group) end++;
        results[group] = result(rows.subarray(start, end), readers);
        start = end;
      }
    }
    return vectorFromScalars(type, results);
  }
}

/** percentile_cont: interpolates between neighbours. */
export function percentileCont(fraction: Scalar): CollectedResult {
  eachFraction(fraction, () => null);
  return (rows, [read]) =>
    continuousPercentile(rows.length, (place) => read?.(rows[place] as number) ?? null, fraction);
}

/** percentile_disc: the first value whose place reaches the fraction. */
export function percentileDisc(fraction: Scalar): CollectedResult {
  eachFraction(fraction, () => null);
  return (rows, [read]) => discretePercentile(rows.length, (place) => read?.(rows[place] as number) ?? null, fraction);
}

/** mode: the most frequent value, the first in order of equals. */
export function modeResult(equal: (a: Scalar, b: Scalar) => boolean): CollectedResult {
  return (rows, [read]) => {
    let best: Scalar = null;
    let bestCount = 0;
    let current: Scalar = null;
    let count = 0;
    for (const row of rows) {
      const value = read?.(row) ?? null;
      if (count > 0 && equal(value, current)) count++;
      else {
        current = value;
        count = 1;
      }
      if (count > bestCount) {
        best = current;
        bestCount = count;
      }
    }
    return best;
  };
}

/** string_agg: each row's delimiter stands before its text, but for the first. */
export const joinTexts: CollectedResult = (rows, [read, readDelimiter]) => {
  const parts: string[] = [];
  for (const row of rows) {
    if (parts.length > 0) parts.push((readDelimiter?.(row) ?? "") as string);
    parts.push((read?.(row) ?? "") as string);
  }
  return parts.join("");
};

/** array_agg. */
export const listValues: CollectedResult = (rows, [read]) => Array.from(rows, (row) => read?.(row) ?? null);

/** string_agg of bytes. */
export const joinBytes: CollectedResult = (rows, [read, readDelimiter]) => {
  const parts: Uint8Array[] = [];
  for (const row of rows) {
    if (parts.length > 0) parts.push((readDelimiter?.(row) ?? new Uint8Array(0)) as Uint8Array);
    parts.push((read?.(row) ?? new Uint8Array(0)) as Uint8Array);
  }
  return concatBytes(parts);
};

/** json_agg; a strict one leaves NULLs out. */
export function jsonList(type: DataType, isStrict: boolean): CollectedResult {
  return (rows, [read]) => {
    const values = Array.from(rows, (row) => read?.(row) ?? null);
    const kept = isStrict ? values.filter((value) => value !== null) : values;
    // PostgreSQL puts what has parts of its own on lines of its own.
    const separator = type.kind === "struct" || type.kind === "list" ? ", \n " : ", ";
    return `[${kept.map((value) => scalarToJson(value, type)).join(separator)}]`;
  };
}

/** json_object_agg and its kin. Errors: sql_runtime_error for a null key, and a repeated one where keys must differ. */
export function jsonObject(name: string, keyType: DataType, type: DataType): CollectedResult {
  const isStrict = name.endsWith("_strict");
  const isUnique = name.includes("_unique");
  return (rows, [readKey, readValue]) => {
    const keys = new Set<string>();
    const members: string[] = [];
    for (const row of rows) {
      const key = readKey?.(row) ?? null;
      if (key === null) throw new LakeError("sql_runtime_error", "field name must not be null");
      const value = readValue?.(row) ?? null;
      if (isStrict && value === null) continue;
      const text = scalarToText(key, keyType);
      if (isUnique && keys.has(text)) {
        throw new LakeError("sql_runtime_error", `duplicate JSON object key value: "${text}"`);
      }
      keys.add(text);
      members.push(`${JSON.stringify(text)} : ${scalarToJson(value, type)}`);
    }
    return `{ ${members.join(", ")} }`;
  };
}

/** The JSON that another gives, in jsonb's form. */
export function asJsonb(result: CollectedResult): CollectedResult {
  return (rows, readers) => {
    const text = result(rows, readers);
    return typeof text === "string" ? canonicalJson(text) : text;
  };
}
