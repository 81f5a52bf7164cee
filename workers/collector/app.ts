// The front door: all routes over the services behind them.

import { createHttpApp, type HttpApp } from "#http";
import { cacheRoutes } from "./routes/cache.ts";
import { catalogRoutes } from "./routes/catalog.ts";
import { documentationRoutes } from "./routes/documentation.ts";
import { eventRoutes } from "./routes/events.ts";
import { flushRoutes } from "./routes/flush.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { optimizerRoutes } from "./routes/optimizer.ts";
import { queryRoutes } from "./routes/query.ts";
import { tableChangeRoutes } from "./routes/table-changes.ts";
import { tableRoutes } from "./routes/tables.ts";
import type { CollectorServices } from "./services.ts";

/** Builds the front door. Routes report to `services.metrics`. */
export function createCollectorApp(services: CollectorServices): HttpApp {
  const requests = services.metrics.counter({
    name: "firn_http_requests_total",
    help: "Requests answered by this isolate, by route template and status.",
  });
  const app = createHttpApp({
    clock: services.clock,
    random: services.random,
    log: services.log,
    tokens: services.tokens,
    corsOrigins: services.corsOrigins,
    errorFormat: (path) => (path.startsWith("/catalog/") ? "iceberg" : "problem"),
    onFinished: ({ route, method, status }) => requests.add({ route, method, status: String(status) }),
  });
  for (const addRoutes of [
    eventRoutes,
    queryRoutes,
    tableRoutes,
    catalogRoutes,
    jobRoutes,
    tableChangeRoutes,
    flushRoutes,
    cacheRoutes,
    optimizerRoutes,
    metricsRoutes,
    documentationRoutes,
  ]) {
    addRoutes(app, services);
  }
  return app;
}
