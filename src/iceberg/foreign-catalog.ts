// Another catalog in the place of ours: takes Iceberg REST requests as our own catalog would and passes them on, with
// the other catalog's credentials, prefix, warehouse and namespace separator. Who asks sees one catalog at one address.
// Source: Iceberg REST OpenAPI, getConfig and the path parameters `prefix` and `namespace`.

import { LakeError, type Clock } from "#core";
import type { ForeignCatalogAddress } from "./foreign-settings.ts";
import { createTokenSource } from "./oauth-token.ts";

/** Where the other catalog is and how to reach it. */
export interface ForeignCatalogOptions extends ForeignCatalogAddress {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}

/** The member of a configuration's overrides that says how many commits a minute a table takes. */
export const COMMITS_PER_MINUTE_OVERRIDE = "firn.commits-per-minute";

/** Basin Catalog ends a request after 40 s; what takes longer gets no answer. */
const TIMEOUT_MS = 45_000;
/** How long a configuration is used before it is asked for again. */
const CONFIG_LIFETIME_MS = 15 * 60_000;

const PASSED_REQUEST_HEADERS = [
  "accept",
  "content-type",
  "idempotency-key",
  "if-none-match",
  "x-client-version",
  "x-iceberg-access-delegation",
  "x-request-id",
];
const PASSED_RESPONSE_HEADERS = ["content-type", "etag", "retry-after"];

/** Between the levels of a namespace in a path, as our clients write it. */
const LEVEL_SEPARATOR = "%1F";

interface ForeignConfig {
  readonly body: Readonly<Record<string, unknown>>;
  /** Base of all requests but the first, without a slash at the end. */
  readonly base: string;
  readonly prefix: string;
  /** Percent-encoded. */
  readonly separator: string;
  readonly usableUntilMs: number;
}

/**
 * Creates the handler. It answers what the other catalog answers; what it cannot get an answer for is a 504, whose
 * meaning for a commit is unknown.
 *
 * Cost: one request a request, plus the configuration and the token when those it holds have run out. `snapshots=refs`
 * is not passed on: ingest's watermarks may be in the summary of an older snapshot.
 */
export function createForeignCatalog(options: ForeignCatalogOptions): (request: Request) => Promise<Response> {
  const tokens = createTokenSource(options.auth, options.fetch, options.clock);
  let held: ForeignConfig | undefined;

  /** Sends with our credentials; renewed once when the catalog says they have run out. */
  async function send(url: string, init: RequestInit & { readonly headers: Headers }): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const token = await tokens.token();
      if (token !== undefined) init.headers.set("authorization", `Bearer ${token}`);
      let response: Response;
      try {
        response = await options.fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
      } catch (cause) {
        throw new LakeError("upstream_unavailable", "The configured catalog did not answer.", { cause });
      }
      const isRefused = response.status === 401 || response.status === 419;
      if (!isRefused || attempt > 1 || !tokens.renew()) return response;
      await response.body?.cancel();
    }
  }

  async function config(): Promise<ForeignConfig> {
    if (held !== undefined && options.clock.nowMs() < held.usableUntilMs) return held;
    const query = options.warehouse === undefined ? "" : `?warehouse=${encodeURIComponent(options.warehouse)}`;
    const response = await send(`${options.uri}/v1/config${query}`, { headers: new Headers() });
    const text = await response.text();
    if (!response.ok) {
      const code = response.status >= 500 || response.status === 429 ? "upstream_unavailable" : "forbidden";
      throw new LakeError(code, `The configured catalog answered ${response.status} to GET /v1/config.`);
    }
    held = readConfig(text, options);
    return held;
  }

  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    try {
      if (pathname === "/v1/config") return configResponse(await config(), options.commitsPerMinute);
      if (!pathname.startsWith("/v1/") || pathname === "/v1/oauth/tokens") {
        return errorReply(404, "NotFoundException", "There is no such path.");
      }
      const target = await config();
      const headers = new Headers();
      for (const name of PASSED_REQUEST_HEADERS) {
        const value = request.headers.get(name);
        if (value !== null) headers.set(name, value);
      }
      const body = request.method === "GET" || request.method === "HEAD" ? null : await request.arrayBuffer();
      const response = await send(targetUrl(target, pathname, searchParams), { method: request.method, headers, body });
      return passedResponse(response);
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      return error.code === "forbidden"
        ? errorReply(403, "ForbiddenException", error.message)
        : errorReply(504, "ServiceUnavailableException", error.message);
    }
  };
}

