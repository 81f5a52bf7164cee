// Manifests and manifest lists as values. Source: Iceberg table spec, "Manifests" and "Manifest Lists".

import type { ContentFile, DataFile } from "./data-file.ts";

/** An entry carried over from an earlier snapshot. */
export const STATUS_EXISTING = 0;
/** An entry this manifest's snapshot added. */
export const STATUS_ADDED = 1;
/** An entry this manifest's snapshot removed. */
export const STATUS_DELETED = 2;

/** What happened to a file in a manifest. */
export type EntryStatus = typeof STATUS_EXISTING | typeof STATUS_ADDED | typeof STATUS_DELETED;

/**
 * One line of a manifest. Null ids and numbers are inherited: the reader takes them from the manifest list. Entries
 * from {@link ManifestFile} reads have them filled in.
 */
export interface ManifestEntry<F extends ContentFile = DataFile> {
  readonly status: EntryStatus;
  readonly snapshotId: bigint | null;
  /** Data sequence number: which deletes apply. Never changes for a file. */
  readonly sequenceNumber: bigint | null;
  /** Sequence number of the snapshot that added the file. */
  readonly fileSequenceNumber: bigint | null;
  /** The file; a delete file in a manifest of deletes. */
  readonly dataFile: F;
}

/** What one partition field looks like over a whole manifest; bounds are single-value binary. */
export interface PartitionFieldSummary {
  readonly containsNull: boolean;
  /** Undefined when the writer did not say. */
  readonly containsNan: boolean | undefined;
  readonly lowerBound: Uint8Array | undefined;
  readonly upperBound: Uint8Array | undefined;
}

/** One line of a manifest list. */
export interface ManifestFile {
  readonly path: string;
  readonly lengthBytes: number;
  readonly specId: number;
  /** Whether it lists data files or delete files. */
  readonly content: "data" | "deletes";
  readonly sequenceNumber: bigint;
  readonly minSequenceNumber: bigint;
  readonly addedSnapshotId: bigint;
  /**
   * Set when the writer left counts out, as format version 1 allows: they then stand for at least one live file, and
   * are no numbers to report. readSnapshotManifests counts such manifests.
   */
  readonly countsUnknown?: true;
  readonly addedFiles: number;
  readonly existingFiles: number;
  readonly deletedFiles: number;
  readonly addedRows: number;
  readonly existingRows: number;
  readonly deletedRows: number;
  /** One for each field of the spec; empty when the writer left them out. */
  readonly partitions: readonly PartitionFieldSummary[];
  readonly keyMetadata?: Uint8Array;
  /** Row id its first live data file without one starts at; format version 3, data manifests only. */
  readonly firstRowId?: bigint;
}

/** Files that are live according to the manifest list. */
export function liveFileCount(manifest: ManifestFile): number {
  return manifest.addedFiles + manifest.existingFiles;
}
