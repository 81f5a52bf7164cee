// Everything that goes wrong leaves as RFC 9457 problem details, or, under the Iceberg REST catalog, as that
// protocol's own error model, which its clients parse.

import { LakeError, errorToProblem, stringifyJson, type ProblemDetails } from "#core";
import { REQUEST_ID_HEADER } from "./request-id.ts";
import { bearerChallenge } from "./tokens.ts";

/** How a path reports errors. */
export type ErrorFormat = "problem" | "iceberg";

const DEFAULT_RETRY_AFTER_SECONDS = 1;

/** Marks that the runtime sets on errors thrown across a Durable Object or service binding. */
interface RemoteErrorMarks {
  readonly remote?: unknown;
  readonly overloaded?: unknown;
  readonly retryable?: unknown;
}

/**
 * Any thrown value as a {@link LakeError}. Errors that the runtime marks as coming from another Worker become
 * `upstream_unavailable`: the request may succeed again; everything else unknown is `internal`, a bug.
 */
export function toLakeError(error: unknown): LakeError {
  if (error instanceof LakeError) return error;
  if (error instanceof Error) {
    const { remote, overloaded, retryable } = error as RemoteErrorMarks;
    if (remote === true || overloaded === true || retryable === true) {
      return new LakeError("upstream_unavailable", "A part of Firn did not answer; the outcome is not known.", {
        cause: error,
      });
    }
  }
  return new LakeError("internal", "The request failed inside Firn.", { cause: error });
}

/**
 * Runs a call to another Worker. A failure of the call itself, not of what was asked, becomes
 * `upstream_unavailable`, naming the part.
 */
export async function callUpstream<T>(part: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof LakeError) throw error;
    throw new LakeError("upstream_unavailable", `${part} did not answer; the outcome is not known.`, { cause: error });
  }
}

/** Seconds for Retry-After: what the error names, else a second where waiting helps, else undefined. */
function retryAfterSeconds(problem: ProblemDetails): number | undefined {
  const named = problem["retry_after_seconds"] ?? problem["retryAfterSeconds"];
  if (typeof named === "number" && Number.isFinite(named)) return Math.max(1, Math.ceil(named));
  return problem.status === 429 || problem.status === 503 ? DEFAULT_RETRY_AFTER_SECONDS : undefined;
}

/** Error types that Iceberg clients know, by status. Source: Iceberg REST catalog specification, ErrorModel. */
const ICEBERG_ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "BadRequestException",
  401: "NotAuthorizedException",
  403: "ForbiddenException",
  404: "NotFoundException",
  405: "UnsupportedOperationException",
  406: "UnsupportedOperationException",
  409: "CommitFailedException",
  413: "BadRequestException",
  415: "BadRequestException",
  422: "UnprocessableEntityException",
  429: "SlowDownException",
  503: "ServiceUnavailableException",
};

/** Problem details in the Iceberg REST error model. */
export function problemToIcebergError(problem: ProblemDetails): {
  readonly error: { readonly message: string; readonly type: string; readonly code: number };
} {
  return {
    error: {
      message: `${problem.detail} ${problem.hint}`,
      type: ICEBERG_ERROR_TYPES[problem.status] ?? "InternalServerError",
      code: problem.status,
    },
  };
}

/** What a refused request carried, for the response's headers and `instance`. */
export interface FailedRequest {
  readonly requestId: string;
  readonly format: ErrorFormat;
  readonly sentToken: boolean;
}

/** The response for problem details, with WWW-Authenticate, Retry-After and Allow where they apply. */
export function problemResponse(problem: ProblemDetails, request: FailedRequest): Response {
  const headers = new Headers({ "cache-control": "no-store", [REQUEST_ID_HEADER]: request.requestId });
  const retryAfter = retryAfterSeconds(problem);
  if (retryAfter !== undefined) headers.set("retry-after", String(retryAfter));
  if (problem.status === 401) headers.set("www-authenticate", bearerChallenge(request.sentToken));
  const { required_scope: requiredScope } = problem;
  if (typeof requiredScope === "string") headers.set("www-authenticate", bearerChallenge(true, requiredScope));
  if (problem.status === 405 && Array.isArray(problem["allow"])) headers.set("allow", problem["allow"].join(", "));
  if (request.format === "iceberg") {
    headers.set("content-type", "application/json");
    return new Response(stringifyJson(problemToIcebergError(problem)), { status: problem.status, headers });
  }
  headers.set("content-type", "application/problem+json");
  const body = stringifyJson({ ...problem, instance: `urn:uuid:${request.requestId}`, request_id: request.requestId });
  return new Response(body, { status: problem.status, headers });
}

/** The response for a thrown value. */
export function errorResponse(error: unknown, request: FailedRequest): Response {
  return problemResponse(errorToProblem(toLakeError(error)), request);
}
