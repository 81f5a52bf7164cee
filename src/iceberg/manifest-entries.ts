// Reads the entries of manifests, and the manifests of a snapshot, through a FileIO.

import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { DeleteFile } from "./data-file.ts";
import type { FileIO } from "./file-io.ts";
import {
  decodeDeleteManifest,
  decodeManifest,
  decodeManifestList,
  describeManifest,
  withCounts,
} from "./manifest-read.ts";
import type { ManifestEntry, ManifestFile } from "./manifest.ts";
import { specTuple } from "./spec-tuple.ts";
import type { Snapshot, TableMetadata } from "./table-metadata.ts";

/**
 * The manifests a snapshot lists, those without live files too.
 *
 * Cost: one read; of format version 1 also one of each manifest that the snapshot names itself or whose counts were left
 * out. Errors: as decodeManifestList and FileIO.read.
 */
export async function readSnapshotManifests(io: FileIO, snapshot: Snapshot): Promise<readonly ManifestFile[]> {
  if (snapshot.manifests !== undefined) {
    return mapConcurrent(snapshot.manifests, PARALLEL_READS, async (path) =>
      describeManifest(path, await io.read(path)),
    );
  }
  const listed = decodeManifestList(await io.read(snapshot["manifest-list"]));
  if (listed.every((manifest) => manifest.countsUnknown !== true)) return listed;
  return mapConcurrent(listed, PARALLEL_READS, async (manifest) =>
    manifest.countsUnknown === true ? withCounts(manifest, await io.read(manifest.path)) : manifest,
  );
}

/** The entries of a data manifest with all numbers filled in. Errors: as decodeManifest and FileIO.read. */
export async function readManifestEntries(
  io: FileIO,
  metadata: TableMetadata,
  manifest: ManifestFile,
): Promise<ManifestEntry[]> {
  const { spec, tuple } = specTuple(metadata, manifest.specId);
  return decodeManifest(await io.read(manifest.path), manifest, spec, tuple);
}

/** The entries of a manifest of delete files. Errors: as decodeDeleteManifest and FileIO.read. */
export async function readDeleteManifestEntries(
  io: FileIO,
  metadata: TableMetadata,
  manifest: ManifestFile,
): Promise<ManifestEntry<DeleteFile>[]> {
  const { spec, tuple } = specTuple(metadata, manifest.specId);
  return decodeDeleteManifest(await io.read(manifest.path), manifest, spec, tuple);
}
