// Forgetting old snapshots, and deleting the files only they needed. Without it metadata grows by about a kilobyte a
// commit, and every commit reads and writes all of it.
//
// Which manifests are still needed follows from descent: a manifest is made by one commit and carried from parent to
// child until it is dropped. If an expired snapshot and a kept one share it, then so does the first kept snapshot on the
// way to the kept one (its parent is not kept), or the last kept one on the way to the expired one (its child is
// expired). Those snapshots and the heads of all refs are read; the others need not be.

import { LakeError } from "#core";
import { runCommit, type CommitAttempt, type CommitPlan } from "./commit-loop.ts";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import { decodeManifestList } from "./manifest-read.ts";
import { STATUS_DELETED, type ManifestFile } from "./manifest.ts";
import { baseRequirements, checkWritable } from "./snapshot-commit.ts";
import { readManifestEntries } from "./manifest-entries.ts";
import type { TableDeps } from "./table-deps.ts";
import { MAIN_BRANCH, type Snapshot, type TableMetadata } from "./table-metadata.ts";
import type { TableRequirement } from "./table-update.ts";
import type { CommitOptions, CommitOutcome, Table } from "./table.ts";

/** What to forget. */
export interface ExpireOptions extends CommitOptions {
  /** Snapshots made before this time may go, milliseconds since 1970. */
  readonly olderThanMs: number;
  /** Snapshots of main that stay whatever their age, newest first; at least 1. Default 1. */
  readonly retainLast?: number;
  /** Snapshots removed by one call, oldest first; bounds its reads. Default 500. */
  readonly maxSnapshots?: number;
  /** Keep all files and only shorten the metadata; orphan removal has to find them then. Default false. */
  readonly keepFiles?: boolean;
}

/** What an expiry did; the counts are of files asked to be deleted. */
export interface ExpireReport {
  readonly outcome: CommitOutcome;
  readonly snapshots: number;
  readonly dataFiles: number;
  readonly manifests: number;
}

const DEFAULT_MAX_SNAPSHOTS = 500;

/**
 * Expires snapshots that no ref holds and that are old enough, then deletes what only they needed.
 *
 * Concurrency: the commit requires every ref to be where it was, so a snapshot that was just branched or tagged is
 * never lost. Files are deleted after the commit only; a crash in between leaves orphans and nothing else.
 * Errors: `unsupported_operation` when the table forbids deleting its files (gc.enabled) or has delete files.
 */
export async function expireTableSnapshots(
  deps: TableDeps,
  table: Table,
  options: ExpireOptions,
): Promise<ExpireReport> {
  checkWritable(table.metadata);
  if (table.metadata.properties["gc.enabled"] === "false") {
    throw new LakeError("unsupported_operation", "The table's property gc.enabled forbids deleting its files.");
  }
  const nothing = { outcome: { outcome: "committed", table }, snapshots: 0, dataFiles: 0, manifests: 0 } as const;
  if (expirable(table.metadata, options).length === 0) return nothing;
  let base = table.metadata;
  let expired: readonly Snapshot[] = [];
  const plan: CommitPlan = {
    async prepare(current): Promise<CommitAttempt> {
      base = current;
      expired = expirable(current, options);
      return {
        requirements: [...baseRequirements(current), ...refRequirements(current)],
        updates: [{ action: "remove-snapshots", "snapshot-ids": expired.map((snapshot) => snapshot["snapshot-id"]) }],
      };
    },
    isApplied(metadata) {
      const ids = new Set(metadata.snapshots.map((snapshot) => snapshot["snapshot-id"]));
      return expired.every((snapshot) => !ids.has(snapshot["snapshot-id"]));
    },
    discard: async () => {},
    finish: async () => {},
  };
  const outcome = await runCommit(deps.commitDeps(table.identifier), table, plan, options.attempts);
  if (outcome.outcome !== "committed") return { ...nothing, outcome };
  const report = { outcome, snapshots: expired.length, dataFiles: 0, manifests: 0 };
  if (options.keepFiles === true) return report;
  const files = await unneededFiles(deps, base, expired, outcome.table.metadata);
  // Data first: a manifest that is still there shows a later run what is left.
  await deps.io.delete(files.data);
  await deps.io.delete([...files.manifests, ...files.lists]);
  return { ...report, dataFiles: files.data.length, manifests: files.manifests.length };
}

