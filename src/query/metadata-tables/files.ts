// Metadata tables of files: files, data_files, delete_files, entries, and their all_ forms over every snapshot.

import type { ColumnSchema, DataType, Scalar } from "#columnar";
import {
  fieldsById,
  readDeleteManifestEntries,
  readManifestEntries,
  readSnapshotManifests,
  singleValueToScalar,
  type DataFile,
  type DeleteFile,
  type FileIO,
  type IcebergSchema,
  type LocatedField,
  type ManifestEntry,
  type ManifestFile,
  type Snapshot,
  type TableMetadata,
} from "#iceberg";
import { partitionShape, type PartitionShape } from "./partition-values.ts";
import { shownType, type ShownType } from "./shown-type.ts";
import { BYTES, INT, LONG, TEXT, column, long, mapOf, type MetadataRows } from "./rows.ts";

/** Which files a table lists. */
export interface FileSelection {
  readonly snapshots: readonly Snapshot[];
  readonly content: "data" | "deletes" | "all";
}

/** A line of a manifest, of either content. */
export type AnyEntry = ManifestEntry<DataFile | DeleteFile>;

const STATUS_DELETED = 2;

/** The lines of the selection's manifests, each manifest once. Cost: one read a snapshot and one a manifest. */
export async function* entriesOf(
  io: FileIO,
  metadata: TableMetadata,
  { snapshots, content }: FileSelection,
): AsyncGenerator<AnyEntry> {
  for await (const manifest of manifestsOf(io, snapshots)) {
    if (content !== "all" && manifest.content !== content) continue;
    yield* manifest.content === "data"
      ? await readManifestEntries(io, metadata, manifest)
      : await readDeleteManifestEntries(io, metadata, manifest);
  }
}

/** The manifests of some snapshots, each once. */
export async function* manifestsOf(io: FileIO, snapshots: readonly Snapshot[]): AsyncGenerator<ManifestFile> {
  const seen = new Set<string>();
  for (const snapshot of snapshots) {
    for (const manifest of await readSnapshotManifests(io, snapshot)) {
      if (seen.has(manifest.path)) continue;
      seen.add(manifest.path);
      yield manifest;
    }
  }
}

/** One row a live file; a file that several snapshots list is one row a manifest, as in Spark. */
export function filesTable(
  io: FileIO,
  metadata: TableMetadata,
  selection: FileSelection,
  schema: IcebergSchema,
): MetadataRows {
  const files = fileColumns(metadata);
  const metrics = readableMetrics(schema);
  return {
    columns: [...files.columns, column("readable_metrics", metrics.type)],
    async *rows() {
      for await (const { status, dataFile } of entriesOf(io, metadata, selection)) {
        if (status !== STATUS_DELETED) yield [...files.valuesOf(dataFile), metrics.valueOf(dataFile)];
      }
    },
  };
}

/** One row a line of a manifest, deleted ones too. */
export function entriesTable(
  io: FileIO,
  metadata: TableMetadata,
  selection: FileSelection,
  schema: IcebergSchema,
): MetadataRows {
  const files = fileColumns(metadata);
  const metrics = readableMetrics(schema);
  const fileType: DataType = { kind: "struct", fields: files.columns.map(({ name, type }) => ({ name, type })) };
  return {
    columns: [
      column("status", INT, false),
      column("snapshot_id", LONG),
      column("sequence_number", LONG),
      column("file_sequence_number", LONG),
      column("data_file", fileType, false),
      column("readable_metrics", metrics.type),
    ],
    async *rows() {
      for await (const entry of entriesOf(io, metadata, selection)) {
        const values = files.valuesOf(entry.dataFile);
        yield [
          entry.status,
          long(entry.snapshotId),
          long(entry.sequenceNumber),
          long(entry.fileSequenceNumber),
          Object.fromEntries(files.columns.map(({ name }, i) => [name, values[i] ?? null])),
          metrics.valueOf(entry.dataFile),
        ];
      }
    },
  };
}

interface FileColumns {
  readonly columns: readonly ColumnSchema[];
  valuesOf(file: DataFile | DeleteFile): readonly Scalar[];
}

