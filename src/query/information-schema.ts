// INFORMATION_SCHEMA: what the caller reaches, under the names and columns of the SQL standard as PostgreSQL has them.

import { LakeError, sha256Hex, tableNameToString, type TableIdentifier } from "#core";
import type { ColumnSchema, DataType, Scalar } from "#columnar";
import {
  currentViewVersion,
  listAllTables,
  listAllViews,
  schemaToColumns,
  type CatalogClient,
  type IcebergSchema,
  type View,
} from "#iceberg";
import { dataTypeToName, type ScanRequest, type TableSource } from "#sql";
import { rowsTable } from "./metadata-tables/metadata-table.ts";

/** The schema's name in SQL. */
export const INFORMATION_SCHEMA = "information_schema";
/** The catalog's name in its rows, and the one that names may begin with. */
const CATALOG_NAME = "firn";
/** Tables whose metadata is loaded at once. */
const LOADS_AT_ONCE = 6;

const TEXT: DataType = { kind: "string" };
const INT: DataType = { kind: "int32" };

/** The tables of the schema. */
const TABLES = ["schemata", "tables", "views", "columns"] as const;
type InformationTable = (typeof TABLES)[number];

const COLUMNS: Readonly<Record<InformationTable, readonly string[]>> = {
  schemata: ["catalog_name", "schema_name", "schema_owner"],
  tables: ["table_catalog", "table_schema", "table_name", "table_type", "is_insertable_into", "is_typed"],
  views: ["table_catalog", "table_schema", "table_name", "view_definition", "check_option", "is_updatable"],
  columns: [
    "table_catalog",
    "table_schema",
    "table_name",
    "column_name",
    "ordinal_position",
    "column_default",
    "is_nullable",
    "data_type",
    "character_maximum_length",
    "numeric_precision",
    "numeric_precision_radix",
    "numeric_scale",
    "datetime_precision",
    "is_updatable",
    "column_comment",
  ],
};
const INTEGERS = new Set([
  "ordinal_position",
  "character_maximum_length",
  "numeric_precision",
  "numeric_precision_radix",
  "numeric_scale",
  "datetime_precision",
]);

/** What the schema is made from. */
export interface InformationSchemaDeps {
  readonly catalog: CatalogClient;
  /** Whether the caller reaches a namespace. */
  readonly mayRead: (namespace: readonly string[]) => boolean;
}

/** The table that a name means; undefined when it is none of the schema. */
export function informationSchemaTable(path: readonly string[], deps: InformationSchemaDeps): TableSource | undefined {
  const [name, schema, catalog, ...more] = path.toReversed();
  if (schema !== INFORMATION_SCHEMA || more.length > 0 || (catalog ?? CATALOG_NAME) !== CATALOG_NAME) return undefined;
  const kind = TABLES.find((known) => known === name);
  if (kind === undefined) return undefined;
  const columns = COLUMNS[kind].map((column): ColumnSchema => ({
    name: column,
    type: INTEGERS.has(column) ? INT : TEXT,
    nullable: true,
  }));
  return rowsTable(`${INFORMATION_SCHEMA}.${kind}`, columns, async (request) => {
    const rows = await rowsOf(kind, deps, wantedNames(columns, request));
    return { identity: await sha256Hex(JSON.stringify([kind, rows])), rows: replay(rows) };
  });
}

async function* replay(rows: readonly (readonly Scalar[])[]): AsyncGenerator<readonly Scalar[]> {
  yield* await Promise.resolve(rows);
}

/** Which names a scan can want, by its conditions on them. */
interface WantedNames {
  schema(name: string): boolean;
  table(name: string): boolean;
}

function wantedNames(columns: readonly ColumnSchema[], { predicates }: ScanRequest): WantedNames {
  const test =
    (column: string) =>
    (name: string): boolean =>
      predicates.every(({ column: index, operator, values }) => {
        const isKnown = columns[index]?.name === column && (operator === "=" || operator === "in");
        return !isKnown || values.includes(name);
      });
  return { schema: test("table_schema"), table: test("table_name") };
}

type Row = readonly Scalar[];

