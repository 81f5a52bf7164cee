// Snapshot summaries: what a commit changed, and running totals. Source: Iceberg table spec, Appendix F, "Optional
// Snapshot Summary Fields".

import { stringifyJson } from "#core";
import { isDeletionVector, scalarToJson, type ContentFile, type DataFile, type DeleteFile } from "./data-file.ts";
import type { Snapshot, SnapshotSummary } from "./table-metadata.ts";

/** Manifests a commit touched. */
export interface ManifestCounts {
  readonly created: number;
  readonly kept: number;
  readonly replaced: number;
  /** Entries read and written anew. */
  readonly entriesProcessed: number;
}

/** Files a commit added and removed. */
export interface FileChanges {
  readonly addedData: readonly DataFile[];
  readonly removedData: readonly DataFile[];
  readonly addedDeletes: readonly DeleteFile[];
  readonly removedDeletes: readonly DeleteFile[];
}

function sum<F>(files: readonly F[], value: (file: F) => number): bigint {
  return files.reduce((total, file) => total + BigInt(value(file)), 0n);
}

/** Bytes that belong to the file: a deletion vector shares its Puffin file with others. */
function ownBytes(file: DataFile | DeleteFile): number {
  return file.content === 1 && isDeletionVector(file)
    ? (file.contentSizeBytes ?? file.fileSizeBytes)
    : file.fileSizeBytes;
}

/** Counters of the data files and delete files on one side of a change. */
function sideCounters(data: readonly DataFile[], deletes: readonly DeleteFile[]): ReadonlyMap<string, bigint> {
  const vectors = deletes.filter(isDeletionVector);
  const positions = deletes.filter((file) => file.content === 1 && !isDeletionVector(file));
  const equality = deletes.filter((file) => file.content === 2);
  return new Map([
    ["data-files", BigInt(data.length)],
    ["records", sum(data, (file) => file.recordCount)],
    ["files-size", sum(data, ownBytes) + sum(deletes, ownBytes)],
    ["delete-files", BigInt(deletes.length)],
    ["position-delete-files", BigInt(positions.length)],
    ["equality-delete-files", BigInt(equality.length)],
    ["dvs", BigInt(vectors.length)],
    ["position-deletes", sum([...positions, ...vectors], (file) => file.recordCount)],
    ["equality-deletes", sum(equality, (file) => file.recordCount)],
  ]);
}

/** The names of removals differ by history: data files and records are deleted, all else is removed. */
function removedName(key: string): string {
  return key === "data-files" || key === "records" ? `deleted-${key}` : `removed-${key}`;
}

const TOTALS = ["data-files", "records", "files-size", "delete-files", "position-deletes", "equality-deletes"];

/**
 * The summary of a snapshot. Totals continue the parent's; a total the parent lacks stays absent, since guessing it
 * would be wrong for ever after.
 */
export function summarizeSnapshot(
  operation: SnapshotSummary["operation"],
  parent: Snapshot | undefined,
  changes: FileChanges,
  manifests: ManifestCounts,
  extra: ReadonlyMap<string, string>,
): SnapshotSummary {
  const added = sideCounters(changes.addedData, changes.addedDeletes);
  const removed = sideCounters(changes.removedData, changes.removedDeletes);
  const counters = [
    ...[...added].map(([key, value]) => [`added-${key}`, value] as const),
    ...[...removed].map(([key, value]) => [removedName(key), value] as const),
  ];
  const totals = TOTALS.map((key) => total(parent, `total-${key}`, (added.get(key) ?? 0n) - (removed.get(key) ?? 0n)));
  const touched = [...changes.addedData, ...changes.removedData, ...changes.addedDeletes, ...changes.removedDeletes];
  return {
    ...Object.fromEntries(extra),
    ...Object.fromEntries(counters.filter(([, value]) => value !== 0n).map(([key, value]) => [key, String(value)])),
    "changed-partition-count": String(new Set(touched.map(partitionKey)).size),
    "manifests-created": String(manifests.created),
    "manifests-kept": String(manifests.kept),
    "manifests-replaced": String(manifests.replaced),
    "entries-processed": String(manifests.entriesProcessed),
    ...Object.fromEntries(totals.filter((entry) => entry !== undefined)),
    "engine-name": "firn",
    operation,
  };
}

function total(parent: Snapshot | undefined, key: string, change: bigint): readonly [string, string] | undefined {
  const before = parent === undefined ? "0" : parent.summary[key];
  if (before === undefined || !/^\d+$/.test(before)) return undefined;
  const after = BigInt(before) + change;
  // A writer before this one miscounted: no total is better than a wrong one.
  return after < 0n ? undefined : [key, String(after)];
}

/** Equal for files of the same partition of the same spec. */
export function partitionKey(file: Pick<ContentFile, "specId" | "partition">): string {
  return stringifyJson([file.specId, file.partition.map(scalarToJson)]);
}
