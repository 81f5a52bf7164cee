// Answers one query: validate, admit, plan, look in the cache, execute, encode, account.

import { InvariantViolation, LakeError, errorToProblem, type ProblemDetails } from "#core";
import { looseCacheKey } from "#cache";
import { errorToLogFields, logEvent } from "#telemetry";
import { entryToAnswer, type Answer } from "./answer.ts";
import { CONTENT_TYPES } from "./encode-result.ts";
import { jsonBody, type QueryTimings } from "./json-body.ts";
import type { QueryDeps } from "./query-deps.ts";
import {
  MIN_SHARED_AGE_SECONDS,
  tooManyRows,
  validateQueryRequest,
  type QueryRequest,
  type ValidQuery,
} from "./request.ts";
import { runQuery, type RunProfile } from "./run-query.ts";
import { finishStats, startStats, type MutableStats, type QueryStats } from "./stats.ts";

/** Who asks. */
export interface QueryContext {
  readonly queryId: string;
  readonly userId: string;
}

/** An answer or why there is none; either way with what the query did. */
export type QueryReply =
  | {
      readonly ok: true;
      readonly contentType: string;
      /** At most 25 MiB and the JSON envelope. */
      readonly body: Uint8Array<ArrayBuffer>;
      readonly stats: QueryStats;
    }
  | { readonly ok: false; readonly problem: ProblemDetails; readonly stats: QueryStats };

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
    const answered = (await answerWithinAge(deps, query, stats)) ?? (await answerAdmitted(deps, query, stats));
    const { answer } = answered;
    if (answer.meta.rowCount > query.limits.maxRows) throw tooManyRows(query.limits.maxRows);
    applyAnswer(stats, answer);
    stats.success = true;
    const body =
      query.format === "json"
        ? jsonBody({
            queryId: context.queryId,
            cache: stats.cache,
            ageMs: deps.clock.nowMs() - answer.asOfMs,
            payload: answer.payload,
            profile:
              query.profile || query.explainAnalyze ? { ...answered.profile, stats: finishStats(stats) } : undefined,
            timings: answered.timings,
          })
        : answer.payload;
    return { ok: true, contentType: CONTENT_TYPES[query.format], body, stats: finishStats(stats) };
  } catch (error) {
    if (!(error instanceof LakeError)) {
      logEvent(deps.log, {
        event: "internal_error",
        level: "error",
        query_id: context.queryId,
        invariant: error instanceof InvariantViolation,
        ...errorToLogFields(error),
      });
    }
    const problem = errorToProblem(error);
    stats.error_code = problem.code;
    return { ok: false, problem, stats: finishStats(stats) };
  }
}

/** An answer with what the request that got it may show. */
interface Answered {
  readonly answer: Answer;
  readonly timings: QueryTimings;
  readonly profile: RunProfile;
}

/** The client accepts an older answer: neither parser nor catalog is needed when one is at hand. */
async function answerWithinAge(deps: QueryDeps, query: ValidQuery, stats: MutableStats): Promise<Answered | undefined> {
  if (query.maxAgeSeconds === 0 || query.cache === "bypass" || query.explainAnalyze || query.profile) return undefined;
  const startMs = deps.clock.nowMs();
  const key = await looseCacheKey(query.sql, query.params, query.format);
  const hit = await deps.cache.lookupWithin(
    key,
    query.maxAgeSeconds * 1000,
    query.maxAgeSeconds >= MIN_SHARED_AGE_SECONDS,
  );
  const answer = hit === undefined ? undefined : entryToAnswer(hit.entry);
  if (hit === undefined || answer === undefined) return undefined;
  stats.cache = `stale-${hit.tier}`;
  stats.exec_ms = deps.clock.nowMs() - startMs;
  return {
    answer,
    timings: { cache_lookup_ms: stats.exec_ms, total_ms: stats.exec_ms },
    profile: { plan: null, operators: [], scans: [] },
  };
}

/**
 * Runs the query beside others with a share of the isolate's memory, and alone with all it may use when that was too
 * little: what a query answers must not depend on who else is asking.
 */
async function answerAdmitted(deps: QueryDeps, query: ValidQuery, stats: MutableStats): Promise<Answered> {
  const { memoryBytes } = query.limits;
  const mayNeedAll = memoryBytes > deps.sharedMemoryBytes;
  if (!mayNeedAll) return runAdmitted(deps, query, stats, "shared");
  if (deps.heavy.get(query.sql) === undefined) {
    const share = { ...query, limits: { ...query.limits, memoryBytes: deps.sharedMemoryBytes } };
    try {
      return await runAdmitted(deps, share, stats, "shared");
    } catch (error) {
      if (!(error instanceof LakeError) || error.code !== "memory_limit_exceeded") throw error;
      deps.heavy.set(query.sql, true, query.sql.length * 2);
    }
  }
  return runAdmitted(deps, query, stats, "exclusive");
}

async function runAdmitted(
  deps: QueryDeps,
  query: ValidQuery,
  stats: MutableStats,
  kind: "shared" | "exclusive",
): Promise<Answered> {
  const lease = await deps.admission.acquire(kind);
  stats.queue_ms += lease.waitedMs;
  try {
    return await runQuery(deps, query, stats);
  } finally {
    lease.release();
  }
}

function applyAnswer(stats: MutableStats, answer: Answer): void {
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
