// The only state of the catalog: namespaces, and for every table the location of its current metadata file.

import type { TableIdentifier } from "#core";

/** A namespace's levels, outermost first. */
export type Namespace = readonly string[];

/** What became of a request to change a namespace's properties. */
export interface NamespaceChange {
  readonly updated: readonly string[];
  readonly removed: readonly string[];
  /** Keys to remove that were not there. */
  readonly missing: readonly string[];
}

/**
 * Where pointers live. Every method is atomic; outcomes are values so that they survive a Worker border. A method
 * that throws may or may not have taken effect.
 *
 * Concurrency: `swapTable` is the commit point of every table commit: of two calls with one `expected`, one wins.
 */
export interface PointerStore {
  /** Direct children of the parent; the top level for an empty parent. Undefined when the parent does not exist. */
  listNamespaces(parent: Namespace): Promise<readonly Namespace[] | undefined>;
  namespaceProperties(namespace: Namespace): Promise<Readonly<Record<string, string>> | undefined>;
  createNamespace(
    namespace: Namespace,
    properties: Readonly<Record<string, string>>,
  ): Promise<"created" | "exists" | "no_parent">;
  dropNamespace(namespace: Namespace): Promise<"dropped" | "missing" | "not_empty">;
  updateNamespace(
    namespace: Namespace,
    updates: Readonly<Record<string, string>>,
    removals: readonly string[],
  ): Promise<NamespaceChange | undefined>;
  /** Names of the namespace's tables in order, or undefined when there is no such namespace. */
  listTables(namespace: Namespace): Promise<readonly string[] | undefined>;
  /** Location of the table's current metadata file. */
  tablePointer(table: TableIdentifier): Promise<string | undefined>;
  createTable(table: TableIdentifier, location: string): Promise<"created" | "exists" | "no_namespace">;
  swapTable(table: TableIdentifier, expected: string, next: string): Promise<"swapped" | "moved" | "missing">;
  /** The pointer that was dropped. */
  dropTable(table: TableIdentifier): Promise<string | undefined>;
  renameTable(from: TableIdentifier, to: TableIdentifier): Promise<"renamed" | "missing" | "exists" | "no_namespace">;
  /** Whether any table's metadata lies under the location: such a table would share its files. */
  isLocationUsed(location: string): Promise<boolean>;
}
