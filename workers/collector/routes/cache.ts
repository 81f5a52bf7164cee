// /admin/cache: what the result cache holds, and dropping it.

import { fromRpcResult, parseTableName, tableNameToString, type RpcResult } from "#core";
import { TableNameSchema, callUpstream, jsonResponse } from "#http";
import { z } from "@hono/zod-openapi";
import type { RouteModule } from "../services.ts";

const MAX_BODY_BYTES = 64 * 1024;
const PART = "The query engine";

const InvalidateSchema = z
  .strictObject({ table: TableNameSchema.optional(), all: z.literal(true).optional() })
  .refine(({ table, all }) => (table === undefined) !== (all === undefined), 'Name either a "table" or "all": true.')
  .openapi("CacheInvalidation", { example: { table: "events" } });

/** Replies of the query Worker's cache methods, with or without the result wrapper. */
function unwrap(reply: unknown): unknown {
  const isResult = typeof reply === "object" && reply !== null && "ok" in reply;
  return isResult ? fromRpcResult(reply as RpcResult<unknown>) : reply;
}

/** `GET /admin/cache/statistics` and `POST /admin/cache/invalidate`. */
export const cacheRoutes: RouteModule = (app, { query }) => {
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
      summary: "Stop using cached results of a table, or all",
      scope: "admin",
      body: { schema: InvalidateSchema, maxBytes: MAX_BODY_BYTES },
      replies: { 200: { description: "Older results are no longer used.", schema: z.looseObject({}) } },
      errors: ["storage_unavailable"],
    },
    async ({ body }) => {
      const target =
        body.table === undefined ? ({ all: true } as const) : { table: tableNameToString(parseTableName(body.table)) };
      const reply = unwrap(await callUpstream(PART, () => query.cacheInvalidate(target)));
      return jsonResponse({ invalidated: target, ...(typeof reply === "object" ? reply : {}) });
    },
  );
};
