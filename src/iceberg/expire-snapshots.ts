// Forgetting old snapshots, and deleting the files only they needed. Without it metadata grows by about a kilobyte a
// commit, and every commit reads and writes all of it.

import { LakeError } from "#core";
import { runCommit, type CommitAttempt, type CommitPlan } from "./commit-loop.ts";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { FileIO } from "./file-io.ts";
import { findUnneededFiles, type UnneededFiles } from "./expired-files.ts";
import { readSnapshotManifests } from "./manifest-entries.ts";
import { baseRequirements, headRequirement } from "./snapshot-commit.ts";
import { createSuccessor } from "./snapshot-succession.ts";
import { expirable, type Expirable, type RetentionOptions } from "./snapshot-retention.ts";
import type { OperationContext, TableDeps } from "./table-deps.ts";
import { MAIN_BRANCH, type Snapshot, type TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";
import { findLostRefs } from "./unseen-refs.ts";
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

/** Expires by {@link ExpireOptions}, schemas and specs that nothing needs any more too. See {@link ExpireSnapshots}. */
export function expireSnapshots(table: Table, options: ExpireOptions): Promise<ExpireReport> {
  const expiry = table
    .expireSnapshots()
    .cleanExpiredMetadata()
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
 * never lost; see unseen-refs.ts for refs that are set at the same time. Files are deleted after the commit only; a crash
 * in between leaves orphans and nothing else.
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
  const successor = createSuccessor(deps, table.metadata);
  const plan: CommitPlan = {
    get snapshotId() {
      return successor.isUsed() ? successor.snapshotId : undefined;
    },
    branch: MAIN_BRANCH,
    async prepare(given): Promise<CommitAttempt> {
      const current = (await deps.wholeHistory?.()) ?? given;
      base = current;
      expired = expirable(current, retention, nowMs);
      const succession = await successor.prepare(current, expired.snapshots);
      expired = { ...expired, snapshots: succession.snapshots };
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
          ...succession.updates,
          ...expired.refs.map((name): TableUpdate => ({ action: "remove-snapshot-ref", "ref-name": name })),
          ...(ids.length === 0 ? [] : [{ action: "remove-snapshots", "snapshot-ids": ids } as const]),
          ...unusedUpdates,
        ],
      };
    },
    isApplied(metadata) {
      const ids = new Set(metadata.snapshots.map((snapshot) => snapshot["snapshot-id"]));
      if (successor.isUsed()) return ids.has(successor.snapshotId);
      return (
        expired.snapshots.every((snapshot) => !ids.has(snapshot["snapshot-id"])) &&
        expired.refs.every((name) => metadata.refs[name] === undefined) &&
        unusedUpdates.every((update) => isRemoved(update, metadata))
      );
    },
    discard: () => successor.discard(),
    finish: (metadata) => successor.finish(metadata),
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
    skipped: [],
    lostRefs: [],
  };
  if (outcome.outcome !== "committed") return report;
  const counted = { ...report, snapshots: expired.snapshots.length, refs: expired.refs.length };
  if (cleanup.keepFiles || expired.snapshots.length === 0) return counted;
  const ids = new Set(expired.snapshots.map((snapshot) => snapshot["snapshot-id"]));
  const lostRefs = await findLostRefs(base, ids, outcome.table.metadata, deps.commit.readMetadata);
  if (lostRefs === undefined || lostRefs.length > 0) {
    return { ...counted, skipped: listsOf(expired.snapshots), lostRefs: lostRefs ?? [] };
  }
  const files = await findUnneeded(deps, base, expired.snapshots, outcome.table);
  if (files === undefined) return { ...counted, skipped: listsOf(expired.snapshots) };
  return { ...counted, ...(await deleteUnneeded(deps.io, files)) };
}

/** Rounds of looking for what goes; another expiry may take what one of them reads. */
const FINDING_ROUNDS = 3;

async function findUnneeded(
  deps: TableDeps,
  base: TableMetadata,
  expired: readonly Snapshot[],
  table: Table,
): Promise<UnneededFiles | undefined> {
  let after = table.metadata;
  for (let round = 1; ; round++) {
    const files = await findUnneededFiles(deps.io, base, expired, after);
    if (files !== undefined || round === FINDING_ROUNDS) return files;
    after = await deps.loadHistory(table.identifier);
  }
}

function listsOf(snapshots: readonly Snapshot[]): string[] {
  return snapshots.map((snapshot) => snapshot["manifest-list"]).filter((path) => path !== "");
}

/** Deletes what is in the bucket; the rest is named. */
async function deleteUnneeded(
  io: FileIO,
  files: UnneededFiles,
): Promise<Omit<ExpireReport, "outcome" | "snapshots" | "refs" | "lostRefs">> {
  const skipped = [...files.unread];
  const reachable = (locations: readonly string[]): string[] =>
    locations.filter((location) => io.reaches(location) || void skipped.push(location));
  const [data, deletes, manifests] = [files.data, files.deletes, files.manifests].map(reachable) as [
    string[],
    string[],
    string[],
  ];
  const [lists, statistics] = [reachable(files.lists), reachable(files.statistics)];
  // Data first: a manifest that is still there shows what is left.
  await io.delete([...data, ...deletes]);
  await io.delete([...manifests, ...lists, ...statistics]);
  return {
    dataFiles: data.length,
    deleteFiles: deletes.length,
    manifests: manifests.length,
    statisticsFiles: statistics.length,
    skipped,
  };
}

/** Whether the schemas or specs that an update removes are gone. */
function isRemoved(update: TableUpdate, metadata: TableMetadata): boolean {
  if (update.action === "remove-schemas") {
    return metadata.schemas.every((schema) => !update["schema-ids"].includes(schema["schema-id"]));
  }
  if (update.action === "remove-partition-specs") {
    return metadata["partition-specs"].every((spec) => !update["spec-ids"].includes(spec["spec-id"]));
  }
  return true;
}

/** Removals of the schemas and specs that neither the table's future files nor a kept snapshot need. */
async function unusedDefinitions(
  deps: TableDeps,
  base: TableMetadata,
  expired: Expirable,
): Promise<readonly TableUpdate[]> {
  const gone = new Set(expired.snapshots);
  const kept = base.snapshots.filter((snapshot) => !gone.has(snapshot));
  // Only manifests tell which specs are used; with one spec there is nothing to ask them.
  const asked = base["partition-specs"].length > 1 ? kept : [];
  const lists = await mapConcurrent(asked, PARALLEL_READS, (snapshot) => readSnapshotManifests(deps.io, snapshot));
  const usedSpecs = new Set([base["default-spec-id"], ...lists.flat().map((manifest) => manifest.specId)]);
  const usedSchemas = new Set([base["current-schema-id"], ...kept.map((snapshot) => snapshot["schema-id"])]);
  const specIds = base["partition-specs"].map((spec) => spec["spec-id"]).filter((id) => !usedSpecs.has(id));
  const schemaIds = base.schemas.map((schema) => schema["schema-id"]).filter((id) => !usedSchemas.has(id));
  return [
    ...(specIds.length === 0 ? [] : [{ action: "remove-partition-specs", "spec-ids": specIds } as const]),
    ...(schemaIds.length === 0 ? [] : [{ action: "remove-schemas", "schema-ids": schemaIds } as const]),
  ];
}
