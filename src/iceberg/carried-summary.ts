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

/**
 * What the next snapshot on this base has to carry. `wholeHistory` gives all snapshots where the base has those of refs
 * alone: another engine's commit may lie on top of the newest that has the keys.
 *
 * Cost: that request, when the parent lacks a key.
 */
export async function carriedSummary(
  base: Pick<TableMetadata, "snapshots">,
  parent: Snapshot | undefined,
  wholeHistory: (() => Promise<Pick<TableMetadata, "snapshots">>) | undefined,
): Promise<ReadonlyMap<string, string>> {
  const isPartial = CARRIED_SUMMARY_KEYS.some((key) => parent?.summary[key] === undefined);
  const history = isPartial && parent !== undefined && wholeHistory !== undefined ? await wholeHistory() : base;
  const carried = new Map<string, string>();
  for (const key of CARRIED_SUMMARY_KEYS) {
    const value = newestWithSummary(history, key)?.summary[key];
    if (value !== undefined) carried.set(key, value);
  }
  return carried;
}

/** Those of the expired snapshots that say what has to be carried on, where none that stays says the same. */
export function lostCarriers(
  base: Pick<TableMetadata, "snapshots">,
  expired: ReadonlySet<Snapshot>,
): ReadonlySet<Snapshot> {
  const lost = new Set<Snapshot>();
  const kept = { snapshots: base.snapshots.filter((snapshot) => !expired.has(snapshot)) };
  for (const key of CARRIED_SUMMARY_KEYS) {
    const newest = newestWithSummary(base, key);
    if (newest === undefined || !expired.has(newest)) continue;
    if (newestWithSummary(kept, key)?.summary[key] !== newest.summary[key]) lost.add(newest);
  }
  return lost;
}
