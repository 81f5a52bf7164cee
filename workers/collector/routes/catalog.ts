// /catalog/v1/*: the Iceberg REST catalog for other engines, behind our tokens.

import { callUpstream, readBody } from "#http";
import { CALLER_HEADER, encodeCaller } from "#iceberg";
import { z } from "@hono/zod-openapi";
import { dropThroughCatalog, guardCatalogRequest, isDrop, isRename, renameThroughCatalog } from "../catalog-guard.ts";
import { isMetricsReport, keepScanReport } from "../scan-reports.ts";
import type { RouteModule } from "../services.ts";

/** Commits carry metadata, never data. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const PREFIX = "/catalog";

/** `/catalog/v1/{path}`; answers and errors are the Iceberg REST protocol's. */
export const catalogRoutes: RouteModule = (app, services) => {
  for (const method of ["get", "head", "post", "delete"] as const) {
    app.route(
      {
        method,
        path: "/catalog/v1/{path}",
        routerPath: "/catalog/v1/:path{.+}",
        operationId: `${method}Catalog`,
        tag: "Catalog",
        summary: "Iceberg REST catalog",
        description:
          "The Apache Iceberg REST catalog protocol: configuration, namespaces, tables, commits. Point an engine's " +
          "catalog URI at /catalog with a token of the scope `catalog`. Errors are in the protocol's own error model.",
        scope: "catalog",
        params: z.strictObject({ path: z.string().min(1) }),
        ...(method === "post"
          ? {
              rawBody: {
                contentTypes: ["application/json"],
                schema: z.looseObject({}),
                description: "As the Iceberg REST specification says.",
              },
            }
          : {}),
        replies: {
          200: { description: "As the Iceberg REST specification says.", schema: z.looseObject({}) },
          ...(method === "get" || method === "post" ? {} : { 204: { description: "Done, or there." } }),
        },
        errors: ["namespace_not_found", "table_not_found", "already_exists", "commit_conflict"],
      },
      async (_input, c) => {
        const url = new URL(c.req.url);
        const headers = new Headers(c.req.raw.headers);
        headers.delete("authorization");
        headers.delete("content-length");
        headers.set(CALLER_HEADER, encodeCaller(c.get("principal")));
        headers.set("x-request-id", c.get("requestId"));
        const { method: verb } = c.req.raw;
        const hasBody = verb !== "GET" && verb !== "HEAD";
        const path = url.pathname.slice(PREFIX.length);
        const body = hasBody ? await readBody(c.req.raw, MAX_BODY_BYTES) : undefined;
        if (body !== undefined) await guardCatalogRequest(services, verb, path, body);
        const request = new Request(`https://catalog${path}${url.search}`, {
          method: verb,
          headers,
          ...(body === undefined ? {} : { body }),
        });
        const send = (): Promise<Response> => callUpstream("The catalog", () => services.catalog.fetch(request));
        if (isDrop(verb, path)) return dropThroughCatalog(services, path, send);
        if (isRename(verb, path) && body !== undefined) return renameThroughCatalog(services, body, send);
        const response = await send();
        if (isMetricsReport(verb, path) && response.ok && body !== undefined) {
          keepScanReport(services, c, path, body);
        }
        return response;
      },
    );
  }
};
