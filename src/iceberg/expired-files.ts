// Which files only expired snapshots needed.
//
// A manifest is made by one commit and carried from parent to child until it is dropped. On one line of descent an expired
// snapshot and a kept one that share a file therefore share it with the first kept snapshot after the expired one, or the
// last kept one before it: those at the edges of the kept stretches, and the head, decide for all. Where the history has
// branches, rollbacks, gaps or cherry-picks a file may come back by another way: then every kept snapshot is read.

import { LakeError } from "#core";
import { SOURCE_SNAPSHOT_KEY } from "./cherrypick.ts";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { ContentFile, DataFile, DeleteFile } from "./data-file.ts";
import type { FileIO } from "./file-io.ts";
import { mightHoldOneOf } from "./file-removal.ts";
import { readDeleteManifestEntries, readManifestEntries, readSnapshotManifests } from "./manifest-entries.ts";
import { STATUS_DELETED, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import { partitionKey } from "./snapshot-summary.ts";
import { currentSnapshot, type Snapshot, type StatisticsFile, type TableMetadata } from "./table-metadata.ts";

/** Locations by what they hold. */
export interface UnneededFiles {
  readonly data: readonly string[];
  readonly deletes: readonly string[];
  readonly manifests: readonly string[];
  readonly lists: readonly string[];
  readonly statistics: readonly string[];
  /** Lists and manifests of expired snapshots that could not be read: what they name is not known. */
  readonly unread: readonly string[];
}

/**
 * Finds the files that the expired snapshots named and no snapshot of `after` does; undefined when a kept snapshot cannot
 * be read, so that nobody can tell what it needs.
 *
 * Cost: the lists of the expired snapshots and of the deciding kept ones; the manifests that go; and those that stay and
 * may, by their summaries, list a file of those. Holds the paths of the first kind only.
 */
export async function findUnneededFiles(
  io: FileIO,
  base: TableMetadata,
  expired: readonly Snapshot[],
  after: TableMetadata,
): Promise<UnneededFiles | undefined> {
  const unread: string[] = [];
  const former = new Map<string, ManifestFile>();
  await mapConcurrent(expired, PARALLEL_READS, async (snapshot) => {
    const manifests = await ifReadable(() => readSnapshotManifests(io, snapshot));
    if (manifests === undefined) unread.push(snapshot["manifest-list"]);
    for (const manifest of manifests ?? []) former.set(manifest.path, manifest);
  });
  const needed = await neededManifests(io, base, after);
  if (needed === undefined) return undefined;
  const manifests = [...former.values()].filter((manifest) => !needed.has(manifest.path));
  const candidates = await listedFiles(io, base, manifests, unread);
  if (!(await keepLive(io, after, [...needed.values()], candidates))) return undefined;
  const ofKind = (isData: boolean): string[] =>
    [...candidates].filter(([, file]) => (file.content === 0) === isData).map(([path]) => path);
  const unreadable = new Set(unread);
  return {
    data: ofKind(true),
    deletes: ofKind(false),
    manifests: manifests.map(({ path }) => path).filter((path) => !unreadable.has(path)),
    lists: expired.map((snapshot) => snapshot["manifest-list"]).filter((path) => path !== "" && !unreadable.has(path)),
    statistics: unneededStatistics(base, expired, after),
    unread: unread.filter((path) => path !== ""),
  };
}

/** Undefined for a file that is gone, damaged or out of reach; what storage fails with otherwise is thrown. */
async function ifReadable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof LakeError && error.code === "metadata_invalid") return undefined;
    throw error;
  }
}

async function neededManifests(
  io: FileIO,
  base: TableMetadata,
  after: TableMetadata,
): Promise<Map<string, ManifestFile> | undefined> {
  const needed = new Map<string, ManifestFile>();
  let isComplete = true;
  await mapConcurrent(decidingSnapshots(base, after), PARALLEL_READS, async (snapshot) => {
    const manifests = isComplete ? await ifReadable(() => readSnapshotManifests(io, snapshot)) : undefined;
    if (manifests === undefined) isComplete = false;
    for (const manifest of manifests ?? []) needed.set(manifest.path, manifest);
  });
  return isComplete ? needed : undefined;
}

