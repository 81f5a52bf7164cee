// Deletes the files of a dropped table.

import { readDeleteManifestEntries, readManifestEntries, readSnapshotManifests } from "../manifest-entries.ts";
import type { ManifestFile } from "../manifest.ts";
import type { TableMetadata } from "../table-metadata.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { isWithin, tableFolders } from "./locations.ts";
import { readStored } from "./stored-metadata.ts";

/** Property that keeps the data of a dropped table, which another table may read. */
const GC_ENABLED = "gc.enabled";

/**
 * Deletes data and delete files, then manifests, then metadata, of a table no pointer leads to any more. What cannot be
 * read or deleted is reported and left behind, the rest goes: the drop itself is done. Files outside the table's own
 * folders are left alone: a snapshot may name what another table wrote.
 *
 * Cost: each manifest is read once; the paths of one manifest are held at a time.
 */
export async function deleteTableFiles(deps: CatalogServerDeps, metadataLocation: string): Promise<void> {
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      deps.reportError?.(error);
      return undefined;
    }
  };
  const stored = await attempt(() => readStored(deps, metadataLocation));
  if (stored === undefined) return;
  const { metadata } = stored;
  const folders = tableFolders(metadata);
  const remove = (locations: readonly string[]): Promise<void> =>
    deps.io.delete(locations.filter((location) => folders.some((folder) => isWithin(location, folder))));
  const manifests = new Set<string>();
  for (const snapshot of metadata.snapshots) {
    const listed = (await attempt(() => readSnapshotManifests(deps.io, snapshot))) ?? [];
    for (const manifest of listed) {
      if (manifests.has(manifest.path)) continue;
      manifests.add(manifest.path);
      if (metadata.properties[GC_ENABLED] === "false") continue;
      await attempt(async () => remove(await contentOf(deps, metadata, manifest)));
    }
  }
  await attempt(() => remove([...manifests]));
  await attempt(() => remove([...metadataFiles(metadata), metadataLocation]));
}

async function contentOf(deps: CatalogServerDeps, metadata: TableMetadata, manifest: ManifestFile): Promise<string[]> {
  if (manifest.content === "deletes") {
    const entries = await readDeleteManifestEntries(deps.io, metadata, manifest);
    return entries.map((entry) => entry.dataFile.filePath);
  }
  return (await readManifestEntries(deps.io, metadata, manifest)).map((entry) => entry.dataFile.filePath);
}

function metadataFiles(metadata: TableMetadata): string[] {
  const lists = metadata.snapshots.map((snapshot) => snapshot["manifest-list"]).filter((list) => list !== "");
  const statistics = [...(metadata.statistics ?? []), ...(metadata["partition-statistics"] ?? [])];
  return [
    ...lists,
    ...statistics.map((file) => file["statistics-path"]),
    ...metadata["metadata-log"].map((entry) => entry["metadata-file"]),
  ];
}
