// Writing manifests anew so that files of one partition lie together: a scan then skips most manifests by their
// summaries. No file and no row changes. Source: Java's BaseRewriteManifests.

import { readSnapshotManifests } from "./manifest-entries.ts";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { CommitPlan } from "./commit-loop.ts";
import { compareScalars } from "./compare.ts";
import type { ContentFile, DataFile, DeleteFile } from "./data-file.ts";
import { manifestTargetBytes, readLiveEntries, toExisting, type NextManifest } from "./manifest-merge.ts";
import type { ManifestEntry, ManifestFile } from "./manifest.ts";
import {
  baseRequirements,
  branchHead,
  checkWritable,
  headRequirement,
  liveManifests,
  prepareSnapshot,
} from "./snapshot-commit.ts";
import { createSnapshotFiles, type SnapshotFiles } from "./snapshot-files.ts";
import { createSnapshotOptions, snapshotOptionMethods, type SnapshotOptions } from "./snapshot-options.ts";
import { partitionKey } from "./snapshot-summary.ts";
import type { OperationContext, TableDeps } from "./table-deps.ts";
import { findSnapshot, type TableMetadata } from "./table-metadata.ts";
import type { RewriteManifests } from "./table.ts";

type Entry = ManifestEntry<DataFile | DeleteFile>;

interface RewriteChoice {
  readonly clusterBy: ((file: ContentFile) => string) | undefined;
  readonly rewriteIf: ((manifest: ManifestFile) => boolean) | undefined;
  readonly targetBytes: number | undefined;
}

/** Starts a rewrite of the manifests of a branch. */
export function createRewriteManifests(context: OperationContext): RewriteManifests {
  const { deps, table, submit } = context;
  const options = createSnapshotOptions();
  let clusterBy: RewriteChoice["clusterBy"];
  let rewriteIf: RewriteChoice["rewriteIf"] | undefined;
  let targetBytes: number | undefined;
  const rewrite: RewriteManifests = {
    ...snapshotOptionMethods(options, () => rewrite),
    clusterBy(key) {
      clusterBy = key;
      return rewrite;
    },
    rewriteIf(predicate) {
      rewriteIf = predicate;
      return rewrite;
    },
    targetSizeBytes(bytes) {
      targetBytes = bytes;
      return rewrite;
    },
    async commit(limits) {
      checkWritable(table.metadata);
      return submit(rewritePlan(deps, table.metadata, options, { clusterBy, rewriteIf, targetBytes }), limits);
    },
  };
  return rewrite;
}

interface Rewritten {
  readonly chosen: readonly ManifestFile[];
  readonly made: readonly NextManifest[];
  readonly entries: number;
}

/**
 * A rewrite that would make scans no cheaper makes no snapshot, unless manifests still name removed files: their bounds
 * are values of rows that are gone. Cost: holds the entries of one spec and kind.
 */
function rewritePlan(
  deps: TableDeps,
  start: TableMetadata,
  options: SnapshotOptions,
  choice: RewriteChoice,
): CommitPlan {
  const files = createSnapshotFiles(deps.io, deps.random, start);
  const updates =
    options.properties.size === 0
      ? []
      : [{ action: "set-properties", updates: Object.fromEntries(options.properties) } as const];
  let rewritten: Rewritten | undefined;
  let makesSnapshot = false;
  return {
    branch: options.branch,
    snapshotId: files.snapshotId,
    async prepare(base) {
      checkWritable(base);
      for (const check of options.checks) {
        const reason = check(base);
        if (reason !== undefined) return { conflict: reason };
      }
      const head = branchHead(base, options.branch);
      const manifests = await liveManifests(deps.io, head);
      const listed = head === undefined ? 0 : (await readSnapshotManifests(deps.io, head)).length;
      const present = new Set(manifests.map((manifest) => manifest.path));
      // Manifests that came since are kept as they are.
      if (rewritten === undefined || rewritten.chosen.some((manifest) => !present.has(manifest.path))) {
        rewritten = await rewriteAll(
          deps,
          base,
          files,
          manifests.filter((manifest) => choice.rewriteIf?.(manifest) ?? true),
          choice,
        );
      }
      const { chosen, made, entries } = rewritten;
      makesSnapshot = made.length > 0 || listed > manifests.length;
      if (!makesSnapshot) {
        return { requirements: [...baseRequirements(base), headRequirement(base, options.branch)], updates };
      }
      const replaced = new Set(chosen.map((manifest) => manifest.path));
      const draft = {
        branch: options.branch,
        operation: "replace",
        changes: { addedData: [], removedData: [], addedDeletes: [], removedDeletes: [] },
        made,
        kept: manifests.filter((manifest) => !replaced.has(manifest.path)),
        replaced: chosen.length,
        entriesProcessed: entries,
        summary: options.summary,
        merge: false,
      } as const;
      return prepareSnapshot(deps, base, files, draft, new Map(), updates);
    },
    isApplied: (metadata) => !makesSnapshot || findSnapshot(metadata, files.snapshotId) !== undefined,
    discard: () => files.discard(),
    finish: (metadata) => (makesSnapshot ? files.finish(metadata) : files.discard()),
  };
}

