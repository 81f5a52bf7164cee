// Apache Iceberg's REST compatibility kit, its table and its view suite, against Firn's catalog.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { NotRun, type InteropContext, type InteropSuite } from "../suite.ts";
import { javaHome, mavenClassPath } from "../tools.ts";

const run = promisify(execFile);
const FOLDER = join(import.meta.dirname, "..", "rck");
/** What the kit consists of. */
export const KIT_POM = join(FOLDER, "pom.xml");
const SOURCES = ["FirnCatalogTests.java", "FirnViewCatalogTests.java"].map((name) => join(FOLDER, name));
const SUITES = ["FirnCatalogTests", "FirnViewCatalogTests"] as const;
const HEAP = "-Xmx1g";
const MAX_OUTPUT_BYTES = 1 << 26;

/** Tests of the kit that do not apply here; docs/interop.md gives each one's reason. */
const EXPECTED_SKIPPED = 2;

/** One line of JUnit's summary: `[ 146 tests successful ]`. */
function counted(output: string, what: string): number {
  return Number(new RegExp(`\\[\\s*(\\d+) tests ${what}\\s*\\]`).exec(output)?.[1] ?? Number.NaN);
}

async function launch(context: InteropContext, java: string, options: readonly string[]): Promise<string> {
  const running = run(java, [...options], { maxBuffer: MAX_OUTPUT_BYTES });
  context.defer(async () => void running.child.kill("SIGKILL"));
  try {
    return (await running).stdout;
  } catch (error) {
    // JUnit ends with status 1 when a test failed: what it printed says which.
    const { stdout } = error as { readonly stdout?: string };
    if (stdout === undefined || stdout === "") throw error;
    return stdout;
  }
}

async function runKit(context: InteropContext): Promise<void> {
  const { firn, cache } = context;
  const home = await javaHome(17, 99);
  if (home === undefined || !existsSync(join(home, "bin", "javac")))
    throw new NotRun("a Java 17 development kit is not here");
  mkdirSync(cache, { recursive: true });
  const jars = await mavenClassPath(KIT_POM);
  const classes = join(cache, "rck-classes");
  await run(join(home, "bin", "javac"), ["-d", classes, "-cp", jars, ...SOURCES]);
  for (const suite of SUITES) {
    const output = await launch(context, join(home, "bin", "java"), [
      HEAP,
      "-XX:+UseSerialGC",
      "-Drck.local=false",
      "-Drck.requires-namespace-create=true",
      "-Drck.supports-variant=true",
      "-Dfirn.warehouse=s3://firn-lake",
      `-Duri=${firn.url}/catalog`,
      `-Dtoken=${firn.tokens.CATALOG_TOKEN}`,
      "-Dio-impl=org.apache.iceberg.aws.s3.S3FileIO",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
      "-cp",
      `${classes}:${jars}`,
      "org.junit.platform.console.ConsoleLauncher",
      "execute",
      "--disable-banner",
      "--disable-ansi-colors",
      "--details=tree",
      "--config=rck.local=false",
      "-c",
      `org.apache.iceberg.rest.${suite}`,
    ]);
    const [passed, failed, aborted, skipped] = ["successful", "failed", "aborted", "skipped"].map((what) =>
      counted(output, what),
    );
    context.note(`${suite}: ${passed} passed, ${failed} failed, ${aborted} not applicable, ${skipped} disabled`);
    for (let test = 0; test < (passed ?? 0); test++) context.pass(suite);
    for (const [, name, why] of output.matchAll(/─ (\S+\(.*?\)).*? (?:✘|\[X\]) (.*)/g)) {
      context.fail(`${suite}.${name ?? ""}`, why ?? "");
    }
    context.check(`${suite} ran`, (passed ?? 0) > 40, true);
    context.check(`${suite}: tests that failed`, failed, 0);
    context.check(`${suite}: disabled tests`, (skipped ?? 0) <= EXPECTED_SKIPPED, true);
  }
}

/** The kit against the running Firn. */
export const rckSuite: InteropSuite = { name: "rck", needs: ["java"], limitSeconds: 720, run: runKit };
