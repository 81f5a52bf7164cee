// The accumulator of a resolved aggregate call.

import { InvariantViolation } from "#core";
import type { DataType, Scalar } from "#columnar";
import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { AggregateCall } from "../../plan.ts";
import { scalarComparator } from "../../values/index.ts";
import { evaluateConstant } from "../expression.ts";
import type { Accumulator } from "./accumulator.ts";
import {
  asJsonb,
  CollectedAccumulator,
  joinBytes,
  joinTexts,
  jsonList,
  jsonObject,
  listValues,
  modeResult,
  percentileCont,
  percentileDisc,
  type CollectedOrder,
  type CollectedResult,
} from "./collected.ts";
import { CountAccumulator } from "./counts.ts";
import { DecimalExtremeAccumulator, DecimalSumAccumulator } from "./decimal-sums.ts";
import { DistinctCountAccumulator } from "./distinct-count.ts";
import { ChosenAccumulator, createBitFold, createExtreme, FoldAccumulator, preferBy } from "./extremes.ts";
import { NumberPercentileAccumulator } from "./percentiles.ts";
import {
  DecimalVarianceAccumulator,
  FloatVarianceAccumulator,
  IntegerVarianceAccumulator,
  RegressionAccumulator,
} from "./statistics.ts";
import { createIntervalSum, FloatSumAccumulator, IntegerSumAccumulator } from "./sums.ts";

const TEXT: DataType = { kind: "string" };
const INTEGERS = new Set(["int16", "int32", "int64"]);
const FLOATS = new Set(["float32", "float64"]);

/** Types of the values given to `update`: the arguments, then the sort expressions. */
export function accumulatedTypes(call: AggregateCall): DataType[] {
  return [...call.args.map((arg) => arg.type), ...call.orderBy.map((key) => key.expr.type)];
}

function createSum(call: AggregateCall, argType: DataType, average: boolean): Accumulator {
  if (INTEGERS.has(argType.kind)) return new IntegerSumAccumulator(call.type, average);
  if (FLOATS.has(argType.kind)) return new FloatSumAccumulator(call.type, average);
  return argType.kind === "interval"
    ? createIntervalSum(call.type, average)
    : new DecimalSumAccumulator(call.type, average);
}

function createMinOrMax(argType: DataType, wantsMax: boolean): Accumulator {
  return argType.kind === "decimal"
    ? new DecimalExtremeAccumulator(argType, wantsMax)
    : createExtreme(argType, wantsMax);
}

function createVariance(argType: DataType, sample: boolean, root: boolean): Accumulator {
  if (INTEGERS.has(argType.kind)) return new IntegerVarianceAccumulator({ sample, root });
  if (FLOATS.has(argType.kind)) return new FloatVarianceAccumulator({ sample, root });
  return new DecimalVarianceAccumulator({ sample, root });
}

/** The order of kept rows: the call's own; for DISTINCT without one, by the arguments, as PostgreSQL sorts to find duplicates. */
function collectedOrder(call: AggregateCall): CollectedOrder[] {
  if (call.orderBy.length > 0) {
    return call.orderBy.map(({ descending, nullsFirst }, i) => ({
      argument: call.args.length + i,
      descending,
      nullsFirst,
    }));
  }
  if (!call.distinct) return [];
  return call.args.map((_, argument) => ({ argument, descending: false, nullsFirst: false }));
}

function createCollected(call: AggregateCall, skipNulls: boolean, result: CollectedResult): Accumulator {
  return new CollectedAccumulator({
    type: call.type,
    argTypes: accumulatedTypes(call),
    order: collectedOrder(call),
    skipNulls,
    result,
  });
}

/** Types whose vectors are always arrays of numbers. */
const NUMBER_ARRAYS = new Set(["int16", "int32", "float32", "float64", "date", "time", "timestamp"]);

/** Percentiles: the value is the sort expression, or for median and approx_percentile the first argument. */
function createPercentile(call: AggregateCall, fraction: Scalar, interpolate: boolean): Accumulator {
  const [key] = call.orderBy;
  const valueType = key?.expr.type ?? call.args[0]?.type ?? TEXT;
  const descending = key?.descending ?? false;
  if (NUMBER_ARRAYS.has(valueType.kind)) {
    return new NumberPercentileAccumulator({ type: call.type, fraction, interpolate, descending });
  }
  return new CollectedAccumulator({
    type: call.type,
    argTypes: [valueType],
    order: [{ argument: 0, descending, nullsFirst: false }],
    skipNulls: true,
    result: interpolate ? percentileCont(fraction) : percentileDisc(fraction),
  });
}

