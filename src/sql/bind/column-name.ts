// The name PostgreSQL gives a SELECT item without AS (parse_target.c, FigureColname).

import type { Node } from "libpg-query";
import { stringOf, stringsOf } from "./ast.ts";

interface Guess {
  readonly name: string;
  /** A strong guess survives a cast or CASE around it. */
  readonly isStrong: boolean;
}

const JSON_NAMES = [
  ["JsonObjectConstructor", "json_object"],
  ["JsonArrayConstructor", "json_array"],
  ["JsonArrayQueryConstructor", "json_array"],
  ["JsonObjectAgg", "json_objectagg"],
  ["JsonArrayAgg", "json_arrayagg"],
  ["JsonParseExpr", "json"],
  ["JsonScalarExpr", "json_scalar"],
  ["JsonSerializeExpr", "json_serialize"],
] as const;

const strong = (name: string | undefined): Guess | undefined =>
  name === undefined ? undefined : { name, isStrong: true };

function guess(node: Node | undefined): Guess | undefined {
  if (node === undefined) return undefined;
  if ("ColumnRef" in node) return strong(stringsOf(node.ColumnRef.fields).at(-1));
  if ("A_Indirection" in node) {
    const field = (node.A_Indirection.indirection ?? [])
      .map((step) => stringOf(step))
      .findLast((name) => name !== undefined);
    return field === undefined ? guess(node.A_Indirection.arg) : strong(field);
  }
  if ("FuncCall" in node) return strong(stringsOf(node.FuncCall.funcname).at(-1));
  if ("A_Expr" in node) return node.A_Expr.kind === "AEXPR_NULLIF" ? strong("nullif") : undefined;
  if ("TypeCast" in node) {
    const inner = guess(node.TypeCast.arg);
    if (inner?.isStrong === true) return inner;
    const name = stringsOf(node.TypeCast.typeName?.names).at(-1);
    return name === undefined ? inner : { name, isStrong: false };
  }
  if ("CollateClause" in node) return guess(node.CollateClause.arg);
  if ("CaseExpr" in node) {
    const inner = guess(node.CaseExpr.defresult);
    return inner?.isStrong === true ? inner : { name: "case", isStrong: false };
  }
  if ("CoalesceExpr" in node) return strong("coalesce");
  if ("MinMaxExpr" in node) return strong(node.MinMaxExpr.op === "IS_LEAST" ? "least" : "greatest");
  if ("SQLValueFunction" in node) {
    return strong(/^SVFOP_(.*?)(_N)?$/.exec(node.SQLValueFunction.op ?? "")?.[1]?.toLowerCase());
  }
  if ("JsonFuncExpr" in node) return strong(node.JsonFuncExpr.op?.replace("_OP", "").toLowerCase());
  const json = JSON_NAMES.find(([kind]) => kind in node);
  if (json !== undefined) return strong(json[1]);
  if ("A_ArrayExpr" in node) return strong("array");
  if ("RowExpr" in node) return strong("row");
  if ("GroupingFunc" in node) return strong("grouping");
  if ("SubLink" in node) {
    const { subLinkType, subselect } = node.SubLink;
    if (subLinkType === "EXISTS_SUBLINK") return strong("exists");
    if (subLinkType === "ARRAY_SUBLINK") return strong("array");
    if (subLinkType === "EXPR_SUBLINK" && subselect !== undefined && "SelectStmt" in subselect) {
      const target = subselect.SelectStmt.targetList?.[0];
      if (target === undefined || !("ResTarget" in target)) return undefined;
      return strong(target.ResTarget.name ?? deriveColumnName(target.ResTarget.val));
    }
  }
  return undefined;
}

/** The output name of an expression that has no alias. */
export function deriveColumnName(node: Node | undefined): string {
  return guess(node)?.name ?? "?column?";
}
