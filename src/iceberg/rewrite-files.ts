// Replacing data files by others with the same rows: compaction's commit.
//
// Rules (Java BaseRewriteFiles, MergingSnapshotProducer): every replaced file is live in the base of the attempt; new
// files take the data sequence number of the snapshot the rewrite was planned on, so that deletes committed since still
// apply to them; plain appends never conflict.

import { LakeError } from "#core";
import { checkDistinct, writeAdded } from "./append-files.ts";
import { runCommit, type CommitPlan } from "./commit-loop.ts";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { DataFile } from "./data-file.ts";
import { toExisting, type MergeCache, type NextManifest } from "./manifest-merge.ts";
import type { UnsequencedManifest } from "./manifest-write.ts";
import { STATUS_DELETED, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import { mightHoldPartition } from "./partition-pruning.ts";
import { checkWritable, liveManifests, prepareSnapshot } from "./snapshot-commit.ts";
import { readManifestEntries } from "./manifest-entries.ts";
import { createSnapshotFiles, type SnapshotFiles } from "./snapshot-files.ts";
import { specTuple } from "./spec-tuple.ts";
import type { TableDeps } from "./table-deps.ts";
import { findSnapshot, type TableMetadata } from "./table-metadata.ts";
import type { RewriteFiles, Table } from "./table.ts";

/** Starts a rewrite planned on the table's current snapshot. */
export function createRewrite(deps: TableDeps, table: Table): RewriteFiles {
  const replaced = new Map<string, DataFile>();
  const added: DataFile[] = [];
  const summary = new Map<string, string>();
  const rewrite: RewriteFiles = {
    deleteFiles(files) {
      for (const file of files) replaced.set(file.filePath, file);
      return rewrite;
    },
    addFiles(files) {
      added.push(...files);
      return rewrite;
    },
    setSummary(key, value) {
      summary.set(key, value);
      return rewrite;
    },
    async commit(options) {
      checkWritable(table.metadata);
      checkRewrite(replaced, added);
      const plan = rewritePlan(deps, table, replaced, added, summary);
      return runCommit(deps.commitDeps(table.identifier), table, plan, options?.attempts);
    },
  };
  return rewrite;
}

/** Errors: `data_invalid` for a rewrite that would lose or invent rows. */
function checkRewrite(replaced: ReadonlyMap<string, DataFile>, added: readonly DataFile[]): void {
  checkDistinct(added);
  if (replaced.size === 0) throw new LakeError("data_invalid", "A rewrite has to replace at least one file.");
  const before = [...replaced.values()].reduce((sum, file) => sum + file.recordCount, 0);
  const after = added.reduce((sum, file) => sum + file.recordCount, 0);
  if (before !== after) {
    throw new LakeError("data_invalid", `The rewrite holds ${after} rows instead of ${before}; nothing was committed.`);
  }
  const reused = added.find((file) => replaced.has(file.filePath));
  if (reused !== undefined) throw new LakeError("data_invalid", `The rewrite replaces ${reused.filePath} by itself.`);
}

/** A base manifest with the replaced files marked, kept between attempts. */
interface FilteredManifest {
  readonly manifest: UnsequencedManifest | undefined;
  readonly found: readonly DataFile[];
  readonly entries: number;
}

function rewritePlan(
  deps: TableDeps,
  table: Table,
  replaced: ReadonlyMap<string, DataFile>,
  added: readonly DataFile[],
  summary: ReadonlyMap<string, string>,
): CommitPlan {
  const files = createSnapshotFiles(deps.io, deps.random, table.metadata);
  const startingNumber = table.currentSnapshot()?.["sequence-number"] ?? 0n;
  const merges: MergeCache = new Map();
  const filtered = new Map<string, FilteredManifest>();
  let made: readonly NextManifest[] | undefined;
  return {
    snapshotId: files.snapshotId,
    async prepare(base) {
      checkWritable(base);
      const manifests = await liveManifests(deps.io, base);
      if (manifests.some((manifest) => manifest.content === "deletes")) {
        return { conflict: "the table has delete files, which a rewrite here could not apply" };
      }
      const results = await filterManifests(deps, base, files, manifests, replaced, filtered);
      const deleted = results.flatMap((result) => result.filtered?.found ?? []);
      const missing = missingFile(replaced, deleted);
      if (missing !== undefined) return { conflict: `the file ${missing} to replace is no longer in the table` };
      made ??= await writeAdded(files, base, added, startingNumber);
      const changed = results.flatMap(({ filtered: result }): NextManifest[] =>
        result?.manifest === undefined ? [] : [{ kind: "made", manifest: result.manifest }],
      );
      const draft = {
        operation: "replace" as const,
        added,
        deleted,
        made: [...made, ...changed],
        kept: results.flatMap((result) => (result.filtered === undefined ? [result.manifest] : [])),
        replaced: changed.length,
        entriesProcessed: results.reduce((sum, result) => sum + (result.filtered?.entries ?? 0), 0),
        summary,
      };
      return prepareSnapshot(deps, base, files, draft, merges, []);
    },
    isApplied: (metadata) => findSnapshot(metadata, files.snapshotId) !== undefined,
    discard: () => files.discard(),
    finish: (metadata) => files.finish(metadata),
  };
}

function missingFile(replaced: ReadonlyMap<string, DataFile>, found: readonly DataFile[]): string | undefined {
  const paths = new Set(found.map((file) => file.filePath));
  return [...replaced.keys()].find((path) => !paths.has(path));
}

/** Each manifest of the base, with its filtered form when it holds a replaced file. */
async function filterManifests(
  deps: TableDeps,
  base: TableMetadata,
  files: SnapshotFiles,
  manifests: readonly ManifestFile[],
  replaced: ReadonlyMap<string, DataFile>,
  cache: Map<string, FilteredManifest>,
): Promise<{ readonly manifest: ManifestFile; readonly filtered: FilteredManifest | undefined }[]> {
  const targets = [...replaced.values()];
  return mapConcurrent(manifests, PARALLEL_READS, async (manifest) => {
    const { tuple } = specTuple(base, manifest.specId);
    const mightHold = targets.some(
      (file) => file.specId === manifest.specId && mightHoldPartition(manifest, tuple, file.partition),
    );
    if (!mightHold) return { manifest, filtered: undefined };
    let result = cache.get(manifest.path);
    if (result === undefined) {
      result = await filterManifest(deps, base, files, manifest, replaced);
      cache.set(manifest.path, result);
    }
    return { manifest, filtered: result.manifest === undefined ? undefined : result };
  });
}

async function filterManifest(
  deps: TableDeps,
  base: TableMetadata,
  files: SnapshotFiles,
  manifest: ManifestFile,
  replaced: ReadonlyMap<string, DataFile>,
): Promise<FilteredManifest> {
  const live = (await readManifestEntries(deps.io, base, manifest)).filter((entry) => entry.status !== STATUS_DELETED);
  const found = live.filter((entry) => replaced.has(entry.dataFile.filePath));
  if (found.length === 0) return { manifest: undefined, found: [], entries: 0 };
  const entries = live.map((entry): ManifestEntry => {
    const existing = toExisting(entry);
    return replaced.has(entry.dataFile.filePath)
      ? { ...existing, status: STATUS_DELETED, snapshotId: files.snapshotId }
      : existing;
  });
  return {
    manifest: await files.writeManifest(base, manifest.specId, entries),
    found: found.map((entry) => entry.dataFile),
    entries: entries.length,
  };
}
