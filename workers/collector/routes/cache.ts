// /admin/cache: what the result cache did, dropping what it holds, and filling it before anybody asks.

import type { InvalidationTarget } from "#cache";
import {
  fromRpcResult,
  parseJson,
  parseTableName,
  problemToError,
  tableNameToString,
  utf8ToString,
  uuidv7,
  type RpcResult,
} from "#core";
import { TableNameSchema, callUpstream, jsonResponse } from "#http";
import { MAX_TAG_LENGTH, bodyToBytes, drainBody, type QueryContext, type QueryRequest } from "#query";
import { z } from "@hono/zod-openapi";
import { finishedEnd, queryErrorCode, runQuery } from "../query-log.ts";
import type { CollectorServices, RouteModule } from "../services.ts";

const MAX_BODY_BYTES = 64 * 1024;
const PART = "The query engine";

const MAX_PATTERN_LENGTH = 1000;
const TARGETS = ["table", "tag", "pattern", "all"] as const;

const InvalidateSchema = z
  .strictObject({
    table: TableNameSchema.optional(),
    tag: z.string().min(1).max(MAX_TAG_LENGTH).optional(),
    pattern: z
      .string()
      .min(1)
      .max(MAX_PATTERN_LENGTH)
      .optional()
      .openapi({ description: "The whole SQL text with * and ?; letters' case and runs of spaces do not matter." }),
    all: z.literal(true).optional(),
  })
  .refine(
    (body) => TARGETS.filter((name) => body[name] !== undefined).length === 1,
    'Name one of "table", "tag", "pattern", or "all": true.',
  )
  .openapi("CacheInvalidation", { example: { table: "events" } });

function targetOf(body: z.output<typeof InvalidateSchema>): InvalidationTarget {
  if (body.table !== undefined) return { table: tableNameToString(parseTableName(body.table)) };
  if (body.tag !== undefined) return { tag: body.tag };
  if (body.pattern !== undefined) return { pattern: body.pattern.trim().replaceAll(/\s+/g, " ") };
  return { all: true };
}

const MAX_WARMED = 50;
const DEFAULT_WARMED = 10;
const DAY_SECONDS = 86_400;

const WarmUpSchema = z
  .strictObject({
    queries: z
      .array(
        z.strictObject({
          sql: z.string().min(1),
          params: z.array(z.unknown()).optional(),
          tags: z.array(z.string()).optional(),
        }),
      )
      .min(1)
      .max(MAX_WARMED)
      .optional(),
    top: z
      .int()
      .min(1)
      .max(MAX_WARMED)
      .optional()
      .openapi({
        description: `Without queries: how many of those of query_logs that cost the most time; default ${DEFAULT_WARMED}.`,
      }),
    windowSeconds: z
      .int()
      .min(60)
      .max(30 * DAY_SECONDS)
      .optional()
      .openapi({ description: "How far back query_logs are looked at; default a day." }),
  })
  .refine(({ queries, top }) => queries === undefined || top === undefined, 'Give "queries" or "top", not both.')
  .openapi("CacheWarmUp", { example: { top: 10 } });

/** What one query of a warm-up did. */
interface WarmedQuery {
  readonly sql: string;
  /** Where its answer came from: `miss` was computed and is in the cache now. */
  readonly cache: unknown;
  readonly latency_ms: number;
  readonly error_code: string | null;
}

/** The texts whose executions took the most time in all; parameters are not kept, so texts with them are left out. */
const VALUABLE_SQL = `
  SELECT query_text FROM system.query_logs
  WHERE timestamp > now() - $1 * interval '1 second' AND success AND cache IN ('miss', 'partial', 'bypass')
    AND query_text !~ '\\$[0-9]' AND query_text !~* 'query_logs'
  GROUP BY query_text ORDER BY sum(latency) DESC, query_text LIMIT $2`;

/** Replies of the query Worker's cache methods, with or without the result wrapper. */
function unwrap(reply: unknown): unknown {
  const isResult = typeof reply === "object" && reply !== null && "ok" in reply;
  return isResult ? fromRpcResult(reply as RpcResult<unknown>) : reply;
}

