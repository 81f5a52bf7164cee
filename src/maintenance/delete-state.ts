// How the deletes of a table stand: whether a rewrite still holds what they say, and which of them nobody needs.

import {
  readDeleteManifestEntries,
  readSnapshotManifests,
  type DeleteFile,
  type FileIO,
  type LiveDeleteFile,
  type ScanFile,
  type Table,
} from "#iceberg";
import { deleteKey } from "./group-json.ts";

/** Manifest entries with this status were removed. */
const STATUS_DELETED = 2;

/**
 * Whether a rewrite of the file as it was planned is still right for the file as it is: nothing it left out lives
 * again, and no position was deleted since. Equality deletes since apply to the rewritten rows, too, which keep the
 * age of the plan.
 */
export function isRewriteCurrent(planned: ScanFile, current: ScanFile): boolean {
  const now = new Map(current.deletes.map((live) => [deleteKey(live), live]));
  for (const live of planned.deletes) {
    if (!now.delete(deleteKey(live))) return false;
  }
  return [...now.values()].every(({ deleteFile }) => deleteFile.content === 2);
}

/** Every delete file of the table's current snapshot. Cost: reads its manifests of deletes. */
export async function liveDeleteFiles(io: FileIO, table: Table): Promise<readonly LiveDeleteFile[]> {
  const snapshot = table.currentSnapshot();
  if (snapshot === undefined || Number(snapshot.summary["total-delete-files"] ?? 1) === 0) return [];
  const manifests = await readSnapshotManifests(io, snapshot);
  const live: LiveDeleteFile[] = [];
  for (const manifest of manifests) {
    if (manifest.content !== "deletes" || manifest.addedFiles + manifest.existingFiles === 0) continue;
    for (const entry of await readDeleteManifestEntries(io, table.metadata, manifest)) {
      if (entry.status === STATUS_DELETED) continue;
      live.push({ deleteFile: entry.dataFile, sequenceNumber: entry.sequenceNumber ?? 0n });
    }
  }
  return live;
}

/**
 * Delete files that apply to none of the files that stay. Files a rewrite adds have the age `sequenceNumber`, so that
 * younger deletes may apply to them and stay.
 */
export function danglingDeletes(
  all: readonly LiveDeleteFile[],
  staying: readonly ScanFile[],
  sequenceNumber: bigint,
): readonly DeleteFile[] {
  const needed = new Set(staying.flatMap(({ deletes }) => deletes.map(deleteKey)));
  return all
    .filter((live) => live.sequenceNumber <= sequenceNumber && !needed.has(deleteKey(live)))
    .map(({ deleteFile }) => deleteFile);
}
