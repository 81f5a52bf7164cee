// Publishing a snapshot that is not on main, as write-audit-publish does. Source: Java's CherryPickOperation.

import { LakeError } from "#core";
import type { CommitAttempt, CommitPlan } from "./commit-loop.ts";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { DataFile } from "./data-file.ts";
import { mightHoldOneOf } from "./file-removal.ts";
import { readLiveEntries } from "./manifest-merge.ts";
import { dataFilesAdded, dataFilesRemoved, historySince, type SnapshotHistory } from "./snapshot-history.ts";
import { baseRequirements, headRequirement, liveManifests } from "./snapshot-commit.ts";
import { createSnapshotPlan } from "./snapshot-producer.ts";
import { partitionKey } from "./snapshot-summary.ts";
import type { OperationContext } from "./table-deps.ts";
import { MAIN_BRANCH, currentSnapshot, findSnapshot, type Snapshot, type TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";

/** Names the snapshot a cherry-picked one repeats. */
export const SOURCE_SNAPSHOT_KEY = "source-snapshot-id";
const STAGED_WAP_KEY = "wap.id";
const PUBLISHED_WAP_KEY = "published-wap-id";
const REPLACES_PARTITIONS_KEY = "replace-partitions";

/**
 * The plan of a cherry-pick: main moves to the snapshot when that follows its head; otherwise an append, or an overwrite
 * of whole partitions that nobody changed since, is made again on top of main.
 */
export function createCherrypickPlan(context: OperationContext, snapshotId: bigint): CommitPlan {
  const { deps, table } = context;
  let repeated: CommitPlan | undefined;
  const find = async (base: TableMetadata): Promise<Snapshot> => {
    const snapshot =
      findSnapshot(base, snapshotId) ?? findSnapshot(await deps.loadHistory(table.identifier), snapshotId);
    if (snapshot === undefined) throw new LakeError("not_found", `The table has no snapshot ${snapshotId}.`);
    return snapshot;
  };
  return {
    get snapshotId() {
      return repeated?.snapshotId ?? snapshotId;
    },
    branch: MAIN_BRANCH,
    async prepare(base): Promise<CommitAttempt | { readonly conflict: string }> {
      const picked = await find(base);
      const head = currentSnapshot(base);
      await refusePublished(context, base, head, picked);
      if (head?.["snapshot-id"] === picked["parent-snapshot-id"] && repeated === undefined) {
        const ref = base.refs[MAIN_BRANCH] ?? ({ type: "branch" } as const);
        return {
          requirements: [...baseRequirements(base), headRequirement(base)],
          updates: [
            { action: "set-snapshot-ref", "ref-name": MAIN_BRANCH, ...ref, "snapshot-id": picked["snapshot-id"] },
          ],
        };
      }
      repeated ??= await repeatPlan(context, base, picked);
      const attempt = await repeated.prepare(base);
      return "conflict" in attempt ? attempt : withPin(attempt, picked);
    },
    isApplied: (metadata) =>
      metadata.refs[MAIN_BRANCH]?.["snapshot-id"] === snapshotId || repeated?.isApplied(metadata) === true,
    discard: async () => repeated?.discard(),
    finish: async (metadata) => repeated?.finish(metadata),
  };
}

/**
 * The attempt, refused by the catalog once the picked snapshot is gone: expiry deletes its files then. A tag is set and
 * removed in the same commit, which only works for a snapshot that is there.
 */
function withPin(attempt: CommitAttempt, picked: Snapshot): CommitAttempt {
  const pin = `cherry-pick-${picked["snapshot-id"]}`;
  const updates: readonly TableUpdate[] = [
    { action: "set-snapshot-ref", "ref-name": pin, type: "tag", "snapshot-id": picked["snapshot-id"] },
    { action: "remove-snapshot-ref", "ref-name": pin },
  ];
  return { ...attempt, updates: [...updates, ...attempt.updates] };
}

/** Errors: `already_exists` for a snapshot, or a staged write, that main holds already. */
async function refusePublished(
  context: OperationContext,
  base: TableMetadata,
  head: Snapshot | undefined,
  picked: Snapshot,
): Promise<void> {
  const wapId = picked.summary[STAGED_WAP_KEY];
  let snapshot = head;
  while (snapshot !== undefined) {
    const { summary } = snapshot;
    if (
      snapshot["snapshot-id"] === picked["snapshot-id"] ||
      summary[SOURCE_SNAPSHOT_KEY] === String(picked["snapshot-id"]) ||
      (wapId !== undefined && (summary[PUBLISHED_WAP_KEY] === wapId || summary[STAGED_WAP_KEY] === wapId))
    ) {
      throw new LakeError("already_exists", `Snapshot ${picked["snapshot-id"]} is in the table already.`);
    }
    const parent = snapshot["parent-snapshot-id"];
    snapshot =
      findSnapshot(base, parent) ??
      (parent === undefined
        ? undefined
        : findSnapshot(await context.deps.loadHistory(context.table.identifier), parent));
  }
}

async function repeatPlan(context: OperationContext, base: TableMetadata, picked: Snapshot): Promise<CommitPlan> {
  const { deps, table } = context;
  const own: SnapshotHistory = { base, snapshots: [picked], startingNumber: 0n };
  const { operation } = picked.summary;
  const replaces = operation === "overwrite" && picked.summary[REPLACES_PARTITIONS_KEY] === "true";
  if (operation !== "append" && !replaces) {
    throw new LakeError(
      "unsupported_operation",
      `Snapshot ${picked["snapshot-id"]} is no append and does not follow main: it cannot be cherry-picked.`,
    );
  }
  const added = await dataFilesAdded(deps.io, own);
  const removed = replaces ? await dataFilesRemoved(deps.io, own, true) : [];
  const wapId = picked.summary[STAGED_WAP_KEY];
  return createSnapshotPlan(deps, base, {
    branch: MAIN_BRANCH,
    addedData: added,
    addedDeletes: [],
    removal: { data: new Map(removed.map((file) => [file.filePath, file])), deletes: new Map(), filters: [] },
    requireRemoved: true,
    operation: () => operation,
    summary: new Map([
      [SOURCE_SNAPSHOT_KEY, String(picked["snapshot-id"])],
      ...(wapId === undefined ? [] : [[PUBLISHED_WAP_KEY, wapId] as const]),
      ...(replaces ? [[REPLACES_PARTITIONS_KEY, "true"] as const] : []),
    ]),
    properties: new Map(),
    checks: [],
    async validate(current, head) {
      await refusePresent(context, current, head, picked, added);
      if (!replaces) return undefined;
      const since = await historySince(current, head, picked["parent-snapshot-id"], () =>
        deps.loadHistory(table.identifier),
      );
      if (since === undefined) return "main does not descend from the snapshot the overwrite was made on";
      return changedPartition(deps.io, since, [...added, ...removed]);
    },
  });
}

/** Errors: `already_exists` when main lists a file of the snapshot; the commit that published it may be expired. */
async function refusePresent(
  { deps }: OperationContext,
  base: TableMetadata,
  head: Snapshot | undefined,
  picked: Snapshot,
  added: readonly DataFile[],
): Promise<void> {
  const paths = new Set(added.map((file) => file.filePath));
  const manifests = (await liveManifests(deps.io, head)).filter(
    (manifest) => manifest.content === "data" && mightHoldOneOf(base, manifest, added),
  );
  await mapConcurrent(manifests, PARALLEL_READS, async (manifest) => {
    const entries = await readLiveEntries(deps.io, base, manifest);
    if (entries.every(({ dataFile }) => !paths.has(dataFile.filePath))) return;
    throw new LakeError("already_exists", `Files of snapshot ${picked["snapshot-id"]} are in the table already.`);
  });
}

async function changedPartition(
  io: OperationContext["deps"]["io"],
  since: SnapshotHistory,
  files: readonly DataFile[],
): Promise<string | undefined> {
  const partitions = new Set(files.map(partitionKey));
  const changed = [...(await dataFilesAdded(io, since)), ...(await dataFilesRemoved(io, since, true))];
  const found = changed.find((file) => partitions.has(partitionKey(file)));
  return found === undefined ? undefined : `the partition of ${found.filePath} was changed meanwhile`;
}
