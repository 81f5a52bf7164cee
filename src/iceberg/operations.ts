// The operations of a table, named as in Iceberg's Java API. Each collects a change and ends in one atomic commit;
// implementations live beside this file.

import type { ContentFile, DataFile, DeleteFile } from "./data-file.ts";
import type { SortField, StatisticsFile, TableMetadata } from "./table-metadata.ts";
import type { IcebergField, IcebergType } from "./schema.ts";
import type { IcebergPredicate, Table } from "./table.ts";
import type { LostRef } from "./unseen-refs.ts";

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
  /** Attempts in all against moving bases; default 5, or one more than the table's `commit.retry.num-retries`. */
  readonly attempts?: number;
}

/** A pending change that ends in one atomic commit. */
export interface PendingCommit {
  /**
   * Commits; may be called once. Inside a transaction the change is only added to it.
   * Errors: `storage_unavailable` and others from before the commit was sent; `unsupported_operation` for a change the
   * table's format version does not allow; `data_invalid` for files the table cannot take.
   */
  commit(options?: CommitOptions): Promise<CommitOutcome>;
}

/** What all operations that make a snapshot can be told. */
export interface SnapshotUpdate<Self> extends PendingCommit {
  /** Adds a key to the snapshot's summary. */
  set(key: string, value: string): Self;
  /** Commits to this branch; main by default. A branch that is not there starts at the head of main. */
  toBranch(branch: string): Self;
  /** Sets a table property in the same atomic commit. */
  setProperty(key: string, value: string): Self;
  /**
   * Aborts the commit as a conflict when this returns a reason for the base it would be applied to; called on every
   * attempt with that attempt's metadata.
   */
  validate(check: (base: TableMetadata) => string | undefined): Self;
}

/** Checks of what others committed since a snapshot was read. Without one all history is checked. */
export interface ConflictChecks<Self> {
  /** The snapshot the change was planned on; by default the branch's head when the operation was started. */
  validateFromSnapshot(snapshotId: bigint | undefined): Self;
  /** Only changes that may hold rows fulfilling all predicates conflict; default all. */
  conflictDetectionFilter(predicates: readonly IcebergPredicate[]): Self;
}

/** Adds files. Never conflicts with other appends. */
export interface AppendFiles extends SnapshotUpdate<AppendFiles> {
  addFile(file: DataFile): AppendFiles;
  addFiles(files: readonly DataFile[]): AppendFiles;
}

/** Removes data files; in format version 3 their deletion vectors too. */
export interface DeleteFiles extends SnapshotUpdate<DeleteFiles> {
  deleteFile(file: DataFile | string): DeleteFiles;
  deleteFiles(files: readonly (DataFile | string)[]): DeleteFiles;
  /**
   * Removes every file all of whose rows fulfil all predicates, by partition values and column bounds alone. A file
   * that may hold both kinds of rows makes the commit fail with `unsupported_operation`, and nothing is committed.
   */
  deleteFromRowFilter(predicates: readonly IcebergPredicate[]): DeleteFiles;
  /** A named file that is gone already is a conflict; by default it is passed over. */
  validateFilesExist(): DeleteFiles;
}

/**
 * Replaces rows: removes files, or all that a filter covers, and adds others. A file to remove that is gone is always a
 * conflict, since its rows would come back in the files that replace it.
 */
export interface OverwriteFiles extends SnapshotUpdate<OverwriteFiles>, ConflictChecks<OverwriteFiles> {
  addFile(file: DataFile): OverwriteFiles;
  addFiles(files: readonly DataFile[]): OverwriteFiles;
  deleteFile(file: DataFile): OverwriteFiles;
  deleteFiles(files: readonly DataFile[]): OverwriteFiles;
  /** Delete files to remove with the data files, such as those that only they had. */
  deleteDeleteFiles(files: readonly DeleteFile[]): OverwriteFiles;
  /** As {@link DeleteFiles.deleteFromRowFilter}. No predicates at all replaces the whole table. */
  overwriteByRowFilter(predicates: readonly IcebergPredicate[]): OverwriteFiles;
  /** Added files whose partition values and bounds do not prove the filter of every row are refused. */
  validateAddedFilesMatchOverwriteFilter(): OverwriteFiles;
  /** Data files added since that may match the filter are a conflict. */
  validateNoConflictingData(): OverwriteFiles;
  /** Deletes added since for the removed files or the filter, and files removed since under the filter, conflict. */
  validateNoConflictingDeletes(): OverwriteFiles;
}

