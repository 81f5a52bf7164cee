// Deletion vectors in their Puffin files: reading one by its place, writing one file for many data files.

import { LakeError, type RandomSource } from "#core";
import { corruptData } from "#codec";
import type { RangeReader } from "#parquet";
import { locationToKey, type ObjectStore } from "#storage";
import { type ContentFile, type DataFile, type DeleteFile } from "./data-file.ts";
import { DELETION_VECTOR_TYPE, bytesToDeletionVector, deletionVectorToBytes } from "./deletion-vector.ts";
import { newDataFileLocation } from "./partition-batch.ts";
import { encodePuffin, type PuffinBlobDraft } from "./puffin.ts";
import type { PositionBitmap } from "./roaring.ts";
import type { TableMetadata } from "./table-metadata.ts";

/** Largest vector taken, bytes: some hundred million rows with no pattern at all. */
const MAX_VECTOR_BYTES = 64 * 1024 * 1024;

/** Field id that Iceberg's writers name in the blob: that of `_pos`, the row's position. */
const POSITION_FIELD_ID = 2_147_483_645;

/**
 * The deleted positions of the data file that a deletion vector belongs to. Cost: one request. Errors: `data_invalid`
 * when the vector is not what its manifest says, `metadata_invalid` when the manifest does not say where it is.
 */
export async function readDeletionVector(reader: RangeReader, file: DeleteFile): Promise<PositionBitmap> {
  const { contentOffset, contentSizeBytes } = file;
  if (contentOffset === undefined || contentSizeBytes === undefined) {
    throw new LakeError("metadata_invalid", `The manifest does not say where ${file.filePath} holds its vector.`);
  }
  if (
    contentOffset < 0 ||
    contentSizeBytes < 0 ||
    contentSizeBytes > MAX_VECTOR_BYTES ||
    contentOffset + contentSizeBytes > reader.sizeBytes
  ) {
    throw corruptData("a deletion vector lies outside its file");
  }
  const bitmap = bytesToDeletionVector(await reader.read(contentOffset, contentSizeBytes));
  if (bitmap.cardinality !== file.recordCount) {
    throw corruptData("a deletion vector holds another number of positions than its manifest says");
  }
  return bitmap;
}

/** The deleted positions of one data file. */
export interface FileDeletions {
  readonly file: DataFile;
  /** All of them: a vector replaces what was there before. */
  readonly positions: PositionBitmap;
}

/** What writing delete files needs. */
export interface DeleteWriterDeps {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly random: RandomSource;
}

/**
 * Writes the vectors into one Puffin file and returns their entries; files without a position get none. Nothing is
 * committed. Errors: `storage_unavailable`.
 */
export async function writeDeletionVectorFile(
  deps: DeleteWriterDeps,
  metadata: TableMetadata,
  deletions: readonly FileDeletions[],
): Promise<readonly DeleteFile[]> {
  const written = deletions.filter(({ positions }) => positions.cardinality > 0);
  if (written.length === 0) return [];
  const drafts = written.map(({ file, positions }): PuffinBlobDraft => ({
    type: DELETION_VECTOR_TYPE,
    fields: [POSITION_FIELD_ID],
    bytes: deletionVectorToBytes(positions),
    properties: { "referenced-data-file": file.filePath, cardinality: String(positions.cardinality) },
  }));
  const { bytes, footer } = encodePuffin(drafts, { "created-by": "Firn" });
  const location = newDataFileLocation(metadata, `${deps.random.uuid()}-deletes.puffin`, "");
  await deps.store.put(locationToKey(location, deps.bucket), bytes);
  return written.map(({ file, positions }, index): DeleteFile => {
    const blob = footer.blobs[index];
    return {
      ...emptyMetrics(),
      content: 1,
      filePath: location,
      fileFormat: "PUFFIN",
      specId: file.specId,
      partition: file.partition,
      recordCount: positions.cardinality,
      fileSizeBytes: bytes.length,
      referencedDataFile: file.filePath,
      contentOffset: blob?.offset ?? 0,
      contentSizeBytes: blob?.lengthBytes ?? 0,
    };
  });
}

function emptyMetrics(): Pick<
  ContentFile,
  "columnSizes" | "valueCounts" | "nullValueCounts" | "nanValueCounts" | "lowerBounds" | "upperBounds" | "splitOffsets"
> {
  return {
    columnSizes: new Map(),
    valueCounts: new Map(),
    nullValueCounts: new Map(),
    nanValueCounts: new Map(),
    lowerBounds: new Map(),
    upperBounds: new Map(),
    splitOffsets: [],
  };
}
