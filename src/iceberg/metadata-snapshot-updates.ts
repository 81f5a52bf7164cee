// Updates to a table's history: snapshots, branches, tags and what hangs on them.

import { LakeError } from "#core";
import { badUpdate, type MetadataDraft } from "./metadata-draft.ts";
import { MAIN_BRANCH, type Snapshot, type SnapshotRef } from "./table-metadata.ts";

/** Adds a snapshot; it becomes visible when a ref is set to it. */
export function addSnapshot(draft: MetadataDraft, snapshot: Snapshot): void {
  const snapshotId = snapshot["snapshot-id"];
  if (draft.snapshots.some((known) => known["snapshot-id"] === snapshotId)) {
    throw badUpdate(`Snapshot ${snapshotId} already exists.`);
  }
  if (draft.formatVersion > 1 && snapshot["manifest-list"] === "") throw badUpdate("A snapshot needs a manifest-list.");
  if (
    draft.formatVersion > 1 &&
    snapshot["parent-snapshot-id"] !== undefined &&
    snapshot["sequence-number"] <= draft.lastSequenceNumber
  ) {
    // Another commit took the number: the same change may be made again on the base as it is now.
    throw new LakeError(
      "commit_conflict",
      `Cannot add snapshot with sequence number ${snapshot["sequence-number"]} older than last sequence number ${draft.lastSequenceNumber}`,
    );
  }
  if (draft.formatVersion >= 3) advanceRowIds(draft, snapshot);
  draft.snapshots.push(snapshot);
  draft.addedSnapshotIds.add(snapshotId);
  if (snapshot["sequence-number"] > draft.lastSequenceNumber) draft.lastSequenceNumber = snapshot["sequence-number"];
}

function advanceRowIds(draft: MetadataDraft, snapshot: Snapshot): void {
  const firstRowId = snapshot["first-row-id"];
  const addedRows = snapshot["added-rows"];
  if (firstRowId === undefined || addedRows === undefined) {
    throw badUpdate("A snapshot of a version 3 table needs first-row-id and added-rows.");
  }
  if (firstRowId < draft.nextRowId) {
    throw new LakeError(
      "commit_conflict",
      `Cannot add a snapshot whose first-row-id ${firstRowId} is behind the table's next-row-id ${draft.nextRowId}`,
    );
  }
  draft.nextRowId = firstRowId + addedRows;
}

/** Creates or moves a branch or tag. */
export function setRef(draft: MetadataDraft, name: string, ref: SnapshotRef): void {
  const snapshotId = ref["snapshot-id"];
  const snapshot = draft.snapshots.find((known) => known["snapshot-id"] === snapshotId);
  if (name === "") throw badUpdate("A branch or tag needs a name.");
  if (snapshot === undefined) throw badUpdate(`Cannot set ${name} to unknown snapshot ${snapshotId}.`);
  if (name === MAIN_BRANCH && ref.type !== "branch") throw badUpdate("main must be a branch.");
  const known = draft.refs.get(name);
  if (known !== undefined && known.type !== ref.type) throw badUpdate(`${name} is a ${known.type}, not a ${ref.type}.`);
  draft.refs.set(name, ref);
  if (name !== MAIN_BRANCH || known?.["snapshot-id"] === snapshotId) return;
  draft.currentSnapshotId = snapshotId;
  // Never before the entry it follows, whatever clock the writer had.
  const lastMs = draft.snapshotLog.at(-1)?.["timestamp-ms"] ?? 0;
  const atMs = draft.addedSnapshotIds.has(snapshotId) ? snapshot["timestamp-ms"] : draft.nowMs;
  draft.snapshotLog.push({ "snapshot-id": snapshotId, "timestamp-ms": Math.max(lastMs, atMs) });
}

/** Removes a branch or tag; without main the table has no current snapshot. */
export function removeRef(draft: MetadataDraft, name: string): void {
  draft.refs.delete(name);
  if (name === MAIN_BRANCH) draft.currentSnapshotId = undefined;
}

/** Removes snapshots with the refs and statistics that name them; the log loses all entries before a gap. */
export function removeSnapshots(draft: MetadataDraft, snapshotIds: readonly bigint[]): void {
  const removed = new Set(snapshotIds);
  draft.snapshots = draft.snapshots.filter((snapshot) => !removed.has(snapshot["snapshot-id"]));
  for (const [name, ref] of draft.refs) {
    if (removed.has(ref["snapshot-id"])) removeRef(draft, name);
  }
  const isKept = (item: { readonly "snapshot-id": bigint }): boolean => !removed.has(item["snapshot-id"]);
  draft.statistics = draft.statistics.filter(isKept);
  draft.partitionStatistics = draft.partitionStatistics.filter(isKept);
  const lastGap = draft.snapshotLog.findLastIndex((entry) => !isKept(entry));
  draft.snapshotLog = draft.snapshotLog.slice(lastGap + 1);
}
