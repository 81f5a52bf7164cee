// Writing manifests anew so that files of one partition lie together: a scan then skips most manifests by their
// summaries. No file and no row changes. Source: Java's BaseRewriteManifests.

import { readSnapshotManifests } from "./manifest-entries.ts";
import type { CommitPlan } from "./commit-loop.ts";
import type { ContentFile } from "./data-file.ts";
import { orderEntries } from "./manifest-clustering.ts";
import { manifestTargetBytes, type NextManifest } from "./manifest-merge.ts";
import { liveFileCount, type ManifestFile } from "./manifest.ts";
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
import type { OperationContext, TableDeps } from "./table-deps.ts";
import { findSnapshot, type TableMetadata } from "./table-metadata.ts";
import type { RewriteManifests } from "./table.ts";

/** Entries a manifest is given at most: well compressed, many more may fit its size than fit in memory. */
const MAX_ENTRIES = 8192;

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
 * are values of rows that are gone. Cost: as {@link orderEntries}; memory does not grow with the files but by four bytes each.
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
    const bytes = group.reduce((sum, manifest) => sum + manifest.lengthBytes, 0);
    const live = group.reduce((sum, manifest) => sum + liveFileCount(manifest), 0);
    const parts = Math.max(1, Math.round(bytes / targetBytes), Math.ceil(live / MAX_ENTRIES));
    const order = await orderEntries(deps.io, base, group, choice.clusterBy, parts);
    // A clustering that was asked for is made; the default one only where it pays.
    if (!namesRemoved && choice.clusterBy === undefined && order.costAfter >= order.costBefore) continue;
    chosen.push(...group);
    entries += order.entries;
    for await (const part of order.parts()) {
      made.push({ kind: "made", ...(await files.writeManifest(base, first.content, first.specId, part)) });
    }
  }
  return { chosen, made, entries };
}
