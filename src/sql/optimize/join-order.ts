// The order of inner joins: from the smallest result to the next, so that tables no condition connects are not
// multiplied because of the place they have in the text.

import { columnRef, columnsOf, conjunction, conjunctsOf, remapColumns } from "../expressions.ts";
import { createJoin } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { estimateRows, rowsBeforeConditions } from "./estimate.ts";
import { equalColumns, type KeyClass } from "./key-classes.ts";
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

/** What the order of a group is chosen by. */
interface Connected {
  readonly inputs: readonly Input[];
  /** Columns of several inputs that are equal in every row of the result. */
  readonly classes: readonly ClassOfInputs[];
  /** The conditions that are no such equality, and the inputs they read. */
  readonly others: readonly { readonly condition: Expr; readonly reads: ReadonlySet<number> }[];
}

interface ClassOfInputs {
  readonly columns: readonly number[];
  /** Of each column its input's number. */
  readonly inputs: readonly number[];
  /** At most so many different values there are. */
  readonly distinct: number;
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
  const connected = connect({ ...group, inputs });
  const order = inputs.length > MAX_INPUTS ? undefined : chooseOrder(connected);
  if (order === undefined) return mapInputs(plan, orderJoins);
  return build(connected, order, plan);
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
      group.inputs.push({ plan: node, first, rows: estimateRows(node), tableRows: rowsBeforeConditions(node) });
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

function inputOf(inputs: readonly Input[], column: number): number {
  return inputs.findLastIndex((input) => input.first <= column);
}

function connect({ inputs, conditions }: Group): Connected {
  const { classes, others } = equalColumns(conditions, (column) => inputOf(inputs, column));
  return {
    inputs,
    classes: classes.map((columns: KeyClass) => {
      const numbers = columns.map((column) => inputOf(inputs, column));
      return {
        columns,
        inputs: numbers,
        distinct: Math.max(1, Math.min(...numbers.map((number) => inputs[number]?.tableRows ?? 1))),
      };
    }),
    others: others.map((condition) => ({
      condition,
      reads: new Set([...columnsOf(condition)].map((column) => inputOf(inputs, column))),
    })),
  };
}

const EQUALITY = 0.1;
const OTHER = 0.33;

interface Step {
  readonly rows: number;
  readonly isConnected: boolean;
}

/** How many rows joining one more input gives. */
function joinedRows(group: Connected, joined: ReadonlySet<number>, rows: number, next: number): Step {
  const input = group.inputs[next];
  if (input === undefined) return { rows, isConnected: false };
  let keys = 1;
  let isConnected = false;
  for (const { inputs, distinct } of group.classes) {
    if (!inputs.includes(next) || !inputs.some((number) => joined.has(number))) continue;
    keys *= distinct;
    isConnected = true;
  }
  if (isConnected) {
    // Keys of several columns are at most as many as a table has rows.
    const largest = Math.max(...[...joined].map((number) => group.inputs[number]?.tableRows ?? 1));
    keys = Math.min(keys, Math.max(1, Math.min(input.tableRows, largest)));
  }
  let factor = 1;
  for (const { condition, reads } of group.others) {
    if (!reads.has(next) || reads.size < 2 || ![...reads].every((k) => k === next || joined.has(k))) continue;
    const isEquality = condition.kind === "call" && condition.function === "=";
    factor *= isEquality ? EQUALITY : OTHER;
    isConnected ||= isEquality;
  }
  return { rows: Math.max(1, (rows * input.rows * factor) / keys), isConnected };
}

/** Greedy: from each input on always what keeps the result smallest, connected inputs before others. */
function chooseOrder(group: Connected): readonly number[] | undefined {
  const numbers = [...group.inputs.keys()];
  const costOf = (order: readonly number[]): number => {
    const joined = new Set<number>();
    let rows = 1;
    let cost = 0;
    for (const next of order) {
      rows = joined.size === 0 ? (group.inputs[next]?.rows ?? 1) : joinedRows(group, joined, rows, next).rows;
      joined.add(next);
      if (joined.size > 1) cost += rows;
    }
    return cost;
  };
  let best: { readonly order: readonly number[]; readonly cost: number } | undefined;
  for (const start of numbers) {
    const order = greedyFrom(group, start);
    const cost = costOf(order);
    if (best === undefined || cost < best.cost) best = { order, cost };
  }
  return best === undefined || best.cost >= costOf(numbers) * WORTH ? undefined : best.order;
}

function greedyFrom(group: Connected, start: number): readonly number[] {
  const order = [start];
  const joined = new Set(order);
  let rows = group.inputs[start]?.rows ?? 1;
  while (order.length < group.inputs.length) {
    let chosen: { readonly next: number; readonly step: Step } | undefined;
    for (const next of group.inputs.keys()) {
      if (joined.has(next)) continue;
      const step = joinedRows(group, joined, rows, next);
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

/** What makes the columns of a new input equal to those of the classes that are there. */
function classConditions(
  { classes, inputs }: Connected,
  next: number,
  place: ReadonlyMap<number, number>,
): readonly Expr[] {
  const conditions: Expr[] = [];
  for (const { columns, inputs: numbers } of classes) {
    const own = columns.filter((_, i) => numbers[i] === next);
    const [first, ...rest] = [...columns.filter((column, i) => numbers[i] !== next && place.has(column)), ...own];
    const equated = first === own[0] ? rest : own;
    for (const column of equated) {
      const args = [first, column].flatMap((index) => {
        const from = index === undefined ? undefined : inputs[inputOf(inputs, index)];
        const schema = from?.plan.columns[(index ?? 0) - from.first];
        return index === undefined || schema === undefined ? [] : [columnRef(index, schema)];
      });
      conditions.push({ kind: "call", function: "=", args, type: { kind: "boolean" } });
    }
  }
  return conditions;
}

/** The joins in an order, each condition as soon as its columns are there, and the columns as they were. */
function build(group: Connected, order: readonly number[], original: PlanNode): PlanNode {
  const place = new Map<number, number>();
  const placed = (condition: Expr): Expr => remapColumns(condition, (index) => place.get(index) ?? index);
  let waiting: readonly Expr[] = group.others.map(({ condition }) => condition);
  let plan: PlanNode | undefined;
  for (const number of order) {
    const input = group.inputs[number];
    if (input === undefined) continue;
    const equalities = classConditions(group, number, place);
    const width = plan?.columns.length ?? 0;
    for (const i of input.plan.columns.keys()) place.set(input.first + i, width + i);
    const isReady = (condition: Expr): boolean => [...columnsOf(condition)].every((index) => place.has(index));
    const ready = [...equalities, ...waiting.filter(isReady)];
    waiting = waiting.filter((condition) => !isReady(condition));
    const here = conjunction(ready.map((condition) => placed(condition)));
    if (plan !== undefined) plan = createJoin("inner", plan, input.plan, here);
    else if (here === undefined) ({ plan } = input);
    else plan = { kind: "filter", input: input.plan, condition: here, columns: input.plan.columns };
  }
  if (plan === undefined) return original;
  const { columns } = plan;
  const exprs = original.columns.flatMap((_, i) => {
    const index = place.get(i) ?? i;
    const column = columns[index];
    return column === undefined ? [] : [columnRef(index, column)];
  });
  const rest = conjunction(waiting.map((condition) => placed(condition)));
  const input: PlanNode = rest === undefined ? plan : { kind: "filter", input: plan, condition: rest, columns };
  return { kind: "project", input, exprs, columns: original.columns };
}
