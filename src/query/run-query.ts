// Plans an admitted query, takes its answer from the cache when the plan's inputs are unchanged, else executes it.

import { LakeError, uuidv7 } from "#core";
import { createFileIO } from "#iceberg";
import { prepareQuery, type PreparedQuery, type ScanStatistics, type SpillStore } from "#sql";
import { createCountingStore } from "#storage";
import type { Answer } from "./answer.ts";
import { cachePolicy, keep, mayKeep, obtain, startRecorder, type CachePolicy, type Executed } from "./answer-cache.ts";
import { createChangeSession } from "./change/change-session.ts";
import { createDataReader } from "./data-reader.ts";
import { MAX_BYTES_AHEAD } from "./file-scan.ts";
import type { QueryProfile, QueryTimings } from "./json-body.ts";
import { createLakeCatalog } from "./lake-catalog.ts";
import { createLiveAnswer, type AnswerFacts, type LiveAnswer } from "./live-answer.ts";
import { createQueryPartials, type QueryPartials } from "./partial-cache.ts";
import type { QueryDeps } from "./query-deps.ts";
import type { ValidQuery } from "./request.ts";
import { encodePieces, readStart } from "./result-pieces.ts";
import { mayRepeat, repeat } from "./repeat-answer.ts";
import { questionKey, repeatableBytes, watchInputs } from "./repeats.ts";
import { createSpillStore } from "./spill-store.ts";
import { applyScans, type MutableStats } from "./stats.ts";
import { createTableReads } from "./table-reads.ts";

/** The plan and what its operators and scans did. */
export type RunProfile = Omit<QueryProfile, "stats">;

/** An answer, or one under way, with what may be shown of how it was made: final once the answer is whole. */
export interface RunOutcome {
  readonly answer: Answer | LiveAnswer;
  timings(): QueryTimings;
  profile(): RunProfile;
}

/** Whether an answer leaves while it is computed. */
export function isLive(answer: Answer | LiveAnswer): answer is LiveAnswer {
  return "ended" in answer;
}

/** Larger results leave while they are computed; smaller ones have a status that tells how they ended, bytes. */
const MAX_WHOLE_BYTES = 1024 * 1024;

/**
 * Runs an admitted query. `stats` holds what was done also when it fails; of an answer under way once it ended.
 */
