// What others committed to a branch since a snapshot: the files they added and removed. Source: the conflict rules of
// Iceberg's Java library (MergingSnapshotProducer).

import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { DataFile, DeleteFile } from "./data-file.ts";
import type { FileIO } from "./file-io.ts";
import { readDeleteManifestEntries, readManifestEntries, readSnapshotManifests } from "./manifest-entries.ts";
import { STATUS_ADDED, STATUS_DELETED, type EntryStatus, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import { findSnapshot, type Snapshot, type SnapshotSummary, type TableMetadata } from "./table-metadata.ts";

type Operation = SnapshotSummary["operation"];

/** The snapshots of a branch above a starting one. */
export interface SnapshotHistory {
  readonly base: TableMetadata;
  readonly snapshots: readonly Snapshot[];
  /** Sequence number of the starting snapshot, 0 for an empty table. */
  readonly startingNumber: bigint;
}

/** Where snapshots that the base's metadata lacks may be found. */
export type LoadHistory = () => Promise<TableMetadata>;

/**
 * The ancestors of `head` down to the starting snapshot, which is not among them; undefined when they cannot be told,
 * because snapshots on the way are expired or the start is no ancestor. `start` undefined means an empty branch.
 *
 * Cost: no request unless the base was loaded without its history.
 */
export async function historySince(
  base: TableMetadata,
  head: Snapshot | undefined,
  start: bigint | undefined,
  loadHistory: LoadHistory,
): Promise<SnapshotHistory | undefined> {
  const snapshots: Snapshot[] = [];
  let full: TableMetadata | undefined;
  const find = async (id: bigint): Promise<Snapshot | undefined> => {
    const known = findSnapshot(base, id);
    if (known !== undefined) return known;
    full ??= await loadHistory();
    return findSnapshot(full, id);
  };
  let next = head?.["snapshot-id"];
  while (next !== start) {
    const snapshot = next === undefined ? undefined : await find(next);
    if (snapshot === undefined) return undefined;
    snapshots.push(snapshot);
    next = snapshot["parent-snapshot-id"];
  }
  const startingNumber = start === undefined ? 0n : (await find(start))?.["sequence-number"];
  return startingNumber === undefined ? undefined : { base, snapshots, startingNumber };
}

interface Wanted {
  readonly operations: ReadonlySet<Operation>;
  readonly status: EntryStatus;
}

/** Manifests that one of the snapshots made. */
async function madeManifests(
  io: FileIO,
  history: SnapshotHistory,
  operations: ReadonlySet<Operation>,
  content: ManifestFile["content"],
): Promise<ManifestFile[]> {
  const wanted = history.snapshots.filter((snapshot) => operations.has(snapshot.summary.operation));
  const lists = await mapConcurrent(wanted, PARALLEL_READS, async (snapshot) => {
    const manifests = await readSnapshotManifests(io, snapshot);
    return manifests.filter(
      (manifest) => manifest.content === content && manifest.addedSnapshotId === snapshot["snapshot-id"],
    );
  });
  return lists.flat();
}

function isOf<F extends DataFile | DeleteFile>(
  history: SnapshotHistory,
  { operations, status }: Wanted,
): (entry: ManifestEntry<F>) => boolean {
  const ids = new Set(
    history.snapshots
      .filter((snapshot) => operations.has(snapshot.summary.operation))
      .map((snapshot) => snapshot["snapshot-id"]),
  );
  return (entry) => entry.status === status && entry.snapshotId !== null && ids.has(entry.snapshotId);
}

async function dataEntries(io: FileIO, history: SnapshotHistory, wanted: Wanted): Promise<DataFile[]> {
  const manifests = (await madeManifests(io, history, wanted.operations, "data")).filter((manifest) =>
    wanted.status === STATUS_ADDED ? manifest.addedFiles > 0 : manifest.deletedFiles > 0,
  );
  const entries = await mapConcurrent(manifests, PARALLEL_READS, (manifest) =>
    readManifestEntries(io, history.base, manifest),
  );
  return entries
    .flat()
    .filter(isOf(history, wanted))
    .map((entry) => entry.dataFile);
}

const ADDING = new Set<Operation>(["append", "overwrite"]);
const REMOVING = new Set<Operation>(["overwrite", "replace", "delete"]);
const REPLACING = new Set<Operation>(["overwrite", "replace"]);
const DELETING_ROWS = new Set<Operation>(["overwrite", "delete"]);

/** Data files with new rows. Rewrites add none. */
export function dataFilesAdded(io: FileIO, history: SnapshotHistory): Promise<DataFile[]> {
  return dataEntries(io, history, { operations: ADDING, status: STATUS_ADDED });
}

/** Data files that were removed; `withDeletes` false leaves out those of plain deletes. */
export function dataFilesRemoved(io: FileIO, history: SnapshotHistory, withDeletes: boolean): Promise<DataFile[]> {
  return dataEntries(io, history, { operations: withDeletes ? REMOVING : REPLACING, status: STATUS_DELETED });
}

/** A delete file with its data sequence number. */
export interface AddedDeletes {
  readonly deleteFile: DeleteFile;
  readonly sequenceNumber: bigint;
}

/** Delete files that were added; `withRewrites` also those of rewrites, which may be deletion vectors. */
export async function deleteFilesAdded(
  io: FileIO,
  history: SnapshotHistory,
  withRewrites: boolean,
): Promise<AddedDeletes[]> {
  const operations = withRewrites ? REMOVING : DELETING_ROWS;
  const manifests = (await madeManifests(io, history, operations, "deletes")).filter(
    (manifest) => manifest.addedFiles > 0,
  );
  const entries = await mapConcurrent(manifests, PARALLEL_READS, (manifest) =>
    readDeleteManifestEntries(io, history.base, manifest),
  );
  return entries
    .flat()
    .filter(isOf(history, { operations, status: STATUS_ADDED }))
    .map((entry) => ({ deleteFile: entry.dataFile, sequenceNumber: entry.sequenceNumber ?? 0n }));
}
