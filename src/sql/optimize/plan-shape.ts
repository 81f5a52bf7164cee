// Walking and rebuilding plans.

import { mapAggregate, mapSortKeys, mapWindowCall } from "../expressions.ts";
import type { Expr, FrameBound, PlanNode, SharedRows, WindowCall } from "../plan.ts";

/** The inputs of an operator, left first. */
export function inputsOf(plan: PlanNode): readonly PlanNode[] {
  switch (plan.kind) {
    case "scan":
    case "values":
    case "working_table":
    case "shared":
      return [];
    case "function_scan":
      return plan.input === undefined ? [] : [plan.input];
    case "filter":
    case "project":
    case "aggregate":
    case "window":
    case "sort":
    case "limit":
    case "distinct":
      return [plan.input];
    case "join":
    case "set_operation":
    case "recursive":
      return [plan.left, plan.right];
  }
}

/** The operator with its inputs replaced; the same object when none changed. */
export function mapInputs(plan: PlanNode, change: (input: PlanNode) => PlanNode): PlanNode {
  switch (plan.kind) {
    case "scan":
    case "values":
    case "working_table":
    case "shared":
      return plan;
    case "function_scan": {
      if (plan.input === undefined) return plan;
      const input = change(plan.input);
      return input === plan.input ? plan : { ...plan, input };
    }
    case "filter":
    case "project":
    case "aggregate":
    case "window":
    case "sort":
    case "limit":
    case "distinct": {
      const input = change(plan.input);
      return input === plan.input ? plan : { ...plan, input };
    }
    case "join":
    case "set_operation":
    case "recursive": {
      const left = change(plan.left);
      const right = change(plan.right);
      return left === plan.left && right === plan.right ? plan : { ...plan, left, right };
    }
  }
}

/** Every expression of an operator itself changed; inputs stay. */
export function mapExpressions(plan: PlanNode, change: (expr: Expr) => Expr): PlanNode {
  switch (plan.kind) {
    case "scan":
    case "limit":
    case "distinct":
    case "set_operation":
    case "recursive":
    case "working_table":
    case "shared":
      return plan;
    case "values":
      return { ...plan, rows: plan.rows.map((row) => row.map(change)) };
    case "function_scan":
      return { ...plan, args: plan.args.map(change) };
    case "filter":
      return { ...plan, condition: change(plan.condition) };
    case "project":
      return { ...plan, exprs: plan.exprs.map(change) };
    case "aggregate":
      return {
        ...plan,
        keys: plan.keys.map(change),
        aggregates: plan.aggregates.map((call) => ({
          ...mapAggregate(call, change),
          directArgs: call.directArgs.map(change),
        })),
      };
    case "window":
      return {
        ...plan,
        partitionBy: plan.partitionBy.map(change),
        orderBy: mapSortKeys(plan.orderBy, change),
        calls: plan.calls.map((window) => mapConstants(mapWindowCall(window, change), change)),
      };
    case "sort":
      return { ...plan, keys: mapSortKeys(plan.keys, change) };
    case "join":
      return {
        ...plan,
        equalKeys: plan.equalKeys.map((key) => ({ ...key, left: change(key.left), right: change(key.right) })),
        residual: plan.residual === undefined ? undefined : change(plan.residual),
      };
  }
}

/** The constants of a window call changed: direct arguments and frame offsets. */
function mapConstants(window: WindowCall, change: (expr: Expr) => Expr): WindowCall {
  const { call, frame } = window;
  const mapOffset = (bound: FrameBound): FrameBound =>
    bound.kind === "offset" || bound.kind === "value" ? { ...bound, offset: change(bound.offset) } : bound;
  return {
    ...window,
    call: { ...call, directArgs: call.directArgs.map(change) },
    frame: { ...frame, start: mapOffset(frame.start), end: mapOffset(frame.end) },
  };
}

/** Calls `visit` on every operator, a node before its inputs; what makes shared rows is visited once. */
export function visitPlan(plan: PlanNode, visit: (plan: PlanNode) => void): void {
  const seen = new Set<SharedRows>();
  const walk = (node: PlanNode): void => {
    visit(node);
    for (const input of inputsOf(node)) walk(input);
    if (node.kind !== "shared" || seen.has(node.rows)) return;
    seen.add(node.rows);
    walk(node.rows.plan);
  };
  walk(plan);
}

/** Rebuilds a plan bottom-up. */
export function transformPlan(plan: PlanNode, change: (plan: PlanNode) => PlanNode): PlanNode {
  return change(mapInputs(plan, (input) => transformPlan(input, change)));
}

/** Whether a plan reads the rows of a recursion that runs around it. */
export function readsOuterRecursion(plan: PlanNode): boolean {
  const own = new Set<number>();
  const read = new Set<number>();
  visitPlan(plan, (node) => {
    if (node.kind === "recursive") own.add(node.id);
    if (node.kind === "working_table") read.add(node.id);
  });
  return [...read].some((id) => !own.has(id));
}
