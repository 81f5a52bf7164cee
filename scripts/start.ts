// `npm start`: everything on http://127.0.0.1:8787, state kept between runs.

import { join } from "node:path";
import { ROOT } from "./lib/worker-configs.ts";
import { loadOrCreateTokens, startLocalFirn } from "./lib/local-firn.ts";

const PORT = Number(process.env["PORT"] ?? 8787);
const CRON_INTERVAL_MS = 60_000;

const { tokens, created } = loadOrCreateTokens(join(ROOT, ".dev.vars"));
const firn = await startLocalFirn({ port: PORT, directory: join(ROOT, ".wrangler", "firn"), tokens });

console.log(`Firn runs at ${firn.url}   API: ${firn.url}/docs   logs: ${firn.logPath}`);
if (created) {
  console.log("\nNew tokens, written to .dev.vars and shown only this once:\n");
  for (const [name, value] of Object.entries(tokens)) console.log(`  export ${name}=${String(value)}`);
} else {
  console.log("Tokens are in .dev.vars:  set -a; . ./.dev.vars; set +a");
}
console.log(`
Try:
  curl ${firn.url}/v1/events -H "Authorization: Bearer $INGEST_TOKEN" -d '{"event_type": "hello", "properties": {"from": "curl"}}'
  curl ${firn.url}/v1/query -H "Authorization: Bearer $QUERY_TOKEN" -d '{"sql": "SELECT event_type, count(*) FROM events GROUP BY 1"}'

Ctrl-C stops it.`);

// The local runtime never fires crons by itself.
const cron = setInterval(() => {
  firn.tick().catch((error: unknown) => console.error(`cron: ${String(error)}`));
}, CRON_INTERVAL_MS);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    clearInterval(cron);
    void firn.stop().then(() => process.exit(0));
  });
}
