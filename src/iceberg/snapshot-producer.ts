// The one way to a snapshot: take the manifests of the branch's head, remove files, add files, list what results. Every
// operation on files is this with its own checks. Source: Iceberg table spec, "Snapshots"; Java's MergingSnapshotProducer.

import { LakeError } from "#core";
import type { CommitAttempt, CommitPlan } from "./commit-loop.ts";
import { isDeletionVector, type ContentFile, type DataFile, type DeleteFile } from "./data-file.ts";
import {
  deleteFileKey,
  doublyDeletedFile,
  removeDataFiles,
  removeDeleteFiles,
  type FileRemoval,
  type RemovalCache,
} from "./file-removal.ts";
import type { MergeCache, NextManifest } from "./manifest-merge.ts";
import { STATUS_ADDED, type ManifestEntry } from "./manifest.ts";
import {
  baseRequirements,
  branchHead,
  checkWritable,
  headRequirement,
  liveManifests,
  prepareSnapshot,
} from "./snapshot-commit.ts";
import { createSnapshotFiles, type SnapshotFiles } from "./snapshot-files.ts";
import type { FileChanges } from "./snapshot-summary.ts";
import type { TableDeps } from "./table-deps.ts";
import { findSnapshot, specById, type Snapshot, type SnapshotSummary, type TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";

type Operation = SnapshotSummary["operation"];

/** A delete file to add; with a sequence number it is explicit, otherwise that of the commit. */
export interface AddedDeleteFile {
  readonly file: DeleteFile;
  readonly sequenceNumber?: bigint;
}

/** What a snapshot is to change. */
export interface SnapshotChange {
  readonly branch: string;
  readonly addedData: readonly DataFile[];
  /** Data sequence number of the added data files; undefined: that of the commit. */
  readonly dataSequenceNumber?: bigint | undefined;
  readonly addedDeletes: readonly AddedDeleteFile[];
  readonly removal: FileRemoval;
  /** Whether a named file that is gone is a conflict; otherwise it is passed over. */
  readonly requireRemoved: boolean;
  readonly operation: (changes: FileChanges) => Operation;
  readonly summary: ReadonlyMap<string, string>;
  readonly properties: ReadonlyMap<string, string>;
  /** Cheap checks of the base, before anything is read. */
  readonly checks: readonly ((base: TableMetadata) => string | undefined)[];
  /** Checks of what others committed; see conflict-checks.ts. */
  readonly validate?: (base: TableMetadata, head: Snapshot | undefined) => Promise<string | undefined>;
  /** Errors: for changes that no base makes right. */
  readonly inspect?: (changes: FileChanges) => void;
}

/** A removal of nothing. */
export const NO_REMOVAL: FileRemoval = { data: new Map(), deletes: new Map(), filters: [] };

/**
 * The plan of a snapshot. An attempt that would change no file makes no snapshot; its properties are still set.
 *
 * Cost: an append reads the manifest list and what is merged; a removal also the manifests that may hold what it removes.
 */
export function createSnapshotPlan(deps: TableDeps, start: TableMetadata, change: SnapshotChange): CommitPlan {
  checkAdded(start, change);
  const files = createSnapshotFiles(deps.io, deps.random, start);
  const merges: MergeCache = new Map();
  const cache: RemovalCache = new Map();
  const updates = propertyUpdates(change.properties);
  let made: readonly NextManifest[] | undefined;
  let makesSnapshot = true;
  return {
    branch: change.branch,
    snapshotId: files.snapshotId,
    async prepare(base): Promise<CommitAttempt | { readonly conflict: string }> {
      checkWritable(base);
      checkAdded(base, change);
      if (start["format-version"] === 1 && base["format-version"] !== 1) {
        // Manifests that are written already hold no sequence numbers.
        return { conflict: "the table was upgraded from format version 1" };
      }
      const reason = firstReason(base, change.checks);
      if (reason !== undefined) return { conflict: reason };
      const head = branchHead(base, change.branch);
      const conflict = await change.validate?.(base, head);
      if (conflict !== undefined) return { conflict };
      const result = await applyRemoval({ io: deps.io, files, cache }, base, head, change);
      if ("conflict" in result) return result;
      const changes: FileChanges = {
        addedData: change.addedData,
        removedData: result.removedData,
        addedDeletes: change.addedDeletes.map(({ file }) => file),
        removedDeletes: result.removedDeletes,
      };
      change.inspect?.(changes);
      makesSnapshot = Object.values(changes).some((list) => list.length > 0);
      if (!makesSnapshot) {
        const requirements = [...baseRequirements(base), headRequirement(base, change.branch)];
        return { requirements, updates };
      }
      // Written once: with inherited numbers the same manifests serve every attempt.
      made ??= await writeAdded(files, base, change);
      const draft = {
        branch: change.branch,
        operation: change.operation(changes),
        changes,
        made: [...made, ...result.made],
        kept: result.kept,
        replaced: result.made.length,
        entriesProcessed: result.entriesProcessed,
        summary: change.summary,
        merge: true,
      };
      return prepareSnapshot(deps, base, files, draft, merges, updates);
    },
    isApplied: (metadata) =>
      makesSnapshot
        ? findSnapshot(metadata, files.snapshotId) !== undefined
        : [...change.properties].every(([key, value]) => metadata.properties[key] === value),
    discard: () => files.discard(),
    // What attempts wrote for a snapshot that turned out not to be needed.
    finish: (metadata) => (makesSnapshot ? files.finish(metadata) : files.discard()),
  };
}

function propertyUpdates(properties: ReadonlyMap<string, string>): TableUpdate[] {
  return properties.size === 0 ? [] : [{ action: "set-properties", updates: Object.fromEntries(properties) }];
}

function firstReason(base: TableMetadata, checks: SnapshotChange["checks"]): string | undefined {
  for (const check of checks) {
    const reason = check(base);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

interface AppliedRemoval {
  readonly kept: Awaited<ReturnType<typeof liveManifests>>;
  readonly made: readonly NextManifest[];
  readonly removedData: readonly DataFile[];
  readonly removedDeletes: readonly DeleteFile[];
  readonly entriesProcessed: number;
}

async function applyRemoval(
  deps: Parameters<typeof removeDataFiles>[0],
  base: TableMetadata,
  head: Snapshot | undefined,
  change: SnapshotChange,
): Promise<AppliedRemoval | { readonly conflict: string }> {
  const manifests = await liveManifests(deps.io, head);
  const { removal } = change;
  const deletes = manifests.filter((manifest) => manifest.content === "deletes");
  const touchesData = removal.data.size > 0 || removal.filters.length > 0;
  if (!touchesData && removal.deletes.size === 0) {
    const doubled = await findDoubled(deps, base, deletes, change, []);
    return doubled ?? { kept: manifests, made: [], removedData: [], removedDeletes: [], entriesProcessed: 0 };
  }
  const dataManifests = manifests.filter((manifest) => manifest.content === "data");
  const data = await removeDataFiles(deps, base, touchesData ? dataManifests : [], removal);
  const minSequenceNumber = leastNumber(base, change, data.minSequenceNumber);
  const rows = await removeDeleteFiles(deps, base, deletes, removal, {
    files: data.removed,
    minSequenceNumber: touchesData && data.removed.length > 0 ? minSequenceNumber : 0n,
  });
  const missing = missingFile(removal, data.removed, rows.removed);
  if (change.requireRemoved && missing !== undefined) {
    return { conflict: `the file ${missing} to replace is no longer in the table` };
  }
  const doubled = await findDoubled(deps, base, deletes, change, rows.removed);
  return (
    doubled ?? {
      kept: [...(touchesData ? data.kept : dataManifests), ...rows.kept],
      made: [...data.made, ...rows.made],
      removedData: data.removed,
      removedDeletes: rows.removed,
      entriesProcessed: data.entriesProcessed + rows.entriesProcessed,
    }
  );
}

async function findDoubled(
  deps: Parameters<typeof removeDataFiles>[0],
  base: TableMetadata,
  manifests: AppliedRemoval["kept"],
  change: SnapshotChange,
  removed: readonly DeleteFile[],
): Promise<{ readonly conflict: string } | undefined> {
  const added = change.addedDeletes.map(({ file }) => file);
  const path = await doublyDeletedFile(deps.io, base, manifests, added, removed);
  return path === undefined
    ? undefined
    : { conflict: `the file ${path} has a deletion vector already, which the added one has to replace` };
}

/** The least data sequence number of any data file after the commit. */
function leastNumber(base: TableMetadata, change: SnapshotChange, kept: bigint | undefined): bigint {
  const ofCommit = base["last-sequence-number"] + 1n;
  const ofAdded = change.addedData.length === 0 ? ofCommit : (change.dataSequenceNumber ?? ofCommit);
  return kept === undefined || ofAdded < kept ? ofAdded : kept;
}

function missingFile(
  removal: FileRemoval,
  data: readonly DataFile[],
  deletes: readonly DeleteFile[],
): string | undefined {
  const paths = new Set(data.map((file) => file.filePath));
  const keys = new Set(deletes.map(deleteFileKey));
  return (
    [...removal.data.keys()].find((path) => !paths.has(path)) ??
    [...removal.deletes].find(([key]) => !keys.has(key))?.[1].filePath
  );
}

/** Errors: `data_invalid` and `unsupported_operation` for files that the table cannot take. */
function checkAdded(base: TableMetadata, change: SnapshotChange): void {
  const deletes = change.addedDeletes.map(({ file }) => file);
  const keys = [...change.addedData.map((file) => file.filePath), ...deletes.map(deleteFileKey)];
  if (new Set(keys).size !== keys.length) {
    throw new LakeError("data_invalid", "A file was added twice in one commit.");
  }
  for (const file of [...change.addedData, ...deletes]) checkPartition(base, file);
  const version = base["format-version"];
  if (version === 1 && deletes.length > 0) {
    throw new LakeError("unsupported_operation", "Tables of format version 1 have no delete files.");
  }
  for (const file of deletes) {
    if (file.content === 2 && (file.equalityIds ?? []).length === 0) {
      throw new LakeError("data_invalid", `The equality deletes of ${file.filePath} name no column.`);
    }
    if (file.content === 2) continue;
    const isVector = isDeletionVector(file);
    if (isVector !== version >= 3) {
      const kind = isVector ? "Deletion vectors need format version 3" : "Format version 3 takes deletion vectors only";
      throw new LakeError("unsupported_operation", `${kind}: ${file.filePath}.`);
    }
    if (isVector) checkVector(file, change);
  }
  const referenced = deletes.filter(isDeletionVector).map((file) => file.referencedDataFile);
  if (new Set(referenced).size !== referenced.length) {
    throw new LakeError("data_invalid", "A data file was given two deletion vectors in one commit.");
  }
}

function checkVector(file: DeleteFile, change: SnapshotChange): void {
  const { referencedDataFile, contentOffset, contentSizeBytes } = file;
  if (referencedDataFile === undefined || contentOffset === undefined || contentSizeBytes === undefined) {
    throw new LakeError("data_invalid", `The deletion vector of ${file.filePath} lacks its data file or position.`);
  }
  if (change.removal.data.has(referencedDataFile)) {
    throw new LakeError("data_invalid", `The file ${referencedDataFile} is removed and given deletes in one commit.`);
  }
}

function checkPartition(base: TableMetadata, file: ContentFile): void {
  const { length } = specById(base, file.specId).fields;
  if (file.partition.length === length) return;
  throw new LakeError("data_invalid", `The file ${file.filePath} does not have the partition of spec ${file.specId}.`);
}

/** Writes one manifest of ADDED entries for each spec and kind. */
async function writeAdded(
  files: SnapshotFiles,
  base: TableMetadata,
  change: SnapshotChange,
): Promise<readonly NextManifest[]> {
  const toEntry = <F extends DataFile | DeleteFile>(
    dataFile: F,
    sequenceNumber: bigint | undefined,
  ): ManifestEntry<F> => ({
    status: STATUS_ADDED,
    snapshotId: files.snapshotId,
    sequenceNumber: sequenceNumber ?? null,
    fileSequenceNumber: null,
    dataFile,
  });
  const made: NextManifest[] = [];
  for (const [specId, group] of Map.groupBy(change.addedData, (file) => file.specId)) {
    const entries = group.map((file) => toEntry(withoutRowId(file), change.dataSequenceNumber));
    made.push({ kind: "made", ...(await files.writeManifest(base, "data", specId, entries)) });
  }
  for (const [specId, group] of Map.groupBy(change.addedDeletes, ({ file }) => file.specId)) {
    const entries = group.map(({ file, sequenceNumber }) => toEntry(file, sequenceNumber));
    made.push({ kind: "made", ...(await files.writeManifest(base, "deletes", specId, entries)) });
  }
  return made;
}

/** Row ids of added files are assigned by the commit, whatever the file had elsewhere. */
function withoutRowId(file: DataFile): DataFile {
  const { firstRowId: _assigned, ...rest } = file;
  return rest;
}
