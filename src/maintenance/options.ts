// What a caller may ask of a layout job: parsing of request bodies, then resolution against the table.

import { LakeError, nearestName, parseSizeBytes, parseTableName, tableNameToString, type TableIdentifier } from "#core";
import { parseTransform, type NullOrder } from "#iceberg";
import type { UpkeepRequest } from "./upkeep.ts";

/** One key of a requested sort. */
export interface SortColumn {
  /** A column's name, or the dotted path of a field inside structs. */
  readonly column: string;
  /** A transform's name, such as `day` or `bucket[16]`: rows are ordered by its results. Absent: by the value. */
  readonly transform?: string;
  readonly direction: "asc" | "desc";
  readonly nullOrder: NullOrder;
}

/** A parsed compaction request; absent sizes follow the table's properties. */
export interface CompactRequest {
  readonly kind: "compact";
  readonly table: TableIdentifier;
  /** Merge every file below the minimum size wherever two of them meet. */
  readonly aggressive: boolean;
  readonly minFileSizeBytes?: number;
  readonly targetFileSizeBytes?: number;
  readonly minInputFiles?: number;
  /** Files that at least so many delete files apply to are rewritten. */
  readonly deleteFileThreshold?: number;
  /** Files with at least this share of deleted rows are rewritten; above 0, at most 1. */
  readonly deleteRatio?: number;
}

/** A parsed sort rewrite request; without `sort` and `zorder` the table's own sort order is used. */
export interface RewriteRequest {
  readonly kind: "rewrite";
  readonly table: TableIdentifier;
  readonly sort?: readonly SortColumn[];
  /** Columns to order by on a Z-curve, all of them alike; never together with `sort`. */
  readonly zorder?: readonly string[];
  readonly targetFileSizeBytes?: number;
}

/** Any layout job's request; plain data, so that it can be a workflow's parameters. */
export type LayoutRequest = CompactRequest | RewriteRequest;

/** Any job's request. */
export type JobRequest = LayoutRequest | UpkeepRequest;

/** The table that the runbook's bodies, which name none, mean. */
const DEFAULT_TABLE = "events";

/**
 * Target sizes outside this range are mistakes: below, a missing unit ("128" for "128MB") would shatter a table
 * into files of a few rows; above, one file no longer fits the platform's time limits for a step.
 */
const MIN_TARGET_BYTES = 64 * 1024;
const MAX_TARGET_BYTES = 2 * 1024 ** 3;

/** Upper bound of counts of files; more would never be reached by one group. */
const MAX_FILE_COUNT = 10_000;

/** Sort keys beyond this number cannot change an order that matters. */
const MAX_SORT_COLUMNS = 16;

/** With more columns each has too few bits of the curve left to tell files apart. */
const MAX_ZORDER_COLUMNS = 8;

type Body = Readonly<Record<string, unknown>>;

/**
 * Parses the body of a compaction request, such as `{"aggressive": true, "minFileSize": "50MB"}`. An absent body
 * is the empty object.
 *
 * Errors: `invalid_option` with `details.option` for unknown options, wrong types and impossible values.
 */
export function parseCompactOptions(body: unknown): CompactRequest {
  const options = requireObject(body);
  rejectUnknown(options, [
    "table",
    "aggressive",
    "minFileSize",
    "targetFileSize",
    "minInputFiles",
    "deleteFileThreshold",
    "deleteRatio",
  ]);
  const minFileSizeBytes = parseSize(options, "minFileSize");
  const targetFileSizeBytes = parseTarget(options);
  const minInputFiles = parseCount(options, "minInputFiles");
  const deleteFileThreshold = parseCount(options, "deleteFileThreshold");
  const deleteRatio = options["deleteRatio"];
  if (deleteRatio !== undefined && !(typeof deleteRatio === "number" && deleteRatio > 0 && deleteRatio <= 1)) {
    throw invalidOption("deleteRatio", "deleteRatio must be a number above 0 and at most 1.");
  }
  if (minFileSizeBytes !== undefined && targetFileSizeBytes !== undefined) {
    requireMinBelowTarget(minFileSizeBytes, targetFileSizeBytes);
  }
  return {
    kind: "compact",
    table: parseTable(options),
    aggressive: parseBoolean(options, "aggressive"),
    ...(minFileSizeBytes === undefined ? {} : { minFileSizeBytes }),
    ...(targetFileSizeBytes === undefined ? {} : { targetFileSizeBytes }),
    ...(minInputFiles === undefined ? {} : { minInputFiles }),
    ...(deleteFileThreshold === undefined ? {} : { deleteFileThreshold }),
    ...(deleteRatio === undefined ? {} : { deleteRatio }),
  };
}

