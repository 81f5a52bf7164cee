// `npm run interop [-- suite…]`: other people's software against a running Firn. Prints what passed and failed of each
// suite; ends with status 0 when nothing failed. A suite whose tools cannot be had here is "not run", which is no failure.

import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createFirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { stringifyJson } from "#core";
import { createProofs, type Proofs } from "./claims.ts";
import { createEngines, type EngineName } from "./engines.ts";
import { NotRun, type InteropContext, type InteropSuite, type Tool } from "./suite.ts";
import { REFERENCE_CATALOG_POM } from "./foreign-catalog/reference-catalog.ts";
import { foreignCatalogSuite } from "./foreign-catalog/suite.ts";
import { concurrentSuite } from "./suites/concurrent.ts";
import { duckdbSuite } from "./suites/duckdb.ts";
import { firnSuite } from "./suites/firn.ts";
import { planningSuite } from "./suites/planning.ts";
import { pyicebergSuite } from "./suites/pyiceberg.ts";
import { KIT_POM, rckSuite } from "./suites/rck.ts";
import { readsSuite } from "./suites/reads.ts";
import { sparkSuite } from "./suites/spark.ts";
import { tpcSuite } from "./suites/tpc.ts";
import { trinoSuite } from "./suites/trino.ts";
import { typesSuite } from "./suites/types.ts";
import { CACHE, fetchAhead, hasCommand, javaHome, preparePython } from "./tools.ts";

/** The first ones need least, so that the rest is fetched meanwhile. */
const SUITES: readonly InteropSuite[] = [
  readsSuite,
  rckSuite,
  foreignCatalogSuite,
  pyicebergSuite,
  duckdbSuite,
  firnSuite,
  tpcSuite,
  sparkSuite,
  typesSuite,
  planningSuite,
  trinoSuite,
  concurrentSuite,
];

/** Of a whole run; what has not begun by then fails. */
const TOTAL_LIMIT_SECONDS = 28 * 60;

interface Outcome {
  readonly suite: string;
  passed: number;
  failed: number;
  notRun?: string;
  /** Engines that it went on without, and why. */
  readonly without: Map<EngineName, string>;
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
};

/** What to install, as the reason of a suite that is not run says it. */
const INSTALL: Readonly<Record<Tool, string>> = {
  python: "Python 3 with its venv module",
  java: "Java 17 or later (in /usr/lib/jvm, or named by JAVA_HOME)",
};

async function missingTool(suite: InteropSuite): Promise<string | undefined> {
  for (const tool of suite.needs) if (!(await HAS[tool]())) return INSTALL[tool];
  return undefined;
}

type Shared = Pick<InteropContext, "firn" | "client" | "cache" | "engines"> & { readonly proofs: Proofs };

interface RunningSuite {
  readonly context: InteropContext;
  /** Takes no more results and ends what the suite started. */
  close(): Promise<void>;
}

function openContext(outcome: Outcome, shared: Shared, python: string, limitSeconds: number): RunningSuite {
  const endMs = Date.now() + limitSeconds * 1000;
  let isOpen = true;
  const deferred: (() => Promise<void>)[] = [];
  const { proofs, ...rest } = shared;
  const context: InteropContext = {
    ...rest,
    python,
    check(what, actual, expected) {
      const [got, want] = [text(actual), text(expected)];
      if (got === want) context.pass(what);
      else context.fail(what, `got ${shorten(got)}\n      want ${shorten(want)}`);
      return got === want;
    },
    pass() {
      if (isOpen) outcome.passed += 1;
    },
    fail(what, why) {
      if (!isOpen) return;
      outcome.failed += 1;
      console.error(
        `  ✗ ${what}: ${why instanceof Error ? shorten(why.message.split("\n\tat ")[0] ?? "") : String(why)}`,
      );
    },
    prove: (engine, claim, held) => proofs.prove(engine, claim, held),
    without: (engine, why) => outcome.without.set(engine, why),
    secondsLeft: () => Math.round((endMs - Date.now()) / 1000),
    defer: (work) => deferred.push(work),
    note: (line) => console.log(`  ${line}`),
  };
  return {
    context,
    async close() {
      isOpen = false;
      await Promise.allSettled(deferred.map((work) => work()));
    },
  };
}

