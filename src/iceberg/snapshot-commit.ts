// What every commit that makes a snapshot has in common: its base's manifests, its list, its requirements.

import { LakeError, type Clock } from "#core";
import { carriedSummary } from "./carried-summary.ts";
import type { CommitAttempt } from "./commit-loop.ts";
import type { DataFile } from "./data-file.ts";
import type { FileIO } from "./file-io.ts";
import { liveFileCount, type ManifestFile } from "./manifest.ts";
import { decodeManifestList } from "./manifest-read.ts";
import { sequenceManifest } from "./manifest-write.ts";
import { mergeManifests, type MergeCache, type NextManifest } from "./manifest-merge.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";
import { summarizeSnapshot } from "./snapshot-summary.ts";
import {
  MAIN_BRANCH,
  currentSnapshot,
  type Snapshot,
  type SnapshotSummary,
  type TableMetadata,
} from "./table-metadata.ts";
import type { TableRequirement, TableUpdate } from "./table-update.ts";

/** The only format version whose snapshots are written here. */
const WRITABLE_FORMAT_VERSION = 2;

/** Errors: `unsupported_operation` for tables whose snapshots need more than this code writes. */
export function checkWritable(metadata: TableMetadata): void {
  const version = metadata["format-version"];
  if (version !== WRITABLE_FORMAT_VERSION) {
    throw new LakeError("unsupported_operation", `Tables of format version ${version} cannot be written here.`);
  }
}

/** Manifests of the base's current snapshot that still have live files. */
export async function liveManifests(io: FileIO, base: TableMetadata): Promise<ManifestFile[]> {
  const snapshot = currentSnapshot(base);
  if (snapshot === undefined) return [];
  const manifests = decodeManifestList(await io.read(snapshot["manifest-list"]));
  return manifests.filter((manifest) => liveFileCount(manifest) > 0);
}

/** A snapshot ready to be listed. */
export interface SnapshotDraft {
  readonly operation: SnapshotSummary["operation"];
  readonly added: readonly DataFile[];
  readonly deleted: readonly DataFile[];
  /** Manifests this commit made for its own changes. */
  readonly made: readonly NextManifest[];
  /** Manifests of the base that stay, subject to merging. */
  readonly kept: readonly ManifestFile[];
  /** Manifests of the base that `made` stands in for, and entries copied for that. */
  readonly replaced: number;
  readonly entriesProcessed: number;
  readonly summary: ReadonlyMap<string, string>;
}

/** Surroundings of snapshot commits. */
export interface SnapshotCommitDeps {
  readonly io: FileIO;
  readonly clock: Clock;
}

/**
 * Writes the manifest list of an attempt and returns what to send. The commit requires main to be where the base has
 * it.
 */
export async function prepareSnapshot(
  deps: SnapshotCommitDeps,
  base: TableMetadata,
  files: SnapshotFiles,
  draft: SnapshotDraft,
  merges: MergeCache,
  extraUpdates: readonly TableUpdate[],
): Promise<CommitAttempt> {
  const parent = currentSnapshot(base);
  const sequenceNumber = base["last-sequence-number"] + 1n;
  const merged = await mergeManifests(deps.io, base, files, draft.kept, merges);
  const manifests = [...draft.made, ...merged.manifests].map((next) =>
    next.kind === "kept" ? next.manifest : sequenceManifest(next.manifest, sequenceNumber),
  );
  const parentId = parent?.["snapshot-id"];
  const list = await files.writeManifestList(base, sequenceNumber, parentId, manifests);
  const mergedCount = merged.manifests.filter((next) => next.kind === "made").length;
  const counts = {
    created: draft.made.length + mergedCount,
    kept: merged.manifests.length - mergedCount,
    replaced: draft.replaced + merged.replaced,
    entriesProcessed: draft.entriesProcessed + merged.entriesProcessed,
  };
  const summary = new Map([...carriedSummary(base), ...draft.summary]);
  const snapshot: Snapshot = {
    "snapshot-id": files.snapshotId,
    ...(parentId === undefined ? {} : { "parent-snapshot-id": parentId }),
    "sequence-number": sequenceNumber,
    "timestamp-ms": Math.max(deps.clock.nowMs(), base["last-updated-ms"]),
    "manifest-list": list,
    summary: summarizeSnapshot(draft.operation, parent, draft.added, draft.deleted, counts, summary),
    "schema-id": base["current-schema-id"],
  };
  const ref = base.refs[MAIN_BRANCH] ?? ({ type: "branch" } as const);
  return {
    requirements: [...baseRequirements(base), ...headRequirement(base)],
    updates: [
      ...extraUpdates,
      { action: "add-snapshot", snapshot },
      { action: "set-snapshot-ref", "ref-name": MAIN_BRANCH, ...ref, "snapshot-id": files.snapshotId },
    ],
  };
}

/** The table is the one that was loaded, and not another of its name. */
export function baseRequirements(base: TableMetadata): TableRequirement[] {
  return [{ type: "assert-table-uuid", uuid: base["table-uuid"] }];
}

/** Main is where the base has it. */
export function headRequirement(base: TableMetadata): TableRequirement[] {
  const head = base.refs[MAIN_BRANCH]?.["snapshot-id"] ?? null;
  return [{ type: "assert-ref-snapshot-id", ref: MAIN_BRANCH, "snapshot-id": head }];
}