function fileColumns(metadata: TableMetadata): FileColumns {
  const shape = partitionShape(metadata);
  const partition = shape.type === undefined ? [] : [column("partition", shape.type, false)];
  const counts = mapOf(INT, LONG);
  const bounds = mapOf(INT, BYTES);
  const columns = [
    column("content", INT),
    column("file_path", TEXT, false),
    column("file_format", TEXT, false),
    column("spec_id", INT, false),
    ...partition,
    column("record_count", LONG, false),
    column("file_size_in_bytes", LONG, false),
    column("column_sizes", counts),
    column("value_counts", counts),
    column("null_value_counts", counts),
    column("nan_value_counts", counts),
    column("lower_bounds", bounds),
    column("upper_bounds", bounds),
    column("key_metadata", BYTES),
    column("split_offsets", { kind: "list", element: LONG }),
    column("equality_ids", { kind: "list", element: INT }),
    column("sort_order_id", INT),
    column("first_row_id", LONG),
    column("referenced_data_file", TEXT),
    column("content_offset", LONG),
    column("content_size_in_bytes", LONG),
  ];
  return { columns, valuesOf: (file) => fileValues(file, shape) };
}

function mapEntries<T extends Scalar>(map: ReadonlyMap<number, T>): Scalar {
  return map.size === 0 ? null : [...map];
}

function fileValues(file: DataFile | DeleteFile, shape: PartitionShape): readonly Scalar[] {
  const deletes = file.content === 0 ? undefined : file;
  return [
    file.content,
    file.filePath,
    file.fileFormat,
    file.specId,
    ...(shape.type === undefined ? [] : [shape.valuesOf(file.specId, file.partition)]),
    file.recordCount,
    file.fileSizeBytes,
    mapEntries(file.columnSizes),
    mapEntries(file.valueCounts),
    mapEntries(file.nullValueCounts),
    mapEntries(file.nanValueCounts),
    mapEntries(file.lowerBounds),
    mapEntries(file.upperBounds),
    file.keyMetadata ?? null,
    file.splitOffsets.length === 0 ? null : file.splitOffsets,
    deletes?.equalityIds ?? null,
    file.sortOrderId ?? null,
    file.content === 0 ? long(file.firstRowId) : null,
    deletes?.referencedDataFile ?? null,
    deletes?.contentOffset ?? null,
    deletes?.contentSizeBytes ?? null,
  ];
}

interface ReadableMetrics {
  readonly type: DataType;
  valueOf(file: DataFile | DeleteFile): Scalar;
}

/** Counts and bounds by column name, bounds as values; columns in lists and maps have none. */
function readableMetrics(schema: IcebergSchema): ReadableMetrics {
  const leaves = [...fieldsById(schema).values()].filter(
    ({ field, repeated }) => typeof field.type === "string" && !repeated,
  );
  const described = leaves.flatMap((located): { readonly located: LocatedField; readonly shown: ShownType }[] => {
    const shown = shownType(located.field.type);
    return shown === undefined ? [] : [{ located, shown }];
  });
  return {
    type: {
      kind: "struct",
      fields: described.map(({ located, shown: { type } }) => ({
        name: located.path,
        type: {
          kind: "struct",
          fields: [
            { name: "column_size", type: LONG },
            { name: "value_count", type: LONG },
            { name: "null_value_count", type: LONG },
            { name: "nan_value_count", type: LONG },
            { name: "lower_bound", type },
            { name: "upper_bound", type },
          ],
        },
      })),
    },
    valueOf: (file) =>
      Object.fromEntries(
        described.map(({ located: { path, field }, shown }) => [
          path,
          {
            column_size: file.columnSizes.get(field.id) ?? null,
            value_count: file.valueCounts.get(field.id) ?? null,
            null_value_count: file.nullValueCounts.get(field.id) ?? null,
            nan_value_count: file.nanValueCounts.get(field.id) ?? null,
            lower_bound: boundOf(field.type, shown, file.lowerBounds.get(field.id)),
            upper_bound: boundOf(field.type, shown, file.upperBounds.get(field.id)),
          },
        ]),
      ),
  };
}

function boundOf(type: LocatedField["field"]["type"], { show }: ShownType, bytes: Uint8Array | undefined): Scalar {
  return bytes === undefined || typeof type !== "string" ? null : show(singleValueToScalar(type, bytes) ?? null);
}