function refRequirements(base: TableMetadata): TableRequirement[] {
  return Object.entries(base.refs).map(([ref, { "snapshot-id": snapshotId }]) => ({
    type: "assert-ref-snapshot-id",
    ref,
    "snapshot-id": snapshotId,
  }));
}

/** Snapshots that may go, oldest first. */
function expirable(metadata: TableMetadata, options: ExpireOptions): Snapshot[] {
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  const kept = new Set(Object.values(metadata.refs).map((ref) => ref["snapshot-id"]));
  let ancestor = byId.get(metadata.refs[MAIN_BRANCH]?.["snapshot-id"] ?? -1n);
  for (let count = 0; count < (options.retainLast ?? 1) && ancestor !== undefined; count++) {
    kept.add(ancestor["snapshot-id"]);
    ancestor = byId.get(ancestor["parent-snapshot-id"] ?? -1n);
  }
  return metadata.snapshots
    .filter((snapshot) => !kept.has(snapshot["snapshot-id"]) && snapshot["timestamp-ms"] < options.olderThanMs)
    .toSorted((a, b) => a["timestamp-ms"] - b["timestamp-ms"])
    .slice(0, options.maxSnapshots ?? DEFAULT_MAX_SNAPSHOTS);
}

interface UnneededFiles {
  readonly data: readonly string[];
  readonly manifests: readonly string[];
  readonly lists: readonly string[];
}

async function unneededFiles(
  deps: TableDeps,
  base: TableMetadata,
  expired: readonly Snapshot[],
  after: TableMetadata,
): Promise<UnneededFiles> {
  const needed = await manifestsOf(deps, decisiveSnapshots(expired, after));
  const former = await manifestsOf(deps, expired);
  const manifests = [...former.values()].filter((manifest) => !needed.has(manifest.path));
  if ([...manifests, ...needed.values()].some((manifest) => manifest.content === "deletes")) {
    throw new LakeError(
      "unsupported_operation",
      "The table has delete files: its snapshots are expired, its files kept.",
    );
  }
  const candidates = await dataFilesOf(deps, base, manifests, true);
  const live = candidates.size === 0 ? new Set<string>() : await dataFilesOf(deps, after, [...needed.values()], false);
  return {
    data: [...candidates].filter((path) => !live.has(path)),
    manifests: manifests.map((manifest) => manifest.path),
    lists: expired.map((snapshot) => snapshot["manifest-list"]),
  };
}

/** The kept snapshots that share a file with an expired one if any kept snapshot does; see the module's header. */
function decisiveSnapshots(expired: readonly Snapshot[], after: TableMetadata): Snapshot[] {
  const keptIds = new Set(after.snapshots.map((snapshot) => snapshot["snapshot-id"]));
  const parentsOfExpired = new Set(expired.map((snapshot) => snapshot["parent-snapshot-id"]));
  const heads = new Set(Object.values(after.refs).map((ref) => ref["snapshot-id"]));
  return after.snapshots.filter((snapshot) => {
    const id = snapshot["snapshot-id"];
    const parentId = snapshot["parent-snapshot-id"];
    return heads.has(id) || parentsOfExpired.has(id) || parentId === undefined || !keptIds.has(parentId);
  });
}

async function manifestsOf(deps: TableDeps, snapshots: readonly Snapshot[]): Promise<Map<string, ManifestFile>> {
  const lists = await mapConcurrent(snapshots, PARALLEL_READS, async (snapshot) =>
    decodeManifestList(await deps.io.read(snapshot["manifest-list"])),
  );
  return new Map(lists.flat().map((manifest) => [manifest.path, manifest]));
}

/** Paths in the manifests; those of deleted entries only `withDeleted`. */
async function dataFilesOf(
  deps: TableDeps,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  withDeleted: boolean,
): Promise<Set<string>> {
  const paths = new Set<string>();
  await mapConcurrent(manifests, PARALLEL_READS, async (manifest) => {
    for (const entry of await readManifestEntries(deps.io, metadata, manifest)) {
      if (withDeleted || entry.status !== STATUS_DELETED) paths.add(entry.dataFile.filePath);
    }
  });
  return paths;
}
