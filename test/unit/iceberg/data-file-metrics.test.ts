// Metrics of real Parquet files, and rows divided among partitions.

import { expect, test } from "vitest";
import { vectorFromScalars, type Batch, type Scalar } from "#columnar";
import {
  dataFileFromParquet,
  newDataFileLocation,
  schemaToParquetFields,
  singleValueToScalar,
  splitByPartition,
  type DataFile,
  type IcebergSchema,
  type PartitionSpec,
} from "#iceberg";
import { encodeParquet } from "#parquet";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

loadParquetWasm();

const DAY_MICROS = 86_400_000_000;
const SCHEMA: IcebergSchema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: true, type: "long" },
    { id: 2, name: "timestamp", required: true, type: "timestamptz" },
    { id: 3, name: "name", required: false, type: "string" },
    { id: 4, name: "score", required: false, type: "double" },
    { id: 5, name: "price", required: false, type: "decimal(9, 2)" },
  ],
};
const UNPARTITIONED: PartitionSpec = { "spec-id": 0, fields: [] };

const ROWS: readonly (readonly Scalar[])[] = [
  [7, -5, "a long name that has to be cut", 1.5, { unscaled: -1420n, scale: 2 }],
  [-3, 3 * DAY_MICROS, null, Number.NaN, null],
  [9, 3 * DAY_MICROS + 1, "zebra crossing the road", null, { unscaled: 99n, scale: 2 }],
];

function batchOf(rows: readonly (readonly Scalar[])[]): Batch {
  const columns = schemaToParquetFields(SCHEMA).map((field, index) =>
    vectorFromScalars(
      field.type,
      rows.map((row) => row[index] ?? null),
    ),
  );
  return { rowCount: rows.length, columns };
}

function fileOf(properties: Record<string, string> = {}): DataFile {
  const { bytes, metadata } = encodeParquet(schemaToParquetFields(SCHEMA), [batchOf(ROWS)]);
  return dataFileFromParquet({
    metadata,
    location: "s3://lake/f.parquet",
    fileSizeBytes: bytes.length,
    schema: SCHEMA,
    spec: UNPARTITIONED,
    partition: [],
    properties,
  });
}

function bounds(file: DataFile, id: number, type: string): (Scalar | undefined)[] {
  return [file.lowerBounds, file.upperBounds].map((map) => {
    const bytes = map.get(id);
    return bytes === undefined ? undefined : singleValueToScalar(type, bytes);
  });
}

test("a Parquet file's counts and bounds, strings cut to 16 code points", () => {
  const file = fileOf();
  expect(file).toMatchObject({ recordCount: 3, specId: 0, partition: [], fileFormat: "PARQUET" });
  expect([...file.valueCounts]).toEqual([1, 2, 3, 4, 5].map((id) => [id, 3]));
  expect([...file.nullValueCounts]).toEqual([
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 1],
    [5, 1],
  ]);
  expect(file.nanValueCounts.get(4)).toBe(1);
  expect(bounds(file, 1, "long")).toEqual([-3, 9]);
  expect(bounds(file, 2, "timestamptz")).toEqual([-5, 3 * DAY_MICROS + 1]);
  expect(bounds(file, 3, "string")).toEqual(["a long name that", "zebra crossing u"]);
  expect(bounds(file, 4, "double")).toEqual([1.5, 1.5]);
  expect(bounds(file, 5, "decimal(9, 2)")).toEqual([
    { unscaled: -1420n, scale: 2 },
    { unscaled: 99n, scale: 2 },
  ]);
  expect(file.splitOffsets).toEqual([4]);
});

test("metrics modes of the table's properties", () => {
  const file = fileOf({
    "write.metadata.metrics.default": "counts",
    "write.metadata.metrics.column.name": "full",
    "write.metadata.metrics.column.id": "none",
  });
  expect(bounds(file, 3, "string")).toEqual(["a long name that has to be cut", "zebra crossing the road"]);
  expect(file.lowerBounds.has(2)).toBe(false);
  expect(file.valueCounts.has(1)).toBe(false);
  expect(file.valueCounts.get(2)).toBe(3);
  const none = fileOf({ "write.metadata.metrics.max-inferred-column-defaults": "2" });
  expect([...none.valueCounts.keys()]).toEqual([1, 2]);
});

