// Reads CREATE TABLE, CREATE TABLE AS, CREATE VIEW, ALTER TABLE and DROP.

import type {
  AlterTableCmd,
  AlterTableStmt,
  ColumnDef,
  CreateStmt,
  CreateTableAsStmt,
  DropStmt,
  Node,
  RangeVar,
  RenameStmt,
  ViewStmt,
} from "libpg-query";
import { LakeError } from "#core";
import { itemsOf, locationOf, nodeKind, stringsOf } from "../bind/ast.ts";
import { spanAt, tablePath, unsupported, type BindContext } from "../bind/context.ts";
import { sqlError } from "../bind/errors.ts";
import type { ChangeNode } from "../change/bind-change.ts";
import type { ParsedStatement } from "../parser/parse.ts";
import { tokenize } from "../parser/tokens.ts";
import type { PreparedQuery } from "../engine.ts";
import { columnType } from "./column-type.ts";
import type { DefinedColumn, Definition, DefinitionOperation, TableAlteration } from "./definition.ts";
import { optionValue, propertyName, readTableOptions } from "./table-options.ts";

/** A statement that defines tables or views, as the parser gives it. */
export type DefinitionNode =
  | { readonly CreateStmt: CreateStmt }
  | { readonly CreateTableAsStmt: CreateTableAsStmt }
  | { readonly ViewStmt: ViewStmt }
  | { readonly AlterTableStmt: AlterTableStmt }
  | { readonly RenameStmt: RenameStmt }
  | { readonly DropStmt: DropStmt };

/** The statement's node when it defines a table or a view. */
export function definitionNodeOf(node: Node): DefinitionNode | undefined {
  if ("CreateStmt" in node || "ViewStmt" in node) return node;
  if ("CreateTableAsStmt" in node) return node.CreateTableAsStmt.objtype === "OBJECT_TABLE" ? node : undefined;
  if ("AlterTableStmt" in node) return node.AlterTableStmt.objtype === "OBJECT_TABLE" ? node : undefined;
  if ("RenameStmt" in node) return node.RenameStmt.renameType === "OBJECT_COLUMN" ? node : undefined;
  if (!("DropStmt" in node)) return undefined;
  const { removeType = "" } = node.DropStmt;
  return removeType === "OBJECT_TABLE" || removeType === "OBJECT_VIEW" ? node : undefined;
}

/** What a definition does and to what, as written. */
export function definitionTarget(node: DefinitionNode): {
  readonly operation: DefinitionOperation;
  readonly path: readonly string[];
} {
  if ("CreateStmt" in node) return { operation: "create table", path: pathOf(node.CreateStmt.relation) };
  if ("CreateTableAsStmt" in node) {
    return { operation: "create table as", path: pathOf(node.CreateTableAsStmt.into?.rel) };
  }
  if ("ViewStmt" in node) return { operation: "create view", path: pathOf(node.ViewStmt.view) };
  if ("AlterTableStmt" in node) return { operation: "alter table", path: pathOf(node.AlterTableStmt.relation) };
  if ("RenameStmt" in node) return { operation: "alter table", path: pathOf(node.RenameStmt.relation) };
  const [first] = node.DropStmt.objects ?? [];
  const operation = node.DropStmt.removeType === "OBJECT_VIEW" ? "drop view" : "drop table";
  return { operation, path: stringsOf(itemsOf(first)) };
}

function pathOf(relation: RangeVar | undefined): readonly string[] {
  return relation === undefined ? [] : tablePath(relation);
}

/** The INSERT that fills the table of a CREATE TABLE AS, once it is there. */
export function fillingInsert(node: DefinitionNode): ChangeNode | undefined {
  if (!("CreateTableAsStmt" in node)) return undefined;
  const { into, query } = node.CreateTableAsStmt;
  if (into?.rel === undefined || query === undefined) return undefined;
  return { InsertStmt: { relation: into.rel, selectStmt: query } };
}

/**
 * Reads a definition. `prepare` binds a query, whose columns are then those of the table or view.
 *
 * Errors: `sql_unsupported` by the feature's name; those of types, options and of the query.
 */
