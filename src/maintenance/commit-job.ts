// The commit of a job's groups, and finding out afterwards whether it is in.

import { LakeError } from "#core";
import {
  dataFileFromJson,
  dataFileToJson,
  type CommitOutcome,
  type DataFile,
  type DeleteFile,
  type DataFileJson,
  type FileIO,
  type ScanFile,
  type Snapshot,
  type Table,
} from "#iceberg";
import { danglingDeletes, isRewriteCurrent, liveDeleteFiles } from "./delete-state.ts";
import { mapParallel, type JobFiles } from "./job-files.ts";
import { loadGroup, type GroupSize, type JobPlan } from "./plan-job.ts";
import type { RewriteGroup } from "./plan.ts";
import type { RewriteGroupResult } from "./rewrite-group.ts";

/** Summary key that marks the snapshot of a job: how a lost answer is found again. */
export const JOB_ID_SUMMARY_KEY = "firn.maintenance.job-id";

/** Summary key with the number of groups the snapshot holds. */
const GROUP_COUNT_SUMMARY_KEY = "firn.maintenance.groups";

/** Summary key with the columns a rewrite ordered on a Z-curve, which no sort order can say. */
const ZORDER_SUMMARY_KEY = "firn.maintenance.z-order";

/** What a job changed. */
export interface CommittedJob {
  /** Decimal string. */
  readonly snapshotId: string;
  /** Sizes of the replaced files. */
  readonly before: GroupSize;
  readonly after: GroupSize;
  readonly groups: number;
  /** Delete files that are no longer needed. */
  readonly deleteFiles: number;
}

/** A group with what was written for it. */
interface RewrittenGroup {
  readonly group: RewriteGroup;
  readonly outputs: readonly DataFile[];
  /** Rows of the inputs that deletes had removed. */
  readonly deletedRows: number;
}

/** Commits tried against a table that keeps changing; appends never conflict, so this bounds contention alone. */
const COMMIT_ATTEMPTS = 10;

/** Refusals without a change of what can be committed: the catalog says no for a reason that will not go away. */
const REFUSED_ATTEMPTS = 2;

/** Commits sent again after a lost answer, each after looking for the one before. */
const UNKNOWN_ATTEMPTS = 3;

/** Stores what a group's rewrite produced for the commit step. */
export async function saveGroupResult(jobFiles: JobFiles, index: number, result: RewriteGroupResult): Promise<void> {
  await jobFiles.writeJson(jobFiles.resultKey(index), {
    files: result.files.map((file) => dataFileToJson(file)),
    deletedRows: result.deletedRows,
  });
}

/** What the commit works with. */
export interface CommitJobDeps {
  readonly loadTable: () => Promise<Table>;
  readonly io: FileIO;
}

/** What of a job can still be committed to one state of the table. */
interface Committable {
  readonly groups: readonly RewrittenGroup[];
  /** Delete files that nothing needs once the groups are in. */
  readonly dangling: readonly DeleteFile[];
}

/**
 * Commits all groups as one replace snapshot, and drops the delete files that nothing needs any more. Groups whose
 * inputs are no longer in the table, or had rows deleted since, are left out; a call that is repeated after its commit
 * succeeded finds that snapshot and commits nothing more.
 *
 * Concurrency: appends are kept, the commit is retried on top of them. A commit whose answer was lost is sent
 * again only after the table was seen without it, and the catalog accepts at most one: both would remove the same
 * files. Errors: `commit_conflict` when no group can be committed any more, `commit_state_unknown` when an answer
 * was lost and the table does not tell, `data_invalid` when row counts differ.
 */
export async function commitJob(
  deps: CommitJobDeps,
  jobId: string,
  plan: JobPlan,
  jobFiles: JobFiles,
): Promise<CommittedJob> {
  let table = await deps.loadTable();
  const known = findJobSnapshot(table, jobId);
  if (known !== undefined) return describeJobSnapshot(known);
  const all = await loadRewrittenGroups(plan, jobFiles);
  let lostAnswers = 0;
  let previous: number | undefined;
  let reason = "every file to replace was replaced by others, or had rows deleted, meanwhile";
  let refusals = 0;
  for (;;) {
    const content = await committable(deps.io, all, table, plan);
    const size = content.groups.length + content.dangling.length;
    if (size === 0) throw notCommitted(lostAnswers, reason);
    if (previous === size) refusals += 1;
    if (refusals === REFUSED_ATTEMPTS) throw notCommitted(lostAnswers, reason);
    previous = size;
    requireSameRows(content.groups);
    const outcome = await sendCommit(table, jobId, plan, content);
    table = outcome.outcome === "committed" ? outcome.table : await deps.loadTable();
    const snapshot = findJobSnapshot(table, jobId);
    if (snapshot !== undefined) return describeJobSnapshot(snapshot);
    if (outcome.outcome === "unknown") {
      lostAnswers += 1;
      if (lostAnswers === UNKNOWN_ATTEMPTS) throw notCommitted(lostAnswers, "no answer", outcome.error);
      previous = undefined;
      continue;
    }
    reason = outcome.outcome === "conflict" ? outcome.reason : "its snapshot is not in the table";
  }
}

