// Table endpoints of the catalog.

import { LakeError, type TableIdentifier } from "#core";
import { createJsonShape } from "../json-shape.ts";
import { readTableMetadata } from "../metadata-file.ts";
import { createTableMetadata, parseCreateTableRequest, type CreateTableRequest } from "../table-create.ts";
import type { TableMetadata } from "../table-metadata.ts";
import { parseCommitRequest } from "../update-json.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { jsonResponse } from "./catalog-errors.ts";
import { checkLevels, checkName, noSuchNamespace } from "./namespace-routes.ts";
import type { Namespace } from "./pointer-store.ts";
import { checkLocation, checkLocationFree, commitTable, createPointer, type StoredMetadata } from "./table-commit.ts";
import { deleteTableFiles } from "./table-purge.ts";

const shape = createJsonShape("invalid_request", "The request");

function tableText(table: TableIdentifier): string {
  return [...table.namespace, table.name].join(".");
}

function noSuchTable(table: TableIdentifier): LakeError {
  return new LakeError("table_not_found", `Table does not exist: ${tableText(table)}`);
}

/** GET /v1/namespaces/{namespace}/tables */
export async function listTables(deps: CatalogServerDeps, namespace: Namespace): Promise<Response> {
  const names = await deps.pointers.listTables(namespace);
  if (names === undefined) throw noSuchNamespace(namespace);
  return jsonResponse({ identifiers: names.map((name) => ({ namespace, name })) });
}

/** POST /v1/namespaces/{namespace}/tables */
export async function createTable(deps: CatalogServerDeps, namespace: Namespace, body: unknown): Promise<Response> {
  const request = parseCreateTableRequest(body);
  checkName(request.name, "A table's name");
  const table = { namespace, name: request.name };
  if ((await deps.pointers.namespaceProperties(namespace)) === undefined) throw noSuchNamespace(namespace);
  if ((await deps.pointers.tablePointer(table)) !== undefined) {
    throw new LakeError("already_exists", `Table already exists: ${tableText(table)}`);
  }
  const location = await chooseLocation(deps, table, request);
  const metadata = createTableMetadata(request, { tableUuid: deps.random.uuid(), location }, deps.clock.nowMs());
  // A staged table exists only in this response until its commit.
  if (request.isStaged) return jsonResponse({ metadata, config: deps.tableConfig });
  return tableResponse(deps, await createPointer(deps, table, metadata));
}

async function chooseLocation(
  deps: CatalogServerDeps,
  table: TableIdentifier,
  request: Pick<CreateTableRequest, "location">,
): Promise<string> {
  if (request.location !== undefined) {
    const location = request.location.replace(/\/+$/, "");
    checkLocation(deps, location);
    await checkLocationFree(deps, location);
    return location;
  }
  const location = [deps.warehouse, ...table.namespace, table.name].join("/");
  checkLocation(deps, location);
  // A renamed table keeps its location: a later table of its former name must not share its files.
  const isUsed = await deps.pointers.isLocationUsed(location);
  return isUsed ? `${location}-${deps.random.uuid().slice(0, 8)}` : location;
}

async function loadStored(deps: CatalogServerDeps, table: TableIdentifier): Promise<StoredMetadata> {
  const location = await deps.pointers.tablePointer(table);
  if (location === undefined) throw noSuchTable(table);
  return { location, metadata: await readTableMetadata(deps.io, location) };
}

function tableResponse(deps: CatalogServerDeps, stored: StoredMetadata): Response {
  return jsonResponse(
    { "metadata-location": stored.location, metadata: stored.metadata, config: deps.tableConfig },
    { etag: etagOf(stored.location) },
  );
}

/** Metadata files are immutable and their names hold a random UUID. */
function etagOf(location: string): string {
  return `"${location.slice(location.lastIndexOf("/") + 1)}"`;
}

/** GET /v1/namespaces/{namespace}/tables/{table} */
export async function loadTable(
  deps: CatalogServerDeps,
  table: TableIdentifier,
  query: URLSearchParams,
  ifNoneMatch: string | null,
): Promise<Response> {
  const stored = await loadStored(deps, table);
  if (ifNoneMatch !== null && ifNoneMatch === etagOf(stored.location)) return new Response(null, { status: 304 });
  if (query.get("snapshots") !== "refs") return tableResponse(deps, stored);
  return tableResponse(deps, { ...stored, metadata: withReferencedSnapshots(stored.metadata) });
}

