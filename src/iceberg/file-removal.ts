// Which files a commit removes from the manifests of its base, and those manifests written anew without them. Source:
// Iceberg table spec, "Snapshots" and "Scan Planning"; Java's ManifestFilterManager.

import { LakeError } from "#core";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import { isDeletionVector, type ContentFile, type DataFile, type DeleteFile } from "./data-file.ts";
import type { FileIO } from "./file-io.ts";
import { readLiveEntries, toExisting, type NextManifest } from "./manifest-merge.ts";
import { STATUS_DELETED, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import {
  createSpecFilter,
  excludingColumn,
  excludingPartitionField,
  excludingSummary,
  mightHoldPartition,
} from "./partition-pruning.ts";
import type { SnapshotFiles, WrittenManifest } from "./snapshot-files.ts";
import { allFieldsById, specTuple } from "./spec-tuple.ts";
import { allRowsMatch, partitionMatches } from "./strict-match.ts";
import type { TableMetadata } from "./table-metadata.ts";
import type { IcebergPredicate } from "./table.ts";

/** The files a commit removes. */
export interface FileRemoval {
  /** Data files by path; undefined when only the path is known. */
  readonly data: ReadonlyMap<string, DataFile | undefined>;
  /** Delete files by {@link deleteFileKey}. */
  readonly deletes: ReadonlyMap<string, DeleteFile>;
  /** Conditions all of whose matches go: files must match whole or not at all. */
  readonly filters: readonly (readonly IcebergPredicate[])[];
}

/** Identifies a delete file: deletion vectors share a path. */
export function deleteFileKey(file: DeleteFile): string {
  return `${file.filePath} ${file.contentOffset ?? ""} ${file.contentSizeBytes ?? ""}`;
}

/** Manifests between attempts of one commit, by what was read and what was removed. */
export type RemovalCache = Map<string, WrittenManifest>;

/** Manifests of one kind after the removal. */
export interface RemovalResult<F extends ContentFile> {
  readonly kept: readonly ManifestFile[];
  readonly made: readonly NextManifest[];
  readonly removed: readonly F[];
  readonly entriesProcessed: number;
  /** Least sequence number of what is left; undefined when nothing is. */
  readonly minSequenceNumber: bigint | undefined;
}

interface RemovalDeps {
  readonly io: FileIO;
  readonly files: SnapshotFiles;
  readonly cache: RemovalCache;
}

/**
 * Removes data files. Errors: `unsupported_operation` for a file that fulfils a filter in part.
 *
 * Cost: manifests whose summaries rule out every removed file are not read.
 */
export async function removeDataFiles(
  deps: RemovalDeps,
  base: TableMetadata,
  manifests: readonly ManifestFile[],
  removal: FileRemoval,
): Promise<RemovalResult<DataFile>> {
  const fields = allFieldsById(base);
  const named = [...removal.data.values()];
  const known = named.every((file) => file !== undefined) ? named : undefined;
  const mightHold = (manifest: ManifestFile): boolean => {
    if (removal.data.size > 0 && (known === undefined || mightHoldOneOf(base, manifest, known))) return true;
    const { spec, tuple } = specTuple(base, manifest.specId);
    return removal.filters.some(
      (predicates) => excludingSummary(createSpecFilter(spec, tuple, fields, predicates), manifest) === undefined,
    );
  };
  const matchesFilter = (file: ContentFile): boolean =>
    removal.filters.some((predicates) => {
      const { spec, tuple } = specTuple(base, file.specId);
      if (allRowsMatch(file, spec, fields, predicates)) return true;
      const filter = createSpecFilter(spec, tuple, fields, predicates);
      if (excludingPartitionField(filter, file) !== undefined) return false;
      if (excludingColumn(file, fields, predicates) !== undefined) return false;
      throw new LakeError(
        "unsupported_operation",
        `Only some rows of ${file.filePath} may match the filter: a whole file cannot be removed for them. Nothing was committed.`,
      );
    });
  return removeEntries<DataFile>(deps, base, manifests, mightHold, ({ dataFile }) => {
    return removal.data.has(dataFile.filePath) || matchesFilter(dataFile);
  });
}

/** What else makes delete files needless. */
export interface RemovedData {
  readonly files: readonly DataFile[];
  /** Deletes with a lower number apply to no file that is left. */
  readonly minSequenceNumber: bigint;
}

/** Removes delete files: those named, those that were only about removed data, those older than all data. */
export async function removeDeleteFiles(
  deps: RemovalDeps,
  base: TableMetadata,
  manifests: readonly ManifestFile[],
  removal: FileRemoval,
  data: RemovedData,
): Promise<RemovalResult<DeleteFile>> {
  const fields = allFieldsById(base);
  const removedPaths = new Set(data.files.map((file) => file.filePath));
  const named = [...removal.deletes.values()];
  const isOutdated = (sequenceNumber: bigint | null): boolean =>
    sequenceNumber !== null && sequenceNumber > 0n && sequenceNumber < data.minSequenceNumber;
  const mightHold = (manifest: ManifestFile): boolean =>
    isOutdated(manifest.minSequenceNumber) ||
    removal.filters.length > 0 ||
    mightHoldOneOf(base, manifest, [...named, ...data.files]);
  const isCovered = (file: DeleteFile): boolean => {
    const { spec } = specTuple(base, file.specId);
    return removal.filters.some(
      (predicates) =>
        predicates.length === 0 || (spec.fields.length > 0 && partitionMatches(file, spec, fields, predicates)),
    );
  };
  return removeEntries<DeleteFile>(deps, base, manifests, mightHold, ({ dataFile, sequenceNumber }) => {
    return (
      removal.deletes.has(deleteFileKey(dataFile)) ||
      isOutdated(sequenceNumber) ||
      (dataFile.content === 1 && removedPaths.has(dataFile.referencedDataFile ?? "")) ||
      isCovered(dataFile)
    );
  });
}

/** Whether a manifest may list one of the files, by its summaries of their partitions. */
export function mightHoldOneOf(
  base: TableMetadata,
  manifest: ManifestFile,
  files: readonly Pick<ContentFile, "specId" | "partition">[],
): boolean {
  const { tuple } = specTuple(base, manifest.specId);
  return files.some((file) => file.specId === manifest.specId && mightHoldPartition(manifest, tuple, file.partition));
}

async function removeEntries<F extends DataFile | DeleteFile>(
  deps: RemovalDeps,
  base: TableMetadata,
  manifests: readonly ManifestFile[],
  mightHold: (manifest: ManifestFile) => boolean,
  isRemoved: (entry: ManifestEntry<F>) => boolean,
): Promise<RemovalResult<F>> {
  const results = await mapConcurrent(manifests, PARALLEL_READS, async (manifest) => {
    if (!mightHold(manifest)) return { manifest, written: undefined, removed: [] };
    const live = (await readLiveEntries(deps.io, base, manifest)) as readonly ManifestEntry<F>[];
    const removed = new Set(live.filter(isRemoved));
    if (removed.size === 0) return { manifest, written: undefined, removed: [] };
    const key = [manifest.path, ...[...removed].map(({ dataFile }) => entryKey(dataFile))].join("\n");
    let written = deps.cache.get(key);
    if (written === undefined) {
      const entries = live.map((entry): ManifestEntry<F> => {
        const existing = toExisting(entry);
        return removed.has(entry)
          ? { ...existing, status: STATUS_DELETED, snapshotId: deps.files.snapshotId }
          : existing;
      });
      written = await deps.files.writeManifest(base, manifest.content, manifest.specId, entries);
      deps.cache.set(key, written);
    }
    return { manifest, written, removed: [...removed].map(({ dataFile }) => dataFile) };
  });
  const numbers = results.flatMap(({ manifest, written }) => {
    const number = written === undefined ? manifest.minSequenceNumber : written.manifest.minSequenceNumber;
    return number === undefined ? [] : [number];
  });
  return {
    kept: results.flatMap(({ manifest, written }) => (written === undefined ? [manifest] : [])),
    made: results.flatMap(({ written }): NextManifest[] =>
      written === undefined ? [] : [{ kind: "made", ...written }],
    ),
    removed: results.flatMap(({ removed }) => removed),
    entriesProcessed: results.reduce((sum, { written }) => sum + (written?.entries ?? 0), 0),
    minSequenceNumber: numbers.length === 0 ? undefined : numbers.reduce((a, b) => (b < a ? b : a)),
  };
}

function entryKey(file: DataFile | DeleteFile): string {
  return file.content === 0 ? file.filePath : deleteFileKey(file);
}

/**
 * A data file that would have two deletion vectors, or undefined. `manifests` are those of deletes that stay.
 *
 * Cost: reads the manifests that may hold a vector of one of the files.
 */
export async function doublyDeletedFile(
  io: FileIO,
  base: TableMetadata,
  manifests: readonly ManifestFile[],
  added: readonly DeleteFile[],
  removed: readonly DeleteFile[],
): Promise<string | undefined> {
  const vectors = added.filter(isDeletionVector);
  if (vectors.length === 0) return undefined;
  const paths = new Set(vectors.map((file) => file.referencedDataFile));
  const gone = new Set(removed.map(deleteFileKey));
  const suspects = manifests.filter((manifest) => mightHoldOneOf(base, manifest, vectors));
  const entries = await mapConcurrent(suspects, PARALLEL_READS, (manifest) => readLiveEntries(io, base, manifest));
  return entries
    .flat()
    .flatMap(({ dataFile }) => (dataFile.content === 0 ? [] : [dataFile]))
    .find((file) => isDeletionVector(file) && paths.has(file.referencedDataFile) && !gone.has(deleteFileKey(file)))
    ?.referencedDataFile;
}
