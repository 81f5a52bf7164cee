// Running a scalar function over vectors: constants once, dictionaries once an entry, kernels where there are any.

import { LakeError } from "#core";
import {
  constantVector,
  type DataType,
  type DictionaryVector,
  type FlatVector,
  type Scalar,
  type Vector,
} from "#columnar";
import type { EvaluationLimits, FunctionImplementation } from "../functions/index.ts";
import { buildVector, rowReader, type RowReader } from "./build.ts";
import { createEvaluationGuard, type EvaluationGuard } from "./evaluation-guard.ts";

type Positional = (...args: readonly Scalar[]) => Scalar;

/** Applies a function to the argument vectors of one batch. */
export type VectorFunction = (args: readonly Vector[], rowCount: number) => Vector;

/** Results of a function over a dictionary, kept as long as the dictionary itself. */
type DictionaryMemo = WeakMap<FlatVector, FlatVector>;

/** A dictionary this many times larger than the batch is not worth evaluating as a whole. */
const MAX_DICTIONARY_RATIO = 8;

function rowEvaluator(implementation: FunctionImplementation, args: readonly Vector[]): RowReader {
  const f = implementation.evaluate as unknown as Positional;
  const { strict } = implementation;
  const readers = args.map((arg) => rowReader(arg));
  const [a, b, c] = readers;
  if (readers.length === 1 && a !== undefined) {
    if (!strict) return (row) => f(a(row));
    return (row) => {
      const x = a(row);
      return x === null ? null : f(x);
    };
  }
  if (readers.length === 2 && a !== undefined && b !== undefined) {
    if (!strict) return (row) => f(a(row), b(row));
    return (row) => {
      const x = a(row);
      const y = b(row);
      return x === null || y === null ? null : f(x, y);
    };
  }
  if (readers.length === 3 && a !== undefined && b !== undefined && c !== undefined && strict) {
    return (row) => {
      const x = a(row);
      const y = b(row);
      const z = c(row);
      return x === null || y === null || z === null ? null : f(x, y, z);
    };
  }
  return (row) => {
    const values = readers.map((reader) => reader(row));
    return strict && values.includes(null) ? null : f(...values);
  };
}

/** The only argument that varies, if it is a dictionary worth working through; every other one is constant. */
function dictionaryArgument(args: readonly Vector[], rowCount: number): number {
  let found = -1;
  for (const [i, arg] of args.entries()) {
    if (arg.encoding === "constant") continue;
    if (arg.encoding === "flat" || found >= 0) return -1;
    if (arg.dictionary.length > rowCount * MAX_DICTIONARY_RATIO) return -1;
    found = i;
  }
  return found;
}

function mapDictionary(
  implementation: FunctionImplementation,
  args: readonly Vector[],
  varying: number,
  type: DataType,
  memo: DictionaryMemo,
  guard: EvaluationGuard,
): DictionaryVector | undefined {
  const source = args[varying] as DictionaryVector;
  let mapped = memo.get(source.dictionary);
  if (mapped === undefined) {
    const { dictionary } = source;
    const entries = args.map((arg, i) => (i === varying ? dictionary : { ...arg, length: dictionary.length }));
    try {
      mapped = buildVector(type, dictionary.length, guard.rows(rowEvaluator(implementation, entries)));
    } catch (error) {
      // An entry that no wanted row uses may be the one that fails; rows decide.
      if (error instanceof LakeError) return undefined;
      throw error;
    }
    memo.set(dictionary, mapped);
  }
  return { ...source, type, dictionary: mapped };
}

/**
 * The vector form of a function. A strict function gives null for null arguments; constants fold to constants;
 * a function of one dictionary column runs once an entry and keeps the codes.
 */
export function vectorFunction(
  implementation: FunctionImplementation,
  type: DataType,
  limits?: EvaluationLimits,
): VectorFunction {
  const guard = createEvaluationGuard(type, limits);
  const apply = unguardedFunction(implementation, type, guard);
  return (args, rowCount) => guard.run(() => guard.result(apply(args, rowCount)));
}

function unguardedFunction(
  implementation: FunctionImplementation,
  type: DataType,
  guard: EvaluationGuard,
): VectorFunction {
  let memo: DictionaryMemo = new WeakMap();
  let memoConstants: readonly Scalar[] | undefined;
  const { strict, volatility, kernel } = implementation;
  return (args, rowCount) => {
    if (rowCount === 0) return constantVector(type, null, 0);
    if (strict) {
      for (const arg of args) {
        if (arg.encoding === "constant" && arg.value === null) return constantVector(type, null, rowCount);
      }
    }
    if (volatility !== "volatile") {
      if (args.every((arg) => arg.encoding === "constant")) {
        return constantVector(type, rowEvaluator(implementation, args)(0), rowCount);
      }
      const varying = dictionaryArgument(args, rowCount);
      // Null rows keep their validity, so only strict functions may skip them.
      if (varying >= 0 && (strict || (args[varying] as DictionaryVector).validity === undefined)) {
        const constants = args.map((arg) => (arg.encoding === "constant" ? arg.value : null));
        if (memoConstants === undefined || constants.some((value, i) => !Object.is(value, memoConstants?.[i]))) {
          memo = new WeakMap();
          memoConstants = constants;
        }
        const mapped = mapDictionary(implementation, args, varying, type, memo, guard);
        if (mapped !== undefined) return mapped;
      }
    }
    const fast = kernel?.(args, rowCount);
    if (fast !== undefined) return fast;
    return buildVector(type, rowCount, guard.rows(rowEvaluator(implementation, args)));
  };
}
