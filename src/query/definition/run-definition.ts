// Runs statements that create, alter and drop tables and views.

import { LakeError, tableNameToString, type TableIdentifier } from "#core";
import {
  createFileIO,
  type CatalogClient,
  type CommitOutcome,
  type IcebergField,
  type IcebergType,
  type Table,
  type ViewDefinition,
} from "#iceberg";
import {
  prepareDefinition,
  prepareQuery,
  type Definition,
  type DefinitionOperation,
  type DefinitionTargetName,
  type TableAlteration,
  type TableCatalog,
} from "#sql";
import { runChange, type ChangeCaller, type ChangeReport } from "../change/run-change.ts";
import { createDataReader } from "../data-reader.ts";
import { createLakeCatalog, forbiddenNamespace, mayRead } from "../lake-catalog.ts";
import type { QueryDeps } from "../query-deps.ts";
import type { ValidQuery } from "../request.ts";
import type { MutableStats } from "../stats.ts";
import { columnsToFields, dataTypeToIceberg } from "./iceberg-type.ts";
import { readPartitioning, readSortedBy } from "./layout-options.ts";

/** What a definition did; the answer to its statement. */
export interface DefinitionReport {
  readonly operation: DefinitionOperation;
  /** The table or view, fully qualified. */
  readonly table: string;
  /** `unchanged`: IF EXISTS or IF NOT EXISTS found nothing to do. */
  readonly outcome: "created" | "replaced" | "altered" | "dropped" | "unchanged";
  /** CREATE TABLE AS. */
  readonly rows_inserted: number;
  readonly snapshot_id: string | null;
}

/** Where names without a namespace are created, altered and dropped. */
const DEFAULT_NAMESPACE = "default";
/** Firn's own tables: nobody defines others there. */
const OWN_NAMESPACE = "system";
/** Where ingest keeps its place; set by commits of ingest alone. */
const INGEST_PROPERTIES = /^firn\.ingest\.watermark/;

type Of<K extends DefinitionOperation> = Extract<Definition, { readonly operation: K }>;
type Done = Pick<DefinitionReport, "outcome"> & Partial<Pick<DefinitionReport, "rows_inserted" | "snapshot_id">>;

/**
 * Runs a definition. Errors: those of SQL; `already_exists`, `table_not_found`, `view_not_found`, `namespace_not_found`;
 * `invalid_option`; `forbidden`; those of committing. Concurrency: each is one commit of the catalog, but CREATE TABLE AS:
 * the table is there, empty, before its rows are, and goes when they cannot be written.
 */
export async function runDefinition(
  deps: QueryDeps,
  query: ValidQuery,
  target: DefinitionTargetName,
  caller: ChangeCaller,
  stats: MutableStats,
): Promise<DefinitionReport> {
  const startMs = deps.clock.nowMs();
  const identifier = ownIdentifier(target.path, caller);
  const name = tableNameToString(identifier);
  stats.tables = [name];
  stats.query_pattern = target.pattern;
  const io = createFileIO(deps.store, deps.bucket, deps.manifests);
  const catalog = deps.createCatalog(io, "all");
  const tables = queryCatalog(deps, query, catalog, caller);
  try {
    const definition = await prepareDefinition(query.sql, { catalog: tables, params: [], clock: deps.clock });
    const done = await run(definition, identifier, { deps, query, caller, stats, catalog, tables });
    return { operation: definition.operation, table: name, rows_inserted: 0, snapshot_id: null, ...done };
  } finally {
    // Rows of a CREATE TABLE AS are inserted by a change of its own.
    stats.operation = target.operation;
    stats.exec_ms = deps.clock.nowMs() - startMs;
  }
}

interface DefinitionRun {
  readonly deps: QueryDeps;
  readonly query: ValidQuery;
  readonly caller: ChangeCaller;
  readonly stats: MutableStats;
  readonly catalog: CatalogClient;
  readonly tables: TableCatalog;
}

/** The table or view a statement defines. Errors: `forbidden`. */
function ownIdentifier(path: readonly string[], { namespaces }: ChangeCaller): TableIdentifier {
  const [name = "", ...rest] = path.toReversed();
  const namespace = rest.length === 0 ? [DEFAULT_NAMESPACE] : rest.toReversed();
  if (!mayRead(namespace, namespaces)) throw forbiddenNamespace(namespace);
  if (namespace[0] === OWN_NAMESPACE) {
    throw new LakeError("forbidden", `Tables of the namespace ${OWN_NAMESPACE} are Firn's own; nothing was changed.`, {
      details: { namespace: OWN_NAMESPACE },
    });
  }
  return { namespace, name };
}