export async function readDefinition(
  node: DefinitionNode,
  context: BindContext,
  prepare: (query: Node) => Promise<PreparedQuery>,
): Promise<Definition> {
  const target = definitionTarget(node);
  if ("CreateStmt" in node) return createTable(node.CreateStmt, context, target.path);
  if ("CreateTableAsStmt" in node) return createTableAs(node.CreateTableAsStmt, context, target.path, prepare);
  if ("ViewStmt" in node) return createView(node.ViewStmt, context, target.path, prepare);
  if ("AlterTableStmt" in node) {
    const { cmds = [], missing_ok: ifExists = false } = node.AlterTableStmt;
    const changes = cmds.flatMap((cmd) => ("AlterTableCmd" in cmd ? alterations(cmd.AlterTableCmd, context) : []));
    return { operation: "alter table", path: target.path, ifExists, changes };
  }
  if ("RenameStmt" in node) {
    const { subname: name = "", newname: to = "", missing_ok: ifExists = false } = node.RenameStmt;
    return { operation: "alter table", path: target.path, ifExists, changes: [{ kind: "rename", name, to }] };
  }
  const { objects = [], missing_ok: ifExists = false, behavior } = node.DropStmt;
  if (objects.length > 1) throw unsupported(context, "Dropping several at once is", undefined);
  if (behavior === "DROP_CASCADE") throw unsupported(context, "CASCADE is", undefined);
  const operation = target.operation === "drop view" ? "drop view" : "drop table";
  return { operation, path: target.path, ifExists };
}

function createTable(node: CreateStmt, context: BindContext, path: readonly string[]): Definition {
  checkPlain(node.relation, context);
  const { location } = node.relation ?? {};
  if (node.partspec !== undefined) {
    const hint = "PARTITION BY is not supported: use WITH (partitioning = ARRAY['day(ts)']).";
    throw sqlError("sql_unsupported", hint, spanAt(context, node.partspec.location));
  }
  if ((node.inhRelations ?? []).length > 0 || node.ofTypename !== undefined) {
    throw unsupported(context, "INHERITS, OF and PARTITION OF are", location);
  }
  if (node.tablespacename !== undefined) throw unsupported(context, "TABLESPACE is", location);
  const columns = (node.tableElts ?? []).map((element) => {
    if ("ColumnDef" in element) return readColumn(element.ColumnDef, context);
    if ("Constraint" in element) throw unsupported(context, "A table constraint is", element.Constraint.location);
    throw unsupported(context, `${nodeKind(element)} in CREATE TABLE is`, locationOf(element));
  });
  checkNames(columns);
  return {
    operation: "create table",
    path,
    ifNotExists: node.if_not_exists ?? false,
    columns,
    options: readTableOptions(context, node.options ?? []),
    hasRows: false,
  };
}

async function createTableAs(
  node: CreateTableAsStmt,
  context: BindContext,
  path: readonly string[],
  prepare: (query: Node) => Promise<PreparedQuery>,
): Promise<Definition> {
  const { into, query } = node;
  checkPlain(into?.rel, context);
  if (query === undefined || !("SelectStmt" in query))
    throw unsupported(context, "CREATE TABLE AS of this is", undefined);
  const names = stringsOf(into?.colNames);
  const columns = queryColumns(await prepare(query), names);
  return {
    operation: "create table as",
    path,
    ifNotExists: node.if_not_exists ?? false,
    columns,
    options: readTableOptions(context, into?.options ?? []),
    hasRows: into?.skipData !== true,
  };
}

async function createView(
  node: ViewStmt,
  context: BindContext,
  path: readonly string[],
  prepare: (query: Node) => Promise<PreparedQuery>,
): Promise<Definition> {
  checkPlain(node.view, context);
  if ((node.options ?? []).length > 0) throw unsupported(context, "WITH options of a view are", node.view?.location);
  if (node.withCheckOption !== undefined && node.withCheckOption !== "NO_CHECK_OPTION") {
    throw unsupported(context, "WITH CHECK OPTION is", node.view?.location);
  }
  const { query } = node;
  if (query === undefined || !("SelectStmt" in query)) throw unsupported(context, "A view of this is", undefined);
  const prepared = await prepare(query);
  return {
    operation: "create view",
    path,
    orReplace: node.replace ?? false,
    columns: queryColumns(prepared, stringsOf(node.aliases)),
    sql: viewText(context.statement),
    reads: prepared.tables,
  };
}

