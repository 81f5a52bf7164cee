// The order of inner joins: from the smallest result to the next, so that tables no condition connects are not
// multiplied because of the place they have in the text.

import { columnRef, columnsOf, conjunction, conjunctsOf, remapColumns } from "../expressions.ts";
import { createJoin } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { estimateRows } from "./estimate.ts";
import { mapInputs } from "./plan-shape.ts";

/** One input of a group of inner joins. `first` is the number of its first column among those of all inputs. */
interface Input {
  readonly plan: PlanNode;
  readonly first: number;
  readonly rows: number;
  /** Rows of the table before conditions: at most so many different values a key has. */
  readonly tableRows: number;
}

interface Group {
  readonly inputs: Input[];
  /** Over the columns of all inputs in the order of the text. */
  readonly conditions: Expr[];
}

/** Fewer inputs have one order that matters little. */
const MIN_INPUTS = 3;
/** More inputs would take long to order. */
const MAX_INPUTS = 24;
/** A new order must promise this part of the old one's rows. */
const WORTH = 0.7;

/** Puts the inner joins of a plan into an order with small intermediate results; output columns keep their order. */
export function orderJoins(plan: PlanNode): PlanNode {
  const group = gather(plan);
  if (group.inputs.length < MIN_INPUTS) return mapInputs(plan, orderJoins);
  const inputs = group.inputs.map((input) => ({ ...input, plan: orderJoins(input.plan) }));
  const own = { ...group, inputs };
  const ordered = inputs.length > MAX_INPUTS ? inputs : chooseOrder(own);
  if (ordered === inputs) return mapInputs(plan, orderJoins);
  return build(own, ordered, plan);
}

function shift(by: number): (index: number) => number {
  return (index) => index + by;
}

/** The inputs and conditions of directly nested inner joins. */
function gather(plan: PlanNode): Group {
  const group: Group = { inputs: [], conditions: [] };
  const visit = (node: PlanNode, first: number): void => {
    const isInner = node.kind === "join" && (node.joinType === "inner" || node.joinType === "cross");
    // A NULL-matching key is no comparison that could be written as a condition.
    if (!isInner || node.equalKeys.some((key) => key.nullsEqual === true)) {
      group.inputs.push({ plan: node, first, rows: estimateRows(node), tableRows: tableRowsOf(node) });
      return;
    }
    const width = node.left.columns.length;
    visit(node.left, first);
    visit(node.right, first + width);
    for (const { left, right } of node.equalKeys) {
      const args = [remapColumns(left, shift(first)), remapColumns(right, shift(first + width))];
      group.conditions.push({ kind: "call", function: "=", args, type: { kind: "boolean" } });
    }
    for (const part of conjunctsOf(node.residual)) group.conditions.push(remapColumns(part, shift(first)));
  };
  visit(plan, 0);
  return group;
}

function tableRowsOf(plan: PlanNode): number {
  if (plan.kind === "filter" || plan.kind === "project" || plan.kind === "sort") return tableRowsOf(plan.input);
  return estimateRows(plan);
}

/** Which inputs, by number, a condition reads. */
function inputsRead({ inputs }: Group, condition: Expr): ReadonlySet<number> {
  const read = new Set<number>();
  for (const index of columnsOf(condition)) {
    read.add(inputs.findLastIndex((input) => input.first <= index));
  }
  return read;
}

const EQUALITY = 0.1;
const OTHER = 0.33;

interface Step {
  readonly rows: number;
  readonly isConnected: boolean;
}

