// Table metadata while updates are being applied to it. The draft is a plain mutable object that lives for one commit;
// what leaves it is immutable again.

import { LakeError } from "#core";
import type { IcebergSchema } from "./schema.ts";
import {
  FIRST_PARTITION_FIELD_ID,
  UNSORTED_ORDER,
  type PartitionSpec,
  type Snapshot,
  type SnapshotLogEntry,
  type SnapshotRef,
  type SortOrder,
  type StatisticsFile,
  type TableMetadata,
} from "./table-metadata.ts";

/** Metadata under construction. */
export interface MetadataDraft {
  formatVersion: number;
  tableUuid: string;
  location: string;
  lastSequenceNumber: bigint;
  lastUpdatedMs: number;
  lastColumnId: number;
  schemas: IcebergSchema[];
  currentSchemaId: number;
  specs: PartitionSpec[];
  defaultSpecId: number;
  lastPartitionId: number;
  properties: Map<string, string>;
  snapshots: Snapshot[];
  snapshotLog: SnapshotLogEntry[];
  sortOrders: SortOrder[];
  defaultSortOrderId: number;
  refs: Map<string, SnapshotRef>;
  currentSnapshotId: bigint | undefined;
  statistics: StatisticsFile[];
  partitionStatistics: StatisticsFile[];
  nextRowId: bigint;
  encryptionKeys: { readonly "key-id": string; readonly [key: string]: unknown }[];
  /** What -1 refers to in later updates of the same commit; undefined when nothing of the kind was added. */
  lastAddedSchemaId: number | undefined;
  lastAddedSpecId: number | undefined;
  lastAddedOrderId: number | undefined;
  /** Snapshots this commit adds. */
  readonly addedSnapshotIds: Set<bigint>;
  /** Commit time, never before the base's. */
  readonly nowMs: number;
}

/** A bad update of a commit: the request is at fault whatever the base. */
export function badUpdate(message: string): LakeError {
  return new LakeError("invalid_request", message);
}

/** A draft that starts as the base. */
export function draftFromMetadata(base: TableMetadata, nowMs: number): MetadataDraft {
  return {
    formatVersion: base["format-version"],
    tableUuid: base["table-uuid"],
    location: base.location,
    lastSequenceNumber: base["last-sequence-number"],
    lastUpdatedMs: base["last-updated-ms"],
    lastColumnId: base["last-column-id"],
    schemas: [...base.schemas],
    currentSchemaId: base["current-schema-id"],
    specs: [...base["partition-specs"]],
    defaultSpecId: base["default-spec-id"],
    lastPartitionId: base["last-partition-id"],
    properties: new Map(Object.entries(base.properties)),
    snapshots: [...base.snapshots],
    snapshotLog: [...base["snapshot-log"]],
    sortOrders: [...base["sort-orders"]],
    defaultSortOrderId: base["default-sort-order-id"],
    refs: new Map(Object.entries(base.refs)),
    currentSnapshotId: base["current-snapshot-id"],
    statistics: [...(base.statistics ?? [])],
    partitionStatistics: [...(base["partition-statistics"] ?? [])],
    nextRowId: base["next-row-id"] ?? 0n,
    encryptionKeys: [...(base["encryption-keys"] ?? [])],
    lastAddedSchemaId: undefined,
    lastAddedSpecId: undefined,
    lastAddedOrderId: undefined,
    addedSnapshotIds: new Set(),
    nowMs: Math.max(nowMs, base["last-updated-ms"]),
  };
}

/** A draft of a table that does not exist yet; schema, spec and location are still to come. */
export function emptyDraft(tableUuid: string, location: string, nowMs: number): MetadataDraft {
  return {
    formatVersion: 2,
    tableUuid,
    location,
    lastSequenceNumber: 0n,
    lastUpdatedMs: nowMs,
    lastColumnId: 0,
    schemas: [],
    currentSchemaId: -1,
    specs: [],
    defaultSpecId: -1,
    lastPartitionId: FIRST_PARTITION_FIELD_ID - 1,
    properties: new Map(),
    snapshots: [],
    snapshotLog: [],
    sortOrders: [],
    defaultSortOrderId: -1,
    refs: new Map(),
    currentSnapshotId: undefined,
    statistics: [],
    partitionStatistics: [],
    nextRowId: 0n,
    encryptionKeys: [],
    lastAddedSchemaId: undefined,
    lastAddedSpecId: undefined,
    lastAddedOrderId: undefined,
    addedSnapshotIds: new Set(),
    nowMs,
  };
}