async function rewriteAll(
  deps: TableDeps,
  base: TableMetadata,
  files: SnapshotFiles,
  manifests: readonly ManifestFile[],
  choice: RewriteChoice,
): Promise<Rewritten> {
  const chosen: ManifestFile[] = [];
  const made: NextManifest[] = [];
  let entries = 0;
  const targetBytes = choice.targetBytes ?? manifestTargetBytes(base);
  for (const group of Map.groupBy(manifests, (manifest) => `${manifest.content} ${manifest.specId}`).values()) {
    const [first] = group;
    const namesRemoved = group.some((manifest) => manifest.deletedFiles > 0);
    if (first === undefined) continue;
    if (!namesRemoved && group.length === 1 && first.lengthBytes <= targetBytes) continue;
    const read = await mapConcurrent(group, PARALLEL_READS, (manifest) => readLiveEntries(deps.io, base, manifest));
    const clustered = cluster(read.flat(), choice.clusterBy);
    const bytes = group.reduce((sum, manifest) => sum + manifest.lengthBytes, 0);
    const parts = Math.max(1, Math.round(bytes / targetBytes));
    const next = splitEvenly(clustered, parts);
    // A clustering that was asked for is made; the default one only where it pays.
    if (!namesRemoved && choice.clusterBy === undefined && scanCost(next) >= scanCost(read)) continue;
    chosen.push(...group);
    entries += clustered.length;
    for (const part of next) {
      const written = await files.writeManifest(base, first.content, first.specId, part.map(toExisting));
      made.push({ kind: "made", ...written });
    }
  }
  return { chosen, made, entries };
}

/** Entries in the order of their keys, or of their partition values. */
function cluster(entries: readonly Entry[], clusterBy: RewriteChoice["clusterBy"]): Entry[] {
  if (clusterBy === undefined) return entries.toSorted(comparePartitions);
  const keyed = entries.map((entry) => ({ entry, key: clusterBy(entry.dataFile) }));
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))).map(({ entry }) => entry);
}

/** By partition values, nulls first, then oldest first. */
function comparePartitions(a: Entry, b: Entry): number {
  for (const [index, left] of a.dataFile.partition.entries()) {
    const right = b.dataFile.partition[index] ?? null;
    if (left === null || right === null) {
      if (left !== right) return left === null ? -1 : 1;
      continue;
    }
    const order = compareScalars(left, right);
    if (order !== 0) return order;
  }
  return Number((a.sequenceNumber ?? 0n) - (b.sequenceNumber ?? 0n));
}

function splitEvenly(entries: readonly Entry[], parts: number): Entry[][] {
  const size = Math.ceil(entries.length / parts);
  return Array.from({ length: Math.ceil(entries.length / Math.max(1, size)) }, (_, index) =>
    entries.slice(index * size, (index + 1) * size),
  );
}

/** Entries whose reading costs as much as opening a manifest does. */
const OPENING_ENTRIES = 64;

/** What one scan of every partition reads: the manifests that hold it, each whole. */
function scanCost(manifests: readonly (readonly Entry[])[]): number {
  return manifests.reduce((sum, entries) => {
    const keys = new Set(entries.map((entry) => partitionKey(entry.dataFile))).size;
    return sum + keys * (entries.length + OPENING_ENTRIES);
  }, 0);
}
