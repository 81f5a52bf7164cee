// Merging small manifests, so that a table with one commit a minute does not need thousands of reads to plan a scan.

import { LakeError } from "#core";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { FileIO } from "./file-io.ts";
import { STATUS_DELETED, STATUS_EXISTING, liveFileCount, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import type { UnsequencedManifest } from "./manifest-write.ts";
import { readManifestEntries } from "./manifest-entries.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";
import type { TableMetadata } from "./table-metadata.ts";

/** Manifests of one spec at which they are merged (commit.manifest.min-count-to-merge). */
const DEFAULT_MIN_COUNT = 100;
/**
 * Bytes a merged manifest aims for (commit.manifest.target-size-bytes). Java's default is 8 MiB; decoded that is more
 * than a Worker's memory.
 */
const DEFAULT_TARGET_BYTES = 1024 * 1024;

/** A manifest of the next list: carried over, or made from several. */
export type NextManifest =
  | { readonly kind: "kept"; readonly manifest: ManifestFile }
  | { readonly kind: "made"; readonly manifest: UnsequencedManifest };

/** What a merge leaves. */
export interface MergeResult {
  readonly manifests: readonly NextManifest[];
  readonly replaced: number;
  readonly entriesProcessed: number;
}

/** Merges between attempts of one commit, by the paths that went in. */
export type MergeCache = Map<string, { readonly manifest: UnsequencedManifest; readonly entries: number }>;

/**
 * Merges the small data manifests of each spec that has at least the property's count of manifests; others are kept
 * as they are. Entries become EXISTING with explicit sequence numbers; entries of deleted files are dropped.
 */
export async function mergeManifests(
  io: FileIO,
  base: TableMetadata,
  files: SnapshotFiles,
  manifests: readonly ManifestFile[],
  cache: MergeCache,
): Promise<MergeResult> {
  const kept: NextManifest[] = [];
  const made: NextManifest[] = [];
  let replaced = 0;
  let entriesProcessed = 0;
  for (const bin of planMerges(base, manifests)) {
    if (bin.length === 1) {
      kept.push({ kind: "kept", manifest: bin[0] as ManifestFile });
      continue;
    }
    const key = bin.map((manifest) => manifest.path).join("\n");
    let merged = cache.get(key);
    if (merged === undefined) {
      const entries = await readExisting(io, base, bin);
      merged = {
        manifest: await files.writeManifest(base, (bin[0] as ManifestFile).specId, entries),
        entries: entries.length,
      };
      cache.set(key, merged);
    }
    made.push({ kind: "made", manifest: merged.manifest });
    replaced += bin.length;
    entriesProcessed += merged.entries;
  }
  return { manifests: [...made, ...kept], replaced, entriesProcessed };
}

async function readExisting(io: FileIO, base: TableMetadata, bin: readonly ManifestFile[]): Promise<ManifestEntry[]> {
  const entries = await mapConcurrent(bin, PARALLEL_READS, (manifest) => readManifestEntries(io, base, manifest));
  return entries.flat().flatMap((entry) => (entry.status === STATUS_DELETED ? [] : [toExisting(entry)]));
}

/** An entry as later snapshots carry it. Errors: `metadata_invalid` when its numbers are unknown. */
export function toExisting(entry: ManifestEntry): ManifestEntry {
  if (entry.sequenceNumber === null || entry.fileSequenceNumber === null) {
    throw new LakeError("metadata_invalid", `The entry of ${entry.dataFile.filePath} lacks its sequence numbers.`);
  }
  return { ...entry, status: STATUS_EXISTING };
}

/** Groups of manifests to become one each; a group of one stays. Every manifest is in exactly one group. */
function planMerges(base: TableMetadata, manifests: readonly ManifestFile[]): ManifestFile[][] {
  const isEnabled = base.properties["commit.manifest-merge.enabled"] !== "false";
  const minCount = positiveProperty(base, "commit.manifest.min-count-to-merge", DEFAULT_MIN_COUNT);
  const targetBytes = positiveProperty(base, "commit.manifest.target-size-bytes", DEFAULT_TARGET_BYTES);
  const bySpec = Map.groupBy(manifests, (manifest) => `${manifest.content} ${manifest.specId}`);
  return [...bySpec.values()].flatMap((group) => {
    const isMergeable = isEnabled && group.length >= minCount && group[0]?.content === "data";
    return isMergeable ? packBins(group, targetBytes) : group.map((manifest) => [manifest]);
  });
}

/** Packs neighbours, so that a merged manifest covers a stretch of commits and thus of time. */
function packBins(manifests: readonly ManifestFile[], targetBytes: number): ManifestFile[][] {
  const bins: ManifestFile[][] = [];
  let binBytes = 0;
  for (const manifest of manifests) {
    const last = bins.at(-1);
    if (last !== undefined && binBytes + manifest.lengthBytes <= targetBytes && liveFileCount(manifest) > 0) {
      last.push(manifest);
      binBytes += manifest.lengthBytes;
    } else {
      bins.push([manifest]);
      binBytes = manifest.lengthBytes;
    }
  }
  return bins;
}

function positiveProperty(base: TableMetadata, key: string, fallback: number): number {
  const value = Number(base.properties[key] ?? fallback);
  return Number.isFinite(value) && value > 0 ? value : fallback;
}
