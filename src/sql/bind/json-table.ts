// JSON in FROM: JSON_TABLE, and functions that give records whose columns the query defines.

import type { JsonTable, JsonTableColumn, Node } from "libpg-query";
import type { ColumnSchema, DataType } from "#columnar";
import { INT32, TEXT, columnRef, literal } from "../expressions.ts";
import type { JsonTableLevel } from "../functions/sql-json.ts";
import type { Expr, PlanNode, SourceSpan } from "../plan.ts";
import { stringOf } from "./ast.ts";
import { bindCall, coerce, resolveUnknown } from "./coerce.ts";
import { spanAt, unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { bindPassing, bindSearch } from "./json-functions.ts";
import { project } from "./output.ts";
import { resolvePlainType } from "./type-names.ts";

const JSON_TYPE: DataType = { kind: "json" };
const JSONB: DataType = { kind: "json", canonical: true };

interface Level {
  readonly spec: JsonTableLevel;
  /** Columns with the number of the level they read. */
  readonly columns: readonly { readonly node: JsonTableColumn; readonly level: number }[];
  readonly next: number;
}

function pathText(node: Node | undefined): string {
  return node !== undefined && "A_Const" in node ? (node.A_Const.sval?.sval ?? "$") : "$";
}

/** A path with those nested in it; levels are numbered as they are written. */
function levelOf(path: string, nodes: readonly Node[], number: number): Level {
  let next = number + 1;
  const columns: { node: JsonTableColumn; level: number }[] = [];
  const nested: JsonTableLevel[] = [];
  for (const item of nodes) {
    if (!("JsonTableColumn" in item)) continue;
    const node = item.JsonTableColumn;
    if (node.coltype !== "JTC_NESTED") {
      columns.push({ node, level: number });
      continue;
    }
    const inner = levelOf(pathText(node.pathspec?.string), node.columns ?? [], next);
    next = inner.next;
    nested.push(inner.spec);
    columns.push(...inner.columns);
  }
  return { spec: { path, nested }, columns, next };
}

function bindColumn(
  node: JsonTableColumn,
  item: Expr,
  number: Expr,
  variables: Expr,
  env: ExprEnvironment,
  span: SourceSpan,
): Expr {
  const { context } = env;
  if (node.coltype === "JTC_FOR_ORDINALITY") return number;
  if (node.typeName === undefined) throw unsupported(context, "A column without a type is", node.location);
  const type = resolvePlainType(context, node.typeName);
  const plain = [node.wrapper, node.quotes].every((word) => word === undefined || word.endsWith("_UNSPEC"));
  const isScalar = node.coltype === "JTC_REGULAR" && plain && type.kind !== "json" && type.kind !== "list";
  return bindSearch(
    {
      kind: node.coltype === "JTC_EXISTS" ? "exists" : isScalar ? "value" : "query",
      document: item,
      path: literal(
        node.pathspec === undefined ? `$.${JSON.stringify(node.name ?? "")}` : pathText(node.pathspec.string),
        TEXT,
      ),
      variables,
      type,
    },
    node,
    env,
    span,
  );
}

/** The rows of JSON_TABLE. */
export function bindJsonTable(node: JsonTable, env: ExprEnvironment): PlanNode {
  const { context } = env;
  const span = spanAt(context, node.location);
  const level = levelOf(pathText(node.pathspec?.string), node.columns ?? [], 0);
  const throws = node.on_error?.btype === "JSON_BEHAVIOR_ERROR";
  const document = coerce(context, env.bind(node.context_item?.raw_expr, env), JSON_TYPE, "explicit", span);
  const variables = bindPassing(node.passing, env, span);
  const made: ColumnSchema[] = Array.from({ length: level.next }, (_, i) => [
    { name: `item${i}`, type: JSON_TYPE, nullable: true },
    { name: `number${i}`, type: INT32, nullable: true },
  ]).flat();
  const rows: PlanNode = {
    kind: "function_scan",
    function: "json table",
    args: [document, variables, literal(JSON.stringify({ ...level.spec, throws }), TEXT)],
    columns: made,
  };
  const refs = made.map((column, i) => columnRef(i, column));
  const exprs = level.columns.map(({ node: column, level: at }) => {
    const [item, number] = refs.slice(2 * at, 2 * at + 2);
    if (item === undefined || number === undefined) throw unsupported(context, "This column is", column.location);
    return bindColumn(column, item, number, variables, env, span);
  });
  return project(
    rows,
    exprs,
    level.columns.map(({ node: column }) => column.name ?? "?column?"),
  );
}

const RECORD_FUNCTIONS: Readonly<Record<string, "one" | "many">> = {
  json_to_record: "one",
  jsonb_to_record: "one",
  json_to_recordset: "many",
  jsonb_to_recordset: "many",
};

/** The rows of json_to_record(…) AS t(a int, …) and its kin: the columns are members of each object. */
export function bindRecords(call: Node | undefined, definitions: readonly Node[], env: ExprEnvironment): PlanNode {
  const { context } = env;
  const node = call !== undefined && "FuncCall" in call ? call.FuncCall : undefined;
  const name = stringOf(node?.funcname?.at(-1)) ?? "";
  const how = RECORD_FUNCTIONS[name];
  const [arg] = node?.args ?? [];
  if (node === undefined || how === undefined || arg === undefined) {
    throw unsupported(context, "A column definition list of this function is", node?.location);
  }
  const span = spanAt(context, node.location);
  const written = coerce(context, resolveUnknown(context, env.bind(arg, env)), JSON_TYPE, "explicit", span);
  const document = name.startsWith("jsonb") ? coerce(context, written, JSONB, "explicit", span) : written;
  const source =
    how === "many"
      ? { function: "json_array_elements", args: [document] }
      : { function: "unnest", args: [bindCall(context, "array", [document], span)] };
  const rows: PlanNode = {
    kind: "function_scan",
    ...source,
    columns: [{ name: "value", type: JSON_TYPE, nullable: true }],
  };
  const value: Expr = { kind: "column", index: 0, name: "value", type: JSON_TYPE };
  const columns = definitions.flatMap((item) => {
    if (!("ColumnDef" in item) || item.ColumnDef.typeName === undefined) return [];
    const { colname = "", typeName } = item.ColumnDef;
    const type = resolvePlainType(context, typeName);
    const member = bindCall(context, "->", [value, literal(colname, TEXT)], span);
    return [{ name: colname, expr: bindCall(context, "json as", [member, literal(null, type)], span) }];
  });
  return project(
    rows,
    columns.map(({ expr }) => expr),
    columns.map(({ name: column }) => column),
  );
}
