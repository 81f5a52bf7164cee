// Comparison operators and the functions built on order: greatest, least, nullif, IS DISTINCT FROM, ANY and ALL.

import type { DataType, Scalar } from "#columnar";
import { scalarComparator } from "../values/index.ts";
import { comparisonKernel, type ComparisonOperator } from "./comparison-kernels.ts";
import { decimalComparisonKernel } from "./decimal-kernels.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";
import { likeMatcher } from "./pattern.ts";
import { commonType, commonTypeOf } from "./resolve.ts";

const BOOLEAN: DataType = { kind: "boolean" };
const TEXT: DataType = { kind: "string" };

/** What an order means for each comparison operator. */
export const COMPARISONS: Readonly<Record<ComparisonOperator, (order: number) => boolean>> = {
  "=": (order) => order === 0,
  "<>": (order) => order !== 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
};

const compareText = scalarComparator(TEXT);

function textIfUntyped(type: DataType | undefined): DataType | undefined {
  return type?.kind === "null" ? TEXT : type;
}

function firstType(types: readonly DataType[]): DataType {
  return types[0] ?? TEXT;
}

function comparison(operator: ComparisonOperator): PolymorphicFunction {
  const test = COMPARISONS[operator];
  return {
    signature: "any, any -> bool",
    options: { safe: true },
    resolve([left, right, ...rest]) {
      if (left === undefined || right === undefined || rest.length > 0) return undefined;
      const type = textIfUntyped(commonType(left, right));
      return type === undefined ? undefined : { argTypes: [type, type], returnType: BOOLEAN };
    },
    implement(argTypes) {
      const compare = scalarComparator(firstType(argTypes));
      return (a: Scalar, b: Scalar) => test(compare(a, b));
    },
    kernel(argTypes) {
      const type = firstType(argTypes);
      return type.kind === "decimal" ? decimalComparisonKernel(operator) : comparisonKernel(operator, type);
    },
  };
}

function distinctness(negated: boolean): PolymorphicFunction {
  return {
    signature: "any, any -> bool",
    options: { safe: true, strict: false },
    resolve: comparison("=").resolve,
    implement(argTypes) {
      const compare = scalarComparator(firstType(argTypes));
      return (a: Scalar, b: Scalar) => (a === null || b === null ? a === b : compare(a, b) === 0) === negated;
    },
  };
}

function extreme(sign: 1 | -1): PolymorphicFunction {
  return {
    signature: "any, ... -> any",
    options: { safe: true, strict: false },
    resolve(given) {
      const type = textIfUntyped(commonTypeOf(given));
      if (type === undefined || given.length === 0) return undefined;
      return { argTypes: given.map(() => type), returnType: type };
    },
    implement(argTypes) {
      const compare = scalarComparator(firstType(argTypes));
      return (...values: readonly Scalar[]) => {
        let best: Scalar = null;
        for (const value of values) {
          if (value !== null && (best === null || compare(value, best) * sign > 0)) best = value;
        }
        return best;
      };
    },
  };
}

const NULLIF: PolymorphicFunction = {
  signature: "any, any -> any",
  options: { safe: true, strict: false },
  resolve([left, right, ...rest]) {
    if (left === undefined || right === undefined || rest.length > 0) return undefined;
    const type = textIfUntyped(commonType(left, right));
    return type === undefined ? undefined : { argTypes: [type, type], returnType: type };
  },
  implement(argTypes) {
    const compare = scalarComparator(firstType(argTypes));
    return (a: Scalar, b: Scalar) => (a !== null && b !== null && compare(a, b) === 0 ? null : a);
  },
};

const COALESCE_ALIAS: PolymorphicFunction = {
  signature: "any, ... -> any",
  options: { safe: true, strict: false },
  resolve: extreme(1).resolve,
  implement:
    () =>
    (...values: readonly Scalar[]) =>
      values.find((value) => value !== null) ?? null,
};

/** `value op ANY (list)` and `value op ALL (list)` as functions named "= any", "<> all" and so on. */
function quantified(
  quantifier: "any" | "all",
  testOf: (type: DataType) => (a: Scalar, b: Scalar) => boolean,
): PolymorphicFunction {
  const stopAt = quantifier === "any";
  return {
    signature: "any, any[] -> bool",
    // No element at all decides, even for NULL.
    options: { safe: true, strict: false },
    resolve([left, right, ...rest]) {
      if (left === undefined || right === undefined || rest.length > 0) return undefined;
      const element = right.kind === "null" ? left : right.kind === "list" ? right.element : undefined;
      if (element === undefined) return undefined;
      const type = textIfUntyped(commonType(left, element));
      return type === undefined
        ? undefined
        : { argTypes: [type, { kind: "list", element: type }], returnType: BOOLEAN };
    },
    implement(argTypes) {
      const test = testOf(firstType(argTypes));
      return (value: Scalar, list: readonly Scalar[] | null) => {
        if (list === null) return null;
        if (list.length > 0 && value === null) return null;
        let sawNull = false;
        for (const item of list) {
          if (item === null) sawNull = true;
          else if (test(value, item) === stopAt) return stopAt;
        }
        return sawNull ? null : !stopAt;
      };
    },
  };
}

/** Adds comparisons and what follows from order. */
export function defineComparisons(catalog: FunctionCatalog): void {
  for (const operator of ["=", "<>", "<", "<=", ">", ">="] as const) {
    catalog.definePolymorphic(operator, comparison(operator));
    const testOf = (type: DataType): ((a: Scalar, b: Scalar) => boolean) => {
      const compare = scalarComparator(type);
      return (a, b) => COMPARISONS[operator](compare(a, b));
    };
    catalog.definePolymorphic(`${operator} any`, quantified("any", testOf));
    catalog.definePolymorphic(`${operator} all`, quantified("all", testOf));
  }
  for (const [operator, ignoreCase, negated] of [
    ["~~", false, false],
    ["!~~", false, true],
    ["~~*", true, false],
    ["!~~*", true, true],
  ] as const) {
    const testOf = () => (a: Scalar, b: Scalar) => likeMatcher(b as string, ignoreCase)(a as string) !== negated;
    catalog.definePolymorphic(`${operator} any`, quantified("any", testOf));
    catalog.definePolymorphic(`${operator} all`, quantified("all", testOf));
  }
  for (const [operator, meaning] of [
    ["~<~", "<"],
    ["~<=~", "<="],
    ["~>~", ">"],
    ["~>=~", ">="],
  ] as const) {
    // By code points, which all comparisons of texts are.
    catalog.define(operator, "text, text -> bool", (a: string, b: string) => COMPARISONS[meaning](compareText(a, b)), {
      safe: true,
    });
  }
  catalog.alias("<>", "!=");
  catalog.definePolymorphic("is_distinct_from", distinctness(false));
  catalog.definePolymorphic("is_not_distinct_from", distinctness(true));
  catalog.definePolymorphic("greatest", extreme(1));
  catalog.definePolymorphic("least", extreme(-1));
  catalog.definePolymorphic("nullif", NULLIF);
  catalog.definePolymorphic("ifnull", COALESCE_ALIAS);
  catalog.alias("ifnull", "nvl");
}
