// Appending data files: one new manifest for each spec, everything else carried over.

import { LakeError } from "#core";
import { runCommit, type CommitPlan } from "./commit-loop.ts";
import type { DataFile } from "./data-file.ts";
import type { MergeCache, NextManifest } from "./manifest-merge.ts";
import { STATUS_ADDED, type ManifestEntry } from "./manifest.ts";
import {
  baseRequirements,
  checkWritable,
  headRequirement,
  liveManifests,
  prepareSnapshot,
  type SnapshotDraft,
} from "./snapshot-commit.ts";
import { createSnapshotFiles, type SnapshotFiles } from "./snapshot-files.ts";
import type { TableDeps } from "./table-deps.ts";
import { findSnapshot, specById, type TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";
import type { AppendFiles, Table } from "./table.ts";

type BaseCheck = (base: TableMetadata) => string | undefined;

/** Starts an append to the table. */
export function createAppend(deps: TableDeps, table: Table): AppendFiles {
  const added: DataFile[] = [];
  const summary = new Map<string, string>();
  const properties = new Map<string, string>();
  const checks: BaseCheck[] = [];
  const append: AppendFiles = {
    addFile(file) {
      added.push(file);
      return append;
    },
    addFiles(files) {
      added.push(...files);
      return append;
    },
    setSummary(key, value) {
      summary.set(key, value);
      return append;
    },
    setProperty(key, value) {
      properties.set(key, value);
      return append;
    },
    validate(check) {
      checks.push(check);
      return append;
    },
    async commit(options) {
      checkWritable(table.metadata);
      const updates = propertyUpdates(properties);
      if (added.length === 0 && updates.length === 0) return { outcome: "committed", table };
      const plan =
        added.length === 0
          ? propertiesPlan(properties, updates, checks)
          : appendPlan(deps, table, added, summary, updates, checks);
      return runCommit(deps.commitDeps(table.identifier), table, plan, options?.attempts);
    },
  };
  return append;
}

function propertyUpdates(properties: ReadonlyMap<string, string>): TableUpdate[] {
  return properties.size === 0 ? [] : [{ action: "set-properties", updates: Object.fromEntries(properties) }];
}

function firstReason(base: TableMetadata, checks: readonly BaseCheck[]): string | undefined {
  for (const check of checks) {
    const reason = check(base);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** An append without files makes no snapshot; its properties are still set under the same checks. */
function propertiesPlan(
  properties: ReadonlyMap<string, string>,
  updates: readonly TableUpdate[],
  checks: readonly BaseCheck[],
): CommitPlan {
  return {
    async prepare(base) {
      const reason = firstReason(base, checks);
      if (reason !== undefined) return { conflict: reason };
      return { requirements: [...baseRequirements(base), ...headRequirement(base)], updates };
    },
    isApplied: (metadata) => [...properties].every(([key, value]) => metadata.properties[key] === value),
    discard: async () => {},
    finish: async () => {},
  };
}

function appendPlan(
  deps: TableDeps,
  table: Table,
  added: readonly DataFile[],
  summary: ReadonlyMap<string, string>,
  updates: readonly TableUpdate[],
  checks: readonly BaseCheck[],
): CommitPlan {
  checkDistinct(added);
  const files = createSnapshotFiles(deps.io, deps.random, table.metadata);
  const merges: MergeCache = new Map();
  let made: readonly NextManifest[] | undefined;
  return {
    snapshotId: files.snapshotId,
    async prepare(base) {
      checkWritable(base);
      const reason = firstReason(base, checks);
      if (reason !== undefined) return { conflict: reason };
      // Written once: with inherited numbers the same manifest serves every attempt.
      made ??= await writeAdded(files, base, added);
      const kept = await liveManifests(deps.io, base);
      const draft: SnapshotDraft = {
        operation: "append",
        added,
        deleted: [],
        made,
        kept,
        replaced: 0,
        entriesProcessed: 0,
        summary,
      };
      return prepareSnapshot(deps, base, files, draft, merges, updates);
    },
    isApplied: (metadata) => findSnapshot(metadata, files.snapshotId) !== undefined,
    discard: () => files.discard(),
    finish: (metadata) => files.finish(metadata),
  };
}

/** Errors: `data_invalid` when a file is given twice: its rows would count twice. */
export function checkDistinct(added: readonly DataFile[]): void {
  const paths = new Set(added.map((file) => file.filePath));
  if (paths.size !== added.length) throw new LakeError("data_invalid", "A data file was added twice in one commit.");
}

/**
 * Writes one manifest of ADDED entries for each spec. With a data sequence number it is explicit, otherwise inherited.
 */
export async function writeAdded(
  files: SnapshotFiles,
  base: TableMetadata,
  added: readonly DataFile[],
  sequenceNumber: bigint | null = null,
): Promise<NextManifest[]> {
  const made: NextManifest[] = [];
  for (const [specId, group] of Map.groupBy(added, (file) => file.specId)) {
    checkPartitions(base, specId, group);
    const entries = group.map((dataFile): ManifestEntry => ({
      status: STATUS_ADDED,
      snapshotId: files.snapshotId,
      sequenceNumber,
      fileSequenceNumber: null,
      dataFile,
    }));
    made.push({ kind: "made", manifest: await files.writeManifest(base, specId, entries) });
  }
  return made;
}

function checkPartitions(base: TableMetadata, specId: number, files: readonly DataFile[]): void {
  const { length } = specById(base, specId).fields;
  const wrong = files.find((file) => file.partition.length !== length);
  if (wrong === undefined) return;
  throw new LakeError("data_invalid", `The file ${wrong.filePath} does not have the partition of spec ${specId}.`);
}
