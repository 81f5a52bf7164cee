import { assert, constantFrom, dictionary, integer, property, subarray } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  evaluateAlerts,
  refreshBaselines,
  resolveConfig,
  type Alert,
  type Baseline,
  type PatternLatency,
} from "#optimizer";

const config = resolveConfig({ alert_min_increase_ms: 10 });

function latency(fingerprint: string, p95: number): PatternLatency {
  return { fingerprint, pattern: `SELECT ${fingerprint}`, samples: 30, p50: p95 / 2, p95, p99: p95 * 1.1 };
}

function baseline(fingerprint: string, p95: number, computedAtMs = 0): Baseline {
  return { ...latency(fingerprint, p95), computedAtMs };
}

function evaluate(current: PatternLatency[], baselines: Baseline[], active: Alert[], nowMs = 1000) {
  let next = 0;
  return evaluateAlerts({ current, baselines, active, config, nowMs, newId: () => `alert-${++next}` });
}

function raisedAlert(): Alert {
  const [alert] = evaluate([latency("q", 500)], [baseline("q", 100)], []).raised;
  if (alert === undefined) throw new Error("expected an alert");
  return alert;
}

describe("raising", () => {
  test("p95 above twice the baseline raises one alert with both numbers", () => {
    const { raised } = evaluate([latency("q", 201)], [baseline("q", 100)], []);
    expect(raised).toMatchObject([
      { code: "QueryPerformanceDegradation", subject: "q", normal: 100, raisedValue: 201 },
    ]);
  });

  test("exactly twice the baseline does not", () => {
    expect(evaluate([latency("q", 200)], [baseline("q", 100)], []).raised).toEqual([]);
  });

  test("a regression below the minimum increase is noise", () => {
    expect(evaluate([latency("q", 9)], [baseline("q", 2)], []).raised).toEqual([]);
  });

  test("a pattern without a baseline is not judged", () => {
    expect(evaluate([latency("new", 9000)], [baseline("q", 2)], []).raised).toEqual([]);
  });

  test("I91 a pattern with an active alert gets no second one", () => {
    const decisions = evaluate([latency("q", 900)], [baseline("q", 100)], [raisedAlert()]);
    expect(decisions.raised).toEqual([]);
    expect(decisions.continued).toMatchObject([{ lastValue: 900, raisedValue: 500 }]);
  });
});

describe("resolving", () => {
  test("p95 back within the resolve factor resolves as recovered", () => {
    const { resolved, continued } = evaluate([latency("q", 150)], [baseline("q", 100)], [raisedAlert()], 5000);
    expect(resolved).toMatchObject([{ resolvedAtMs: 5000, resolution: "recovered", lastValue: 150 }]);
    expect(continued).toEqual([]);
  });

  test("between the two factors the alert stays as it is", () => {
    expect(evaluate([latency("q", 180)], [baseline("q", 100)], [raisedAlert()]).continued).toHaveLength(1);
  });

  test("a pattern nobody queries any more resolves after the stale time, not before", () => {
    const staleMs = config.alert_stale_seconds * 1000;
    expect(evaluate([], [], [raisedAlert()], 1000 + staleMs - 1).continued).toHaveLength(1);
    expect(evaluate([], [], [raisedAlert()], 1000 + staleMs).resolved).toMatchObject([{ resolution: "no_traffic" }]);
  });
});

test("every active alert is either continued or resolved, and none is both", () => {
  const fingerprints = ["a", "b", "c", "d"];
  assert(
    property(
      dictionary(constantFrom(...fingerprints), integer({ min: 1, max: 5000 })),
      subarray(fingerprints),
      integer({ min: 0, max: 1e8 }),
      (currentP95, activeFor, nowMs) => {
        const active = activeFor.map((fingerprint) => ({ ...raisedAlert(), id: fingerprint, subject: fingerprint }));
        const decisions = evaluate(
          Object.entries(currentP95).map(([fingerprint, p95]) => latency(fingerprint, p95)),
          fingerprints.map((fingerprint) => baseline(fingerprint, 100)),
          active,
          nowMs,
        );
        const after = [...decisions.continued, ...decisions.resolved].map((alert) => alert.id);
        expect(after.toSorted()).toEqual(activeFor.toSorted());
        expect(decisions.raised.filter((alert) => activeFor.includes(alert.subject))).toEqual([]);
      },
    ),
  );
});

function refresh(stored: Baseline[], computed: PatternLatency[], active: string[], nowMs: number) {
  return refreshBaselines({ stored, computed, activeFingerprints: new Set(active), config, nowMs });
}

describe("baselines", () => {
  test("a new pattern gets a baseline", () => {
    expect(refresh([], [latency("q", 100)], [], 7)).toEqual([{ ...latency("q", 100), computedAtMs: 7 }]);
  });

  test("a young baseline is kept, an old one is replaced", () => {
    const ageMs = config.baseline_refresh_seconds * 1000;
    expect(refresh([baseline("q", 90, 0)], [latency("q", 100)], [], ageMs - 1)).toEqual([]);
    expect(refresh([baseline("q", 90, 0)], [latency("q", 100)], [], ageMs)).toHaveLength(1);
  });

  test("I90 slow queries under an active alert never become the baseline", () => {
    expect(refresh([baseline("q", 90, 0)], [latency("q", 9000)], ["q"], 1e12)).toEqual([]);
  });
});
