// Table endpoints of the catalog.

import { LakeError, type TableIdentifier } from "#core";
import { createJsonShape } from "../json-shape.ts";
import { createTableMetadata, parseCreateTableRequest } from "../table-create.ts";
import type { TableMetadata } from "../table-metadata.ts";
import { parseCommitRequest } from "../update-json.ts";
import { requireWriteTo } from "./caller.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { jsonResponse } from "./catalog-errors.ts";
import { DoneBeforeError } from "./done-before.ts";
import { checkNotIngested, checkPropertyNames } from "./ingest-marks.ts";
import { checkLocation, checkReach, checkTableFolders, chooseLocation, locationTaken } from "./locations.ts";
import { checkName, nameTaken, noSuchEntry, noSuchNamespace, readIdentifier, renameTaken } from "./names.ts";
import { listPage, readPage } from "./pages.ts";
import { entryText, type Namespace, type RenameOutcome } from "./pointer-store.ts";
import type { RequestContext } from "./request-context.ts";
import { storageCredentials } from "./storage-access.ts";
import { deleteQuietly, readStored, tablePointer, writeMetadata, type StoredMetadata } from "./stored-metadata.ts";
import { commitTables } from "./table-commit.ts";
import { deleteTableFiles } from "./table-purge.ts";
import { loadedTable, matchesEtag, snapshotMode, stagedTable, tableEtag, writtenTable } from "./table-response.ts";

const shape = createJsonShape("invalid_request", "The request");

/** GET /v1/namespaces/{namespace}/tables */
export async function listTables(context: RequestContext, namespace: Namespace): Promise<Response> {
  const { deps, query } = context;
  const listed = await listPage(
    readPage(query),
    (name: string) => name,
    (page) => deps.pointers.listEntries("table", namespace, page),
  );
  if (listed === undefined) throw noSuchNamespace(namespace);
  const { items, ...rest } = listed;
  return jsonResponse({ identifiers: items.map((name) => ({ namespace, name })), ...rest });
}

/** How long a staged table's writer has requests to its location signed. */
const STAGED_MS = 24 * 60 * 60 * 1000;

/** POST /v1/namespaces/{namespace}/tables */
export async function createTable(context: RequestContext, namespace: Namespace): Promise<Response> {
  const { deps } = context;
  const request = parseCreateTableRequest(context.body);
  checkName(request.name, "A table's name");
  checkPropertyNames(context.caller, Object.keys(request.properties));
  const table = { namespace, name: request.name };
  const properties = await deps.pointers.namespaceProperties(namespace);
  if (properties === undefined) throw noSuchNamespace(namespace);
  const taken = await deps.pointers.findEntry(table);
  if (taken !== undefined) throw nameTaken("table", taken.kind, table);
  const location = await chooseLocation(deps, table, properties, request.location);
  const metadata = createTableMetadata(request, { tableUuid: deps.random.uuid(), location }, deps.clock.nowMs());
  await checkTableFolders(deps, context.caller, undefined, metadata);
  if (request.isStaged) {
    const by = await deps.pointers.tableAtLocation(location);
    if (by !== undefined) throw locationTaken(location, by);
    const nowMs = deps.clock.nowMs();
    await deps.pointers.keepStaged(table, location, nowMs, nowMs + STAGED_MS);
    return stagedTable(context, table, metadata);
  }
  const stored = await writeMetadata(deps, metadata, undefined);
  await addPointer(context, table, stored, () => deleteQuietly(deps, [stored.location]));
  return writtenTable(context, table, stored);
}

/**
 * Points a table to metadata that is no change of its own: its first, or what replaces the `expected` one. `undo` runs
 * when it was not done. Errors: `already_exists`, `namespace_not_found`, `invalid_request`, `commit_conflict`,
 * `commit_state_unknown`.
 */
async function addPointer(
  { deps, receipt }: RequestContext,
  table: TableIdentifier,
  stored: StoredMetadata,
  undo: () => Promise<void>,
  expected?: string,
): Promise<void> {
  const { location } = stored.metadata;
  const change = { table, expected, next: stored.location, location };
  const asOf = deps.memory?.now() ?? 0;
  let outcome: Awaited<ReturnType<CatalogServerDeps["pointers"]["swapPointers"]>>;
  try {
    outcome = await deps.pointers.swapPointers("table", [change], receipt);
  } catch (cause) {
    const entry = await deps.pointers.findEntry(table).catch(() => undefined);
    if (entry?.metadataLocation === stored.location) return;
    throw new LakeError("commit_state_unknown", "The catalog could not tell whether the table was made.", { cause });
  }
  if (outcome.outcome === "swapped") {
    deps.memory?.keepPointer(entryText(table), stored.location, asOf);
    return;
  }
  await undo();
  if (outcome.outcome === "done_before") throw new DoneBeforeError();
  if (outcome.outcome === "exists") throw nameTaken("table", outcome.kind, table);
  if (outcome.outcome === "location_used") throw locationTaken(location, outcome.by);
  if (outcome.outcome === "no_namespace") throw noSuchNamespace(table.namespace);
  throw new LakeError("commit_conflict", `${entryText(table)} was changed or dropped meanwhile; nothing was done.`);
}