/** The text after the first AS that is in no parentheses, as it was written. */
function viewText({ sql }: ParsedStatement): string {
  let depth = 0;
  for (const { kind, text, end } of tokenize(sql)) {
    if (text === "(") depth += 1;
    else if (text === ")") depth -= 1;
    else if (kind === "word" && text === "as" && depth === 0)
      return sql
        .slice(end)
        .trim()
        .replace(/[;\s]+$/, "");
  }
  throw new LakeError("sql_syntax_error", "CREATE VIEW needs AS and a query.");
}

function queryColumns(query: PreparedQuery, names: readonly string[]): readonly DefinedColumn[] {
  if (names.length > query.columns.length) {
    throw sqlError("type_mismatch", `${names.length} column names for ${query.columns.length} columns.`);
  }
  const columns = query.columns.map(({ name, type }, i) => ({
    name: names[i] ?? name,
    type,
    required: false,
    span: undefined,
  }));
  checkNames(columns);
  return columns;
}

function checkNames(columns: readonly DefinedColumn[]): void {
  const seen = new Set<string>();
  for (const { name, span } of columns) {
    if (seen.has(name)) throw sqlError("ambiguous_column", `Column "${name}" is specified more than once.`, span);
    seen.add(name);
  }
}

function checkPlain(relation: RangeVar | undefined, context: BindContext): void {
  const kind = relation?.relpersistence ?? "p";
  if (kind === "t") throw unsupported(context, "TEMPORARY is", relation?.location);
  if (kind === "u") throw unsupported(context, "UNLOGGED is", relation?.location);
}

function readColumn(node: ColumnDef, context: BindContext): DefinedColumn {
  const span = spanAt(context, node.location);
  const { typeName } = node;
  if (typeName === undefined) throw sqlError("sql_syntax_error", `Column "${node.colname ?? ""}" has no type.`, span);
  const type = columnType(context, typeName);
  if (node.collClause !== undefined) throw unsupported(context, "COLLATE is", node.collClause.location);
  let required = false;
  for (const item of node.constraints ?? []) {
    if (!("Constraint" in item)) continue;
    const { contype, location } = item.Constraint;
    if (contype === "CONSTR_NOTNULL") required = true;
    else if (contype !== "CONSTR_NULL") {
      const shown = (contype ?? "").replace("CONSTR_", "").replaceAll("_", " ");
      throw unsupported(context, `The column constraint ${shown} is`, location);
    }
  }
  return { name: node.colname ?? "", type, required, span };
}

function alterations(cmd: AlterTableCmd, context: BindContext): readonly TableAlteration[] {
  const { subtype, name = "", def, missing_ok: isLenient = false, behavior } = cmd;
  if (behavior === "DROP_CASCADE") throw unsupported(context, "CASCADE is", undefined);
  switch (subtype as string) {
    case "AT_AddColumn":
      if (def === undefined || !("ColumnDef" in def)) break;
      return [{ kind: "add", column: readColumn(def.ColumnDef, context), ifNotExists: isLenient }];
    case "AT_DropColumn":
      return [{ kind: "drop", name, ifExists: isLenient }];
    case "AT_DropNotNull":
      return [{ kind: "drop not null", name }];
    case "AT_AlterColumnType": {
      if (def === undefined || !("ColumnDef" in def) || def.ColumnDef.typeName === undefined) break;
      const { typeName, raw_default: using, location } = def.ColumnDef;
      if (using !== undefined) throw unsupported(context, "USING is", location);
      return [{ kind: "type", name, type: columnType(context, typeName) }];
    }
    case "AT_SetRelOptions":
    case "AT_ResetRelOptions":
      return itemsOf(def).flatMap((item): readonly TableAlteration[] => {
        if (!("DefElem" in item)) return [];
        const property = propertyName(context, item.DefElem);
        return [
          subtype === "AT_ResetRelOptions"
            ? { kind: "reset property", name: property }
            : { kind: "set property", name: property, value: optionValue(context, item.DefElem) },
        ];
      });
    default:
      break;
  }
  const shown = (subtype ?? "")
    .replace("AT_", "")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toUpperCase();
  throw unsupported(context, `ALTER TABLE … ${shown} is`, undefined);
}
