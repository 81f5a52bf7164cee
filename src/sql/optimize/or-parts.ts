// What an OR over several tables says of each of them alone: of (a.x = 1 AND b.y = 2) OR (a.x = 2 AND b.y = 1) also
// (a.x = 1 OR a.x = 2), which the table's scan can ask.

import { columnsOf, conjunction, conjunctsOf } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { transformPlan } from "./plan-shape.ts";

/** Columns [first, end) of a filter's input that are of one input of its joins. */
interface Part {
  readonly first: number;
  readonly end: number;
}

/** Adds to filters over joins what their ORs imply for single inputs. */
export function impliedByOr(plan: PlanNode): PlanNode {
  return transformPlan(plan, (node) => {
    if (node.kind !== "filter") return node;
    const parts = partsOf(node.input, 0);
    if (parts.length < 2) return node;
    const conjuncts = conjunctsOf(node.condition);
    const implied = conjuncts.flatMap((part) => (part.kind === "or" ? impliedParts(part.args, parts) : []));
    const condition = implied.length === 0 ? undefined : conjunction([...conjuncts, ...implied]);
    return condition === undefined ? node : { ...node, condition };
  });
}

function partsOf(plan: PlanNode, first: number): readonly Part[] {
  if (plan.kind === "join" && (plan.joinType === "inner" || plan.joinType === "cross")) {
    return [...partsOf(plan.left, first), ...partsOf(plan.right, first + plan.left.columns.length)];
  }
  return [{ first, end: first + plan.columns.length }];
}

function impliedParts(branches: readonly Expr[], parts: readonly Part[]): readonly Expr[] {
  const conjuncts = branches.map((branch) => conjunctsOf(branch));
  return parts.flatMap(({ first, end }) => {
    const own = conjuncts.map((list) => list.filter((part) => isComparison(part) && isWithin(part, first, end)));
    if (own.some((list) => list.length === 0)) return [];
    // An OR over this input alone is pushed down as it is.
    if (conjuncts.every((list) => list.every((part) => isWithin(part, first, end)))) return [];
    const args = own.flatMap((list) => conjunction(list) ?? []);
    return [{ kind: "or", args, type: { kind: "boolean" } } satisfies Expr];
  });
}

function isWithin(expr: Expr, first: number, end: number): boolean {
  const columns = [...columnsOf(expr)];
  return columns.length > 0 && columns.every((index) => index >= first && index < end);
}

const COMPARISONS = new Set(["=", "<>", "<", "<=", ">", ">="]);

function isPlain({ kind }: Expr): boolean {
  return kind === "column" || kind === "literal";
}

/** Comparisons of columns with constants: they raise no error on rows that another condition leaves out. */
function isComparison(expr: Expr): boolean {
  if (expr.kind === "in_list") return isPlain(expr.arg) && expr.list.every((item) => isPlain(item));
  return expr.kind === "call" && COMPARISONS.has(expr.function) && expr.args.every((arg) => isPlain(arg));
}
