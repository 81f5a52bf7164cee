// The Iceberg REST catalog as a fetch handler: plain code over a pointer store and a FileIO.
// Source: Iceberg REST OpenAPI.

import { LakeError, parseJson, type TableIdentifier } from "#core";
import { readCaller, requireRead, requireWrite, seesNamespace } from "./caller.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { errorResponse, jsonResponse } from "./catalog-errors.ts";
import { IDEMPOTENCY_KEY_LIFETIME, answerOnce } from "./idempotency.ts";
import { noSuchNamespace, parseNamespace } from "./names.ts";
import {
  createNamespace,
  dropNamespace,
  headNamespace,
  listNamespaces,
  loadNamespace,
  repeatNamespaceCreate,
  repeatNamespaceUpdate,
  updateNamespace,
} from "./namespace-routes.ts";
import { cancelPlan, fetchPlan, fetchTasks, planTable } from "./plan-routes.ts";
import type { RequestContext } from "./request-context.ts";
import { matchRoute, type PathParams, type RoutePattern } from "./router.ts";
import { signRequest } from "./sign-routes.ts";
import {
  commitTransaction,
  createTable,
  dropTable,
  headTable,
  listTables,
  loadCredentials,
  loadTable,
  registerTable,
  renameTable,
  repeatTable,
  reportMetrics,
  unregisterTable,
  updateTable,
} from "./table-routes.ts";
import {
  createView,
  dropView,
  headView,
  listViews,
  loadView,
  registerView,
  renameView,
  repeatView,
  updateView,
} from "./view-routes.ts";

type Handle = (context: RequestContext, params: PathParams) => Promise<Response>;
/** Answers again; `made` is what the store kept of the change. */
type Repeat = (context: RequestContext, params: PathParams, made: string) => Promise<Response>;
type RepeatNamed = (context: RequestContext, name: TableIdentifier, made: string) => Promise<Response>;

/** One endpoint. */
interface CatalogRoute extends RoutePattern {
  readonly handle: Handle;
  /** What the token needs in the path's namespace; endpoints without one check what their bodies name. */
  readonly access: "read" | "write" | "see";
  /** For what changes something: the reply to a request whose change was made before. */
  readonly repeat?: Repeat;
  /** Whether /v1/config lists it: clients may call what is listed. */
  readonly isAdvertised?: false;
  readonly isRefused?: true;
}

const NAMESPACES = "/v1/namespaces";
const NAMESPACE = `${NAMESPACES}/{namespace}`;
const TABLES = `${NAMESPACE}/tables`;
const TABLE = `${TABLES}/{table}`;
const PLAN = `${TABLE}/plan/{plan-id}`;
const VIEWS = `${NAMESPACE}/views`;
const VIEW = `${VIEWS}/{view}`;

function namespaceOf(params: PathParams): readonly string[] {
  return parseNamespace(params["namespace"] ?? "");
}

function tableOf(params: PathParams): TableIdentifier {
  return { namespace: namespaceOf(params), name: params["table"] ?? "" };
}

function viewOf(params: PathParams): TableIdentifier {
  return { namespace: namespaceOf(params), name: params["view"] ?? "" };
}

const onNamespace =
  (handle: (context: RequestContext, namespace: readonly string[]) => Promise<Response>): Handle =>
  (context, params) =>
    handle(context, namespaceOf(params));
const onTable =
  (handle: (context: RequestContext, table: TableIdentifier) => Promise<Response>): Handle =>
  (context, params) =>
    handle(context, tableOf(params));
const onPlan =
  (handle: (context: RequestContext, table: TableIdentifier, planId: string) => Promise<Response>): Handle =>
  (context, params) =>
    handle(context, tableOf(params), params["plan-id"] ?? "");
const onView =
  (handle: (context: RequestContext, view: TableIdentifier) => Promise<Response>): Handle =>
  (context, params) =>
    handle(context, viewOf(params));