/**
 * Parses the body of a sort rewrite, such as `{"sort": ["timestamp", "event_type"], "targetFileSize": "128MiB"}`.
 * A sort key is a column's name or `{column, transform, direction, nullOrder}`; ascending keys put nulls first by
 * default, descending ones last, as Iceberg does. `{"zorder": ["user_id", "timestamp"]}` orders by several columns alike.
 *
 * Errors: `invalid_option` with `details.option`.
 */
export function parseRewriteOptions(body: unknown): RewriteRequest {
  const options = requireObject(body);
  rejectUnknown(options, ["table", "sort", "zorder", "targetFileSize"]);
  const targetFileSizeBytes = parseTarget(options);
  const sort = options["sort"] === undefined ? undefined : parseSort(options["sort"]);
  const zorder = options["zorder"] === undefined ? undefined : parseZorder(options["zorder"]);
  if (sort !== undefined && zorder !== undefined) {
    throw invalidOption("zorder", "sort and zorder are two orders of the same rows: give one of them.");
  }
  return {
    kind: "rewrite",
    table: parseTable(options),
    ...(sort === undefined ? {} : { sort }),
    ...(zorder === undefined ? {} : { zorder }),
    ...(targetFileSizeBytes === undefined ? {} : { targetFileSizeBytes }),
  };
}

/** Refuses a minimum above the target: such files would be rewritten for ever. Errors: `invalid_option`. */
export function requireMinBelowTarget(minFileSizeBytes: number, targetFileSizeBytes: number): void {
  if (minFileSizeBytes <= targetFileSizeBytes) return;
  throw invalidOption(
    "minFileSize",
    `minFileSize (${minFileSizeBytes} bytes) is above targetFileSize (${targetFileSizeBytes} bytes): no file could ever be large enough.`,
  );
}

/** A request's body: option values by name. */
export type OptionsBody = Body;

/** The body as an object of known options; an absent body is the empty object. Errors: `invalid_option`. */
export function parseOptionsObject(body: unknown, known: readonly string[]): OptionsBody {
  const options = requireObject(body);
  rejectUnknown(options, known);
  return options;
}

/** The option `table`; by default the table that bodies which name none mean. Errors: `invalid_option`. */
export function parseOptionTable(options: OptionsBody): TableIdentifier {
  return parseTable(options);
}

/** An `invalid_option` error that names its option. */
export function invalidOption(
  option: string,
  message: string,
  extra: Readonly<Record<string, unknown>> = {},
): LakeError {
  return new LakeError("invalid_option", `${message} No job was started.`, { details: { option, ...extra } });
}

/** The request as JSON for people: sizes in bytes, the table by its dotted name. */
export function describeRequest(request: JobRequest): Readonly<Record<string, unknown>> {
  const { kind: _kind, table, ...options } = request;
  return { table: tableNameToString(table), ...options };
}

function requireObject(body: unknown): Body {
  if (body === undefined || body === null) return {};
  if (typeof body !== "object" || Array.isArray(body)) {
    throw invalidOption("body", "The body must be a JSON object of options.");
  }
  return body as Body;
}

function rejectUnknown(options: Body, known: readonly string[]): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    const nearest = nearestName(option, known);
    throw invalidOption(
      option,
      `Unknown option "${option}".${nearest === undefined ? ` Known: ${known.join(", ")}.` : ` Did you mean "${nearest}"?`}`,
      nearest === undefined ? {} : { nearest },
    );
  }
}