export async function runQuery(
  deps: QueryDeps,
  query: ValidQuery,
  namespaces: readonly string[] | undefined,
  stats: MutableStats,
): Promise<RunOutcome> {
  const { clock } = deps;
  if (deps.gone?.aborted === true) throw cancelled();
  const startMs = clock.nowMs();
  const counting = createCountingStore(deps.store);
  const reads = createTableReads(counting);
  const { store } = reads;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(timeExceeded(query.limits.timeMs)), query.limits.timeMs);
  const leave = (): void => deadline.abort(cancelled());
  deps.gone?.addEventListener("abort", leave, { once: true });
  let scans: readonly ScanStatistics[] = [];
  let started: PreparedQuery | undefined;
  const explain = async (error: unknown): Promise<unknown> => {
    // Whatever an abort interrupted, the reason is what the client must hear.
    if (deadline.signal.aborted && deadline.signal.reason instanceof LakeError) return deadline.signal.reason;
    return reads.explain(error, () => deps.createCatalog(createFileIO(store, deps.bucket, deps.manifests), "all"));
  };
  const close = (): void => {
    clearTimeout(timer);
    deps.gone?.removeEventListener("abort", leave);
    applyScans(stats, scans);
    // A query that runs again, alone, has made both runs' requests.
    stats.storage_reads += counting.counters.reads;
    stats.memory_peak_bytes = started?.memoryPeakBytes() ?? 0;
    stats.exec_ms = clock.nowMs() - startMs - stats.plan_ms;
  };
  let isOpen = false;
  try {
    await deps.initParser();
    const io = createFileIO(store, deps.bucket, deps.manifests);
    const reader = createDataReader({
      store,
      bucket: deps.bucket,
      footers: deps.footers,
      maxScannedBytes: query.limits.maxScannedBytes,
      signal: deadline.signal,
    });
    const watched = watchInputs(deps.createCatalog(io, "refs"), deps.fresh);
    const question = mayRepeat(query) ? questionKey(query, namespaces) : undefined;
    const repeated = question === undefined ? undefined : await repeat(deps, query, question, watched, startMs);
    if (repeated !== undefined) {
      stats.plan_ms = clock.nowMs() - startMs;
      stats.cache = repeated.cache;
      const timings = { queue_ms: stats.queue_ms, plan_ms: stats.plan_ms, total_ms: stats.plan_ms + stats.queue_ms };
      return {
        answer: repeated.answer,
        timings: () => timings,
        profile: () => ({ plan: null, operators: [], scans: [] }),
      };
    }
    const prepared = await prepareQuery(query.sql, {
      catalog: createLakeCatalog({
        catalog: watched.catalog,
        history() {
          watched.other();
          return deps.createCatalog(io, "all");
        },
        io,
        reader,
        namespaces,
        onRead: (table, snapshot) => reads.note(table, snapshot),
        // For EXPLAIN of a change, which plans it and goes no further.
        changes: (table, branch) =>
          createChangeSession(table, { ...deps, store, reader }, undefined, branch === undefined ? {} : { branch })
            .changes,
        fresh: watched.fresh,
        retry: deps,
      }),
      params: query.params,
      clock,
    });
    describe(stats, prepared);
    started = prepared;
    const boundMs = clock.nowMs();
    const planned = await prepared.planScans();
    scans = planned.statistics;
    const plannedMs = clock.nowMs();
    stats.plan_ms = plannedMs - startMs;

    const policy = await cachePolicy(query, prepared, planned.identity, scans);
    const partials = mayUsePartials(deps, query, scans)
      ? createQueryPartials({ cache: deps.cache, tables: prepared.tables, startMs })
      : undefined;
    const spill = createSpillStore(store, uuidv7(deps.clock, deps.random));
    const collection: Collection = { startMs, scans, deadline, partials, spill, explain, close, timings: {} };
    const { answer, cache } = await obtain(deps, query, policy, startMs, () =>
      execute(deps, query, prepared, policy, collection),
    );
    stats.cache = cache === "miss" && partials?.wasUsed === true ? "partial" : cache;
    const inputs = policy.exact ? watched.used() : undefined;
    if (question !== undefined && inputs !== undefined) {
      const repeatable = { ...policy, inputs };
      deps.repeats.set(question, repeatable, repeatableBytes(question, repeatable));
    }
    isOpen = isLive(answer);
    return {
      answer,
      timings() {
        const totalMs = clock.nowMs() - startMs;
        const { execute_ms = 0, encode_ms = 0 } = collection.timings;
        return {
          queue_ms: stats.queue_ms,
          plan_ms: boundMs - startMs,
          scan_planning_ms: plannedMs - boundMs,
          cache_lookup_ms: Math.max(0, totalMs - (plannedMs - startMs) - execute_ms - encode_ms),
          ...collection.timings,
          total_ms: totalMs + stats.queue_ms,
        };
      },
      profile: () => ({ plan: prepared.explain(), operators: prepared.profile(), scans }),
    };
  } catch (error) {
    throw await explain(error);
  } finally {
    if (!isOpen) close();
  }
}

/** Small scans are read faster than what is known of them is looked up. */
function mayUsePartials(deps: QueryDeps, query: ValidQuery, scans: readonly ScanStatistics[]): boolean {
  if (query.cache !== "use" || query.explainAnalyze) return false;
  return scans.some(({ bytesTotal }) => bytesTotal >= deps.partialMinBytes);
}

interface Collection {
  readonly startMs: number;
  readonly scans: readonly ScanStatistics[];
  /** Aborts when the query has to end. */
  readonly deadline: AbortController;
  readonly partials: QueryPartials | undefined;
  readonly spill: SpillStore;
  readonly explain: (error: unknown) => Promise<unknown>;
  readonly close: () => void;
  readonly timings: { execute_ms?: number; encode_ms?: number };
}

