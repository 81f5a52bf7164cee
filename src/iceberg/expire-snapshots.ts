// Forgetting old snapshots, and deleting the files only they needed. Without it metadata grows by about a kilobyte a
// commit, and every commit reads and writes all of it.
//
// Which manifests are still needed follows from descent: a manifest is made by one commit and carried from parent to
// child until it is dropped. If an expired snapshot and a kept one share it, then so does the first kept snapshot on the
// way to the kept one (its parent is not kept), or the last kept one on the way to the expired one (its child is
// expired). Those snapshots and the heads of all refs are read; the others need not be. A cherry-picked snapshot lists
// data files of another line of descent in manifests of its own: it is read too.

import { LakeError } from "#core";
import { SOURCE_SNAPSHOT_KEY } from "./cherrypick.ts";
import { runCommit, type CommitAttempt, type CommitPlan } from "./commit-loop.ts";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import { readDeleteManifestEntries, readManifestEntries, readSnapshotManifests } from "./manifest-entries.ts";
import { STATUS_DELETED, type ManifestFile } from "./manifest.ts";
import { baseRequirements, headRequirement } from "./snapshot-commit.ts";
import { expirable, type Expirable, type RetentionOptions } from "./snapshot-retention.ts";
import type { OperationContext, TableDeps } from "./table-deps.ts";
import type { Snapshot, StatisticsFile, TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";
import type { CommitOptions, ExpireReport, ExpireSnapshots, Table } from "./table.ts";

/** What to forget, in one value. */
export interface ExpireOptions extends CommitOptions {
  /** Snapshots made before this time may go, milliseconds since 1970. */
  readonly olderThanMs: number;
  /** Snapshots of each branch that stay whatever their age, newest first; at least 1. Default 1. */
  readonly retainLast?: number;
  /** Snapshots removed by one call, oldest first; bounds its reads. Default 500. */
  readonly maxSnapshots?: number;
  /** Keep all files and only shorten the metadata; orphan removal has to find them then. Default false. */
  readonly keepFiles?: boolean;
}

/** Expires by {@link ExpireOptions}. See {@link ExpireSnapshots}. */
export function expireSnapshots(table: Table, options: ExpireOptions): Promise<ExpireReport> {
  const expiry = table
    .expireSnapshots()
    .expireOlderThan(options.olderThanMs)
    .retainLast(options.retainLast ?? 1);
  if (options.maxSnapshots !== undefined) expiry.maxSnapshots(options.maxSnapshots);
  if (options.keepFiles === true) expiry.keepFiles();
  return expiry.commit(options);
}

interface Cleanup {
  readonly keepFiles: boolean;
  readonly cleansMetadata: boolean;
}

/**
 * Starts an expiry.
 *
 * Concurrency: the commit requires every ref to be where it was, so a snapshot that was just branched or tagged is
 * never lost. Files are deleted after the commit only; a crash in between leaves orphans and nothing else.
 */
export function createExpireSnapshots(context: OperationContext): ExpireSnapshots {
  const snapshotIds: bigint[] = [];
  let olderThanMs: number | undefined;
  let retainLast: number | undefined;
  let maxSnapshots: number | undefined;
  let keepFiles = false;
  let cleansMetadata = false;
  const expiry: ExpireSnapshots = {
    expireOlderThan(timestampMs) {
      olderThanMs = timestampMs;
      return expiry;
    },
    retainLast(count) {
      if (!Number.isSafeInteger(count) || count < 1) {
        throw new LakeError("invalid_option", "The number of snapshots to retain has to be at least 1.");
      }
      retainLast = count;
      return expiry;
    },
    expireSnapshotId(snapshotId) {
      snapshotIds.push(snapshotId);
      return expiry;
    },
    maxSnapshots(count) {
      maxSnapshots = count;
      return expiry;
    },
    keepFiles() {
      keepFiles = true;
      return expiry;
    },
    cleanExpiredMetadata() {
      cleansMetadata = true;
      return expiry;
    },
    commit: (options) =>
      runExpiry(
        context,
        { olderThanMs, retainLast, snapshotIds, maxSnapshots },
        { keepFiles, cleansMetadata },
        options,
      ),
  };
  return expiry;
}

async function runExpiry(
  { deps, table }: OperationContext,
  retention: RetentionOptions,
  cleanup: Cleanup,
  options: CommitOptions | undefined,
): Promise<ExpireReport> {
  if (table.metadata.properties["gc.enabled"] === "false") {
    throw new LakeError("unsupported_operation", "The table's property gc.enabled forbids deleting its files.");
  }
  const nowMs = deps.clock.nowMs();
  let base = table.metadata;
  let expired: Expirable = { snapshots: [], refs: [] };
  let unusedUpdates: readonly TableUpdate[] = [];
  const plan: CommitPlan = {
    async prepare(current): Promise<CommitAttempt> {
      base = current;
      expired = expirable(current, retention, nowMs);
      unusedUpdates = cleanup.cleansMetadata ? await unusedDefinitions(deps, current, expired) : [];
      const ids = expired.snapshots.map((snapshot) => snapshot["snapshot-id"]);
      return {
        requirements: [
          ...baseRequirements(current),
          ...Object.keys(current.refs).map((ref) => headRequirement(current, ref)),
          { type: "assert-current-schema-id", "current-schema-id": current["current-schema-id"] },
          { type: "assert-default-spec-id", "default-spec-id": current["default-spec-id"] },
        ],
        updates: [
          ...expired.refs.map((name): TableUpdate => ({ action: "remove-snapshot-ref", "ref-name": name })),
          ...(ids.length === 0 ? [] : [{ action: "remove-snapshots", "snapshot-ids": ids } as const]),
          ...unusedUpdates,
        ],
      };
    },
    isApplied(metadata) {
      const ids = new Set(metadata.snapshots.map((snapshot) => snapshot["snapshot-id"]));
      return (
        expired.snapshots.every((snapshot) => !ids.has(snapshot["snapshot-id"])) &&
        expired.refs.every((name) => metadata.refs[name] === undefined) &&
        unusedUpdates.length === 0
      );
    },
    discard: async () => {},
    finish: async () => {},
  };
  const outcome = await runCommit(deps.commit, table, plan, options?.attempts);
  const report = {
    outcome,
    snapshots: 0,
    refs: 0,
    dataFiles: 0,
    deleteFiles: 0,
    manifests: 0,
    statisticsFiles: 0,
  };
  if (outcome.outcome !== "committed") return report;
  const counted = { ...report, snapshots: expired.snapshots.length, refs: expired.refs.length };
  if (cleanup.keepFiles || expired.snapshots.length === 0) return counted;
  const files = await unneededFiles(deps, base, expired.snapshots, outcome.table.metadata);
  // Data first: a manifest that is still there shows a later run what is left.
  await deps.io.delete([...files.data, ...files.deletes]);
  await deps.io.delete([...files.manifests, ...files.lists, ...files.statistics]);
  return {
    ...counted,
    dataFiles: files.data.length,
    deleteFiles: files.deletes.length,
    manifests: files.manifests.length,
    statisticsFiles: files.statistics.length,
  };
}

/** Removals of the schemas and specs that neither the table's future files nor a kept snapshot need. */
async function unusedDefinitions(
  deps: TableDeps,
  base: TableMetadata,
  expired: Expirable,
): Promise<readonly TableUpdate[]> {
  const gone = new Set(expired.snapshots);
  const kept = base.snapshots.filter((snapshot) => !gone.has(snapshot));
  const lists = await mapConcurrent(kept, PARALLEL_READS, (snapshot) => readSnapshotManifests(deps.io, snapshot));
  const usedSpecs = new Set([base["default-spec-id"], ...lists.flat().map((manifest) => manifest.specId)]);
  const usedSchemas = new Set([base["current-schema-id"], ...kept.map((snapshot) => snapshot["schema-id"])]);
  const specIds = base["partition-specs"].map((spec) => spec["spec-id"]).filter((id) => !usedSpecs.has(id));
  const schemaIds = base.schemas.map((schema) => schema["schema-id"]).filter((id) => !usedSchemas.has(id));
  return [
    ...(specIds.length === 0 ? [] : [{ action: "remove-partition-specs", "spec-ids": specIds } as const]),
    ...(schemaIds.length === 0 ? [] : [{ action: "remove-schemas", "schema-ids": schemaIds } as const]),
  ];
}

interface UnneededFiles {
  readonly data: readonly string[];
  readonly deletes: readonly string[];
  readonly manifests: readonly string[];
  readonly lists: readonly string[];
  readonly statistics: readonly string[];
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
  const candidates = await filesOf(deps, base, manifests, true);
  const hasCandidates = candidates.data.size > 0 || candidates.deletes.size > 0;
  const live = hasCandidates ? await filesOf(deps, after, [...needed.values()], false) : candidates;
  const isGone = (path: string): boolean => !hasCandidates || (!live.data.has(path) && !live.deletes.has(path));
  return {
    data: [...candidates.data].filter(isGone),
    deletes: [...candidates.deletes].filter(isGone),
    manifests: manifests.map((manifest) => manifest.path),
    lists: expired.map((snapshot) => snapshot["manifest-list"]).filter((path) => path !== ""),
    statistics: unneededStatistics(base, expired, after),
  };
}

function unneededStatistics(base: TableMetadata, expired: readonly Snapshot[], after: TableMetadata): string[] {
  const ids = new Set(expired.map((snapshot) => snapshot["snapshot-id"]));
  const kept = new Set(statisticsOf(after).map((file) => file["statistics-path"]));
  const gone = statisticsOf(base).filter((file) => ids.has(file["snapshot-id"]) && !kept.has(file["statistics-path"]));
  return [...new Set(gone.map((file) => file["statistics-path"]))];
}

function statisticsOf(metadata: TableMetadata): StatisticsFile[] {
  return [...(metadata.statistics ?? []), ...(metadata["partition-statistics"] ?? [])];
}

/** The kept snapshots that share a file with an expired one if any kept snapshot does; see the module's header. */
function decisiveSnapshots(expired: readonly Snapshot[], after: TableMetadata): Snapshot[] {
  const keptIds = new Set(after.snapshots.map((snapshot) => snapshot["snapshot-id"]));
  const parentsOfExpired = new Set(expired.map((snapshot) => snapshot["parent-snapshot-id"]));
  const heads = new Set(Object.values(after.refs).map((ref) => ref["snapshot-id"]));
  return after.snapshots.filter((snapshot) => {
    const id = snapshot["snapshot-id"];
    const parentId = snapshot["parent-snapshot-id"];
    return (
      heads.has(id) ||
      parentsOfExpired.has(id) ||
      parentId === undefined ||
      !keptIds.has(parentId) ||
      snapshot.summary[SOURCE_SNAPSHOT_KEY] !== undefined
    );
  });
}

async function manifestsOf(deps: TableDeps, snapshots: readonly Snapshot[]): Promise<Map<string, ManifestFile>> {
  const lists = await mapConcurrent(snapshots, PARALLEL_READS, (snapshot) => readSnapshotManifests(deps.io, snapshot));
  return new Map(lists.flat().map((manifest) => [manifest.path, manifest]));
}

interface FilePaths {
  readonly data: Set<string>;
  readonly deletes: Set<string>;
}

/** Paths in the manifests; those of deleted entries only `withDeleted`. */
async function filesOf(
  deps: TableDeps,
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  withDeleted: boolean,
): Promise<FilePaths> {
  const paths: FilePaths = { data: new Set(), deletes: new Set() };
  await mapConcurrent(manifests, PARALLEL_READS, async (manifest) => {
    const [found, entries] =
      manifest.content === "data"
        ? [paths.data, await readManifestEntries(deps.io, metadata, manifest)]
        : [paths.deletes, await readDeleteManifestEntries(deps.io, metadata, manifest)];
    for (const { status, dataFile } of entries) {
      if (withDeleted || status !== STATUS_DELETED) found.add(dataFile.filePath);
    }
  });
  return paths;
}
