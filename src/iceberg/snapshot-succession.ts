// When expiry takes the only snapshot that says what has to be carried on, as ingest's watermarks in a catalog that keeps
// them nowhere else, a snapshot that changes nothing follows on main in the same commit and says it from then on.

import { lostCarriers } from "./carried-summary.ts";
import { isWritable, liveManifests, prepareSnapshot } from "./snapshot-commit.ts";
import { createSnapshotFiles } from "./snapshot-files.ts";
import type { TableDeps } from "./table-deps.ts";
import { MAIN_BRANCH, currentSnapshot, type Snapshot, type TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";

/** What an expiry may remove, and what has to precede it. */
export interface Succession {
  readonly snapshots: readonly Snapshot[];
  readonly updates: readonly TableUpdate[];
}

/** The snapshot that follows, over all attempts of one commit. */
export interface Successor {
  readonly snapshotId: bigint;
  /** Whether the last attempt makes it. */
  isUsed(): boolean;
  /**
   * Makes the snapshot if one of those that expire has to be succeeded; where none can be made, on a table without a head
   * or of a format version that is not written, the one that has to be succeeded stays.
   */
  prepare(base: TableMetadata, expired: readonly Snapshot[]): Promise<Succession>;
  discard(): Promise<void>;
  finish(metadata: TableMetadata): Promise<void>;
}

/** Starts it. Cost: nothing unless one is needed; then what an append without files costs. */
export function createSuccessor(deps: TableDeps, start: TableMetadata): Successor {
  const files = createSnapshotFiles(deps.io, deps.random, start);
  let isUsed = false;
  return {
    snapshotId: files.snapshotId,
    isUsed: () => isUsed,
    async prepare(base, expired) {
      const lost = lostCarriers(base, new Set(expired));
      const head = currentSnapshot(base);
      isUsed = lost.size > 0 && head !== undefined && isWritable(base);
      if (!isUsed) return { snapshots: expired.filter((snapshot) => !lost.has(snapshot)), updates: [] };
      const draft = {
        branch: MAIN_BRANCH,
        operation: "replace",
        changes: { addedData: [], removedData: [], addedDeletes: [], removedDeletes: [] },
        made: [],
        kept: await liveManifests(deps.io, head),
        replaced: 0,
        entriesProcessed: 0,
        summary: new Map<string, string>(),
        merge: false,
      } as const;
      const attempt = await prepareSnapshot(deps, base, files, draft, new Map(), []);
      return { snapshots: expired, updates: attempt.updates };
    },
    discard: () => files.discard(),
    finish: (metadata) => (isUsed ? files.finish(metadata) : files.discard()),
  };
}
