// The HTTP application: every request gets an id, every error a problem body, every operation one log line, and
// every route its authorization, limits and validation before its handler runs.

import { LakeError, errorToProblem, stringifyJson, type Clock, type RandomSource } from "#core";
import { errorToLogFields, logEvent, type LogEvent, type LogSink } from "#telemetry";
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { cors } from "hono/cors";
import { parseJsonBody, readBody } from "./body.ts";
import { problemResponse, toLakeError, type ErrorFormat } from "./errors.ts";
import { REQUEST_ID_HEADER, chooseRequestId } from "./request-id.ts";
import { routeToOpenApi, type RouteSpec } from "./route-spec.ts";
import { authenticate, requireScope, type Principal, type TokenEntry } from "./tokens.ts";
import { validate } from "./validation.ts";

/** What travels with a request. */
export interface RequestVariables {
  requestId: string;
  startedMs: number;
  /** The route's template, for logs and metrics. */
  route: string;
  principal: Principal;
  /** What the log line says beside the request itself; "logged" when the handler wrote its own line. */
  operation: LogEvent | "logged";
}

/** Hono's context with our variables. */
export type HttpContext = Context<{ Variables: RequestVariables }>;

/** A finished request, for metrics. */
export interface FinishedRequest {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
}

/** What the application needs of its surroundings. */
export interface HttpAppDeps {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: LogSink;
  readonly tokens: readonly TokenEntry[];
  /** Origins whose pages may call the API; none by default. "*" allows all. */
  readonly corsOrigins?: readonly string[];
  /** How a path reports errors; problem details when absent. */
  readonly errorFormat?: (path: string) => ErrorFormat;
  readonly onFinished?: (request: FinishedRequest) => void;
}

/** A validated request. */
export interface RouteInput<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

/** Answers a validated request. A thrown {@link LakeError} becomes the error response. */
export type RouteHandler<P, Q, B> = (input: RouteInput<P, Q, B>, c: HttpContext) => Promise<Response> | Response;

/** The application while routes are added and when it serves. */
export interface HttpApp {
  route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
    spec: RouteSpec<P, Q, B>,
    handler: RouteHandler<z.output<P>, z.output<Q>, z.output<B>>,
  ): void;
  fetch(request: Request, env?: object, ctx?: { waitUntil(promise: Promise<unknown>): void }): Promise<Response>;
  /** The OpenAPI 3.1 document of all routes. */
  openApiDocument(): Readonly<Record<string, unknown>>;
  /** Method and path template of all routes, in the order they were added. */
  routes(): readonly { readonly method: string; readonly path: string }[];
}

