// What several calls of one aggregation have in common is computed once: parts of their arguments, and the sums that
// both sum and avg of the same argument need.

import type { Vector } from "#columnar";
import { expressionToText } from "../../explain/expression-text.ts";
import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { AggregateCall, Expr } from "../../plan.ts";
import { compileSharing, type CompiledExpr } from "../expression.ts";
import { isVolatile } from "../expression-properties.ts";
import type { Accumulator, SumAccumulator } from "./accumulator.ts";
import { createAccumulator } from "./create.ts";

/** Sums of an argument that another call sees to. */
class SharedSum implements Accumulator {
  readonly byteSize = 0;
  private readonly sums: SumAccumulator;
  private readonly call: AggregateCall;

  constructor(sums: SumAccumulator, call: AggregateCall) {
    this.sums = sums;
    this.call = call;
  }

  reserve(): void {
    // The call whose sums they are does.
  }

  update(): void {
    // The call whose sums they are does.
  }

  finish(groupCount: number): Vector {
    return this.sums.finishAs(this.call.type, this.call.function === "avg", groupCount);
  }
}

/** Compiles arguments and creates accumulators of the calls of one aggregation. */
export class SharedWork {
  /** Compiles an expression; parts of several are computed once a batch. */
  readonly compile: (expr: Expr) => CompiledExpr;
  private readonly sums = new Map<string, SumAccumulator>();
  private readonly env: EvaluationEnvironment;

  constructor(env: EvaluationEnvironment) {
    this.env = env;
    this.compile = compileSharing(env);
  }

  /** The accumulator of a call, which may be a view of another call's. */
  accumulatorOf(call: AggregateCall): Accumulator {
    const [arg] = call.args;
    const isSum = call.function === "sum" || call.function === "avg";
    if (!isSum || call.distinct || call.filter !== undefined || arg === undefined || isVolatile(arg, this.env)) {
      return createAccumulator(call, this.env);
    }
    const key = `${arg.type.kind} ${expressionToText(arg, { isCanonical: true })}`;
    const known = this.sums.get(key);
    if (known !== undefined) return new SharedSum(known, call);
    const accumulator = createAccumulator(call, this.env);
    if ("finishAs" in accumulator) this.sums.set(key, accumulator as SumAccumulator);
    return accumulator;
  }
}
