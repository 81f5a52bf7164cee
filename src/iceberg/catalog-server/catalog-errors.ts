// Errors as the Iceberg REST protocol has them: {"error": {message, type, code}}. Clients branch on status and type.
// Source: Iceberg REST OpenAPI, ErrorModel.

import { LakeError, stringifyJson, type ErrorCode } from "#core";

interface CatalogErrorKind {
  readonly status: number;
  readonly type: string;
}

const INTERNAL: CatalogErrorKind = { status: 500, type: "InternalServerError" };

const KIND_BY_CODE: Partial<Record<ErrorCode, CatalogErrorKind>> = {
  namespace_not_found: { status: 404, type: "NoSuchNamespaceException" },
  table_not_found: { status: 404, type: "NoSuchTableException" },
  view_not_found: { status: 404, type: "NoSuchViewException" },
  not_found: { status: 404, type: "NotFoundException" },
  method_not_allowed: { status: 405, type: "MethodNotAllowedException" },
  already_exists: { status: 409, type: "AlreadyExistsException" },
  namespace_not_empty: { status: 409, type: "NamespaceNotEmptyException" },
  commit_conflict: { status: 409, type: "CommitFailedException" },
  // 500 and not 503: clients take 500 on a commit as an unknown outcome, which this is.
  commit_state_unknown: { status: 500, type: "CommitStateUnknownException" },
  forbidden: { status: 403, type: "ForbiddenException" },
  invalid_request: { status: 400, type: "BadRequestException" },
  malformed_json: { status: 400, type: "BadRequestException" },
  event_invalid: { status: 422, type: "UnprocessableEntityException" },
  idempotency_key_reused: { status: 422, type: "UnprocessableEntityException" },
  // The table's own files are damaged: no request can do anything about it.
  metadata_invalid: { status: 422, type: "UnprocessableEntityException" },
  unsupported_operation: { status: 406, type: "UnsupportedOperationException" },
  storage_unavailable: { status: 503, type: "ServiceUnavailableException" },
};

/** Schemas are walked recursively: one nested thousands of levels deep exhausts the stack. */
const TOO_DEEP = new LakeError("invalid_request", "The request is nested too deeply.");

const JSON_HEADERS = { "content-type": "application/json" };

/** A JSON response; bigint prints as an integer. */
export function jsonResponse(body: unknown, init: { readonly status?: number; readonly etag?: string } = {}): Response {
  const headers = init.etag === undefined ? JSON_HEADERS : { ...JSON_HEADERS, etag: init.etag };
  return new Response(stringifyJson(body), { status: init.status ?? 200, headers });
}

/**
 * The response of an error; its context may name a type that the protocol's clients tell from others of the status.
 * What is not a known error says nothing of its cause. */
export function errorResponse(error: unknown): Response {
  const known = error instanceof RangeError ? TOO_DEEP : error instanceof LakeError ? error : undefined;
  const { status, type } = (known === undefined ? undefined : KIND_BY_CODE[known.code]) ?? INTERNAL;
  const message = known?.message ?? "The catalog failed; see its log.";
  const named = known?.context["icebergType"];
  return jsonResponse({ error: { message, type: typeof named === "string" ? named : type, code: status } }, { status });
}
