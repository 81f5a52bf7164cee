// The first step of a job: decide which files to rewrite, and write the groups down for the steps that follow.

import { LakeError } from "#core";
import type { FileIO, ScanFile, Table } from "#iceberg";
import { danglingDeletes, liveDeleteFiles } from "./delete-state.ts";
import { groupFromJson, groupToJson, type GroupJson } from "./group-json.ts";
import { mapParallel, type JobFiles } from "./job-files.ts";
import type { LayoutRequest } from "./options.ts";
import { planCompaction, planSortRewrite, type RewriteGroup } from "./plan.ts";
import { resolveRequest, type ResolvedRequest, type ResolvedSort } from "./resolve.ts";

/** Size of one group: what progress and results are counted in. */
export interface GroupSize {
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
}

/** What later steps need of the plan; plain data, far below a step result's 1 MiB. */
export interface JobPlan {
  readonly tableUuid: string;
  readonly groups: readonly GroupSize[];
  /** Groups beyond this job's limit, left to the next job. */
  readonly deferredGroups: number;
  readonly targetFileSizeBytes: number;
  readonly sort?: ResolvedSort;
  /** Names of the columns that are ordered on a Z-curve. */
  readonly zorder?: readonly string[];
  /** Sequence number of the snapshot that was planned on: the age of the files a rewrite adds. A decimal integer. */
  readonly sequenceNumber: string;
  /** Delete files that apply to no data file at all. */
  readonly danglingDeletes: number;
  /** Files that cannot be read here and stay as they are. */
  readonly foreignFiles: number;
}

/** Groups of one job: each is a workflow step, and an instance has 10,000. */
const MAX_JOB_GROUPS = 2000;

/**
 * Plans a job on the table's current snapshot and stores its groups. Files that are not Parquet, or encrypted, are left
 * alone.
 *
 * Errors: `invalid_option` as {@link resolveRequest}, `storage_unavailable`.
 */
export async function planJob(table: Table, io: FileIO, request: LayoutRequest, jobFiles: JobFiles): Promise<JobPlan> {
  const resolved = resolveRequest(request, table.metadata);
  // Oldest first: files that arrived together are rewritten together, and rows keep their order of arrival.
  const live = (await table.planScan()).files.toSorted((a, b) => compareAge(a, b));
  const readable = live.filter(isReadable);
  const groups = groupsOf(resolved, readable, table);
  const planned = groups.slice(0, MAX_JOB_GROUPS);
  await mapParallel(planned, (group) => jobFiles.writeJson(jobFiles.groupKey(group.index), groupToJson(group)));
  const sequenceNumber = table.currentSnapshot()?.["sequence-number"] ?? 0n;
  const dangling = danglingDeletes(await liveDeleteFiles(io, table), live, sequenceNumber);
  return {
    tableUuid: table.metadata["table-uuid"],
    groups: planned.map((group) => ({ files: group.files.length, bytes: group.bytes, rows: group.rows })),
    deferredGroups: groups.length - planned.length,
    targetFileSizeBytes: resolved.kind === "compact" ? resolved.plan.targetFileSizeBytes : resolved.targetFileSizeBytes,
    ...(resolved.kind === "rewrite" ? { sort: resolved.sort } : {}),
    ...(request.kind === "rewrite" && request.zorder !== undefined ? { zorder: request.zorder } : {}),
    sequenceNumber: sequenceNumber.toString(),
    danglingDeletes: dangling.length,
    foreignFiles: live.length - readable.length,
  };
}

function compareAge(a: ScanFile, b: ScanFile): number {
  return Number(a.sequenceNumber - b.sequenceNumber);
}

function isReadable({ dataFile }: ScanFile): boolean {
  return dataFile.fileFormat.toUpperCase() === "PARQUET" && dataFile.keyMetadata === undefined;
}

/** A group of the plan. Errors: `internal` when the working files are gone, `storage_unavailable`. */
export async function loadGroup(jobFiles: JobFiles, index: number): Promise<RewriteGroup> {
  const json = await jobFiles.readJson(jobFiles.groupKey(index));
  if (json === undefined) throw new LakeError("internal", "The job's plan is gone; nothing was committed.");
  return groupFromJson(json as GroupJson);
}

function groupsOf(
  resolved: ResolvedRequest,
  files: Parameters<typeof planCompaction>[0],
  table: Table,
): RewriteGroup[] {
  if (resolved.kind === "compact") return planCompaction(files, resolved.plan);
  return planSortRewrite(files, {
    targetFileSizeBytes: resolved.targetFileSizeBytes,
    outputSpecId: table.metadata["default-spec-id"],
    sortOrderId: resolved.sort.sortOrderId,
  });
}