/** GET /v1/namespaces/{namespace}/tables/{table} */
export async function loadTable(context: RequestContext, table: TableIdentifier): Promise<Response> {
  const { deps, headers } = context;
  const snapshots = snapshotMode(context);
  const location = await tablePointer(deps, table);
  const etag = tableEtag(context, location, snapshots);
  if (matchesEtag(headers.get("if-none-match"), etag)) return new Response(null, { status: 304, headers: { etag } });
  return loadedTable(context, table, location, snapshots);
}

/** The reply to a change that was made before: the table as it was then, or as it is where that file is gone. */
export async function repeatTable(context: RequestContext, table: TableIdentifier, made: string): Promise<Response> {
  try {
    return await loadedTable(context, table, made, "all");
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== "not_found") throw error;
    return loadedTable(context, table, await tablePointer(context.deps, table), "all");
  }
}

/** HEAD /v1/namespaces/{namespace}/tables/{table} */
export async function headTable({ deps }: RequestContext, table: TableIdentifier): Promise<Response> {
  await tablePointer(deps, table);
  return new Response(null, { status: 204 });
}

/** Reads the identifier in a commit's body, which may only repeat the path's. */
function checkSameTable(body: unknown, table: TableIdentifier): void {
  const { identifier } = shape.object(body, "body");
  if (identifier === undefined || identifier === null) return;
  const named = readIdentifier(identifier, "identifier");
  if (entryText(named) !== entryText(table)) throw shape.fail(`identifier is not ${entryText(table)}.`);
}

/** POST /v1/namespaces/{namespace}/tables/{table} */
export async function updateTable(context: RequestContext, table: TableIdentifier): Promise<Response> {
  const { deps, body } = context;
  checkName(table.name, "A table's name");
  checkSameTable(body, table);
  const request = parseCommitRequest(body);
  const arrived = deps.memory?.now() ?? 0;
  const change = { table, request, newTableLocation: newLocation(deps, table) };
  const commit = (): Promise<readonly StoredMetadata[]> => commitTables(context, [change], arrived);
  const snapshotIds = request.updates.flatMap((update) =>
    update.action === "add-snapshot" ? [update.snapshot["snapshot-id"]] : [],
  );
  const [stored] = await (deps.turns === undefined
    ? commit()
    : deps.turns.run({ table: entryText(table), snapshotIds }, commit));
  return writtenTable(context, table, stored as StoredMetadata);
}

/** Chooses the location of a table that a commit creates. Errors: `namespace_not_found`. */
function newLocation(deps: CatalogServerDeps, table: TableIdentifier): () => Promise<string> {
  return async () => {
    const properties = await deps.pointers.namespaceProperties(table.namespace);
    if (properties === undefined) throw noSuchNamespace(table.namespace);
    return chooseLocation(deps, table, properties, undefined);
  };
}

/** POST /v1/transactions/commit */
export async function commitTransaction(context: RequestContext): Promise<Response> {
  const { deps, body, caller } = context;
  const items = shape.array(shape.object(body, "body")["table-changes"], "table-changes");
  if (items.length === 0) throw shape.fail("table-changes must not be empty.");
  const changes = items.map((item, index) => {
    const name = `table-changes[${index}]`;
    const table = readIdentifier(shape.object(item, name)["identifier"], `${name}.identifier`);
    return { table, request: parseCommitRequest(item), newTableLocation: newLocation(deps, table) };
  });
  requireWriteTo(
    caller,
    changes.map(({ table }) => table),
  );
  const names = changes.map(({ table }) => entryText(table));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw shape.fail(`table-changes holds ${twice} twice.`);
  await commitTables(context, changes);
  return new Response(null, { status: 204 });
}

/** DELETE /v1/namespaces/{namespace}/tables/{table} */
export async function dropTable({ deps, query, receipt }: RequestContext, table: TableIdentifier): Promise<Response> {
  const outcome = await deps.pointers.dropEntry("table", table, receipt);
  if (outcome.outcome === "done_before") throw new DoneBeforeError();
  deps.memory?.dropPointer(entryText(table));
  if (outcome.outcome === "missing") throw noSuchEntry("table", table);
  const isPurge = query.get("purgeRequested")?.toLowerCase() === "true";
  if (isPurge) await deleteTableFiles(deps, outcome.metadataLocation);
  return new Response(null, { status: 204 });
}

