// A table's committer: groups the flushes of all its shards into as few commits as the catalog likes, and answers a
// shard only when its rows are known to be in the table.

import { LakeError, tableNameToString, type Clock, type RandomSource, type TableIdentifier } from "#core";
import { dataFileFromJson, type Table } from "#iceberg";
import { errorToLogFields, logEvent, type LogSink } from "#telemetry";
import type {
  CommitSubmission,
  CommitterClient,
  CommitterStatus,
  ErrorStatus,
  SubmissionReply,
} from "./shard-protocol.ts";
import { shardWatermark, watermarkProperty } from "./watermarks.ts";

/** How a committer paces itself. */
export interface CommitterOptions {
  /** How long the first submission of a group waits for company. */
  readonly groupWindowMs: number;
  /** Least time between two commits; Basin Catalog allows a table 20 a minute. */
  readonly minCommitIntervalMs: number;
  readonly attempts: number;
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
}

/** For a catalog without a commit limit. */
export const DEFAULT_COMMITTER_OPTIONS: CommitterOptions = {
  groupWindowMs: 50,
  minCommitIntervalMs: 0,
  attempts: 8,
  retryBaseMs: 50,
  retryMaxMs: 5000,
};

/** What a committer needs from its surroundings. */
export interface CommitterDeps {
  /** Loads the table as the catalog has it now, creating it when it is one of ours. Errors: `table_not_found`. */
  readonly loadTable: (table: TableIdentifier) => Promise<Table>;
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
  const counts = { commits: 0, submissions: 0, conflicts: 0, unknowns: 0, failures: 0 };

  async function work(): Promise<void> {
    try {
      while (waiting.length > 0) {
        const sinceCommit = lastCommitMs === null ? Infinity : deps.clock.nowMs() - lastCommitMs;
        await deps.sleep(Math.max(options.groupWindowMs, options.minCommitIntervalMs - sinceCommit));
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
    for (let attempt = 1; attempt <= options.attempts; attempt++) {
      if (attempt > 1) {
        const ceiling = Math.min(options.retryMaxMs, options.retryBaseMs * 2 ** (attempt - 2));
        await deps.sleep(deps.random.nextUnit() * ceiling);
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
      failure = await attemptCommit(pending, table);
      if (failure === undefined) return;
    }
    throw failure;
  }

  /** Answers every submission whose fate the base already tells; returns the ones to append, in sequence order. */
  function settleKnown(group: readonly Waiting[], table: Table): Waiting[] {
    const append: Waiting[] = [];
    const watermarks = new Map<number, number>();
    const repeated: Waiting[] = [];
    const ordered = group.toSorted((a, b) => a.submission.lastSequence - b.submission.lastSequence);
    for (const entry of ordered) {
      const { submission } = entry;
      const base = shardWatermark(table.metadata, submission.shardIndex);
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
    const append = table
      .newAppend()
      .addFiles(files)
      .validate((base) => plans.map(({ submission }) => staleReason(submission, base.properties)).find(Boolean));
    for (const { submission } of plans) {
      append.setProperty(watermarkProperty(submission.shardIndex), String(submission.lastSequence));
    }
    // One attempt: what a moved base means for each submission is decided here, from that base's watermarks.
    const outcome = await append.commit({ attempts: 1 });
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

function judge(submission: CommitSubmission, table: Table, base: number, watermark: number): Standing {
  if (table.metadata["table-uuid"] !== submission.tableUuid) return "table_replaced";
  if (submission.lastSequence <= base) return "committed";
  return submission.firstSequence > watermark ? "append" : "overlap";
}

function isSamePlan(a: CommitSubmission, b: CommitSubmission): boolean {
  return a.shardIndex === b.shardIndex && a.firstSequence === b.firstSequence && a.lastSequence === b.lastSequence;
}

/** Why a submission must not be appended to a base, or undefined when it may. */
function staleReason(submission: CommitSubmission, properties: Readonly<Record<string, string>>): string | undefined {
  const watermark = shardWatermark({ properties }, submission.shardIndex);
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
