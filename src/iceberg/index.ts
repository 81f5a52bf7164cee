// Apache Iceberg: table metadata, manifests, scan planning, commits, the REST catalog's client and server.

export { dataFileFromJson, dataFileToJson, type DataFile, type DataFileJson } from "./data-file.ts";
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
  type AppendFiles,
  type CatalogClient,
  type CommitOptions,
  type CommitOutcome,
  type CreateOptions,
  type CreateTableDefinition,
  type IcebergPredicate,
  type LiveDataFile,
  type NullOrder,
  type PendingCommit,
  type ReplaceSortOrder,
  type RewriteFiles,
  type ScanOptions,
  type ScanPlan,
  type Table,
  type UpdateProperties,
  type UpdateSpec,
} from "./table.ts";
export {
  icebergTypeToDataType,
  schemaToColumns,
  schemaToParquetFields,
  type IcebergColumn,
} from "./type-conversion.ts";
