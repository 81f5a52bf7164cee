// Pointers in SQLite: the Durable Object's storage in production, node:sqlite in tests. Every method is one synchronous
// run of statements, so inside a Durable Object nothing comes between them.
//
// | table | columns |
// |---|---|
// | namespaces | path (levels joined by U+001F), parent (path of the parent, '' at the top), properties (JSON) |
// | tables, views | namespace (path), name, metadata_location, location (NULL for views) |
// | staged | namespace (path), name, location (of a table yet to be committed), expires_ms |
// | replies | key (Idempotency-Key), request (digest), status (0: the change is made), body (of a refusal, or what a reply is built from), expires_ms |

import { LakeError, type TableIdentifier } from "#core";
import {
  entryText,
  type CatalogEntry,
  type DoneBefore,
  type EntryKind,
  type ListPage,
  type Namespace,
  type PointerChange,
  type PointerStore,
  type Receipt,
  type StoredReply,
  type SwapRefusal,
} from "./pointer-store.ts";

/** A value that binds to a parameter. */
export type SqlBinding = string | number | null;

/** Runs one statement and returns its rows. */
export interface SqlQuery {
  (sql: string, ...bindings: readonly SqlBinding[]): readonly Readonly<Record<string, unknown>>[];
}

const LEVEL_SEPARATOR = "\u001F";
const DONE_BEFORE: DoneBefore = { outcome: "done_before" };
const TABLE_OF: Readonly<Record<EntryKind, "tables" | "views">> = { table: "tables", view: "views" };

