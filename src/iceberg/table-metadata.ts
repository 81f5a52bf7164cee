// Table metadata types, keys as in the JSON. Snapshot ids and sequence numbers are bigint: ids are random 63-bit
// integers and do not fit a double. Source: Iceberg table spec, "Table Metadata Fields".

import { LakeError } from "#core";
import type { IcebergSchema } from "./schema.ts";

/** One field of a partition spec. */
export interface PartitionField {
  /** The first source of a transform of several. */
  readonly "source-id": number;
  /** All sources of a transform of several, which is carried but not applied here; format version 3. */
  readonly "source-ids"?: readonly number[];
  readonly "field-id": number;
  readonly name: string;
  readonly transform: string;
}

/** How a table's files are partitioned. */
export interface PartitionSpec {
  readonly "spec-id": number;
  readonly fields: readonly PartitionField[];
}

/** One key of a sort order. */
export interface SortField {
  readonly transform: string;
  readonly "source-id": number;
  /** As in {@link PartitionField}. */
  readonly "source-ids"?: readonly number[];
  readonly direction: "asc" | "desc";
  readonly "null-order": "nulls-first" | "nulls-last";
}

/** How rows are sorted within files; order 0 is unsorted. */
export interface SortOrder {
  readonly "order-id": number;
  readonly fields: readonly SortField[];
}

/** What a snapshot did, with counters as decimal strings. */
export interface SnapshotSummary {
  readonly operation: "append" | "replace" | "overwrite" | "delete";
  readonly [key: string]: string;
}

/** One state of a table. */
export interface Snapshot {
  readonly "snapshot-id": bigint;
  readonly "parent-snapshot-id"?: bigint;
  readonly "sequence-number": bigint;
  readonly "timestamp-ms": number;
  /** Empty for a snapshot of format version 1 that lists its manifests itself. */
  readonly "manifest-list": string;
  /** Manifests of such a snapshot. */
  readonly manifests?: readonly string[];
  readonly summary: SnapshotSummary;
  readonly "schema-id"?: number;
  readonly "first-row-id"?: bigint;
  readonly "added-rows"?: bigint;
  /** The key the manifest list's key metadata is encrypted with; format version 3. */
  readonly "key-id"?: string;
}

/** A branch or tag. */
export interface SnapshotRef {
  readonly type: "branch" | "tag";
  readonly "snapshot-id": bigint;
  readonly "min-snapshots-to-keep"?: number;
  readonly "max-snapshot-age-ms"?: number;
  readonly "max-ref-age-ms"?: number;
}

/** When a snapshot became current. */
export interface SnapshotLogEntry {
  readonly "snapshot-id": bigint;
  readonly "timestamp-ms": number;
}

/** A metadata file this one replaced. */
export interface MetadataLogEntry {
  readonly "metadata-file": string;
  readonly "timestamp-ms": number;
}

/** A statistics file of a snapshot; carried unread. */
export interface StatisticsFile {
  readonly "snapshot-id": bigint;
  readonly "statistics-path": string;
  readonly [key: string]: unknown;
}

/** Table metadata of format version 2 or 3; version 1 is lifted to these fields when read. */
export interface TableMetadata {
  readonly "format-version": number;
  readonly "table-uuid": string;
  readonly location: string;
  readonly "last-sequence-number": bigint;
  readonly "last-updated-ms": number;
  readonly "last-column-id": number;
  readonly schemas: readonly IcebergSchema[];
  readonly "current-schema-id": number;
  readonly "partition-specs": readonly PartitionSpec[];
  readonly "default-spec-id": number;
  readonly "last-partition-id": number;
  readonly properties: Readonly<Record<string, string>>;
  readonly "current-snapshot-id"?: bigint;
  readonly snapshots: readonly Snapshot[];
  readonly "snapshot-log": readonly SnapshotLogEntry[];
  readonly "metadata-log": readonly MetadataLogEntry[];
  readonly "sort-orders": readonly SortOrder[];
  readonly "default-sort-order-id": number;
  readonly refs: Readonly<Record<string, SnapshotRef>>;
  readonly statistics?: readonly StatisticsFile[];
  readonly "partition-statistics"?: readonly StatisticsFile[];
  readonly "next-row-id"?: bigint;
  readonly "encryption-keys"?: readonly { readonly "key-id": string; readonly [key: string]: unknown }[];
}

/** The unpartitioned spec every new table without partitioning has. */
export const UNPARTITIONED_SPEC: PartitionSpec = { "spec-id": 0, fields: [] };

/** Sort order 0, which the specification reserves for unsorted. */
export const UNSORTED_ORDER: SortOrder = { "order-id": 0, fields: [] };

/** Partition field ids start here by the specification's convention. */
export const FIRST_PARTITION_FIELD_ID = 1000;

/** The branch readers use by default. */
export const MAIN_BRANCH = "main";

/** The table's current schema. Errors: `metadata_invalid`. */
export function currentSchema(metadata: TableMetadata): IcebergSchema {
  return schemaById(metadata, metadata["current-schema-id"]);
}

/** The schema of that id. Errors: `metadata_invalid`. */
export function schemaById(metadata: TableMetadata, schemaId: number): IcebergSchema {
  return present(
    metadata.schemas.find((schema) => schema["schema-id"] === schemaId),
    `schema ${schemaId}`,
  );
}

/** The spec new files are written with. Errors: `metadata_invalid`. */
export function defaultSpec(metadata: TableMetadata): PartitionSpec {
  return specById(metadata, metadata["default-spec-id"]);
}

/** The spec of that id. Errors: `metadata_invalid`. */
export function specById(metadata: TableMetadata, specId: number): PartitionSpec {
  return present(
    metadata["partition-specs"].find((spec) => spec["spec-id"] === specId),
    `partition spec ${specId}`,
  );
}

/** The order new files are sorted by. Errors: `metadata_invalid`. */
export function defaultSortOrder(metadata: TableMetadata): SortOrder {
  const orderId = metadata["default-sort-order-id"];
  return present(
    metadata["sort-orders"].find((order) => order["order-id"] === orderId),
    `sort order ${orderId}`,
  );
}

/** The snapshot of that id, or undefined. */
export function findSnapshot(metadata: TableMetadata, snapshotId: bigint | undefined): Snapshot | undefined {
  if (snapshotId === undefined) return undefined;
  return metadata.snapshots.find((snapshot) => snapshot["snapshot-id"] === snapshotId);
}

/** The head of main, or undefined for a table without data. Errors: `metadata_invalid` when it is not listed. */
export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  const snapshotId = metadata["current-snapshot-id"];
  if (snapshotId === undefined) return undefined;
  return present(findSnapshot(metadata, snapshotId), `snapshot ${snapshotId}`);
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new LakeError("metadata_invalid", `The table's metadata names ${what} but lacks it.`);
  return value;
}