/** The queries to warm: those named, or the most valuable ones. Errors: those of the query over query_logs. */
async function queriesToWarm(
  services: CollectorServices,
  { queries, top = DEFAULT_WARMED, windowSeconds = DAY_SECONDS }: z.output<typeof WarmUpSchema>,
  context: QueryContext,
): Promise<readonly QueryRequest[]> {
  if (queries !== undefined) {
    return queries.map(({ sql, params, tags }) => ({
      sql,
      ...(params === undefined ? {} : { params }),
      ...(tags === undefined ? {} : { tags }),
    }));
  }
  const request = { sql: VALUABLE_SQL, params: [windowSeconds, top], cache: "bypass" } as const;
  const reply = await callUpstream(PART, () => services.query.execute(request, context));
  if (!reply.ok) throw problemToError(reply.problem, "The query over query_logs failed.");
  const { rows } = parseJson(utf8ToString(await bodyToBytes(reply.body))) as {
    readonly rows: readonly { readonly query_text: string }[];
  };
  return rows.map(({ query_text: sql }) => ({ sql }));
}

/** `/admin/cache/*`. */
export const cacheRoutes: RouteModule = (app, services) => {
  const { query, clock, random } = services;
  app.route(
    {
      method: "get",
      path: "/admin/cache/statistics",
      operationId: "getCacheStatistics",
      tag: "Administration",
      summary: "Result cache: hits, misses, entries, bytes",
      scope: "admin",
      replies: { 200: { description: "Counters of the answering isolate.", schema: z.looseObject({}) } },
    },
    async () => jsonResponse(unwrap(await callUpstream(PART, () => query.cacheStatistics())) ?? {}),
  );

  app.route(
    {
      method: "post",
      path: "/admin/cache/invalidate",
      operationId: "invalidateCache",
      tag: "Administration",
      summary: "Stop using cached results: of a table, with a tag, of questions like a pattern, or all",
      scope: "admin",
      body: { schema: InvalidateSchema, maxBytes: MAX_BODY_BYTES },
      replies: { 200: { description: "Older results are no longer used.", schema: z.looseObject({}) } },
      errors: ["storage_unavailable"],
    },
    async ({ body }) => {
      const target = targetOf(body);
      const reply = unwrap(await callUpstream(PART, () => query.cacheInvalidate(target)));
      return jsonResponse({ invalidated: target, ...(typeof reply === "object" ? reply : {}) });
    },
  );

  app.route(
    {
      method: "post",
      path: "/admin/cache/warm-up",
      operationId: "warmUpCache",
      tag: "Administration",
      summary: "Answer queries ahead, so that they are in the cache when they are asked",
      description:
        "Runs the given queries, or those of query_logs that cost the most time, one after the other and in JSON. " +
        "What fails is told and keeps nothing else from being warmed.",
      scope: "admin",
      body: { schema: WarmUpSchema, maxBytes: MAX_BODY_BYTES },
      replies: { 200: { description: "What each query did.", schema: z.looseObject({}) } },
      errors: ["upstream_unavailable"],
    },
    async ({ body }, c) => {
      const newContext = (): QueryContext => ({ queryId: uuidv7(clock, random), userId: c.get("principal").name });
      const warmed: WarmedQuery[] = [];
      for (const request of await queriesToWarm(services, body, newContext())) {
        const startedMs = clock.nowMs();
        const end = await runQuery(services, request, newContext(), c.req.raw.signal);
        if (end.kind === "cancelled") break;
        // A large result is in the cache once all of it has left.
        if (end.kind === "reply" && end.reply.ok) await drainBody(end.reply.body).catch(() => {});
        const last = await finishedEnd(end);
        warmed.push({
          sql: request.sql,
          cache: last.kind === "reply" ? last.reply.stats.cache : null,
          latency_ms: clock.nowMs() - startedMs,
          error_code: queryErrorCode(last) ?? null,
        });
      }
      const failed = warmed.filter(({ error_code: code }) => code !== null).length;
      return jsonResponse({ warmed: warmed.length - failed, failed, queries: warmed });
    },
  );
};
