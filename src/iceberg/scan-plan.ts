// Scan planning: manifest list, then manifests, then files, skipping what cannot hold a matching row.

import { LakeError } from "#core";
import type { ContentFile } from "./data-file.ts";
import { createDeleteIndex, type DeleteIndex } from "./delete-index.ts";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { FileIO } from "./file-io.ts";
import { readDeleteManifestEntries, readManifestEntries, readSnapshotManifests } from "./manifest-entries.ts";
import { STATUS_DELETED, liveFileCount, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import {
  createSpecFilter,
  excludingColumn,
  excludingPartitionField,
  excludingSummary,
  type SpecFilter,
} from "./partition-pruning.ts";
import type { LocatedField } from "./schema.ts";
import { allFieldsById, specTuple } from "./spec-tuple.ts";
import {
  MAIN_BRANCH,
  currentSnapshot,
  findSnapshot,
  specById,
  type Snapshot,
  type TableMetadata,
} from "./table-metadata.ts";
import type { IcebergPredicate, LiveDeleteFile, ScanFile, ScanOptions, ScanPlan } from "./table.ts";

const EMPTY_REASON = "empty file";

/**
 * Plans a scan of one snapshot.
 *
 * Cost: one read of the manifest list and one of every manifest that survives its summary, at most six at once; no data
 * file is touched. Manifests of deletes are read only when some data file survives.
 * Errors: `not_found` for an unknown snapshot id, branch or tag; `metadata_invalid`.
 */
export async function planTableScan(io: FileIO, metadata: TableMetadata, options: ScanOptions = {}): Promise<ScanPlan> {
  const snapshot = chooseSnapshot(metadata, options);
  if (snapshot === undefined) return EMPTY_PLAN;
  const predicates = options.predicates ?? [];
  const listed = await readSnapshotManifests(io, snapshot);
  const live = listed.filter((manifest) => liveFileCount(manifest) > 0);
  const manifests = live.filter((manifest) => manifest.content === "data");
  const fields = allFieldsById(metadata);
  const filters = specFilters(metadata, fields, live, predicates);
  const skipped = new Map<string, number>();
  const skip = (reason: string, files: number): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + files);

  const surviving = manifests.filter((manifest) => {
    const field = excludingSummary(filters.get(manifest.specId) ?? [], manifest);
    if (field === undefined) return true;
    skip(`manifest partition summary ${field}`, liveFileCount(manifest));
    return false;
  });
  const entries = await mapConcurrent(surviving, PARALLEL_READS, (manifest) =>
    readManifestEntries(io, metadata, manifest),
  );
  const read = entries.flat().filter((entry) => entry.status !== STATUS_DELETED);
  const kept = read.filter((entry) => {
    const reason = skipReason(entry, filters, fields, predicates);
    if (reason !== undefined) skip(reason, 1);
    return reason === undefined;
  });
  const deleteManifests = kept.length === 0 ? [] : live.filter((manifest) => manifest.content === "deletes");
  const deletes = await readDeletes(io, metadata, deleteManifests, { filters, fields, predicates, kept });
  const files = kept.map((entry): ScanFile => toScanFile(entry, deletes));
  return {
    files,
    deleteFiles: new Set(files.flatMap((file) => file.deletes)).size,
    filesTotal: manifests.reduce((sum, manifest) => sum + liveFileCount(manifest), 0),
    bytesTotal: totalBytes(snapshot, read),
    recordsTotal: manifests.reduce((sum, manifest) => sum + manifest.addedRows + manifest.existingRows, 0),
    manifestsTotal: manifests.length,
    manifestsScanned: surviving.length,
    skipped: [...skipped].map(([reason, files]) => ({ reason, files })),
  };
}

const EMPTY_PLAN: ScanPlan = {
  files: [],
  deleteFiles: 0,
  filesTotal: 0,
  bytesTotal: 0,
  recordsTotal: 0,
  manifestsTotal: 0,
  manifestsScanned: 0,
  skipped: [],
};

