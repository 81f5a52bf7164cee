// Scan planning: manifest list, then manifests, then files, skipping what cannot hold a matching row.

import { LakeError, required } from "#core";
import type { Scalar } from "#columnar";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import { createDeleteIndex, type DeleteIndex } from "./delete-index.ts";
import type { FileIO } from "./file-io.ts";
import { openManifest, readSnapshotManifests } from "./manifest-entries.ts";
import { decodeLiveDeletes, decodeLiveEntries, type EntryView } from "./manifest-read.ts";
import { partitionTuple, type PartitionTupleField } from "./manifest-schema.ts";
import { liveFileCount, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import {
  createColumnTest,
  createSpecFilter,
  excludingPartitionField,
  excludingSummary,
  type SpecFilter,
} from "./partition-pruning.ts";
import type { LocatedField } from "./schema.ts";
import { allFieldsById } from "./spec-tuple.ts";
import {
  MAIN_BRANCH,
  currentSnapshot,
  findSnapshot,
  specById,
  type PartitionSpec,
  type Snapshot,
  type TableMetadata,
} from "./table-metadata.ts";
import type { IcebergPredicate, LiveDeleteFile, ScanFile, ScanOptions, ScanPlan } from "./table.ts";

/** Manifests a scan reads at most for their walks to be kept. */
const MAX_KEPT_WALKS = 8;

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
  const wasListed = io.decoded?.holds(snapshot["manifest-list"]) === true;
  const listed = await readSnapshotManifests(io, snapshot);
  const live = listed.filter((manifest) => liveFileCount(manifest) > 0);
  const manifests = live.filter((manifest) => manifest.content === "data");
  const scope = createScope(metadata, live, options.predicates ?? []);
  const skipped = new Map<string, number>();
  const skip = (reason: string, files: number): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + files);

  const surviving = manifests.filter((manifest) => {
    const field = excludingSummary(scope.specOf(manifest).filter, manifest);
    if (field === undefined) return true;
    skip(`manifest partition summary ${field}`, liveFileCount(manifest));
    return false;
  });
  const cached = surviving.filter(({ path }) => io.decoded?.holds(path) === true).length + (wasListed ? 1 : 0);
  // Walking many manifests for one scan would only push out what others come back to.
  const keep = surviving.length <= MAX_KEPT_WALKS;
  let liveBytes = 0;
  const read = await mapConcurrent(surviving, PARALLEL_READS, async (manifest) => {
    const { spec, tuple } = scope.specOf(manifest);
    const reasonToSkip = scope.fileTest(manifest);
    return decodeLiveEntries(await openManifest(io, manifest.path, tuple, keep), manifest, spec, tuple, (view) => {
      liveBytes += view.fileSizeBytes;
      const reason = reasonToSkip(view);
      if (reason !== undefined) skip(reason, 1);
      return reason === undefined;
    });
  });
  const kept = read.flat();
  const deletes = await readDeletes(io, scope, live, kept);
  const files = kept.map((entry): ScanFile => toScanFile(entry, deletes));
  return {
    files,
    deleteFiles: new Set(files.flatMap((file) => file.deletes)).size,
    filesTotal: manifests.reduce((sum, manifest) => sum + liveFileCount(manifest), 0),
    bytesTotal: totalBytes(snapshot, liveBytes),
    recordsTotal: manifests.reduce((sum, manifest) => sum + manifest.addedRows + manifest.existingRows, 0),
    manifestsTotal: manifests.length,
    manifestsScanned: surviving.length,
    metadataCached: cached,
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
  metadataCached: 0,
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

/** A spec with what the predicates say of its partition values. */
interface ScopedSpec {
  readonly spec: PartitionSpec;
  readonly tuple: readonly PartitionTupleField[];
  readonly filter: SpecFilter;
}

/** Everything of a scan that does not depend on the file looked at. */
export interface FileScope {
  readonly fields: ReadonlyMap<number, LocatedField>;
  readonly specOf: (manifest: ManifestFile) => Pick<ScopedSpec, "spec" | "tuple">;
  /** Whether no file of the manifest can hold a matching row. */
  readonly excludes: (manifest: ManifestFile) => boolean;
  /** Tells why a file of the manifest cannot hold a matching row; undefined when it may. */
  readonly fileTest: (manifest: ManifestFile) => (view: EntryView) => string | undefined;
  readonly isUnpartitioned: (specId: number) => boolean;
}

interface PlanScope extends FileScope {
  readonly specOf: (manifest: ManifestFile) => ScopedSpec;
}

function createScope(
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  predicates: readonly IcebergPredicate[],
): PlanScope {
  const fields = allFieldsById(metadata);
  const specs = new Map<number, ScopedSpec>();
  for (const specId of new Set(manifests.map((manifest) => manifest.specId))) {
    const spec = specById(metadata, specId);
    const tuple = partitionTuple(spec, fields);
    specs.set(specId, { spec, tuple, filter: createSpecFilter(spec, tuple, fields, predicates) });
  }
  const specOf = ({ specId }: ManifestFile): ScopedSpec => required(specs.get(specId), `partition spec ${specId}`);
  const excludesColumn = createColumnTest(fields, predicates);
  return {
    fields,
    specOf,
    excludes: (manifest) => excludingSummary(specOf(manifest).filter, manifest) !== undefined,
    fileTest(manifest) {
      const { filter } = specOf(manifest);
      // Files of one partition mostly follow each other, and share its array.
      let lastPartition: readonly Scalar[] | undefined;
      let lastField: string | undefined;
      return (view) => {
        if (view.partition !== lastPartition) {
          lastPartition = view.partition;
          lastField = excludingPartitionField(filter, view);
        }
        if (lastField !== undefined) return `partition ${lastField}`;
        const column = excludesColumn(view);
        if (column !== undefined) return `bounds ${column}`;
        return view.recordCount === 0 ? EMPTY_REASON : undefined;
      };
    },
    isUnpartitioned: (specId) => specs.get(specId)?.spec.fields.length === 0,
  };
}

/**
 * Reads the deletes that may touch rows the scan wants: of `live`, the manifests of deletes that are not older than all
 * `kept` files.
 */
export async function readDeletes(
  io: FileIO,
  scope: FileScope,
  live: readonly ManifestFile[],
  kept: readonly ManifestEntry[],
): Promise<DeleteIndex> {
  const oldest = kept.reduce<bigint | undefined>((least, { sequenceNumber }) => {
    const number = sequenceNumber ?? 0n;
    return least === undefined || number < least ? number : least;
  }, undefined);
  const wanted = live.filter(
    (manifest) =>
      manifest.content === "deletes" &&
      oldest !== undefined &&
      manifest.sequenceNumber >= oldest &&
      !scope.excludes(manifest),
  );
  const entries = await mapConcurrent(wanted, PARALLEL_READS, async (manifest) => {
    const { spec, tuple } = scope.specOf(manifest);
    const reasonToSkip = scope.fileTest(manifest);
    const isWanted = (view: EntryView): boolean => reasonToSkip(view) === undefined;
    return decodeLiveDeletes(
      await openManifest(io, manifest.path, tuple, wanted.length <= MAX_KEPT_WALKS),
      manifest,
      spec,
      tuple,
      isWanted,
    );
  });
  const deletes = entries.flat().map((entry): LiveDeleteFile => {
    return { deleteFile: entry.dataFile, sequenceNumber: entry.sequenceNumber ?? 0n };
  });
  return createDeleteIndex(deletes, scope.fields, scope.isUnpartitioned);
}

/** The file of an entry with its deletes. */
export function toScanFile(entry: ManifestEntry, deletes: DeleteIndex): ScanFile {
  const live = { dataFile: entry.dataFile, sequenceNumber: entry.sequenceNumber ?? 0n };
  return { ...live, fileSequenceNumber: entry.fileSequenceNumber ?? 0n, deletes: deletes.deletesOf(live) };
}

/** The summary's total, which covers manifests that were not read; else what was read. */
function totalBytes(snapshot: Snapshot, liveBytes: number): number {
  const total = Number(snapshot.summary["total-files-size"] ?? Number.NaN);
  return Number.isFinite(total) ? total : liveBytes;
}
