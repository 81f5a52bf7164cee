// Snapshot summaries: what a commit changed, and running totals. Source: Iceberg table spec, Appendix F.

import { stringifyJson } from "#core";
import { scalarToJson, type ContentFile, type DataFile } from "./data-file.ts";
import type { Snapshot, SnapshotSummary } from "./table-metadata.ts";

/** Manifests a commit touched. */
export interface ManifestCounts {
  readonly created: number;
  readonly kept: number;
  readonly replaced: number;
  /** Entries read and written anew. */
  readonly entriesProcessed: number;
}

/** Totals that this code never changes but has to carry. */
const CARRIED_TOTALS = ["total-delete-files", "total-position-deletes", "total-equality-deletes"];

function sum(files: readonly DataFile[], value: (file: DataFile) => number): bigint {
  return files.reduce((total, file) => total + BigInt(value(file)), 0n);
}

/**
 * The summary of a snapshot. Totals continue the parent's; a total the parent lacks stays absent, since guessing it
 * would be wrong for ever after.
 */
export function summarizeSnapshot(
  operation: SnapshotSummary["operation"],
  parent: Snapshot | undefined,
  added: readonly DataFile[],
  deleted: readonly DataFile[],
  manifests: ManifestCounts,
  extra: ReadonlyMap<string, string>,
): SnapshotSummary {
  const changes = new Map<string, bigint>([
    ["added-data-files", BigInt(added.length)],
    ["deleted-data-files", BigInt(deleted.length)],
    ["added-records", sum(added, (file) => file.recordCount)],
    ["deleted-records", sum(deleted, (file) => file.recordCount)],
    ["added-files-size", sum(added, (file) => file.fileSizeBytes)],
    ["removed-files-size", sum(deleted, (file) => file.fileSizeBytes)],
  ]);
  const change = (key: string): bigint => changes.get(key) ?? 0n;
  const totals = [
    total(parent, "total-data-files", change("added-data-files") - change("deleted-data-files")),
    total(parent, "total-records", change("added-records") - change("deleted-records")),
    total(parent, "total-files-size", change("added-files-size") - change("removed-files-size")),
    ...CARRIED_TOTALS.map((key) => total(parent, key, 0n)),
  ];
  return {
    ...Object.fromEntries(extra),
    ...Object.fromEntries([...changes].filter(([, value]) => value !== 0n).map(([key, value]) => [key, String(value)])),
    "changed-partition-count": String(countPartitions([...added, ...deleted])),
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
  return [key, String(BigInt(before) + change)];
}

function countPartitions(files: readonly DataFile[]): number {
  return new Set(files.map(partitionKey)).size;
}

/** Equal for files of the same partition of the same spec. */
export function partitionKey(file: Pick<ContentFile, "specId" | "partition">): string {
  return stringifyJson([file.specId, file.partition.map(scalarToJson)]);
}
