// `npm run deploy [-- --dry-run]`: deploys the five Workers in dependency order.
//
// The collector and the query Worker need each other (service binding one way, Durable Object binding the other),
// so on an account without a collector a first one is deployed without its service bindings.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, writeWorkerConfigs, type WorkerName } from "./lib/worker-configs.ts";

const ORDER: readonly WorkerName[] = ["catalog", "compactor", "query", "optimizer", "collector"];
const extraArguments = process.argv.slice(2);
const dryRun = extraArguments.includes("--dry-run");

function wrangler(args: readonly string[], quiet = false): number {
  return (
    spawnSync("wrangler", args, {
      cwd: ROOT,
      stdio: quiet ? "ignore" : "inherit",
      env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
    }).status ?? 1
  );
}

function fail(step: string): never {
  console.error(
    `\nDeploy stopped at ${step}. Workers before it are deployed; running npm run deploy again continues safely.`,
  );
  process.exit(1);
}

function bootstrapCollector(): void {
  const work = mkdtempSync(join(ROOT, ".wrangler-types-"));
  try {
    const [collector] = writeWorkerConfigs(work);
    if (collector === undefined) fail("collector bootstrap");
    const { services: _services, ...config } = JSON.parse(readFileSync(collector, "utf8")) as Record<string, unknown>;
    writeFileSync(collector, JSON.stringify(config));
    if (wrangler(["deploy", "-c", collector]) !== 0) fail("collector bootstrap");
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

for (const worker of ORDER) {
  if (worker === "query" && !dryRun && wrangler(["deployments", "list", "--env", "collector"], true) !== 0)
    bootstrapCollector();
  console.log(`\n── ${worker} ${dryRun ? "(dry run) " : ""}${"─".repeat(60 - worker.length)}`);
  if (wrangler(["deploy", "--env", worker, ...extraArguments]) !== 0) fail(worker);
}
console.log(dryRun ? "\n5 Workers build." : "\n5 Workers deployed.");
