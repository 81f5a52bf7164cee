// The commit of a job's groups, and finding out afterwards whether it is in.

import { LakeError } from "#core";
import {
  dataFileFromJson,
  dataFileToJson,
  liveDataFiles,
  type CommitOutcome,
  type DataFile,
  type DataFileJson,
  type Snapshot,
  type Table,
} from "#iceberg";
import { mapParallel, type JobFiles } from "./job-files.ts";
import { loadGroup, type GroupSize, type JobPlan } from "./plan-job.ts";
import type { RewriteGroup } from "./plan.ts";
import type { RewriteGroupResult } from "./rewrite-group.ts";

/** Summary key that marks the snapshot of a job: how a lost answer is found again. */
export const JOB_ID_SUMMARY_KEY = "firn.maintenance.job-id";

/** Summary key with the number of groups the snapshot holds. */
const GROUP_COUNT_SUMMARY_KEY = "firn.maintenance.groups";

/** What a job changed. */
export interface CommittedJob {
  /** Decimal string. */
  readonly snapshotId: string;
  /** Sizes of the replaced files. */
  readonly before: GroupSize;
  readonly after: GroupSize;
  readonly groups: number;
}

/** A group with what was written for it. */
interface RewrittenGroup {
  readonly group: RewriteGroup;
  readonly outputs: readonly DataFile[];
}

/** Commits tried against a table that keeps changing; appends never conflict, so this bounds contention alone. */
const COMMIT_ATTEMPTS = 10;

/** Commits sent again after a lost answer, each after looking for the one before. */
const UNKNOWN_ATTEMPTS = 3;

/** Stores what a group's rewrite produced for the commit step. */
export async function saveGroupResult(jobFiles: JobFiles, index: number, result: RewriteGroupResult): Promise<void> {
  await jobFiles.writeJson(jobFiles.resultKey(index), { files: result.files.map((file) => dataFileToJson(file)) });
}

/**
 * Commits all groups as one replace snapshot. Groups whose inputs are no longer in the table are left out; a call
 * that is repeated after its commit succeeded finds that snapshot and commits nothing more.
 *
 * Concurrency: appends are kept, the commit is retried on top of them. A commit whose answer was lost is sent
 * again only after the table was seen without it, and the catalog accepts at most one: both would remove the same
 * files. Errors: `commit_conflict` when no group can be committed any more, `commit_state_unknown` when an answer
 * was lost and the table does not tell, `data_invalid` when row counts differ.
 */
export async function commitJob(
  loadTable: () => Promise<Table>,
  jobId: string,
  plan: JobPlan,
  jobFiles: JobFiles,
): Promise<CommittedJob> {
  let table = await loadTable();
  const known = findJobSnapshot(table, jobId);
  if (known !== undefined) return describeJobSnapshot(known);
  const all = await loadRewrittenGroups(plan, jobFiles);
  let lostAnswers = 0;
  for (;;) {
    const groups = await stillLive(all, table, plan);
    if (groups.length === 0) throw notCommitted(lostAnswers, "every file to replace was replaced by others meanwhile");
    requireSameRows(groups);
    const outcome = await sendCommit(table, jobId, groups);
    table = outcome.outcome === "committed" ? outcome.table : await loadTable();
    const snapshot = findJobSnapshot(table, jobId);
    if (snapshot !== undefined) return describeJobSnapshot(snapshot);
    if (outcome.outcome === "unknown") {
      lostAnswers += 1;
      if (lostAnswers === UNKNOWN_ATTEMPTS) throw notCommitted(lostAnswers, "no answer", outcome.error);
      continue;
    }
    const reason = outcome.outcome === "conflict" ? outcome.reason : "its snapshot is not in the table";
    const remaining = await stillLive(groups, table, plan);
    if (remaining.length === groups.length) throw notCommitted(lostAnswers, reason);
  }
}

function sendCommit(table: Table, jobId: string, groups: readonly RewrittenGroup[]): Promise<CommitOutcome> {
  return table
    .newRewrite()
    .deleteFiles(groups.flatMap(({ group }) => group.files))
    .addFiles(groups.flatMap(({ outputs }) => outputs))
    .setSummary(JOB_ID_SUMMARY_KEY, jobId)
    .setSummary(GROUP_COUNT_SUMMARY_KEY, String(groups.length))
    .commit({ attempts: COMMIT_ATTEMPTS });
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
  };
}

function loadRewrittenGroups(plan: JobPlan, jobFiles: JobFiles): Promise<RewrittenGroup[]> {
  return mapParallel([...plan.groups.keys()], async (index) => {
    const result = await jobFiles.readJson(jobFiles.resultKey(index));
    if (result === undefined) throw new LakeError("internal", "A group's result is gone; nothing was committed.");
    const { files } = result as { readonly files: readonly DataFileJson[] };
    return { group: await loadGroup(jobFiles, index), outputs: files.map((file) => dataFileFromJson(file)) };
  });
}

/** The groups all of whose inputs the table still has; none when it is another table of the same name. */
async function stillLive(groups: readonly RewrittenGroup[], table: Table, plan: JobPlan): Promise<RewrittenGroup[]> {
  if (table.metadata["table-uuid"] !== plan.tableUuid) return [];
  const live = new Set((await liveDataFiles(table)).map(({ dataFile }) => dataFile.filePath));
  return groups.filter(({ group }) => group.files.every(({ filePath }) => live.has(filePath)));
}

/** The last guard before a commit: each group's outputs hold as many rows as its inputs. */
function requireSameRows(groups: readonly RewrittenGroup[]): void {
  for (const { group, outputs } of groups) {
    const rows = outputs.reduce((sum, { recordCount }) => sum + recordCount, 0);
    if (rows !== group.rows) {
      throw new LakeError("data_invalid", "A group's new files hold another number of rows; nothing was committed.");
    }
  }
}