function withReferencedSnapshots(metadata: TableMetadata): TableMetadata {
  const referenced = new Set(Object.values(metadata.refs).map((ref) => ref["snapshot-id"]));
  return { ...metadata, snapshots: metadata.snapshots.filter((snapshot) => referenced.has(snapshot["snapshot-id"])) };
}

/** HEAD /v1/namespaces/{namespace}/tables/{table} */
export async function headTable(deps: CatalogServerDeps, table: TableIdentifier): Promise<Response> {
  if ((await deps.pointers.tablePointer(table)) === undefined) throw noSuchTable(table);
  return new Response(null, { status: 204 });
}

/** POST /v1/namespaces/{namespace}/tables/{table} */
export async function updateTable(deps: CatalogServerDeps, table: TableIdentifier, body: unknown): Promise<Response> {
  checkName(table.name, "A table's name");
  const request = parseCommitRequest(body);
  const stored = await commitTable(deps, table, request, () => chooseLocation(deps, table, { location: undefined }));
  return jsonResponse({ "metadata-location": stored.location, metadata: stored.metadata });
}

/** DELETE /v1/namespaces/{namespace}/tables/{table} */
export async function dropTable(
  deps: CatalogServerDeps,
  table: TableIdentifier,
  query: URLSearchParams,
): Promise<Response> {
  const location = await deps.pointers.dropTable(table);
  if (location === undefined) throw noSuchTable(table);
  if (query.get("purgeRequested")?.toLowerCase() === "true") await deleteTableFiles(deps, location);
  return new Response(null, { status: 204 });
}

/** POST /v1/namespaces/{namespace}/register */
export async function registerTable(deps: CatalogServerDeps, namespace: Namespace, body: unknown): Promise<Response> {
  const json = shape.object(body, "body");
  const name = shape.string(json["name"], "name");
  checkName(name, "A table's name");
  const location = shape.string(json["metadata-location"], "metadata-location");
  checkLocation(deps, location);
  const table = { namespace, name };
  if ((await deps.pointers.tablePointer(table)) !== undefined) {
    throw new LakeError("already_exists", `Table already exists: ${tableText(table)}`);
  }
  const metadata = await readRegistered(deps, location);
  await checkLocationFree(deps, metadata.location);
  const outcome = await deps.pointers.createTable(table, location);
  if (outcome === "no_namespace") throw noSuchNamespace(namespace);
  if (outcome === "exists") throw new LakeError("already_exists", `Table already exists: ${tableText(table)}`);
  return tableResponse(deps, { location, metadata });
}

async function readRegistered(deps: CatalogServerDeps, location: string): Promise<TableMetadata> {
  try {
    return await readTableMetadata(deps.io, location);
  } catch (cause) {
    if (cause instanceof LakeError && cause.code === "metadata_invalid") throw shape.fail(cause.message);
    throw cause;
  }
}

/** POST /v1/tables/rename */
export async function renameTable(deps: CatalogServerDeps, body: unknown): Promise<Response> {
  const json = shape.object(body, "body");
  const source = readIdentifier(json["source"], "source");
  const destination = readIdentifier(json["destination"], "destination");
  const outcome = await deps.pointers.renameTable(source, destination);
  if (outcome === "missing") throw noSuchTable(source);
  if (outcome === "no_namespace") throw noSuchNamespace(destination.namespace);
  if (outcome === "exists") throw new LakeError("already_exists", `Table already exists: ${tableText(destination)}`);
  return new Response(null, { status: 204 });
}

function readIdentifier(value: unknown, name: string): TableIdentifier {
  const json = shape.object(value, name);
  const identifier = {
    namespace: shape.strings(json["namespace"], `${name}.namespace`),
    name: shape.string(json["name"], `${name}.name`),
  };
  checkLevels(identifier.namespace);
  checkName(identifier.name, "A table's name");
  return identifier;
}

/** POST /v1/namespaces/{namespace}/tables/{table}/metrics: accepted and not kept. */
export async function reportMetrics(deps: CatalogServerDeps, table: TableIdentifier, body: unknown): Promise<Response> {
  shape.string(shape.object(body, "body")["report-type"], "report-type");
  return headTable(deps, table);
}
