// Runs a statement that changes rows: flush, plan, write, commit; on a lost race again on the table as it then is.

import { InvariantViolation, LakeError, type Clock } from "#core";
import { createFileIO, hasNanoseconds, type CommitOutcome, type Table } from "#iceberg";
import {
  prepareStatement,
  type ChangeOperation,
  type PreparedChange,
  type RowCounts,
  type ChangeTargetName,
} from "#sql";
import { createCountingStore, type ObjectStore } from "#storage";
import { createDataReader, type DataReader } from "../data-reader.ts";
import { MAX_BYTES_AHEAD } from "../file-scan.ts";
import { createLakeCatalog, loadFirst, refName } from "../lake-catalog.ts";
import type { QueryDeps } from "../query-deps.ts";
import type { ValidQuery } from "../request.ts";
import { applyScans, type MutableStats } from "../stats.ts";
import { createTableReads, droppedWhileRead, type TableReads } from "../table-reads.ts";
import { INGEST_ENABLED_PROPERTY } from "../table-view.ts";
import { createChangeSession, type ChangeSession, type KnownEffects } from "./change-session.ts";

/** What a change did; the answer to its statement. */
export interface ChangeReport {
  readonly operation: ChangeOperation;
  /** Fully qualified. */
  readonly table: string;
  readonly rows_inserted: number;
  readonly rows_updated: number;
  readonly rows_deleted: number;
  /** Data files. */
  readonly files_added: number;
  readonly files_removed: number;
  /** Files of deletion vectors and the like. */
  readonly delete_files_added: number;
  /** In decimal; null when no row changed and nothing was committed. */
  readonly snapshot_id: string | null;
  /** Attempts that were needed: 1 without a conflict. */
  readonly attempts: number;
}

/** Who asks for a change. */
export interface ChangeCaller {
  readonly queryId: string;
  readonly namespaces: readonly string[] | undefined;
}

/** Attempts against a table that others change, too. */
const MAX_ATTEMPTS = 6;
/** Upper bound of the first wait between attempts, milliseconds; doubles each time. */
const BASE_DELAY_MS = 50;
/** What the writers of data files hold beside the operators, bytes. */
const WRITER_BYTES = 36 * 1024 * 1024;

/** Names the statement in the summary of the snapshot it makes, so that a lost answer can be looked up. */
export const QUERY_ID_SUMMARY = "firn.query-id";

/**
 * Runs a change. `stats` holds what was done also when it fails.
 *
 * Errors: those of SQL; `commit_conflict` when the table kept changing: nothing was changed; `commit_state_unknown`
 * when the catalog did not say. Concurrency: the catalog's pointer swap is the commit point; readers see all of the
 * statement or nothing.
 */
export async function runChange(
  deps: QueryDeps,
  query: ValidQuery,
  target: ChangeTargetName,
  caller: ChangeCaller,
  stats: MutableStats,
): Promise<ChangeReport> {
  const { clock } = deps;
  const startMs = clock.nowMs();
  const counting = createCountingStore(deps.store);
  const reads = createTableReads(counting);
  const { store } = reads;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(timeExceeded(query.limits.timeMs)), query.limits.timeMs);
  const reader = createDataReader({
    store,
    bucket: deps.bucket,
    footers: deps.footers,
    maxScannedBytes: query.limits.maxScannedBytes,
    signal: deadline.signal,
  });
  stats.operation = target.operation;
  const run: ChangeRun = {
    deps,
    query,
    target,
    caller,
    stats,
    store,
    reads,
    reader,
    signal: deadline.signal,
    startMs,
    // Every attempt is the same statement, asked at the same time.
    statementClock: { nowMs: () => startMs },
    effects: new Map(),
  };
  try {
    await flushTarget(run);
    return await attemptUntilCommitted(run);
  } catch (error) {
    if (deadline.signal.aborted && deadline.signal.reason instanceof LakeError) throw deadline.signal.reason;
    throw await reads.explain(error, () => deps.createCatalog(createFileIO(store, deps.bucket, deps.manifests), "all"));
  } finally {
    clearTimeout(timer);
    stats.storage_reads += counting.counters.reads;
    stats.exec_ms = clock.nowMs() - startMs - stats.plan_ms;
  }
}

