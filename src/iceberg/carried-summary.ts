// Summary keys that outlive their snapshot: every snapshot made here copies them from the newest one that has them, so
// that the current snapshot tells what no table property may tell in some catalogs.

import type { Snapshot, TableMetadata } from "./table-metadata.ts";

/** The keys that are carried. Ingest keeps its shards' watermarks in one. */
export const CARRIED_SUMMARY_KEYS = ["firn.ingest.watermarks"] as const;

/**
 * The newest snapshot that has the key, by sequence number; on main or not: what it says of main was true when it was
 * committed. Undefined when no listed snapshot has it. Cost: one pass over the snapshots.
 */
export function newestWithSummary(
  { snapshots }: { readonly snapshots?: TableMetadata["snapshots"] },
  key: string,
): Snapshot | undefined {
  let newest: Snapshot | undefined;
  for (const snapshot of snapshots ?? []) {
    if (snapshot.summary[key] === undefined) continue;
    // Of equal numbers, as all of version 1 are, the one listed later.
    if (newest === undefined || snapshot["sequence-number"] >= newest["sequence-number"]) newest = snapshot;
  }
  return newest;
}

/** What the next snapshot on this base has to carry. */
export function carriedSummary(base: Pick<TableMetadata, "snapshots">): ReadonlyMap<string, string> {
  const carried = new Map<string, string>();
  for (const key of CARRIED_SUMMARY_KEYS) {
    const value = newestWithSummary(base, key)?.summary[key];
    if (value !== undefined) carried.set(key, value);
  }
  return carried;
}
