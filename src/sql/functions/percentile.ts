// Percentiles of values that are in order.

import { LakeError } from "#core";
import type { DataType, Interval, Scalar } from "#columnar";
import { addIntervals, multiplyInterval, subtractIntervals } from "../values/interval.ts";
import type { FunctionCatalog } from "./definition.ts";

/** Checks a percentile's fraction. Errors: numeric_out_of_range. */
function checkFraction(fraction: Scalar): number | null {
  if (fraction === null) return null;
  const value = Number(fraction);
  if (!(value >= 0 && value <= 1)) {
    throw new LakeError("numeric_out_of_range", `percentile value ${value} is not between 0 and 1`);
  }
  return value;
}

/** Applies a function to a fraction or to each of a list of them. Errors: numeric_out_of_range outside 0 to 1. */
export function eachFraction(fraction: Scalar, one: (fraction: number) => Scalar): Scalar {
  if (Array.isArray(fraction)) {
    return (fraction as readonly Scalar[]).map((item) => {
      const checked = checkFraction(item);
      return checked === null ? null : one(checked);
    });
  }
  const checked = checkFraction(fraction);
  return checked === null ? null : one(checked);
}

function interpolate(low: Scalar, high: Scalar, part: number): Scalar {
  if (typeof low === "number" && typeof high === "number") return part === 0 ? low : low + (high - low) * part;
  const from = low as Interval;
  return addIntervals(from, multiplyInterval(subtractIntervals(high as Interval, from), part));
}

/** Reads one of several values that are in order. */
type ReadPlace = (place: number) => Scalar;

/** percentile_cont of `count` values: interpolates between neighbours. */
export function continuousPercentile(count: number, read: ReadPlace, fraction: Scalar): Scalar {
  return eachFraction(fraction, (value) => {
    const position = value * (count - 1);
    const below = Math.floor(position);
    const low = read(below);
    return position === below ? low : interpolate(low, read(below + 1), position - below);
  });
}

/** percentile_disc of `count` values: the first whose place reaches the fraction. */
export function discretePercentile(count: number, read: ReadPlace, fraction: Scalar): Scalar {
  return eachFraction(fraction, (value) => read(Math.max(Math.ceil(value * count), 1) - 1));
}

/**
 * Adds "percentile_cont of" and "percentile_disc of": percentiles of a list in order, for fractions that are no
 * constants. The binder knows their type. No names that SQL could write.
 */
export function definePercentiles({ definePolymorphic }: FunctionCatalog): void {
  for (const [name, percentile] of [
    ["percentile_cont of", continuousPercentile],
    ["percentile_disc of", discretePercentile],
  ] as const) {
    definePolymorphic(name, {
      signature: "any[], any -> any",
      options: {},
      resolve: ([list, fraction]): { argTypes: readonly DataType[]; returnType: DataType } | undefined =>
        list?.kind === "list" && fraction !== undefined
          ? { argTypes: [list, fraction], returnType: list.element }
          : undefined,
      implement: () => (values: readonly Scalar[], fraction: Scalar) =>
        percentile(values.length, (place) => values[place] ?? null, fraction),
    });
  }
}