interface ChangeRun {
  readonly deps: QueryDeps;
  readonly query: ValidQuery;
  readonly target: ChangeTargetName;
  readonly caller: ChangeCaller;
  readonly stats: MutableStats;
  readonly store: ObjectStore;
  readonly reads: TableReads;
  readonly reader: DataReader;
  readonly signal: AbortSignal;
  readonly startMs: number;
  readonly statementClock: Clock;
  /** What attempts so far found out about files. */
  readonly effects: KnownEffects;
}

/** Brings acknowledged rows into the table, so that the statement covers them. A missing table is told by binding. */
async function flushTarget({ deps, target, caller, store }: ChangeRun): Promise<void> {
  // Acknowledged rows go to main.
  if (deps.fresh === undefined || refName(target.path) !== undefined) return;
  const catalog = deps.createCatalog(createFileIO(store, deps.bucket, deps.manifests), "refs");
  const table = await loadFirst(catalog, target.path, caller.namespaces);
  if (table === undefined || table.metadata.properties[INGEST_ENABLED_PROPERTY] === "false") return;
  await deps.fresh.flush(table.identifier);
}

async function attemptUntilCommitted(run: ChangeRun): Promise<ChangeReport> {
  const { effects } = run;
  let uuid: string | undefined;
  try {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      if (attempt > 1) await waitBefore(run, attempt);
      const { change, session } = await prepareAttempt(run);
      const { identifier, metadata } = session.table;
      uuid ??= metadata["table-uuid"];
      if (metadata["table-uuid"] !== uuid) throw droppedWhileRead(identifier, "dropped and created anew");
      const done = await tryOnce(run, change, session, attempt);
      if (done !== undefined) return done;
      await session.discard();
      // What depends on other tables or rows is computed anew.
      if (!change.isPerFile) await discardEffects(effects, new Set());
    }
  } catch (error) {
    // Files of a commit without an answer may be in the table.
    if (!(error instanceof LakeError && error.code === "commit_state_unknown")) {
      await discardEffects(effects, new Set());
    }
    throw error;
  }
  await discardEffects(effects, new Set());
  throw new LakeError(
    "commit_conflict",
    `The table kept changing while the ${run.target.operation.toUpperCase()} ran; nothing was changed. Try again.`,
    { details: { attempts: MAX_ATTEMPTS } },
  );
}

async function waitBefore({ deps, signal }: ChangeRun, attempt: number): Promise<void> {
  await deps.sleep(deps.random.nextUnit() * BASE_DELAY_MS * 2 ** (attempt - 2));
  signal.throwIfAborted();
}

/** The report of a committed attempt; undefined when the race was lost. */
async function tryOnce(
  run: ChangeRun,
  change: PreparedChange,
  session: ChangeSession,
  attempt: number,
): Promise<ChangeReport | undefined> {
  let counts: RowCounts;
  let outcome: CommitOutcome | undefined;
  try {
    counts = await executeAttempt(run, change, session);
    outcome = await session.commit(change.operation, summaryOf(run));
  } catch (error) {
    await session.discard();
    throw error;
  }
  if (outcome?.outcome === "conflict") return undefined;
  if (outcome?.outcome === "unknown") throw outcomeUnknown(change, run.caller, outcome.error);
  // Files whose effects were computed and that were gone when the change was committed.
  await discardEffects(run.effects, session.used());
  const snapshotId = outcome?.snapshotId;
  return report(run, change, session, counts, snapshotId === undefined ? null : String(snapshotId), attempt);
}

