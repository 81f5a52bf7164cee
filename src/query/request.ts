// A query request as it comes over RPC: validated here, so that nothing a client sends can end in a 500.

import { LakeError } from "#core";
import type { StatementParams } from "#sql";
import { RESULT_FORMATS, type ResultFormat } from "./encode-result.ts";

/** Budgets of one query. */
export interface QueryLimits {
  /** Rows returned; more ends the query with `rows_limit_exceeded`. */
  readonly maxRows: number;
  /** Bytes of the result's payload. */
  readonly maxResultBytes: number;
  /** Bytes fetched from storage for data. */
  readonly maxScannedBytes: number;
  /** Bytes the engine's operators may hold. */
  readonly memoryBytes: number;
  /** Milliseconds from admission to the last row. */
  readonly timeMs: number;
}

/** What a query may use unless it asks for less or, within {@link MAX_LIMITS}, more. */
export const DEFAULT_LIMITS: QueryLimits = {
  maxRows: 100_000,
  maxResultBytes: 1024 ** 3,
  maxScannedBytes: 20 * 1024 ** 3,
  memoryBytes: 96 * 1024 * 1024,
  timeMs: 30_000,
};

/** The most a query may ask for. Results leave while they are computed; an isolate holds 128 MiB in all. */
export const MAX_LIMITS: QueryLimits = {
  maxRows: 1_000_000_000,
  maxResultBytes: 100 * 1024 ** 3,
  maxScannedBytes: 100 * 1024 ** 3,
  memoryBytes: 96 * 1024 * 1024,
  timeMs: 300_000,
};

/** A query as clients send it. */
export interface QueryRequest {
  readonly sql: string;
  /** Values of $1, $2, … as an array, or of :name as an object: JSON scalars, and arrays of them for = ANY. */
  readonly params?: StatementParams;
  /** Adds the plan, timings and statistics to the body (json format). */
  readonly profile?: boolean;
  /** Executes without the cache and adds what every operator did. */
  readonly explainAnalyze?: boolean;
  /** Accept an answer that was right at most this many seconds ago; absent or 0: only the current answer. */
  readonly maxAge?: number;
  readonly cache?: "use" | "bypass";
  /** Words by which the cached answer can be invalidated. */
  readonly tags?: readonly string[];
  /** Default json. */
  readonly format?: ResultFormat;
  readonly limits?: {
    readonly rows?: number;
    readonly resultBytes?: number;
    readonly scannedBytes?: number;
    readonly memoryBytes?: number;
    readonly timeMs?: number;
  };
}

/** A request with every default filled in. */
export interface ValidQuery {
  readonly sql: string;
  readonly params: StatementParams;
  readonly profile: boolean;
  readonly explainAnalyze: boolean;
  readonly maxAgeSeconds: number;
  readonly cache: "use" | "bypass";
  readonly tags: readonly string[];
  readonly format: ResultFormat;
  readonly limits: QueryLimits;
  /**
   * Whether the query, should its memory not suffice, runs again with more: then it ends at once rather than put rows
   * aside, as long as nothing of its result has left.
   */
  readonly mayRunAgain?: boolean;
}

/** Longest SQL text, UTF-16 units. */
const MAX_SQL_LENGTH = 256 * 1024;
/** PostgreSQL's protocol counts parameters in 16 bits. */
const MAX_PARAMS = 65_535;
/** The shared tier takes a minute to show a value: answers wanted fresher than that live in memory only, seconds. */
export const MIN_SHARED_AGE_SECONDS = 60;
/** Longest `maxAge`, the life of a shared entry, seconds. */
const MAX_AGE_SECONDS = 86_400;

/** Each tag of an answer is one more mark to look at. */
export const MAX_TAGS = 8;
/** KV keys have at most 512 bytes. */
export const MAX_TAG_LENGTH = 100;

/**
 * Checks a request and fills in defaults.
 *
 * Errors: `invalid_request` or `invalid_parameter`, naming the field in `details.pointer`.
 */
