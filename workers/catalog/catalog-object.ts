// The Durable Object that holds namespaces and table pointers. Its single thread makes the pointer swap atomic.

import { DurableObject } from "cloudflare:workers";
import type { TableIdentifier } from "#core";
import { createSqlPointerStore, type Namespace, type NamespaceChange, type PointerStore } from "#iceberg";

/** One object, named `catalog`, serves a deployment: it is asked once for a load and twice for a commit. */
export class Catalog extends DurableObject<CatalogEnv> implements PointerStore {
  readonly #pointers: PointerStore;

  constructor(ctx: DurableObjectState, env: CatalogEnv) {
    super(ctx, env);
    this.#pointers = createSqlPointerStore((sql, ...bindings) => ctx.storage.sql.exec(sql, ...bindings).toArray());
  }

  listNamespaces(parent: Namespace): Promise<readonly Namespace[] | undefined> {
    return this.#pointers.listNamespaces(parent);
  }

  namespaceProperties(namespace: Namespace): Promise<Readonly<Record<string, string>> | undefined> {
    return this.#pointers.namespaceProperties(namespace);
  }

  createNamespace(
    namespace: Namespace,
    properties: Readonly<Record<string, string>>,
  ): ReturnType<PointerStore["createNamespace"]> {
    return this.#pointers.createNamespace(namespace, properties);
  }

  dropNamespace(namespace: Namespace): ReturnType<PointerStore["dropNamespace"]> {
    return this.#pointers.dropNamespace(namespace);
  }

  updateNamespace(
    namespace: Namespace,
    updates: Readonly<Record<string, string>>,
    removals: readonly string[],
  ): Promise<NamespaceChange | undefined> {
    return this.#pointers.updateNamespace(namespace, updates, removals);
  }

  listTables(namespace: Namespace): Promise<readonly string[] | undefined> {
    return this.#pointers.listTables(namespace);
  }

  tablePointer(table: TableIdentifier): Promise<string | undefined> {
    return this.#pointers.tablePointer(table);
  }

  createTable(table: TableIdentifier, location: string): ReturnType<PointerStore["createTable"]> {
    return this.#pointers.createTable(table, location);
  }

  swapTable(table: TableIdentifier, expected: string, next: string): ReturnType<PointerStore["swapTable"]> {
    return this.#pointers.swapTable(table, expected, next);
  }

  dropTable(table: TableIdentifier): Promise<string | undefined> {
    return this.#pointers.dropTable(table);
  }

  renameTable(from: TableIdentifier, to: TableIdentifier): ReturnType<PointerStore["renameTable"]> {
    return this.#pointers.renameTable(from, to);
  }

  isLocationUsed(location: string): Promise<boolean> {
    return this.#pointers.isLocationUsed(location);
  }
}