/** Adds rows and row-level deletes in one snapshot. */
export interface RowDelta extends SnapshotUpdate<RowDelta>, ConflictChecks<RowDelta> {
  addRows(files: readonly DataFile[]): RowDelta;
  /**
   * Position deletes (format version 2), deletion vectors (3), equality deletes. A vector replaces the one its data file
   * has: give that to {@link removeDeletes}. A vector that another commit added since to the same file is a conflict.
   */
  addDeletes(files: readonly DeleteFile[]): RowDelta;
  /** Removes data files whole. */
  removeRows(files: readonly DataFile[]): RowDelta;
  removeDeletes(files: readonly DeleteFile[]): RowDelta;
  /**
   * Data files the deletes refer to. One that was replaced since is a conflict; one that was deleted since is only with
   * {@link validateDeletedFiles}. The files that position deletes and vectors name are always among them.
   */
  validateDataFilesExist(paths: readonly string[]): RowDelta;
  validateDeletedFiles(): RowDelta;
  validateNoConflictingDataFiles(): RowDelta;
  validateNoConflictingDeleteFiles(): RowDelta;
}

/** Replaces files by others holding the same rows. */
export interface RewriteFiles extends SnapshotUpdate<RewriteFiles> {
  deleteFiles(files: readonly DataFile[]): RewriteFiles;
  addFiles(files: readonly DataFile[]): RewriteFiles;
  /** Delete files that are no longer needed because the added files hold their effect. */
  deleteDeleteFiles(files: readonly DeleteFile[]): RewriteFiles;
  /** Delete files that stand in for removed ones. */
  addDeleteFiles(files: readonly DeleteFile[]): RewriteFiles;
  /**
   * Data sequence number of the added files; default that of the snapshot the rewrite started from, so that equality
   * deletes committed since still apply to them.
   */
  dataSequenceNumber(sequenceNumber: bigint): RewriteFiles;
  /** The snapshot the rewrite read; by default the branch's head when it was started. */
  validateFromSnapshot(snapshotId: bigint): RewriteFiles;
  /**
   * Rows of the removed files that deletes had removed and that the added files lack; default 0. The counts of rows have
   * to add up.
   */
  deletedRows(rows: number): RewriteFiles;
}

/**
 * Writes manifests anew, grouped so that scans can skip more of them. Changes no file and no row. Grouped by partition, a
 * rewrite that would make scans no cheaper makes no snapshot.
 */
export interface RewriteManifests extends SnapshotUpdate<RewriteManifests> {
  /** Files with equal keys share manifests; default their partition. */
  clusterBy(key: (file: ContentFile) => string): RewriteManifests;
  /** Only manifests for which this holds are rewritten; default all. */
  rewriteIf(
    predicate: (manifest: { readonly path: string; readonly lengthBytes: number }) => boolean,
  ): RewriteManifests;
  /** Bytes a manifest aims for; default the table's `commit.manifest.target-size-bytes`. It gets 8,192 files at most. */
  targetSizeBytes(bytes: number): RewriteManifests;
}

/** A column to add. */
export interface AddColumnOptions {
  readonly doc?: string;
  /** Value of rows written before and of inserts that leave the column out; format version 3. JSON single value. */
  readonly defaultValue?: unknown;
}

/**
 * Changes the schema by field id, so that no file is rewritten. Names of nested columns are dotted paths; list elements
 * are `element`, map values `value`. Errors of commit: `invalid_option` and `undefined_column` for changes the schema
 * does not allow, naming the column.
 */
