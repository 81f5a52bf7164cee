// Bounds on what evaluating expressions may hold and how long it may go unwatched: one function over one batch can make
// gigabytes out of a short query.

import { vectorByteSize, type DataType, type Vector } from "#columnar";
import type { EvaluationLimits } from "../functions/index.ts";
import { temporalRange } from "../values/temporal-range.ts";
import { checkValueSize, tooLarge } from "../values/limits.ts";
import type { RowReader } from "./build.ts";

/** Rows between two looks at the clock. */
const ROWS_PER_CHECK = 64;
/** Bytes between two looks at the budget. */
const BYTES_PER_CHECK = 256 * 1024;

/** Watches one function of an operator; its latest result counts as held. */
export interface EvaluationGuard {
  /** The same reader, which ends the query when values become too large or time is up. */
  rows(at: RowReader): RowReader;
  /** Accounts for a finished result. */
  result<V extends Vector>(vector: V): V;
  /** Runs a function; the engine's own limits become ours. */
  run<T>(evaluate: () => T): T;
}

function hasVariableSize(type: DataType): boolean {
  return ["string", "json", "binary", "list", "struct", "map", "decimal"].includes(type.kind);
}

/** A guard for a function with results of `type`; without limits, as when constants are folded, it bounds values alone. */
export function createEvaluationGuard(type: DataType, limits: EvaluationLimits | undefined): EvaluationGuard {
  const isVariable = hasVariableSize(type);
  const checkRange = temporalRange(type);
  const account = isVariable ? limits?.open() : undefined;
  return {
    rows(at) {
      let bytes = 0;
      let nextCheck = BYTES_PER_CHECK;
      let rows = 0;
      return (row) => {
        if (++rows % ROWS_PER_CHECK === 0) limits?.checkTime();
        const value = at(row);
        if (checkRange !== undefined && value !== null) checkRange(value);
        if (isVariable) {
          bytes += checkValueSize(value);
          if (bytes > nextCheck) {
            account?.resize(bytes);
            nextCheck = bytes + BYTES_PER_CHECK;
          }
        }
        return value;
      };
    },
    result(vector) {
      if (vector.encoding === "constant" && vector.value !== null) checkRange?.(vector.value);
      if (isVariable) {
        if (vector.encoding === "constant") checkValueSize(vector.value);
        account?.resize(vectorByteSize(vector));
      }
      return vector;
    },
    run(evaluate) {
      try {
        return evaluate();
      } catch (error) {
        if (error instanceof RangeError && !/call stack/i.test(error.message)) {
          throw tooLarge("a value larger than an isolate can hold");
        }
        throw error;
      }
    },
  };
}
