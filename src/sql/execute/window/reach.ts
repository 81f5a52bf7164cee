// How far a window call looks: what of a partition that does not fit the memory its value for a row takes.

import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { PlanNode, WindowCall } from "../../plan.ts";
import { evaluateConstant } from "../expression.ts";

type WindowNode = Extract<PlanNode, { kind: "window" }>;

/**
 * - `before`: the rows before it, of which a state is kept, and the row itself;
 * - `around`: rows at a bounded distance, `shift` rows away where only one is looked at, else those of its frame;
 * - `peers`: the rows before it and its peers;
 * - `partition`: a state of all rows of the partition.
 */
export type Reach =
  | { readonly kind: "before" }
  | { readonly kind: "around"; readonly shift: number | undefined }
  | { readonly kind: "peers" }
  | { readonly kind: "partition" };

/** Calls whose value is that of an aggregate over the same frame. */
const CHOSEN: Readonly<Record<string, string>> = { first_value: "first", last_value: "last" };

/** The call as an aggregate over its frame, if it is one. */
export function asAggregate({ call, isAggregate }: WindowCall): WindowCall["call"] | undefined {
  if (isAggregate) return call;
  const name = CHOSEN[call.function];
  return name === undefined ? undefined : { ...call, function: name };
}

/** The reach of a call; undefined when it takes all rows of the partition at once. */
export function reachOf(call: WindowCall, node: WindowNode, env: EvaluationEnvironment): Reach | undefined {
  switch (call.call.function) {
    case "row_number":
    case "rank":
    case "dense_rank":
      return { kind: "before" };
    case "percent_rank":
    case "cume_dist":
    case "ntile":
      return { kind: "partition" };
    case "lag":
      return shifted(call, -1, env);
    case "lead":
      return shifted(call, 1, env);
    default:
      return frameReach(call, node);
  }
}

function shifted({ call }: WindowCall, direction: 1 | -1, env: EvaluationEnvironment): Reach | undefined {
  const [, offset] = call.args;
  if (offset === undefined) return { kind: "around", shift: direction };
  if (offset.kind !== "literal") return undefined;
  const value = evaluateConstant(offset, env);
  return { kind: "around", shift: value === null ? 0 : direction * Number(value) };
}

function frameReach(call: WindowCall, { orderBy }: WindowNode): Reach | undefined {
  const { mode, start, end, exclude } = call.frame;
  if (start.kind !== "unbounded") return end.kind === "unbounded" ? undefined : { kind: "around", shift: undefined };
  if (exclude !== "none" || asAggregate(call) === undefined) return undefined;
  if (end.kind === "unbounded") return { kind: "partition" };
  if (end.kind !== "current_row") return undefined;
  if (mode === "rows") return { kind: "before" };
  // Without an order all rows are peers.
  return { kind: orderBy.length === 0 ? "partition" : "peers" };
}
