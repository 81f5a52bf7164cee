// Binds the SQL engine to Iceberg: names to tables, to their earlier states, and to tables of their metadata. One
// instance serves one query.

import { LakeError, parseTableName, tableNameToString, type RetryDeps, type TableIdentifier } from "#core";
import { listAllTables, type CatalogClient, type FileIO, type Snapshot, type Table } from "#iceberg";
import type { ChangeableTable, TableCatalog, TableSource, TableVersion } from "#sql";
import type { DataReader } from "./data-reader.ts";
import type { FreshSource } from "./fresh-rows.ts";
import { currentTable, snapshotTable } from "./lake-table.ts";
import { metadataTable } from "./metadata-tables/metadata-table.ts";
import { metadataTableName } from "./metadata-tables/names.ts";
import { isInRefs, resolveVersion } from "./table-version.ts";

/** Where unqualified names are looked for, in order. */
const SEARCH_PATH = ["default", "system"] as const;

/** What the catalog of one query works with. */
export interface LakeCatalogDeps {
  /** May load tables with only the snapshots that branches and tags name. */
  readonly catalog: CatalogClient;
  /** Loads tables with all their snapshots; made when a query asks for the past or for metadata. */
  readonly history: () => CatalogClient;
  readonly io: FileIO;
  readonly reader: DataReader;
  /** Undefined: snapshots only. */
  readonly fresh: FreshSource | undefined;
  readonly retry: RetryDeps;
  /** Makes the reader of lists, structs and maps ready; called before a scan that reads one. */
  readonly initNestedColumns: () => void;
  /** Told of every table in the state it is read in. */
  readonly onRead: (table: Table, snapshot: Snapshot | undefined) => void;
  /** Makes a table's rows changeable; absent: they are not. */
  readonly changes?: (table: Table) => ChangeableTable;
  /** Namespaces that may be read, levels joined by dots, with all below them; undefined: all. */
  readonly namespaces?: readonly string[] | undefined;
}

/**
 * Creates the table catalog of one query. Every table is loaded once and all scans of it see one view, so a
 * self-join joins a table with itself.
 *
 * Cost: one catalog call a table (two for an unqualified name in `system`), one call a shard, manifests as the
 * client's FileIO caches them; another call for a state of the past or a metadata table. Errors of findTable:
 * `forbidden` for a namespace that may not be read, `undefined_snapshot`.
 */
export function createLakeCatalog(deps: LakeCatalogDeps): TableCatalog {
  const sources = new Map<string, Promise<TableSource | undefined>>();
  const loaded = new Map<string, Promise<Table | undefined>>();
  const histories = new Map<string, Promise<Table>>();

  const tableAt = (path: readonly string[]): Promise<Table | undefined> =>
    once(loaded, JSON.stringify(path), () => loadFirst(deps.catalog, path, deps.namespaces));
  const historyOf = ({ identifier }: Table): Promise<Table> =>
    once(histories, JSON.stringify(identifier), () => deps.history().loadTable(identifier));

  async function find(path: readonly string[], version: TableVersion | undefined): Promise<TableSource | undefined> {
    const meta = metadataTableName(path);
    // Only `$` says which is meant; with a dot a table of that name comes first.
    const table = meta?.isExplicit === true ? undefined : await tableAt(path);
    if (table !== undefined) {
      if (version === undefined) {
        deps.onRead(table, table.currentSnapshot());
        const current = currentTable(table, deps);
        return deps.changes === undefined ? current : { ...current, changes: deps.changes(table) };
      }
      const dated = isInRefs(table.metadata, version) ? table : await historyOf(table);
      const resolved = resolveVersion(dated, version);
      deps.onRead(dated, resolved.snapshot);
      return snapshotTable(dated, resolved, deps);
    }
    if (meta === undefined) return undefined;
    const base = await tableAt(meta.path);
    if (base === undefined) return undefined;
    const full = await historyOf(base);
    for (const snapshot of [undefined, ...full.metadata.snapshots]) deps.onRead(full, snapshot);
    return metadataTable(full, meta.kind, version, deps.io);
  }

  return {
    findTable: (path, version) => once(sources, JSON.stringify([path, versionKey(version)]), () => find(path, version)),
    async tableNames() {
      const all = await listAllTables(deps.catalog);
      return all.filter(({ namespace }) => mayRead(namespace, deps.namespaces)).map(tableNameToString);
    },
  };
}

/**
 * The table of the first name that has one; undefined when none has. Errors: `forbidden` when no name may be used.
 */
export async function loadFirst(
  catalog: CatalogClient,
  path: readonly string[],
  namespaces: readonly string[] | undefined,
): Promise<Table | undefined> {
  const candidates = candidateNames(path);
  const allowed = candidates.filter(({ namespace }) => mayRead(namespace, namespaces));
  const [first] = candidates;
  if (first !== undefined && allowed.length === 0) throw forbiddenNamespace(first.namespace);
  for (const identifier of allowed) {
    try {
      return await catalog.loadTable(identifier);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
  return undefined;
}

function once<T>(known: Map<string, Promise<T>>, key: string, load: () => Promise<T>): Promise<T> {
  const running = known.get(key);
  if (running !== undefined) return running;
  const loading = load();
  known.set(key, loading);
  return loading;
}

function versionKey(version: TableVersion | undefined): readonly string[] {
  return version === undefined ? [] : Object.values(version).map(String);
}

/** Whether a namespace is among those named or below one of them. */
export function mayRead(namespace: readonly string[], namespaces: readonly string[] | undefined): boolean {
  const name = namespace.join(".");
  return namespaces === undefined || namespaces.some((allowed) => name === allowed || name.startsWith(`${allowed}.`));
}

/** The error for a table in a namespace that the token does not reach. */
export function forbiddenNamespace(namespace: readonly string[]): LakeError {
  const name = namespace.join(".");
  return new LakeError("forbidden", `The token does not reach the namespace ${name}; nothing was read or changed.`, {
    details: { namespace: name },
  });
}

function candidateNames(path: readonly string[]): TableIdentifier[] {
  const [name, ...rest] = path.toReversed();
  if (name === undefined) return [];
  if (rest.length > 0) return [{ namespace: rest.toReversed(), name }];
  return SEARCH_PATH.map((namespace) => parseTableName(`${namespace}.${name}`));
}

function isAbsent(error: unknown): boolean {
  return error instanceof LakeError && (error.code === "table_not_found" || error.code === "namespace_not_found");
}