async function rowsOf(
  kind: InformationTable,
  deps: InformationSchemaDeps,
  wanted: WantedNames,
): Promise<readonly Row[]> {
  const { catalog } = deps;
  if (kind === "schemata") {
    const namespaces = (await catalog.listNamespaces()).filter(deps.mayRead);
    return [INFORMATION_SCHEMA, ...namespaces.map((namespace) => namespace.join("."))]
      .toSorted()
      .map((name) => [CATALOG_NAME, name, null]);
  }
  const isWanted = ({ namespace, name }: TableIdentifier): boolean =>
    deps.mayRead(namespace) && wanted.schema(namespace.join(".")) && wanted.table(name);
  const views = (await listAllViews(catalog)).filter(isWanted).toSorted(byName);
  if (kind === "views") return loaded(views, async (view) => viewRows(view, await catalog.views.loadView(view)));
  const tables = (await listAllTables(catalog)).filter(isWanted).toSorted(byName);
  if (kind === "tables") {
    const row =
      (isTable: boolean) =>
      (identifier: TableIdentifier): Row => [
        ...nameOf(identifier),
        isTable ? "BASE TABLE" : "VIEW",
        isTable ? "YES" : "NO",
        "NO",
      ];
    return [...tables.map(row(true)), ...views.map(row(false)), ...ownRows(wanted)].toSorted(byRow);
  }
  const ofTables = await loaded(tables, async (identifier) =>
    columnRows(identifier, (await catalog.loadTable(identifier, { snapshots: "refs" })).schema(), true),
  );
  const ofViews = await loaded(views, async (identifier) => {
    const view = await catalog.views.loadView(identifier);
    const version = view === undefined ? undefined : currentViewVersion(view.metadata);
    const schema = view?.metadata.schemas.find((item) => item["schema-id"] === version?.["schema-id"]);
    return schema === undefined ? [] : columnRows(identifier, schema, false);
  });
  return [...ofTables, ...ofViews];
}

function nameOf({ namespace, name }: TableIdentifier): Row {
  return [CATALOG_NAME, namespace.join("."), name];
}

function byName(a: TableIdentifier, b: TableIdentifier): number {
  return tableNameToString(a) < tableNameToString(b) ? -1 : 1;
}

function byRow(a: Row, b: Row): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

/** The schema's own tables. */
function ownRows(wanted: WantedNames): readonly Row[] {
  if (!wanted.schema(INFORMATION_SCHEMA)) return [];
  return TABLES.filter((name) => wanted.table(name)).map((name) => [
    CATALOG_NAME,
    INFORMATION_SCHEMA,
    name,
    "VIEW",
    "NO",
    "NO",
  ]);
}

/** Rows of several, a few at once. What is dropped meanwhile, or lies outside the bucket, has none. */
async function loaded(
  identifiers: readonly TableIdentifier[],
  load: (identifier: TableIdentifier) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let start = 0; start < identifiers.length; start += LOADS_AT_ONCE) {
    const some = identifiers.slice(start, start + LOADS_AT_ONCE);
    rows.push(...(await Promise.all(some.map((identifier) => load(identifier).catch(noneWhenGone)))).flat());
  }
  return rows;
}

const GONE = new Set(["table_not_found", "namespace_not_found", "view_not_found", "unsupported_operation"]);

function noneWhenGone(error: unknown): readonly Row[] {
  if (error instanceof LakeError && GONE.has(error.code)) return [];
  throw error;
}

function viewRows(identifier: TableIdentifier, view: View | undefined): readonly Row[] {
  if (view === undefined) return [];
  const { representations } = currentViewVersion(view.metadata);
  return [[...nameOf(identifier), representations[0]?.sql ?? null, "NONE", "NO"]];
}

function columnRows(identifier: TableIdentifier, schema: IcebergSchema, isTable: boolean): readonly Row[] {
  const columns = schemaToColumns(schema);
  return columns.map(({ name, nullable, type }, index): Row => {
    const field = schema.fields[index];
    const numbers = numbersOf(type);
    const shownDefault = field?.["write-default"];
    return [
      ...nameOf(identifier),
      name,
      index + 1,
      shownDefault === undefined ? null : JSON.stringify(shownDefault),
      nullable ? "YES" : "NO",
      dataTypeToName(type),
      null,
      ...numbers,
      isTable ? "YES" : "NO",
      field?.doc ?? null,
    ];
  });
}

/** Precision, its radix, scale, and digits of a second. */
type Numbers = readonly [Scalar, Scalar, Scalar, Scalar];
const NO_NUMBERS: Numbers = [null, null, null, null];
const BINARY_DIGITS: Readonly<Record<string, number>> = { int16: 16, int32: 32, int64: 64, float32: 24, float64: 53 };
const SECOND_DIGITS = 6;

function numbersOf(type: DataType): Numbers {
  const digits = BINARY_DIGITS[type.kind];
  if (digits !== undefined) return [digits, 2, type.kind.startsWith("int") ? 0 : null, null];
  if (type.kind === "decimal") return [type.precision ?? null, 10, type.scale ?? null, null];
  if (type.kind === "date") return [null, null, null, 0];
  return type.kind === "timestamp" || type.kind === "time" ? [null, null, null, SECOND_DIGITS] : NO_NUMBERS;
}