const noContent = async (): Promise<Response> => new Response(null, { status: 204 });

/** Answers for what a create made, by the name its body gives. */
const repeatNamed =
  (repeat: RepeatNamed): Repeat =>
  (context, params, made) => {
    const { name } = context.body as { readonly name?: unknown };
    return repeat(context, { namespace: namespaceOf(params), name: String(name) }, made);
  };

const repeatOnTable: Repeat = (context, params, made) => repeatTable(context, tableOf(params), made);
const repeatOnView: Repeat = (context, params, made) => repeatView(context, viewOf(params), made);

const refuse =
  (message: string): Handle =>
  async () => {
    throw new LakeError("unsupported_operation", message);
  };

/** Endpoints of the protocol that are refused, with the reason. Their bodies are not read. */
const REFUSED: readonly (readonly [method: string, pattern: string, reason: string])[] = [
  ["POST", "/v1/oauth/tokens", "The catalog issues no tokens: give the client one of the deployment's (token=…)."],
  ["GET", `${NAMESPACE}/functions`, "The catalog keeps no functions."],
  ["GET", `${NAMESPACE}/functions/{function}`, "The catalog keeps no functions."],
];

/** Every endpoint that is answered. */
const ROUTES: readonly CatalogRoute[] = [
  { method: "GET", pattern: "/v1/config", access: "see", handle: async () => configResponse(), isAdvertised: false },
  { method: "GET", pattern: NAMESPACES, access: "see", handle: listNamespaces },
  { method: "POST", pattern: NAMESPACES, access: "see", handle: createNamespace, repeat: repeatNamespaceCreate },
  { method: "GET", pattern: NAMESPACE, access: "see", handle: onNamespace(loadNamespace) },
  { method: "HEAD", pattern: NAMESPACE, access: "see", handle: onNamespace(headNamespace) },
  { method: "DELETE", pattern: NAMESPACE, access: "write", handle: onNamespace(dropNamespace), repeat: noContent },
  {
    method: "POST",
    pattern: `${NAMESPACE}/properties`,
    access: "write",
    handle: onNamespace(updateNamespace),
    repeat: (_context, _params, made) => repeatNamespaceUpdate(made),
  },
  { method: "GET", pattern: TABLES, access: "read", handle: onNamespace(listTables) },
  {
    method: "POST",
    pattern: TABLES,
    access: "write",
    handle: onNamespace(createTable),
    repeat: repeatNamed(repeatTable),
  },
  { method: "GET", pattern: TABLE, access: "read", handle: onTable(loadTable) },
  { method: "HEAD", pattern: TABLE, access: "read", handle: onTable(headTable) },
  { method: "POST", pattern: TABLE, access: "write", handle: onTable(updateTable), repeat: repeatOnTable },
  { method: "DELETE", pattern: TABLE, access: "write", handle: onTable(dropTable), repeat: noContent },
  {
    method: "POST",
    pattern: `${TABLE}/unregister`,
    access: "write",
    handle: onTable(unregisterTable),
    repeat: repeatOnTable,
  },
  { method: "GET", pattern: `${TABLE}/credentials`, access: "read", handle: onTable(loadCredentials) },
  { method: "POST", pattern: `${TABLE}/sign`, access: "read", handle: onTable(signRequest) },
  { method: "POST", pattern: `${TABLE}/metrics`, access: "read", handle: onTable(reportMetrics) },
  { method: "POST", pattern: `${TABLE}/plan`, access: "read", handle: onTable(planTable) },
  { method: "GET", pattern: PLAN, access: "read", handle: onPlan(fetchPlan) },
  { method: "DELETE", pattern: PLAN, access: "read", handle: onPlan(cancelPlan) },
  { method: "POST", pattern: `${TABLE}/tasks`, access: "read", handle: onTable(fetchTasks) },
  {
    method: "POST",
    pattern: `${NAMESPACE}/register`,
    access: "write",
    handle: onNamespace(registerTable),
    repeat: repeatNamed(repeatTable),
  },
  { method: "POST", pattern: "/v1/tables/rename", access: "see", handle: renameTable, repeat: noContent },
  { method: "POST", pattern: "/v1/transactions/commit", access: "see", handle: commitTransaction, repeat: noContent },
  { method: "GET", pattern: VIEWS, access: "read", handle: onNamespace(listViews) },
  { method: "POST", pattern: VIEWS, access: "write", handle: onNamespace(createView), repeat: repeatNamed(repeatView) },
  { method: "GET", pattern: VIEW, access: "read", handle: onView(loadView) },
  { method: "HEAD", pattern: VIEW, access: "read", handle: onView(headView) },
  { method: "POST", pattern: VIEW, access: "write", handle: onView(updateView), repeat: repeatOnView },
  { method: "DELETE", pattern: VIEW, access: "write", handle: onView(dropView), repeat: noContent },
  { method: "POST", pattern: "/v1/views/rename", access: "see", handle: renameView, repeat: noContent },
  {
    method: "POST",
    pattern: `${NAMESPACE}/register-view`,
    access: "write",
    handle: onNamespace(registerView),
    repeat: repeatNamed(repeatView),
  },
  ...REFUSED.map(([method, pattern, reason]): CatalogRoute => ({
    method,
    pattern,
    access: "read",
    handle: refuse(reason),
    isAdvertised: false,
    isRefused: true,
  })),
];