/** Where a path of ours is over there. */
function targetUrl(target: ForeignConfig, pathname: string, query: URLSearchParams): string {
  const path = pathname.slice("/v1/".length).replaceAll(/%1f/gi, target.separator);
  const passed = new URLSearchParams();
  for (const [name, value] of query) {
    if (name === "snapshots") continue;
    passed.append(
      name,
      name === "parent"
        ? value.replaceAll(decodeURIComponent(LEVEL_SEPARATOR), decodeURIComponent(target.separator))
        : value,
    );
  }
  const prefix = target.prefix === "" ? "" : `${target.prefix}/`;
  return `${target.base}/v1/${prefix}${path}${passed.size === 0 ? "" : `?${passed.toString()}`}`;
}

async function passedResponse(response: Response): Promise<Response> {
  if (response.status === 401 || response.status === 419) {
    await response.body?.cancel();
    return errorReply(403, "ForbiddenException", "The configured catalog refused Firn's credentials.");
  }
  // A redirect would lose the method or the credentials: it is for the operator to set the address it leads to.
  if (response.status >= 300 && response.status < 400 && response.status !== 304) {
    await response.body?.cancel();
    return errorReply(504, "ServiceUnavailableException", "The configured catalog redirects elsewhere.");
  }
  const headers = new Headers();
  for (const name of PASSED_RESPONSE_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(response.body, { status: response.status, headers });
}

function readConfig(text: string, options: ForeignCatalogOptions): ForeignConfig {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new LakeError("upstream_unavailable", "The configured catalog's configuration is not JSON.", { cause });
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new LakeError("upstream_unavailable", "The configured catalog's configuration is not an object.");
  }
  const record = body as Readonly<Record<string, unknown>>;
  const setting = (name: string): string | undefined =>
    textMember(record["overrides"], name) ?? textMember(record["defaults"], name);
  const moved = setting("uri");
  const base = moved !== undefined && /^https?:\/\//.test(moved) ? moved : options.uri;
  return {
    body: record,
    base: base.replace(/\/+$/, ""),
    // A prefix may have several segments; each arrives encoded or plain.
    prefix: (setting("prefix") ?? "").replaceAll(/^\/+|\/+$/g, ""),
    separator: separatorOf(setting("namespace-separator")),
    usableUntilMs: options.clock.nowMs() + CONFIG_LIFETIME_MS,
  };
}

/** The separator, percent-encoded whichever way the catalog spells it. */
function separatorOf(setting: string | undefined): string {
  if (setting === undefined || setting === "") return LEVEL_SEPARATOR;
  return setting.startsWith("%") ? setting : encodeURIComponent(setting);
}

function textMember(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const member = (value as Readonly<Record<string, unknown>>)[name];
  return typeof member === "string" && member !== "" ? member : undefined;
}

/** Settings that hold for requests made directly; through here they hold no longer, or are secrets. */
const OWN_SETTINGS = new Set(["uri", "prefix", "namespace-separator", "token", "credential", "warehouse"]);

function withoutOwnSettings(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => !OWN_SETTINGS.has(name) && !name.startsWith("oauth2-")),
  );
}

/** What our clients are told: the other catalog's settings, seen from here. */
function configResponse({ body }: ForeignConfig, commitsPerMinute: number | undefined): Response {
  const endpoints = Array.isArray(body["endpoints"])
    ? { endpoints: body["endpoints"].filter((endpoint) => typeof endpoint === "string" && !/oauth/i.test(endpoint)) }
    : {};
  return Response.json({
    defaults: withoutOwnSettings(body["defaults"]),
    overrides: {
      ...withoutOwnSettings(body["overrides"]),
      ...(commitsPerMinute === undefined ? {} : { [COMMITS_PER_MINUTE_OVERRIDE]: String(commitsPerMinute) }),
    },
    ...endpoints,
  });
}

function errorReply(code: number, type: string, message: string): Response {
  return Response.json({ error: { message, type, code } }, { status: code });
}