export interface UpdateSchema extends PendingCommit {
  /** Required columns without a default, and other changes that old rows break, need this. */
  allowIncompatibleChanges(): UpdateSchema;
  /** Adds an optional column. In `parent.name` everything before the last dot is the parent struct. */
  addColumn(name: string, type: IcebergType, options?: AddColumnOptions): UpdateSchema;
  addRequiredColumn(name: string, type: IcebergType, options?: AddColumnOptions): UpdateSchema;
  renameColumn(name: string, newName: string): UpdateSchema;
  /** Widens int to long, float to double, decimal precision, and what else the specification promotes. */
  updateColumn(name: string, type: IcebergType): UpdateSchema;
  /** Undefined removes the text. */
  updateColumnDoc(name: string, doc: string | undefined): UpdateSchema;
  /** Sets the value of inserts that leave the column out; format version 3. */
  updateColumnDefault(name: string, value: unknown): UpdateSchema;
  makeColumnOptional(name: string): UpdateSchema;
  requireColumn(name: string): UpdateSchema;
  deleteColumn(name: string): UpdateSchema;
  moveFirst(name: string): UpdateSchema;
  moveBefore(name: string, beforeName: string): UpdateSchema;
  moveAfter(name: string, afterName: string): UpdateSchema;
  /** Columns that name a row; none at all clears them. */
  setIdentifierFields(names: readonly string[]): UpdateSchema;
  /** Adds columns the table lacks and widens those whose type grew, by name. */
  unionByNameWith(schema: { readonly fields: readonly IcebergField[] }): UpdateSchema;
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
  renameField(name: string, newName: string): UpdateSpec;
  /** Adds the spec without making it the default of new files. */
  addNonDefaultSpec(): UpdateSpec;
}

/** Where nulls go in a sort order. */
export type NullOrder = SortField["null-order"];

/** Replaces the sort order of future files; no keys at all means unsorted. */
export interface ReplaceSortOrder extends PendingCommit {
  /** Nulls first by default. */
  asc(column: string, nullOrder?: NullOrder, transform?: string): ReplaceSortOrder;
  /** Nulls last by default. */
  desc(column: string, nullOrder?: NullOrder, transform?: string): ReplaceSortOrder;
}

/** Moves a table's future files to another place; existing ones stay where they are. */
export interface UpdateLocation extends PendingCommit {
  setLocation(location: string): UpdateLocation;
}

/** Changes branches and tags; all changes of one operation are one commit. */
export interface ManageSnapshots extends PendingCommit {
  /** At the current snapshot by default. */
  createBranch(name: string, snapshotId?: bigint): ManageSnapshots;
  createTag(name: string, snapshotId?: bigint): ManageSnapshots;
  removeBranch(name: string): ManageSnapshots;
  removeTag(name: string): ManageSnapshots;
  renameBranch(name: string, newName: string): ManageSnapshots;
  /** Moves a branch to any snapshot, or to the head of another ref. */
  replaceBranch(name: string, to: bigint | string): ManageSnapshots;
  replaceTag(name: string, snapshotId: bigint): ManageSnapshots;
  /** Moves a branch to the head of another, of which its head has to be an ancestor. */
  fastForwardBranch(name: string, to: string): ManageSnapshots;
  /** Makes an ancestor of the current snapshot current. */
  rollbackTo(snapshotId: bigint): ManageSnapshots;
  /** Makes the last ancestor from before a time current, milliseconds since 1970. */
  rollbackToTime(timestampMs: number): ManageSnapshots;
  /** Makes any snapshot current. */
  setCurrentSnapshot(snapshotId: bigint): ManageSnapshots;
  /**
   * Applies another snapshot's appends, or its dynamic overwrite, on top of main: moves main to it when it follows the
   * head, else makes a snapshot like it. Alone in its operation.
   */
  cherrypick(snapshotId: bigint): ManageSnapshots;
  setMinSnapshotsToKeep(branch: string, count: number): ManageSnapshots;
  setMaxSnapshotAgeMs(branch: string, ageMs: number): ManageSnapshots;
  setMaxRefAgeMs(ref: string, ageMs: number): ManageSnapshots;
}

/** What an expiry did; the counts are of files asked to be deleted. */
export interface ExpireReport {
  readonly outcome: CommitOutcome;
  readonly snapshots: number;
  readonly refs: number;
  readonly dataFiles: number;
  readonly deleteFiles: number;
  readonly manifests: number;
  readonly statisticsFiles: number;
  /**
   * Files that stay although no snapshot needs them any more: those outside the bucket, and manifests and lists of expired
   * snapshots that could not be read, with whatever they name. Orphan removal finds those that are under the table's
   * location.
   */
  readonly skipped: readonly string[];
  /**
   * Branches and tags that others set while their snapshots went, in a catalog that does not refuse that. No file was
   * deleted then: the metadata file named can be registered, until orphan removal finds what it needs.
   */
  readonly lostRefs: readonly LostRef[];
}

