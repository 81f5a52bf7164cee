// The table API other domains program against; implementations live beside it.

import type { TableIdentifier } from "#core";
import type { Scalar } from "#columnar";
import type { DataFile } from "./data-file.ts";
import type { IcebergSchema } from "./schema.ts";
import type { PartitionSpec, Snapshot, SortField, SortOrder, TableMetadata } from "./table-metadata.ts";
import type { PartitionSpecRequest } from "./table-update.ts";

/**
 * How a commit ended. `unknown` remains only after the table was reloaded and could not tell; nothing is deleted
 * then. After `conflict` nothing was committed.
 */
export type CommitOutcome =
  | { readonly outcome: "committed"; readonly table: Table; readonly snapshotId?: bigint }
  | { readonly outcome: "conflict"; readonly reason: string }
  | { readonly outcome: "unknown"; readonly error: unknown };

/** Limits of one commit. */
export interface CommitOptions {
  /** Attempts in all against moving bases; default 5. */
  readonly attempts?: number;
}

/** A pending change that ends in one atomic commit. */
export interface PendingCommit {
  /** Commits; may be called once. Errors: `storage_unavailable` and others from before the commit was sent. */
  commit(options?: CommitOptions): Promise<CommitOutcome>;
}

/** Adds files. Never conflicts with other appends. */
export interface AppendFiles extends PendingCommit {
  addFile(file: DataFile): AppendFiles;
  addFiles(files: readonly DataFile[]): AppendFiles;
  /** Adds a key to the snapshot's summary. */
  setSummary(key: string, value: string): AppendFiles;
  /** Sets a table property in the same atomic commit. */
  setProperty(key: string, value: string): AppendFiles;
  /**
   * Aborts the commit as a conflict when this returns a reason for the base it would be applied to; called on every
   * attempt with that attempt's metadata.
   */
  validate(check: (base: TableMetadata) => string | undefined): AppendFiles;
}

/** Replaces files by others holding the same rows. */
export interface RewriteFiles extends PendingCommit {
  deleteFiles(files: readonly DataFile[]): RewriteFiles;
  addFiles(files: readonly DataFile[]): RewriteFiles;
  setSummary(key: string, value: string): RewriteFiles;
}

/** Sets and removes table properties. */
export interface UpdateProperties extends PendingCommit {
  set(key: string, value: string): UpdateProperties;
  remove(key: string): UpdateProperties;
}

/** Changes the partition spec of future files. */
export interface UpdateSpec extends PendingCommit {
  /** Default transform identity; the default name is that of the column and transform, as timestamp_day. */
  addField(column: string, transform?: string, name?: string): UpdateSpec;
  removeField(name: string): UpdateSpec;
}

/** Where nulls go in a sort order. */
export type NullOrder = SortField["null-order"];

/** Replaces the sort order of future files; no keys at all means unsorted. */
export interface ReplaceSortOrder extends PendingCommit {
  /** Nulls first by default. */
  asc(column: string, nullOrder?: NullOrder): ReplaceSortOrder;
  /** Nulls last by default. */
  desc(column: string, nullOrder?: NullOrder): ReplaceSortOrder;
}

/** A condition every wanted row fulfils; see ScanPredicate of the SQL engine. Values in physical form. */
export interface IcebergPredicate {
  readonly fieldId: number;
  readonly operator: "=" | "<>" | "<" | "<=" | ">" | ">=" | "in" | "is_null" | "is_not_null" | "starts_with";
  readonly values: readonly Scalar[];
}

/** What to plan. */
export interface ScanOptions {
  readonly predicates?: readonly IcebergPredicate[];
  /** Default: the current snapshot. */
  readonly snapshotId?: bigint;
}

/** A live data file with its data sequence number. */
export interface LiveDataFile {
  readonly dataFile: DataFile;
  readonly sequenceNumber: bigint;
}

/** Files that may hold matching rows, and why the others cannot. */
export interface ScanPlan {
  readonly files: readonly LiveDataFile[];
  readonly filesTotal: number;
  readonly bytesTotal: number;
  readonly recordsTotal: number;
  readonly manifestsTotal: number;
  readonly manifestsScanned: number;
  readonly skipped: readonly { readonly reason: string; readonly files: number }[];
}

/** A table at one metadata version. Immutable: operations return the table they made. */
export interface Table {
  readonly identifier: TableIdentifier;
  readonly metadata: TableMetadata;
  readonly metadataLocation: string;
  schema(): IcebergSchema;
  spec(): PartitionSpec;
  sortOrder(): SortOrder;
  currentSnapshot(): Snapshot | undefined;
  /** The table as the catalog has it now. */
  refresh(): Promise<Table>;
  newAppend(): AppendFiles;
  newRewrite(): RewriteFiles;
  updateProperties(): UpdateProperties;
  updateSpec(): UpdateSpec;
  replaceSortOrder(): ReplaceSortOrder;
  planScan(options?: ScanOptions): Promise<ScanPlan>;
}

/** A table to create. Field ids are assigned by the catalog: any distinct ids will do. */
export interface CreateTableDefinition {
  readonly identifier: TableIdentifier;
  readonly schema: Omit<IcebergSchema, "schema-id"> & { readonly "schema-id"?: number };
  readonly partitionSpec?: PartitionSpecRequest;
  readonly sortOrder?: SortOrder;
  readonly properties?: Readonly<Record<string, string>>;
}

/** Whether an existing namespace or table is fine. */
export interface CreateOptions {
  readonly ifNotExists?: boolean;
}

/** The catalog as this code uses it. Names in strings are dotted: namespace.table. */
export interface CatalogClient {
  listNamespaces(): Promise<readonly (readonly string[])[]>;
  createNamespace(
    namespace: readonly string[],
    properties?: Readonly<Record<string, string>>,
    options?: CreateOptions,
  ): Promise<void>;
  /** Errors: `namespace_not_found`. */
  listTables(namespace: readonly string[]): Promise<readonly TableIdentifier[]>;
  /** Errors: `table_not_found`. */
  loadTable(table: TableIdentifier | string): Promise<Table>;
  /** Errors: `already_exists` unless `ifNotExists`, `namespace_not_found`. */
  createTable(definition: CreateTableDefinition, options?: CreateOptions): Promise<Table>;
  /** Errors: `table_not_found`. `purge` also asks the catalog to delete the files. */
  dropTable(table: TableIdentifier | string, options?: { readonly purge?: boolean }): Promise<void>;
  tableExists(table: TableIdentifier | string): Promise<boolean>;
}
