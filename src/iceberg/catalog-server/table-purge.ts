// Deletes the files of a dropped table.

import { decodeManifest, decodeManifestList } from "../manifest-read.ts";
import { specTuple } from "../spec-tuple.ts";
import type { TableMetadata } from "../table-metadata.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { isWithin, tableFolders } from "./locations.ts";
import { readStored } from "./stored-metadata.ts";

/**
 * Deletes data and delete files, then manifests, then metadata, of a table no pointer leads to any more. What fails to
 * delete is reported and left behind: the drop itself is done. Files outside the table's own folders are left alone:
 * a snapshot may name what another table wrote.
 */
export async function deleteTableFiles(deps: CatalogServerDeps, metadataLocation: string): Promise<void> {
  try {
    const { metadata } = await readStored(deps, metadataLocation);
    const folders = tableFolders(metadata);
    const isOurs = (location: string): boolean => folders.some((folder) => isWithin(location, folder));
    const files = await collectFiles(deps, metadata);
    const all = [...files.content, ...files.manifests, ...previousFiles(metadata), metadataLocation];
    await deps.io.delete(all.filter(isOurs));
  } catch (error) {
    deps.reportError?.(error);
  }
}

function previousFiles(metadata: TableMetadata): string[] {
  const lists = metadata.snapshots.map((snapshot) => snapshot["manifest-list"]);
  const statistics = [...(metadata.statistics ?? []), ...(metadata["partition-statistics"] ?? [])];
  return [
    ...lists,
    ...statistics.map((file) => file["statistics-path"]),
    ...metadata["metadata-log"].map((entry) => entry["metadata-file"]),
  ];
}

async function collectFiles(
  deps: CatalogServerDeps,
  metadata: TableMetadata,
): Promise<{ readonly content: ReadonlySet<string>; readonly manifests: ReadonlySet<string> }> {
  const content = new Set<string>();
  const manifests = new Set<string>();
  for (const snapshot of metadata.snapshots) {
    for (const manifest of decodeManifestList(await deps.io.read(snapshot["manifest-list"]))) {
      if (manifests.has(manifest.path)) continue;
      manifests.add(manifest.path);
      const { spec, tuple } = specTuple(metadata, manifest.specId);
      for (const entry of decodeManifest(await deps.io.read(manifest.path), manifest, spec, tuple)) {
        content.add(entry.dataFile.filePath);
      }
    }
  }
  return { content, manifests };
}