function parseTable(options: Body): TableIdentifier {
  const name = options["table"] ?? DEFAULT_TABLE;
  if (typeof name !== "string") throw invalidOption("table", "table must be a name such as events.");
  try {
    return parseTableName(name);
  } catch {
    throw invalidOption("table", `"${name}" is not a table name such as events or system.query_logs.`);
  }
}

function parseBoolean(options: Body, name: string): boolean {
  const value = options[name] ?? false;
  if (typeof value !== "boolean") throw invalidOption(name, `${name} must be true or false.`);
  return value;
}

function parseCount(options: Body, name: string): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= MAX_FILE_COUNT) return value;
  throw invalidOption(name, `${name} must be a whole number from 1 to ${MAX_FILE_COUNT}.`);
}

function parseSize(options: Body, name: string): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  if (typeof value !== "string" && typeof value !== "number") {
    throw invalidOption(name, `${name} must be a byte size such as "50MB" or "128MiB".`);
  }
  const sizeBytes = parseSizeBytes(value, name);
  if (sizeBytes === 0) throw invalidOption(name, `${name} must be above zero.`);
  return sizeBytes;
}

function parseTarget(options: Body): number | undefined {
  const sizeBytes = parseSize(options, "targetFileSize");
  if (sizeBytes !== undefined && (sizeBytes < MIN_TARGET_BYTES || sizeBytes > MAX_TARGET_BYTES)) {
    throw invalidOption("targetFileSize", `targetFileSize must be from 64KiB to 2GiB; ${sizeBytes} bytes is not.`);
  }
  return sizeBytes;
}

function parseSort(value: unknown): SortColumn[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidOption("sort", 'sort must be a list of columns such as ["timestamp", "event_type"].');
  }
  if (value.length > MAX_SORT_COLUMNS) throw invalidOption("sort", `sort takes at most ${MAX_SORT_COLUMNS} columns.`);
  const columns = value.map((key: unknown) => parseSortKey(key));
  const seen = new Set<string>();
  for (const { column, transform } of columns) {
    const key = transform === undefined ? column : `${transform}(${column})`;
    if (seen.has(key)) throw invalidOption("sort", `sort names the column "${key}" twice.`);
    seen.add(key);
  }
  return columns;
}

function parseZorder(value: unknown): string[] {
  const isList = Array.isArray(value) && value.every((column) => typeof column === "string" && column !== "");
  if (!isList || value.length < 2 || value.length > MAX_ZORDER_COLUMNS) {
    throw invalidOption(
      "zorder",
      `zorder must be a list of 2 to ${MAX_ZORDER_COLUMNS} columns such as ["user_id", "timestamp"].`,
    );
  }
  const columns = value as string[];
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) throw invalidOption("zorder", `zorder names the column "${twice}" twice.`);
  return columns;
}

function parseSortKey(key: unknown): SortColumn {
  if (typeof key === "string" && key !== "") return { column: key, direction: "asc", nullOrder: "nulls-first" };
  if (typeof key !== "object" || key === null || Array.isArray(key)) {
    throw invalidOption("sort", "A sort key is a column's name or {column, transform, direction, nullOrder}.");
  }
  const fields = key as Body;
  rejectUnknown(fields, ["column", "transform", "direction", "nullOrder"]);
  const { column, transform, direction = "asc" } = fields;
  if (typeof column !== "string" || column === "") throw invalidOption("sort", "A sort key needs a column name.");
  if (direction !== "asc" && direction !== "desc") {
    throw invalidOption("sort", `The direction of "${column}" must be asc or desc.`);
  }
  const nullOrder = fields["nullOrder"] ?? (direction === "asc" ? "nulls-first" : "nulls-last");
  if (nullOrder !== "nulls-first" && nullOrder !== "nulls-last") {
    throw invalidOption("sort", `The nullOrder of "${column}" must be nulls-first or nulls-last.`);
  }
  if (transform !== undefined && (typeof transform !== "string" || parseTransform(transform).kind === "unknown")) {
    throw invalidOption("sort", `The transform of "${column}" must be one such as day, bucket[16] or truncate[4].`);
  }
  return { column, ...(transform === undefined ? {} : { transform }), direction, nullOrder };
}
