// iceberg-js with 64-bit integers. The library calls JSON.parse and JSON.stringify, which round them: responses are
// handed over already parsed, requests carry raw JSON numbers.

import { LakeError, parseJson, type Clock, type ErrorCode, type RandomSource } from "#core";
import { IcebergError } from "iceberg-js";

/** Any content type but JSON makes iceberg-js take the body as it is. */
const PARSED_CONTENT_TYPE = "application/x-parsed";

/**
 * Wraps a fetch so that successful JSON bodies reach iceberg-js parsed, integers beyond 2^53 as bigint. Error bodies
 * pass unchanged: the library reads their message itself.
 */
export function createExactFetch(inner: typeof fetch): typeof fetch {
  const exactFetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const response = await inner(input, init);
    const isJson = (response.headers.get("content-type") ?? "").includes("application/json");
    if (!response.ok || !isJson) return response;
    const text = await response.text();
    const parsed: unknown = text === "" ? "" : parseJson(text);
    const headers = new Headers(response.headers);
    headers.set("content-type", PARSED_CONTENT_TYPE);
    // Just the part of Response that iceberg-js uses.
    return { ok: true, status: response.status, headers, text: async () => parsed } as unknown as Response;
  };
  return exactFetch;
}

/** Requests sent again because the catalog said when. */
const RESENDS = 3;
/** Longest a request waits for the catalog in all: Basin Catalog asks for a minute. */
const PATIENCE_MS = 75_000;
/** First wait for a 429 that names no time; doubles each time. */
const UNNAMED_WAIT_MS = 1000;
/** Spreads clients that were told the same time. */
const SPREAD_MS = 1000;

/** What waiting needs. */
export interface PatienceDeps {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * Wraps a fetch so that a request which the catalog puts off (429, or 503 with Retry-After) is sent again when it says.
 * Bounded: 3 times and 75 seconds in all (L30); then the answer is passed on. Bodies have to be strings. A commit sent
 * again is applied once at most: its requirements hold for one base only.
 */
export function createPatientFetch(inner: typeof fetch, deps: PatienceDeps): typeof fetch {
  return async (input, init) => {
    let waitedMs = 0;
    for (let resent = 0; ; resent++) {
      const response = await inner(input, init);
      const namedMs = retryAfterMs(response, deps.clock);
      if (response.status !== 429 && (response.status !== 503 || namedMs === undefined)) return response;
      const waitMs = (namedMs ?? UNNAMED_WAIT_MS * 2 ** resent) + deps.random.nextUnit() * SPREAD_MS;
      if (resent === RESENDS || waitedMs + waitMs > PATIENCE_MS) return response;
      await response.body?.cancel();
      await deps.sleep(waitMs);
      waitedMs += waitMs;
    }
  };
}

/** The wait that a Retry-After header names, as seconds or as a date; undefined without a valid one. */
function retryAfterMs(response: Response, clock: Clock): number | undefined {
  const header = response.headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - clock.nowMs());
}

// ECMAScript "JSON.parse source text access", not yet in TypeScript's library types.
const json = JSON as unknown as { rawJSON(text: string): unknown };

/** A copy of a request body in which every bigint prints as a JSON integer. */
export function toExactJson(value: unknown): unknown {
  if (typeof value === "bigint") return json.rawJSON(value.toString());
  if (Array.isArray(value)) return value.map(toExactJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toExactJson(item)]));
}

const CODE_BY_TYPE: Readonly<Record<string, ErrorCode>> = {
  NoSuchTableException: "table_not_found",
  NoSuchNamespaceException: "namespace_not_found",
  AlreadyExistsException: "already_exists",
  NamespaceNotEmptyException: "namespace_not_empty",
  CommitFailedException: "commit_conflict",
  CommitStateUnknownException: "commit_state_unknown",
  // Basin Catalog's 400 for a commit that lost a race it had tried itself.
  ConcurrentUpdateError: "commit_conflict",
  ConcurrentUpdateException: "commit_conflict",
};

/** Catalogs that name the error in its message alone. */
const LOST_RACE = /\bConcurrentUpdate(?:Error|Exception)\b/;

const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_request",
  401: "unauthenticated",
  403: "forbidden",
  404: "table_not_found",
  406: "unsupported_operation",
  409: "commit_conflict",
  419: "unauthenticated",
  422: "invalid_request",
  429: "rate_limited",
};

/** The error a catalog call ends with. Anything that is no answer of the catalog is `upstream_unavailable`. */
export function catalogError(error: unknown): LakeError {
  if (error instanceof LakeError) return error;
  if (!(error instanceof IcebergError)) {
    return new LakeError("upstream_unavailable", "The catalog did not answer.", { cause: error });
  }
  const lostRace = error.status === 400 && LOST_RACE.test(error.message) ? ("commit_conflict" as const) : undefined;
  const code =
    CODE_BY_TYPE[error.icebergType ?? ""] ??
    lostRace ??
    CODE_BY_STATUS[error.status] ??
    ("upstream_unavailable" as const);
  return new LakeError(code, error.message, { cause: error, context: { status: error.status } });
}

/** Codes with which the catalog says that nothing was committed. */
const KNOWN_FAILURES = new Set<ErrorCode>([
  ...(["invalid_request", "unauthenticated", "forbidden", "unsupported_operation"] as const),
  ...(["table_not_found", "namespace_not_found", "already_exists"] as const),
]);

/**
 * What a failed commit request means. `rejected`: nothing was committed and trying again is pointless. `retry`: nothing
 * was committed. `unknown`: the commit may be in or may still get in.
 */
export function classifyCommitFailure(error: LakeError): "rejected" | "retry" | "unknown" {
  if (error.code === "commit_conflict" || error.code === "rate_limited") return "retry";
  return KNOWN_FAILURES.has(error.code) ? "rejected" : "unknown";
}
