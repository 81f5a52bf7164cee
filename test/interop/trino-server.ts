// A Trino server of this run: one node, the Iceberg connector on Firn's catalog as `firn`.

import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, type LocalFirn } from "../../scripts/lib/local-firn.ts";
import { LOCAL_S3 } from "../../scripts/lib/worker-configs.ts";
import { CACHE, prepareTrino, trinoJavaHome } from "./tools.ts";

/** A running server. */
export interface TrinoServer {
  readonly url: string;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 180_000;

function catalogProperties(catalogUri: string, firn: LocalFirn): Readonly<Record<string, string>> {
  return {
    "connector.name": "iceberg",
    "iceberg.catalog.type": "rest",
    "iceberg.rest-catalog.uri": catalogUri,
    "iceberg.rest-catalog.security": "OAUTH2",
    "iceberg.rest-catalog.oauth2.token": firn.tokens.CATALOG_TOKEN,
    "iceberg.rest-catalog.nested-namespace-enabled": "true",
    "fs.native-s3.enabled": "true",
    "s3.endpoint": firn.s3Endpoint,
    "s3.region": "auto",
    "s3.path-style-access": "true",
    "s3.aws-access-key": LOCAL_S3.accessKeyId,
    "s3.aws-secret-key": LOCAL_S3.secretAccessKey,
  };
}

function propertiesText(properties: Readonly<Record<string, string>>): string {
  return `${Object.entries(properties)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n")}\n`;
}

/** Starts the server and resolves when it accepts statements. */
export async function startTrino(catalogUri: string, firn: LocalFirn): Promise<TrinoServer> {
  const home = await prepareTrino();
  const java = await trinoJavaHome();
  const port = await freePort();
  const directory = join(CACHE, "trino", `node-${port}`);
  rmSync(directory, { recursive: true, force: true });
  const etc = join(directory, "etc");
  mkdirSync(join(etc, "catalog"), { recursive: true });
  writeFileSync(join(etc, "catalog", "firn.properties"), propertiesText(catalogProperties(catalogUri, firn)));
  writeFileSync(
    join(etc, "config.properties"),
    propertiesText({
      coordinator: "true",
      "node-scheduler.include-coordinator": "true",
      "http-server.http.port": String(port),
      "discovery.uri": `http://127.0.0.1:${port}`,
      "node.internal-address": "127.0.0.1",
      "query.max-memory-per-node": "500MB",
      "catalog.management": "static",
    }),
  );
  writeFileSync(join(etc, "log.properties"), "io.trino=WARN\n");
  const log = openSync(join(directory, "server.log"), "a");
  const child = spawn(
    join(java, "bin", "java"),
    [
      "-Xmx1536m",
      "-XX:+UseG1GC",
      "-XX:+ExitOnOutOfMemoryError",
      "-Djdk.attach.allowAttachSelf=true",
      "-Djdk.nio.maxCachedBufferSize=2000000",
      "-Dfile.encoding=UTF-8",
      "-Duser.timezone=UTC",
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-cp",
      `${join(home, "lib")}/*`,
      `-Dconfig=${join(etc, "config.properties")}`,
      `-Dlog.levels-file=${join(etc, "log.properties")}`,
      `-Dcatalog.config-dir=${join(etc, "catalog")}`,
      `-Dplugin.dir=${join(home, "plugin")}`,
      "-Dnode.environment=interop",
      "-Dnode.id=interop",
      `-Dnode.data-dir=${directory}`,
      "io.trino.server.TrinoServer",
    ],
    { cwd: directory, stdio: ["ignore", log, log], detached: true },
  );
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.pid === undefined) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    process.kill(-child.pid, "SIGKILL");
    await exited;
    rmSync(directory, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    if (await isReady(url)) return { url, stop };
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const tail = readFileSync(join(directory, "server.log"), "utf8").split("\n").slice(-30).join("\n");
  await stop();
  throw new Error(`Trino (${readdirSync(join(home, "plugin")).join(", ")}) did not start:\n${tail}`);
}

async function isReady(url: string): Promise<boolean> {
  try {
    const info = await (await fetch(`${url}/v1/info`)).json<{ starting?: boolean }>();
    return info.starting === false;
  } catch {
    return false;
  }
}
