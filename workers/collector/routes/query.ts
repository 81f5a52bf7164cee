// POST /v1/query: SQL in, rows out, and a record of it in system.query_logs.

import { problemToError, uuidv7 } from "#core";
import { hasScope, type HttpContext, type TokenLimits } from "#http";
import { DEFAULT_LIMITS, MAX_TAGS, RESULT_FORMATS, type ResultFormat, MAX_TAG_LENGTH, type QueryRequest } from "#query";
import { LATENCY_BOUNDS_SECONDS } from "#telemetry";
import { z } from "@hono/zod-openapi";
import { createQueryLogRows, mayReadQueryLogs } from "../query-log-rows.ts";
import { finishedEnd, queryErrorCode, recordQuery, runQuery } from "../query-log.ts";
import { createQuestionMemory } from "../question-memory.ts";
import type { RouteModule } from "../services.ts";

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_AGE_SECONDS = 86_400;

const FORMATS = RESULT_FORMATS;
type Format = ResultFormat;

const FORMAT_BY_MEDIA_TYPE: ReadonlyMap<string, Format> = new Map([
  ["application/x-ndjson", "ndjson"],
  ["text/csv", "csv"],
  ["application/vnd.apache.arrow.stream", "arrow"],
  ["application/vnd.apache.parquet", "parquet"],
]);

const LimitSchema = z.number().min(1).optional();

const ScalarSchema = z.union([z.null(), z.boolean(), z.number(), z.bigint(), z.string()]);
const ParameterSchema = z.union([ScalarSchema, z.array(ScalarSchema)]);

const TagsSchema = z.array(z.string().min(1).max(MAX_TAG_LENGTH)).max(MAX_TAGS);

const QuerySchema = z
  .strictObject({
    sql: z
      .string()
      .min(1)
      .max(256 * 1024)
      .openapi({
        description:
          "One PostgreSQL SELECT; with a token of the scope write also INSERT, UPDATE, DELETE, MERGE, TRUNCATE.",
        example: "SELECT event_type, count(*) FROM events GROUP BY 1",
      }),
    params: z
      .union([z.array(z.unknown()).max(65_535), z.record(z.string(), z.unknown())])
      .superRefine((params, context) => {
        const isNumbered = Array.isArray(params);
        for (const [key, value] of Object.entries(params)) {
          if (ParameterSchema.safeParse(value).success) continue;
          const path = [isNumbered ? Number(key) : key];
          context.addIssue({ code: "custom", path, message: "must be a JSON scalar or an array of them" });
        }
      })
      .optional()
      .openapi({
        description: "Values of $1, $2, … as an array, or of :name as an object; scalars, and arrays for = ANY($1).",
      }),
    profile: z.boolean().optional().openapi({ description: "Adds plan, timings and scan statistics (json format)." }),
    explainAnalyze: z.boolean().optional().openapi({ description: "Runs uncached and adds what every operator did." }),
    maxAge: z
      .number()
      .min(0)
      .max(MAX_AGE_SECONDS)
      .optional()
      .openapi({ description: "Accept an answer that was right at most this many seconds ago." }),
    cache: z.enum(["use", "bypass"]).optional(),
    tags: TagsSchema.optional().openapi({ description: "Words by which the cached answer can be invalidated." }),
    engine: z
      .enum(["auto", "firn"])
      .optional()
      .openapi({ description: "Which engine runs it; Firn's own is the only one." }),
    format: z.enum(FORMATS).optional().openapi({ description: "Default: what Accept asks for, else json." }),
    limits: z
      .strictObject({
        rows: LimitSchema,
        resultBytes: LimitSchema,
        scannedBytes: LimitSchema,
        memoryBytes: LimitSchema,
        timeMs: LimitSchema,
      })
      .optional()
      .openapi({
        description:
          "Budgets of this query; beyond them it ends with 422, or with a body that breaks off when more than 1 MiB of " +
          "the result has left.",
      }),
  })
  .openapi("QueryRequest");

const ChangeReplySchema = z
  .looseObject({
    query_id: z.string(),
    operation: z.enum(["insert", "update", "delete", "merge"]),
    table: z.string(),
    rows_inserted: z.int(),
    rows_updated: z.int(),
    rows_deleted: z.int(),
    files_added: z.int(),
    files_removed: z.int(),
    delete_files_added: z.int(),
    snapshot_id: z.string().nullable().openapi({ description: "Decimal; null when nothing was committed." }),
    attempts: z.int(),
  })
  .openapi("ChangeReply");

const RowsReplySchema = z
  .looseObject({
    query_id: z.string(),
    columns: z.array(z.looseObject({ name: z.string(), type: z.string() })),
    rows: z.array(z.record(z.string(), z.unknown())).openapi({
      description: "Objects by column name; integers beyond 2^53 are strings.",
    }),
    row_count: z.int(),
    cache: z.unknown(),
    profile: z.unknown().optional(),
    timings: z.unknown().optional(),
    plan: z.unknown().optional(),
  })
  .openapi("QueryReply");

const ReplySchema = z.union([RowsReplySchema, ChangeReplySchema]);

function chooseFormat(asked: Format | undefined, accept: string | undefined): Format {
  if (asked !== undefined) return asked;
  const [first = ""] = (accept ?? "").split(/[,;]/, 1);
  return FORMAT_BY_MEDIA_TYPE.get(first.trim().toLowerCase()) ?? "json";
}

