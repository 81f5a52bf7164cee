// The collector: the only public Worker. Wiring alone: src/http and routes/ answer, the ingest objects hold events.

import { errorResponse, type HttpApp } from "#http";
import { createConsoleSink, errorToLogFields, logEvent } from "#telemetry";
import { createCollectorApp } from "./app.ts";
import { createServices } from "./bindings.ts";

export { IngestShard } from "./ingest-shard.ts";
export { TableCommitter } from "./table-committer.ts";

let cached: { readonly env: CollectorEnv; readonly app: HttpApp } | undefined;

/** One app for an isolate. Requests that come while it is built build their own: none waits on another's I/O. */
async function appFor(env: CollectorEnv): Promise<HttpApp> {
  if (cached?.env === env) return cached.app;
  const app = createCollectorApp(await createServices(env));
  cached = { env, app };
  return app;
}

export default {
  async fetch(request, env, ctx): Promise<Response> {
    let app: HttpApp;
    try {
      app = await appFor(env);
    } catch (error) {
      const requestId = crypto.randomUUID();
      logEvent(createConsoleSink(), {
        event: "internal_error",
        level: "error",
        request_id: requestId,
        ...errorToLogFields(error),
      });
      return errorResponse(error, { requestId, format: "problem", sentToken: false });
    }
    return app.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<CollectorEnv>;
