// /admin/compact, /admin/rewrite, the upkeep of tables and /admin/jobs: changes as jobs with visible progress.

import { fromRpcResult, type RpcResult } from "#core";
import { callUpstream, jsonResponse, type HttpContext } from "#http";
import { z } from "@hono/zod-openapi";
import type { JobCaller, RouteModule, UpkeepKind } from "../services.ts";

const MAX_BODY_BYTES = 64 * 1024;
const PART = "The compactor";

const SizeSchema = z
  .union([z.string(), z.number()])
  .openapi({ description: "Bytes, or with a unit: MB is 10^6, MiB is 2^20.", example: "50MB" });
const TableSchema = z.string().openapi({ description: "Default: events.", example: "default.events" });

// Loose: the compactor knows every option and names the nearest one for a misspelling.
const CompactSchema = z
  .looseObject({
    table: TableSchema.optional(),
    aggressive: z.boolean().optional().openapi({ description: "Merge wherever two files below the minimum meet." }),
    minFileSize: SizeSchema.optional(),
    targetFileSize: SizeSchema.optional(),
    minInputFiles: z.int().optional(),
    deleteFileThreshold: z
      .int()
      .optional()
      .openapi({ description: "Files that at least so many delete files apply to are rewritten." }),
    deleteRatio: z
      .number()
      .optional()
      .openapi({ description: "Files with at least this share of deleted rows are rewritten." }),
  })
  .openapi("CompactRequest", { example: { aggressive: true, minFileSize: "50MB" } });

const RewriteSchema = z
  .looseObject({
    table: TableSchema.optional(),
    sort: z
      .array(
        z.union([
          z.string(),
          z.looseObject({
            column: z.string(),
            transform: z.string().optional().openapi({ example: "day" }),
            direction: z.string().optional(),
            nullOrder: z.string().optional(),
          }),
        ]),
      )
      .optional()
      .openapi({ description: "Sort keys; default: the table's sort order." }),
    zorder: z
      .array(z.string())
      .optional()
      .openapi({
        description:
          "Columns to order by on a Z-curve, all alike, so that filters on any of them skip files. Not with sort.",
        example: ["user_id", "timestamp"],
      }),
    targetFileSize: SizeSchema.optional(),
  })
  .openapi("RewriteRequest", { example: { sort: ["timestamp", "event_type"], targetFileSize: "128MiB" } });

const OlderThanSchema = z.string().openapi({ example: "2026-11-01T00:00:00Z" });

const ExpireSchema = z
  .looseObject({
    table: TableSchema.optional(),
    olderThan: OlderThanSchema.optional().openapi({
      description: "Default: the table's policy. `now` means every snapshot that no branch or tag needs.",
    }),
    retainLast: z.int().optional().openapi({ description: "Snapshots of each branch that stay whatever their age." }),
  })
  .openapi("ExpireSnapshotsRequest", { example: { table: "events", olderThan: "2026-11-01T00:00:00Z" } });

const OrphansSchema = z
  .looseObject({
    table: TableSchema.optional(),
    olderThan: OlderThanSchema.optional().openapi({
      description: "Default: three days ago. Files younger than 24 hours always stay.",
    }),
    dryRun: z.boolean().optional().openapi({ description: "Names orphans and deletes nothing." }),
  })
  .openapi("RemoveOrphansRequest", { example: { table: "events", dryRun: true } });

const ManifestsSchema = z
  .looseObject({ table: TableSchema.optional() })
  .openapi("RewriteManifestsRequest", { example: { table: "events" } });

/** Upkeep routes: path and operation by kind. */
const UPKEEP: readonly {
  readonly kind: UpkeepKind;
  readonly operationId: string;
  readonly summary: string;
  readonly schema: typeof ExpireSchema | typeof OrphansSchema | typeof ManifestsSchema;
}[] = [
  {
    kind: "expire-snapshots",
    operationId: "startExpireSnapshots",
    summary: "Forget old snapshots and delete the files only they needed",
    schema: ExpireSchema,
  },
  {
    kind: "remove-orphans",
    operationId: "startRemoveOrphans",
    summary: "Delete old files that nothing in the table's metadata leads to",
    schema: OrphansSchema,
  },
  {
    kind: "rewrite-manifests",
    operationId: "startRewriteManifests",
    summary: "Group manifests so that scans skip more of them",
    schema: ManifestsSchema,
  },
];

