// POST /v1/events: events in, verdicts out. A 2xx means that every accepted event is durable.

import { LakeError, parseTableName, type TableIdentifier } from "#core";
import { jsonResponse, readBody, requireNamespace, requireScope, type HttpContext } from "#http";
import type { IngestReply } from "#ingest";
import { LATENCY_BOUNDS_SECONDS } from "#telemetry";
import { z } from "@hono/zod-openapi";
import type { RouteModule } from "../services.ts";

/** Bodies are read up to this size as sent; ingest bounds the decompressed size. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;
/** Up to this many events, a reply lists every verdict unless asked otherwise; beyond, only rejections. */
const FULL_VERDICTS_EVENTS = 100;
const EVENTS: TableIdentifier = { namespace: ["default"], name: "events" };
/** Tables that Firn writes about itself. Others could only forge them. */
const OWN_NAMESPACE = "system";

const VerdictSchema = z
  .union([
    z.object({ index: z.int(), status: z.enum(["accepted", "duplicate"]), event_id: z.string() }),
    z.object({
      index: z.int(),
      status: z.literal("rejected"),
      code: z.string(),
      pointer: z.string().openapi({ description: "JSON Pointer (RFC 6901) into the event." }),
      message: z.string(),
    }),
  ])
  .openapi("Verdict");

const ReplySchema = z
  .object({
    accepted: z.int(),
    duplicates: z.int(),
    rejected: z.int(),
    durable: z.literal(true),
    verdicts_included: z.enum(["all", "rejected"]),
    verdicts: z.array(VerdictSchema),
  })
  .openapi("IngestReply");

const QuerySchema = z.strictObject({
  verdicts: z
    .enum(["all", "rejected"])
    .optional()
    .openapi({
      description: `Which verdicts to list. Default: all up to ${FULL_VERDICTS_EVENTS} events, else the rejected ones.`,
    }),
});

const EventSchema = z
  .looseObject({
    event_id: z.string().optional().openapi({ description: "Generated when absent; deduplicates for 24 hours." }),
    event_type: z.string(),
    timestamp: z.string().optional().openapi({ description: "ISO 8601; the time of receipt when absent." }),
    user_id: z.string().optional(),
    session_id: z.string().optional(),
    properties: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi("Event");

const RAW_BODY = {
  contentTypes: ["application/json", "application/x-ndjson"],
  schema: z.union([EventSchema, z.array(EventSchema)]),
  description:
    "One object, an array, or NDJSON; Content-Encoding gzip or zstd. One bad event is rejected alone. " +
    "Idempotency-Key makes a repeated request answer as the first one did.",
};

const ERRORS = [
  "malformed_json",
  "malformed_body",
  "unsupported_media_type",
  "event_invalid",
  "idempotency_key_reused",
  "ingest_overloaded",
  "table_not_found",
  "namespace_not_found",
  "storage_unavailable",
] as const;

const REPLIES = { 200: { description: "At least one event is durable, or known already.", schema: ReplySchema } };

/** `curl -d` calls everything a form; events never are. */
function eventContentType(header: string | undefined): string | undefined {
  return header?.toLowerCase().startsWith("application/x-www-form-urlencoded") === true ? undefined : header;
}

function toReply(reply: IngestReply, wanted: "all" | "rejected" | undefined): Readonly<Record<string, unknown>> {
  const total = reply.accepted + reply.duplicates + reply.rejected;
  const included = wanted ?? (total <= FULL_VERDICTS_EVENTS ? "all" : "rejected");
  return {
    accepted: reply.accepted,
    duplicates: reply.duplicates,
    rejected: reply.rejected,
    verdicts_included: included,
    verdicts: included === "all" ? reply.verdicts : reply.verdicts.filter(({ status }) => status === "rejected"),
  };
}

/** `POST /v1/events` and `POST /v1/events/{namespace}/{table}`. */
export const eventRoutes: RouteModule = (app, { clock, ingest, metrics }) => {
  const events = metrics.counter({ name: "firn_ingest_events_total", help: "Events by table and verdict." });
  const durations = metrics.histogram(
    { name: "firn_ingest_duration_seconds", help: "Time from a batch's arrival to its durable acknowledgement." },
    LATENCY_BOUNDS_SECONDS,
  );

  const accept = async (c: HttpContext, table: TableIdentifier, wanted: "all" | "rejected" | undefined) => {
    const startedMs = clock.nowMs();
    const name = [...table.namespace, table.name].join(".");
    c.set("operation", { event: "ingest_batch", table: name });
    if (table.namespace[0] === OWN_NAMESPACE) requireScope(c.get("principal"), "admin");
    requireNamespace(c.get("principal"), table.namespace);
    const body = await readBody(c.req.raw, MAX_BODY_BYTES);
    const reply = await ingest.ingestEvents({
      table,
      body,
      contentType: eventContentType(c.req.header("content-type")),
      contentEncoding: c.req.header("content-encoding"),
      idempotencyKey: c.req.header("idempotency-key"),
    });
    const { accepted, duplicates, rejected } = reply;
    c.set("operation", {
      event: "ingest_batch",
      table: name,
      accepted,
      duplicates,
      rejected,
      body_bytes: body.length,
    });
    durations.observe({ table: name }, (clock.nowMs() - startedMs) / 1000);
    for (const [status, count] of Object.entries({ accepted, duplicate: duplicates, rejected })) {
      if (count > 0) events.add({ table: name, status }, count);
    }
    const answer = toReply(reply, wanted);
    if (rejected > 0 && accepted + duplicates === 0) {
      throw new LakeError("event_invalid", `All ${rejected} events were rejected; nothing was stored.`, {
        details: answer,
      });
    }
    return jsonResponse({ ...answer, durable: true });
  };

  app.route(
    {
      method: "post",
      path: "/v1/events",
      operationId: "postEvents",
      tag: "Events",
      summary: "Send events to default.events",
      description:
        "200 once every accepted event is durable. When every event is rejected: 422 `event_invalid`, with the " +
        "same counts and verdicts as members of the problem.",
      scope: "ingest",
      query: QuerySchema,
      rawBody: RAW_BODY,
      replies: REPLIES,
      errors: ERRORS,
    },
    ({ query }, c) => accept(c, EVENTS, query.verdicts),
  );

  app.route(
    {
      method: "post",
      path: "/v1/events/{namespace}/{table}",
      operationId: "postTableEvents",
      tag: "Events",
      summary: "Send events to any table",
      description: "As POST /v1/events, validated against the table's schema. The namespace `system` needs `admin`.",
      scope: "ingest",
      params: z.strictObject({
        namespace: z.string().min(1).max(255),
        table: z
          .string()
          .max(255)
          .regex(/^[^.#]+$/, "A table's name has no dots and no #."),
      }),
      query: QuerySchema,
      rawBody: RAW_BODY,
      replies: REPLIES,
      errors: ERRORS,
    },
    ({ params, query }, c) => accept(c, parseTableName(`${params.namespace}.${params.table}`), query.verdicts),
  );
};