/** Metadata files a table keeps in its log unless its property says otherwise. */
const DEFAULT_PREVIOUS_VERSIONS = 100;
const PREVIOUS_VERSIONS_PROPERTY = "write.metadata.previous-versions-max";

/** The metadata file a commit replaces, for the metadata log. */
export interface PreviousMetadata {
  readonly location: string;
  readonly metadata: TableMetadata;
}

/** The finished metadata. Errors: `invalid_request` when the commit leaves it without a schema or location. */
export function draftToMetadata(draft: MetadataDraft, previous: PreviousMetadata | undefined): TableMetadata {
  if (draft.schemas.length === 0 || draft.currentSchemaId < 0) throw badUpdate("The table would have no schema.");
  if (draft.location === "") throw badUpdate("The table would have no location.");
  // A create that says nothing of partitions or order gets the defaults every table has.
  const specs = draft.specs.length === 0 ? [{ "spec-id": 0, fields: [] }] : draft.specs;
  const orders = draft.sortOrders.length === 0 ? [UNSORTED_ORDER] : draft.sortOrders;
  return {
    "format-version": draft.formatVersion,
    "table-uuid": draft.tableUuid,
    location: draft.location,
    "last-sequence-number": draft.lastSequenceNumber,
    "last-updated-ms": draft.nowMs,
    "last-column-id": draft.lastColumnId,
    schemas: draft.schemas,
    "current-schema-id": draft.currentSchemaId,
    "partition-specs": specs,
    "default-spec-id": draft.defaultSpecId < 0 ? (specs[0]?.["spec-id"] ?? 0) : draft.defaultSpecId,
    "last-partition-id": draft.lastPartitionId,
    properties: Object.fromEntries(draft.properties),
    ...(draft.currentSnapshotId === undefined ? {} : { "current-snapshot-id": draft.currentSnapshotId }),
    snapshots: draft.snapshots,
    // Snapshots that were current only within this commit were never seen as such.
    "snapshot-log": draft.snapshotLog.filter(
      ({ "snapshot-id": id }) => id === draft.currentSnapshotId || !draft.addedSnapshotIds.has(id),
    ),
    "metadata-log": metadataLog(draft, previous),
    "sort-orders": orders,
    "default-sort-order-id": draft.defaultSortOrderId < 0 ? (orders[0]?.["order-id"] ?? 0) : draft.defaultSortOrderId,
    refs: Object.fromEntries(draft.refs),
    ...(draft.statistics.length === 0 ? {} : { statistics: draft.statistics }),
    ...(draft.partitionStatistics.length === 0 ? {} : { "partition-statistics": draft.partitionStatistics }),
    ...(draft.formatVersion < 3 ? {} : { "next-row-id": draft.nextRowId }),
    ...(draft.encryptionKeys.length === 0 ? {} : { "encryption-keys": draft.encryptionKeys }),
  };
}

function metadataLog(draft: MetadataDraft, previous: PreviousMetadata | undefined): TableMetadata["metadata-log"] {
  if (previous === undefined) return [];
  const entry = {
    "metadata-file": previous.location,
    "timestamp-ms": previous.metadata["last-updated-ms"],
  };
  const limit = Math.trunc(Number(draft.properties.get(PREVIOUS_VERSIONS_PROPERTY) ?? DEFAULT_PREVIOUS_VERSIONS));
  const kept = Number.isFinite(limit) ? Math.max(1, limit) : DEFAULT_PREVIOUS_VERSIONS;
  return [...previous.metadata["metadata-log"], entry].slice(-kept);
}