/** POST /v1/namespaces/{namespace}/tables/{table}/unregister */
export async function unregisterTable(context: RequestContext, table: TableIdentifier): Promise<Response> {
  const { deps, receipt } = context;
  const outcome = await deps.pointers.dropEntry("table", table, receipt);
  if (outcome.outcome === "done_before") throw new DoneBeforeError();
  deps.memory?.dropPointer(entryText(table));
  if (outcome.outcome === "missing") throw noSuchEntry("table", table);
  return loadedTable(context, table, outcome.metadataLocation, "all");
}

/** POST /v1/namespaces/{namespace}/register */
export async function registerTable(context: RequestContext, namespace: Namespace): Promise<Response> {
  const { deps } = context;
  const json = shape.object(context.body, "body");
  const name = shape.string(json["name"], "name");
  checkName(name, "A table's name");
  const overwrites = shape.boolean(json["overwrite"] ?? false, "overwrite");
  const location = shape.string(json["metadata-location"], "metadata-location");
  checkLocation(deps, location);
  checkReach(deps, context.caller, location);
  const table = { namespace, name };
  if ((await deps.pointers.namespaceProperties(namespace)) === undefined) throw noSuchNamespace(namespace);
  const taken = await deps.pointers.findEntry(table);
  if (taken !== undefined && !(overwrites && taken.kind === "table")) throw nameTaken("table", taken.kind, table);
  if (taken !== undefined)
    checkNotIngested(context.caller, table, (await readStored(deps, taken.metadataLocation)).metadata);
  const metadata = await readRegistered(deps, location);
  await checkTableFolders(deps, context.caller, undefined, metadata);
  await addPointer(context, table, { location, metadata }, async () => {}, taken?.metadataLocation);
  return loadedTable(context, table, location, "all");
}

async function readRegistered(deps: CatalogServerDeps, location: string): Promise<TableMetadata> {
  try {
    return (await readStored(deps, location)).metadata;
  } catch (cause) {
    if (cause instanceof LakeError && cause.status < 500) throw shape.fail(cause.message);
    throw cause;
  }
}

/** Attempts to rename a table that others commit to. */
const RENAME_ATTEMPTS = 6;

/**
 * POST /v1/tables/rename. The table is renamed as it was looked at: a commit of ingest that comes in between is seen.
 * A commit under way finds no table of the old name.
 */
export async function renameTable({ deps, body, caller, receipt }: RequestContext): Promise<Response> {
  const json = shape.object(body, "body");
  const source = readIdentifier(json["source"], "source");
  const destination = readIdentifier(json["destination"], "destination");
  requireWriteTo(caller, [source, destination]);
  let outcome: RenameOutcome = { outcome: "moved" };
  for (let attempt = 1; outcome.outcome === "moved" && attempt <= RENAME_ATTEMPTS; attempt++) {
    const entry = await deps.pointers.findEntry(source);
    const pointer = entry?.kind === "table" ? entry.metadataLocation : undefined;
    const metadata = pointer === undefined ? undefined : await readIfSound(deps, pointer);
    if (metadata !== undefined) checkNotIngested(caller, source, metadata);
    outcome = await deps.pointers.renameEntry("table", source, destination, receipt, pointer);
  }
  if (outcome.outcome === "done_before") throw new DoneBeforeError();
  deps.memory?.dropPointer(entryText(source));
  deps.memory?.dropPointer(entryText(destination));
  if (outcome.outcome === "moved") {
    throw new LakeError("commit_conflict", `Commits kept moving ${entryText(source)}; it was not renamed.`);
  }
  if (outcome.outcome === "missing") throw noSuchEntry("table", source);
  if (outcome.outcome === "no_namespace") throw noSuchNamespace(destination.namespace);
  if (outcome.outcome === "exists") throw renameTaken(source, destination, outcome.kind);
  return new Response(null, { status: 204 });
}

/** Metadata whose file can be read: a damaged table may be renamed as well. */
async function readIfSound(deps: CatalogServerDeps, location: string): Promise<TableMetadata | undefined> {
  try {
    return (await readStored(deps, location)).metadata;
  } catch (error) {
    if (error instanceof LakeError && error.status < 500) return undefined;
    throw error;
  }
}

/** GET /v1/namespaces/{namespace}/tables/{table}/credentials */
export async function loadCredentials({ deps, caller }: RequestContext, table: TableIdentifier): Promise<Response> {
  await tablePointer(deps, table);
  return jsonResponse({ "storage-credentials": storageCredentials(deps, caller) });
}

const REPORT_TYPES = new Set(["scan-report", "commit-report"]);

/** POST /v1/namespaces/{namespace}/tables/{table}/metrics: checked here, kept by the front door. */
export async function reportMetrics(context: RequestContext, table: TableIdentifier): Promise<Response> {
  const type = shape.string(shape.object(context.body, "body")["report-type"], "report-type");
  if (!REPORT_TYPES.has(type)) throw shape.fail(`report-type "${type}" is neither scan-report nor commit-report.`);
  return headTable(context, table);
}
