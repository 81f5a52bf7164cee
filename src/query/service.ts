// Answers one query: validate, admit, plan, look in the cache, execute, encode, account.

import {
  InvariantViolation,
  LakeError,
  concatBytes,
  errorToProblem,
  parseTableName,
  stringToUtf8,
  stringifyJson,
  type ProblemDetails,
} from "#core";
import { isLarge, looseCacheKey } from "#cache";
import { changeTarget, type StatementTarget } from "#sql";
import { errorToLogFields, logEvent } from "#telemetry";
import { entryToAnswer, type Answer } from "./answer.ts";
import { runChange, type ChangeReport } from "./change/run-change.ts";
import { runDefinition, type DefinitionReport } from "./definition/run-definition.ts";
import { CONTENT_TYPES } from "./encode-result.ts";
import { INFORMATION_SCHEMA } from "./information-schema.ts";
import { jsonHead, jsonTail } from "./json-body.ts";
import { mayRead } from "./lake-catalog.ts";
import type { AnswerFacts, LiveAnswer } from "./live-answer.ts";
import type { QueryDeps } from "./query-deps.ts";
import {
  MIN_SHARED_AGE_SECONDS,
  resultTooLarge,
  tooManyRows,
  validateQueryRequest,
  type QueryRequest,
  type ValidQuery,
} from "./request.ts";
import { createResultBody, type BodySource } from "./result-body.ts";
import { isLive, runQuery, type RunOutcome } from "./run-query.ts";
import { finishStats, startStats, type MutableStats, type QueryStats } from "./stats.ts";

/** Who asks, and what they may do. */
export interface QueryContext {
  readonly queryId: string;
  readonly userId: string;
  /** Whether the caller's token has the scope `write`; absent: no. */
  readonly mayWrite?: boolean;
  /** Namespaces the caller reaches, with all below them; absent: all. */
  readonly namespaces?: readonly string[];
}

/** An answer or why there is none; either way with what the query did. */
export type QueryReply =
  | {
      readonly ok: true;
      readonly contentType: string;
      /** A stream when the result is large, which ends in an error when the query does. */
      readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
      /** Of a stream what is known when it starts. */
      readonly stats: QueryStats;
      /** Of a stream: resolves once it ended, however it did. */
      readonly finished?: () => Promise<QueryReport>;
    }
  | { readonly ok: false; readonly problem: ProblemDetails; readonly stats: QueryStats };

/** How a query ended whose result left while it was computed. */
export interface QueryReport {
  readonly stats: QueryStats;
  /** Present when the result is not complete. */
  readonly problem?: ProblemDetails;
}

/**
 * Answers a query. Never throws: failures are problem details.
 *
 * Cost: for an answer within `maxAge` no call at all while this isolate remembers it; for a current answer one
 * catalog call a table, one call a shard, and whatever the scans read that is not cached.
 */
export async function executeQuery(deps: QueryDeps, request: QueryRequest, context: QueryContext): Promise<QueryReply> {
  const stats = startStats(sqlText(request));
  try {
    const query = validateQueryRequest(request);
    const within = await answerWithinAge(deps, query, context, stats);
    if (within === undefined) {
      await deps.initParser();
      const target = changeTarget(query.sql);
      if (target !== undefined) return await replyToChange(deps, query, target, context, stats);
    }
    const outcome = within ?? (await answerAdmitted(deps, query, context, stats));
    return await replyWith(deps, query, context, stats, outcome);
  } catch (error) {
    const problem = noteFailure(deps, context, stats, error);
    return { ok: false, problem, stats: finishStats(stats) };
  }
}

/** Puts a failure into the statistics and, where it tells something of us, into the log. */
function noteFailure(deps: QueryDeps, { queryId }: QueryContext, stats: MutableStats, error: unknown): ProblemDetails {
  if (!(error instanceof LakeError)) {
    logEvent(deps.log, {
      event: "internal_error",
      level: "error",
      query_id: queryId,
      invariant: error instanceof InvariantViolation,
      ...errorToLogFields(error),
    });
  }
  const problem = errorToProblem(error);
  stats.success = false;
  stats.error_code = problem.code;
  if (problem.code === "query_cancelled") {
    // The reply reaches nobody: this line alone tells how far the query had come.
    const { exec_ms, bytes_scanned, storage_reads } = stats;
    logEvent(deps.log, { event: "query_stopped", query_id: queryId, exec_ms, bytes_scanned, storage_reads });
  }
  return problem;
}

