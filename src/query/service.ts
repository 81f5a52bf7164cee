// Answers one query: validate, admit, plan, look in the cache, execute, encode, account.

import {
  InvariantViolation,
  LakeError,
  errorToProblem,
  parseTableName,
  stringToUtf8,
  stringifyJson,
  type ProblemDetails,
} from "#core";
import { looseCacheKey } from "#cache";
import { changeTarget, type StatementTarget } from "#sql";
import { errorToLogFields, logEvent } from "#telemetry";
import { entryToAnswer, type Answer } from "./answer.ts";
import { runChange, type ChangeReport } from "./change/run-change.ts";
import { runDefinition, type DefinitionReport } from "./definition/run-definition.ts";
import { CONTENT_TYPES } from "./encode-result.ts";
import { INFORMATION_SCHEMA } from "./information-schema.ts";
import { jsonBody, type QueryTimings } from "./json-body.ts";
import { mayRead } from "./lake-catalog.ts";
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
    const within = await answerWithinAge(deps, query, context, stats);
    if (within === undefined) {
      await deps.initParser();
      const target = changeTarget(query.sql);
      if (target !== undefined) return await replyToChange(deps, query, target, context, stats);
    }
    const answered = within ?? (await answerAdmitted(deps, query, context, stats));
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
    if (problem.code === "query_cancelled") {
      // The reply reaches nobody: this line alone tells how far the query had come.
      const { exec_ms, bytes_scanned, storage_reads } = stats;
      logEvent(deps.log, { event: "query_stopped", query_id: context.queryId, exec_ms, bytes_scanned, storage_reads });
    }
    return { ok: false, problem, stats: finishStats(stats) };
  }
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

/** An answer with what the request that got it may show. */
interface Answered {
  readonly answer: Answer;
  readonly timings: QueryTimings;
  readonly profile: RunProfile;
}

/** The client accepts an older answer: neither parser nor catalog is needed when one is at hand. */
async function answerWithinAge(
  deps: QueryDeps,
  query: ValidQuery,
  { namespaces }: QueryContext,
  stats: MutableStats,
): Promise<Answered | undefined> {
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
async function answerAdmitted(
  deps: QueryDeps,
  query: ValidQuery,
  context: QueryContext,
  stats: MutableStats,
): Promise<Answered> {
  const { memoryBytes } = query.limits;
  const mayNeedAll = memoryBytes > deps.sharedMemoryBytes;
  if (!mayNeedAll) return runAdmitted(deps, query, context, stats, "shared");
  if (deps.heavy.get(query.sql) === undefined) {
    // A share that does not suffice ends at once: with all of the memory less is put aside, or nothing.
    const share = { ...query, maySpill: false, limits: { ...query.limits, memoryBytes: deps.sharedMemoryBytes } };
    try {
      return await runAdmitted(deps, share, context, stats, "shared");
    } catch (error) {
      if (!(error instanceof LakeError) || error.code !== "memory_limit_exceeded") throw error;
      deps.heavy.set(query.sql, true, query.sql.length * 2);
    }
  }
  return runAdmitted(deps, query, context, stats, "exclusive");
}

async function runAdmitted(
  deps: QueryDeps,
  query: ValidQuery,
  { namespaces }: QueryContext,
  stats: MutableStats,
  kind: "shared" | "exclusive",
): Promise<Answered> {
  const lease = await deps.admission.acquire(kind);
  stats.queue_ms += lease.waitedMs;
  try {
    return await runQuery(deps, query, namespaces, stats);
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
