// One error type for the whole lakehouse: callers branch on `code`, HTTP maps `code` to a status, and people
// read `message` and `hint`. Internals stay in `context` and never reach a client.

/** What every error code means to a caller: the HTTP status it maps to and what to do next. */
interface ErrorCodeEntry {
  readonly status: number;
  readonly title: string;
  readonly hint: string;
  readonly retryable?: boolean;
}

/**
 * The closed table of error codes. A code is stable: clients may branch on it. Statuses follow RFC 9110;
 * 499 is not used, a client that leaves gets nothing.
 */
export const ERROR_CODES = {
  // Requests
  malformed_json: { status: 400, title: "Malformed JSON", hint: "Send a body that parses as JSON." },
  malformed_body: { status: 400, title: "Malformed body", hint: "Check the body and its Content-Encoding." },
  invalid_request: { status: 400, title: "Invalid request", hint: "Correct the named field and send again." },
  unsupported_media_type: {
    status: 415,
    title: "Unsupported media type",
    hint: "Use application/json or application/x-ndjson, optionally gzip or zstd encoded.",
  },
  body_too_large: { status: 413, title: "Body too large", hint: "Split the body into smaller requests." },
  method_not_allowed: { status: 405, title: "Method not allowed", hint: "See /openapi.json for the methods." },
  not_found: { status: 404, title: "Not found", hint: "See /openapi.json for the paths." },
  idempotency_key_reused: {
    status: 422,
    title: "Idempotency key reused",
    hint: "The key was used with another body: use a fresh Idempotency-Key for a new request.",
  },
  // Authentication
  unauthenticated: { status: 401, title: "Authentication required", hint: "Send Authorization: Bearer <token>." },
  forbidden: { status: 403, title: "Token lacks the scope", hint: "Use a token that has the named scope." },
  // Ingest
  event_invalid: { status: 422, title: "Event rejected", hint: "Correct the field at the pointer and send it again." },
  ingest_overloaded: {
    status: 503,
    title: "Ingest overloaded",
    hint: "Nothing was accepted: retry after the time in Retry-After.",
    retryable: true,
  },
  // Tables and catalog
  namespace_not_found: {
    status: 404,
    title: "Unknown namespace",
    hint: "List namespaces with GET /catalog/v1/namespaces.",
  },
  table_not_found: { status: 404, title: "Unknown table", hint: "List tables with GET /v1/tables." },
  view_not_found: {
    status: 404,
    title: "Unknown view",
    hint: "List views with GET /catalog/v1/namespaces/{namespace}/views.",
  },
  already_exists: { status: 409, title: "Already exists", hint: "Use the existing one or choose another name." },
  namespace_not_empty: { status: 409, title: "Namespace not empty", hint: "Drop its tables first." },
  commit_conflict: {
    status: 409,
    title: "Commit conflict",
    hint: "Nothing was committed: reload the table and try again.",
    retryable: true,
  },
  commit_state_unknown: {
    status: 503,
    title: "Commit outcome unknown",
    hint: "Reload the table to see whether the change is in before trying again.",
  },
  unsupported_operation: {
    status: 406,
    title: "Unsupported operation",
    hint: "See /openapi.json for what is supported.",
  },
  metadata_invalid: {
    status: 422,
    title: "Invalid table metadata",
    hint: "The table's files do not follow the Iceberg specification.",
  },
  data_invalid: {
    status: 422,
    title: "Invalid data file",
    hint: "A data file is corrupt or not readable; nothing was returned.",
  },
  unsupported_column_type: {
    status: 400,
    title: "Column type not supported",
    hint: "Leave the named column out, or use another engine for it; the table's other columns can be read.",
  },
  // SQL
  sql_syntax_error: { status: 400, title: "SQL syntax error", hint: "Correct the query at the given position." },
  sql_unsupported: {
    status: 400,
    title: "SQL feature not supported",
    hint: "Rewrite the query without the named feature.",
  },
  undefined_table: { status: 400, title: "Undefined table", hint: "Check the table's name and namespace." },
  undefined_snapshot: {
    status: 400,
    title: "Undefined snapshot, branch or tag",
    hint: "See the table's history, snapshots and refs: SELECT * FROM <table>.refs.",
  },
  snapshot_expired: {
    status: 409,
    title: "Snapshot expired while it was read",
    hint: "Send the statement again: it then reads the table as it is now.",
    retryable: true,
  },
  undefined_column: { status: 400, title: "Undefined column", hint: "Check the column's name." },
  undefined_function: {
    status: 400,
    title: "Undefined function",
    hint: "Check the function's name and argument types.",
  },
  ambiguous_column: { status: 400, title: "Ambiguous column", hint: "Qualify the column with its table's name." },
  type_mismatch: { status: 400, title: "Type mismatch", hint: "Cast one side to the other's type." },
  grouping_error: { status: 400, title: "Grouping error", hint: "Add the column to GROUP BY or aggregate it." },
  windowing_error: {
    status: 400,
    title: "Window error",
    hint: "Window functions stand in the select list or ORDER BY, with an OVER clause.",
  },
  invalid_parameter: { status: 400, title: "Invalid parameter", hint: "Give every $n a value of the expected type." },
  invalid_text_representation: {
    status: 400,
    title: "Invalid value",
    hint: "Write the value in the type's PostgreSQL form.",
  },
  division_by_zero: { status: 400, title: "Division by zero", hint: "Guard the divisor with NULLIF." },
  numeric_out_of_range: { status: 400, title: "Value out of range", hint: "Cast to a wider type." },
  not_null_violation: {
    status: 400,
    title: "Missing value",
    hint: "Nothing was changed: give the named column a value.",
  },
  cardinality_violation: {
    status: 400,
    title: "A row would be changed twice",
    hint: "Nothing was changed: make each target row match at most one source row.",
  },
  sql_runtime_error: { status: 400, title: "SQL execution error", hint: "Correct the query at the given position." },
  // Budgets
  memory_limit_exceeded: {
    status: 422,
    title: "Memory limit exceeded",
    hint: "Filter or pre-aggregate, or raise the query's memory budget.",
  },
  bytes_limit_exceeded: {
    status: 422,
    title: "Bytes-scanned limit exceeded",
    hint: "Narrow the time range or select fewer columns.",
  },
  rows_limit_exceeded: { status: 422, title: "Result row limit exceeded", hint: "Add a LIMIT or aggregate." },
  query_cancelled: {
    status: 409,
    title: "Query cancelled",
    hint: "Whoever asked has left; ask again.",
    retryable: true,
  },
  time_limit_exceeded: { status: 422, title: "Time limit exceeded", hint: "Narrow the query or raise its time limit." },
  rate_limited: {
    status: 429,
    title: "Too many requests",
    hint: "Retry after the time in Retry-After.",
    retryable: true,
  },
  // Maintenance
  job_not_found: { status: 404, title: "Unknown job", hint: "List jobs with GET /admin/jobs." },
  job_conflict: {
    status: 409,
    title: "A job is already running on this table",
    hint: "Wait for the named job or cancel it.",
  },
  invalid_option: { status: 400, title: "Invalid option", hint: "Correct the named option." },
  // The platform and us
  storage_unavailable: { status: 503, title: "Storage unavailable", hint: "Try again shortly.", retryable: true },
  upstream_unavailable: { status: 503, title: "Upstream unavailable", hint: "Try again shortly.", retryable: true },
  internal: { status: 500, title: "Internal error", hint: "Report the request id." },
} as const satisfies Record<string, ErrorCodeEntry>;

