// A table's committer: groups the flushes of all its shards into as few commits as the catalog likes, and answers a
// shard only when its rows are known to be in the table.

import { LakeError, tableNameToString, type Clock, type RandomSource, type TableIdentifier } from "#core";
import { dataFileFromJson, type CommitOutcome, type DataFile, type Table } from "#iceberg";
import { errorToLogFields, logEvent, type LogSink } from "#telemetry";
import type {
  CommitSubmission,
  CommitterClient,
  CommitterStatus,
  ErrorStatus,
  SubmissionReply,
} from "./shard-protocol.ts";
import { createCommitBudget, type CommitBudget } from "./commit-budget.ts";
import {
  WATERMARKS_SUMMARY_KEY,
  recordedWatermarks,
  watermarkProperty,
  watermarksToSummary,
  type WatermarkSource,
} from "./watermarks.ts";

/** How a committer paces itself. */
export interface CommitterOptions {
  /** How long the first submission of a group waits for company. */
  readonly groupWindowMs: number;
  readonly attempts: number;
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
}

/** Pace where the catalog sets none. */
export const DEFAULT_COMMITTER_OPTIONS: CommitterOptions = {
  groupWindowMs: 50,
  attempts: 8,
  retryBaseMs: 50,
  retryMaxMs: 5000,
};

/** What a committer needs from its surroundings. */
export interface CommitterDeps {
  /** Loads the table as the catalog has it now, creating it when it is one of ours. Errors: `table_not_found`. */
  readonly loadTable: (table: TableIdentifier) => Promise<Table>;
  /** Commits a minute that the catalog takes for a table, asked once; absent or undefined: unlimited. */
  readonly commitsPerMinute?: () => Promise<number | undefined>;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
  readonly log: LogSink;
  readonly options?: Partial<CommitterOptions>;
}

interface Waiting {
  readonly submission: CommitSubmission;
  readonly resolve: (reply: SubmissionReply) => void;
  readonly reject: (error: unknown) => void;
}

/** What a submission needs, seen from one base of the table. */
type Standing = "append" | "committed" | "table_replaced" | "overlap";

/**
 * Creates the committer of one table. It keeps nothing across restarts: a shard that got no answer submits again, and
 * the watermarks of the table tell what is in.
 */
export function createTableCommitter(deps: CommitterDeps): CommitterClient {
  const options = { ...DEFAULT_COMMITTER_OPTIONS, ...deps.options };
  let waiting: Waiting[] = [];
  let working = false;
  let lastCommitMs: number | null = null;
  let lastError: ErrorStatus | null = null;
  let budget: CommitBudget | undefined;
  /** Whether the catalog has refused watermarks as table properties. */
  let propertiesRefused = false;
  const counts = { commits: 0, submissions: 0, conflicts: 0, unknowns: 0, failures: 0 };

  async function work(): Promise<void> {
    try {
      while (waiting.length > 0) {
        // While the budget is spent, what arrives joins the group.
        await deps.sleep(Math.max(options.groupWindowMs, budget?.waitMs() ?? 0));
        const group = waiting;
        waiting = [];
        await settleGroup(group);
      }
    } finally {
      working = false;
    }
  }

  async function settleGroup(group: readonly Waiting[]): Promise<void> {
    try {
      await commitGroup(group);
    } catch (error) {
      counts.failures += 1;
      lastError = {
        code: error instanceof LakeError ? error.code : "internal",
        message: error instanceof Error ? error.message : String(error),
        atMs: deps.clock.nowMs(),
      };
      logEvent(deps.log, { event: "table_commit", level: "error", outcome: "failed", ...errorToLogFields(error) });
      for (const { reject } of group) reject(error);
    }
  }

  /** Bounded attempts, each judged against its own base (L10). */
  async function commitGroup(group: readonly Waiting[]): Promise<void> {
    let pending = group;
    let failure: unknown;
    const pace = (budget ??= createCommitBudget(await deps.commitsPerMinute?.(), deps.clock));
    for (let attempt = 1; attempt <= options.attempts; attempt++) {
      if (attempt > 1) {
        const ceiling = Math.min(options.retryMaxMs, options.retryBaseMs * 2 ** (attempt - 2));
        await deps.sleep(Math.max(deps.random.nextUnit() * ceiling, pace.waitMs()));
      }
      let table: Table;
      try {
        const first = pending[0];
        if (first === undefined) return;
        table = await deps.loadTable(first.submission.table);
      } catch (error) {
        if (!(error instanceof LakeError && error.retryable)) throw error;
        failure = error;
        continue;
      }
      pending = settleKnown(pending, table);
      if (pending.length === 0) return;
      pace.take();
      failure = await attemptCommit(pending, table);
      if (failure === undefined) return;
    }
    throw failure;
  }

  /** Answers every submission whose fate the base already tells; returns the ones to append, in sequence order. */
  function settleKnown(group: readonly Waiting[], table: Table): Waiting[] {
    const append: Waiting[] = [];
    const recorded = recordedWatermarks(table.metadata);
    const watermarks = new Map<number, number>();
    const repeated: Waiting[] = [];
    const ordered = group.toSorted((a, b) => a.submission.lastSequence - b.submission.lastSequence);
    for (const entry of ordered) {
      const { submission } = entry;
      const base = recorded.get(submission.shardIndex) ?? 0;
      const standing = judge(submission, table, base, watermarks.get(submission.shardIndex) ?? base);
      if (standing === "append") {
        watermarks.set(submission.shardIndex, submission.lastSequence);
        append.push(entry);
      } else if (standing === "overlap") {
        // A shard that submits the same plan again while its first submission waits shares the outcome.
        const twin = append.some((other) => isSamePlan(other.submission, submission));
        if (twin) repeated.push(entry);
        else entry.reject(overlapError(submission, base));
      } else {
        entry.resolve({ outcome: standing });
      }
    }
    return append.length === 0 ? [] : [...append, ...repeated];
  }

  /** Undefined when the group is in the table, else why not (yet). */
  async function attemptCommit(group: readonly Waiting[], table: Table): Promise<unknown> {
    const startedMs = deps.clock.nowMs();
    const plans = group.filter(
      (entry, position) => group.findIndex((other) => isSamePlan(other.submission, entry.submission)) === position,
    );
    const files = plans.flatMap(({ submission }) => submission.files.map(dataFileFromJson));
    const outcome = await sendPlans(
      table,
      plans.map(({ submission }) => submission),
      files,
    );
    logEvent(deps.log, {
      event: "table_commit",
      level: outcome.outcome === "committed" ? "info" : "warn",
      table: tableNameToString(table.identifier),
      outcome: outcome.outcome,
      submissions: plans.length,
      files: files.length,
      rows: files.reduce((sum, file) => sum + file.recordCount, 0),
      duration_ms: deps.clock.nowMs() - startedMs,
      ...(outcome.outcome === "conflict" ? { reason: outcome.reason } : {}),
      ...(outcome.outcome === "unknown" ? errorToLogFields(outcome.error) : {}),
    });
    switch (outcome.outcome) {
      case "committed":
        counts.commits += 1;
        lastCommitMs = deps.clock.nowMs();
        for (const { resolve } of group) resolve({ outcome: "committed" });
        return undefined;
      case "conflict":
        counts.conflicts += 1;
        return new LakeError("commit_conflict", "Other writers kept changing the table; the rows stay in the shard.", {
          context: { reason: outcome.reason },
        });
      case "unknown":
        counts.unknowns += 1;
        return new LakeError("commit_state_unknown", "The catalog did not say whether the commit happened.", {
          cause: outcome.error,
        });
    }
  }

  /** Sends one append; without watermarks in table properties where the catalog refuses these. */
  async function sendPlans(
    table: Table,
    plans: readonly CommitSubmission[],
    files: readonly DataFile[],
  ): Promise<CommitOutcome> {
    if (propertiesRefused) return appendPlans(table, plans, files, false);
    try {
      return await appendPlans(table, plans, files, true);
    } catch (error) {
      if (!(error instanceof LakeError && REFUSALS.has(error.code))) throw error;
      // The refusal was final: nothing of it is in the table. What else may be wrong fails again.
      const outcome = await appendPlans(table, plans, files, false);
      propertiesRefused = true;
      logEvent(deps.log, {
        event: "table_commit",
        level: "warn",
        table: tableNameToString(table.identifier),
        outcome: "properties_refused",
        ...errorToLogFields(error),
      });
      return outcome;
    }
  }

  return {
    submit(submission) {
      counts.submissions += 1;
      return new Promise((resolve, reject) => {
        waiting.push({ submission, resolve, reject });
        if (working) return;
        working = true;
        void work();
      });
    },
    status: (): Promise<CommitterStatus> => Promise.resolve({ ...counts, lastCommitMs, lastError }),
  };
}

