// GET /metrics: this isolate's counters and the system's state, for Prometheus.

import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from "#telemetry";
import type { RouteModule } from "../services.ts";
import { readSystemMetrics } from "../system-metrics.ts";

/** `GET /metrics`. */
export const metricsRoutes: RouteModule = (app, services) => {
  app.route(
    {
      method: "get",
      path: "/metrics",
      operationId: "getMetrics",
      tag: "Administration",
      summary: "Prometheus metrics",
      description:
        "Needs a token of the scope `metrics` (METRICS_TOKEN) or `admin`. Series with an instance_id count since that " +
        "isolate began; the others are read from the shards, the compactor and the optimizer at each scrape.",
      scope: "metrics",
      replies: { 200: { description: "Text exposition format 0.0.4.", contentTypes: ["text/plain"] } },
    },
    async () => {
      const families = [...services.metrics.families(), ...(await readSystemMetrics(services))];
      return new Response(renderPrometheus(families), {
        headers: { "content-type": PROMETHEUS_CONTENT_TYPE, "cache-control": "no-store" },
      });
    },
  );
};
