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
import type { PartitionTupleField } from "./manifest-schema.ts";
import { walkManifest, type ManifestSource } from "./manifest-walk.ts";
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
  const location = snapshot["manifest-list"];
  const known = io.decoded?.get(location);
  if (known?.kind === "list") return known.manifests;
  const listed = decodeManifestList(await io.read(location));
  const counted = listed.every((manifest) => manifest.countsUnknown !== true)
    ? listed
    : await mapConcurrent(listed, PARALLEL_READS, async (manifest) =>
        manifest.countsUnknown === true ? withCounts(manifest, await io.read(manifest.path)) : manifest,
      );
  io.decoded?.put(location, { kind: "list", manifests: counted }, listBytes(counted));
  return counted;
}

/** Memory of a list's line and of one bound's object, bytes: estimates. */
const LINE_BYTES = 400;
const SUMMARY_BYTES = 240;

function listBytes(manifests: readonly ManifestFile[]): number {
  return manifests.reduce(
    (sum, { path, partitions }) => sum + LINE_BYTES + path.length + partitions.length * SUMMARY_BYTES,
    LINE_BYTES,
  );
}

/**
 * A manifest as its decoders take it. With `keep`, one whose bytes are cached already is walked once and kept so: a file
 * read a single time costs no memory beyond its bytes. Errors: as FileIO.read; `metadata_invalid`.
 */
export async function openManifest(
  io: FileIO,
  path: string,
  tuple: readonly PartitionTupleField[],
  keep = false,
): Promise<ManifestSource> {
  const types = tuple.map(({ fieldId, type }) => `${fieldId} ${typeof type === "string" ? type : type.type}`).join();
  const known = io.decoded?.get(path);
  if (known?.kind === "manifest" && known.tuple === types) return known.manifest;
  const wasCached = io.decoded?.holds(path) === true;
  const bytes = await io.read(path);
  if (!keep || !wasCached) return bytes;
  const manifest = walkManifest(bytes, tuple, path);
  io.decoded?.put(path, { kind: "manifest", tuple: types, manifest }, manifest.sizeBytes);
  return manifest;
}

/** The entries of a data manifest with all numbers filled in. Errors: as decodeManifest and FileIO.read. */
export async function readManifestEntries(
  io: FileIO,
  metadata: TableMetadata,
  manifest: ManifestFile,
): Promise<ManifestEntry[]> {
  const { spec, tuple } = specTuple(metadata, manifest.specId);
  return decodeManifest(await openManifest(io, manifest.path, tuple), manifest, spec, tuple);
}

/** The entries of a manifest of delete files. Errors: as decodeDeleteManifest and FileIO.read. */
export async function readDeleteManifestEntries(
  io: FileIO,
  metadata: TableMetadata,
  manifest: ManifestFile,
): Promise<ManifestEntry<DeleteFile>[]> {
  const { spec, tuple } = specTuple(metadata, manifest.specId);
  return decodeDeleteManifest(await openManifest(io, manifest.path, tuple), manifest, spec, tuple);
}
