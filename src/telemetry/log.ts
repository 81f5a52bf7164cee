// One canonical JSON line per operation. A line is one string, so that `wrangler tail --format json`, which
// pretty-prints its frames, still shows it on one line, ready for `grep <event> | jq fromjson`.

import { stringifyJson } from "#core";

/** The operations that log, one line each. */
export const LOG_EVENTS = [
  /** A request that no more specific event describes. */
  "http_request",
  /** A query, answered, refused, failed or cancelled. */
  "query_latency",
  /** The engine stopped a query because whoever asked had left. */
  "query_stopped",
  /** A batch of events offered to a table. */
  "ingest_batch",
  /** A shard wrote its rows to a Parquet file. */
  "shard_flush",
  /** Data files or table changes became a snapshot, or did not. */
  "table_commit",
  /** A maintenance job entered a state. */
  "maintenance_job",
  /** The optimizer looked at the system. */
  "optimizer_run",
  /** The optimizer changed something, or measured what a change did. */
  "optimizer_action",
  "alert_raised",
  "alert_resolved",
  /** Something broke inside Firn; the line carries the cause that clients do not see. */
  "internal_error",
] as const;

/** The name of an operation that logs. */
export type LogEventName = (typeof LOG_EVENTS)[number];

/** How a line is shown: as an error, as a warning, or plainly. */
export type LogLevel = "info" | "warn" | "error";

/** One operation. Field names are snake_case; durations end in `_ms`, sizes in `_bytes`. */
export interface LogEvent {
  readonly event: LogEventName;
  /** `info` when absent. */
  readonly level?: LogLevel;
  readonly [field: string]: unknown;
}

/** Where lines go. */
export interface LogSink {
  /** Takes one line without its line break. Must not throw. */
  write(level: LogLevel, line: string): void;
}

/** Longer strings are cut: Workers Logs drops lines over 256 KB, and a query text may be that long. */
const MAX_FIELD_CHARACTERS = 4096;
const SECRET_FIELD = /^(authorization|cookie|password|secret|token)$|_(password|secret|token)$/i;

function loggableField(name: string, value: unknown): unknown {
  if (SECRET_FIELD.test(name)) return "[redacted]";
  if (typeof value === "string" && value.length > MAX_FIELD_CHARACTERS) {
    return `${value.slice(0, MAX_FIELD_CHARACTERS).toWellFormed()}…`;
  }
  return value;
}

/**
 * Writes one operation as one JSON line; `event` comes first, undefined fields are left out, strings are cut at
 * 4,096 characters, fields named like secrets are redacted, bigint becomes a JSON integer.
 */
export function logEvent(log: LogSink, event: LogEvent): void {
  const { event: name, level = "info", ...fields } = event;
  const line: Record<string, unknown> = { event: name, level };
  for (const [field, value] of Object.entries(fields)) line[field] = loggableField(field, value);
  log.write(level, lineToText(line));
}

/** A log line must never end the operation it describes: a field that JSON refuses takes only itself down. */
function lineToText(line: Readonly<Record<string, unknown>>): string {
  try {
    return stringifyJson(line);
  } catch {
    const scalars = Object.entries(line).map(([name, value]) => [
      name,
      typeof value === "object" || typeof value === "function" ? "[not loggable]" : value,
    ]);
    return stringifyJson(Object.fromEntries(scalars));
  }
}

/** Writes to the platform's console, which Workers Logs and `wrangler tail` read. */
export function createConsoleSink(): LogSink {
  return {
    write(level, line) {
      // The console is the log transport of Workers: this is the one place that uses it.
      // oxlint-disable-next-line no-console
      if (level === "error") console.error(line);
      // oxlint-disable-next-line no-console
      else if (level === "warn") console.warn(line);
      // oxlint-disable-next-line no-console
      else console.log(line);
    },
  };
}

/** Keeps the lines, parsed; for tests. */
export function createMemorySink(): LogSink & { readonly events: readonly LogEvent[] } {
  const events: LogEvent[] = [];
  return { events, write: (_level, line) => void events.push(JSON.parse(line) as LogEvent) };
}

/** An error as log fields: its own message and its cause's, which never go to clients. */
export function errorToLogFields(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { error: String(error) };
  const { cause } = error;
  return {
    error: error.message,
    error_name: error.name,
    error_code: "code" in error ? error.code : undefined,
    error_context: "context" in error ? error.context : undefined,
    cause: cause instanceof Error ? cause.message : cause,
    stack: error.stack,
  };
}