/** Starts computing. A small result is whole when this resolves, a large one is under way. */
async function execute(
  deps: QueryDeps,
  query: ValidQuery,
  prepared: PreparedQuery,
  policy: CachePolicy,
  collection: Collection,
): Promise<Executed> {
  const { clock } = deps;
  const { limits } = query;
  const { startMs, deadline, partials, timings } = collection;
  const { signal } = deadline;
  if (query.format === "parquet") deps.initParquetWriter();
  const executeStartMs = clock.nowMs();
  let hasLeft = false;
  const batches = prepared.execute({
    signal,
    memoryLimitBytes: Math.max(limits.memoryBytes - MAX_BYTES_AHEAD, limits.memoryBytes / 2),
    timeLimitMs: Math.max(1, limits.timeMs - (executeStartMs - startMs)),
    clock,
    turn: () => deps.sleep(0),
    profile: query.profile || query.explainAnalyze,
    spill: collection.spill,
    ...(query.mayRunAgain === true ? { maySpill: () => hasLeft } : {}),
    ...(partials === undefined ? {} : { partials }),
  });
  const counts = { rows: 0, bytes: 0, encodeMs: 0 };
  const nowMs = (): number => clock.nowMs();
  const pieces = encodePieces(batches, {
    format: query.format,
    columns: prepared.columns,
    limits,
    signal,
    nowMs,
    counts,
  });
  const facts = (): AnswerFacts => {
    const costMs = clock.nowMs() - executeStartMs;
    timings.execute_ms = costMs - counts.encodeMs;
    timings.encode_ms = counts.encodeMs;
    if (partials !== undefined) deps.defer(partials.save());
    return answerFacts(prepared, collection, counts.rows, costMs);
  };
  const start = await readStart(pieces, MAX_WHOLE_BYTES);
  if (start.isWhole) {
    const answer = { ...facts(), payload: start.payload };
    if (policy.exact || mayKeep(query)) deps.defer(keep(deps, query, policy, answer));
    return { own: answer, landing: Promise.resolve(answer) };
  }
  if (query.mayRunAgain === true && growsWithItsResult(prepared)) {
    await pieces.return(undefined);
    throw new LakeError(
      "memory_limit_exceeded",
      "The query keeps the rows of its result: it needs the isolate's memory.",
    );
  }
  hasLeft = true;
  const live = createLiveAnswer(
    {
      asOfMs: startMs,
      first: start.pieces,
      rest: pieces,
      recorder: startRecorder(deps, query, policy),
      facts,
      explain: collection.explain,
      close: collection.close,
      defer: deps.defer,
    },
    (answer) => keep(deps, query, policy, answer),
  );
  const stop = (reason: unknown): Promise<void> => {
    deadline.abort(reason);
    return live.answer.stop(reason);
  };
  // A client that neither reads nor leaves holds nothing beyond the query's time.
  signal.addEventListener("abort", () => void live.answer.stop(signal.reason), { once: true });
  return { own: { ...live.answer, stop }, landing: live.landing };
}

/**
 * Whether operators remember rows that they have given: what they hold once a large result leaves is more than a share
 * of the memory, and then it is too late to run again.
 */
function growsWithItsResult(prepared: PreparedQuery): boolean {
  return prepared.explain().text.some((line) => /^[ \->]*(Distinct|Union|Except|Recursive Union)\b(?! All)/.test(line));
}

function answerFacts(
  prepared: PreparedQuery,
  { startMs, scans }: Collection,
  rowCount: number,
  costMs: number,
): AnswerFacts {
  const sum = (pick: (scan: ScanStatistics) => number): number => scans.reduce((total, scan) => total + pick(scan), 0);
  return {
    tables: prepared.tables,
    asOfMs: startMs,
    cost: { bytes: sum((scan) => scan.bytesScanned), ms: costMs },
    meta: {
      rowCount,
      pattern: prepared.pattern,
      fingerprint: prepared.fingerprint,
      predicates: prepared.predicates,
      filesTotal: sum((scan) => scan.filesTotal),
      rowGroupsTotal: sum((scan) => scan.rowGroupsTotal),
      bytesTotal: sum((scan) => scan.bytesTotal),
    },
  };
}

function describe(stats: MutableStats, prepared: PreparedQuery): void {
  stats.query_pattern = prepared.pattern;
  stats.fingerprint = prepared.fingerprint;
  stats.tables = prepared.tables;
  stats.predicates = prepared.predicates;
}

function cancelled(): LakeError {
  return new LakeError("query_cancelled", "Whoever asked has left; the query was stopped.");
}

function timeExceeded(timeMs: number): LakeError {
  return new LakeError("time_limit_exceeded", `The query ran longer than its limit of ${timeMs} ms; it was stopped.`, {
    details: { time_limit_ms: timeMs },
  });
}
