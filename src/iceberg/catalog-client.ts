// The catalog as every part of Firn uses it: Iceberg's REST protocol through iceberg-js, whoever serves it.

import {
  LakeError,
  parseTableName,
  tableNameToString,
  type Clock,
  type RandomSource,
  type TableIdentifier,
} from "#core";
import { isInBucket } from "#storage";
import { IcebergRestCatalog, type CreateTableRequest } from "iceberg-js";
import { isAbsentNamespace } from "./all-tables.ts";
import { catalogError, createExactFetch, createPatientFetch, toExactJson } from "./catalog-transport.ts";
import { commitChanges } from "./catalog-commit.ts";
import { runCommits } from "./commit-loop.ts";
import type { FileIO } from "./file-io.ts";
import { HISTORY_HEADER, NO_HISTORY } from "./history-header.ts";
import { decodeTableMetadata, parseTableMetadata } from "./metadata-json.ts";
import type { TableMemory } from "./table-memory.ts";
import type { TableDeps } from "./table-deps.ts";
import type {
  CatalogClient,
  CatalogCommitOutcome,
  CommitOptions,
  CreateTableDefinition,
  LiveDataFile,
  Table,
  Transaction,
} from "./table.ts";
import { createViewClient } from "./catalog-views.ts";
import { createTable } from "./table-handle.ts";
import { createCatalogTransaction, transactionParts } from "./transaction.ts";

/** Where the catalog is and how to reach it. */
export interface CatalogClientOptions {
  /** Base of the REST endpoints, without /v1. */
  readonly uri: string;
  readonly fetch: typeof fetch;
  readonly token?: string;
  /** Sent to /v1/config by catalogs with several warehouses; ours has one and needs none. */
  readonly warehouse?: string;
  readonly io: FileIO;
  /** The bucket that `io` reaches; tables elsewhere are refused when they are loaded. */
  readonly bucket?: string;
  /** Remembers loaded tables, so that an unchanged one is not sent again. */
  readonly tables?: TableMemory;
  /**
   * Tells where a table's current metadata is, by a cheaper way than loading it; asked for tables in `tables`. Undefined:
   * it cannot be told, and the table is loaded.
   */
  readonly locate?: (identifier: TableIdentifier) => Promise<string | undefined>;
  /** `refs`: load only snapshots that a branch or tag names, which bounds the metadata of a busy table. Default all. */
  readonly snapshots?: "all" | "refs";
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Creates a client. Cost: no request until a method is called. Errors of all methods: see catalogError. */
export function createCatalogClient(options: CatalogClientOptions): CatalogClient {
  const rest = new IcebergRestCatalog({
    baseUrl: options.uri,
    fetch: createExactFetch(
      createPatientFetch(options.snapshots === "refs" ? withoutHistory(options.fetch) : options.fetch, options),
    ),
    ...(options.warehouse === undefined ? {} : { warehouse: options.warehouse }),
    ...(options.token === undefined ? {} : { auth: { type: "bearer", token: options.token } }),
  });
  const deps: TableDeps = {
    io: options.io,
    clock: options.clock,
    random: options.random,
    commit: {
      clock: options.clock,
      random: options.random,
      sleep: options.sleep,
      reload: (identifier) => loadTable(identifier),
      reloadWhole: (identifier) => loadTable(identifier, "all"),
      readMetadata: async (location) => decodeTableMetadata(await options.io.read(location)),
      send: (changes) =>
        commitChanges(
          {
            ...options,
            rest,
            load: (identifier) => loadTable(identifier),
            toTable: (identifier, reply) => tableOfReply(deps, identifier, reply),
          },
          changes,
        ),
    },
    reload: (identifier) => loadTable(identifier),
    loadHistory: async (identifier) => (await loadTable(identifier, "all")).metadata,
  };
  const refsDeps: TableDeps = { ...deps, refsOnly: true };

  async function loadTable(identifier: TableIdentifier, snapshots = options.snapshots): Promise<Table> {
    const key = JSON.stringify([identifier.namespace, identifier.name, snapshots]);
    const tableDeps = snapshots === "refs" ? refsDeps : deps;
    const remembered = options.tables?.get(key);
    if (remembered !== undefined && (await options.locate?.(identifier)) === remembered.metadataLocation) {
      return createTable(tableDeps, identifier, remembered.metadata, remembered.metadataLocation);
    }
    const reply = await guard(
      rest.loadTableResult(toRestIdentifier(identifier), {
        ...(snapshots === undefined ? {} : { snapshots }),
        ...(remembered === undefined ? {} : { ifNoneMatch: remembered.etag }),
      }),
    );
    if (reply === null) {
      if (remembered === undefined) throw new LakeError("upstream_unavailable", "The catalog did not send the table.");
      return createTable(tableDeps, identifier, remembered.metadata, remembered.metadataLocation);
    }
    const table = tableOfReply(tableDeps, identifier, reply);
    checkReachable(table, options.bucket);
    if (reply.etag !== null) {
      options.tables?.set(key, {
        etag: reply.etag,
        metadata: table.metadata,
        metadataLocation: table.metadataLocation,
      });
    }
    return table;
  }

  async function childNamespaces(parent: readonly string[]): Promise<string[][]> {
    const found: string[][] = [];
    let pageToken: string | undefined;
    do {
      const page = await guard(
        rest.listNamespaces({
          ...(parent.length === 0 ? {} : { parent: { namespace: [...parent] } }),
          ...(pageToken === undefined ? {} : { pageToken }),
        }),
      );
      found.push(...page.namespaces.map(({ namespace }) => namespace));
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
    return found;
  }

  return {
    async listNamespaces() {
      const all = await childNamespaces([]);
      // The list grows while it is walked: children follow their parents.
      for (const namespace of all) {
        try {
          all.push(...(await childNamespaces(namespace)));
        } catch (error) {
          if (!isAbsentNamespace(error)) throw error;
        }
      }
      return all;
    },
    async createNamespace(namespace, properties = {}, { ifNotExists = false } = {}) {
      try {
        await guard(rest.createNamespace({ namespace: [...namespace] }, { properties: { ...properties } }));
      } catch (error) {
        if (!(ifNotExists && isAlreadyExists(error))) throw error;
      }
    },
    async listTables(namespace) {
      const found: TableIdentifier[] = [];
      let pageToken: string | undefined;
      do {
        const page = await guard(
          rest.listTables({ namespace: [...namespace] }, pageToken === undefined ? {} : { pageToken }),
        );
        found.push(...page.identifiers.map(({ namespace: levels, name }) => ({ namespace: levels, name })));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      return found;
    },
    loadTable: (table, load = {}) => loadTable(toIdentifier(table), load.snapshots ?? options.snapshots),
    async createTable(definition, { ifNotExists = false } = {}) {
      const { identifier } = definition;
      try {
        const reply = await guard(
          rest.createTableResult({ namespace: [...identifier.namespace] }, createBody(definition)),
        );
        const table = tableOfReply(deps, identifier, reply);
        checkReachable(table, options.bucket);
        return table;
      } catch (error) {
        if (ifNotExists && isAlreadyExists(error)) return loadTable(identifier);
        throw error;
      }
    },
    async dropTable(table, { purge = false } = {}) {
      await guard(rest.dropTable(toRestIdentifier(toIdentifier(table)), { purge }));
    },
    views: createViewClient({ ...options, rest, fetch: createPatientFetch(options.fetch, options) }),
    tableExists: (table) => guard(rest.tableExists(toRestIdentifier(toIdentifier(table)))),
    transaction: () => createCatalogTransaction((transactions, limits) => commitTransaction(transactions, limits)),
    commitTransaction,
  };

  async function commitTransaction(
    transactions: readonly Transaction[],
    limits?: CommitOptions,
  ): Promise<CatalogCommitOutcome> {
    const targets = transactions.map((transaction) => {
      const { start, plan } = transactionParts(transaction);
      return { table: start, plan };
    });
    const names = targets.map(({ table }) => tableNameToString(table.identifier));
    if (new Set(names).size !== names.length) {
      throw new LakeError("invalid_option", "A table can have one transaction only in a commit of several.");
    }
    return runCommits(deps.commit, targets, limits?.attempts);
  }
}

/** Tells our catalog that replies need no history, also those to commits; others ignore it. */
function withoutHistory(inner: typeof fetch): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set(HISTORY_HEADER, NO_HISTORY);
    return inner(input, { ...init, headers });
  };
}

async function guard<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw catalogError(error);
  }
}

