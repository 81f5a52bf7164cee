// Binds the SQL engine to Iceberg: names to tables, to their earlier states, and to tables of their metadata. One
// instance serves one query.

import { LakeError, parseTableName, tableNameToString, type RetryDeps, type TableIdentifier } from "#core";
import {
  currentViewVersion,
  listAllTables,
  listAllViews,
  viewColumnNames,
  type CatalogClient,
  type FileIO,
  type Snapshot,
  type Table,
  type View,
} from "#iceberg";
import type { ChangeableTable, TableCatalog, TableSource, TableVersion, ViewSource } from "#sql";
import type { DataReader } from "./data-reader.ts";
import type { FreshSource } from "./fresh-rows.ts";
import { informationSchemaTable } from "./information-schema.ts";
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
  /** Told of every table in the state it is read in. */
  readonly onRead: (table: Table, snapshot: Snapshot | undefined) => void;
  /** Makes a table's rows changeable; absent: they are not. */
  readonly changes?: (table: Table, branch?: string) => ChangeableTable;
  /** Whether times that SQL would round are refused, because what is read may be written; asked when a scan is planned. */
  readonly exactTimes?: () => boolean;
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
  const views = new Map<string, Promise<ViewSource | undefined>>();

  const tableAt = (path: readonly string[]): Promise<Table | undefined> =>
    once(loaded, JSON.stringify(path), () =>
      loadFirst(deps.catalog, path, deps.namespaces, (identifier) => deps.fresh?.ahead?.(identifier)),
    );
  const historyOf = ({ identifier }: Table): Promise<Table> =>
    once(histories, JSON.stringify(identifier), () => deps.history().loadTable(identifier));

  /** What may be part of another table's name is no table where the namespace it would be in may not be read. */
  async function tableOrNothing(path: readonly string[], mayBePart: boolean): Promise<Table | undefined> {
    try {
      return await tableAt(path);
    } catch (error) {
      if (mayBePart && error instanceof LakeError && error.code === "forbidden") return undefined;
      throw error;
    }
  }

  async function find(path: readonly string[], version: TableVersion | undefined): Promise<TableSource | undefined> {
    const described = informationSchemaTable(path, {
      catalog: deps.catalog,
      mayRead: (namespace) => mayRead(namespace, deps.namespaces),
    });
    if (described !== undefined) {
      if (version !== undefined) throw new LakeError("sql_unsupported", `${described.name} has no versions.`);
      return described;
    }
    const meta = metadataTableName(path);
    // Only `$` says which is meant; with a dot a table of that name comes first.
    const ref = refName(path);
    const table =
      meta?.isExplicit === true ? undefined : await tableOrNothing(path, meta !== undefined || ref !== undefined);
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
    if (ref !== undefined) return findRef(ref, version);
    if (meta === undefined) return undefined;
    const base = await tableAt(meta.path);
    if (base === undefined) return undefined;
    const full = await historyOf(base);
    for (const snapshot of [undefined, ...full.metadata.snapshots]) deps.onRead(full, snapshot);
    return metadataTable(full, meta.kind, version, deps.io);
  }

  /** `events.branch_audit`, `events.tag_june`, Spark's names of what a branch or tag holds. */
  async function findRef(
    { path, kind, name }: RefName,
    version: TableVersion | undefined,
  ): Promise<TableSource | undefined> {
    const table = await tableAt(path);
    if (table === undefined) return undefined;
    const shown = `${tableNameToString(table.identifier)}.${kind}_${name}`;
    if (version !== undefined) throw new LakeError("sql_unsupported", `${shown} has no versions.`);
    const resolved = resolveVersion(table, { kind: "ref", name });
    if (table.metadata.refs[name]?.type !== kind) {
      throw new LakeError(
        "undefined_snapshot",
        `Table ${tableNameToString(table.identifier)} has no ${kind} "${name}".`,
      );
    }
    deps.onRead(table, resolved.snapshot);
    const source = { ...snapshotTable(table, resolved, deps), name: shown };
    if (deps.changes === undefined || kind === "tag") return source;
    return { ...source, changes: deps.changes(table, name) };
  }

  async function findView(path: readonly string[]): Promise<ViewSource | undefined> {
    for (const identifier of allowedNames(path, deps.namespaces)) {
      const view = await deps.catalog.views.loadView(identifier);
      if (view !== undefined) return viewSource(view);
    }
    return undefined;
  }

  return {
    findView: (path) => once(views, JSON.stringify(path), () => findView(path)),
    findTable: (path, version) => once(sources, JSON.stringify([path, versionKey(version)]), () => find(path, version)),
    async tableNames() {
      const [tables, named] = await Promise.all([listAllTables(deps.catalog), listAllViews(deps.catalog)]);
      return [...tables, ...named]
        .filter(({ namespace }) => mayRead(namespace, deps.namespaces))
        .map(tableNameToString);
    },
  };
}

/**
 * The table of the first name that has one; undefined when none has. `beforeLoad` hears of every name that is tried. Errors: `forbidden` when no name may be used.
 */
export async function loadFirst(
  catalog: CatalogClient,
  path: readonly string[],
  namespaces: readonly string[] | undefined,
  beforeLoad: (identifier: TableIdentifier) => void = () => undefined,
): Promise<Table | undefined> {
  for (const identifier of allowedNames(path, namespaces)) {
    beforeLoad(identifier);
    try {
      return await catalog.loadTable(identifier);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
  return undefined;
}

/** The names a path may mean, best first. Errors: `forbidden` when none may be used. */
export function allowedNames(
  path: readonly string[],
  namespaces: readonly string[] | undefined,
): readonly TableIdentifier[] {
  const candidates = candidateNames(path);
  const allowed = candidates.filter(({ namespace }) => mayRead(namespace, namespaces));
  const [first] = candidates;
  if (first !== undefined && allowed.length === 0) throw forbiddenNamespace(first.namespace);
  return allowed;
}

/** A branch or tag named like a table. */
export interface RefName {
  readonly path: readonly string[];
  readonly kind: "branch" | "tag";
  readonly name: string;
}

/** Reads `table.branch_name` and `table.tag_name`; undefined for any other name. */
export function refName(path: readonly string[]): RefName | undefined {
  const [, kind, name] = /^(branch|tag)_(.+)$/s.exec(path.at(-1) ?? "") ?? [];
  if (name === undefined || path.length < 2) return undefined;
  return { path: path.slice(0, -1), kind: kind === "tag" ? "tag" : "branch", name };
}

/** A view as the SQL engine sees it. */
function viewSource({ identifier, metadata }: View): ViewSource {
  const version = currentViewVersion(metadata);
  const namespace = version["default-namespace"];
  return {
    name: tableNameToString(identifier),
    representations: version.representations,
    columnNames: viewColumnNames(metadata),
    // In the first namespace of the search path, names mean what they mean in a query.
    namespace: namespace.join(".") === SEARCH_PATH[0] ? [] : namespace,
    catalog: version["default-catalog"],
    identity: `${metadata["view-uuid"]} ${version["version-id"]} ${version["timestamp-ms"]}`,
  };
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