function sendCommit(
  table: Table,
  jobId: string,
  plan: JobPlan,
  { groups, dangling }: Committable,
): Promise<CommitOutcome> {
  const rewrite = table
    .newRewrite()
    .deleteFiles(groups.flatMap(({ group }) => group.files.map(({ dataFile }) => dataFile)))
    .addFiles(groups.flatMap(({ outputs }) => outputs))
    .deleteDeleteFiles(dangling)
    .deletedRows(groups.reduce((sum, { deletedRows }) => sum + deletedRows, 0))
    .dataSequenceNumber(BigInt(plan.sequenceNumber))
    .set(JOB_ID_SUMMARY_KEY, jobId)
    .set(GROUP_COUNT_SUMMARY_KEY, String(groups.length));
  if (plan.zorder !== undefined) rewrite.set(ZORDER_SUMMARY_KEY, plan.zorder.join(","));
  // The groups were compared with this very snapshot, so only what comes after it has to be checked.
  return rewrite.commit({ attempts: COMMIT_ATTEMPTS });
}

/** A refusal is final only when no earlier request may still be on its way. */
function notCommitted(lostAnswers: number, reason: string, cause?: unknown): LakeError {
  if (lostAnswers === 0) return new LakeError("commit_conflict", `The rewrite was not committed: ${reason}.`);
  return new LakeError("commit_state_unknown", "The catalog did not say whether the rewrite was committed.", {
    context: { reason },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The snapshot a job committed, or undefined while there is none. */
export function findJobSnapshot(table: Table, jobId: string): Snapshot | undefined {
  return table.metadata.snapshots.find(({ summary }) => summary[JOB_ID_SUMMARY_KEY] === jobId);
}

/** What a job's snapshot says it changed. */
export function describeJobSnapshot(snapshot: Snapshot): CommittedJob {
  const count = (key: string): number => Number(snapshot.summary[key] ?? 0);
  return {
    snapshotId: snapshot["snapshot-id"].toString(),
    before: { files: count("deleted-data-files"), bytes: count("removed-files-size"), rows: count("deleted-records") },
    after: { files: count("added-data-files"), bytes: count("added-files-size"), rows: count("added-records") },
    groups: count(GROUP_COUNT_SUMMARY_KEY),
    deleteFiles: count("removed-delete-files"),
  };
}

function loadRewrittenGroups(plan: JobPlan, jobFiles: JobFiles): Promise<RewrittenGroup[]> {
  return mapParallel([...plan.groups.keys()], async (index) => {
    const result = await jobFiles.readJson(jobFiles.resultKey(index));
    if (result === undefined) throw new LakeError("internal", "A group's result is gone; nothing was committed.");
    const { files, deletedRows } = result as {
      readonly files: readonly DataFileJson[];
      readonly deletedRows: number;
    };
    const outputs = files.map((file) => dataFileFromJson(file));
    return { group: await loadGroup(jobFiles, index), outputs, deletedRows };
  });
}

/** What of the groups is still right for the table; nothing when it is another table of the same name. */
async function committable(
  io: FileIO,
  all: readonly RewrittenGroup[],
  table: Table,
  plan: JobPlan,
): Promise<Committable> {
  if (table.metadata["table-uuid"] !== plan.tableUuid) return { groups: [], dangling: [] };
  const current = new Map((await table.planScan()).files.map((file) => [file.dataFile.filePath, file]));
  const isCurrent = (planned: ScanFile): boolean => {
    const now = current.get(planned.dataFile.filePath);
    return now !== undefined && isRewriteCurrent(planned, now);
  };
  const groups = all.filter(({ group }) => group.files.every(isCurrent));
  for (const { group } of groups) for (const { dataFile } of group.files) current.delete(dataFile.filePath);
  const deletes = await liveDeleteFiles(io, table);
  return { groups, dangling: danglingDeletes(deletes, [...current.values()], BigInt(plan.sequenceNumber)) };
}

/** The last guard before a commit: each group's outputs hold as many rows as live in its inputs. */
function requireSameRows(groups: readonly RewrittenGroup[]): void {
  for (const { group, outputs, deletedRows } of groups) {
    const rows = outputs.reduce((sum, { recordCount }) => sum + recordCount, 0);
    if (rows !== group.rows - deletedRows) {
      throw new LakeError("data_invalid", "A group's new files hold another number of rows; nothing was committed.");
    }
  }
}
