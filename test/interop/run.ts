// `npm run interop [-- suite…]`: other people's software against a running Firn. Prints what passed and failed of each
// suite; ends with status 0 when nothing failed. A suite whose tools cannot be had here is "not run", which is no failure.

import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createFirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { stringifyJson } from "#core";
import { createEngines } from "./engines.ts";
import { NotRun, type InteropContext, type InteropSuite, type Tool } from "./suite.ts";
import { foreignCatalogSuite } from "./foreign-catalog/suite.ts";
import { concurrentSuite } from "./suites/concurrent.ts";
import { duckdbSuite } from "./suites/duckdb.ts";
import { firnSuite } from "./suites/firn.ts";
import { pyicebergSuite } from "./suites/pyiceberg.ts";
import { rckSuite } from "./suites/rck.ts";
import { readsSuite } from "./suites/reads.ts";
import { sparkSuite } from "./suites/spark.ts";
import { trinoSuite } from "./suites/trino.ts";
import { CACHE, hasCommand, javaHome, preparePython } from "./tools.ts";

const SUITES: readonly InteropSuite[] = [
  readsSuite,
  firnSuite,
  pyicebergSuite,
  duckdbSuite,
  sparkSuite,
  trinoSuite,
  concurrentSuite,
  foreignCatalogSuite,
  rckSuite,
];

interface Outcome {
  readonly suite: string;
  passed: number;
  failed: number;
  notRun?: string;
  seconds: number;
}

/** Longest part of a value that a failed check prints. */
const SHOWN_CHARACTERS = 600;

function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}… (${text.length} characters)`;
}

function text(value: unknown): string {
  return stringifyJson(value) ?? "undefined";
}

const HAS: Readonly<Record<Tool, () => Promise<boolean>>> = {
  python: () => hasCommand("python3", ["-m", "venv", "--help"]),
  java: async () => (await javaHome(17, 99)) !== undefined,
  maven: () => hasCommand("mvn", ["--version"]),
};

async function missingTool(suite: InteropSuite): Promise<Tool | undefined> {
  for (const tool of suite.needs) if (!(await HAS[tool]())) return tool;
  return undefined;
}

function createContext(
  outcome: Outcome,
  shared: Pick<InteropContext, "firn" | "client" | "cache" | "engines" | "python">,
): InteropContext {
  const context: InteropContext = {
    ...shared,
    check(what, actual, expected) {
      const [got, want] = [text(actual), text(expected)];
      if (got === want) outcome.passed += 1;
      else context.fail(what, `got ${shorten(got)}\n      want ${shorten(want)}`);
      return got === want;
    },
    pass: () => {
      outcome.passed += 1;
    },
    fail(what, why) {
      outcome.failed += 1;
      console.error(
        `  ✗ ${what}: ${why instanceof Error ? shorten(why.message.split("\n\tat ")[0] ?? "") : String(why)}`,
      );
    },
    note: (line) => console.log(`  ${line}`),
  };
  return context;
}

async function runSuite(
  suite: InteropSuite,
  shared: Pick<InteropContext, "firn" | "client" | "cache" | "engines">,
): Promise<Outcome> {
  const outcome: Outcome = { suite: suite.name, passed: 0, failed: 0, seconds: 0 };
  const began = Date.now();
  console.log(`\n${suite.name}`);
  try {
    const missing = await missingTool(suite);
    if (missing !== undefined) throw new NotRun(`${missing} is not on this machine`);
    const python = suite.needs.includes("python") ? await preparePython(["requirements.txt"]) : "";
    await suite.run(createContext(outcome, { ...shared, python }));
  } catch (error) {
    if (error instanceof NotRun) {
      outcome.notRun = error.message;
    } else {
      outcome.failed += 1;
      console.error(
        `  ✗ ${suite.name} broke off: ${error instanceof Error ? (error.stack ?? error.message) : text(error)}`,
      );
    }
  }
  outcome.seconds = Math.round((Date.now() - began) / 1000);
  return outcome;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !SUITES.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`No suite ${unknown.join(", ")}; there are ${SUITES.map((suite) => suite.name).join(", ")}.`);
  process.exit(2);
}
const directory = join(CACHE, "firn");
if (existsSync(directory)) rmSync(directory, { recursive: true });
mkdirSync(CACHE, { recursive: true });
const firn = await startLocalFirn({ port: await freePort(), directory, tokens: createTokens() });
console.log(`Firn runs at ${firn.url}`);
const engines = createEngines(firn);
const outcomes: Outcome[] = [];
try {
  const client = createFirnClient(firn.url, firn.tokens);
  for (const suite of SUITES) {
    if (wanted.length > 0 && !wanted.includes(suite.name)) continue;
    outcomes.push(await runSuite(suite, { firn, client, cache: CACHE, engines }));
  }
} finally {
  await engines.stopAll();
  await firn.stop();
}

console.log("");
for (const { suite, passed, failed, notRun, seconds } of outcomes) {
  console.log(
    `${suite}: ${notRun === undefined ? "" : `not run: ${notRun}; `}${passed} passed, ${failed} failed (${seconds} s)`,
  );
}
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
console.log(`interop: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
