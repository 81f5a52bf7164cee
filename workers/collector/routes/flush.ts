// POST /admin/flush: bring acknowledged rows into their table now, without waiting for size or age.

import { parseTableName, tableNameToString } from "#core";
import { TableNameSchema, callUpstream, jsonResponse } from "#http";
import { z } from "@hono/zod-openapi";
import type { RouteModule } from "../services.ts";

const MAX_BODY_BYTES = 64 * 1024;

const FlushSchema = z
  .strictObject({ table: TableNameSchema.default("events") })
  .openapi("FlushRequest", { example: { table: "events" } });

const ReportSchema = z
  .object({
    table: z.string(),
    rows: z.int(),
    files: z.int(),
    bytes: z.int(),
    shards: z.array(
      z.looseObject({ shard: z.int(), rows: z.int(), files: z.int(), bytes: z.int(), pendingRows: z.int() }),
    ),
  })
  .openapi("FlushReport");

/** `POST /admin/flush`. */
export const flushRoutes: RouteModule = (app, { catalog, ingest }) => {
  app.route(
    {
      method: "post",
      path: "/admin/flush",
      operationId: "flush",
      tag: "Administration",
      summary: "Flush a table's shards now",
      scope: "admin",
      body: { schema: FlushSchema, maxBytes: MAX_BODY_BYTES },
      replies: { 200: { description: "Every row acknowledged before is in the table.", schema: ReportSchema } },
      errors: ["table_not_found", "namespace_not_found", "storage_unavailable", "commit_conflict"],
    },
    async ({ body }, c) => {
      const { identifier } = await catalog.client.loadTable(parseTableName(body.table));
      const reports = await callUpstream("An ingest shard", () =>
        Promise.all(
          ingest.shards(identifier).map(async (shard, index) => ({ shard: index, ...(await shard.flush()) })),
        ),
      );
      const sum = (pick: (report: (typeof reports)[number]) => number): number =>
        reports.reduce((total, report) => total + pick(report), 0);
      const report = {
        table: tableNameToString(identifier),
        rows: sum(({ rows }) => rows),
        files: sum(({ files }) => files),
        bytes: sum(({ bytes }) => bytes),
      };
      c.set("operation", { event: "shard_flush", ...report });
      return jsonResponse({ ...report, shards: reports });
    },
  );
};
