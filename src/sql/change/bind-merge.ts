// Binds MERGE: one join of target and source, and for each joined row the first WHEN clause that applies.

import type { MergeStmt, MergeWhenClause, Node } from "libpg-query";
import { BOOLEAN, FALSE, INT32, caseBranch, columnRef, conjunction, literal } from "../expressions.ts";
import { createJoin, type JoinType } from "../joins.ts";
import type { Expr, PlanNode } from "../plan.ts";
import { coerceCondition } from "../bind/coerce.ts";
import { spanAt, unsupported } from "../bind/context.ts";
import { SUBQUERY_BASE, type ExprEnvironment, type SubquerySink } from "../bind/environment.ts";
import { sqlError } from "../bind/errors.ts";
import { bindAssignments, bindInsertedRow, defaultOf, insertColumns } from "./assignments.ts";
import type { ChangeTarget, RowAction, RowSearch } from "./bound-change.ts";
import { carrySubqueries, joinSource, searchPlan, type JoinedTarget } from "./joined-target.ts";

type MatchKind = "matched" | "by target" | "by source";

const MATCH_KINDS: Readonly<Record<string, MatchKind>> = {
  MERGE_WHEN_MATCHED: "matched",
  MERGE_WHEN_NOT_MATCHED_BY_TARGET: "by target",
  MERGE_WHEN_NOT_MATCHED_BY_SOURCE: "by source",
};

/** Binds a MERGE over its target. */
export function bindMerge(node: MergeStmt, target: ChangeTarget, env: ExprEnvironment): RowSearch {
  const { context } = env;
  const joined = joinSource(node.relation, target, node.sourceRelation === undefined ? [] : [node.sourceRelation], env);
  const { source } = joined;
  if (source === undefined) throw unsupported(context, "MERGE without a source is", node.relation?.location);
  const clauses = (node.mergeWhenClauses ?? []).flatMap((item) =>
    "MergeWhenClause" in item ? [item.MergeWhenClause] : [],
  );
  checkReachable(clauses, env, node);
  const on = coerceCondition(
    context,
    env.bind(node.joinCondition, { ...env, scope: joined.scope, aggregates: undefined, clause: "JOIN/ON conditions" }),
    "JOIN/ON",
  );
  const kinds = new Set(clauses.map(kindOf));
  const all = createJoin(joinTypeOf(kinds), joined.target, source.scan, on);
  const correlated: SubquerySink = { firstIndex: SUBQUERY_BASE.list, subqueries: [], below: undefined };
  const actions: RowAction[] = [];
  const branches = clauses.map((clause) => {
    const { action, condition } = bindClause(clause, joined, target, { ...env, correlated });
    const when = conjunction([matchTest(kindOf(clause), all, joined), ...(condition === undefined ? [] : [condition])]);
    const number = action === undefined ? null : actions.push(action) - 1;
    return caseBranch(when ?? FALSE, literal(number, INT32));
  });
  const choice: Expr = { kind: "case", branches, otherwise: literal(null, INT32), type: INT32 };
  const carried = carrySubqueries(all, joined, correlated);
  return {
    plan: searchPlan(carried.plan, joined, carried.inSearch(choice), carried.values),
    scanned: joined.scanned,
    actions: actions.map((action) =>
      action.kind === "delete" ? action : { ...action, values: action.values.map(carried.inAction) },
    ),
    source: { plan: source.plan, table: source.table },
    refusesSecond: true,
  };
}

function kindOf(clause: MergeWhenClause): MatchKind {
  return MATCH_KINDS[clause.matchKind ?? "MERGE_WHEN_MATCHED"] ?? "matched";
}

/** A clause after one of its kind without a condition would never be reached, which PostgreSQL refuses. */
function checkReachable(clauses: readonly MergeWhenClause[], { context }: ExprEnvironment, node: MergeStmt): void {
  const closed = new Set<MatchKind>();
  for (const clause of clauses) {
    const kind = kindOf(clause);
    if (closed.has(kind)) {
      const message = "Unreachable WHEN clause specified after unconditional WHEN clause.";
      throw sqlError("sql_syntax_error", message, spanAt(context, node.relation?.location));
    }
    if (clause.condition === undefined) closed.add(kind);
  }
}

/** Rows without a match are needed only where a clause is about them. */
function joinTypeOf(kinds: ReadonlySet<MatchKind>): JoinType {
  if (kinds.has("by source")) return kinds.has("by target") ? "full" : "left";
  return kinds.has("by target") ? "right" : "inner";
}

function matchTest(kind: MatchKind, found: PlanNode, { width, source }: JoinedTarget): Expr {
  const isPresent = (index: number, negated: boolean): Expr => {
    const column = { ...(found.columns[index] ?? { name: "", type: INT32 }), nullable: true };
    return { kind: "is_null", arg: columnRef(index, column), negated, type: BOOLEAN };
  };
  const rowIndex = width + (source?.table.width ?? 0);
  const inTarget = isPresent(width - 1, kind !== "by target");
  const inSource = isPresent(rowIndex, kind !== "by source");
  return { kind: "and", args: [inTarget, inSource], type: BOOLEAN };
}

function bindClause(
  clause: MergeWhenClause,
  joined: JoinedTarget,
  target: ChangeTarget,
  env: ExprEnvironment,
): { readonly action: RowAction | undefined; readonly condition: Expr | undefined } {
  const { context } = env;
  const kind = kindOf(clause);
  const scope =
    kind === "matched"
      ? joined.scope
      : kind === "by source"
        ? joined.targetScope
        : (joined.sourceScope ?? joined.scope);
  const clauseEnv: ExprEnvironment = { ...env, scope, aggregates: undefined, clause: "MERGE WHEN" };
  const condition =
    clause.condition === undefined
      ? undefined
      : coerceCondition(context, env.bind(clause.condition, clauseEnv), "MERGE WHEN");
  return { action: bindAction(clause, target, clauseEnv), condition };
}

function bindAction(clause: MergeWhenClause, target: ChangeTarget, env: ExprEnvironment): RowAction | undefined {
  switch (clause.commandType as string) {
    case "CMD_DELETE":
      return { kind: "delete" };
    case "CMD_UPDATE":
      return { kind: "update", values: bindAssignments(clause.targetList ?? [], target, env) };
    case "CMD_INSERT":
      return { kind: "insert", values: insertedValues(clause, target, env) };
    default:
      return undefined;
  }
}

function insertedValues(clause: MergeWhenClause, target: ChangeTarget, env: ExprEnvironment): readonly Expr[] {
  const cols: readonly Node[] = clause.targetList ?? [];
  const columns = insertColumns(env.context, target, cols);
  if (clause.values === undefined) return target.columns.map((_, index) => defaultOf(target, index));
  return bindInsertedRow(clause.values, columns, cols.length > 0, target, env);
}