/** How many rows joining one more input gives. */
function joinedRows(
  group: Group,
  joined: ReadonlySet<number>,
  rows: number,
  next: number,
  reads: readonly ReadonlySet<number>[],
): Step {
  const input = group.inputs[next];
  if (input === undefined) return { rows, isConnected: false };
  let factor = 1;
  let isConnected = false;
  for (const [i, condition] of group.conditions.entries()) {
    const read = reads[i] ?? new Set();
    if (!read.has(next) || read.size < 2 || ![...read].every((k) => k === next || joined.has(k))) continue;
    const isEquality = condition.kind === "call" && condition.function === "=";
    if (isEquality && !isConnected) {
      const others = [...read].filter((k) => k !== next).map((k) => group.inputs[k]?.tableRows ?? 1);
      factor *= 1 / Math.max(1, Math.min(input.tableRows, ...others));
      isConnected = true;
    } else factor *= isEquality ? EQUALITY : OTHER;
  }
  return { rows: Math.max(1, rows * input.rows * factor), isConnected };
}

/** Greedy: the smallest pair, then always what keeps the result smallest, connected inputs before others. */
function chooseOrder(group: Group): readonly Input[] {
  const reads = group.conditions.map((condition) => inputsRead(group, condition));
  const numbers = [...group.inputs.keys()];
  const costOf = (order: readonly number[]): number => {
    const joined = new Set<number>();
    let rows = 1;
    let cost = 0;
    for (const next of order) {
      rows = joined.size === 0 ? (group.inputs[next]?.rows ?? 1) : joinedRows(group, joined, rows, next, reads).rows;
      joined.add(next);
      if (joined.size > 1) cost += rows;
    }
    return cost;
  };
  let best: { readonly order: readonly number[]; readonly cost: number } | undefined;
  for (const start of numbers) {
    const order = greedyFrom(group, start, reads);
    const cost = costOf(order);
    if (best === undefined || cost < best.cost) best = { order, cost };
  }
  if (best === undefined || best.cost >= costOf(numbers) * WORTH) return group.inputs;
  return best.order.flatMap((i) => group.inputs[i] ?? []);
}

function greedyFrom(group: Group, start: number, reads: readonly ReadonlySet<number>[]): readonly number[] {
  const order = [start];
  const joined = new Set(order);
  let rows = group.inputs[start]?.rows ?? 1;
  while (order.length < group.inputs.length) {
    let chosen: { readonly next: number; readonly step: Step } | undefined;
    for (const next of group.inputs.keys()) {
      if (joined.has(next)) continue;
      const step = joinedRows(group, joined, rows, next, reads);
      const isBetter =
        chosen === undefined ||
        (step.isConnected && !chosen.step.isConnected) ||
        (step.isConnected === chosen.step.isConnected && step.rows < chosen.step.rows);
      if (isBetter) chosen = { next, step };
    }
    if (chosen === undefined) break;
    order.push(chosen.next);
    joined.add(chosen.next);
    ({ rows } = chosen.step);
  }
  return order;
}

/** The joins in an order, each condition as soon as its columns are there, and the columns as they were. */
function build(group: Group, order: readonly Input[], original: PlanNode): PlanNode {
  const place = new Map<number, number>();
  let waiting: readonly Expr[] = group.conditions;
  let plan: PlanNode | undefined;
  for (const input of order) {
    const width = plan?.columns.length ?? 0;
    for (const i of input.plan.columns.keys()) place.set(input.first + i, width + i);
    if (plan === undefined) {
      ({ plan } = input);
      continue;
    }
    const ready = waiting.filter((condition) => [...columnsOf(condition)].every((index) => place.has(index)));
    waiting = waiting.filter((condition) => !ready.includes(condition));
    const here = ready.map((condition) => remapColumns(condition, (index) => place.get(index) ?? index));
    plan = createJoin("inner", plan, input.plan, conjunction(here));
  }
  if (plan === undefined) return original;
  const { columns } = plan;
  const exprs = original.columns.flatMap((_, i) => {
    const index = place.get(i) ?? i;
    const column = columns[index];
    return column === undefined ? [] : [columnRef(index, column)];
  });
  const rest = conjunction(waiting.map((condition) => remapColumns(condition, (index) => place.get(index) ?? index)));
  const input: PlanNode = rest === undefined ? plan : { kind: "filter", input: plan, condition: rest, columns };
  return { kind: "project", input, exprs, columns: original.columns };
}