/**
 * Forgets snapshots and deletes the files only they needed. Branches and tags go by their own retention, else by the
 * table's `history.expire.*` properties.
 */
export interface ExpireSnapshots {
  /** Milliseconds since 1970; default the table's `history.expire.max-snapshot-age-ms` ago (5 days). */
  expireOlderThan(timestampMs: number): ExpireSnapshots;
  /** Snapshots of each branch that stay whatever their age; default `history.expire.min-snapshots-to-keep` (1). */
  retainLast(count: number): ExpireSnapshots;
  /** Forgets this snapshot whatever its age, unless a ref names it. */
  expireSnapshotId(snapshotId: bigint): ExpireSnapshots;
  /** Snapshots removed by one commit, oldest first; bounds its reads. Default 500. */
  maxSnapshots(count: number): ExpireSnapshots;
  /** Keeps all files and only shortens the metadata; orphan removal has to find them then. */
  keepFiles(): ExpireSnapshots;
  /** Also removes schemas and partition specs that no kept snapshot needs. */
  cleanExpiredMetadata(): ExpireSnapshots;
  /** Errors: `unsupported_operation` when the table forbids deleting its files (gc.enabled). */
  commit(options?: CommitOptions): Promise<ExpireReport>;
}

/** What an orphan removal found. */
export interface OrphanReport {
  /** Locations no metadata leads to, old enough to go; deleted unless it was a dry run. */
  readonly orphans: readonly string[];
  readonly deleted: number;
  readonly bytes: number;
  /** Files under the table's location that were looked at. */
  readonly listed: number;
}

/** Deletes files under the table's location that nothing in its metadata leads to. */
export interface RemoveOrphanFiles {
  /** Only files older than this may go, milliseconds since 1970; default and latest 24 hours, by default 3 days ago. */
  olderThan(timestampMs: number): RemoveOrphanFiles;
  dryRun(): RemoveOrphanFiles;
  /** Orphans removed in one run; default 10,000. */
  maxFiles(count: number): RemoveOrphanFiles;
  execute(): Promise<OrphanReport>;
}

/** Attaches statistics files to snapshots. */
export interface UpdateStatistics extends PendingCommit {
  setStatistics(file: StatisticsFile): UpdateStatistics;
  removeStatistics(snapshotId: bigint): UpdateStatistics;
  setPartitionStatistics(file: StatisticsFile): UpdateStatistics;
  removePartitionStatistics(snapshotId: bigint): UpdateStatistics;
}

/** Every way to change a table; what {@link Table} and {@link Transaction} have in common. */
export interface TableOperations {
  newAppend(): AppendFiles;
  newDelete(): DeleteFiles;
  newOverwrite(): OverwriteFiles;
  newRowDelta(): RowDelta;
  newRewrite(): RewriteFiles;
  rewriteManifests(): RewriteManifests;
  updateSchema(): UpdateSchema;
  updateSpec(): UpdateSpec;
  replaceSortOrder(): ReplaceSortOrder;
  updateProperties(): UpdateProperties;
  updateLocation(): UpdateLocation;
  /** To 2 or 3; the version never goes down. */
  upgradeFormatVersion(version: number): PendingCommit;
  manageSnapshots(): ManageSnapshots;
  updateStatistics(): UpdateStatistics;
}

/**
 * Several changes of one table in one atomic commit. The commit of each operation adds it to the transaction; operations
 * started afterwards see it. Nothing is visible to others before {@link commitTransaction}.
 */
export interface Transaction extends TableOperations {
  /** The table with the changes so far. */
  table(): Table;
  commitTransaction(options?: CommitOptions): Promise<CommitOutcome>;
  /** Deletes what the operations wrote. For a transaction that is given up before it is committed. */
  abort(): Promise<void>;
}

/** How a commit of several tables ended: all of them or none. */
export type CatalogCommitOutcome =
  | { readonly outcome: "committed"; readonly tables: readonly Table[] }
  | { readonly outcome: "conflict"; readonly reason: string }
  | { readonly outcome: "unknown"; readonly error: unknown };

/** Changes of several tables in one atomic commit. */
export interface CatalogTransaction {
  /** The transaction of that table, started by the first call for it. Its own commitTransaction may not be called. */
  on(table: Table): Transaction;
  commit(options?: CommitOptions): Promise<CatalogCommitOutcome>;
}
