// Rows kept by their place in an order: LIMIT inside groups, DISTINCT ON, FETCH … WITH TIES.

import type { ColumnSchema } from "#columnar";
import { BOOLEAN, INT64, TRUE, columnRef, conjunction, literal } from "../expressions.ts";
import type { Expr, PlanNode, SortKey, WindowCall } from "../plan.ts";
import { plainAggregate } from "./aggregate-call.ts";
import { project } from "./output.ts";

/** Numbers that rows get within their partition: each its own, or one for all peers. */
export type Ranking = "row_number" | "rank";

/** A bound on a number. */
export interface RankBound {
  readonly ranking: Ranking;
  readonly operator: ">" | "<=";
  /** A number, or an expression over the row; where it is NULL it bounds nothing. */
  readonly value: number | Expr;
}

/** The rows of `input` whose numbers within their partition keep the bounds; the same columns, in the order asked. */
export function keepRanked(
  input: PlanNode,
  partitionBy: readonly Expr[],
  orderBy: readonly SortKey[],
  bounds: readonly RankBound[],
): PlanNode {
  if (bounds.length === 0) return input;
  const rankings = [...new Set(bounds.map((bound) => bound.ranking))];
  const width = input.columns.length;
  const numbers = rankings.map((name): ColumnSchema => ({ name, type: INT64, nullable: false }));
  const numbered: PlanNode = {
    kind: "window",
    input,
    partitionBy,
    orderBy,
    calls: rankings.map(rankingCall),
    columns: [...input.columns, ...numbers],
  };
  const conditions = bounds.map(({ ranking, operator, value }): Expr => {
    const place = rankings.indexOf(ranking);
    const number: Expr = { kind: "column", index: width + place, name: ranking, type: INT64 };
    const bound = typeof value === "number" ? literal(value, INT64) : value;
    const compared: Expr = { kind: "call", function: operator, args: [number, bound], type: BOOLEAN };
    return typeof value === "number" ? compared : { kind: "coalesce", args: [compared, TRUE], type: BOOLEAN };
  });
  const condition = conjunction(conditions);
  const kept: PlanNode =
    condition === undefined ? numbered : { kind: "filter", input: numbered, condition, columns: numbered.columns };
  return project(
    kept,
    input.columns.map((column, i) => columnRef(i, column)),
    input.columns.map((column) => column.name),
  );
}

function rankingCall(name: Ranking): WindowCall {
  return {
    call: plainAggregate(name, [], INT64),
    isAggregate: false,
    frame: {
      mode: "range",
      start: { kind: "unbounded" },
      end: { kind: "current_row" },
      rangeKey: undefined,
      exclude: "none",
    },
  };
}
