// Apache Iceberg: table metadata, manifests, scan planning, commits, the REST catalog's client and server.

export { listAllTables } from "./all-tables.ts";
export { createCatalogClient, liveDataFiles, type CatalogClientOptions } from "./catalog-client.ts";
export { expireSnapshots, type ExpireOptions } from "./expire-snapshots.ts";
export { ORPHAN_LEAST_AGE_MS } from "./remove-orphan-files.ts";
export { listAllViews, viewColumnNames, type View, type ViewClient, type ViewDefinition } from "./catalog-views.ts";
export { CALLER_HEADER, encodeCaller, type CatalogCaller } from "./catalog-server/caller.ts";
export type { CatalogMemory, CatalogServerDeps, S3Access } from "./catalog-server/catalog-deps.ts";
export { createCatalogMemory } from "./catalog-server/catalog-memory.ts";
export { createCommitTurns, type CommitTurns, type TurnRequest } from "./catalog-server/commit-turns.ts";
export { forUnlimitedCallers } from "./catalog-server/unlimited-only.ts";
export { createCatalogHandler } from "./catalog-server/handler.ts";
export { createMemoryPointerStore } from "./catalog-server/memory-pointers.ts";
export type {
  EntryKind,
  ListPage,
  Namespace,
  NamespaceChange,
  PointerChange,
  PointerStore,
  Receipt,
} from "./catalog-server/pointer-store.ts";
export { createSqlPointerStore, type SqlQuery } from "./catalog-server/sql-pointers.ts";
export { dataFileFromParquet, type ParquetDataFile } from "./data-file-metrics.ts";
export { newestWithSummary } from "./carried-summary.ts";
export { COMMITS_PER_MINUTE_OVERRIDE, createForeignCatalog, type ForeignCatalogOptions } from "./foreign-catalog.ts";
export { foreignCatalogAddress, type ForeignCatalogAddress, type ForeignCatalogSettings } from "./foreign-settings.ts";
export { createByteCache, createFileIO, type ByteCache, type FileIO } from "./file-io.ts";
export { defaultToJson, initialDefault, jsonToDefault, writeDefault } from "./default-value.ts";
export { decodeDeleteManifest, decodeManifest, decodeManifestList } from "./manifest-read.ts";
export type { ManifestEntry, ManifestFile } from "./manifest.ts";
export { readDeleteManifestEntries, readManifestEntries, readSnapshotManifests } from "./manifest-entries.ts";
export { readTableMetadata } from "./metadata-file.ts";
export { encodeTableMetadata, parseTableMetadata, tableMetadataToJson } from "./metadata-json.ts";
export { missingColumnValues } from "./missing-columns.ts";
export {
  fieldIdsByPath,
  nameMappingToText,
  parseNameMapping,
  pathKey,
  schemaNameMapping,
  tableNameMapping,
  type MappedField,
  type NameMapping,
} from "./name-mapping.ts";
export { hasNanoseconds, toProvingPredicates, toStoredPredicates } from "./nanosecond-time.ts";
export { fromStoredVector, toStoredBatch, toStoredVector } from "./stored-values.ts";
export { fieldVector, findSingleValued, type FieldVector } from "./field-vector.ts";
export { newDataFileLocation, partitionPath, splitByPartition, type BatchPartition } from "./partition-batch.ts";
export { partitionKey } from "./snapshot-summary.ts";
export { allFieldsById, specTuple } from "./spec-tuple.ts";
export { allRowsMatch } from "./strict-match.ts";
export { scalarToSingleValue, singleValueToScalar } from "./single-value.ts";
export { partitionFieldName } from "./table-changes.ts";
export {
  applyTransform,
  canTransform,
  fieldTransform,
  parseTransform,
  transformResultType,
  type Transform,
} from "./transform.ts";
export {
  dataFileFromJson,
  dataFileToJson,
  deleteFileFromJson,
  deleteFileToJson,
  isDeletionVector,
  type ContentFile,
  type DataFile,
  type DataFileJson,
  type DeleteFile,
  type DeleteFileJson,
} from "./data-file.ts";
export {
  childFields,
  fieldsById,
  findColumn,
  highestFieldId,
  type IcebergField,
  type IcebergSchema,
  type IcebergSchema as Schema,
  type IcebergType,
  type LocatedField,
} from "./schema.ts";
export {
  currentSchema,
  currentSnapshot,
  defaultSortOrder,
  defaultSpec,
  findSnapshot,
  schemaById,
  specById,
  type PartitionField,
  type PartitionSpec,
  type Snapshot,
  type SnapshotRef,
  type SnapshotSummary,
  type SortField,
  type SortOrder,
  type TableMetadata,
} from "./table-metadata.ts";
export {
  type PartitionFieldRequest,
  type PartitionSpecRequest,
  type TableRequirement,
  type TableUpdate,
} from "./table-update.ts";
export {
  type AddColumnOptions,
  type AppendFiles,
  type CatalogClient,
  type CatalogCommitOutcome,
  type CatalogTransaction,
  type CommitOptions,
  type CommitOutcome,
  type ConflictChecks,
  type CreateOptions,
  type CreateTableDefinition,
  type DeleteFiles,
  type ExpireReport,
  type ExpireSnapshots,
  type IcebergPredicate,
  type LiveDataFile,
  type LiveDeleteFile,
  type ManageSnapshots,
  type NullOrder,
  type OrphanReport,
  type OverwriteFiles,
  type PendingCommit,
  type RemoveOrphanFiles,
  type ReplaceSortOrder,
  type RewriteFiles,
  type RewriteManifests,
  type RowDelta,
  type ScanFile,
  type ScanOptions,
  type ScanPlan,
  type SnapshotUpdate,
  type Table,
  type TableOperations,
  type Transaction,
  type UpdateLocation,
  type UpdateProperties,
  type UpdateSchema,
  type UpdateSpec,
  type UpdateStatistics,
} from "./table.ts";
export {
  icebergTypeToDataType,
  icebergTypeToStoredType,
  schemaToColumns,
  schemaToParquetFields,
  sqlWriteDefault,
  type IcebergColumn,
} from "./type-conversion.ts";
export { LAST_UPDATED_FIELD_ID, LINEAGE_COLUMNS, ROW_ID_FIELD_ID } from "./row-lineage.ts";
export {
  createRowDeletesLoader,
  loadRowDeletes,
  type RowDeletes,
  type RowDeletesDeps,
  type RowDeletesLoader,
} from "./row-deletes.ts";
export {
  writeDeletionVectors,
  openStored,
  writePositionDeletes,
  type RowsToDelete,
  type WrittenDeletes,
} from "./row-deletes-write.ts";
export {
  createFileProjection,
  storedConstants,
  fileConstants,
  type FileProjection,
  type FileProjectionRequest,
  type LiveRows,
  type ProjectedColumn,
} from "./row-projection.ts";
export { createTableWriter, type TableWriter, type TableWriterDeps, type TableWriterOptions } from "./table-writer.ts";
export { DEFAULT_TARGET_FILE_BYTES, tableWriteOptions, targetFileBytes } from "./table-writer-options.ts";
export { createTableMemory, type RememberedTable, type TableMemory } from "./table-memory.ts";
export { currentViewVersion, type ViewMetadata, type ViewRepresentation } from "./view-metadata.ts";
