// Metadata tables of manifests and partitions.

import type { DataType, Scalar } from "#columnar";
import {
  findSnapshot,
  singleValueToScalar,
  specTuple,
  type FileIO,
  type ManifestFile,
  type Snapshot,
  type TableMetadata,
} from "#iceberg";
import { scalarToText } from "#sql";
import { entriesOf, manifestsOf } from "./files.ts";
import { partitionShape } from "./partition-values.ts";
import { shownType } from "./shown-type.ts";
import { BOOLEAN, INT, LONG, TEXT, TIMESTAMP, column, long, timestamp, type MetadataRows } from "./rows.ts";

const SUMMARY: DataType = {
  kind: "struct",
  fields: [
    { name: "contains_null", type: BOOLEAN },
    { name: "contains_nan", type: BOOLEAN },
    { name: "lower_bound", type: TEXT },
    { name: "upper_bound", type: TEXT },
  ],
};

/** One row a manifest. */
export function manifestsTable(io: FileIO, metadata: TableMetadata, snapshots: readonly Snapshot[]): MetadataRows {
  return {
    columns: [
      column("content", INT, false),
      column("path", TEXT, false),
      column("length", LONG, false),
      column("partition_spec_id", INT, false),
      column("added_snapshot_id", LONG),
      column("added_data_files_count", INT, false),
      column("existing_data_files_count", INT, false),
      column("deleted_data_files_count", INT, false),
      column("added_delete_files_count", INT, false),
      column("existing_delete_files_count", INT, false),
      column("deleted_delete_files_count", INT, false),
      column("partition_summaries", { kind: "list", element: SUMMARY }, false),
    ],
    async *rows() {
      for await (const manifest of manifestsOf(io, snapshots)) yield manifestRow(metadata, manifest);
    },
  };
}

function manifestRow(metadata: TableMetadata, manifest: ManifestFile): readonly Scalar[] {
  const counts = [manifest.addedFiles, manifest.existingFiles, manifest.deletedFiles];
  const isData = manifest.content === "data";
  return [
    isData ? 0 : 1,
    manifest.path,
    manifest.lengthBytes,
    manifest.specId,
    long(manifest.addedSnapshotId),
    ...counts.map((count) => (isData ? count : 0)),
    ...counts.map((count) => (isData ? 0 : count)),
    partitionSummaries(metadata, manifest),
  ];
}

function partitionSummaries(metadata: TableMetadata, manifest: ManifestFile): Scalar {
  const { tuple } = specTuple(metadata, manifest.specId);
  return manifest.partitions.map((summary, index) => {
    const type = tuple[index]?.type;
    const bound = (bytes: Uint8Array | undefined): string | null => {
      if (bytes === undefined || typeof type !== "string") return null;
      const value = singleValueToScalar(type, bytes) ?? null;
      const shown = shownType(type);
      const visible = shown?.show(value) ?? null;
      return visible === null || shown === undefined ? null : scalarToText(visible, shown.type);
    };
    return {
      contains_null: summary.containsNull,
      contains_nan: summary.containsNan ?? null,
      lower_bound: bound(summary.lowerBound),
      upper_bound: bound(summary.upperBound),
    };
  });
}

interface PartitionTotals {
  readonly partition: Scalar;
  readonly specId: number;
  records: number;
  files: number;
  bytes: number;
  positionRecords: number;
  positionFiles: number;
  equalityRecords: number;
  equalityFiles: number;
  updatedMs: number | undefined;
  updatedBy: bigint | undefined;
}

const STATUS_DELETED = 2;

/** One row a partition with live files. Memory: one entry a partition. */
export function partitionsTable(io: FileIO, metadata: TableMetadata, snapshots: readonly Snapshot[]): MetadataRows {
  const shape = partitionShape(metadata);
  const partitioned =
    shape.type === undefined ? [] : [column("partition", shape.type, false), column("spec_id", INT, false)];
  return {
    columns: [
      ...partitioned,
      column("record_count", LONG, false),
      column("file_count", INT, false),
      column("total_data_file_size_in_bytes", LONG, false),
      column("position_delete_record_count", LONG, false),
      column("position_delete_file_count", INT, false),
      column("equality_delete_record_count", LONG, false),
      column("equality_delete_file_count", INT, false),
      column("last_updated_at", TIMESTAMP),
      column("last_updated_snapshot_id", LONG),
    ],
    async *rows() {
      const totals = new Map<string, PartitionTotals>();
      for await (const { status, dataFile, snapshotId } of entriesOf(io, metadata, { snapshots, content: "all" })) {
        if (status === STATUS_DELETED) continue;
        const partition = shape.valuesOf(dataFile.specId, dataFile.partition);
        const key = JSON.stringify(partition, (_key, value: unknown) =>
          typeof value === "bigint" ? `${value}n` : value,
        );
        const total = totals.get(key) ?? emptyTotals(partition, dataFile.specId);
        totals.set(key, total);
        if (dataFile.content === 0) {
          total.records += dataFile.recordCount;
          total.files += 1;
          total.bytes += dataFile.fileSizeBytes;
        } else if (dataFile.content === 1) {
          total.positionRecords += dataFile.recordCount;
          total.positionFiles += 1;
        } else {
          total.equalityRecords += dataFile.recordCount;
          total.equalityFiles += 1;
        }
        const addedMs = findSnapshot(metadata, snapshotId ?? undefined)?.["timestamp-ms"];
        if (addedMs !== undefined && addedMs >= (total.updatedMs ?? 0)) {
          total.updatedMs = addedMs;
          total.updatedBy = snapshotId ?? undefined;
        }
      }
      for (const total of totals.values()) {
        yield [
          ...(shape.type === undefined ? [] : [total.partition, total.specId]),
          total.records,
          total.files,
          total.bytes,
          total.positionRecords,
          total.positionFiles,
          total.equalityRecords,
          total.equalityFiles,
          total.updatedMs === undefined ? null : timestamp(total.updatedMs),
          long(total.updatedBy),
        ];
      }
    },
  };
}

function emptyTotals(partition: Scalar, specId: number): PartitionTotals {
  return {
    partition,
    specId,
    records: 0,
    files: 0,
    bytes: 0,
    positionRecords: 0,
    positionFiles: 0,
    equalityRecords: 0,
    equalityFiles: 0,
    updatedMs: undefined,
    updatedBy: undefined,
  };
}
