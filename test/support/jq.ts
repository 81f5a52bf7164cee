// The program jq for tests that run shell commands as printed.

import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Puts jq into a folder for the PATH, compiled to wasm, on machines that do not have it. */
export function installJqWhereMissing(bin: string): void {
  if (spawnSync("jq", ["--version"]).status === 0) return;
  const module = import.meta.resolve("jq-wasm");
  const script = join(bin, "jq.mjs");
  writeFileSync(
    script,
    `import { raw } from ${JSON.stringify(module)};
import { readFileSync } from "node:fs";
const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith("-"));
const filter = args.find((arg) => !arg.startsWith("-"));
try {
  const output = (await raw(readFileSync(0, "utf8"), filter, flags.filter((flag) => flag !== "-e"))).trimEnd();
  if (output !== "") process.stdout.write(output + "\\n");
  // What jq -e promises: 1 when the last output is false or null.
  process.exitCode = flags.includes("-e") && /^(false|null)$/.test(output.split("\\n").at(-1)) ? 1 : 0;
} catch (error) {
  process.stderr.write(String(error) + "\\n");
  process.exitCode = 5;
}
`,
  );
  writeFileSync(join(bin, "jq"), `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`);
  chmodSync(join(bin, "jq"), 0o755);
}
