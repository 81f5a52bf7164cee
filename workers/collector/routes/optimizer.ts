// /admin/optimizer: what it sees, what it did, what it may do.

import { fromRpcResult, type RpcResult } from "#core";
import { callUpstream, jsonResponse } from "#http";
import { z } from "@hono/zod-openapi";
import type { OptimizerService, RouteModule } from "../services.ts";

const MAX_BODY_BYTES = 64 * 1024;
const PART = "The optimizer";
const AnySchema = z.looseObject({});

/** Reports without input: path, summary, and the method that answers. */
const REPORTS: readonly (readonly [
  name: string,
  summary: string,
  read: (optimizer: OptimizerService) => Promise<RpcResult<unknown>>,
])[] = [
  ["status", "Last run, what it found, whether it may act", (optimizer) => optimizer.status()],
  ["baselines", "Normal latency of every query pattern", (optimizer) => optimizer.baselines()],
  ["config", "Thresholds and budgets in force", (optimizer) => optimizer.getConfig()],
  ["actions", "What it did, expected and measured", (optimizer) => optimizer.actions()],
];

/** `/admin/optimizer/{status,baselines,config,actions,alerts,run}`. */
export const optimizerRoutes: RouteModule = (app, { optimizer }) => {
  const common = { tag: "Optimizer", scope: "admin" } as const;

  for (const [name, summary, read] of REPORTS) {
    app.route(
      {
        ...common,
        method: "get",
        path: `/admin/optimizer/${name}`,
        operationId: `getOptimizer${name.charAt(0).toUpperCase()}${name.slice(1)}`,
        summary,
        replies: { 200: { description: summary, schema: z.union([AnySchema, z.array(AnySchema)]) } },
      },
      async () => jsonResponse(fromRpcResult(await callUpstream(PART, () => read(optimizer)))),
    );
  }

  app.route(
    {
      ...common,
      method: "get",
      path: "/admin/optimizer/alerts",
      operationId: "getOptimizerAlerts",
      summary: "Alerts, newest first",
      query: z.strictObject({ active: z.enum(["true", "false"]).optional() }),
      replies: { 200: { description: "Alerts.", schema: z.union([AnySchema, z.array(AnySchema)]) } },
    },
    async ({ query }) => {
      const filter = query.active === undefined ? {} : { active: query.active === "true" };
      return jsonResponse(fromRpcResult(await callUpstream(PART, () => optimizer.alerts(filter))));
    },
  );

  app.route(
    {
      ...common,
      method: "put",
      path: "/admin/optimizer/config",
      operationId: "putOptimizerConfig",
      summary: "Override thresholds and budgets; null removes an override",
      body: { schema: AnySchema, maxBytes: MAX_BODY_BYTES },
      replies: { 200: { description: "The configuration in force.", schema: AnySchema } },
      errors: ["invalid_option"],
    },
    async ({ body }) => jsonResponse(fromRpcResult(await callUpstream(PART, () => optimizer.putConfig(body)))),
  );

  app.route(
    {
      ...common,
      method: "post",
      path: "/admin/optimizer/run",
      operationId: "runOptimizer",
      summary: "Run the optimizer now, as its cron does",
      replies: { 200: { description: "What the run found and did.", schema: AnySchema } },
    },
    async () => jsonResponse(fromRpcResult(await callUpstream(PART, () => optimizer.runNow())) ?? {}),
  );
};
