// The metadata files one commit writes: names, and which attempt used which, so that the others can be deleted.

import type { RandomSource } from "#core";
import type { DataFile, DeleteFile } from "./data-file.ts";
import type { FileIO } from "./file-io.ts";
import { STATUS_DELETED, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import { encodeManifest, encodeManifestList, type ManifestDraft, type UnsequencedManifest } from "./manifest-write.ts";
import { specTuple } from "./spec-tuple.ts";
import { currentSchema, findSnapshot, type TableMetadata } from "./table-metadata.ts";

/** A manifest this commit wrote. */
export interface WrittenManifest {
  readonly manifest: UnsequencedManifest;
  /** Rows of its live data files that have no row id yet: the ids its `first_row_id` takes. */
  readonly unassignedRows: bigint;
  readonly entries: number;
}

/** Files of one commit over all its attempts. */
export interface SnapshotFiles {
  readonly snapshotId: bigint;
  /** Writes a manifest of entries of one spec and kind. */
  writeManifest(
    base: TableMetadata,
    content: ManifestFile["content"],
    specId: number,
    entries: readonly ManifestEntry<DataFile | DeleteFile>[],
  ): Promise<WrittenManifest>;
  /** Writes the list of an attempt and remembers the manifests it uses. */
  writeManifestList(
    base: TableMetadata,
    sequenceNumber: bigint,
    parentId: bigint | undefined,
    manifests: readonly ManifestFile[],
  ): Promise<string>;
  /** Deletes everything written. Only when no attempt can be in the table. */
  discard(): Promise<void>;
  /** Deletes what the attempt that is in the metadata does not use; nothing when it is not there to be seen. */
  finish(metadata: TableMetadata): Promise<void>;
}

/** The folder of a table's metadata files. */
export function metadataFolder(metadata: TableMetadata): string {
  return (metadata.properties["write.metadata.path"] ?? `${metadata.location}/metadata`).replace(/\/+$/, "");
}

/** Starts a commit's files with a fresh snapshot id. */
export function createSnapshotFiles(io: FileIO, random: RandomSource, base: TableMetadata): SnapshotFiles {
  const commitId = random.uuid();
  const snapshotId = freshSnapshotId(random, base);
  const written: string[] = [];
  /** Manifests by the list that uses them. */
  const usedByList = new Map<string, ReadonlySet<string>>();

  const write = async (location: string, bytes: Uint8Array): Promise<void> => {
    // Recorded first: a write that fails may still have been applied.
    written.push(location);
    await io.write(location, bytes);
  };
  const deleteQuietly = async (locations: readonly string[]): Promise<void> => {
    if (locations.length === 0) return;
    // What cannot be deleted is unreferenced and falls to orphan removal; the commit's outcome stands.
    await io.delete(locations).catch(() => undefined);
  };

  return {
    snapshotId,
    async writeManifest(base, content, specId, entries) {
      const path = `${metadataFolder(base)}/${commitId}-m${written.length}.avro`;
      const { bytes, file } = encodeManifest({
        path,
        formatVersion: base["format-version"],
        schema: currentSchema(base),
        ...specTuple(base, specId),
        content,
        entries,
        snapshotId,
      } as ManifestDraft);
      await write(path, bytes);
      return { manifest: file, unassignedRows: unassignedRows(entries), entries: entries.length };
    },
    async writeManifestList(base, sequenceNumber, parentId, manifests) {
      const path = `${metadataFolder(base)}/snap-${snapshotId}-${usedByList.size + 1}-${commitId}.avro`;
      usedByList.set(path, new Set(manifests.map((manifest) => manifest.path)));
      const formatVersion = base["format-version"];
      const rowIds = formatVersion >= 3 ? { firstRowId: base["next-row-id"] ?? 0n } : {};
      const header = { formatVersion, snapshotId, parentSnapshotId: parentId, sequenceNumber, ...rowIds };
      await write(path, encodeManifestList(header, manifests));
      return path;
    },
    discard: () => deleteQuietly(written),
    async finish(metadata) {
      const list = findSnapshot(metadata, snapshotId)?.["manifest-list"];
      const used = list === undefined ? undefined : usedByList.get(list);
      if (used === undefined) return;
      await deleteQuietly(written.filter((location) => location !== list && !used.has(location)));
    },
  };
}

function unassignedRows(entries: readonly ManifestEntry<DataFile | DeleteFile>[]): bigint {
  return entries.reduce((sum, { status, dataFile }) => {
    const isAssigned = dataFile.content !== 0 || dataFile.firstRowId !== undefined;
    return status === STATUS_DELETED || isAssigned ? sum : sum + BigInt(dataFile.recordCount);
  }, 0n);
}

function freshSnapshotId(random: RandomSource, base: TableMetadata): bigint {
  for (;;) {
    const snapshotId = random.nextInt63();
    if (findSnapshot(base, snapshotId) === undefined) return snapshotId;
  }
}