function configResponse(): Response {
  const endpoints = ROUTES.filter((route) => route.isAdvertised !== false).map(
    (route) => `${route.method} ${route.pattern.replace("/v1/", "/v1/{prefix}/")}`,
  );
  return jsonResponse({
    defaults: {},
    overrides: {},
    endpoints,
    "idempotency-key-lifetime": IDEMPOTENCY_KEY_LIFETIME,
  });
}

/**
 * Answers Iceberg REST requests. Never rejects: every failure is a response in the protocol's error form, and a body
 * that is not what it should be is a 400.
 */
export function createCatalogHandler(deps: CatalogServerDeps): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await answer(deps, request);
    } catch (error) {
      const response = errorResponse(error);
      if (response.status >= 500) deps.reportError?.(error);
      return request.method === "HEAD" ? new Response(null, { status: response.status }) : response;
    }
  };
}

async function answer(deps: CatalogServerDeps, request: Request): Promise<Response> {
  const url = new URL(request.url);
  const { method, headers } = request;
  const { route, params } = matchRoute(ROUTES, method, url.pathname);
  const caller = readCaller(headers);
  if (params["namespace"] !== undefined) checkAccess(route.access, caller, namespaceOf(params));
  const hasBody = method === "POST" && route.isRefused !== true;
  const body = hasBody ? await readJsonBody(request) : undefined;
  const { repeat } = route;
  const context = { deps, caller, query: url.searchParams, headers, body };
  if (repeat === undefined) return route.handle({ ...context, receipt: undefined }, params);
  return answerOnce(deps, {
    method,
    target: url.pathname + url.search,
    caller: caller.name,
    body,
    headers,
    run: (receipt) => route.handle({ ...context, receipt }, params),
    repeat: (made) => repeat({ ...context, receipt: undefined }, params, made),
  });
}

function checkAccess(
  access: CatalogRoute["access"],
  caller: RequestContext["caller"],
  namespace: readonly string[],
): void {
  if (access === "write") requireWrite(caller, namespace);
  else if (access === "read") requireRead(caller, namespace);
  else if (!seesNamespace(caller, namespace)) throw noSuchNamespace(namespace);
}

async function readJsonBody(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text === "") return undefined;
  try {
    return parseJson(text);
  } catch (cause) {
    throw new LakeError("malformed_json", "The request body is not JSON.", { cause });
  }
}
