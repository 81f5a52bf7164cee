// The engines of a run. Each SQL engine is a Python process that answers JSON lines; Spark's JVM lives in its process,
// Trino's server beside it.

import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import type { LocalFirn } from "../../scripts/lib/local-firn.ts";
import { NotRun } from "./suite.ts";
import { CACHE, javaHome, mavenArtifact, preparePython, SPARK_JARS } from "./tools.ts";
import { startTrino, type TrinoServer } from "./trino-server.ts";

/** One value in canonical form; see python/canonical.py. */
export type Value = null | boolean | string | readonly Value[] | { readonly [name: string]: Value };

/** What a query answered, values in canonical form. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

/** A running engine. Requests are answered one after another. */
export interface Engine {
  readonly name: EngineName;
  /** Runs one statement. Rejects with the engine's own message. */
  sql(statement: string): Promise<Answer>;
  /** Runs another operation of the engine's Python class. */
  call<T>(operation: string, members?: Readonly<Record<string, unknown>>): Promise<T>;
  stop(): Promise<void>;
}

/** Names of the engines. */
export type EngineName = "firn" | "duckdb" | "pyiceberg" | "spark" | "trino";

/** Engines, started at first use. */
export interface Engines {
  /** The run's one instance of an engine. Errors: NotRun when it cannot be had. */
  get(name: EngineName): Promise<Engine>;
  /** A process of its own for an engine that needs no server. */
  start(name: "firn" | "duckdb" | "pyiceberg"): Promise<Engine>;
  /** Ends all of them; calls that wait are rejected, and later uses start anew. */
  stopAll(): Promise<void>;
}

const START_TIMEOUT_MS = 180_000;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Reply {
  readonly id: number;
  readonly ok: boolean;
  readonly result?: unknown;
  readonly error?: string;
}

/** Starts `python/<name>_engine.py` and resolves when it is ready. */
async function startProcess(
  name: EngineName,
  python: string,
  environment: Readonly<Record<string, string>>,
): Promise<Engine> {
  const logs = join(CACHE, "logs");
  mkdirSync(logs, { recursive: true });
  const logPath = join(logs, `${name}.log`);
  const child = spawn(python, [join(ROOT, "test/interop/python", `${name}_engine.py`)], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...environment, PYTHONUNBUFFERED: "1", TZ: "UTC" },
    detached: true,
  });
  child.stderr.pipe(createWriteStream(logPath, { flags: "a" }));
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  const ready = new Promise<unknown>((resolve, reject) => waiting.set(0, { resolve, reject }));
  createInterface({ input: child.stdout }).on("line", (line) => {
    const reply = JSON.parse(line) as Reply;
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.ok) waiter?.resolve(reply.result);
    else waiter?.reject(new Error(reply.error));
  });
  // A write to a process that has ended is answered by its exit.
  child.stdin.on("error", () => undefined);
  child.once("exit", (code) => {
    const tail = readFileSync(logPath, "utf8").split("\n").slice(-15).join("\n");
    for (const { reject } of waiting.values()) reject(new Error(`${name} ended with ${code}\n${tail}`));
    waiting.clear();
  });
  const call = <T>(op: string, members: Readonly<Record<string, unknown>> = {}): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (child.exitCode !== null || child.signalCode !== null) {
        reject(new Error(`${name} has ended`));
        return;
      }
      const id = nextId++;
      waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      child.stdin.write(`${JSON.stringify({ ...members, id, op })}\n`);
    });
  const late = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  await ready;
  clearTimeout(late);
  return { name, sql: (sql) => call<Answer>("sql", { sql }), call, stop: () => endProcess(child) };
}

async function endProcess(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.stdin?.end();
    const forced = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await exited;
    clearTimeout(forced);
  }
  try {
    // Spark's JVM is a child of the process and may outlive it.
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone.
  }
}

/** Engines that talk to one Firn; `readToken` is one for its catalog that may not write. */
export function createEngines(firn: LocalFirn, readToken: string = firn.tokens.CATALOG_TOKEN): Engines {
  const started = new Map<EngineName, Promise<Engine>>();
  const extra: Promise<Engine>[] = [];
  let trino: TrinoServer | undefined;
  const environment = {
    FIRN_URL: firn.url,
    FIRN_CATALOG_URI: `${firn.url}/catalog`,
    FIRN_CATALOG_TOKEN: firn.tokens.CATALOG_TOKEN,
    FIRN_READ_TOKEN: readToken,
    FIRN_QUERY_TOKEN: firn.tokens.QUERY_TOKEN,
    FIRN_WRITE_TOKEN: firn.tokens.WRITE_TOKEN,
  };

  async function begin(name: EngineName): Promise<Engine> {
    switch (name) {
      case "firn":
      case "duckdb":
      case "pyiceberg":
        return startProcess(name, await preparePython(["requirements.txt"]), environment);
      case "spark": {
        // Spark 4.0 ends with Java 21: later ones lack what Hadoop's login uses.
        const home = await javaHome(17, 21);
        if (home === undefined) throw new NotRun("Spark needs Java 17 or 21");
        const jars = await Promise.all(SPARK_JARS.map(mavenArtifact));
        const python = await preparePython(["requirements.txt", "requirements-spark.txt"]);
        return startProcess(name, python, { ...environment, JAVA_HOME: home, SPARK_JARS: jars.join(",") });
      }
      case "trino": {
        const python = await preparePython(["requirements.txt"]);
        trino = await startTrino(environment.FIRN_CATALOG_URI, firn);
        return startProcess(name, python, { ...environment, TRINO_URL: trino.url });
      }
    }
  }

  return {
    get(name) {
      const running = started.get(name) ?? begin(name);
      started.set(name, running);
      // One that cannot be had stays so; the next use tries again when it only failed to start.
      running.catch((error: unknown) => {
        if (!(error instanceof NotRun)) started.delete(name);
      });
      return running;
    },
    start(name) {
      const engine = begin(name);
      extra.push(engine);
      return engine;
    },
    async stopAll() {
      const running = [...started.values(), ...extra].map(async (engine) => (await engine).stop());
      started.clear();
      extra.length = 0;
      await Promise.allSettled(running);
      await trino?.stop();
      trino = undefined;
    },
  };
}
