// When a query pattern's latency is an alert, and when it stops being one. Pure: numbers in, decisions out.

import type { AlertCode } from "#telemetry";
import type { OptimizerConfig } from "./config.ts";
import type { PatternLatency } from "./latency.ts";

/** What is normal for a pattern. */
export interface Baseline extends PatternLatency {
  /** When it was computed, milliseconds since the epoch. */
  readonly computedAtMs: number;
}

/** A condition that needs attention. Times are milliseconds since the epoch. */
export interface Alert {
  readonly id: string;
  readonly code: AlertCode;
  /** What it is about: a query fingerprint, or a table's qualified name. One alert is active a code and subject. */
  readonly subject: string;
  /** The query pattern, or why the table is not repaired. */
  readonly detail: string;
  readonly unit: "ms" | "files";
  /** What the value normally is: the baseline's p95, or the files a compaction would leave. */
  readonly normal: number;
  /** The value when it was raised. */
  readonly raisedValue: number;
  /** The value when it was last evaluated. */
  readonly lastValue: number;
  readonly raisedAtMs: number;
  readonly lastSeenAtMs: number;
  readonly resolvedAtMs: number | undefined;
  readonly resolution: "recovered" | "no_traffic" | undefined;
}

/** A condition found to hold now, before it is an alert. */
export type Condition = Pick<Alert, "code" | "subject" | "detail" | "unit" | "normal"> & { readonly value: number };

/** What an evaluation changes. */
export interface AlertDecisions {
  readonly raised: readonly Alert[];
  /** Still active, with their newest numbers. */
  readonly continued: readonly Alert[];
  readonly resolved: readonly Alert[];
}

/**
 * Compares current percentiles with baselines. Raise and resolve use different factors, so an alert does not
 * flap around one threshold; between them it stays as it is.
 */
export function evaluateAlerts(input: {
  readonly current: readonly PatternLatency[];
  readonly baselines: readonly Baseline[];
  readonly active: readonly Alert[];
  readonly config: OptimizerConfig;
  readonly nowMs: number;
  readonly newId: () => string;
}): AlertDecisions {
  const { config, nowMs } = input;
  const baselineByFingerprint = new Map(input.baselines.map((baseline) => [baseline.fingerprint, baseline]));
  const currentByFingerprint = new Map(input.current.map((latency) => [latency.fingerprint, latency]));
  const activeFingerprints = new Set(input.active.map((alert) => alert.subject));
  const raised: Alert[] = [];
  const continued: Alert[] = [];
  const resolved: Alert[] = [];

  for (const alert of input.active) {
    const latency = currentByFingerprint.get(alert.subject);
    if (latency === undefined) {
      if (nowMs - alert.lastSeenAtMs >= config.alert_stale_seconds * 1000) {
        resolved.push({ ...alert, resolvedAtMs: nowMs, resolution: "no_traffic" });
      } else continued.push(alert);
      continue;
    }
    const seen = { ...alert, lastValue: latency.p95, lastSeenAtMs: nowMs };
    const recovered =
      latency.p95 <= alert.normal * config.resolve_factor || latency.p95 - alert.normal < config.alert_min_increase_ms;
    if (recovered) resolved.push({ ...seen, resolvedAtMs: nowMs, resolution: "recovered" });
    else continued.push(seen);
  }

  for (const latency of input.current) {
    const baseline = baselineByFingerprint.get(latency.fingerprint);
    if (baseline === undefined || activeFingerprints.has(latency.fingerprint)) continue;
    const isRegressed =
      latency.p95 > baseline.p95 * config.alert_factor && latency.p95 - baseline.p95 >= config.alert_min_increase_ms;
    if (!isRegressed) continue;
    const condition: Condition = {
      code: "QueryPerformanceDegradation",
      subject: latency.fingerprint,
      detail: latency.pattern,
      unit: "ms",
      normal: baseline.p95,
      value: latency.p95,
    };
    raised.push(conditionToAlert(condition, input.newId(), nowMs));
  }
  return { raised, continued, resolved };
}

function conditionToAlert({ value, ...condition }: Condition, id: string, nowMs: number): Alert {
  return {
    ...condition,
    id,
    raisedValue: value,
    lastValue: value,
    raisedAtMs: nowMs,
    lastSeenAtMs: nowMs,
    resolvedAtMs: undefined,
    resolution: undefined,
  };
}

/** Alerts for conditions that either hold or do not: raised when they appear, resolved when they are gone. */
export function trackConditions(input: {
  readonly conditions: readonly Condition[];
  /** Active alerts of the same codes. */
  readonly active: readonly Alert[];
  readonly nowMs: number;
  readonly newId: () => string;
}): AlertDecisions {
  const { nowMs } = input;
  const holds = new Map(input.conditions.map((condition) => [condition.subject, condition]));
  const active = new Set(input.active.map((alert) => alert.subject));
  const continued: Alert[] = [];
  const resolved: Alert[] = [];
  for (const alert of input.active) {
    const condition = holds.get(alert.subject);
    if (condition === undefined) resolved.push({ ...alert, resolvedAtMs: nowMs, resolution: "recovered" });
    else continued.push({ ...alert, detail: condition.detail, lastValue: condition.value, lastSeenAtMs: nowMs });
  }
  const raised = input.conditions
    .filter((condition) => !active.has(condition.subject))
    .map((condition) => conditionToAlert(condition, input.newId(), nowMs));
  return { raised, continued, resolved };
}

/**
 * The baselines to store: those freshly computed, except where the stored one is young enough or its pattern has an
 * active alert, whose slow queries must not become normal.
 */
export function refreshBaselines(input: {
  readonly stored: readonly Baseline[];
  readonly computed: readonly PatternLatency[];
  readonly activeFingerprints: ReadonlySet<string>;
  readonly config: OptimizerConfig;
  readonly nowMs: number;
}): readonly Baseline[] {
  const storedByFingerprint = new Map(input.stored.map((baseline) => [baseline.fingerprint, baseline]));
  return input.computed
    .filter((latency) => {
      const stored = storedByFingerprint.get(latency.fingerprint);
      if (stored === undefined) return true;
      if (input.activeFingerprints.has(latency.fingerprint)) return false;
      return input.nowMs - stored.computedAtMs >= input.config.baseline_refresh_seconds * 1000;
    })
    .map((latency) => ({ ...latency, computedAtMs: input.nowMs }));
}