/** The reply to a query whose answer is there or under way. */
export async function replyWith(
  deps: QueryDeps,
  query: ValidQuery,
  context: QueryContext,
  stats: MutableStats,
  outcome: RunOutcome,
): Promise<QueryReply> {
  const { answer } = outcome;
  const contentType = CONTENT_TYPES[query.format];
  const isJson = query.format === "json";
  const head = isJson
    ? jsonHead({ queryId: context.queryId, cache: stats.cache, ageMs: deps.clock.nowMs() - answer.asOfMs })
    : "";
  const tail = (): string => {
    if (!isJson) return "";
    const isWanted = query.profile || query.explainAnalyze;
    return jsonTail(outcome.timings(), isWanted ? { ...outcome.profile(), stats: finishStats(stats) } : undefined);
  };
  if (!isLive(answer)) {
    if (answer.meta.rowCount > query.limits.maxRows) throw tooManyRows(query.limits.maxRows);
    const { payload } = answer;
    const bytes = isLarge(payload) ? payload.sizeBytes : payload.length;
    if (bytes > query.limits.maxResultBytes) throw resultTooLarge(query.limits.maxResultBytes);
    applyAnswer(stats, answer);
    stats.success = true;
    if (!isLarge(payload)) {
      const body = isJson ? concatBytes([stringToUtf8(head), payload, stringToUtf8(tail())]) : payload;
      return { ok: true, contentType, body, stats: finishStats(stats) };
    }
  }
  const source = isLive(answer) ? liveSource(answer, stats) : await replaySource(deps, answer);
  const finished = Promise.withResolvers<QueryReport>();
  let isFinished = false;
  const finish = (problem: ProblemDetails | undefined, error: unknown): void => {
    if (isFinished) return;
    isFinished = true;
    if (problem !== undefined) noteFailure(deps, context, stats, error);
    finished.resolve({ stats: finishStats(stats), ...(problem === undefined ? {} : { problem }) });
  };
  const body = createResultBody(withEnvelope(source, head, tail), query.format, finish, deps.sleep);
  // Also a query that ends while nobody reads has ended.
  if (isLive(answer)) answer.ended.catch((error: unknown) => finish(errorToProblem(error), error));
  // Without a call for the report the body would be all that keeps this request alive.
  deps.defer(finished.promise.then(() => {}));
  return { ok: true, contentType, body, stats: finishStats(stats), finished: () => finished.promise };
}

/** The pieces of an answer under way, which are all of it when its statistics are. */
function liveSource(answer: LiveAnswer, stats: MutableStats): BodySource {
  return {
    async next() {
      const piece = await answer.next();
      if (piece === undefined) {
        applyAnswer(stats, await answer.ended);
        stats.success = true;
      }
      return piece;
    },
    stop: (reason) => answer.stop(reason),
  };
}

/** The pieces of a large answer that is in the cache. Errors: `rate_limited`. */
async function replaySource(deps: QueryDeps, { payload }: Answer): Promise<BodySource> {
  const lease = await deps.replays.acquire();
  const pieces = isLarge(payload) ? payload.read() : undefined;
  return {
    async next() {
      try {
        const piece = (await pieces?.next())?.value;
        if (piece === undefined) lease.release();
        return piece;
      } catch (error) {
        lease.release();
        throw error;
      }
    },
    async stop() {
      await pieces?.return(undefined);
      lease.release();
    },
  };
}

/** The source's pieces between two texts. */
function withEnvelope(source: BodySource, head: string, tail: () => string): BodySource {
  let place: "before" | "within" | "after" = head === "" ? "within" : "before";
  return {
    async next() {
      if (place === "after") return undefined;
      if (place === "before") {
        place = "within";
        return stringToUtf8(head);
      }
      const piece = await source.next();
      if (piece !== undefined) return piece;
      place = "after";
      const text = tail();
      return text === "" ? undefined : stringToUtf8(text);
    },
    stop: (reason) => source.stop(reason),
  };
}

/** Runs a statement that changes rows. Errors: `forbidden` without the scope; those of runChange. */
async function replyToChange(
  deps: QueryDeps,
  query: ValidQuery,
  target: StatementTarget,
  context: QueryContext,
  stats: MutableStats,
): Promise<QueryReply> {
  stats.operation = target.operation;
  // The constants of a change may be the very values it is to erase: they are never written down.
  stats.query_text = target.pattern;
  if (context.mayWrite !== true) {
    throw new LakeError("forbidden", "The token does not have the scope write; nothing was changed.", {
      details: { required_scope: "write" },
    });
  }
  const caller = { queryId: context.queryId, namespaces: context.namespaces };
  const lease = await deps.admission.acquire("exclusive");
  stats.queue_ms += lease.waitedMs;
  let report: ChangeReport | DefinitionReport;
  try {
    report =
      target.kind === "definition"
        ? await runDefinition(deps, query, target, caller, stats)
        : await runChange(deps, query, target, caller, stats);
  } finally {
    lease.release();
  }
  const changesAnswers = "outcome" in report ? report.outcome !== "created" : report.snapshot_id !== null;
  if (changesAnswers && target.operation !== "insert") forget(deps, report.table, context);
  stats.success = true;
  const body = new Uint8Array(stringToUtf8(stringifyJson({ query_id: context.queryId, ...report })));
  return { ok: true, contentType: CONTENT_TYPES.json, body, stats: finishStats(stats) };
}

/**
 * Deletes the answers that hold rows of a table that lost some. No current answer could show them, since its key
 * names the files it was computed from; this removes the bytes, and the older answers that `maxAge` accepts.
 */
