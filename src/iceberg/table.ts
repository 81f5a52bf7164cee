// The table API other domains program against; implementations live beside it.

import type { TableIdentifier } from "#core";
import type { Scalar } from "#columnar";
import type { ViewClient } from "./catalog-views.ts";
import type { DataFile, DeleteFile } from "./data-file.ts";
import type { IcebergSchema } from "./schema.ts";
import type {
  CatalogCommitOutcome,
  CatalogTransaction,
  CommitOptions,
  ExpireSnapshots,
  RemoveOrphanFiles,
  TableOperations,
  Transaction,
} from "./operations.ts";
import type { PartitionSpec, Snapshot, SortOrder, TableMetadata } from "./table-metadata.ts";
import type { PartitionSpecRequest } from "./table-update.ts";

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
  /** A branch or tag, when no snapshot id is given. */
  readonly ref?: string;
}

/** A live data file with its data sequence number. */
export interface LiveDataFile {
  readonly dataFile: DataFile;
  readonly sequenceNumber: bigint;
}

/** A live delete file with its data sequence number. */
export interface LiveDeleteFile {
  readonly deleteFile: DeleteFile;
  readonly sequenceNumber: bigint;
}

/** A data file to scan with the deletes that have to be applied to it. */
export interface ScanFile extends LiveDataFile {
  /** Sequence number of the snapshot that added the file; `_last_updated_sequence_number` of rows without their own. */
  readonly fileSequenceNumber: bigint;
  /** A deletion vector stands alone among position deletes: it holds those of all files before it. */
  readonly deletes: readonly LiveDeleteFile[];
}

/** Files that may hold matching rows, and why the others cannot. */
export interface ScanPlan {
  readonly files: readonly ScanFile[];
  /** Distinct delete files that apply to them. */
  readonly deleteFiles: number;
  readonly filesTotal: number;
  readonly bytesTotal: number;
  readonly recordsTotal: number;
  readonly manifestsTotal: number;
  readonly manifestsScanned: number;
  /** Of the manifest list and the scanned manifests of data files, those that were in memory. */
  readonly metadataCached: number;
  readonly skipped: readonly { readonly reason: string; readonly files: number }[];
}

/** A table at one metadata version. Immutable: operations return the table they made. */
export interface Table extends TableOperations {
  readonly identifier: TableIdentifier;
  readonly metadata: TableMetadata;
  readonly metadataLocation: string;
  schema(): IcebergSchema;
  spec(): PartitionSpec;
  sortOrder(): SortOrder;
  currentSnapshot(): Snapshot | undefined;
  /** The table as the catalog has it now. */
  refresh(): Promise<Table>;
  /** Several changes in one atomic commit. */
  newTransaction(): Transaction;
  expireSnapshots(): ExpireSnapshots;
  removeOrphanFiles(): RemoveOrphanFiles;
  planScan(options?: ScanOptions): Promise<ScanPlan>;
}

export type {
  AddColumnOptions,
  AppendFiles,
  CatalogCommitOutcome,
  CatalogTransaction,
  CommitOptions,
  CommitOutcome,
  ConflictChecks,
  DeleteFiles,
  ExpireReport,
  ExpireSnapshots,
  ManageSnapshots,
  NullOrder,
  OrphanReport,
  OverwriteFiles,
  PendingCommit,
  RemoveOrphanFiles,
  ReplaceSortOrder,
  RewriteFiles,
  RewriteManifests,
  RowDelta,
  SnapshotUpdate,
  TableOperations,
  Transaction,
  UpdateLocation,
  UpdateProperties,
  UpdateSchema,
  UpdateSpec,
  UpdateStatistics,
} from "./operations.ts";

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
  /** Errors: `table_not_found`. `snapshots` overrides the client's own choice. */
  loadTable(table: TableIdentifier | string, options?: { readonly snapshots?: "all" | "refs" }): Promise<Table>;
  /** Errors: `already_exists` unless `ifNotExists`, `namespace_not_found`. */
  createTable(definition: CreateTableDefinition, options?: CreateOptions): Promise<Table>;
  /** Errors: `table_not_found`. `purge` also asks the catalog to delete the files. */
  dropTable(table: TableIdentifier | string, options?: { readonly purge?: boolean }): Promise<void>;
  tableExists(table: TableIdentifier | string): Promise<boolean>;
  readonly views: ViewClient;
  /** Starts changes of several tables that are committed together. */
  transaction(): CatalogTransaction;
  /**
   * Commits transactions of different tables together through transactions/commit: all of them or none. Errors:
   * `unsupported_operation` when the catalog does not offer it.
   */
  commitTransaction(transactions: readonly Transaction[], options?: CommitOptions): Promise<CatalogCommitOutcome>;
}
