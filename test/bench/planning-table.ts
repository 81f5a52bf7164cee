// A table of many data files that exist only in its metadata: planning never opens them. Written to local disk, where
// Firn, PyIceberg and DuckDB read the same bytes.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Scalar } from "#columnar";
import { encodeTableMetadata, parseTableMetadata, type DataFile, type ManifestEntry, type Schema } from "#iceberg";
import { encodeManifest, encodeManifestList, sequenceManifest } from "../../src/iceberg/manifest-write.ts";
import { scalarToSingleValue } from "../../src/iceberg/single-value.ts";
import { specTuple } from "../../src/iceberg/spec-tuple.ts";

/** Days the table spans, from 2024-01-01. */
export const DAYS = 100;
export const FIRST_DAY = 19_723;
export const DAY_MICROS = 86_400_000_000;
/** Users; a day's files split them evenly, as a sort by user leaves them. */
export const USERS = 1_000_000;
const ROWS_PER_FILE = 100_000;
const FILE_BYTES = 12_000_000;
const ENTRIES_PER_MANIFEST = 1000;
const SNAPSHOT_ID = 7_211_987_654_321_987_654n;

const SCHEMA: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "event_id", required: true, type: "string" },
    { id: 2, name: "event_type", required: true, type: "string" },
    { id: 3, name: "timestamp", required: true, type: "timestamptz" },
    { id: 4, name: "user_id", required: false, type: "string" },
    { id: 5, name: "session_id", required: false, type: "string" },
    { id: 6, name: "properties", required: false, type: "string" },
    { id: 7, name: "received_at", required: true, type: "timestamptz" },
  ],
};

/** A user's name as the files' bounds have it. */
export function userName(index: number): string {
  return `user-${String(index).padStart(7, "0")}`;
}

/** Where the table lies. */
export interface PlanningTable {
  readonly folder: string;
  readonly metadataPath: string;
}

/** Writes the metadata of a table of `files` data files, a hundredth of them in each day's partition. */
export function writePlanningTable(folder: string, files: number): PlanningTable {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "metadata"), { recursive: true });
  const metadata = parseTableMetadata({
    "format-version": 2,
    "table-uuid": "0b8a3c5e-2f3f-4f65-9d7e-6a4f6c3f2b10",
    location: folder,
    "last-sequence-number": 1,
    "last-updated-ms": 1_704_067_200_000,
    "last-column-id": 7,
    schemas: [SCHEMA],
    "current-schema-id": 0,
    "partition-specs": [
      { "spec-id": 0, fields: [{ "source-id": 3, "field-id": 1000, name: "timestamp_day", transform: "day" }] },
    ],
    "default-spec-id": 0,
    "last-partition-id": 1000,
    "sort-orders": [{ "order-id": 0, fields: [] }],
    "default-sort-order-id": 0,
    "current-snapshot-id": SNAPSHOT_ID,
    snapshots: [
      {
        "snapshot-id": SNAPSHOT_ID,
        "sequence-number": 1,
        "timestamp-ms": 1_704_067_200_000,
        "manifest-list": join(folder, "metadata", "snap.avro"),
        summary: { operation: "append", "total-files-size": String(files * FILE_BYTES) },
        "schema-id": 0,
      },
    ],
  });
  const { spec, tuple } = specTuple(metadata, 0);
  const manifests = [];
  for (let first = 0; first < files; first += ENTRIES_PER_MANIFEST) {
    const path = join(folder, "metadata", `m${manifests.length}.avro`);
    const count = Math.min(ENTRIES_PER_MANIFEST, files - first);
    const entries = Array.from({ length: count }, (_, index) => entryOf(folder, first + index, files / DAYS));
    const draft = { path, formatVersion: 2, schema: SCHEMA, spec, tuple, entries, snapshotId: SNAPSHOT_ID };
    const { bytes, file } = encodeManifest(draft);
    writeFileSync(path, bytes);
    manifests.push(sequenceManifest(file, 1n));
  }
  const header = { formatVersion: 2, snapshotId: SNAPSHOT_ID, parentSnapshotId: undefined, sequenceNumber: 1n };
  writeFileSync(join(folder, "metadata", "snap.avro"), encodeManifestList(header, manifests));
  const metadataPath = join(folder, "metadata", "v1.metadata.json");
  writeFileSync(metadataPath, encodeTableMetadata(metadata));
  return { folder, metadataPath };
}

function entryOf(folder: string, index: number, filesPerDay: number): ManifestEntry {
  return {
    status: 1,
    snapshotId: SNAPSHOT_ID,
    sequenceNumber: null,
    fileSequenceNumber: null,
    dataFile: fileOf(folder, index, filesPerDay),
  };
}

/** Reproducible hexadecimal digits that compress no better than real ones. */
function hexSequence(seed: number): (digits: number) => string {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
  const digit = (): string => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state & 15).toString(16);
  };
  return (digits) => Array.from({ length: digits }, digit).join("");
}

function fileOf(folder: string, index: number, filesPerDay: number): DataFile {
  const day = FIRST_DAY + Math.floor(index / filesPerDay);
  const slot = index % filesPerDay;
  const usersPerFile = USERS / filesPerDay;
  const random = hexSequence(index);
  const bounds: readonly (readonly [number, Scalar, Scalar])[] = [
    [1, `0000${random(4)}-${random(4)}-40`, `ffff${random(4)}-${random(4)}-4f`],
    [2, "add_to_cart", "search"],
    [3, day * DAY_MICROS + (index % 7919), (day + 1) * DAY_MICROS - 1 - (index % 104_729)],
    [4, userName(slot * usersPerFile), userName((slot + 1) * usersPerFile - 1)],
    [5, `s-0000${random(10)}`, `s-ffff${random(10)}`],
    [6, '{"browser": "chr', '{"path": "/zzzz0'],
    [7, day * DAY_MICROS + (index % 7919) + 1500, (day + 1) * DAY_MICROS + (index % 104_729)],
  ];
  const encode = (id: number, value: Scalar): Uint8Array =>
    scalarToSingleValue(SCHEMA.fields[id - 1]?.type as string, value);
  const ids = SCHEMA.fields.map((field) => field.id);
  return {
    content: 0,
    filePath: `${folder}/data/timestamp_day=${day}/${String(index).padStart(8, "0")}-${random(8)}-${random(12)}.parquet`,
    fileFormat: "PARQUET",
    specId: 0,
    partition: [day],
    recordCount: ROWS_PER_FILE,
    fileSizeBytes: FILE_BYTES + (index % 9973),
    columnSizes: new Map(ids.map((id) => [id, 1_500_000 + (Number.parseInt(random(4), 16) % 100_003)])),
    valueCounts: new Map(ids.map((id) => [id, ROWS_PER_FILE])),
    nullValueCounts: new Map(ids.map((id) => [id, id === 5 ? index % 100 : 0])),
    nanValueCounts: new Map(),
    lowerBounds: new Map(bounds.map(([id, lower]) => [id, encode(id, lower)])),
    upperBounds: new Map(bounds.map(([id, , upper]) => [id, encode(id, upper)])),
    splitOffsets: [4],
    sortOrderId: 0,
  };
}
