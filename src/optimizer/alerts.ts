// When a query pattern's latency is an alert, and when it stops being one. Pure: numbers in, decisions out.

import type { OptimizerConfig } from "./config.ts";
import type { PatternLatency } from "./latency.ts";

/** What is normal for a pattern. */
export interface Baseline extends PatternLatency {
  /** When it was computed, milliseconds since the epoch. */
  readonly computedAtMs: number;
}

/** A pattern slower than its baseline allows. Times are milliseconds since the epoch. */
export interface Alert {
  readonly id: string;
  readonly code: "QueryPerformanceDegradation";
  readonly fingerprint: string;
  readonly pattern: string;
  readonly baselineP95Ms: number;
  /** p95 when it was raised. */
  readonly raisedP95Ms: number;
  /** p95 when it was last evaluated. */
  readonly lastP95Ms: number;
  readonly raisedAtMs: number;
  readonly lastSeenAtMs: number;
  readonly resolvedAtMs: number | undefined;
  readonly resolution: "recovered" | "no_traffic" | undefined;
}

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
  const activeFingerprints = new Set(input.active.map((alert) => alert.fingerprint));
  const raised: Alert[] = [];
  const continued: Alert[] = [];
  const resolved: Alert[] = [];

  for (const alert of input.active) {
    const latency = currentByFingerprint.get(alert.fingerprint);
    if (latency === undefined) {
      if (nowMs - alert.lastSeenAtMs >= config.alert_stale_seconds * 1000) {
        resolved.push({ ...alert, resolvedAtMs: nowMs, resolution: "no_traffic" });
      } else continued.push(alert);
      continue;
    }
    const seen = { ...alert, lastP95Ms: latency.p95, lastSeenAtMs: nowMs };
    const recovered =
      latency.p95 <= alert.baselineP95Ms * config.resolve_factor ||
      latency.p95 - alert.baselineP95Ms < config.alert_min_increase_ms;
    if (recovered) resolved.push({ ...seen, resolvedAtMs: nowMs, resolution: "recovered" });
    else continued.push(seen);
  }

  for (const latency of input.current) {
    const baseline = baselineByFingerprint.get(latency.fingerprint);
    if (baseline === undefined || activeFingerprints.has(latency.fingerprint)) continue;
    const isRegressed =
      latency.p95 > baseline.p95 * config.alert_factor && latency.p95 - baseline.p95 >= config.alert_min_increase_ms;
    if (!isRegressed) continue;
    raised.push({
      id: input.newId(),
      code: "QueryPerformanceDegradation",
      fingerprint: latency.fingerprint,
      pattern: latency.pattern,
      baselineP95Ms: baseline.p95,
      raisedP95Ms: latency.p95,
      lastP95Ms: latency.p95,
      raisedAtMs: nowMs,
      lastSeenAtMs: nowMs,
      resolvedAtMs: undefined,
      resolution: undefined,
    });
  }
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
