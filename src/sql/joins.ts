// Building joins: which parts of a condition are equal keys, and which columns become nullable.

import type { ColumnSchema } from "#columnar";
import { columnsOf, conjunction, conjunctsOf, remapColumns } from "./expressions.ts";
import type { Expr, JoinKey, PlanNode } from "./plan.ts";

/** A join node. */
export type JoinNode = PlanNode & { readonly kind: "join" };
/** How a join treats rows without a match. */
export type JoinType = JoinNode["joinType"];

function nullable(columns: readonly ColumnSchema[], when: boolean): readonly ColumnSchema[] {
  return when ? columns.map((column) => (column.nullable ? column : { ...column, nullable: true })) : columns;
}

/** The output columns of a join. */
export function joinColumns(type: JoinType, left: PlanNode, right: PlanNode): readonly ColumnSchema[] {
  if (type === "semi" || type === "anti") return left.columns;
  return [
    ...nullable(left.columns, type === "right" || type === "full"),
    ...nullable(right.columns, type === "left" || type === "full"),
  ];
}

/** Which side of a join an expression over left ++ right reads. */
export function sideOf(expr: Expr, leftWidth: number): "none" | "left" | "right" | "both" {
  let readsLeft = false;
  let readsRight = false;
  for (const index of columnsOf(expr)) {
    if (index < leftWidth) readsLeft = true;
    else readsRight = true;
  }
  if (readsLeft) return readsRight ? "both" : "left";
  return readsRight ? "right" : "none";
}

/** An equality between the two sides as a key pair; undefined for any other condition. */
export function equalKeyOf(
  condition: Expr,
  leftWidth: number,
): { readonly left: Expr; readonly right: Expr } | undefined {
  if (condition.kind !== "call" || condition.function !== "=") return undefined;
  const [a, b] = condition.args;
  if (a === undefined || b === undefined) return undefined;
  const toRight = (expr: Expr): Expr => remapColumns(expr, (index) => index - leftWidth);
  const sideA = sideOf(a, leftWidth);
  const sideB = sideOf(b, leftWidth);
  if (sideA === "left" && sideB === "right") return { left: a, right: toRight(b) };
  if (sideA === "right" && sideB === "left") return { left: b, right: toRight(a) };
  return undefined;
}

/** A join whose condition, over left ++ right, is split into equal keys and the rest. */
export function createJoin(type: JoinType, left: PlanNode, right: PlanNode, condition: Expr | undefined): JoinNode {
  const leftWidth = left.columns.length;
  const equalKeys: JoinKey[] = [];
  const rest: Expr[] = [];
  for (const part of conjunctsOf(condition)) {
    const key = equalKeyOf(part, leftWidth);
    if (key === undefined) rest.push(part);
    else equalKeys.push(key);
  }
  const residual = conjunction(rest);
  const isCross = type === "inner" && equalKeys.length === 0 && residual === undefined;
  return {
    kind: "join",
    joinType: isCross ? "cross" : type,
    left,
    right,
    equalKeys,
    residual,
    columns: joinColumns(type, left, right),
  };
}
