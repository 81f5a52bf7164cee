// What other engines report of their scans and commits (Iceberg REST metrics reports) becomes rows of
// system.scan_metrics: the workload of engines that never send us a query. Literals in filters arrive hashed.

import { parseJson, tableNameToString, utf8ToStringStrict, uuidv7, type TableIdentifier } from "#core";
import type { HttpContext } from "#http";
import { SCAN_METRICS_TABLE } from "#ingest";
import { errorToLogFields, logEvent } from "#telemetry";
import type { CollectorServices } from "./services.ts";

const METRICS_PATH = /^\/v1\/namespaces\/([^/]+)\/tables\/([^/]+)\/metrics\/?$/;
const LEVEL_SEPARATOR = "\u001F";

/** Nanoseconds in a unit of time that reports use. */
const NANOS_BY_UNIT: Readonly<Record<string, number>> = {
  nanoseconds: 1,
  microseconds: 1e3,
  milliseconds: 1e6,
  seconds: 1e9,
};
const NANOS_PER_MS = 1e6;
/** Longer filters and metrics are left out of the row: a report is telemetry, not data. */
const MAX_JSON_CHARACTERS = 32 * 1024;

type Json = Readonly<Record<string, unknown>>;

/** Whether a request brings a metrics report. */
export function isMetricsReport(method: string, path: string): boolean {
  return method === "POST" && METRICS_PATH.test(path);
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function id(value: unknown): string | null {
  return typeof value === "bigint" || typeof value === "number" ? String(value) : null;
}

function counter(metrics: Json, name: string): number | null {
  const { value } = object(metrics[name]);
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function sum(...values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

function timerMs(metrics: Json, name: string): number | null {
  const timer = object(metrics[name]);
  const nanos = NANOS_BY_UNIT[text(timer["time-unit"]) ?? ""];
  const duration = timer["total-duration"];
  return nanos === undefined || typeof duration !== "number" ? null : (duration * nanos) / NANOS_PER_MS;
}

/** Snapshot ids and the like stay whole as text; what is too long is left out. */
function bounded(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return null;
  const json = JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? String(item) : item));
  return json.length > MAX_JSON_CHARACTERS ? null : (JSON.parse(json) as unknown);
}

/** A report as a row of system.scan_metrics. Members that are not as the protocol says are null. */
export function scanReportRow(
  table: TableIdentifier,
  report: unknown,
  about: { readonly reportId: string; readonly userId: string; readonly nowMs: number },
): Readonly<Record<string, unknown>> {
  const json = object(report);
  const metrics = object(json["metrics"]);
  const metadata = object(json["metadata"]);
  const engine = [text(metadata["engine-name"]), text(metadata["engine-version"])].filter((part) => part !== null);
  return {
    report_id: about.reportId,
    timestamp: new Date(about.nowMs).toISOString(),
    report_type: text(json["report-type"]) ?? "unknown",
    user_id: about.userId,
    table_name: tableNameToString(table),
    engine: engine.length === 0 ? text(metadata["iceberg-version"]) : engine.join(" "),
    snapshot_id: id(json["snapshot-id"]),
    operation: text(json["operation"]),
    filter: bounded(json["filter"]),
    columns: bounded(json["projected-field-names"]),
    planning_ms: timerMs(metrics, "total-planning-duration"),
    files_scanned: counter(metrics, "result-data-files"),
    files_skipped: counter(metrics, "skipped-data-files"),
    manifests_scanned: sum(counter(metrics, "scanned-data-manifests"), counter(metrics, "scanned-delete-manifests")),
    manifests_skipped: sum(counter(metrics, "skipped-data-manifests"), counter(metrics, "skipped-delete-manifests")),
    bytes_scanned: counter(metrics, "total-file-size-in-bytes"),
    metrics: bounded(metrics),
  };
}

/** Writes a report's row after the reply; one that cannot be written is an `internal_error` line. */
export function keepScanReport(
  { ingest, clock, random, log }: Pick<CollectorServices, "ingest" | "clock" | "random" | "log">,
  c: HttpContext,
  path: string,
  bytes: Uint8Array,
): void {
  const [, namespace = "", name = ""] = METRICS_PATH.exec(path) ?? [];
  const table = { namespace: decodeURIComponent(namespace).split(LEVEL_SEPARATOR), name: decodeURIComponent(name) };
  const row = scanReportRow(table, parseJson(utf8ToStringStrict(bytes) ?? "null"), {
    reportId: uuidv7(clock, random),
    userId: c.get("principal").name,
    nowMs: clock.nowMs(),
  });
  const kept = ingest.ingestRows(SCAN_METRICS_TABLE.identifier, [row]).catch((error: unknown) =>
    logEvent(log, {
      event: "internal_error",
      level: "error",
      operation: "scan_report",
      ...errorToLogFields(error),
    }),
  );
  c.executionCtx.waitUntil(kept.then(() => undefined));
}