/** Codes with which a catalog refuses a request for what it asks. */
const REFUSALS: ReadonlySet<string> = new Set(["invalid_request", "forbidden", "unsupported_operation"]);

/** One attempt: what a moved base means for each submission is decided by the caller, from that base's watermarks. */
function appendPlans(
  table: Table,
  plans: readonly CommitSubmission[],
  files: readonly DataFile[],
  withProperties: boolean,
): Promise<CommitOutcome> {
  const marks = new Map(recordedWatermarks(table.metadata));
  const append = table
    .newAppend()
    .addFiles(files)
    .validate((base) => plans.map((submission) => staleReason(submission, base)).find(Boolean));
  for (const { shardIndex, lastSequence } of plans) {
    marks.set(shardIndex, Math.max(lastSequence, marks.get(shardIndex) ?? 0));
    if (withProperties) append.setProperty(watermarkProperty(shardIndex), String(marks.get(shardIndex)));
  }
  return append.set(WATERMARKS_SUMMARY_KEY, watermarksToSummary(marks)).commit({ attempts: 1 });
}

function judge(submission: CommitSubmission, table: Table, base: number, watermark: number): Standing {
  if (table.metadata["table-uuid"] !== submission.tableUuid) return "table_replaced";
  if (submission.lastSequence <= base) return "committed";
  return submission.firstSequence > watermark ? "append" : "overlap";
}

function isSamePlan(a: CommitSubmission, b: CommitSubmission): boolean {
  return a.shardIndex === b.shardIndex && a.firstSequence === b.firstSequence && a.lastSequence === b.lastSequence;
}

/** Why a submission must not be appended to a base, or undefined when it may. */
function staleReason(submission: CommitSubmission, base: WatermarkSource): string | undefined {
  const watermark = recordedWatermarks(base).get(submission.shardIndex) ?? 0;
  return watermark >= submission.firstSequence
    ? `shard ${submission.shardIndex} is at ${watermark}, not before ${submission.firstSequence}`
    : undefined;
}

/** Part of the rows is in the table and part is not: appending would duplicate, skipping would lose. */
function overlapError(submission: CommitSubmission, watermark: number): LakeError {
  return new LakeError("internal", "A shard's rows overlap with rows already in the table; nothing was committed.", {
    context: {
      shard: submission.shardIndex,
      first: submission.firstSequence,
      last: submission.lastSequence,
      watermark,
    },
  });
}
