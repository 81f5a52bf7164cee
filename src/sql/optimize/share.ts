// Parts of a statement's plans that are alike run once. They are looked for after conditions moved down: where the
// uses of a WITH item differ in their conditions, each reads only what it needs, and nothing is alike.

import { operatorText } from "../explain/cache-text.ts";
import type { PlanNode, SharedRows } from "../plan.ts";
import type { TableSource } from "../table-source.ts";
import { estimateRows } from "./estimate.ts";
import { inputsOf, mapExpressions, mapInputs, readsOuterRecursion, transformPlan, visitPlan } from "./plan-shape.ts";
import { isVolatile } from "./properties.ts";
import type { RewriteLog } from "./sargable.ts";

/** More rows than this cost more to keep than to make again, unless a grouping or a DISTINCT made them. */
const MAX_SHARED_ROWS = 500_000;

/** Whether an expression of the plan, or of what it reads, gives another value each time. */
export function isVolatilePlan(plan: PlanNode): boolean {
  let found = false;
  visitPlan(plan, (node) => {
    mapExpressions(node, (expr) => {
      found ||= isVolatile(expr);
      return expr;
    });
  });
  return found;
}

/** All shared rows that plans read, readers before what they read. */
export function sharedRowsOf(plans: readonly PlanNode[]): readonly SharedRows[] {
  const done = new Set<SharedRows>();
  const order: SharedRows[] = [];
  const walk = (node: PlanNode): void => {
    for (const input of inputsOf(node)) walk(input);
    if (node.kind !== "shared" || done.has(node.rows)) return;
    done.add(node.rows);
    walk(node.rows.plan);
    order.push(node.rows);
  };
  for (const plan of plans) walk(plan);
  return order.toReversed();
}

/** The plans with what is alike in them, and costs something, made once. */
export function shareSubplans(plans: readonly PlanNode[], log: RewriteLog): readonly PlanNode[] {
  const alike = createLikeness();
  const counts = new Map<string, number>();
  const count = (node: PlanNode): void => {
    const key = alike(node);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    for (const input of inputsOf(node)) count(input);
  };
  const fences = sharedRowsOf(plans);
  for (const plan of [...plans, ...fences.map((rows) => rows.plan)]) count(plan);
  const made = new Map<string, SharedRows>();
  const replace = (node: PlanNode): PlanNode => {
    const key = alike(node);
    const known = made.get(key);
    if (known === undefined && ((counts.get(key) ?? 0) < 2 || !isWorthSharing(node))) return mapInputs(node, replace);
    const rows = known ?? { name: "", plan: mapInputs(node, replace), isFence: false, readers: 0, wanted: new Set() };
    made.set(key, rows);
    return { kind: "shared", rows, columns: node.columns };
  };
  const replaced = plans.map((plan) => replace(plan));
  for (const rows of fences) rows.plan = replace(rows.plan);
  return countReaders(replaced, log);
}

/** Counts who reads what; rows that are read once, and are no fence, go back into their place. */
function countReaders(plans: readonly PlanNode[], log: RewriteLog): readonly PlanNode[] {
  const shared = sharedRowsOf(plans);
  for (const rows of shared) rows.readers = 0;
  const countIn = (node: PlanNode): void => {
    if (node.kind === "shared") node.rows.readers += 1;
    for (const input of inputsOf(node)) countIn(input);
  };
  for (const plan of [...plans, ...shared.map((rows) => rows.plan)]) countIn(plan);
  const inline = (plan: PlanNode): PlanNode =>
    transformPlan(plan, (node) =>
      node.kind === "shared" && node.rows.readers < 2 && !node.rows.isFence ? inline(node.rows.plan) : node,
    );
  for (const rows of shared) rows.plan = inline(rows.plan);
  for (const { name, readers } of shared) {
    if (readers > 1) {
      const before = `${readers} readers of ${name === "" ? "parts that are alike" : name}`;
      log.rewrites.push({ rule: "shared_subplan", before, after: "made once" });
    }
  }
  return plans.map(inline);
}

/** Tells which plans give the same rows: those with equal keys. */
export function createLikeness(): (node: PlanNode) => string {
  const keys = new Map<PlanNode, string>();
  const numbers = new Map<string, number>();
  const sources = new Map<TableSource, number>();
  const alike = (node: PlanNode): string => {
    const known = keys.get(node);
    if (known !== undefined) return known;
    const inputs = inputsOf(node).map(alike);
    // One table in two of its states has one name.
    const source = node.kind === "scan" ? (sources.get(node.source) ?? sources.size) : "";
    if (node.kind === "scan") sources.set(node.source, Number(source));
    const types = node.columns.map(({ type }) => JSON.stringify(type));
    const text = [operatorText(node), source, ...types, "|", ...inputs].join(" ");
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    const key = String(number);
    keys.set(node, key);
    return key;
  };
  return alike;
}

function isWorthSharing(plan: PlanNode): boolean {
  let readsTable = false;
  let works = false;
  visitPlan(plan, (node) => {
    readsTable ||= node.kind === "scan";
    works ||= node.kind === "aggregate" || node.kind === "join" || node.kind === "distinct" || node.kind === "window";
  });
  if (!readsTable || !works || readsOuterRecursion(plan) || isVolatilePlan(plan)) return false;
  return isSmall(plan) || estimateRows(plan) <= MAX_SHARED_ROWS;
}

/** Whether grouping made the rows few. */
function isSmall(plan: PlanNode): boolean {
  if (plan.kind === "project" || plan.kind === "filter" || plan.kind === "sort") return isSmall(plan.input);
  return plan.kind === "aggregate" || plan.kind === "distinct";
}