/** The kept snapshots that share a file with an expired one if any kept snapshot does; see the module's header. */
function decidingSnapshots(base: TableMetadata, after: TableMetadata): readonly Snapshot[] {
  const line = lineOf(base);
  if (line === undefined) return after.snapshots;
  const kept = new Map(after.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  const deciding = new Set(after.snapshots.filter(({ "snapshot-id": id }) => !line.has(id)));
  const ids = [...line];
  for (const [index, id] of ids.entries()) {
    const snapshot = kept.get(id);
    const isEdge =
      index === 0 || [ids[index - 1], ids[index + 1]].some((next) => next === undefined || !kept.has(next));
    if (snapshot !== undefined && isEdge) deciding.add(snapshot);
  }
  return [...deciding];
}

/** Ids from the head of main back, when that is all there is: one line without gaps and without cherry-picks. */
function lineOf(metadata: TableMetadata): ReadonlySet<bigint> | undefined {
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  const line = new Set<bigint>();
  for (let at = currentSnapshot(metadata); at !== undefined; at = byId.get(at["parent-snapshot-id"] ?? -1n)) {
    if (line.has(at["snapshot-id"]) || at.summary[SOURCE_SNAPSHOT_KEY] !== undefined) return undefined;
    line.add(at["snapshot-id"]);
  }
  return line.size === metadata.snapshots.length ? line : undefined;
}

type ListedFiles = Map<string, Pick<ContentFile, "content" | "specId" | "partition">>;

/** Every file the manifests name, deleted ones too; manifests that cannot be read are noted. */
async function listedFiles(
  io: FileIO,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  unread: string[],
): Promise<ListedFiles> {
  const files: ListedFiles = new Map();
  await mapConcurrent(manifests, PARALLEL_READS, async (manifest) => {
    const entries = await ifReadable(() => readAll(io, metadata, manifest));
    if (entries === undefined) unread.push(manifest.path);
    for (const { dataFile } of entries ?? []) {
      const { content, specId, partition } = dataFile;
      files.set(dataFile.filePath, { content, specId, partition });
    }
  });
  return files;
}

function readAll(
  io: FileIO,
  metadata: TableMetadata,
  manifest: ManifestFile,
): Promise<readonly ManifestEntry<DataFile | DeleteFile>[]> {
  return manifest.content === "data"
    ? readManifestEntries(io, metadata, manifest)
    : readDeleteManifestEntries(io, metadata, manifest);
}

/** Takes the files that the manifests list as live from the candidates; false when one cannot be read. */
async function keepLive(
  io: FileIO,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  candidates: ListedFiles,
): Promise<boolean> {
  const places = [...new Map([...candidates.values()].map((file) => [partitionKey(file), file])).values()];
  const suspects = manifests.filter((manifest) => mightHoldOneOf(metadata, manifest, places));
  let isComplete = true;
  await mapConcurrent(suspects, PARALLEL_READS, async (manifest) => {
    if (candidates.size === 0 || !isComplete) return;
    const entries = await ifReadable(() => readAll(io, metadata, manifest));
    if (entries === undefined) isComplete = false;
    for (const { status, dataFile } of entries ?? []) {
      if (status !== STATUS_DELETED) candidates.delete(dataFile.filePath);
    }
  });
  return isComplete;
}

function unneededStatistics(base: TableMetadata, expired: readonly Snapshot[], after: TableMetadata): string[] {
  const ids = new Set(expired.map((snapshot) => snapshot["snapshot-id"]));
  const kept = new Set(statisticsOf(after).map((file) => file["statistics-path"]));
  const gone = statisticsOf(base).filter((file) => ids.has(file["snapshot-id"]) && !kept.has(file["statistics-path"]));
  return [...new Set(gone.map((file) => file["statistics-path"]))];
}

function statisticsOf(metadata: TableMetadata): StatisticsFile[] {
  return [...(metadata.statistics ?? []), ...(metadata["partition-statistics"] ?? [])];
}
