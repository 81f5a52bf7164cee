// Installs the locked dependencies when they are missing or older than the lockfile. Plain JavaScript without
// imports from node_modules: it runs before anything is installed, on any Node ≥ 20.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".firn-lock-sha256");
const lockHash = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : undefined;

if (installed !== lockHash) {
  process.stderr.write("Installing the locked dependencies (npm ci)…\n");
  const options = ["--no-fund", "--no-audit", "--loglevel=error"];
  const run = (args) =>
    spawnSync("npm", [...args, ...options], { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).status ?? 1;
  // `npm ci` refuses a lockfile over other platforms' optional packages; `npm install` takes the same locked versions.
  const status = run(["ci"]) === 0 ? 0 : run(["install", "--no-save"]);
  if (status !== 0) process.exit(status);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lockHash);
}