/** Without absent members: the query Worker takes an absent member as its default. */
function toRequest(body: z.output<typeof QuerySchema>, format: Format): QueryRequest {
  const { engine: _engine, ...request } = body;
  return Object.fromEntries(
    Object.entries({ ...request, format }).filter(([, value]) => value !== undefined),
  ) as unknown as QueryRequest;
}

/** The request with no more than the token's limits. */
function withinLimits(request: QueryRequest, limits: TokenLimits | undefined): QueryRequest {
  if (limits === undefined) return request;
  const asked = request.limits ?? {};
  const least = (name: keyof TokenLimits, otherwise: number): number =>
    Math.min(asked[name] ?? otherwise, limits[name] ?? Number.POSITIVE_INFINITY);
  return {
    ...request,
    limits: {
      rows: least("rows", DEFAULT_LIMITS.maxRows),
      resultBytes: least("resultBytes", DEFAULT_LIMITS.maxResultBytes),
      scannedBytes: least("scannedBytes", DEFAULT_LIMITS.maxScannedBytes),
      memoryBytes: least("memoryBytes", DEFAULT_LIMITS.memoryBytes),
      timeMs: least("timeMs", DEFAULT_LIMITS.timeMs),
    },
  };
}

/** `POST /v1/query`. */
export const queryRoutes: RouteModule = (app, services) => {
  const { clock, random, metrics } = services;
  const durations = metrics.histogram(
    {
      name: "firn_query_duration_seconds",
      help: "Time from a query's arrival to its reply, by outcome and cache tier.",
    },
    LATENCY_BOUNDS_SECONDS,
  );
  const logRows = createQueryLogRows(services);
  const questions = createQuestionMemory();

  const execute = async (body: z.output<typeof QuerySchema>, c: HttpContext): Promise<Response> => {
    const principal = c.get("principal");
    const { namespaces } = principal;
    const context = {
      queryId: uuidv7(clock, random),
      userId: principal.name,
      mayWrite: hasScope(principal, "write"),
      ...(namespaces === undefined ? {} : { namespaces }),
    };
    const request = withinLimits(toRequest(body, chooseFormat(body.format, c.req.header("accept"))), principal.limits);
    const startedMs = clock.nowMs();
    if (mayReadQueryLogs(body.sql)) await logRows.flush();
    // The clock of a Worker moves only across I/O: the call to the query Worker is that border.
    const end = await runQuery(services, request, context, c.req.raw.signal, questions);
    const record = async (): Promise<void> => {
      const last = await finishedEnd(end);
      const latencyMs = clock.nowMs() - startedMs;
      const errorCode = queryErrorCode(last);
      const known = last.kind === "reply" ? last.reply.stats : last.kind === "cancelled" ? last.stats : undefined;
      const stats = (known ?? {}) as unknown as Readonly<Record<string, unknown>>;
      const { cache } = stats;
      durations.observe(
        { outcome: errorCode ?? "success", cache: typeof cache === "string" ? cache : "none" },
        latencyMs / 1000,
      );
      await recordQuery(services, logRows, {
        context,
        requestId: c.get("requestId"),
        sql: body.sql,
        startedMs,
        latencyMs,
        stats,
        success: errorCode === undefined,
        errorCode,
      });
    };
    c.set("operation", "logged");
    c.executionCtx.waitUntil(record());
    if (end.kind === "cancelled") return new Response(null, { status: 499 });
    if (end.kind === "problem") throw problemToError(end.problem, "The query failed.");
    if (!end.reply.ok) throw problemToError({ ...end.reply.problem, query_id: context.queryId }, "The query failed.");
    return new Response(end.reply.body as BodyInit, {
      headers: {
        "content-type": end.reply.contentType,
        "cache-control": "no-store",
        "x-query-id": context.queryId,
      },
    });
  };

  app.route(
    {
      method: "post",
      path: "/v1/query",
      operationId: "postQuery",
      tag: "Query",
      summary: "Run SQL",
      description:
        "Acknowledged events are seen by the next query. Every query is one row of system.query_logs and one " +
        "`query_latency` log line under the reply's x-query-id. A statement that changes rows needs the scope write, " +
        "covers every event acknowledged before it, is one atomic commit, and is answered in JSON with what it did; so does " +
        "one that creates, alters or drops a table or view.",
      scope: "query",
      body: { schema: QuerySchema, maxBytes: MAX_BODY_BYTES },
      replies: {
        200: {
          description: "The result in the format asked for.",
          schema: ReplySchema,
          contentTypes: [...FORMAT_BY_MEDIA_TYPE.keys()],
        },
      },
      errors: [
        "sql_syntax_error",
        "sql_unsupported",
        "undefined_table",
        "undefined_snapshot",
        "snapshot_expired",
        "table_not_found",
        "view_not_found",
        "namespace_not_found",
        "already_exists",
        "invalid_option",
        "undefined_column",
        "undefined_function",
        "ambiguous_column",
        "type_mismatch",
        "grouping_error",
        "invalid_parameter",
        "invalid_text_representation",
        "division_by_zero",
        "numeric_out_of_range",
        "sql_runtime_error",
        "not_null_violation",
        "cardinality_violation",
        "forbidden",
        "commit_conflict",
        "commit_state_unknown",
        "unsupported_operation",
        "memory_limit_exceeded",
        "bytes_limit_exceeded",
        "rows_limit_exceeded",
        "time_limit_exceeded",
        "rate_limited",
        "data_invalid",
        "storage_unavailable",
      ],
    },
    ({ body }, c) => {
      // Runs on when the client leaves, so that the record of a cancelled query is still written.
      const answer = execute(body, c);
      c.executionCtx.waitUntil(answer.catch(() => undefined));
      return answer;
    },
  );
};
