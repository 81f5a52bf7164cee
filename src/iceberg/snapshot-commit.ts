// What every commit that makes a snapshot ends with: its manifest list, its requirements, its updates.

import { LakeError } from "#core";
import { carriedSummary } from "./carried-summary.ts";
import type { CommitAttempt } from "./commit-loop.ts";
import type { FileIO } from "./file-io.ts";
import { readSnapshotManifests } from "./manifest-entries.ts";
import { mergeManifests, type MergeCache, type NextManifest } from "./manifest-merge.ts";
import { sequenceManifest } from "./manifest-write.ts";
import { liveFileCount, type ManifestFile } from "./manifest.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";
import { summarizeSnapshot, type FileChanges } from "./snapshot-summary.ts";
import {
  MAIN_BRANCH,
  currentSnapshot,
  findSnapshot,
  type Snapshot,
  type SnapshotSummary,
  type TableMetadata,
} from "./table-metadata.ts";
import type { TableDeps } from "./table-deps.ts";
import type { TableRequirement, TableUpdate } from "./table-update.ts";

/** Format versions whose snapshots are written. */
const WRITABLE_VERSIONS: readonly number[] = [1, 2, 3];
/** Sequence numbers came with format version 2: those of the first are all 0. */
const NO_SEQUENCE_NUMBER = 0n;
/** The first format version with row lineage. */
const ROW_LINEAGE_VERSION = 3;

/** Whether snapshots of the table can be written here. */
export function isWritable(metadata: TableMetadata): boolean {
  return WRITABLE_VERSIONS.includes(metadata["format-version"]);
}

/** Errors: `unsupported_operation` for tables whose snapshots are not written here. */
export function checkWritable(metadata: TableMetadata): void {
  if (isWritable(metadata)) return;
  const version = metadata["format-version"];
  throw new LakeError("unsupported_operation", `Tables of format version ${version} cannot be written here.`);
}

/** The snapshot a commit to the branch follows: its head, or that of main for a branch that is yet to be made. */
export function branchHead(base: TableMetadata, branch: string): Snapshot | undefined {
  const ref = base.refs[branch];
  if (ref === undefined) return currentSnapshot(base);
  if (ref.type === "tag") throw new LakeError("invalid_option", `${branch} is a tag: nothing can be committed to it.`);
  const snapshot = findSnapshot(base, ref["snapshot-id"]);
  if (snapshot === undefined) {
    throw new LakeError("metadata_invalid", `The table's metadata lacks the snapshot ${branch} names.`);
  }
  return snapshot;
}

/** Manifests of a snapshot that still have live files. */
export async function liveManifests(io: FileIO, snapshot: Snapshot | undefined): Promise<ManifestFile[]> {
  if (snapshot === undefined) return [];
  const manifests = await readSnapshotManifests(io, snapshot);
  return manifests.filter((manifest) => liveFileCount(manifest) > 0);
}

/** A snapshot ready to be listed. */
export interface SnapshotDraft {
  readonly branch: string;
  readonly operation: SnapshotSummary["operation"];
  readonly changes: FileChanges;
  /** Manifests this commit made for its own changes. */
  readonly made: readonly NextManifest[];
  /** Manifests of the base that stay, subject to merging. */
  readonly kept: readonly ManifestFile[];
  /** Manifests of the base that `made` stands in for, and entries copied for that. */
  readonly replaced: number;
  readonly entriesProcessed: number;
  readonly summary: ReadonlyMap<string, string>;
  /** False keeps the manifests as they are. */
  readonly merge: boolean;
}

/** Surroundings of snapshot commits. */
export type SnapshotCommitDeps = Pick<TableDeps, "io" | "clock" | "wholeHistory">;

/**
 * Writes the manifest list of an attempt and returns what to send. The commit requires the branch to be where the base
 * has it.
 */
