// Finding and deleting files under a table's location that nothing in its metadata leads to: what commits wrote in vain,
// what a crash left behind. Only old files go, because a file that is being committed right now looks the same.

import { LakeError } from "#core";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { ListedFile } from "./file-io.ts";
import { readDeleteManifestEntries, readManifestEntries, readSnapshotManifests } from "./manifest-entries.ts";
import type { ManifestFile } from "./manifest.ts";
import type { OperationContext, TableDeps } from "./table-deps.ts";
import type { Snapshot, TableMetadata } from "./table-metadata.ts";
import type { OrphanReport, RemoveOrphanFiles } from "./table.ts";

const HOUR_MS = 3_600_000;
/** Younger files may belong to a commit under way. */
export const ORPHAN_LEAST_AGE_MS = 24 * HOUR_MS;
const DEFAULT_AGE_MS = 72 * HOUR_MS;
const DEFAULT_MAX_FILES = 10_000;

/**
 * Starts an orphan removal.
 *
 * Cost: lists everything under the table's location, reads every manifest of every snapshot, and holds the paths of all
 * files. Concurrency: the table is loaded again before anything is deleted, and what was committed meanwhile stays.
 * Errors: `unsupported_operation` when the table forbids deleting its files (gc.enabled) or is encrypted.
 */
export function createRemoveOrphanFiles({ deps, table }: OperationContext): RemoveOrphanFiles {
  let olderThanMs: number | undefined;
  let isDryRun = false;
  let maxFiles = DEFAULT_MAX_FILES;
  const removal: RemoveOrphanFiles = {
    olderThan(timestampMs) {
      olderThanMs = timestampMs;
      return removal;
    },
    dryRun() {
      isDryRun = true;
      return removal;
    },
    maxFiles(count) {
      maxFiles = count;
      return removal;
    },
    async execute() {
      const { properties } = table.metadata;
      if (properties["gc.enabled"] === "false" && !isDryRun) {
        throw new LakeError("unsupported_operation", "The table's property gc.enabled forbids deleting its files.");
      }
      if (properties["encryption.key-id"] !== undefined) {
        throw new LakeError("unsupported_operation", "The table is encrypted: what its files are cannot be told.");
      }
      const nowMs = deps.clock.nowMs();
      const limitMs = olderThanMs ?? nowMs - DEFAULT_AGE_MS;
      if (limitMs > nowMs - ORPHAN_LEAST_AGE_MS) {
        throw new LakeError(
          "invalid_option",
          "Files younger than 24 hours may belong to a commit under way: they are never taken for orphans.",
        );
      }
      const found = await findOrphans(deps, table.identifier, limitMs, maxFiles);
      if (isDryRun || found.orphans.length === 0) return found;
      await deps.io.delete(found.orphans);
      return { ...found, deleted: found.orphans.length };
    },
  };
  return removal;
}

async function findOrphans(
  deps: TableDeps,
  identifier: OperationContext["table"]["identifier"],
  limitMs: number,
  maxFiles: number,
): Promise<OrphanReport> {
  const reachable = new Set<string>();
  const seen = new Set<bigint>();
  const first = await deps.reload(identifier);
  const addReachable = async (location: string): Promise<TableMetadata> => {
    const metadata = await deps.loadHistory(identifier);
    addMetadataFiles(metadata, location, reachable);
    await addSnapshotFiles(deps, metadata, seen, reachable);
    return metadata;
  };
  const metadata = await addReachable(first.metadataLocation);
  const candidates: ListedFile[] = [];
  let listed = 0;
  for (const prefix of tablePrefixes(metadata)) {
    for await (const file of deps.io.list(prefix)) {
      listed += 1;
      if (file.modifiedMs < limitMs && !reachable.has(withoutScheme(file.location))) candidates.push(file);
      if (candidates.length >= maxFiles) break;
    }
  }
  // What was committed while the files were listed is no orphan.
  if (candidates.length > 0) await addReachable((await deps.reload(identifier)).metadataLocation);
  const orphans = candidates.filter((file) => !reachable.has(withoutScheme(file.location)));
  return {
    orphans: orphans.map((file) => file.location),
    deleted: 0,
    bytes: orphans.reduce((sum, file) => sum + file.sizeBytes, 0),
    listed,
  };
}

/** The folders a table's files lie in, none inside another. */
function tablePrefixes({ location, properties }: TableMetadata): string[] {
  const folders = [location, properties["write.data.path"], properties["write.metadata.path"]]
    .filter((folder) => folder !== undefined)
    .map((folder) => `${folder.replace(/\/+$/, "")}/`);
  return [...new Set(folders)].filter(
    (folder) => !folders.some((other) => other !== folder && folder.startsWith(other)),
  );
}

/** s3://b/k, s3a://b/k and s3n://b/k are one file. */
function withoutScheme(location: string): string {
  return location.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "");
}

function addMetadataFiles(metadata: TableMetadata, location: string, reachable: Set<string>): void {
  const add = (path: string): void => void reachable.add(withoutScheme(path));
  add(location);
  add(`${metadata.location.replace(/\/+$/, "")}/metadata/version-hint.text`);
  for (const entry of metadata["metadata-log"]) add(entry["metadata-file"]);
  for (const file of [...(metadata.statistics ?? []), ...(metadata["partition-statistics"] ?? [])]) {
    add(file["statistics-path"]);
  }
}

async function addSnapshotFiles(
  deps: TableDeps,
  metadata: TableMetadata,
  seen: Set<bigint>,
  reachable: Set<string>,
): Promise<void> {
  const added = metadata.snapshots.filter((snapshot) => !seen.has(snapshot["snapshot-id"]));
  const lists = await mapConcurrent(added, PARALLEL_READS, async (snapshot: Snapshot) => {
    seen.add(snapshot["snapshot-id"]);
    reachable.add(withoutScheme(snapshot["manifest-list"]));
    return readSnapshotManifests(deps.io, snapshot);
  });
  const manifests = new Map(
    lists
      .flat()
      .map((manifest): [string, ManifestFile] => [withoutScheme(manifest.path), manifest])
      .filter(([path]) => !reachable.has(path)),
  );
  await mapConcurrent([...manifests], PARALLEL_READS, async ([path, manifest]) => {
    reachable.add(path);
    const entries =
      manifest.content === "data"
        ? await readManifestEntries(deps.io, metadata, manifest)
        : await readDeleteManifestEntries(deps.io, metadata, manifest);
    for (const { dataFile } of entries) reachable.add(withoutScheme(dataFile.filePath));
  });
}
