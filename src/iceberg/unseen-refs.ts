// Branches and tags that others set on snapshots while those are removed. The protocol has a requirement for refs that a
// writer knows, and none that there are no others: a catalog that follows Java's rules drops such refs with their
// snapshots. Our catalog refuses that commit; with another one the writer looks afterwards and keeps the files.

import { findSnapshot, type TableMetadata } from "./table-metadata.ts";

/** A branch or tag that went with its snapshot. */
export interface LostRef {
  readonly name: string;
  readonly snapshotId: bigint;
  /** The metadata file that has both. */
  readonly metadataFile: string;
}

/**
 * Branches and tags that went with the snapshots `removed` and that the writer of the removal, who prepared it on `base`,
 * had not seen; undefined when the table's log does not tell.
 *
 * Cost: one read of each metadata file between the two, none where there is none.
 */
export async function findLostRefs(
  base: TableMetadata,
  removed: ReadonlySet<bigint>,
  after: TableMetadata,
  readMetadata: (location: string) => Promise<TableMetadata>,
): Promise<readonly LostRef[] | undefined> {
  const since = after["metadata-log"].filter((entry) => entry["timestamp-ms"] >= base["last-updated-ms"]);
  // With nothing in the log but the base nobody was in between; without the base it has been cut.
  if (!since.some((entry) => entry["timestamp-ms"] === base["last-updated-ms"])) return undefined;
  if (since.length === 1) return [];
  const found = new Map<string, LostRef>();
  for (const { "metadata-file": metadataFile } of since) {
    let metadata: TableMetadata;
    try {
      metadata = await readMetadata(metadataFile);
    } catch {
      return undefined;
    }
    for (const [name, { "snapshot-id": snapshotId }] of Object.entries(metadata.refs)) {
      const isGone = removed.has(snapshotId) && findSnapshot(after, snapshotId) === undefined;
      const isLost = isGone && after.refs[name] === undefined;
      if (isLost && base.refs[name]?.["snapshot-id"] !== snapshotId)
        found.set(name, { name, snapshotId, metadataFile });
    }
  }
  return [...found.values()];
}