export function validateQueryRequest(input: unknown): ValidQuery {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw invalid("", "The request must be an object with a sql field.");
  }
  const request = input as Record<string, unknown>;
  const { sql } = request;
  if (typeof sql !== "string" || sql.trim() === "") throw invalid("/sql", "sql must be a non-empty string.");
  if (sql.length > MAX_SQL_LENGTH) throw invalid("/sql", `sql is longer than ${MAX_SQL_LENGTH} characters.`);
  return {
    sql,
    params: validParams(request["params"]),
    profile: flag(request, "profile"),
    explainAnalyze: flag(request, "explainAnalyze"),
    maxAgeSeconds: numberUpTo(request["maxAge"], "/maxAge", 0, MAX_AGE_SECONDS, 0),
    cache: oneOf(request["cache"], "/cache", ["use", "bypass"] as const, "use"),
    tags: validTags(request["tags"]),
    format: oneOf(request["format"], "/format", RESULT_FORMATS, "json"),
    limits: validLimits(request["limits"]),
  };
}

function validTags(tags: unknown): readonly string[] {
  if (tags === undefined) return [];
  const isValid =
    Array.isArray(tags) &&
    tags.length <= MAX_TAGS &&
    tags.every((tag) => typeof tag === "string" && tag !== "" && tag.length <= MAX_TAG_LENGTH);
  if (isValid) return tags as readonly string[];
  throw invalid("/tags", `tags must be at most ${MAX_TAGS} texts of 1 to ${MAX_TAG_LENGTH} characters.`);
}

function validParams(params: unknown): StatementParams {
  if (params === undefined) return [];
  if (typeof params !== "object" || params === null) {
    throw invalid("/params", "params must be an array, the values of $1, $2, …, or an object, those of :name.");
  }
  const isNumbered = Array.isArray(params);
  const entries = Object.entries(params as Readonly<Record<string, unknown>>);
  if (entries.length > MAX_PARAMS) throw invalid("/params", `params has more than ${MAX_PARAMS} values.`);
  for (const [key, value] of entries) {
    const isValid = isScalar(value) || (Array.isArray(value) && value.every((item) => isScalar(item)));
    if (isValid) continue;
    const name = isNumbered ? `$${Number(key) + 1}` : `:${key}`;
    const message = `The value of ${name} must be a JSON scalar or an array of them.`;
    throw new LakeError("invalid_parameter", message, { details: { pointer: `/params/${key}` } });
  }
  return params as StatementParams;
}

function isScalar(value: unknown): boolean {
  return value === null || ["string", "number", "boolean", "bigint"].includes(typeof value);
}

function validLimits(input: unknown): QueryLimits {
  if (input === undefined) return DEFAULT_LIMITS;
  if (typeof input !== "object" || input === null) throw invalid("/limits", "limits must be an object.");
  const limits = input as Record<string, unknown>;
  const limit = (name: string, key: keyof QueryLimits): number =>
    numberUpTo(limits[name], `/limits/${name}`, 1, MAX_LIMITS[key], DEFAULT_LIMITS[key]);
  return {
    maxRows: limit("rows", "maxRows"),
    maxResultBytes: limit("resultBytes", "maxResultBytes"),
    maxScannedBytes: limit("scannedBytes", "maxScannedBytes"),
    memoryBytes: limit("memoryBytes", "memoryBytes"),
    timeMs: limit("timeMs", "timeMs"),
  };
}

function flag(request: Record<string, unknown>, name: string): boolean {
  const value = request[name];
  if (value === undefined) return false;
  if (typeof value !== "boolean") throw invalid(`/${name}`, `${name} must be true or false.`);
  return value;
}

function numberUpTo(value: unknown, pointer: string, low: number, high: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value >= low && value <= high)) {
    throw invalid(pointer, `${pointer.slice(1)} must be a number from ${low} to ${high}.`);
  }
  return value;
}

function oneOf<T extends string>(value: unknown, pointer: string, allowed: readonly T[], fallback: T): T {
  if (value === undefined) return fallback;
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw invalid(pointer, `${pointer.slice(1)} must be one of ${allowed.join(", ")}.`);
  return found;
}

function invalid(pointer: string, message: string): LakeError {
  return new LakeError("invalid_request", message, { details: { pointer } });
}

/** The error of a result with more rows than the request accepts. */
export function tooManyRows(maxRows: number): LakeError {
  return new LakeError("rows_limit_exceeded", `The result has more than ${maxRows} rows; it is not complete.`, {
    details: { max_rows: maxRows },
  });
}

/** The error of a result with more bytes than the request accepts. */
export function resultTooLarge(maxBytes: number): LakeError {
  return new LakeError("rows_limit_exceeded", `The result is larger than ${maxBytes} bytes; it is not complete.`, {
    details: { max_bytes: maxBytes },
  });
}
