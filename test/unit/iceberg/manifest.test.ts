// Manifests and manifest lists through their bytes: every field, every partition type, inheritance, and the header
// that strict readers ask for.

import { expect, test } from "vitest";
import { readAvroFile, type AvroSchema } from "#codec";
import type { Scalar } from "#columnar";
import { utf8ToString } from "#core";
import {
  dataFileFromJson,
  dataFileToJson,
  decodeManifest,
  decodeManifestList,
  type DataFile,
  type IcebergSchema,
} from "#iceberg";
import { partitionTuple, sanitizeAvroName } from "../../../src/iceberg/manifest-schema.ts";
import { encodeManifest, encodeManifestList, sequenceManifest } from "../../../src/iceberg/manifest-write.ts";
import type { ManifestEntry } from "../../../src/iceberg/manifest.ts";
import { fieldsById } from "../../../src/iceberg/schema.ts";

const TYPES: readonly (readonly [string, Scalar, Scalar])[] = [
  ["boolean", true, false],
  ["int", -5, 5],
  ["long", -(2n ** 62n), 7],
  ["float", 1.5, -2.5],
  ["double", 1e300, -0.5],
  ["date", 19_700, -1],
  ["time", 5, 6],
  ["timestamp", 1_700_000_000_000_000, -5],
  ["timestamptz", 1_700_000_000_000_000, -5],
  ["string", "é/=🧊", ""],
  ["uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", "00000000-0000-4000-8000-000000000000"],
  ["binary", Uint8Array.of(1, 255), Uint8Array.of()],
  ["fixed[3]", Uint8Array.of(1, 2, 3), Uint8Array.of(0, 0, 0)],
  ["decimal(12, 2)", { unscaled: -1420n, scale: 2 }, { unscaled: 99n, scale: 2 }],
  ["decimal(38, 0)", { unscaled: 10n ** 37n, scale: 0 }, { unscaled: -1n, scale: 0 }],
];

const SCHEMA: IcebergSchema = {
  type: "struct",
  "schema-id": 3,
  fields: TYPES.map(([type], index) => ({ id: index + 1, name: `2 col-${index}`, required: false, type })),
};
const SPEC = {
  "spec-id": 7,
  fields: SCHEMA.fields.map((field) => ({
    "source-id": field.id,
    "field-id": 1000 + field.id,
    name: field.name,
    transform: "identity",
  })),
};
const TUPLE = partitionTuple(SPEC, fieldsById(SCHEMA));

function file(name: string, partition: readonly Scalar[]): DataFile {
  return {
    content: 0,
    filePath: `s3://b/${name}`,
    fileFormat: "PARQUET",
    specId: 7,
    partition,
    recordCount: 12,
    fileSizeBytes: 3_000_000_000,
    columnSizes: new Map([
      [1, 100],
      [2, 200],
    ]),
    valueCounts: new Map([[1, 12]]),
    nullValueCounts: new Map([[1, 2]]),
    nanValueCounts: new Map([[5, 1]]),
    lowerBounds: new Map([[1, Uint8Array.of(0)]]),
    upperBounds: new Map([[1, Uint8Array.of(1)]]),
    splitOffsets: [4, 1_000_000],
    sortOrderId: 2,
  };
}

const SNAPSHOT_ID = 2n ** 62n + 3n;

