// /, /healthz, /openapi.json, /docs: public.

import { DOCS_CONTENT_SECURITY_POLICY, jsonResponse, renderDocsPage } from "#http";
import { z } from "@hono/zod-openapi";
import type { RouteModule } from "../services.ts";

/** The routes that need no token. Added last: the document holds every route added before it is first asked for. */
export const documentationRoutes: RouteModule = (app) => {
  let document: Readonly<Record<string, unknown>> | undefined;
  const openApiDocument = (): Readonly<Record<string, unknown>> => (document ??= app.openApiDocument());
  const common = { method: "get", tag: "Documentation", scope: "public" } as const;

  app.route(
    {
      ...common,
      path: "/healthz",
      operationId: "getHealth",
      summary: "Whether the front door answers",
      replies: { 200: { description: "It does.", schema: z.object({ status: z.literal("ok") }).openapi("Health") } },
    },
    () => jsonResponse({ status: "ok" }),
  );

  app.route(
    {
      ...common,
      path: "/openapi.json",
      operationId: "getOpenApi",
      summary: "This document",
      replies: { 200: { description: "OpenAPI 3.1.", schema: z.looseObject({ openapi: z.string() }) } },
    },
    () => jsonResponse(openApiDocument()),
  );

  app.route(
    {
      ...common,
      path: "/docs",
      operationId: "getDocs",
      summary: "This document as a page",
      replies: { 200: { description: "HTML without scripts.", contentTypes: ["text/html"] } },
    },
    () =>
      new Response(renderDocsPage(openApiDocument()), {
        headers: {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": DOCS_CONTENT_SECURITY_POLICY,
        },
      }),
  );

  app.route(
    {
      ...common,
      path: "/",
      operationId: "getRoot",
      summary: "Where people start",
      replies: { 302: { description: "To the description of this API." } },
    },
    () => new Response(null, { status: 302, headers: { location: "/docs" } }),
  );
};
