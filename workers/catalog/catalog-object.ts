// The Durable Object that holds namespaces, the pointers of tables and views, and replies to Idempotency-Keys. Its single
// thread makes each change atomic.

import { DurableObject } from "cloudflare:workers";
import type { TableIdentifier } from "#core";
import {
  createSqlPointerStore,
  type EntryKind,
  type ListPage,
  type Namespace,
  type PointerChange,
  type PointerStore,
  type Receipt,
} from "#iceberg";

/** One object, named `catalog`, serves a deployment: it is asked once for a load and once or twice for a commit. */
export class Catalog extends DurableObject<CatalogEnv> implements PointerStore {
  readonly #pointers: PointerStore;

  constructor(ctx: DurableObjectState, env: CatalogEnv) {
    super(ctx, env);
    this.#pointers = createSqlPointerStore((sql, ...bindings) => ctx.storage.sql.exec(sql, ...bindings).toArray());
  }

  listNamespaces(parent: Namespace, page?: ListPage): ReturnType<PointerStore["listNamespaces"]> {
    return this.#pointers.listNamespaces(parent, page);
  }

  namespaceProperties(namespace: Namespace): ReturnType<PointerStore["namespaceProperties"]> {
    return this.#pointers.namespaceProperties(namespace);
  }

  createNamespace(
    namespace: Namespace,
    properties: Readonly<Record<string, string>>,
    receipt?: Receipt,
  ): ReturnType<PointerStore["createNamespace"]> {
    return this.#pointers.createNamespace(namespace, properties, receipt);
  }

  dropNamespace(namespace: Namespace, receipt?: Receipt): ReturnType<PointerStore["dropNamespace"]> {
    return this.#pointers.dropNamespace(namespace, receipt);
  }

  updateNamespace(
    namespace: Namespace,
    updates: Readonly<Record<string, string>>,
    removals: readonly string[],
    receipt?: Receipt,
  ): ReturnType<PointerStore["updateNamespace"]> {
    return this.#pointers.updateNamespace(namespace, updates, removals, receipt);
  }

  listEntries(kind: EntryKind, namespace: Namespace, page?: ListPage): ReturnType<PointerStore["listEntries"]> {
    return this.#pointers.listEntries(kind, namespace, page);
  }

  /** Where the tables' current metadata is; undefined for names that are no table's. */
  tableLocations(tables: readonly TableIdentifier[]): Promise<(string | undefined)[]> {
    return Promise.all(
      tables.map(async (table) => {
        const entry = await this.#pointers.findEntry(table);
        return entry?.kind === "table" ? entry.metadataLocation : undefined;
      }),
    );
  }

  findEntry(name: TableIdentifier): ReturnType<PointerStore["findEntry"]> {
    return this.#pointers.findEntry(name);
  }

  swapPointers(
    kind: EntryKind,
    changes: readonly PointerChange[],
    receipt?: Receipt,
  ): ReturnType<PointerStore["swapPointers"]> {
    return this.#pointers.swapPointers(kind, changes, receipt);
  }

  dropEntry(kind: EntryKind, name: TableIdentifier, receipt?: Receipt): ReturnType<PointerStore["dropEntry"]> {
    return this.#pointers.dropEntry(kind, name, receipt);
  }

  renameEntry(
    kind: EntryKind,
    from: TableIdentifier,
    to: TableIdentifier,
    receipt?: Receipt,
    expected?: string,
  ): ReturnType<PointerStore["renameEntry"]> {
    return this.#pointers.renameEntry(kind, from, to, receipt, expected);
  }

  keepStaged(table: TableIdentifier, location: string, nowMs: number, expiresMs: number): Promise<void> {
    return this.#pointers.keepStaged(table, location, nowMs, expiresMs);
  }

  stagedLocations(table: TableIdentifier, nowMs: number): ReturnType<PointerStore["stagedLocations"]> {
    return this.#pointers.stagedLocations(table, nowMs);
  }

  tableAtLocation(location: string): Promise<string | undefined> {
    return this.#pointers.tableAtLocation(location);
  }

  recallReply(key: string, nowMs: number): ReturnType<PointerStore["recallReply"]> {
    return this.#pointers.recallReply(key, nowMs);
  }

  keepReply(receipt: Receipt, status: number, body: string): ReturnType<PointerStore["keepReply"]> {
    return this.#pointers.keepReply(receipt, status, body);
  }
}
