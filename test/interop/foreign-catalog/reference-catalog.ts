// Apache Iceberg's reference REST catalog, started on this machine over the local lake's S3 endpoint: Java's own
// implementation of the protocol, with the table pointers in SQLite.

import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LOCAL_S3 } from "../../../scripts/lib/worker-configs.ts";
import { NotRun } from "../suite.ts";
import { javaHome, mavenClassPath } from "../tools.ts";

/** What it consists of. */
export const REFERENCE_CATALOG_POM = join(import.meta.dirname, "reference-catalog.pom.xml");
const START_TIMEOUT_MS = 60_000;
const HEAP = "-Xmx1g";

/** How to run it. */
export interface ReferenceCatalogOptions {
  readonly port: number;
  /** S3 endpoint of the bucket that the tables go to. */
  readonly s3Endpoint: string;
  /** Where tables are, as s3://bucket/path. */
  readonly warehouse: string;
  /** Holds the pointers and the log. */
  readonly directory: string;
}

/** A running reference catalog. */
export interface ReferenceCatalog {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the catalog and resolves when it answers. Errors: {@link NotRun} when Java or its jars cannot be had. */
export async function startReferenceCatalog(options: ReferenceCatalogOptions): Promise<ReferenceCatalog> {
  const home = await javaHome(17, 25);
  if (home === undefined) throw new NotRun("Java 17 or later is not on this machine");
  const jars = await mavenClassPath(REFERENCE_CATALOG_POM);
  mkdirSync(options.directory, { recursive: true });
  const logPath = join(options.directory, "reference-catalog.log");
  const log = openSync(logPath, "a");
  // Iceberg's names: two underscores are a dash, one is a dot.
  const environment = {
    CATALOG_REST_PORT: String(options.port),
    CATALOG_WAREHOUSE: options.warehouse,
    CATALOG_URI: `jdbc:sqlite:file:${join(options.directory, "pointers.db")}?journal_mode=WAL&busy_timeout=30000`,
    CATALOG_IO__IMPL: "org.apache.iceberg.aws.s3.S3FileIO",
    CATALOG_S3_ENDPOINT: options.s3Endpoint,
    CATALOG_S3_ACCESS__KEY__ID: LOCAL_S3.accessKeyId,
    CATALOG_S3_SECRET__ACCESS__KEY: LOCAL_S3.secretAccessKey,
    CATALOG_S3_PATH__STYLE__ACCESS: "true",
    CATALOG_S3_CHUNKED__ENCODING__ENABLED: "false",
    CATALOG_CLIENT_REGION: "auto",
  };
  const child = spawn(
    join(home, "bin", "java"),
    [HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", jars, "org.apache.iceberg.rest.RESTCatalogServer"],
    {
      env: { ...process.env, ...environment, AWS_REQUEST_CHECKSUM_CALCULATION: "when_required" },
      stdio: ["ignore", log, log],
    },
  );
  closeSync(log);
  const url = `http://127.0.0.1:${options.port}`;
  await waitUntilAnswering(url, child, logPath);
  return { url, stop: () => end(child) };
}

async function waitUntilAnswering(url: string, child: ChildProcess, logPath: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    try {
      if ((await fetch(`${url}/v1/config`)).ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await end(child);
  const tail = readFileSync(logPath, "utf8").split("\n").slice(-30).join("\n");
  throw new Error(`The reference catalog did not start. Last lines of ${logPath}:\n${tail}`);
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