class Overtime extends Error {}

/** Settles as `work` does, or rejects with {@link Overtime} after the time given. */
async function within(seconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Overtime(`not done after ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function runSuite(suite: InteropSuite, shared: Shared, secondsLeft: number): Promise<Outcome> {
  const outcome: Outcome = { suite: suite.name, passed: 0, failed: 0, without: new Map(), seconds: 0 };
  const began = Date.now();
  console.log(`\n${suite.name}`);
  let running: RunningSuite | undefined;
  try {
    const missing = await missingTool(suite);
    if (missing !== undefined) throw new NotRun(`${missing} is not on this machine`);
    const python = suite.needs.includes("python") ? await preparePython(["requirements.txt"]) : "";
    const limitSeconds = Math.min(suite.limitSeconds, secondsLeft);
    running = openContext(outcome, shared, python, limitSeconds);
    await within(limitSeconds, suite.run(running.context));
  } catch (error) {
    if (error instanceof NotRun) {
      outcome.notRun = error.message;
    } else {
      outcome.failed += 1;
      console.error(
        `  ✗ ${suite.name} broke off: ${error instanceof Error ? (error.stack ?? error.message) : text(error)}`,
      );
    }
    if (error instanceof Overtime) {
      await running?.close();
      await shared.engines.stopAll();
    }
  }
  await running?.close();
  outcome.seconds = Math.round((Date.now() - began) / 1000);
  return outcome;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
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
const readToken = `firn_read_${randomBytes(18).toString("base64url")}`;
const readEntry = { name: "reader", sha256: sha256(readToken), scopes: ["catalog"], access: "read" };
const firn = await startLocalFirn({
  port: await freePort(),
  directory,
  tokens: createTokens(),
  vars: { collector: { FIRN_TOKENS: JSON.stringify([readEntry]) } },
});
console.log(`Firn runs at ${firn.url}`);
const engines = createEngines(firn, readToken);
const proofs = createProofs();
const isWhole = wanted.length === 0;
const deadline = Date.now() + TOTAL_LIMIT_SECONDS * 1000;
const outcomes: Outcome[] = [];

async function stopEverything(): Promise<void> {
  await engines.stopAll();
  await firn.stop();
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    console.error(`interop: ended by ${signal}`);
    void stopEverything().finally(() => process.exit(1));
  });
}

try {
  if (isWhole) fetchAhead([KIT_POM, REFERENCE_CATALOG_POM]);
  const client = createFirnClient(firn.url, firn.tokens);
  for (const suite of SUITES) {
    if (!isWhole && !wanted.includes(suite.name)) continue;
    const secondsLeft = Math.max(1, Math.round((deadline - Date.now()) / 1000));
    outcomes.push(await runSuite(suite, { firn, client, cache: CACHE, engines, proofs }, secondsLeft));
  }
} finally {
  await stopEverything();
}

console.log("");
for (const { suite, passed, failed, notRun, without, seconds } of outcomes) {
  const left = notRun === undefined ? "" : `not run: ${notRun}; `;
  const engine = [...without].map(([name, why]) => `; without ${name}: ${why}`).join("");
  console.log(`${suite}: ${left}${passed} passed, ${failed} failed (${seconds} s)${engine}`);
}
// A part of the suites leaves claims open that others prove.
const unproven = isWhole ? proofs.differences() : [];
for (const difference of unproven) console.error(`docs/interop.md: ${difference}`);
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, unproven.length);
const notRun = outcomes.filter((outcome) => outcome.notRun !== undefined).length;
console.log(`interop: ${passed} passed, ${failed} failed, ${notRun} of ${outcomes.length} suites not run`);
process.exit(failed === 0 ? 0 : 1);
