// What a route is: where it listens, who may call it, what it takes and what it answers. One description serves
// validation, authorization and OpenAPI, so they cannot disagree.

import { ERROR_CODES, type ErrorCode } from "#core";
import { z, type RouteConfig } from "@hono/zod-openapi";
import type { Scope } from "./tokens.ts";

/** HTTP methods that routes use. HEAD is answered by GET routes. */
export type RouteMethod = "get" | "post" | "put" | "delete" | "head";

/** A body that is JSON, whatever its Content-Type says. */
export interface JsonBodySpec<B extends z.ZodType> {
  readonly schema: B;
  readonly maxBytes: number;
  readonly description?: string;
}

/** A body that the handler reads itself; here only for its documentation. */
export interface RawBodySpec {
  readonly contentTypes: readonly string[];
  readonly schema: z.ZodType;
  readonly description: string;
}

/** One kind of success. */
export interface ReplySpec {
  readonly description: string;
  /** JSON replies. */
  readonly schema?: z.ZodType;
  /** Replies in other formats, beside or instead of JSON. */
  readonly contentTypes?: readonly string[];
}

/** A route. `P`, `Q` and `B` are the schemas of path parameters, query parameters and body. */
export interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: RouteMethod;
  /** OpenAPI template, such as /v1/tables/{namespace}/{table}. */
  readonly path: string;
  /** Set when one parameter spans several segments: the router's own pattern. */
  readonly routerPath?: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly scope: Scope | "public";
  readonly params?: P;
  readonly query?: Q;
  readonly body?: JsonBodySpec<B>;
  readonly rawBody?: RawBodySpec;
  readonly replies: Readonly<Record<number, ReplySpec>>;
  /** Codes beyond those that every route with its scope and inputs can answer. */
  readonly errors?: readonly ErrorCode[];
}

/** Problem details as OpenAPI knows them. */
export const ProblemSchema = z
  .object({
    type: z.string().openapi({ format: "uri", example: "urn:firn:problem:invalid_request" }),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string().openapi({ description: "What happened and what was not done." }),
    hint: z.string().openapi({ description: "What to do next." }),
    instance: z.string(),
    request_id: z.string(),
  })
  .catchall(z.unknown())
  .openapi("Problem", { description: "RFC 9457 problem details; `code` is stable, branch on it." });

/** A table as clients write it: `events`, `system.query_logs`. */
export const TableNameSchema = z
  .string()
  .min(1)
  .max(512)
  .openapi({ description: "A table; unqualified names are in `default`.", example: "default.events" });

type OpenApiResponses = RouteConfig["responses"];

/** The codes that a route can answer beyond its own. */
function commonErrors(spec: RouteSpec<z.ZodType, z.ZodType, z.ZodType>): readonly ErrorCode[] {
  const codes: ErrorCode[] = [];
  if (spec.scope !== "public") codes.push("unauthenticated", "forbidden");
  if (spec.params !== undefined || spec.query !== undefined || spec.body !== undefined) codes.push("invalid_request");
  if (spec.body !== undefined) codes.push("malformed_json", "malformed_body", "unsupported_media_type");
  if (spec.body !== undefined || spec.rawBody !== undefined) codes.push("body_too_large");
  if (spec.scope !== "public") codes.push("upstream_unavailable");
  return codes;
}

function errorReplies(codes: readonly ErrorCode[]): OpenApiResponses {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const replies: OpenApiResponses = {};
  for (const [status, names] of byStatus) {
    replies[status] = {
      description: names
        .map((code) => `\`${code}\`: ${ERROR_CODES[code].title}. ${ERROR_CODES[code].hint}`)
        .join("\n\n"),
      content: { "application/problem+json": { schema: ProblemSchema } },
    };
  }
  return replies;
}

function successReplies(replies: Readonly<Record<number, ReplySpec>>): OpenApiResponses {
  const documented: OpenApiResponses = {};
  for (const [status, reply] of Object.entries(replies)) {
    const content: Record<string, { schema: z.ZodType }> = {};
    if (reply.schema !== undefined) content["application/json"] = { schema: reply.schema };
    for (const contentType of reply.contentTypes ?? []) content[contentType] = { schema: z.string() };
    documented[status] = {
      description: reply.description,
      headers: { "x-request-id": { description: "Names this request in the logs.", schema: { type: "string" } } },
      ...(Object.keys(content).length === 0 ? {} : { content }),
    };
  }
  return documented;
}

function requestBody(spec: RouteSpec<z.ZodType, z.ZodType, z.ZodType>): NonNullable<RouteConfig["request"]>["body"] {
  if (spec.body !== undefined) {
    return {
      description: spec.body.description ?? "JSON; the Content-Type header is not looked at.",
      required: !spec.body.schema.safeParse({}).success,
      content: { "application/json": { schema: spec.body.schema } },
    };
  }
  if (spec.rawBody === undefined) return undefined;
  const { schema, contentTypes, description } = spec.rawBody;
  return { description, required: true, content: Object.fromEntries(contentTypes.map((type) => [type, { schema }])) };
}

/** A route as OpenAPI describes it. */
export function routeToOpenApi(spec: RouteSpec<z.ZodType, z.ZodType, z.ZodType>): RouteConfig {
  const body = requestBody(spec);
  return {
    method: spec.method,
    path: spec.path,
    operationId: spec.operationId,
    tags: [spec.tag],
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    security: spec.scope === "public" ? [] : [{ bearer: [spec.scope] }],
    request: {
      ...(spec.params === undefined ? {} : { params: spec.params as z.ZodObject }),
      ...(spec.query === undefined ? {} : { query: spec.query as z.ZodObject }),
      ...(body === undefined ? {} : { body }),
    },
    responses: { ...successReplies(spec.replies), ...errorReplies([...(spec.errors ?? []), ...commonErrors(spec)]) },
  };
}