export async function prepareSnapshot(
  deps: SnapshotCommitDeps,
  base: TableMetadata,
  files: SnapshotFiles,
  draft: SnapshotDraft,
  merges: MergeCache,
  extraUpdates: readonly TableUpdate[],
): Promise<CommitAttempt> {
  const parent = branchHead(base, draft.branch);
  const sequenceNumber = base["format-version"] === 1 ? NO_SEQUENCE_NUMBER : base["last-sequence-number"] + 1n;
  const merged = draft.merge
    ? await mergeManifests(deps.io, base, files, draft.kept, merges)
    : {
        manifests: draft.kept.map((manifest) => ({ kind: "kept", manifest }) as const),
        replaced: 0,
        entriesProcessed: 0,
      };
  const next = [...draft.made, ...merged.manifests];
  const { manifests, assignedRows } = listManifests(base, next, sequenceNumber);
  const parentId = parent?.["snapshot-id"];
  const list = await files.writeManifestList(base, sequenceNumber, parentId, manifests);
  const summary = new Map([...(await carriedSummary(base, parent, deps.wholeHistory)), ...draft.summary]);
  const mergedCount = merged.manifests.filter((manifest) => manifest.kind === "made").length;
  const counts = {
    created: draft.made.length + mergedCount,
    kept: merged.manifests.length - mergedCount,
    replaced: draft.replaced + merged.replaced,
    entriesProcessed: draft.entriesProcessed + merged.entriesProcessed,
  };
  const snapshot: Snapshot = {
    "snapshot-id": files.snapshotId,
    ...(parentId === undefined ? {} : { "parent-snapshot-id": parentId }),
    "sequence-number": sequenceNumber,
    "timestamp-ms": Math.max(deps.clock.nowMs(), base["last-updated-ms"]),
    "manifest-list": list,
    summary: summarizeSnapshot(draft.operation, parent, draft.changes, counts, summary),
    "schema-id": base["current-schema-id"],
    ...(hasRowLineage(base) ? { "first-row-id": base["next-row-id"] ?? 0n, "added-rows": assignedRows } : {}),
  };
  const ref = base.refs[draft.branch] ?? ({ type: "branch" } as const);
  return {
    requirements: [...baseRequirements(base), ...branchRequirements(base, draft.branch)],
    updates: [
      ...extraUpdates,
      { action: "add-snapshot", snapshot },
      { action: "set-snapshot-ref", "ref-name": draft.branch, ...ref, "snapshot-id": files.snapshotId },
    ],
  };
}

function hasRowLineage(base: TableMetadata): boolean {
  return base["format-version"] >= ROW_LINEAGE_VERSION;
}

/**
 * The lines of a manifest list. With row lineage every data manifest without a first row id gets the next one, and takes
 * as many ids as its files without one have rows; those of a manifest that is not read here are taken to be all its
 * live rows. Source: Iceberg table spec, "First Row ID Assignment".
 */
function listManifests(
  base: TableMetadata,
  next: readonly NextManifest[],
  sequenceNumber: bigint,
): { readonly manifests: readonly ManifestFile[]; readonly assignedRows: bigint } {
  const firstRowId = base["next-row-id"] ?? 0n;
  let nextRowId = firstRowId;
  const manifests = next.map((item): ManifestFile => {
    const manifest = item.kind === "kept" ? item.manifest : sequenceManifest(item.manifest, sequenceNumber);
    if (!hasRowLineage(base) || manifest.content === "deletes" || manifest.firstRowId !== undefined) return manifest;
    const assigned = nextRowId;
    nextRowId += item.kind === "made" ? item.unassignedRows : BigInt(manifest.addedRows + manifest.existingRows);
    return { ...manifest, firstRowId: assigned };
  });
  return { manifests, assignedRows: nextRowId - firstRowId };
}

/** The table is the one that was loaded, and not another of its name. */
export function baseRequirements(base: TableMetadata): TableRequirement[] {
  return [{ type: "assert-table-uuid", uuid: base["table-uuid"] }];
}

/** The branch is where the base has it; a branch that is yet to be made starts at main, which may not move either. */
export function branchRequirements(base: TableMetadata, branch: string): TableRequirement[] {
  const own = headRequirement(base, branch);
  return base.refs[branch] === undefined && branch !== MAIN_BRANCH ? [own, headRequirement(base)] : [own];
}

/** The branch is where the base has it. */
export function headRequirement(base: TableMetadata, branch: string = MAIN_BRANCH): TableRequirement {
  return {
    type: "assert-ref-snapshot-id",
    ref: branch,
    "snapshot-id": base.refs[branch]?.["snapshot-id"] ?? null,
  };
}
