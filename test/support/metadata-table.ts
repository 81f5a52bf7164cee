// A table made of metadata alone, in memory, for tests of planning: every file of it can be shaped at will.

import { LakeError } from "#core";
import {
  parseTableMetadata,
  specTuple,
  type DataFile,
  type DeleteFile,
  type FileIO,
  type ManifestEntry,
  type ManifestFile,
  type Schema,
  type TableMetadata,
} from "#iceberg";
import { encodeManifest, encodeManifestList, sequenceManifest } from "../../src/iceberg/manifest-write.ts";

/** Files in memory that count how often they are read. */
export interface CountingIO extends FileIO {
  readonly files: Map<string, Uint8Array>;
  readonly reads: string[];
}

/** A FileIO over a map. */
export function createCountingIO(): CountingIO {
  const files = new Map<string, Uint8Array>();
  const reads: string[] = [];
  return {
    files,
    reads,
    async read(location) {
      reads.push(location);
      const bytes = files.get(location);
      if (bytes === undefined) throw new LakeError("metadata_invalid", `The file ${location} does not exist.`);
      return bytes;
    },
    async write(location, bytes) {
      files.set(location, bytes);
    },
    reaches: () => true,
    async delete(locations) {
      for (const location of locations) files.delete(location);
    },
    async *list(prefix) {
      for (const [location, bytes] of files) {
        if (location.startsWith(prefix)) yield { location, sizeBytes: bytes.length, modifiedMs: 0 };
      }
    },
  };
}

/** Metadata as JSON with what tests leave alone filled in. */
export function tableMetadata(schema: Schema, overrides: Readonly<Record<string, unknown>> = {}): TableMetadata {
  return parseTableMetadata({
    "format-version": 2,
    "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
    location: "s3://lake/t",
    "last-sequence-number": 10,
    "last-updated-ms": 1,
    "last-column-id": 100,
    schemas: [schema],
    "current-schema-id": schema["schema-id"],
    "partition-specs": [{ "spec-id": 0, fields: [] }],
    "default-spec-id": 0,
    "last-partition-id": 1000,
    "sort-orders": [{ "order-id": 0, fields: [] }],
    "default-sort-order-id": 0,
    "next-row-id": 0,
    snapshots: [snapshotJson(1n)],
    "current-snapshot-id": 1,
    ...overrides,
  });
}

/** A snapshot whose list is at s3://lake/t/list-ID.avro. */
export function snapshotJson(id: bigint): Readonly<Record<string, unknown>> {
  return {
    "snapshot-id": id,
    "sequence-number": 10,
    "timestamp-ms": 1,
    "manifest-list": `s3://lake/t/list-${id}.avro`,
    summary: { operation: "append" },
  };
}

/** A live entry of an earlier commit. */
export function existing<F extends DataFile | DeleteFile>(dataFile: F, sequenceNumber: bigint): ManifestEntry<F> {
  return { status: 0, snapshotId: 1n, sequenceNumber, fileSequenceNumber: sequenceNumber, dataFile };
}

/** An entry that inherits everything. */
export function added<F extends DataFile | DeleteFile>(dataFile: F): ManifestEntry<F> {
  return { status: 1, snapshotId: null, sequenceNumber: null, fileSequenceNumber: null, dataFile };
}

/** Writes a manifest and returns its line. */
export function writeManifest(
  io: CountingIO,
  metadata: TableMetadata,
  path: string,
  specId: number,
  content: { readonly data: readonly ManifestEntry[] } | { readonly deletes: readonly ManifestEntry<DeleteFile>[] },
  line: Partial<ManifestFile> = {},
): ManifestFile {
  const common = {
    path,
    formatVersion: metadata["format-version"],
    schema: metadata.schemas[0] as Schema,
    ...specTuple(metadata, specId),
    snapshotId: 1n,
  };
  const { bytes, file } =
    "data" in content
      ? encodeManifest({ ...common, entries: content.data })
      : encodeManifest({ ...common, content: "deletes", entries: content.deletes });
  io.files.set(path, bytes);
  return { ...sequenceManifest(file, 10n), ...line };
}

/** Writes the list of a snapshot. */
export function writeList(
  io: CountingIO,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  snapshotId = 1n,
): void {
  const formatVersion = metadata["format-version"];
  const header = { formatVersion, snapshotId, parentSnapshotId: undefined, sequenceNumber: 10n, firstRowId: 0n };
  io.files.set(`s3://lake/t/list-${snapshotId}.avro`, encodeManifestList(header, manifests));
}
