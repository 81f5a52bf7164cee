import { expect, test } from "vitest";
import { createMetricRegistry, renderPrometheus } from "#telemetry";
import { parsePrometheus } from "../../support/prometheus-grammar.ts";

test("labels and help survive quotes, backslashes and line breaks", () => {
  const text = renderPrometheus([
    {
      name: "firn_x_total",
      help: "back\\slash\nand break",
      kind: "counter",
      samples: [{ labels: { table: 'we"ird\\na\nme' }, value: 3 }],
    },
  ]);
  expect(text.split("\n")).toHaveLength(4);
  expect(parsePrometheus(text).get("firn_x_total")?.samples).toEqual([
    { name: "firn_x_total", labels: { table: 'we"ird\\na\nme' }, value: 3 },
  ]);
});

test("a histogram is cumulative, ends in +Inf and agrees with its count", () => {
  const registry = createMetricRegistry({ instance_id: "i1" });
  const histogram = registry.histogram({ name: "firn_latency_seconds", help: "h" }, [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe({ cache: "miss" }, value);
  const family = parsePrometheus(renderPrometheus(registry.families())).get("firn_latency_seconds");
  expect(family?.samples.map((sample) => [sample.labels["le"], sample.value])).toEqual([
    ["0.1", 2],
    ["1", 3],
    ["+Inf", 4],
    [undefined, 7.65],
    [undefined, 4],
  ]);
});

test("one metric keeps a bounded number of series and still counts everything", () => {
  const registry = createMetricRegistry({ instance_id: "i1" });
  const counter = registry.counter({ name: "firn_events_total", help: "h" });
  for (let i = 0; i < 1000; i++) counter.add({ table: `t${i}` });
  const samples = parsePrometheus(renderPrometheus(registry.families())).get("firn_events_total")?.samples ?? [];
  expect(samples.length).toBe(257);
  expect(samples.reduce((sum, sample) => sum + sample.value, 0)).toBe(1000);
});

test("the checker refuses what Prometheus would refuse", () => {
  const head = "# HELP a_total h\n# TYPE a_total counter\n";
  expect(() => parsePrometheus(`${head}a_total{x="1} 1\n`)).toThrow("bad");
  expect(() => parsePrometheus(`${head}a_total 1\na_total 1\n`)).toThrow("twice");
  expect(() => parsePrometheus(`${head}a_total 1`)).toThrow("line break");
});
