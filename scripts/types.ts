// Generates workers/<worker>/env.d.ts from wrangler.toml with `wrangler types`. With --check it only compares.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, WORKERS, writeWorkerConfigs, type WorkerName } from "./lib/worker-configs.ts";

const check = process.argv.includes("--check");
const work = mkdtempSync(join(ROOT, ".wrangler-types-"));
let stale = 0;

/** Keeps the environment interface alone: the rest of wrangler's output is global and would merge five Workers into one. */
function extractInterface(generated: string, worker: WorkerName): string {
  const name = `${worker[0]?.toUpperCase()}${worker.slice(1)}Env`;
  const body = /interface __BaseEnv_\w+ \{\n([\s\S]*?)\n\}/.exec(generated)?.[1];
  if (body === undefined) throw new Error(`wrangler types printed no interface for ${worker}`);
  const members = body.replaceAll(/import\("[^"]*workers\/(\w+)\/index"\)/g, 'import("../$1/index.ts")');
  return `// Generated from wrangler.toml by \`npm run types\`; checked by \`npm run check\`.\n\ninterface ${name} {\n${members}\n}\n`;
}

try {
  const configs = writeWorkerConfigs(work);
  for (const [index, worker] of WORKERS.entries()) {
    const own = configs[index] as string;
    const output = join(work, `${worker}.d.ts`);
    const others = configs.filter((config) => config !== own).flatMap((config) => ["-c", config]);
    execFileSync(
      "wrangler",
      ["types", output, "-c", own, ...others, "--include-runtime=false", "--strict-vars=false", "--env-interface", "X"],
      {
        cwd: work,
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    const wanted = extractInterface(readFileSync(output, "utf8"), worker);
    const target = join(ROOT, "workers", worker, "env.d.ts");
    if (existsSync(target) && readFileSync(target, "utf8") === wanted) continue;
    stale += 1;
    if (check) process.stderr.write(`workers/${worker}/env.d.ts is stale: run npm run types\n`);
    else writeFileSync(target, wanted);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
if (check && stale > 0) process.exit(1);