/** A JSON response; bigint is written as an integer. */
export function jsonResponse(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(stringifyJson(value), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
}

const UNMATCHED_ROUTE = "unmatched";

function templateToPattern(path: string): RegExp {
  const escaped = path.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/\{path\}/g, ".+").replaceAll(/\{[^}]+\}/g, "[^/]+")}$`);
}

function logRequest(deps: HttpAppDeps, c: HttpContext, durationMs: number, problemCode: string | undefined): void {
  const operation = c.get("operation");
  if (operation === "logged") return;
  logEvent(deps.log, {
    ...operation,
    request_id: c.get("requestId"),
    method: c.req.method,
    path: c.req.path,
    route: c.get("route"),
    status: c.res.status,
    duration_ms: durationMs,
    user_id: c.get("principal")?.name,
    error_code: problemCode,
    ...(c.res.status >= 500 ? { level: "error" as const } : {}),
  });
}

/** Builds an application without routes. */
export function createHttpApp(deps: HttpAppDeps): HttpApp {
  const hono = new OpenAPIHono<{ Variables: RequestVariables }>();
  const known: { readonly method: string; readonly path: string; readonly pattern: RegExp }[] = [];
  hono.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "A token with the scope that the operation names; `admin` implies all scopes.",
  });

  const fail = (error: unknown, c: HttpContext): Response => {
    const lakeError = toLakeError(error);
    if (lakeError.status >= 500) {
      logEvent(deps.log, {
        event: "internal_error",
        level: "error",
        request_id: c.get("requestId"),
        route: c.get("route"),
        ...errorToLogFields(lakeError),
      });
    }
    c.set("operation", withErrorCode(c.get("operation"), lakeError));
    return problemResponse(errorToProblem(lakeError), {
      requestId: c.get("requestId"),
      format: deps.errorFormat?.(c.req.path) ?? "problem",
      sentToken: c.req.header("authorization") !== undefined,
    });
  };

  hono.use("*", async (c, next) => {
    const startedMs = deps.clock.nowMs();
    c.set("requestId", chooseRequestId(c.req.header(REQUEST_ID_HEADER), deps.clock, deps.random));
    c.set("startedMs", startedMs);
    c.set("route", UNMATCHED_ROUTE);
    c.set("operation", { event: "http_request" });
    await next();
    c.res = withHeaders(c.res, { [REQUEST_ID_HEADER]: c.get("requestId"), "x-content-type-options": "nosniff" });
    const durationMs = deps.clock.nowMs() - startedMs;
    const operation = c.get("operation");
    const errorCode = operation === "logged" ? undefined : operation["error_code"];
    logRequest(deps, c, durationMs, typeof errorCode === "string" ? errorCode : undefined);
    deps.onFinished?.({ route: c.get("route"), method: c.req.method, status: c.res.status, durationMs });
  });
  if (deps.corsOrigins !== undefined && deps.corsOrigins.length > 0) {
    hono.use(
      "*",
      cors({
        origin: deps.corsOrigins.includes("*") ? "*" : [...deps.corsOrigins],
        allowHeaders: ["authorization", "content-type", "content-encoding", "idempotency-key", REQUEST_ID_HEADER],
        allowMethods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
        exposeHeaders: [REQUEST_ID_HEADER, "retry-after", "location"],
        maxAge: 3600,
      }),
    );
  }
  hono.onError((error, c) => fail(error, c));
  hono.notFound((c) => {
    const allow = known.filter((route) => route.pattern.test(c.req.path)).map((route) => route.method.toUpperCase());
    if (allow.length === 0) {
      return fail(new LakeError("not_found", `There is nothing at ${c.req.path}.`), c);
    }
    const allowed = [...new Set(allow.includes("GET") ? [...allow, "HEAD"] : allow)];
    return fail(
      new LakeError("method_not_allowed", `${c.req.path} does not take ${c.req.method}; nothing was done.`, {
        details: { allow: allowed },
      }),
      c,
    );
  });

  return {
    route(spec, handler) {
      hono.openAPIRegistry.registerPath(routeToOpenApi(spec));
      known.push({ method: spec.method, path: spec.path, pattern: templateToPattern(spec.path) });
      const routerPath = spec.routerPath ?? spec.path.replaceAll(/\{([^}]+)\}/g, ":$1");
      hono.on(spec.method.toUpperCase(), routerPath, async (c) => {
        c.set("route", spec.path);
        if (spec.scope !== "public") {
          const principal = await authenticate(deps.tokens, c.req.header("authorization"));
          c.set("principal", principal);
          requireScope(principal, spec.scope);
        }
        const { params, query, body } = spec;
        return handler(
          {
            params: (params && validate(params, c.req.param(), "path")) as z.output<NonNullable<typeof params>>,
            query: (query && validate(query, c.req.query(), "query")) as z.output<NonNullable<typeof query>>,
            body: (body && (await readJson(c.req.raw, body))) as z.output<NonNullable<typeof body>["schema"]>,
          },
          c,
        );
      });
    },
    fetch: async (request, env, ctx) => hono.fetch(request, env, ctx as Parameters<typeof hono.fetch>[2]),
    openApiDocument: () =>
      hono.getOpenAPI31Document({
        openapi: "3.1.0",
        info: {
          title: "Firn",
          version: "0.1.0",
          description:
            "Events in, Apache Iceberg tables out, SQL over both. Errors are RFC 9457 problem details; `code` is stable.",
        },
        servers: [{ url: "/" }],
      }) as unknown as Readonly<Record<string, unknown>>,
    routes: () => known.map(({ method, path }) => ({ method, path })),
  };
}

/** Adds headers in place, or to a copy: headers of responses from other Workers are immutable. */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  try {
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    return response;
  } catch {
    return withHeaders(new Response(response.body, response), headers);
  }
}

function withErrorCode(operation: LogEvent | "logged", error: LakeError): LogEvent | "logged" {
  return operation === "logged" ? operation : { ...operation, error_code: error.code, error: error.message };
}

async function readJson(
  request: Request,
  body: { readonly schema: z.ZodType; readonly maxBytes: number },
): Promise<unknown> {
  const bytes = await readBody(request, body.maxBytes);
  // A body may be left out where every field has a default.
  const value = parseJsonBody(bytes, request.headers.get("content-encoding"));
  return validate(body.schema, value === undefined ? {} : value, "body");
}
