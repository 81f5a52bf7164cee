// Signatures of the window functions. Aggregates serve as window functions as well; what these give is computed in
// ../execute/window-functions.ts. Source: PostgreSQL manual, "Window Functions".

import type { DataType } from "#columnar";
import { typeOf } from "./definition.ts";
import { commonType } from "./resolve.ts";

/** A window function chosen for argument types. */
export interface ResolvedWindowFunction {
  readonly name: string;
  readonly argTypes: readonly DataType[];
  readonly returnType: DataType;
}

const TEXT = typeOf("text");
const INT4 = typeOf("int4");

const WITHOUT_ARGUMENTS: Readonly<Record<string, DataType>> = {
  row_number: typeOf("int8"),
  rank: typeOf("int8"),
  dense_rank: typeOf("int8"),
  percent_rank: typeOf("float8"),
  cume_dist: typeOf("float8"),
};

/** The fewest and the most arguments of functions that give a value of their first argument's type. */
const VALUE_FUNCTIONS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  lag: [1, 3],
  lead: [1, 3],
  first_value: [1, 1],
  last_value: [1, 1],
  nth_value: [2, 2],
};

/** Every window function's name. */
export function windowFunctionNames(): readonly string[] {
  return [...Object.keys(WITHOUT_ARGUMENTS), "ntile", ...Object.keys(VALUE_FUNCTIONS)];
}

/** Whether a name is a window function that is no aggregate. */
export function isWindowFunction(name: string): boolean {
  return windowFunctionNames().includes(name);
}

/** The signature for these arguments; undefined when there is none. */
export function resolveWindowFunction(name: string, given: readonly DataType[]): ResolvedWindowFunction | undefined {
  const plain = WITHOUT_ARGUMENTS[name];
  if (plain !== undefined) return given.length === 0 ? { name, argTypes: [], returnType: plain } : undefined;
  if (name === "ntile") return given.length === 1 ? { name, argTypes: [INT4], returnType: INT4 } : undefined;
  const arity = VALUE_FUNCTIONS[name];
  const [value, , otherwise] = given;
  if (arity === undefined || value === undefined || given.length < arity[0] || given.length > arity[1])
    return undefined;
  const common = otherwise === undefined ? value : commonType(value, otherwise);
  if (common === undefined) return undefined;
  const type = common.kind === "null" ? TEXT : common;
  return { name, argTypes: given.map((_, i) => (i === 1 ? INT4 : type)), returnType: type };
}