function queryCatalog(
  deps: QueryDeps,
  query: ValidQuery,
  catalog: CatalogClient,
  { namespaces }: ChangeCaller,
): TableCatalog {
  return createLakeCatalog({
    catalog,
    history: () => catalog,
    io: createFileIO(deps.store, deps.bucket, deps.manifests),
    reader: createDataReader({
      store: deps.store,
      bucket: deps.bucket,
      footers: deps.footers,
      maxScannedBytes: query.limits.maxScannedBytes,
      signal: new AbortController().signal,
    }),
    fresh: deps.fresh,
    retry: deps,
    namespaces,
    // Nothing is read but schemas.
    onRead: () => {},
  });
}

async function run(definition: Definition, identifier: TableIdentifier, context: DefinitionRun): Promise<Done> {
  const { catalog } = context;
  switch (definition.operation) {
    case "create table":
    case "create table as":
      return createTable(definition, identifier, context);
    case "drop table":
      return unlessMissing(definition.ifExists, async () => {
        await catalog.dropTable(identifier, { purge: true });
        return { outcome: "dropped" };
      });
    case "drop view":
      return unlessMissing(definition.ifExists, async () => {
        await catalog.views.dropView(identifier);
        return { outcome: "dropped" };
      });
    case "alter table":
      return unlessMissing(definition.ifExists, () => alterTable(definition, identifier, context));
    case "create view":
      return createView(definition, identifier, context);
  }
}

const MISSING = new Set(["table_not_found", "view_not_found", "namespace_not_found"]);

async function unlessMissing(ifExists: boolean, act: () => Promise<Done>): Promise<Done> {
  try {
    return await act();
  } catch (error) {
    if (ifExists && error instanceof LakeError && MISSING.has(error.code)) return { outcome: "unchanged" };
    throw error;
  }
}

/** The version that the types of new columns ask for; undefined when every version has them. */
function leastVersion(fields: readonly IcebergField[]): number | undefined {
  return fields.some(({ type }) => needsVersion3(type)) ? 3 : undefined;
}

function needsVersion3(type: IcebergType): boolean {
  if (typeof type !== "string") return type.type === "list" && needsVersion3(type.element);
  return /^(?:timestamp(?:tz)?_ns|variant|geometry|geography)$/.test(type);
}

async function createTable(
  { columns, options, ifNotExists, hasRows }: Of<"create table" | "create table as">,
  identifier: TableIdentifier,
  context: DefinitionRun,
): Promise<Done> {
  const { catalog, deps, query, caller, stats } = context;
  if (columns.length === 0) throw new LakeError("sql_unsupported", "A table without columns is not supported.");
  const fields = columnsToFields(columns, "table");
  checkProperties([...options.properties.keys()]);
  const version = options.formatVersion ?? leastVersion(fields);
  let table: Table;
  try {
    table = await catalog.createTable({
      identifier,
      schema: { type: "struct", fields },
      partitionSpec: readPartitioning(options.partitioning, fields),
      ...(options.sortedBy.length === 0 ? {} : { sortOrder: readSortedBy(options.sortedBy, fields) }),
      properties: {
        ...Object.fromEntries(options.properties),
        ...(version === undefined ? {} : { "format-version": String(version) }),
      },
    });
  } catch (error) {
    if (ifNotExists && error instanceof LakeError && error.code === "already_exists") return { outcome: "unchanged" };
    throw error;
  }
  if (!hasRows) return { outcome: "created" };
  let report: ChangeReport;
  try {
    const target = { kind: "change", operation: "insert", pattern: "" } as const;
    report = await runChange(
      deps,
      query,
      { ...target, path: [...identifier.namespace, identifier.name] },
      caller,
      stats,
    );
  } catch (error) {
    // Rows of a commit without an answer may be in the table.
    if (!(error instanceof LakeError && error.code === "commit_state_unknown")) await dropAgain(catalog, table);
    throw error;
  }
  const { rows_inserted, snapshot_id } = report;
  return { outcome: "created", rows_inserted, snapshot_id };
}

