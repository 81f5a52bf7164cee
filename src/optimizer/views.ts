// What operators see of the optimizer over HTTP: snake_case members, times as ISO 8601 in UTC.

import { alertRunbook } from "#telemetry";
import type { Alert, Baseline } from "./alerts.ts";
import type { TableCost } from "./latency.ts";
import type { OptimizerAction } from "./state.ts";

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function optionalTime(ms: number | undefined): string | null {
  return ms === undefined ? null : isoTime(ms);
}

function costView(cost: TableCost | undefined): Readonly<Record<string, number>> | null {
  if (cost === undefined) return null;
  return {
    samples: cost.samples,
    p50_ms: cost.p50Ms,
    p95_ms: cost.p95Ms,
    files_scanned: cost.filesScanned,
    bytes_scanned: cost.bytesScanned,
    storage_reads: cost.storageReads,
  };
}

/** An alert as `/admin/optimizer/alerts` and the webhook show it. */
export function alertToView(alert: Alert): Readonly<Record<string, unknown>> {
  return {
    id: alert.id,
    code: alert.code,
    state: alert.resolvedAtMs === undefined ? "active" : "resolved",
    subject: alert.subject,
    detail: alert.detail,
    unit: alert.unit,
    normal: alert.normal,
    raised_value: alert.raisedValue,
    last_value: alert.lastValue,
    runbook: alertRunbook(alert.code),
    raised_at: isoTime(alert.raisedAtMs),
    last_seen_at: isoTime(alert.lastSeenAtMs),
    resolved_at: optionalTime(alert.resolvedAtMs),
    resolution: alert.resolution ?? null,
  };
}

/** A baseline as `/admin/optimizer/baselines` shows it. */
export function baselineToView(baseline: Baseline): Readonly<Record<string, unknown>> {
  return {
    fingerprint: baseline.fingerprint,
    query_pattern: baseline.pattern,
    samples: baseline.samples,
    p50_ms: baseline.p50,
    p95_ms: baseline.p95,
    p99_ms: baseline.p99,
    computed_at: isoTime(baseline.computedAtMs),
  };
}

/** An action as `/admin/optimizer/actions` shows it: what was expected beside what was measured. */
export function actionToView(action: OptimizerAction): Readonly<Record<string, unknown>> {
  const { expected } = action;
  return {
    id: action.id,
    kind: action.kind,
    table: action.table,
    reason: action.reason,
    state: action.state,
    job_id: action.jobId,
    started_at: isoTime(action.startedAtMs),
    finished_at: optionalTime(action.finishedAtMs),
    expected: {
      files_before: expected.filesBefore,
      files_after: expected.filesAfter,
      bytes_rewritten: expected.bytesRewritten,
      file_reduction: expected.fileReduction,
    },
    result: action.result ?? null,
    cost_before: costView(action.costBefore),
    cost_after: costView(action.costAfter),
    error: action.error ?? null,
  };
}