function chooseSnapshot(metadata: TableMetadata, { snapshotId, ref }: ScanOptions): Snapshot | undefined {
  if (snapshotId !== undefined) {
    const snapshot = findSnapshot(metadata, snapshotId);
    if (snapshot === undefined) throw new LakeError("not_found", `The table has no snapshot ${snapshotId}.`);
    return snapshot;
  }
  // A table without snapshots has no refs, main included.
  if (ref === undefined || (ref === MAIN_BRANCH && metadata.refs[ref] === undefined)) return currentSnapshot(metadata);
  const target = Object.hasOwn(metadata.refs, ref) ? metadata.refs[ref]?.["snapshot-id"] : undefined;
  const snapshot = findSnapshot(metadata, target);
  if (snapshot === undefined) throw new LakeError("not_found", `The table has no branch or tag "${ref}".`);
  return snapshot;
}

/** What decides whether deletes can matter to a scan. */
interface DeleteScope {
  readonly filters: ReadonlyMap<number, SpecFilter>;
  readonly fields: ReadonlyMap<number, LocatedField>;
  readonly predicates: readonly IcebergPredicate[];
  readonly kept: readonly ManifestEntry[];
}

async function readDeletes(
  io: FileIO,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  { filters, fields, predicates, kept }: DeleteScope,
): Promise<DeleteIndex> {
  const oldest = kept.reduce<bigint | undefined>((least, { sequenceNumber }) => {
    const number = sequenceNumber ?? 0n;
    return least === undefined || number < least ? number : least;
  }, undefined);
  const wanted = manifests.filter(
    (manifest) =>
      manifest.sequenceNumber >= (oldest ?? 0n) &&
      excludingSummary(filters.get(manifest.specId) ?? [], manifest) === undefined,
  );
  const entries = await mapConcurrent(wanted, PARALLEL_READS, (manifest) =>
    readDeleteManifestEntries(io, metadata, manifest),
  );
  const deletes = entries.flat().flatMap((entry): LiveDeleteFile[] => {
    const excluded = entry.status === STATUS_DELETED || skipReason(entry, filters, fields, predicates) !== undefined;
    return excluded ? [] : [{ deleteFile: entry.dataFile, sequenceNumber: entry.sequenceNumber ?? 0n }];
  });
  return createDeleteIndex(deletes, fields, (specId) => specById(metadata, specId).fields.length === 0);
}

function toScanFile(entry: ManifestEntry, deletes: DeleteIndex): ScanFile {
  const live = { dataFile: entry.dataFile, sequenceNumber: entry.sequenceNumber ?? 0n };
  return { ...live, fileSequenceNumber: entry.fileSequenceNumber ?? 0n, deletes: deletes.deletesOf(live) };
}

function specFilters(
  metadata: TableMetadata,
  fields: ReadonlyMap<number, LocatedField>,
  manifests: readonly ManifestFile[],
  predicates: readonly IcebergPredicate[],
): ReadonlyMap<number, SpecFilter> {
  const specIds = new Set(manifests.map((manifest) => manifest.specId));
  return new Map(
    [...specIds].map((specId) => {
      const { spec, tuple } = specTuple(metadata, specId);
      return [specId, createSpecFilter(spec, tuple, fields, predicates)];
    }),
  );
}

function skipReason(
  entry: ManifestEntry<ContentFile>,
  filters: ReadonlyMap<number, SpecFilter>,
  fields: ReadonlyMap<number, LocatedField>,
  predicates: readonly IcebergPredicate[],
): string | undefined {
  const { dataFile } = entry;
  const partitionField = excludingPartitionField(filters.get(dataFile.specId) ?? [], dataFile);
  if (partitionField !== undefined) return `partition ${partitionField}`;
  const column = excludingColumn(dataFile, fields, predicates);
  if (column !== undefined) return `bounds ${column}`;
  return dataFile.recordCount === 0 ? EMPTY_REASON : undefined;
}

/** The summary's total, which covers manifests that were not read; else what was read. */
function totalBytes(snapshot: Snapshot, live: readonly ManifestEntry[]): number {
  const total = Number(snapshot.summary["total-files-size"] ?? Number.NaN);
  return Number.isFinite(total) ? total : live.reduce((sum, entry) => sum + entry.dataFile.fileSizeBytes, 0);
}
