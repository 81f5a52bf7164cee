// Columns that equalities make equal to each other: with a = b and b = c also a = c, so that inputs can be joined by
// whichever of them is there.

import type { Expr } from "../plan.ts";
import { typesEqual } from "../values/index.ts";

/** Columns that are equal in every row, at least two. */
export type KeyClass = readonly number[];

/** What conditions say about columns. */
export interface EqualColumns {
  readonly classes: readonly KeyClass[];
  /** The conditions that are no equality of two columns of different inputs. */
  readonly others: readonly Expr[];
}

/** The columns of `a = b`, when both are columns of one type. */
function equalPair(condition: Expr): readonly [number, number] | undefined {
  if (condition.kind !== "call" || condition.function !== "=") return undefined;
  const [left, right] = condition.args;
  if (left?.kind !== "column" || right?.kind !== "column") return undefined;
  return typesEqual(left.type, right.type) ? [left.index, right.index] : undefined;
}

/** Splits conjuncts into classes of equal columns and the rest. */
export function equalColumns(conditions: readonly Expr[], inputOf: (column: number) => number): EqualColumns {
  const classOf = new Map<number, Set<number>>();
  const others: Expr[] = [];
  for (const condition of conditions) {
    const pair = equalPair(condition);
    if (pair === undefined || inputOf(pair[0]) === inputOf(pair[1])) {
      others.push(condition);
      continue;
    }
    const merged = new Set(pair.flatMap((column) => [...(classOf.get(column) ?? [column])]));
    for (const column of merged) classOf.set(column, merged);
  }
  return { classes: [...new Set(classOf.values())].map((columns) => [...columns]), others };
}
