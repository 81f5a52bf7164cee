// Pointers in memory, for tests and tools. The Durable Object in workers/catalog keeps the same rules in SQLite.

import { compareCodePoints, type TableIdentifier } from "#core";
import type { Namespace, PointerStore } from "./pointer-store.ts";

interface StoredNamespace {
  readonly levels: Namespace;
  readonly properties: Map<string, string>;
  /** Metadata location by table name. */
  readonly tables: Map<string, string>;
}

/** A key that no two namespaces share: levels may hold any character but this one. */
function keyOf(namespace: Namespace): string {
  return namespace.join("\u001F");
}

/** An empty store; every call settles in one step, so calls are atomic. */
export function createMemoryPointerStore(): PointerStore {
  const namespaces = new Map<string, StoredNamespace>();
  const find = (namespace: Namespace): StoredNamespace | undefined => namespaces.get(keyOf(namespace));
  const children = (parent: Namespace): StoredNamespace[] =>
    [...namespaces.values()].filter(
      ({ levels }) => levels.length === parent.length + 1 && keyOf(levels.slice(0, -1)) === keyOf(parent),
    );
  const pointer = (table: TableIdentifier): string | undefined => find(table.namespace)?.tables.get(table.name);

  return {
    async listNamespaces(parent) {
      if (parent.length > 0 && find(parent) === undefined) return undefined;
      return children(parent)
        .map(({ levels }) => levels)
        .toSorted((a, b) => compareCodePoints(keyOf(a), keyOf(b)));
    },
    async namespaceProperties(namespace) {
      const found = find(namespace);
      return found === undefined ? undefined : Object.fromEntries(found.properties);
    },
    async createNamespace(namespace, properties) {
      if (find(namespace) !== undefined) return "exists";
      if (namespace.length > 1 && find(namespace.slice(0, -1)) === undefined) return "no_parent";
      namespaces.set(keyOf(namespace), {
        levels: [...namespace],
        properties: new Map(Object.entries(properties)),
        tables: new Map(),
      });
      return "created";
    },
    async dropNamespace(namespace) {
      const found = find(namespace);
      if (found === undefined) return "missing";
      if (found.tables.size > 0 || children(namespace).length > 0) return "not_empty";
      namespaces.delete(keyOf(namespace));
      return "dropped";
    },
    async updateNamespace(namespace, updates, removals) {
      const found = find(namespace);
      if (found === undefined) return undefined;
      const removed = removals.filter((key) => found.properties.delete(key));
      for (const [key, value] of Object.entries(updates)) found.properties.set(key, value);
      return {
        updated: Object.keys(updates),
        removed,
        missing: removals.filter((key) => !removed.includes(key)),
      };
    },
    async listTables(namespace) {
      const found = find(namespace);
      return found === undefined ? undefined : [...found.tables.keys()].toSorted(compareCodePoints);
    },
    async tablePointer(table) {
      return pointer(table);
    },
    async createTable(table, location) {
      const found = find(table.namespace);
      if (found === undefined) return "no_namespace";
      if (found.tables.has(table.name)) return "exists";
      found.tables.set(table.name, location);
      return "created";
    },
    async swapTable(table, expected, next) {
      const current = pointer(table);
      if (current === undefined) return "missing";
      if (current !== expected) return "moved";
      find(table.namespace)?.tables.set(table.name, next);
      return "swapped";
    },
    async dropTable(table) {
      const current = pointer(table);
      find(table.namespace)?.tables.delete(table.name);
      return current;
    },
    async renameTable(from, to) {
      const current = pointer(from);
      if (current === undefined) return "missing";
      const target = find(to.namespace);
      if (target === undefined) return "no_namespace";
      if (target.tables.has(to.name)) return "exists";
      find(from.namespace)?.tables.delete(from.name);
      target.tables.set(to.name, current);
      return "renamed";
    },
    async isLocationUsed(location) {
      return [...namespaces.values()].some(({ tables }) =>
        [...tables.values()].some((metadata) => metadata.startsWith(`${location}/`)),
      );
    },
  };
}