const JobSchema = z
  .looseObject({
    id: z.string(),
    kind: z.string(),
    table: z.string(),
    state: z.enum(["queued", "running", "succeeded", "failed", "cancelled"]),
    progress: z.looseObject({
      files_done: z.number(),
      files_total: z.number(),
      bytes_done: z.number(),
      bytes_total: z.number(),
      rows_done: z.number(),
      rows_total: z.number(),
      percent: z.number(),
      eta_seconds: z.number().nullable(),
    }),
    result: z.unknown().optional(),
    error: z.unknown().optional(),
    options: z.unknown().optional(),
  })
  .openapi("Job");

const IdParams = z.strictObject({ id: z.string().min(1).max(200) });

async function start(c: HttpContext, begin: () => Promise<RpcResult<unknown>>): Promise<Response> {
  const job = fromRpcResult(await callUpstream(PART, begin)) as Readonly<Record<string, unknown>>;
  const id = String(job["id"]);
  c.set("operation", { event: "maintenance_job", job_id: id, kind: job["kind"], table: job["table"] });
  return jsonResponse(job, 202, { location: `/admin/jobs/${encodeURIComponent(id)}` });
}

function caller(c: HttpContext): JobCaller {
  return { userId: c.get("principal").name, requestId: c.get("requestId") };
}

/** `POST /admin/compact`, `POST /admin/rewrite`, and reading and cancelling their jobs. */
export const jobRoutes: RouteModule = (app, { compactor }) => {
  const startErrors = [
    "invalid_option",
    "undefined_column",
    "table_not_found",
    "job_conflict",
    "storage_unavailable",
  ] as const;
  const common = { tag: "Maintenance", scope: "admin" } as const;
  const started = { 202: { description: "The job; follow it at the Location.", schema: JobSchema } };
  const found = { 200: { description: "The job.", schema: JobSchema } };

  app.route(
    {
      ...common,
      method: "post",
      path: "/admin/compact",
      operationId: "startCompaction",
      summary: "Merge small files",
      body: { schema: CompactSchema, maxBytes: MAX_BODY_BYTES },
      replies: started,
      errors: startErrors,
    },
    ({ body }, c) => start(c, () => compactor.startCompact(body, caller(c))),
  );

  app.route(
    {
      ...common,
      method: "post",
      path: "/admin/rewrite",
      operationId: "startRewrite",
      summary: "Rewrite a table sorted or Z-ordered",
      body: { schema: RewriteSchema, maxBytes: MAX_BODY_BYTES },
      replies: started,
      errors: startErrors,
    },
    ({ body }, c) => start(c, () => compactor.startRewrite(body, caller(c))),
  );

  for (const { kind, operationId, summary, schema } of UPKEEP) {
    app.route(
      {
        ...common,
        method: "post",
        path: `/admin/${kind}`,
        operationId,
        summary,
        body: { schema, maxBytes: MAX_BODY_BYTES },
        replies: started,
        errors: startErrors,
      },
      ({ body }, c) => start(c, () => compactor.startUpkeep(kind, body, caller(c))),
    );
  }

  app.route(
    {
      ...common,
      method: "get",
      path: "/admin/jobs",
      operationId: "listJobs",
      summary: "List jobs, newest first",
      query: z.strictObject({
        table: z.string().min(1).max(512).optional(),
        limit: z.coerce.number().int().min(1).max(1000).optional(),
      }),
      replies: { 200: { description: "Jobs.", schema: z.object({ jobs: z.array(JobSchema) }).openapi("JobList") } },
    },
    async ({ query }) => {
      const filter = {
        ...(query.table === undefined ? {} : { table: query.table }),
        ...(query.limit === undefined ? {} : { limit: query.limit }),
      };
      return jsonResponse({ jobs: fromRpcResult(await callUpstream(PART, () => compactor.listJobs(filter))) });
    },
  );

  app.route(
    {
      ...common,
      method: "get",
      path: "/admin/jobs/{id}",
      operationId: "getJob",
      summary: "A job's state, progress and result",
      params: IdParams,
      replies: found,
      errors: ["job_not_found"],
    },
    async ({ params }) => jsonResponse(fromRpcResult(await callUpstream(PART, () => compactor.getJob(params.id)))),
  );

  app.route(
    {
      ...common,
      method: "delete",
      path: "/admin/jobs/{id}",
      operationId: "cancelJob",
      summary: "Cancel a job; the table stays as it is",
      params: IdParams,
      replies: found,
      errors: ["job_not_found", "job_conflict"],
    },
    async ({ params }) => jsonResponse(fromRpcResult(await callUpstream(PART, () => compactor.cancelJob(params.id)))),
  );
};
