// Counters and histograms of one isolate. Isolates come and go and do not share memory: every series carries the
// isolate's instance id, so a scraper sums over instances and a counter never seems to run backwards.

import type { MetricFamily, MetricLabels, MetricSample } from "./prometheus.ts";

/** A number that only grows. */
export interface Counter {
  add(labels: MetricLabels, amount?: number): void;
}

/** How often values fell at or below each bound. */
export interface Histogram {
  observe(labels: MetricLabels, value: number): void;
}

/** What a metric is called and what its labels are. */
export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
}

/** The metrics of one isolate. */
export interface MetricRegistry {
  counter(definition: MetricDefinition): Counter;
  /** `bounds` are inclusive upper bounds, ascending, without +Inf. */
  histogram(definition: MetricDefinition, bounds: readonly number[]): Histogram;
  /** Every series with the registry's constant labels, in the order of registration. */
  families(): readonly MetricFamily[];
}

/** Latency bounds in seconds, from a cached answer to the longest query. */
export const LATENCY_BOUNDS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Series beyond this many in one metric are counted together, so that no client can grow the isolate's memory. */
const MAX_SERIES = 256;
const OVERFLOW_LABELS: MetricLabels = { overflow: "true" };

interface HistogramState {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** Finds a label set's state, or makes it while the metric is below its limit of series. */
function createSeries<T>(initial: () => T): {
  readonly at: (labels: MetricLabels) => T;
  readonly all: () => Iterable<{ readonly labels: MetricLabels; readonly state: T }>;
} {
  const series = new Map<string, { readonly labels: MetricLabels; state: T }>();
  const at = (labels: MetricLabels): { state: T } => {
    const key = JSON.stringify(Object.entries(labels));
    const found = series.get(key);
    if (found !== undefined) return found;
    if (series.size >= MAX_SERIES && labels !== OVERFLOW_LABELS) return at(OVERFLOW_LABELS);
    const created = { labels, state: initial() };
    series.set(key, created);
    return created;
  };
  return { at: (labels) => at(labels).state, all: () => series.values() };
}

function histogramSamples(
  bounds: readonly number[],
  labels: MetricLabels,
  state: HistogramState,
): readonly MetricSample[] {
  const samples: MetricSample[] = bounds.map((bound, i) => ({
    suffix: "_bucket",
    labels: { ...labels, le: String(bound) },
    value: state.counts[i] as number,
  }));
  samples.push({ suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: state.count });
  samples.push({ suffix: "_sum", labels, value: state.sum });
  samples.push({ suffix: "_count", labels, value: state.count });
  return samples;
}

/** An empty registry whose every series carries `constantLabels`. */
export function createMetricRegistry(constantLabels: MetricLabels): MetricRegistry {
  const collectors: (() => MetricFamily)[] = [];
  return {
    counter(definition) {
      const series = createSeries(() => ({ value: 0 }));
      collectors.push(() => ({
        ...definition,
        kind: "counter",
        samples: Array.from(series.all(), ({ labels, state }) => ({
          labels: { ...labels, ...constantLabels },
          value: state.value,
        })),
      }));
      return {
        add(labels, amount = 1) {
          series.at(labels).value += amount;
        },
      };
    },
    histogram(definition, bounds) {
      const series = createSeries<HistogramState>(() => ({ counts: bounds.map(() => 0), sum: 0, count: 0 }));
      collectors.push(() => ({
        ...definition,
        kind: "histogram",
        samples: Array.from(series.all(), ({ labels, state }) =>
          histogramSamples(bounds, { ...labels, ...constantLabels }, state),
        ).flat(),
      }));
      return {
        observe(labels, value) {
          const state = series.at(labels);
          for (let i = 0; i < bounds.length; i++) {
            if (value <= (bounds[i] as number)) state.counts[i] = (state.counts[i] as number) + 1;
          }
          state.sum += value;
          state.count++;
        },
      };
    },
    families: () => collectors.map((collect) => collect()),
  };
}