/** Drops a table that was made for rows that could not be written, if it is still that table. */
async function dropAgain(catalog: CatalogClient, { identifier, metadata }: Table): Promise<void> {
  try {
    const current = await catalog.loadTable(identifier);
    if (current.metadata["table-uuid"] === metadata["table-uuid"]) await catalog.dropTable(identifier, { purge: true });
  } catch {
    // The reason why the rows could not be written is what the caller has to hear.
  }
}

function checkProperties(names: readonly string[]): void {
  const own = names.find((name) => INGEST_PROPERTIES.test(name));
  if (own === undefined) return;
  throw new LakeError("invalid_option", `The property ${own} is set by ingest alone.`, { details: { property: own } });
}

async function alterTable(
  { changes }: Of<"alter table">,
  identifier: TableIdentifier,
  { catalog }: DefinitionRun,
): Promise<Done> {
  checkProperties(changes.flatMap((change) => (change.kind === "set property" ? [change.name] : [])));
  const table = await catalog.loadTable(identifier);
  const names = new Set(table.schema().fields.map(({ name }) => name));
  const wanted = changes.filter((change) => {
    if (change.kind === "add") return !(change.ifNotExists && names.has(change.column.name));
    return change.kind !== "drop" || !change.ifExists || names.has(change.name);
  });
  if (wanted.length === 0) return { outcome: "unchanged" };
  // One statement is one commit, whatever it changes.
  const transaction = table.newTransaction();
  const schemaChanges = wanted.filter(({ kind }) => !kind.endsWith("property"));
  if (schemaChanges.length > 0) {
    const update = transaction.updateSchema();
    for (const change of schemaChanges) applySchemaChange(update, change);
    await update.commit();
  }
  if (schemaChanges.length < wanted.length) {
    const update = transaction.updateProperties();
    for (const change of wanted) {
      if (change.kind === "set property") update.set(change.name, change.value);
      if (change.kind === "reset property") update.remove(change.name);
    }
    await update.commit();
  }
  settle(await transaction.commitTransaction(), identifier);
  return { outcome: "altered" };
}

function applySchemaChange(update: ReturnType<Table["updateSchema"]>, change: TableAlteration): void {
  // The catalog's client numbers nested fields itself.
  let id = 0;
  const nextId = (): number => (id += 1);
  switch (change.kind) {
    case "add": {
      const { name, type, required } = change.column;
      const added = dataTypeToIceberg(type, name, "table", nextId);
      if (required) update.addRequiredColumn(name, added);
      else update.addColumn(name, added);
      return;
    }
    case "drop":
      update.deleteColumn(change.name);
      return;
    case "rename":
      update.renameColumn(change.name, change.to);
      return;
    case "type":
      update.updateColumn(change.name, dataTypeToIceberg(change.type, change.name, "table", nextId));
      return;
    case "drop not null":
      update.makeColumnOptional(change.name);
      return;
    case "set property":
    case "reset property":
  }
}

function settle(outcome: CommitOutcome, identifier: TableIdentifier): void {
  const name = tableNameToString(identifier);
  if (outcome.outcome === "conflict") {
    throw new LakeError("commit_conflict", `Others kept changing ${name}: ${outcome.reason}; nothing was changed.`);
  }
  if (outcome.outcome === "unknown") {
    throw new LakeError("commit_state_unknown", `Whether ${name} was altered is not known: load it to see.`, {
      cause: outcome.error,
    });
  }
}

async function createView(
  { orReplace, columns, sql, reads }: Of<"create view">,
  identifier: TableIdentifier,
  { catalog, tables, deps }: DefinitionRun,
): Promise<Done> {
  const name = tableNameToString(identifier);
  if (reads.includes(name)) throw new LakeError("sql_unsupported", `View ${name} would read itself.`);
  // What is stored has to be understood when it is read.
  await prepareQuery(sql, { catalog: tables, params: [], clock: deps.clock });
  const definition: ViewDefinition = {
    identifier,
    schema: { type: "struct", fields: columnsToFields(columns, "view") },
    representations: [{ type: "sql", dialect: "firn", sql }],
    defaultNamespace: [DEFAULT_NAMESPACE],
  };
  const existing = orReplace ? await catalog.views.loadView(identifier) : undefined;
  if (existing === undefined) {
    await catalog.views.createView(definition);
    return { outcome: "created" };
  }
  await catalog.views.replaceView(existing, definition);
  return { outcome: "replaced" };
}