test("rows are divided by every field of the spec, folders named as Iceberg's engines do", () => {
  const spec: PartitionSpec = {
    "spec-id": 1,
    fields: [
      { "source-id": 2, "field-id": 1000, name: "timestamp_day", transform: "day" },
      { "source-id": 3, "field-id": 1001, name: "name/x", transform: "truncate[1]" },
    ],
  };
  const parts = splitByPartition(batchOf([...ROWS, ...ROWS]), SCHEMA, spec);
  expect(parts.map(({ partition, path, rows }) => ({ partition, path, rows: [...rows] }))).toEqual([
    { partition: [-1, "a"], path: "timestamp_day=1969-12-31/name%2Fx=a", rows: [0, 3] },
    { partition: [3, null], path: "timestamp_day=1970-01-04/name%2Fx=null", rows: [1, 4] },
    { partition: [3, "z"], path: "timestamp_day=1970-01-04/name%2Fx=z", rows: [2, 5] },
  ]);
  expect(splitByPartition(batchOf(ROWS), SCHEMA, UNPARTITIONED)).toEqual([
    { partition: [], path: "", rows: Int32Array.of(0, 1, 2) },
  ]);
  expect(splitByPartition(batchOf([]), SCHEMA, spec)).toEqual([]);
});

test("data files go under write.data.path or the table's data folder", () => {
  const table = { location: "s3://lake/t", properties: {} };
  expect(newDataFileLocation(table, "f.parquet", "")).toBe("s3://lake/t/data/f.parquet");
  expect(newDataFileLocation(table, "f.parquet", "day=1")).toBe("s3://lake/t/data/day=1/f.parquet");
  const moved = { location: "s3://lake/t", properties: { "write.data.path": "s3://lake/else/" } };
  expect(newDataFileLocation(moved, "f.parquet", "")).toBe("s3://lake/else/f.parquet");
});

test("every partition's folder fits an object key, and different partitions of long values differ", () => {
  const fields = ["name", "id", "timestamp", "score", "price"].map((name, index) => ({
    "source-id": SCHEMA.fields.find((field) => field.name === name)?.id ?? 0,
    "field-id": 1000 + index,
    name: `${name}_${"ä".repeat(100)}`,
    transform: "identity",
  }));
  const spec: PartitionSpec = { "spec-id": 1, fields };
  const rows = ["\u{1f4a9}".repeat(300), `${"\u{1f4a9}".repeat(300)}!`, "\ud800"].map((name, id) => [
    id,
    0,
    name,
    1,
    null,
  ]);
  const paths = splitByPartition(batchOf(rows), SCHEMA, spec).map(({ path }) => path);
  expect(new Set(paths).size).toBe(3);
  for (const path of paths) {
    expect(path.length).toBeLessThan(500);
    expect(decodeURIComponent(path)).not.toBe("");
  }
});

test("a stated default mode is for every column, the limit only for tables that state none", () => {
  const limit = { "write.metadata.metrics.max-inferred-column-defaults": "2" };
  expect([...fileOf(limit).valueCounts.keys()]).toEqual([1, 2]);
  const stated = { ...limit, "write.metadata.metrics.default": "counts", "write.metadata.metrics.column.name": "full" };
  const file = fileOf(stated);
  expect([...file.valueCounts.keys()]).toEqual([1, 2, 3, 4, 5]);
  expect([...file.lowerBounds.keys()]).toEqual([3]);
  const broken = { "write.metadata.metrics.max-inferred-column-defaults": "many" };
  expect([...fileOf(broken).valueCounts.keys()]).toEqual([1, 2, 3, 4, 5]);
});
