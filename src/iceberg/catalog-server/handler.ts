// The Iceberg REST catalog as a fetch handler: plain code over a pointer store and a FileIO.
// Source: Iceberg REST OpenAPI.

import { LakeError, parseJson } from "#core";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { errorResponse, jsonResponse } from "./catalog-errors.ts";
import {
  createNamespace,
  dropNamespace,
  listNamespaces,
  loadNamespace,
  parseNamespace,
  updateNamespace,
} from "./namespace-routes.ts";
import { matchRoute, type PathParams, type Route } from "./router.ts";
import {
  createTable,
  dropTable,
  headTable,
  listTables,
  loadTable,
  registerTable,
  renameTable,
  reportMetrics,
  updateTable,
} from "./table-routes.ts";

interface RequestContext {
  readonly deps: CatalogServerDeps;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly readBody: () => Promise<unknown>;
}

const NAMESPACES = "/v1/namespaces";
const NAMESPACE = `${NAMESPACES}/{namespace}`;
const TABLES = `${NAMESPACE}/tables`;
const TABLE = `${TABLES}/{table}`;

function namespaceOf(params: PathParams): readonly string[] {
  return parseNamespace(params["namespace"] ?? "");
}

function tableOf(params: PathParams): { readonly namespace: readonly string[]; readonly name: string } {
  return { namespace: namespaceOf(params), name: params["table"] ?? "" };
}

/** Every endpoint that is answered; /v1/config advertises the list, with {prefix} as the protocol writes it. */
const ROUTES: readonly Route<RequestContext>[] = [
  { method: "GET", pattern: "/v1/config", handle: async () => configResponse() },
  { method: "GET", pattern: NAMESPACES, handle: (_, { deps, query }) => listNamespaces(deps, query) },
  {
    method: "POST",
    pattern: NAMESPACES,
    handle: async (_, { deps, readBody }) => createNamespace(deps, await readBody()),
  },
  { method: "GET", pattern: NAMESPACE, handle: async (params, { deps }) => loadNamespace(deps, namespaceOf(params)) },
  {
    method: "HEAD",
    pattern: NAMESPACE,
    handle: async (params, { deps }) => {
      await loadNamespace(deps, namespaceOf(params));
      return new Response(null, { status: 204 });
    },
  },
  {
    method: "DELETE",
    pattern: NAMESPACE,
    handle: async (params, { deps }) => dropNamespace(deps, namespaceOf(params)),
  },
  {
    method: "POST",
    pattern: `${NAMESPACE}/properties`,
    handle: async (params, { deps, readBody }) => updateNamespace(deps, namespaceOf(params), await readBody()),
  },
  { method: "GET", pattern: TABLES, handle: async (params, { deps }) => listTables(deps, namespaceOf(params)) },
  {
    method: "POST",
    pattern: TABLES,
    handle: async (params, { deps, readBody }) => createTable(deps, namespaceOf(params), await readBody()),
  },
  {
    method: "GET",
    pattern: TABLE,
    handle: async (params, { deps, query, headers }) =>
      loadTable(deps, tableOf(params), query, headers.get("if-none-match")),
  },
  { method: "HEAD", pattern: TABLE, handle: async (params, { deps }) => headTable(deps, tableOf(params)) },
  {
    method: "POST",
    pattern: TABLE,
    handle: async (params, { deps, readBody }) => updateTable(deps, tableOf(params), await readBody()),
  },
  {
    method: "DELETE",
    pattern: TABLE,
    handle: async (params, { deps, query }) => dropTable(deps, tableOf(params), query),
  },
  {
    method: "POST",
    pattern: `${NAMESPACE}/register`,
    handle: async (params, { deps, readBody }) => registerTable(deps, namespaceOf(params), await readBody()),
  },
  {
    method: "POST",
    pattern: `${TABLE}/metrics`,
    handle: async (params, { deps, readBody }) => reportMetrics(deps, tableOf(params), await readBody()),
  },
  {
    method: "POST",
    pattern: "/v1/tables/rename",
    handle: async (_, { deps, readBody }) => renameTable(deps, await readBody()),
  },
];

function configResponse(): Response {
  const endpoints = ROUTES.filter((route) => route.pattern !== "/v1/config").map(
    (route) => `${route.method} ${route.pattern.replace("/v1/", "/v1/{prefix}/")}`,
  );
  return jsonResponse({ defaults: {}, overrides: {}, endpoints });
}

/**
 * Answers Iceberg REST requests. Never rejects: every failure is a response in the protocol's error form, and a body
 * that is not what it should be is a 400.
 */
export function createCatalogHandler(deps: CatalogServerDeps): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const url = new URL(request.url);
      const { route, params } = matchRoute(ROUTES, request.method, url.pathname);
      return await route.handle(params, {
        deps,
        query: url.searchParams,
        headers: request.headers,
        readBody: () => readJsonBody(request),
      });
    } catch (error) {
      const response = errorResponse(error);
      if (response.status >= 500) deps.reportError?.(error);
      return request.method === "HEAD" ? new Response(null, { status: response.status }) : response;
    }
  };
}

async function readJsonBody(request: Request): Promise<unknown> {
  const text = await request.text();
  try {
    return parseJson(text);
  } catch (cause) {
    throw new LakeError("malformed_json", "The request body is not JSON.", { cause });
  }
}
