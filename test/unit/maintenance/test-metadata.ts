// Table metadata and data files for planner tests; nothing is stored.

import type { Scalar } from "#columnar";
import type { DataFile, ScanFile, TableMetadata } from "#iceberg";

/** Metadata of an events-like table partitioned by day. */
export function createTestMetadata(
  options: { readonly properties?: Readonly<Record<string, string>>; readonly sorted?: boolean } = {},
): TableMetadata {
  return {
    "format-version": 2,
    "table-uuid": "5a2c1e7e-0000-4000-8000-000000000001",
    location: "s3://lake/default/events",
    "last-sequence-number": 0n,
    "last-updated-ms": 0,
    "last-column-id": 5,
    schemas: [
      {
        type: "struct",
        "schema-id": 0,
        fields: [
          { id: 1, name: "event_id", required: true, type: "string" },
          { id: 2, name: "event_type", required: true, type: "string" },
          { id: 3, name: "timestamp", required: true, type: "timestamptz" },
          {
            id: 4,
            name: "tags",
            required: false,
            type: { type: "list", "element-id": 5, "element-required": false, element: "string" },
          },
        ],
      },
    ],
    "current-schema-id": 0,
    "partition-specs": [
      {
        "spec-id": 0,
        fields: [{ "source-id": 3, "field-id": 1000, name: "timestamp_day", transform: "day" }],
      },
    ],
    "default-spec-id": 0,
    "last-partition-id": 1000,
    properties: options.properties ?? {},
    snapshots: [],
    "snapshot-log": [],
    "metadata-log": [],
    "sort-orders": [
      { "order-id": 0, fields: [] },
      {
        "order-id": 1,
        fields: [{ transform: "identity", "source-id": 3, direction: "asc", "null-order": "nulls-first" }],
      },
    ],
    "default-sort-order-id": options.sorted === true ? 1 : 0,
    refs: {},
  };
}

let nextFile = 0;

/** A data file of some size in a partition; ten bytes a row. */
export function createTestFile(
  fileSizeBytes: number,
  partition: readonly Scalar[] = [0],
  overrides: Partial<DataFile> = {},
): ScanFile {
  nextFile += 1;
  const dataFile: DataFile = {
    content: 0,
    filePath: `s3://lake/default/events/data/file-${nextFile}.parquet`,
    fileFormat: "PARQUET",
    specId: 0,
    partition,
    recordCount: Math.ceil(fileSizeBytes / 10),
    fileSizeBytes,
    columnSizes: new Map(),
    valueCounts: new Map(),
    nullValueCounts: new Map(),
    nanValueCounts: new Map(),
    lowerBounds: new Map(),
    upperBounds: new Map(),
    splitOffsets: [],
    ...overrides,
  };
  return { dataFile, sequenceNumber: 1n, fileSequenceNumber: 1n, deletes: [] };
}

/** The file with deletes: each of so many rows, about this file alone or not. */
export function withTestDeletes(
  file: ScanFile,
  rowCounts: readonly number[],
  kind: "own positions" | "shared positions" | "equality",
): ScanFile {
  const deletes = rowCounts.map((recordCount): ScanFile["deletes"][number] => {
    nextFile += 1;
    return {
      deleteFile: {
        ...file.dataFile,
        content: kind === "equality" ? 2 : 1,
        filePath: `s3://lake/default/events/data/deletes-${nextFile}.parquet`,
        recordCount,
        ...(kind === "own positions" ? { referencedDataFile: file.dataFile.filePath } : {}),
        ...(kind === "equality" ? { equalityIds: [1] } : {}),
      },
      sequenceNumber: 2n,
    };
  });
  return { ...file, deletes };
}