async function prepareAttempt(
  run: ChangeRun,
): Promise<{ readonly change: PreparedChange; readonly session: ChangeSession }> {
  const { deps, query, store, reader, target, caller, effects, stats } = run;
  const io = createFileIO(store, deps.bucket, deps.manifests);
  // Looking for conflicts needs the snapshots since.
  const catalog = deps.createCatalog(io, "all");
  const sessions = new Map<string, ChangeSession>();
  // Known once the statement is bound; scans are planned after that.
  let changed: ChangeSession | undefined;
  const prepared = await prepareStatement(query.sql, {
    catalog: createLakeCatalog({
      catalog,
      history: () => catalog,
      io,
      reader,
      fresh: deps.fresh,
      retry: deps,
      namespaces: caller.namespaces,
      exactTimes: () => target.operation !== "delete" && writesNanoseconds(changed?.table),
      onRead: (table, snapshot) => run.reads.note(table, snapshot),
      changes(table, branch) {
        const options = branch === undefined ? { effects } : { effects, branch };
        const session = createChangeSession(table, { ...deps, store, reader }, target.operation, options);
        const { namespace, name } = table.identifier;
        sessions.set([...namespace, name, ...(branch === undefined ? [] : [`branch_${branch}`])].join("."), session);
        return session.changes;
      },
    }),
    params: query.params,
    clock: run.statementClock,
  });
  if (prepared.kind !== "change") throw new InvariantViolation("the statement changes rows");
  const { change } = prepared;
  const session = sessions.get(change.table);
  if (session === undefined) throw new InvariantViolation("the target has a session");
  changed = session;
  stats.query_pattern = change.pattern;
  stats.fingerprint = change.fingerprint;
  stats.tables = change.tables;
  stats.predicates = change.predicates;
  stats.plan_ms = deps.clock.nowMs() - run.startMs;
  return { change, session };
}

/** Whether rows of a table may hold what SQL has cut. */
function writesNanoseconds(table: Table | undefined): boolean {
  return table === undefined || hasNanoseconds(table.schema());
}

async function executeAttempt(run: ChangeRun, change: PreparedChange, session: ChangeSession): Promise<RowCounts> {
  const { deps, query, stats, signal } = run;
  const { limits } = query;
  try {
    const counts = await change.execute(session.sink, {
      signal,
      memoryLimitBytes: Math.max(limits.memoryBytes - MAX_BYTES_AHEAD - WRITER_BYTES, limits.memoryBytes / 2),
      timeLimitMs: Math.max(1, limits.timeMs - (deps.clock.nowMs() - run.startMs)),
      clock: deps.clock,
    });
    const { known } = session;
    return { ...counts, updated: counts.updated + known.updated, deleted: counts.deleted + known.deleted };
  } finally {
    applyScans(stats, change.statistics());
    stats.memory_peak_bytes = Math.max(stats.memory_peak_bytes, change.memoryPeakBytes());
  }
}

function summaryOf({ caller }: ChangeRun): ReadonlyMap<string, string> {
  return new Map([[QUERY_ID_SUMMARY, caller.queryId]]);
}

function report(
  { stats, target }: ChangeRun,
  change: PreparedChange,
  session: ChangeSession,
  counts: RowCounts,
  snapshotId: string | null,
  attempts: number,
): ChangeReport {
  const files = snapshotId === null ? { added: 0, removed: 0, deleteFilesAdded: 0 } : session.files();
  stats.rows_inserted = counts.inserted;
  stats.rows_updated = counts.updated;
  stats.rows_deleted = counts.deleted;
  stats.files_added = files.added;
  stats.files_removed = files.removed;
  stats.snapshot_id = snapshotId;
  return {
    operation: target.operation,
    table: change.table,
    rows_inserted: counts.inserted,
    rows_updated: counts.updated,
    rows_deleted: counts.deleted,
    files_added: files.added,
    files_removed: files.removed,
    delete_files_added: files.deleteFilesAdded,
    snapshot_id: snapshotId,
    attempts,
  };
}

async function discardEffects(effects: KnownEffects, used: ReturnType<ChangeSession["used"]>): Promise<void> {
  for (const effect of effects.values()) {
    if (effect.kind === "changed" && !used.has(effect)) await effect.discard();
  }
  effects.clear();
}

function outcomeUnknown(change: PreparedChange, { queryId }: ChangeCaller, cause: unknown): LakeError {
  return new LakeError(
    "commit_state_unknown",
    `Whether the ${change.operation.toUpperCase()} was committed is not known. It was if ${change.table}.snapshots has a ` +
      `snapshot whose summary holds ${QUERY_ID_SUMMARY} ${queryId}.`,
    { details: { query_id: queryId, table: change.table }, cause },
  );
}

function timeExceeded(timeMs: number): LakeError {
  return new LakeError(
    "time_limit_exceeded",
    `The statement ran longer than its limit of ${timeMs} ms; it was stopped and nothing was changed.`,
    { details: { time_limit_ms: timeMs } },
  );
}
