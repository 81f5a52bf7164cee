// Scan planning: manifest list, then manifests, then files, skipping what cannot hold a matching row.

import { LakeError } from "#core";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { FileIO } from "./file-io.ts";
import { decodeManifestList } from "./manifest-read.ts";
import { STATUS_DELETED, liveFileCount, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import {
  createSpecFilter,
  excludingColumn,
  excludingPartitionField,
  mightMatchManifest,
  type SpecFilter,
} from "./partition-pruning.ts";
import type { LocatedField } from "./schema.ts";
import { readManifestEntries } from "./snapshot-files.ts";
import { allFieldsById, specTuple } from "./spec-tuple.ts";
import { currentSnapshot, findSnapshot, type Snapshot, type TableMetadata } from "./table-metadata.ts";
import type { IcebergPredicate, LiveDataFile, ScanOptions, ScanPlan } from "./table.ts";

const MANIFEST_REASON = "manifest partition summary";
const EMPTY_REASON = "empty file";

/**
 * Plans a scan of one snapshot.
 *
 * Cost: one read of the manifest list and one of every manifest that survives its summary, at most six at once; no data
 * file is touched.
 * Errors: `not_found` for an unknown snapshot id; `unsupported_operation` when the snapshot has delete files, since
 * reading without them would bring deleted rows back.
 */
export async function planTableScan(io: FileIO, metadata: TableMetadata, options: ScanOptions = {}): Promise<ScanPlan> {
  const snapshot = chooseSnapshot(metadata, options.snapshotId);
  if (snapshot === undefined) return EMPTY_PLAN;
  const predicates = options.predicates ?? [];
  const listed = decodeManifestList(await io.read(snapshot["manifest-list"]));
  const manifests = listed.filter((manifest) => liveFileCount(manifest) > 0);
  if (manifests.some((manifest) => manifest.content === "deletes")) {
    throw new LakeError("unsupported_operation", "The table has delete files, which cannot be applied here.", {
      context: { snapshotId: snapshot["snapshot-id"] },
    });
  }
  const fields = allFieldsById(metadata);
  const filters = specFilters(metadata, fields, manifests, predicates);
  const skipped = new Map<string, number>();
  const skip = (reason: string, files: number): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + files);

  const surviving = manifests.filter((manifest) => {
    if (mightMatchManifest(filters.get(manifest.specId) ?? [], manifest)) return true;
    skip(MANIFEST_REASON, liveFileCount(manifest));
    return false;
  });
  const entries = await mapConcurrent(surviving, PARALLEL_READS, (manifest) =>
    readManifestEntries(io, metadata, manifest),
  );
  const live = entries.flat().filter((entry) => entry.status !== STATUS_DELETED);
  const files = live.flatMap((entry): LiveDataFile[] => {
    const reason = skipReason(entry, filters, fields, predicates);
    if (reason === undefined) return [{ dataFile: entry.dataFile, sequenceNumber: entry.sequenceNumber ?? 0n }];
    skip(reason, 1);
    return [];
  });
  return {
    files,
    filesTotal: manifests.reduce((sum, manifest) => sum + liveFileCount(manifest), 0),
    bytesTotal: totalBytes(snapshot, live),
    recordsTotal: manifests.reduce((sum, manifest) => sum + manifest.addedRows + manifest.existingRows, 0),
    manifestsTotal: manifests.length,
    manifestsScanned: surviving.length,
    skipped: [...skipped].map(([reason, files]) => ({ reason, files })),
  };
}

const EMPTY_PLAN: ScanPlan = {
  files: [],
  filesTotal: 0,
  bytesTotal: 0,
  recordsTotal: 0,
  manifestsTotal: 0,
  manifestsScanned: 0,
  skipped: [],
};

function chooseSnapshot(metadata: TableMetadata, snapshotId: bigint | undefined): Snapshot | undefined {
  if (snapshotId === undefined) return currentSnapshot(metadata);
  const snapshot = findSnapshot(metadata, snapshotId);
  if (snapshot === undefined) throw new LakeError("not_found", `The table has no snapshot ${snapshotId}.`);
  return snapshot;
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
  entry: ManifestEntry,
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