test("I31 a manifest round trips every partition type with nulls, and entries inherit what they leave out", () => {
  const entries: ManifestEntry[] = [
    {
      status: 1,
      snapshotId: SNAPSHOT_ID,
      sequenceNumber: null,
      fileSequenceNumber: null,
      dataFile: file(
        "a",
        TYPES.map(([, value]) => value),
      ),
    },
    {
      status: 1,
      snapshotId: null,
      sequenceNumber: 4n,
      fileSequenceNumber: null,
      dataFile: file(
        "b",
        TYPES.map(([, , value]) => value),
      ),
    },
    {
      status: 0,
      snapshotId: 5n,
      sequenceNumber: 2n,
      fileSequenceNumber: 3n,
      dataFile: file(
        "c",
        TYPES.map(() => null),
      ),
    },
    {
      status: 2,
      snapshotId: SNAPSHOT_ID,
      sequenceNumber: 1n,
      fileSequenceNumber: 1n,
      dataFile: file(
        "d",
        TYPES.map(() => null),
      ),
    },
  ];
  const { bytes, file: unsequenced } = encodeManifest({
    formatVersion: 2,
    path: "s3://b/m.avro",
    schema: SCHEMA,
    spec: SPEC,
    tuple: TUPLE,
    entries,
    snapshotId: SNAPSHOT_ID,
  });
  const manifest = sequenceManifest(unsequenced, 9n);
  expect(manifest).toMatchObject({
    lengthBytes: bytes.length,
    sequenceNumber: 9n,
    minSequenceNumber: 2n,
    addedSnapshotId: SNAPSHOT_ID,
    addedFiles: 2,
    existingFiles: 1,
    deletedFiles: 1,
    addedRows: 24,
    existingRows: 12,
    deletedRows: 12,
  });
  expect(manifest.partitions[1]).toEqual({
    containsNull: true,
    containsNan: false,
    lowerBound: Uint8Array.of(0xfb, 0xff, 0xff, 0xff),
    upperBound: Uint8Array.of(5, 0, 0, 0),
  });
  const [listed] = decodeManifestList(
    encodeManifestList({ formatVersion: 2, snapshotId: SNAPSHOT_ID, parentSnapshotId: undefined, sequenceNumber: 9n }, [
      manifest,
    ]),
  );
  expect(listed).toEqual(manifest);
  const read = decodeManifest(bytes, manifest, SPEC, TUPLE);
  expect(read.map((entry) => dataFileToJson(entry.dataFile))).toEqual(
    entries.map((entry) => dataFileToJson(entry.dataFile)),
  );
  expect(
    read.map(({ snapshotId, sequenceNumber, fileSequenceNumber }) => [snapshotId, sequenceNumber, fileSequenceNumber]),
  ).toEqual([
    [SNAPSHOT_ID, 9n, 9n],
    [SNAPSHOT_ID, 4n, 9n],
    [5n, 2n, 3n],
    [SNAPSHOT_ID, 1n, 1n],
  ]);
});

test("the header has every required key, and every field its id", () => {
  const { bytes } = encodeManifest({
    formatVersion: 2,
    path: "s3://b/m.avro",
    schema: SCHEMA,
    spec: SPEC,
    tuple: TUPLE,
    entries: [],
    snapshotId: 1n,
  });
  const { schema, metadata } = readAvroFile(bytes);
  expect(Object.fromEntries([...metadata].map(([key, value]) => [key, utf8ToString(value)]))).toEqual({
    schema: JSON.stringify(SCHEMA),
    "schema-id": "3",
    "partition-spec": JSON.stringify(SPEC.fields),
    "partition-spec-id": "7",
    "format-version": "2",
    content: "data",
  });
  const ids: number[] = [];
  collectIds(schema, ids);
  for (const id of [
    0, 1, 2, 3, 4, 100, 101, 102, 103, 104, 108, 117, 118, 125, 126, 127, 128, 132, 133, 134, 140, 1001,
  ]) {
    expect(ids).toContain(id);
  }
  for (const forbidden of [105, 106, 107, 111]) expect(ids).not.toContain(forbidden);
});

function collectIds(schema: AvroSchema, ids: number[]): void {
  JSON.stringify(schema, (key, value: unknown) => {
    if ((key === "field-id" || key === "element-id") && typeof value === "number") ids.push(value);
    return value;
  });
}

test("entries without the numbers they must carry are refused", () => {
  const entry: ManifestEntry = {
    status: 0,
    snapshotId: 1n,
    sequenceNumber: null,
    fileSequenceNumber: 1n,
    dataFile: file(
      "a",
      TYPES.map(() => null),
    ),
  };
  const draft = {
    path: "s3://b/m.avro",
    formatVersion: 2,
    schema: SCHEMA,
    spec: SPEC,
    tuple: TUPLE,
    entries: [entry],
    snapshotId: 1n,
  };
  expect(() => encodeManifest(draft)).toThrow(/lacks its sequence numbers/);
});

test("names Avro does not allow are written as Iceberg's Java writer does", () => {
  expect(sanitizeAvroName("ok_1")).toBe("ok_1");
  expect(sanitizeAvroName("1st")).toBe("_1st");
  expect(sanitizeAvroName("a-b c")).toBe("a_x2Db_x20c");
});

test("I32 a data file survives plain JSON", () => {
  const original = file("a", [...TYPES.map(([, value]) => value), Number.NaN, -0, Number.POSITIVE_INFINITY, null]);
  expect(dataFileFromJson(JSON.parse(JSON.stringify(dataFileToJson(original))))).toEqual(original);
  const { sortOrderId: _, ...unsorted } = original;
  expect(dataFileFromJson(dataFileToJson(unsorted))).toEqual(unsorted);
});