/** Makes the accumulator of a call. Errors: InvariantViolation for an id the registry does not have. */
export function createAccumulator(call: AggregateCall, env: EvaluationEnvironment): Accumulator {
  const argType = call.args[0]?.type ?? TEXT;
  const constantArg = (i: number): Scalar => {
    const expr = call.directArgs[i] ?? call.args[i + 1];
    return expr === undefined ? null : evaluateConstant(expr, env);
  };
  switch (call.function) {
    case "count":
      return new CountAccumulator(call.args.length === 0 ? "rows" : "present");
    case "count_if":
      return new CountAccumulator("true");
    case "sum":
      return createSum(call, argType, false);
    case "avg":
      return createSum(call, argType, true);
    case "min":
    case "max":
      return createMinOrMax(argType, call.function === "max");
    case "any_value":
    case "first":
      return new ChosenAccumulator(argType, () => false, call.function === "any_value");
    case "last":
      return new ChosenAccumulator(argType, () => true, false);
    case "min_by":
    case "max_by": {
      const rankType = call.args[1]?.type ?? TEXT;
      return new ChosenAccumulator(argType, preferBy(scalarComparator(rankType), call.function === "max_by"), true);
    }
    case "bool_and":
    case "every":
      return new FoldAccumulator(call.type, (a, b) => a === true && b === true);
    case "bool_or":
      return new FoldAccumulator(call.type, (a, b) => a === true || b === true);
    case "bit_and":
    case "bit_or":
    case "bit_xor":
      return createBitFold(call.function, call.type);
    case "var_samp":
      return createVariance(argType, true, false);
    case "var_pop":
      return createVariance(argType, false, false);
    case "stddev_samp":
      return createVariance(argType, true, true);
    case "stddev_pop":
      return createVariance(argType, false, true);
    case "corr":
    case "covar_pop":
    case "covar_samp":
    case "regr_count":
    case "regr_slope":
    case "regr_intercept":
    case "regr_r2":
    case "regr_avgx":
    case "regr_avgy":
    case "regr_sxx":
    case "regr_syy":
    case "regr_sxy":
      return new RegressionAccumulator(call.function, call.type);
    case "approx_count_distinct":
      return new DistinctCountAccumulator([argType]);
    case "string_agg":
      return createCollected(call, true, argType.kind === "binary" ? joinBytes : joinTexts);
    case "array_agg":
      return createCollected(call, false, listValues);
    case "json_agg":
    case "json_agg_strict":
      return createCollected(call, false, jsonList(argType, call.function.endsWith("_strict")));
    case "jsonb_agg":
    case "jsonb_agg_strict":
      return createCollected(call, false, asJsonb(jsonList(argType, call.function.endsWith("_strict"))));
    case "json_object_agg":
    case "json_object_agg_strict":
    case "json_object_agg_unique":
    case "json_object_agg_unique_strict":
      return createCollected(call, false, jsonObject(call.function, argType, call.args[1]?.type ?? TEXT));
    case "jsonb_object_agg":
    case "jsonb_object_agg_strict":
    case "jsonb_object_agg_unique":
    case "jsonb_object_agg_unique_strict":
      return createCollected(call, false, asJsonb(jsonObject(call.function, argType, call.args[1]?.type ?? TEXT)));
    case "percentile_cont":
      return createPercentile(call, constantArg(0), true);
    case "percentile_disc":
      return createPercentile(call, constantArg(0), false);
    case "median":
      return createPercentile(call, 0.5, true);
    case "approx_percentile":
      return createPercentile(call, constantArg(0), true);
    case "mode": {
      const type = call.orderBy[0]?.expr.type ?? argType;
      const compare = scalarComparator(type);
      return createCollected(
        call,
        true,
        modeResult((a, b) => a !== null && b !== null && compare(a, b) === 0),
      );
    }
    default:
      throw new InvariantViolation(`no aggregate ${call.function}`);
  }
}
