// Somebody else's REST catalog, in memory: our handler behind a prefix, a token, another namespace separator, and the
// quirks that catalogs have.

import { parseJson, stringifyJson } from "#core";
import { createForeignCatalog, type ForeignCatalogAddress } from "#iceberg";
import { createIcebergLake, type IcebergLake, type LakeOptions } from "./iceberg-lake.ts";

export const FOREIGN_URI = "https://catalog.example/account/bucket";
export const FOREIGN_TOKEN = "foreign-token";
const PREFIX = "warehouses/w%201";

/** What the catalog does that ours does not. */
export interface ForeignQuirks {
  /** Answers each request before the catalog sees it, or lets it through. */
  before?: (request: Request) => Response | undefined;
  /** Replaces the catalog's answer. */
  after?: (request: Request, response: Response) => Response | Promise<Response>;
  /** Refuses, or silently drops, table properties of these prefixes in commits. */
  reserved?: { readonly prefix: string; readonly manner: "refuse" | "drop" };
  /** A lost race is 400 ConcurrentUpdateError instead of 409. */
  racesAre400?: boolean;
  /** Commits to one table that a minute takes; further ones are 429 with Retry-After. */
  commitsPerMinute?: number;
}

/** The catalog, and Firn's way to it. */
export interface ForeignWorld {
  readonly lake: IcebergLake;
  readonly quirks: ForeignQuirks;
  /** What the catalog Worker runs. */
  readonly gateway: (request: Request) => Promise<Response>;
  /** Requests the other catalog got, as `METHOD path?query`. */
  readonly requests: string[];
  /** Times of the commits it took, ms. */
  readonly commits: number[];
}

const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response =>
  Response.json(body, { status, headers });

/** An error as the protocol has it. */
export function foreignError(status: number, type: string, message = type, headers = {}): Response {
  return json(status, { error: { message, type, code: status } }, headers);
}

/** Creates the catalog with an empty namespace `default`. */
export async function createForeignWorld(
  options: LakeOptions & { readonly nowMs?: () => number; readonly address?: Partial<ForeignCatalogAddress> } = {},
): Promise<ForeignWorld> {
  const nowMs = options.nowMs ?? (() => Date.now());
  const lake = await createIcebergLake({ ...options, clock: { nowMs } });
  const quirks: ForeignQuirks = {};
  const requests: string[] = [];
  const commits: number[] = [];

  async function serve(request: Request): Promise<Response> {
    const url = new URL(request.url);
    requests.push(`${request.method} ${url.pathname}${url.search}`);
    const early = quirks.before?.(request);
    if (early !== undefined) return early;
    const base = new URL(FOREIGN_URI).pathname;
    if (!url.pathname.startsWith(`${base}/v1/`)) return foreignError(404, "NotFoundException");
    if (request.headers.get("authorization") !== `Bearer ${FOREIGN_TOKEN}`) {
      return foreignError(401, "NotAuthorizedException");
    }
    const path = url.pathname.slice(`${base}/v1/`.length);
    if (path === "config") {
      const overrides = { prefix: PREFIX, "namespace-separator": "%2E", "client.region": "auto" };
      return json(200, { defaults: { token: "secret", clients: "4" }, overrides, endpoints: ["GET v1/config"] });
    }
    if (!path.startsWith(`${PREFIX}/`)) return foreignError(400, "BadRequestException", `no prefix in ${path}`);
    url.searchParams.set("parent", (url.searchParams.get("parent") ?? "").replaceAll(".", "\u001F"));
    if (url.searchParams.get("parent") === "") url.searchParams.delete("parent");
    const inner = path
      .slice(PREFIX.length + 1)
      .replace(/(namespaces\/)([^/]+)/, (_all, head: string, levels: string) => {
        return `${head}${levels.replaceAll("%2E", "%1F")}`;
      });
    return dispatch(request, `http://inner/v1/${inner}${url.search}`);
  }

  async function dispatch(request: Request, innerUrl: string): Promise<Response> {
    const isCommit = request.method === "POST" && /\/tables\/[^/?]+$/.test(innerUrl);
    let body = request.method === "GET" || request.method === "HEAD" ? undefined : await request.text();
    if (isCommit && body !== undefined) {
      const limit = quirks.commitsPerMinute;
      const recent = commits.filter((at) => at > nowMs() - 60_000);
      if (limit !== undefined && recent.length >= limit) {
        return foreignError(429, "RateLimitExceeded", "too many commits", { "retry-after": "60" });
      }
      if (quirks.reserved !== undefined) {
        const changed = withoutReserved(body, quirks.reserved.prefix);
        if (changed !== body && quirks.reserved.manner === "refuse") {
          return foreignError(400, "BadRequestException", `The property ${quirks.reserved.prefix}* is reserved.`);
        }
        body = changed;
      }
      commits.push(nowMs());
    }
    const response = await lake.handler(
      new Request(innerUrl, {
        method: request.method,
        headers: request.headers,
        ...(body === undefined ? {} : { body }),
      }),
    );
    if (isCommit && response.status === 409 && quirks.racesAre400 === true) {
      return foreignError(400, "ConcurrentUpdateError", "the table was updated concurrently");
    }
    return (await quirks.after?.(request, response)) ?? response;
  }

  const gateway = createForeignCatalog({
    uri: FOREIGN_URI,
    auth: { kind: "bearer", token: FOREIGN_TOKEN },
    warehouse: "w 1",
    ...options.address,
    fetch: (input, init) => serve(new Request(input, init)),
    clock: { nowMs },
  });
  return { lake, quirks, gateway, requests, commits };
}

/** The commit without properties of the prefix; the very same text when it has none. */
function withoutReserved(body: string, prefix: string): string {
  const commit = parseJson(body) as { readonly updates: readonly Readonly<Record<string, unknown>>[] };
  const isReserved = ({ action, updates }: Readonly<Record<string, unknown>>): boolean =>
    action === "set-properties" && Object.keys(updates as object).some((name) => name.startsWith(prefix));
  if (!commit.updates.some(isReserved)) return body;
  return stringifyJson({ ...commit, updates: commit.updates.filter((update) => !isReserved(update)) });
}
