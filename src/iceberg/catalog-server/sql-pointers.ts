// Pointers in SQLite: the Durable Object's storage in production, node:sqlite in tests. Every method is one synchronous
// run of statements, so inside a Durable Object nothing comes between them.
//
// | table | columns |
// |---|---|
// | namespaces | path (levels joined by U+001F), parent (path of the parent, '' at the top), properties (JSON) |
// | tables | namespace (path), name, metadata_location |

import { LakeError, type TableIdentifier } from "#core";
import type { Namespace, PointerStore } from "./pointer-store.ts";

/** Runs one statement and returns its rows. */
export interface SqlQuery {
  (sql: string, ...bindings: readonly string[]): readonly Readonly<Record<string, unknown>>[];
}

const LEVEL_SEPARATOR = "\u001F";

const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS namespaces (
    path TEXT PRIMARY KEY, parent TEXT NOT NULL, properties TEXT NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS tables (
    namespace TEXT NOT NULL, name TEXT NOT NULL, metadata_location TEXT NOT NULL, PRIMARY KEY (namespace, name)
  ) WITHOUT ROWID`,
];

function pathOf(namespace: Namespace): string {
  return namespace.join(LEVEL_SEPARATOR);
}

/** Opens the store, making its tables when they are missing. */
export function createSqlPointerStore(query: SqlQuery): PointerStore {
  for (const statement of SCHEMA) query(statement);

  const propertiesOf = (namespace: Namespace): Record<string, string> | undefined => {
    const row = query("SELECT properties FROM namespaces WHERE path = ?", pathOf(namespace))[0];
    return row === undefined ? undefined : (JSON.parse(columnText(row, "properties")) as Record<string, string>);
  };
  const namespaceExists = (namespace: Namespace): boolean =>
    query("SELECT 1 FROM namespaces WHERE path = ?", pathOf(namespace)).length > 0;
  const pointerOf = (table: TableIdentifier): string | undefined => {
    const row = query(
      "SELECT metadata_location FROM tables WHERE namespace = ? AND name = ?",
      pathOf(table.namespace),
      table.name,
    )[0];
    return row === undefined ? undefined : columnText(row, "metadata_location");
  };

  return {
    async listNamespaces(parent) {
      if (parent.length > 0 && !namespaceExists(parent)) return undefined;
      return query("SELECT path FROM namespaces WHERE parent = ? ORDER BY path", pathOf(parent)).map((row) =>
        columnText(row, "path").split(LEVEL_SEPARATOR),
      );
    },
    async namespaceProperties(namespace) {
      return propertiesOf(namespace);
    },
    async createNamespace(namespace, properties) {
      const parent = namespace.slice(0, -1);
      if (namespaceExists(namespace)) return "exists";
      if (parent.length > 0 && !namespaceExists(parent)) return "no_parent";
      query(
        "INSERT INTO namespaces (path, parent, properties) VALUES (?, ?, ?)",
        pathOf(namespace),
        pathOf(parent),
        JSON.stringify(properties),
      );
      return "created";
    },
    async dropNamespace(namespace) {
      const path = pathOf(namespace);
      if (!namespaceExists(namespace)) return "missing";
      const used = query(
        "SELECT 1 FROM tables WHERE namespace = ? UNION ALL SELECT 1 FROM namespaces WHERE parent = ? LIMIT 1",
        path,
        path,
      );
      if (used.length > 0) return "not_empty";
      query("DELETE FROM namespaces WHERE path = ?", path);
      return "dropped";
    },
    async updateNamespace(namespace, updates, removals) {
      const properties = propertiesOf(namespace);
      if (properties === undefined) return undefined;
      const removed = removals.filter((key) => Object.hasOwn(properties, key));
      const kept = Object.entries(properties).filter(([key]) => !removed.includes(key));
      query(
        "UPDATE namespaces SET properties = ? WHERE path = ?",
        JSON.stringify({ ...Object.fromEntries(kept), ...updates }),
        pathOf(namespace),
      );
      return { updated: Object.keys(updates), removed, missing: removals.filter((key) => !removed.includes(key)) };
    },
    async listTables(namespace) {
      if (!namespaceExists(namespace)) return undefined;
      return query("SELECT name FROM tables WHERE namespace = ? ORDER BY name", pathOf(namespace)).map((row) =>
        columnText(row, "name"),
      );
    },
    async tablePointer(table) {
      return pointerOf(table);
    },
    async createTable(table, location) {
      if (!namespaceExists(table.namespace)) return "no_namespace";
      if (pointerOf(table) !== undefined) return "exists";
      query(
        "INSERT INTO tables (namespace, name, metadata_location) VALUES (?, ?, ?)",
        pathOf(table.namespace),
        table.name,
        location,
      );
      return "created";
    },
    async swapTable(table, expected, next) {
      const current = pointerOf(table);
      if (current === undefined) return "missing";
      if (current !== expected) return "moved";
      query(
        "UPDATE tables SET metadata_location = ? WHERE namespace = ? AND name = ? AND metadata_location = ?",
        next,
        pathOf(table.namespace),
        table.name,
        expected,
      );
      return "swapped";
    },
    async dropTable(table) {
      const current = pointerOf(table);
      query("DELETE FROM tables WHERE namespace = ? AND name = ?", pathOf(table.namespace), table.name);
      return current;
    },
    async renameTable(from, to) {
      if (pointerOf(from) === undefined) return "missing";
      if (!namespaceExists(to.namespace)) return "no_namespace";
      if (pointerOf(to) !== undefined) return "exists";
      query(
        "UPDATE tables SET namespace = ?, name = ? WHERE namespace = ? AND name = ?",
        pathOf(to.namespace),
        to.name,
        pathOf(from.namespace),
        from.name,
      );
      return "renamed";
    },
    async isLocationUsed(location) {
      const prefix = `${location}/`;
      const sql = "SELECT 1 FROM tables WHERE substr(metadata_location, 1, length(?)) = ? LIMIT 1";
      return query(sql, prefix, prefix).length > 0;
    },
  };
}

function columnText(row: Readonly<Record<string, unknown>>, column: string): string {
  const value = row[column];
  if (typeof value === "string") return value;
  throw new LakeError("internal", `The catalog's column ${column} is not text.`);
}
