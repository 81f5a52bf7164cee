// Merging small manifests, so that a table with one commit a minute does not need thousands of reads to plan a scan.

import { LakeError } from "#core";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { DataFile, DeleteFile } from "./data-file.ts";
import type { FileIO } from "./file-io.ts";
import { readDeleteManifestEntries, readManifestEntries } from "./manifest-entries.ts";
import { STATUS_DELETED, STATUS_EXISTING, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import type { SnapshotFiles, WrittenManifest } from "./snapshot-files.ts";
import type { TableMetadata } from "./table-metadata.ts";

/** Manifests of one spec at which they are merged (commit.manifest.min-count-to-merge). */
const DEFAULT_MIN_COUNT = 100;
/**
 * Bytes a merged manifest aims for (commit.manifest.target-size-bytes). Java's default is 8 MiB; decoded that is more
 * than a Worker's memory.
 */
const DEFAULT_TARGET_BYTES = 1024 * 1024;

/** A manifest of the next list: carried over, or made by this commit. */
export type NextManifest =
  | { readonly kind: "kept"; readonly manifest: ManifestFile }
  | ({ readonly kind: "made" } & WrittenManifest);

/** What a merge leaves. */
export interface MergeResult {
  readonly manifests: readonly NextManifest[];
  readonly replaced: number;
  readonly entriesProcessed: number;
}

/** Merges between attempts of one commit, by the paths that went in. */
export type MergeCache = Map<string, WrittenManifest>;

/** The live entries of a manifest of either kind. Errors: as readManifestEntries. */
export async function readLiveEntries(
  io: FileIO,
  base: TableMetadata,
  manifest: ManifestFile,
): Promise<readonly ManifestEntry<DataFile | DeleteFile>[]> {
  const entries: readonly ManifestEntry<DataFile | DeleteFile>[] =
    manifest.content === "data"
      ? await readManifestEntries(io, base, manifest)
      : await readDeleteManifestEntries(io, base, manifest);
  return entries.filter((entry) => entry.status !== STATUS_DELETED);
}

/**
 * Merges small manifests of the same spec and kind; others are kept as they are. Entries become EXISTING with explicit
 * sequence numbers and row ids; entries of deleted files are dropped.
 */
export async function mergeManifests(
  io: FileIO,
  base: TableMetadata,
  files: SnapshotFiles,
  manifests: readonly ManifestFile[],
  cache: MergeCache,
): Promise<MergeResult> {
  const next: NextManifest[] = [];
  let replaced = 0;
  let entriesProcessed = 0;
  for (const bin of planMerges(base, manifests)) {
    const [first] = bin;
    if (first === undefined) continue;
    if (bin.length === 1) {
      next.push({ kind: "kept", manifest: first });
      continue;
    }
    const key = bin.map((manifest) => manifest.path).join("\n");
    let merged = cache.get(key);
    if (merged === undefined) {
      const entries = await mapConcurrent(bin, PARALLEL_READS, (manifest) => readLiveEntries(io, base, manifest));
      merged = await files.writeManifest(base, first.content, first.specId, entries.flat().map(toExisting));
      cache.set(key, merged);
    }
    next.push({ kind: "made", ...merged });
    replaced += bin.length;
    entriesProcessed += merged.entries;
  }
  return { manifests: next, replaced, entriesProcessed };
}

/** An entry as later snapshots carry it. Errors: `metadata_invalid` when its numbers are unknown. */
export function toExisting<F extends DataFile | DeleteFile>(entry: ManifestEntry<F>): ManifestEntry<F> {
  if (entry.sequenceNumber === null || entry.fileSequenceNumber === null) {
    throw new LakeError("metadata_invalid", `The entry of ${entry.dataFile.filePath} lacks its sequence numbers.`);
  }
  return { ...entry, status: STATUS_EXISTING };
}

/** Bytes a manifest aims for. */
export function manifestTargetBytes(base: TableMetadata): number {
  return positiveProperty(base, "commit.manifest.target-size-bytes", DEFAULT_TARGET_BYTES);
}

/** Groups of manifests to become one each; a group of one stays. Every manifest is in exactly one group. */
function planMerges(base: TableMetadata, manifests: readonly ManifestFile[]): ManifestFile[][] {
  const isEnabled = base.properties["commit.manifest-merge.enabled"] !== "false";
  const minCount = positiveProperty(base, "commit.manifest.min-count-to-merge", DEFAULT_MIN_COUNT);
  const targetBytes = manifestTargetBytes(base);
  const groups = Map.groupBy(manifests, (manifest) => `${manifest.content} ${manifest.specId}`);
  return [...groups.values()].flatMap((group) => {
    if (!isEnabled) return group.map((manifest) => [manifest]);
    // The first bin still fills up: merging it at every commit would write it again each time.
    return packBins(group, targetBytes).flatMap((bin, index) =>
      index === 0 && bin.length < minCount ? bin.map((manifest) => [manifest]) : [bin],
    );
  });
}

/**
 * Packs neighbours, so that a merged manifest covers a stretch of commits and thus of time. Lists have the latest first:
 * bins are filled from the end, so that those that are full stay as they are.
 */
function packBins(manifests: readonly ManifestFile[], targetBytes: number): ManifestFile[][] {
  const bins: ManifestFile[][] = [];
  let binBytes = 0;
  for (const manifest of manifests.toReversed()) {
    const last = bins.at(-1);
    if (last !== undefined && binBytes + manifest.lengthBytes <= targetBytes) {
      last.unshift(manifest);
      binBytes += manifest.lengthBytes;
    } else {
      bins.push([manifest]);
      binBytes = manifest.lengthBytes;
    }
  }
  return bins.toReversed();
}

function positiveProperty(base: TableMetadata, key: string, fallback: number): number {
  const value = Number(base.properties[key] ?? fallback);
  return Number.isFinite(value) && value > 0 ? value : fallback;
}
