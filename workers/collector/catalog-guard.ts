// What clients of the catalog may not do behind ingest's back. Its shards know a table by name and identity, and how far
// their rows are in it by the table's watermark properties.

import { LakeError, parseJson, tableNameToString, utf8ToStringStrict, type TableIdentifier } from "#core";
import { isWatermarkProperty, recordedWatermarks } from "#ingest";
import type { CollectorServices } from "./services.ts";

const TABLE_PATH = /^\/v1\/namespaces\/([^/]+)\/tables\/([^/]+)(?:\/unregister)?\/?$/;
const REGISTER_PATH = /^\/v1\/namespaces\/([^/]+)\/register\/?$/;
const RENAME_PATH = /^\/v1\/tables\/rename\/?$/;
const LEVEL_SEPARATOR = "\u001F";

/** The table that a catalog path names, or undefined for other paths and ones the catalog will refuse. */
function tableOfPath(path: string): TableIdentifier | undefined {
  const match = TABLE_PATH.exec(path);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  try {
    return { namespace: decodeURIComponent(match[1]).split(LEVEL_SEPARATOR), name: decodeURIComponent(match[2]) };
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function named(value: unknown): readonly string[] {
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

/** Names of the table properties that a create, a commit or a commit to several tables sets or removes. */
function changedProperties(body: unknown): readonly string[] {
  return [
    ...items(member(body, "table-changes")).flatMap(changedProperties),
    ...named(member(body, "properties")),
    ...items(member(body, "updates")).flatMap((update) => [
      ...named(member(update, "updates")),
      ...named(member(update, "updated")),
      ...items(member(update, "removals")),
      ...items(member(update, "removed")),
    ]),
  ].filter((name) => typeof name === "string");
}

/**
 * Refuses what would lose or repeat acknowledged rows. Bodies the catalog cannot read are left for it to refuse.
 *
 * Errors: `invalid_option` for a change of a watermark; `unsupported_operation` for renaming a table that was ingested
 * to: rows that wait in shards of the old name would be lost.
 */
export async function guardCatalogRequest(
  services: Pick<CollectorServices, "catalog" | "ingest">,
  method: string,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  if (method !== "POST") return;
  let body: unknown;
  try {
    body = parseJson(utf8ToStringStrict(bytes) ?? "");
  } catch {
    return;
  }
  const watermark = changedProperties(body).find(isWatermarkProperty);
  if (watermark !== undefined) {
    throw new LakeError("invalid_option", `${watermark} belongs to ingest; the table was not changed.`, {
      details: { option: watermark },
    });
  }
  if (RENAME_PATH.test(path)) await guardRename(services, identifierOf(member(body, "source")));
  const namespace = REGISTER_PATH.exec(path)?.[1];
  if (namespace !== undefined && member(body, "overwrite") === true) {
    await guardRename(services, registeredTable(namespace, member(body, "name")));
  }
}

function registeredTable(namespace: string, name: unknown): TableIdentifier | undefined {
  return typeof name === "string"
    ? tableOfPath(`/v1/namespaces/${namespace}/tables/${encodeURIComponent(name)}`)
    : undefined;
}

function identifierOf(value: unknown): TableIdentifier | undefined {
  const namespace = items(member(value, "namespace")).filter((level) => typeof level === "string");
  const name = member(value, "name");
  return typeof name === "string" && namespace.length > 0 ? { namespace, name } : undefined;
}

async function pendingRows({ ingest }: Pick<CollectorServices, "ingest">, table: TableIdentifier): Promise<number> {
  const waiting = await Promise.all(ingest.shards(table).map(async (shard) => (await shard.status()).pendingRows));
  return waiting.reduce((sum, rows) => sum + rows, 0);
}

function receivesEvents(table: TableIdentifier): LakeError {
  return new LakeError(
    "unsupported_operation",
    `${tableNameToString(table)} receives events, and ingest knows it by its name: it was not renamed or replaced.`,
  );
}

async function guardRename(
  { catalog, ingest }: Pick<CollectorServices, "catalog" | "ingest">,
  table: TableIdentifier | undefined,
): Promise<void> {
  if (table === undefined) return;
  let metadata: Parameters<typeof recordedWatermarks>[0];
  try {
    ({ metadata } = await catalog.client.loadTable(table));
  } catch (error) {
    // The catalog says the same in its own words.
    if (error instanceof LakeError && error.status < 500) return;
    throw error;
  }
  if (recordedWatermarks(metadata).size > 0 || (await pendingRows({ ingest }, table)) > 0) {
    throw receivesEvents(table);
  }
}

/**
 * Renames a table through `rename` and looks at its shards once more: an event accepted while the table was being
 * renamed waits there under the old name, so the table gets that name back.
 *
 * Errors: `unsupported_operation` when it did.
 */
export async function renameThroughCatalog(
  services: Pick<CollectorServices, "catalog" | "ingest">,
  bytes: Uint8Array,
  rename: () => Promise<Response>,
): Promise<Response> {
  const response = await rename();
  if (!response.ok) return response;
  const body: unknown = parseJson(utf8ToStringStrict(bytes) ?? "");
  const [source, destination] = [identifierOf(member(body, "source")), identifierOf(member(body, "destination"))];
  if (source === undefined || destination === undefined || (await pendingRows(services, source)) === 0) return response;
  const back = await services.catalog.fetch(
    new Request("https://catalog/v1/tables/rename", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ source: destination, destination: source }),
    }),
  );
  if (back.ok) throw receivesEvents(source);
  throw new LakeError(
    "upstream_unavailable",
    `${tableNameToString(source)} was renamed while events came in; rename it back.`,
  );
}

/** Whether a request renames a table. */
export function isRename(method: string, path: string): boolean {
  return method === "POST" && RENAME_PATH.test(path);
}

/** Whether a request takes a table out of the catalog. */
export function isDrop(method: string, path: string): boolean {
  return (method === "DELETE" && TABLE_PATH.test(path)) || (method === "POST" && /\/unregister\/?$/.test(path));
}

/**
 * Deletes a table through `drop` and tells its shards, so that no event is accepted for a table that is gone, and the
 * next table of the name shows none of its rows.
 */
export async function dropThroughCatalog(
  { catalog, ingest }: Pick<CollectorServices, "catalog" | "ingest">,
  path: string,
  drop: () => Promise<Response>,
): Promise<Response> {
  const table = tableOfPath(path);
  if (table === undefined) return drop();
  const tableUuid = await catalog.client.loadTable(table).then(
    (loaded) => loaded.metadata["table-uuid"],
    () => undefined,
  );
  const response = await drop();
  if (response.ok && tableUuid !== undefined) {
    await Promise.all(ingest.shards(table).map((shard) => shard.tableDropped(tableUuid)));
  }
  return response;
}
