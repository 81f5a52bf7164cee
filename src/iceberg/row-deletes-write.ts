// Deleting rows by position: new delete files that hold what was deleted before, too.

import type { RangeReader } from "#parquet";
import { LakeError } from "#core";
import { locationToKey } from "#storage";
import { isDeletionVector, type DeleteFile } from "./data-file.ts";
import { writeDeletionVectorFile, type DeleteWriterDeps, type FileDeletions } from "./deletion-vector-file.ts";
import { isOnlyAbout, writePositionDeleteFiles } from "./position-deletes.ts";
import { createPositionBitmap } from "./roaring.ts";
import { createRowDeletesLoader } from "./row-deletes.ts";
import type { TableMetadata } from "./table-metadata.ts";
import type { ScanFile } from "./table.ts";

/** Rows to delete of one data file. */
export interface RowsToDelete {
  /** As planned from the state the positions were read of. */
  readonly file: ScanFile;
  readonly positions: Iterable<number>;
}

/** Delete files to commit as one row delta. */
export interface WrittenDeletes {
  readonly added: readonly DeleteFile[];
  /** Those that the added ones replace. */
  readonly removed: readonly DeleteFile[];
}

/**
 * Writes a deletion vector for each data file with everything its present vector or position deletes name; for format
 * version 3. One Puffin file in all; nothing is committed.
 *
 * Cost: present deletes are read. Errors: those of loading deletes, `storage_unavailable`.
 */
export async function writeDeletionVectors(
  deps: DeleteWriterDeps,
  metadata: TableMetadata,
  rowsByPath: ReadonlyMap<string, RowsToDelete>,
): Promise<WrittenDeletes> {
  const loader = createRowDeletesLoader(
    { open: (location, sizeBytes) => openStored(deps, location, sizeBytes) },
    metadata,
  );
  const deletions: FileDeletions[] = [];
  const removed: DeleteFile[] = [];
  for (const { file, positions } of rowsByPath.values()) {
    const byPosition = file.deletes.filter(({ deleteFile }) => deleteFile.content === 1);
    const merged = createPositionBitmap(positions);
    if (merged.cardinality === 0) continue;
    const present = await loader.load({ ...file, deletes: byPosition });
    if (present !== undefined) merged.addAll(present.positions);
    deletions.push({ file: file.dataFile, positions: merged });
    for (const { deleteFile } of byPosition) {
      if (isDeletionVector(deleteFile) || isOnlyAbout(deleteFile, file.dataFile)) removed.push(deleteFile);
    }
  }
  return { added: await writeDeletionVectorFile(deps, metadata, deletions), removed };
}

/** Writes position delete files, one a data file, for format version 2. Errors: `storage_unavailable`. */
export async function writePositionDeletes(
  deps: DeleteWriterDeps,
  metadata: TableMetadata,
  rowsByPath: ReadonlyMap<string, RowsToDelete>,
): Promise<WrittenDeletes> {
  const deletions = [...rowsByPath.values()].map(({ file, positions }) => ({
    file: file.dataFile,
    positions: createPositionBitmap(positions),
  }));
  return { added: await writePositionDeleteFiles(deps, metadata, deletions), removed: [] };
}

/** Random access to a stored file. Errors of its reads: `data_invalid` when it is gone or shorter than it should be. */
export function openStored(
  deps: Pick<DeleteWriterDeps, "store" | "bucket">,
  location: string,
  sizeBytes: number,
): RangeReader {
  const key = locationToKey(location, deps.bucket);
  return {
    sizeBytes,
    async read(offset, length) {
      const bytes = await deps.store.getRange(key, offset, length);
      if (bytes?.length === length) return bytes;
      throw new LakeError("data_invalid", `The file ${location} is missing or shorter than its manifest says.`, {
        context: { location, offset, length, got: bytes?.length },
      });
    },
  };
}
