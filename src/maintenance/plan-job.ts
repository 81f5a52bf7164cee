// The first step of a job: decide which files to rewrite, and write the groups down for the steps that follow.

import { LakeError } from "#core";
import { dataFileFromJson, dataFileToJson, liveDataFiles, type DataFileJson, type Table } from "#iceberg";
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
}

/** Groups of one job: each is a workflow step, and an instance has 10,000. */
const MAX_JOB_GROUPS = 2000;

/** A group in plain JSON, as it waits among the job's working files. */
type GroupJson = Omit<RewriteGroup, "files" | "partition"> & { readonly files: readonly DataFileJson[] };

/**
 * Plans a job on the table's current snapshot and stores its groups.
 *
 * Errors: `invalid_option` as {@link resolveRequest}, `unsupported_operation` for tables with delete files,
 * `storage_unavailable`.
 */
export async function planJob(table: Table, request: LayoutRequest, jobFiles: JobFiles): Promise<JobPlan> {
  const resolved = resolveRequest(request, table.metadata);
  requireNoDeletes(table);
  // Oldest first: files that arrived together are rewritten together, and rows keep their order of arrival.
  const live = (await liveDataFiles(table)).toSorted((a, b) => Number(a.sequenceNumber - b.sequenceNumber));
  const files = live.map(({ dataFile }) => dataFile);
  const foreign = files.find(({ fileFormat }) => fileFormat.toUpperCase() !== "PARQUET");
  if (foreign !== undefined) {
    throw new LakeError(
      "unsupported_operation",
      "The table holds data files that are not Parquet; nothing was rewritten.",
    );
  }
  const groups = groupsOf(resolved, files, table);
  const planned = groups.slice(0, MAX_JOB_GROUPS);
  await mapParallel(planned, (group) => jobFiles.writeJson(jobFiles.groupKey(group.index), groupToJson(group)));
  return {
    tableUuid: table.metadata["table-uuid"],
    groups: planned.map((group) => ({ files: group.files.length, bytes: group.bytes, rows: group.rows })),
    deferredGroups: groups.length - planned.length,
    targetFileSizeBytes: resolved.kind === "compact" ? resolved.plan.targetFileSizeBytes : resolved.targetFileSizeBytes,
    ...(resolved.kind === "rewrite" ? { sort: resolved.sort } : {}),
  };
}

/** A group of the plan. Errors: `internal` when the working files are gone, `storage_unavailable`. */
export async function loadGroup(jobFiles: JobFiles, index: number): Promise<RewriteGroup> {
  const json = await jobFiles.readJson(jobFiles.groupKey(index));
  if (json === undefined) throw new LakeError("internal", "The job's plan is gone; nothing was committed.");
  const group = json as GroupJson;
  const files = group.files.map((file) => dataFileFromJson(file));
  return { ...group, files, partition: files[0]?.partition ?? [] };
}

function groupToJson(group: RewriteGroup): GroupJson {
  const { partition: _partition, ...rest } = group;
  return { ...rest, files: group.files.map((file) => dataFileToJson(file)) };
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

/** Rewriting without applying delete files would bring deleted rows back. */
function requireNoDeletes(table: Table): void {
  const summary = table.currentSnapshot()?.summary;
  const deletes = Number(summary?.["total-delete-files"] ?? 0);
  if (deletes > 0) {
    throw new LakeError(
      "unsupported_operation",
      `The table has ${deletes} delete files, which cannot be applied here; nothing was rewritten.`,
    );
  }
}
