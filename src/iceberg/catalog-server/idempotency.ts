// Requests that carry an Idempotency-Key have their effect once: the store keeps the key in the same step as the
// change. Replies of success are built again from
// the metadata file that the change made, final refusals are kept. Source: Iceberg REST OpenAPI,
// idempotency-key.

import { LakeError, sha256Hex, stringToUtf8, stringifyJson } from "#core";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { errorResponse } from "./catalog-errors.ts";
import { DoneBeforeError } from "./done-before.ts";
import type { Receipt, StoredReply } from "./pointer-store.ts";

/** How long a key is remembered, as /v1/config says it. */
export const IDEMPOTENCY_KEY_LIFETIME = "PT1H";
/** The same and some grace for clocks that differ. */
const KEPT_MS = 70 * 60 * 1000;

const HEADER = "idempotency-key";
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** How a request is answered. */
export interface IdempotentRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly caller: string;
  readonly body: unknown;
  readonly headers: Headers;
  /** Makes the change and the reply. */
  readonly run: (receipt: Receipt | undefined) => Promise<Response>;
  /** The reply to a change that was made before, from what the store kept of it. */
  readonly repeat: (made: string) => Promise<Response>;
}

/**
 * Answers a request that changes something.
 *
 * Concurrency: of requests with one key that overlap, one makes the change; the others answer as it did.
 * Errors: `invalid_request` for a key that is no UUID, `idempotency_key_reused` for a key of another request.
 */
export async function answerOnce(deps: CatalogServerDeps, request: IdempotentRequest): Promise<Response> {
  const key = request.headers.get(HEADER);
  if (key === null) return request.run(undefined);
  if (!UUID.test(key)) throw new LakeError("invalid_request", "The Idempotency-Key must be a UUID.");
  const nowMs = deps.clock.nowMs();
  const receipt: Receipt = {
    key: key.toLowerCase(),
    request: await requestDigest(request),
    nowMs,
    expiresMs: nowMs + KEPT_MS,
  };
  const known = await deps.pointers.recallReply(receipt.key, nowMs);
  if (known !== undefined) return replay(request, receipt, known);
  try {
    return await request.run(receipt);
  } catch (error) {
    if (error instanceof DoneBeforeError) {
      const made = await deps.pointers.recallReply(receipt.key, nowMs);
      if (made !== undefined) return replay(request, receipt, made);
    }
    return keepRefusal(deps, request, receipt, error);
  }
}

function requestDigest({ method, target, caller, body }: IdempotentRequest): Promise<string> {
  return sha256Hex(stringToUtf8([method, target, caller, stringifyJson(body ?? null)].join("\n")));
}

async function replay(request: IdempotentRequest, receipt: Receipt, known: StoredReply): Promise<Response> {
  if (known.request !== receipt.request) {
    throw new LakeError("idempotency_key_reused", "The Idempotency-Key belongs to another request; nothing was done.");
  }
  if (known.status === 0) return request.repeat(known.body);
  return new Response(known.body, { status: known.status, headers: { "content-type": "application/json" } });
}

/**
 * Keeps a refusal that trying again cannot change; what failed on our side is not final. A request of the same key that
 * overlapped may have made the change, and this one was refused for that: then it answers as the other.
 */
async function keepRefusal(
  deps: CatalogServerDeps,
  request: IdempotentRequest,
  receipt: Receipt,
  error: unknown,
): Promise<Response> {
  const response = errorResponse(error);
  if (response.status >= 500) throw error;
  const body = await response.text();
  let kept: StoredReply | undefined;
  try {
    kept = await deps.pointers.keepReply(receipt, response.status, body);
  } catch (cause) {
    // The refusal stands; the same request would be refused for the same reason.
    deps.reportError?.(cause);
  }
  if (kept !== undefined) return replay(request, receipt, kept);
  return new Response(body, { status: response.status, headers: response.headers });
}