const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS namespaces (
    path TEXT PRIMARY KEY, parent TEXT NOT NULL, properties TEXT NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS tables (
    namespace TEXT NOT NULL, name TEXT NOT NULL, metadata_location TEXT NOT NULL, PRIMARY KEY (namespace, name)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS views (
    namespace TEXT NOT NULL, name TEXT NOT NULL, metadata_location TEXT NOT NULL, location TEXT,
    PRIMARY KEY (namespace, name)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, expires_ms INTEGER NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS staged (
    namespace TEXT NOT NULL, name TEXT NOT NULL, location TEXT NOT NULL, expires_ms INTEGER NOT NULL,
    PRIMARY KEY (namespace, name, location)
  ) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS replies_by_age ON replies (expires_ms)`,
];

function pathOf(namespace: Namespace): string {
  return namespace.join(LEVEL_SEPARATOR);
}

/** Gives tables of a store without locations the one their metadata file lies below. */
function addLocations(query: SqlQuery): void {
  const columns = query("SELECT name FROM pragma_table_info('tables')").map((row) => columnText(row, "name"));
  if (columns.includes("location")) return;
  query("ALTER TABLE tables ADD COLUMN location TEXT");
  for (const row of query("SELECT namespace, name, metadata_location FROM tables")) {
    const location = columnText(row, "metadata_location").replace(/\/metadata\/[^/]*$/, "");
    query(
      "UPDATE tables SET location = ? WHERE namespace = ? AND name = ?",
      location,
      columnText(row, "namespace"),
      columnText(row, "name"),
    );
  }
}

/** Opens the store, making its tables when they are missing. */
export function createSqlPointerStore(query: SqlQuery): PointerStore {
  for (const statement of SCHEMA) query(statement);
  addLocations(query);

  const propertiesOf = (namespace: Namespace): Record<string, string> | undefined => {
    const row = query("SELECT properties FROM namespaces WHERE path = ?", pathOf(namespace))[0];
    return row === undefined ? undefined : (JSON.parse(columnText(row, "properties")) as Record<string, string>);
  };
  const namespaceExists = (namespace: Namespace): boolean =>
    query("SELECT 1 FROM namespaces WHERE path = ?", pathOf(namespace)).length > 0;
  const entryOf = ({ namespace, name }: TableIdentifier): (CatalogEntry & { location: string | null }) | undefined => {
    const row = query(
      `SELECT 'table' AS kind, metadata_location, location FROM tables WHERE namespace = ?1 AND name = ?2
       UNION ALL SELECT 'view', metadata_location, location FROM views WHERE namespace = ?1 AND name = ?2`,
      pathOf(namespace),
      name,
    )[0];
    if (row === undefined) return undefined;
    const { location } = row;
    return {
      kind: columnText(row, "kind") === "view" ? "view" : "table",
      metadataLocation: columnText(row, "metadata_location"),
      location: typeof location === "string" ? location : null,
    };
  };
  const wasDone = (receipt: Receipt | undefined): boolean =>
    receipt !== undefined &&
    query("SELECT 1 FROM replies WHERE key = ? AND expires_ms > ?", receipt.key, receipt.nowMs).length > 0;
  const replyOf = (key: string, nowMs: number): StoredReply | undefined => {
    const row = query("SELECT request, status, body FROM replies WHERE key = ? AND expires_ms > ?", key, nowMs)[0];
    if (row === undefined) return undefined;
    return { request: columnText(row, "request"), status: Number(row["status"]), body: columnText(row, "body") };
  };
  const note = (receipt: Receipt | undefined, made = ""): void => {
    if (receipt === undefined) return;
    const { key, request, nowMs, expiresMs } = receipt;
    query("DELETE FROM replies WHERE expires_ms <= ?", nowMs);
    query(
      "INSERT OR REPLACE INTO replies (key, request, status, body, expires_ms) VALUES (?, ?, 0, ?, ?)",
      key,
      request,
      made,
      expiresMs,
    );
  };
  const usedBy = (location: string, except: TableIdentifier | undefined): string | undefined => {
    const row = query(
      `SELECT namespace, name FROM tables WHERE (
         location = ?1 OR substr(location, 1, length(?1) + 1) = ?1 || '/' OR substr(?1, 1, length(location) + 1) = location || '/'
       ) AND NOT (namespace = ?2 AND name = ?3) LIMIT 1`,
      location,
      except === undefined ? "" : pathOf(except.namespace),
      except?.name ?? "",
    )[0];
    if (row === undefined) return undefined;
    return entryText({
      namespace: columnText(row, "namespace").split(LEVEL_SEPARATOR),
      name: columnText(row, "name"),
    });
  };
  const refusal = (kind: EntryKind, change: PointerChange, index: number): SwapRefusal | undefined => {
    const { table, expected, location } = change;
    const known = entryOf(table);
    if (expected === undefined) {
      if (!namespaceExists(table.namespace)) return { outcome: "no_namespace", index };
      if (known !== undefined) return { outcome: "exists", index, kind: known.kind };
    } else {
      if (known?.kind !== kind) return { outcome: "missing", index };
      if (known.metadataLocation !== expected) return { outcome: "moved", index, current: known.metadataLocation };
    }
    if (location === undefined || location === known?.location) return undefined;
    const by = usedBy(location, table);
    return by === undefined ? undefined : { outcome: "location_used", index, by };
  };
  const listPage = (sql: string, order: string, bindings: readonly string[], page: ListPage | undefined) =>
    page === undefined
      ? query(`${sql} ORDER BY ${order}`, ...bindings)
      : query(`${sql} AND ${order} > ? ORDER BY ${order} LIMIT ?`, ...bindings, page.after ?? "", page.limit);

  return {
    async listNamespaces(parent, page) {
      if (parent.length > 0 && !namespaceExists(parent)) return undefined;
      const path = pathOf(parent);
      // Pages name the last level; paths of one parent sort as their last levels do.
      const prefix = parent.length === 0 ? "" : `${path}${LEVEL_SEPARATOR}`;
      const after = page?.after === undefined ? undefined : `${prefix}${page.after}`;
      return listPage(
        "SELECT path FROM namespaces WHERE parent = ?",
        "path",
        [path],
        page === undefined ? undefined : { limit: page.limit, after },
      ).map((row) => columnText(row, "path").split(LEVEL_SEPARATOR));
    },
    async namespaceProperties(namespace) {
      return propertiesOf(namespace);
    },
    async createNamespace(namespace, properties, receipt) {
      if (wasDone(receipt)) return "done_before";
      const parent = namespace.slice(0, -1);
      if (namespaceExists(namespace)) return "exists";
      if (parent.length > 0 && !namespaceExists(parent)) return "no_parent";
      query(
        "INSERT INTO namespaces (path, parent, properties) VALUES (?, ?, ?)",
        pathOf(namespace),
        pathOf(parent),
        JSON.stringify(properties),
      );
      note(receipt);
      return "created";
    },
    async dropNamespace(namespace, receipt) {
      if (wasDone(receipt)) return "done_before";
      const path = pathOf(namespace);
      if (!namespaceExists(namespace)) return "missing";
      const used = query(
        `SELECT 1 FROM tables WHERE namespace = ?1 UNION ALL SELECT 1 FROM views WHERE namespace = ?1
         UNION ALL SELECT 1 FROM namespaces WHERE parent = ?1 LIMIT 1`,
        path,
      );
      if (used.length > 0) return "not_empty";
      query("DELETE FROM namespaces WHERE path = ?", path);
      note(receipt);
      return "dropped";
    },
    async updateNamespace(namespace, updates, removals, receipt) {
      if (wasDone(receipt)) return "done_before";
      const properties = propertiesOf(namespace);
      if (properties === undefined) return undefined;
      const removed = removals.filter((key) => Object.hasOwn(properties, key));
      const kept = Object.entries(properties).filter(([key]) => !removed.includes(key));
      query(
        "UPDATE namespaces SET properties = ? WHERE path = ?",
        JSON.stringify({ ...Object.fromEntries(kept), ...updates }),
        pathOf(namespace),
      );
      const change = {
        updated: Object.keys(updates),
        removed,
        missing: removals.filter((key) => !removed.includes(key)),
      };
      note(receipt, JSON.stringify(change));
      return change;
    },
    async listEntries(kind, namespace, page) {
      if (!namespaceExists(namespace)) return undefined;
      const sql = `SELECT name FROM ${TABLE_OF[kind]} WHERE namespace = ?`;
      return listPage(sql, "name", [pathOf(namespace)], page).map((row) => columnText(row, "name"));
    },
    async findEntry(name) {
      const entry = entryOf(name);
      return entry === undefined ? undefined : { kind: entry.kind, metadataLocation: entry.metadataLocation };
    },
    async swapPointers(kind, changes, receipt) {
      if (wasDone(receipt)) return DONE_BEFORE;
      for (const [index, change] of changes.entries()) {
        const refused = refusal(kind, change, index);
        if (refused !== undefined) return refused;
      }
      for (const { table, next, location } of changes) {
        query(
          `INSERT OR REPLACE INTO ${TABLE_OF[kind]} (namespace, name, metadata_location, location) VALUES (?, ?, ?, ?)`,
          pathOf(table.namespace),
          table.name,
          next,
          location ?? null,
        );
      }
      note(receipt, changes[0]?.next);
      return { outcome: "swapped" };
    },
    async dropEntry(kind, name, receipt) {
      if (wasDone(receipt)) return DONE_BEFORE;
      const known = entryOf(name);
      if (known?.kind !== kind) return { outcome: "missing" };
      query(`DELETE FROM ${TABLE_OF[kind]} WHERE namespace = ? AND name = ?`, pathOf(name.namespace), name.name);
      note(receipt, known.metadataLocation);
      return { outcome: "dropped", metadataLocation: known.metadataLocation };
    },
    async renameEntry(kind, from, to, receipt, expected) {
      if (wasDone(receipt)) return DONE_BEFORE;
      const known = entryOf(from);
      if (known?.kind !== kind) return { outcome: "missing" };
      if (expected !== undefined && known.metadataLocation !== expected) return { outcome: "moved" };
      if (!namespaceExists(to.namespace)) return { outcome: "no_namespace" };
      const taken = entryOf(to);
      if (taken !== undefined) return { outcome: "exists", kind: taken.kind };
      query(
        `UPDATE ${TABLE_OF[kind]} SET namespace = ?, name = ? WHERE namespace = ? AND name = ?`,
        pathOf(to.namespace),
        to.name,
        pathOf(from.namespace),
        from.name,
      );
      note(receipt);
      return { outcome: "renamed" };
    },
    async keepStaged({ namespace, name }, location, nowMs, expiresMs) {
      query("DELETE FROM staged WHERE expires_ms <= ?", nowMs);
      query(
        "INSERT OR REPLACE INTO staged (namespace, name, location, expires_ms) VALUES (?, ?, ?, ?)",
        pathOf(namespace),
        name,
        location,
        expiresMs,
      );
    },
    async stagedLocations({ namespace, name }, nowMs) {
      return query(
        "SELECT location FROM staged WHERE namespace = ? AND name = ? AND expires_ms > ?",
        pathOf(namespace),
        name,
        nowMs,
      ).map((row) => columnText(row, "location"));
    },
    async tableAtLocation(location) {
      return usedBy(location, undefined);
    },
    async recallReply(key, nowMs) {
      return replyOf(key, nowMs);
    },
    async keepReply({ key, request, nowMs, expiresMs }, status, body) {
      query("DELETE FROM replies WHERE expires_ms <= ?", nowMs);
      const kept = replyOf(key, nowMs);
      if (kept !== undefined) return kept;
      query(
        "INSERT INTO replies (key, request, status, body, expires_ms) VALUES (?, ?, ?, ?, ?)",
        key,
        request,
        status,
        body,
        expiresMs,
      );
      return { request, status, body };
    },
  };
}

function columnText(row: Readonly<Record<string, unknown>>, column: string): string {
  const value = row[column];
  if (typeof value === "string") return value;
  throw new LakeError("internal", `The catalog's column ${column} is not text.`);
}
