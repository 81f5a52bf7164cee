// Deletes the files of a dropped table.

import { decodeManifest, decodeManifestList } from "../manifest-read.ts";
import { readTableMetadata } from "../metadata-file.ts";
import { specTuple } from "../spec-tuple.ts";
import type { TableMetadata } from "../table-metadata.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";

/**
 * Deletes data files, then manifests, then metadata, of a table no pointer leads to any more. What fails to delete is
 * reported and left behind: the drop itself is done. Files outside the warehouse are left alone.
 */
export async function deleteTableFiles(deps: CatalogServerDeps, metadataLocation: string): Promise<void> {
  try {
    const metadata = await readTableMetadata(deps.io, metadataLocation);
    const files = await collectFiles(deps, metadata);
    const ours = [...files.data, ...files.manifests, ...previousFiles(metadata), metadataLocation];
    await deps.io.delete(ours.filter((location) => location.startsWith(`${deps.warehouse}/`)));
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
): Promise<{ readonly data: ReadonlySet<string>; readonly manifests: ReadonlySet<string> }> {
  const data = new Set<string>();
  const manifests = new Set<string>();
  for (const snapshot of metadata.snapshots) {
    for (const manifest of decodeManifestList(await deps.io.read(snapshot["manifest-list"]))) {
      if (manifests.has(manifest.path)) continue;
      manifests.add(manifest.path);
      if (manifest.content === "deletes") continue;
      const { spec, tuple } = specTuple(metadata, manifest.specId);
      for (const entry of decodeManifest(await deps.io.read(manifest.path), manifest, spec, tuple)) {
        data.add(entry.dataFile.filePath);
      }
    }
  }
  return { data, manifests };
}
