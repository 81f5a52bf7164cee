// The Prometheus text exposition format, version 0.0.4.
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/

/** What a metric counts: only upwards, up and down, or how often values fall below bounds. */
export type MetricKind = "counter" | "gauge" | "histogram";

/** Label values by label name. */
export type MetricLabels = Readonly<Record<string, string>>;

/** One line of a family. `suffix` is for histograms only. */
export interface MetricSample {
  readonly suffix?: "_bucket" | "_sum" | "_count";
  readonly labels: MetricLabels;
  readonly value: number;
}

/** A metric with all its lines. Counter names end in `_total`. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly kind: MetricKind;
  readonly samples: readonly MetricSample[];
}

/** The Content-Type of {@link renderPrometheus}. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabelValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

function renderSample(name: string, sample: MetricSample): string {
  const labels = Object.entries(sample.labels).map(([label, value]) => `${label}="${escapeLabelValue(value)}"`);
  const labelText = labels.length === 0 ? "" : `{${labels.join(",")}}`;
  return `${name}${sample.suffix ?? ""}${labelText} ${formatValue(sample.value)}\n`;
}

/** The families as exposition text; families without samples still announce themselves. */
export function renderPrometheus(families: readonly MetricFamily[]): string {
  let text = "";
  for (const family of families) {
    text += `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.kind}\n`;
    for (const sample of family.samples) text += renderSample(family.name, sample);
  }
  return text;
}
