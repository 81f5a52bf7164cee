// The record of every query: one `query_latency` line and one row of system.query_logs, for answered, failed and
// cancelled queries alike.

import { LakeError, errorToProblem, type ProblemDetails } from "#core";
import type { QueryContext, QueryReply, QueryRequest, QueryStats } from "#query";
import { errorToLogFields, logEvent } from "#telemetry";
import type { QuestionMemory } from "./question-memory.ts";
import type { QueryLogRows } from "./query-log-rows.ts";
import type { CollectorServices } from "./services.ts";

/** What is known of a query once it ended. Statistics are absent when the query Worker gave no reply. */
export interface QueryRecord {
  readonly context: QueryContext;
  readonly requestId: string;
  readonly sql: string;
  readonly startedMs: number;
  readonly latencyMs: number;
  readonly stats: Readonly<Record<string, unknown>>;
  readonly success: boolean;
  readonly errorCode: string | undefined;
}

/** A query's end: its reply, the problem it met, or the client's leaving. */
export type QueryEnd =
  | { readonly kind: "reply"; readonly reply: QueryReply }
  | { readonly kind: "problem"; readonly problem: ProblemDetails }
  | { readonly kind: "cancelled"; readonly stats?: QueryStats };

function cancelled(signal: AbortSignal): { readonly promise: Promise<QueryEnd>; stop(): void } {
  const { promise, resolve } = Promise.withResolvers<QueryEnd>();
  const leave = (): void => resolve({ kind: "cancelled" });
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  return { promise, stop: () => signal.removeEventListener("abort", leave) };
}

/**
 * Runs a query in the query Worker; ends early, there too, when the client leaves. `questions` tells which to ask of the
 * cache first. Never throws.
 */
export async function runQuery(
  services: Pick<CollectorServices, "query" | "log">,
  request: QueryRequest,
  context: QueryContext,
  signal: AbortSignal,
  questions?: QuestionMemory,
): Promise<QueryEnd> {
  const departure = cancelled(signal);
  const execution = answer(services.query, request, context, signal, questions).then(
    (reply): QueryEnd => ({ kind: "reply", reply }),
    (cause: unknown): QueryEnd => {
      const error = new LakeError("upstream_unavailable", "The query engine did not answer; nothing was returned.", {
        cause,
      });
      logEvent(services.log, {
        event: "internal_error",
        level: "error",
        query_id: context.queryId,
        ...errorToLogFields(error),
      });
      return { kind: "problem", problem: errorToProblem(error) };
    },
  );
  try {
    return await Promise.race([execution, departure.promise]);
  } finally {
    departure.stop();
  }
}

/**
 * A question that the cache answered last time is first asked of the cache alone: passing on the signal by which a query
 * is stopped costs as much as such an answer. What the cache no longer knows is executed, with the signal.
 */
async function answer(
  query: CollectorServices["query"],
  request: QueryRequest,
  context: QueryContext,
  signal: AbortSignal,
  questions: QuestionMemory | undefined,
): Promise<QueryReply> {
  const { sql } = request;
  const known = questions?.has(sql) === true ? await query.answerKnown(request, context) : undefined;
  if (known !== undefined) return known;
  const reply = await query.execute(request, context, signal);
  questions?.note(sql, reply);
  return reply;
}

/** How a query ended whose result left as a stream, once it did; other ends are what they were. Never throws. */
export async function finishedEnd(end: QueryEnd): Promise<QueryEnd> {
  if (end.kind !== "reply" || !end.reply.ok || end.reply.finished === undefined) return end;
  try {
    const { stats, problem } = await end.reply.finished();
    if (problem?.code === "query_cancelled") return { kind: "cancelled", stats };
    return problem === undefined
      ? { kind: "reply", reply: { ...end.reply, stats } }
      : { kind: "reply", reply: { ok: false, problem, stats } };
  } catch (cause) {
    const error = new LakeError("upstream_unavailable", "The query engine went away before the result was complete.", {
      cause,
    });
    return { kind: "problem", problem: errorToProblem(error) };
  }
}

/** The error code that a query's end goes by in logs; `cancelled` is no error of ours and has no status. */
export function queryErrorCode(end: QueryEnd): string | undefined {
  switch (end.kind) {
    case "reply":
      return end.reply.ok ? undefined : end.reply.problem.code;
    case "problem":
      return end.problem.code;
    case "cancelled":
      return "cancelled";
  }
}

/** Writes the line now and the row with those of the next moment. */
export async function recordQuery(
  { log }: Pick<CollectorServices, "log">,
  rows: QueryLogRows,
  record: QueryRecord,
): Promise<void> {
  const { context } = record;
  const row = {
    query_text: record.sql,
    ...record.stats,
    query_id: context.queryId,
    timestamp: new Date(record.startedMs).toISOString(),
    user_id: context.userId,
    latency: record.latencyMs,
    success: record.success,
    error_code: record.errorCode ?? null,
  };
  const { latency, query_id, ...rest } = row;
  logEvent(log, { event: "query_latency", latency, query_id, request_id: record.requestId, ...rest });
  await rows.add(row);
}