/** A stable error code, a key of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Values attached to an error for logs and for problem+json extensions that callers choose to expose. */
export type ErrorContext = Readonly<Record<string, unknown>>;

/** What a {@link LakeError} may carry beside its code and message. */
export interface LakeErrorOptions {
  /** Logged, never sent to clients. */
  readonly context?: ErrorContext;
  /** Sent to clients as problem+json extension members: positions, pointers, nearest names. */
  readonly details?: ErrorContext;
  readonly cause?: unknown;
}

/** The one error type that ends a request. Expected per-item outcomes are values, not errors. */
export class LakeError extends Error {
  readonly code: ErrorCode;
  readonly context: ErrorContext;
  readonly details: ErrorContext;

  constructor(code: ErrorCode, message: string, options: LakeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "LakeError";
    this.code = code;
    this.context = options.context ?? {};
    this.details = options.details ?? {};
  }

  /** HTTP status of the code. */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }

  /** What a reader should do next. */
  get hint(): string {
    return ERROR_CODES[this.code].hint;
  }

  /** Whether the same request may succeed if sent again unchanged. */
  get retryable(): boolean {
    const entry: ErrorCodeEntry = ERROR_CODES[this.code];
    return entry.retryable ?? false;
  }
}

/** Whether a string is one of our codes; used where an error crossed a process border as JSON. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_CODES, value);
}

/** RFC 9457 problem details, the body of every error response. */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly hint: string;
  readonly [extension: string]: unknown;
}

/**
 * Renders an error as problem details. Anything that is not a {@link LakeError} becomes `internal` with a
 * neutral text: its message may hold internals.
 */
export function errorToProblem(error: unknown): ProblemDetails {
  const known = error instanceof LakeError ? error : new LakeError("internal", "The request failed inside Firn.");
  return {
    ...known.details,
    type: `urn:firn:problem:${known.code}`,
    title: ERROR_CODES[known.code].title,
    status: known.status,
    code: known.code,
    detail: known.message,
    hint: known.hint,
  };
}

/** Rebuilds a {@link LakeError} from problem details received from another Worker. */
export function problemToError(problem: unknown, fallbackMessage: string): LakeError {
  if (typeof problem !== "object" || problem === null) return new LakeError("internal", fallbackMessage);
  const {
    type: _type,
    title: _title,
    status: _status,
    code,
    detail,
    hint: _hint,
    ...details
  } = problem as Record<string, unknown>;
  if (typeof code !== "string" || !isErrorCode(code)) return new LakeError("internal", fallbackMessage);
  return new LakeError(code, typeof detail === "string" ? detail : fallbackMessage, { details });
}