function isAlreadyExists(error: unknown): boolean {
  return error instanceof LakeError && error.code === "already_exists";
}

function toIdentifier(table: TableIdentifier | string): TableIdentifier {
  return typeof table === "string" ? parseTableName(table) : table;
}

function toRestIdentifier({ namespace, name }: TableIdentifier): { namespace: string[]; name: string } {
  return { namespace: [...namespace], name };
}

/** Errors: `unsupported_operation` for a table whose files lie outside the bucket: another catalog may have such. */
function checkReachable({ identifier, metadata }: Table, bucket: string | undefined): void {
  if (bucket === undefined || isInBucket(metadata.location, bucket)) return;
  throw new LakeError(
    "unsupported_operation",
    `The table ${tableNameToString(identifier)} is at ${metadata.location}, outside this deployment's bucket ` +
      `${bucket}: nothing was read or written.`,
    { details: { location: metadata.location, bucket } },
  );
}

function createBody(definition: CreateTableDefinition): CreateTableRequest {
  return toExactJson({
    name: definition.identifier.name,
    schema: { "schema-id": 0, ...definition.schema },
    ...(definition.partitionSpec === undefined ? {} : { "partition-spec": definition.partitionSpec }),
    ...(definition.sortOrder === undefined ? {} : { "write-order": definition.sortOrder }),
    ...(definition.properties === undefined ? {} : { properties: definition.properties }),
  }) as CreateTableRequest;
}

/** A table of a reply that carries its metadata. */
function tableOfReply(
  deps: TableDeps,
  identifier: TableIdentifier,
  reply: { readonly metadata: unknown; readonly "metadata-location"?: string },
): Table {
  return createTable(deps, identifier, parseTableMetadata(reply.metadata), reply["metadata-location"] ?? "");
}

/** Every live data file of a snapshot, the current one by default. Errors: as Table.planScan. */
export async function liveDataFiles(table: Table, snapshotId?: bigint): Promise<readonly LiveDataFile[]> {
  const plan = await table.planScan(snapshotId === undefined ? {} : { snapshotId });
  if (plan.deleteFiles > 0) {
    throw new LakeError("unsupported_operation", "The table has delete files, which are not applied here.");
  }
  return plan.files;
}