function forget(deps: QueryDeps, table: string, { queryId }: QueryContext): void {
  const forgetting = deps.cache.purge({ table }).catch((error: unknown) => {
    logEvent(deps.log, { event: "internal_error", level: "error", query_id: queryId, ...errorToLogFields(error) });
  });
  deps.footers.clear();
  deps.manifests.clear();
  deps.defer(forgetting.then(() => {}));
}

/** The client accepts an older answer: neither parser nor catalog is needed when one is at hand. */
export async function answerWithinAge(
  deps: QueryDeps,
  query: ValidQuery,
  { namespaces }: QueryContext,
  stats: MutableStats,
): Promise<RunOutcome | undefined> {
  if (query.maxAgeSeconds === 0 || query.cache === "bypass" || query.explainAnalyze || query.profile) return undefined;
  const startMs = deps.clock.nowMs();
  const key = await looseCacheKey(query);
  const hit = await deps.cache.lookupWithin(
    key,
    query.maxAgeSeconds * 1000,
    query.maxAgeSeconds >= MIN_SHARED_AGE_SECONDS,
  );
  const answer = hit === undefined ? undefined : entryToAnswer(hit.entry);
  if (hit === undefined || answer === undefined) return undefined;
  // Names that are listed are those that the caller reaches.
  if (answer.tables.some((table) => table.startsWith(`${INFORMATION_SCHEMA}.`))) return undefined;
  // Whoever asked first may have reached more namespaces.
  if (!answer.tables.every((table) => mayRead(parseTableName(table).namespace, namespaces))) return undefined;
  stats.cache = `stale-${hit.tier}`;
  stats.exec_ms = deps.clock.nowMs() - startMs;
  const { exec_ms: lookupMs } = stats;
  return {
    answer,
    timings: () => ({ cache_lookup_ms: lookupMs, total_ms: lookupMs }),
    profile: () => ({ plan: null, operators: [], scans: [] }),
  };
}

/**
 * Runs the query beside others with a share of the isolate's memory, and alone with all it may use when that was too
 * little: what a query answers must not depend on who else is asking.
 */
async function answerAdmitted(
  deps: QueryDeps,
  query: ValidQuery,
  context: QueryContext,
  stats: MutableStats,
): Promise<RunOutcome> {
  const { memoryBytes } = query.limits;
  const mayNeedAll = memoryBytes > deps.sharedMemoryBytes;
  if (!mayNeedAll) return runAdmitted(deps, query, context, stats, "shared");
  if (deps.heavy.get(query.sql) === undefined) {
    // A share that does not suffice ends at once: with all of the memory less is put aside, or nothing.
    const share = { ...query, mayRunAgain: true, limits: { ...query.limits, memoryBytes: deps.sharedMemoryBytes } };
    try {
      const outcome = await runAdmitted(deps, share, context, stats, "shared");
      // What has left cannot be taken back: who asks again is answered alone.
      if (isLive(outcome.answer)) outcome.answer.ended.catch((error: unknown) => rememberHeavy(deps, query, error));
      return outcome;
    } catch (error) {
      if (!rememberHeavy(deps, query, error)) throw error;
    }
  }
  return runAdmitted(deps, query, context, stats, "exclusive");
}

/** Whether a query needed more memory than its share, which is remembered. */
function rememberHeavy(deps: QueryDeps, { sql }: ValidQuery, error: unknown): boolean {
  if (!(error instanceof LakeError) || error.code !== "memory_limit_exceeded") return false;
  deps.heavy.set(sql, true, sql.length * 2);
  return true;
}

async function runAdmitted(
  deps: QueryDeps,
  query: ValidQuery,
  { namespaces }: QueryContext,
  stats: MutableStats,
  kind: "shared" | "exclusive",
): Promise<RunOutcome> {
  const lease = await deps.admission.acquire(kind);
  stats.queue_ms += lease.waitedMs;
  const release = (): void => lease.release();
  let answer: RunOutcome["answer"] | undefined;
  try {
    const outcome = await runQuery(deps, query, namespaces, stats);
    ({ answer } = outcome);
    return outcome;
  } finally {
    if (answer !== undefined && isLive(answer)) answer.ended.then(release, release);
    else release();
  }
}

function applyAnswer(stats: MutableStats, answer: AnswerFacts): void {
  const { meta } = answer;
  stats.rows_returned = meta.rowCount;
  stats.tables = answer.tables;
  stats.query_pattern = meta.pattern;
  stats.fingerprint = meta.fingerprint;
  stats.predicates = meta.predicates;
  stats.files_total = meta.filesTotal;
  stats.row_groups_total = Math.max(stats.row_groups_total, meta.rowGroupsTotal);
  stats.bytes_total = meta.bytesTotal;
}

function sqlText(request: QueryRequest): string {
  const sql: unknown = (request as Partial<QueryRequest> | null | undefined)?.sql;
  return typeof sql === "string" ? sql : "";
}
