// npm run fuzz:sql — random queries through PostgreSQL (PGlite), DuckDB and Firn, in several processes.
//
//   --runs N        how many queries (20,000)
//   --seed N        where to start; without it a random seed, which is printed
//   --processes N   how many at once (one a core)
//   --no-lake       leave out Parquet files; --no-duckdb leaves out DuckDB
//   --resume        goes on with the run of that seed, from the chunks that are done
//
// Ends with 1 when an answer differed. Each difference is printed as the smallest query that shows it. What a run
// did is kept in node_modules/.cache/firn-fuzz/<seed>.json.

import { fork, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CHUNK_QUERIES, runChunk, type ChunkReport } from "../support/sql-fuzz/chunk.ts";
import { openFuzzEngines } from "../support/sql-fuzz/engines.ts";

const CACHE = join(import.meta.dirname, "../../node_modules/.cache/firn-fuzz");
const PROGRESS_MS = 10_000;
/** A chunk that takes longer than this hangs. */
const CHUNK_LIMIT_MS = 15 * 60_000;

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "20000" },
    seed: { type: "string" },
    processes: { type: "string", default: String(availableParallelism()) },
    resume: { type: "boolean", default: false },
    "no-lake": { type: "boolean", default: false },
    "no-duckdb": { type: "boolean", default: false },
    worker: { type: "boolean", default: false },
  },
});

interface Order {
  readonly seed: number;
  readonly chunk: number;
  readonly queries: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function work(): Promise<void> {
  process.on("disconnect", () => process.exit(0));
  const engines = await openFuzzEngines({ duckdb: !options["no-duckdb"], lake: !options["no-lake"] });
  process.on("message", (order: Order) => {
    void runChunk(engines, order.seed, order.chunk, order.queries).then((report) => process.send?.(report));
  });
  process.send?.("ready");
}

function merge(
  reports: readonly ChunkReport[],
  of: (report: ChunkReport) => Readonly<Record<string, number>>,
): string[] {
  const counts = new Map<string, number>();
  for (const report of reports) {
    for (const [text, times] of Object.entries(of(report))) counts.set(text, (counts.get(text) ?? 0) + times);
  }
  return [...counts].toSorted((a, b) => b[1] - a[1]).map(([text, times]) => `  ${times} × ${text}`);
}

const sum = (reports: readonly ChunkReport[], of: (report: ChunkReport) => number): number =>
  reports.reduce((total, report) => total + of(report), 0);

function summary(reports: readonly ChunkReport[]): string {
  const number = (of: (report: ChunkReport) => number): string => sum(reports, of).toLocaleString("en");
  const refused = sum(reports, (report) => Object.values(report.refusals).reduce((a, b) => a + b, 0));
  return `${number((r) => r.queries)} queries, ${number((r) => r.judgedByDuckdb)} judged by DuckDB too, ${number((r) => r.ranInLake)} from a lake too; ${refused} refused by name, ${number((r) => r.differences)} differences`;
}

async function lead(): Promise<void> {
  const runs = Number(options.runs);
  const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(options.seed);
  const file = join(CACHE, `${seed}.json`);
  mkdirSync(CACHE, { recursive: true });
  const reports: ChunkReport[] =
    options.resume && existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ChunkReport[]) : [];
  const done = new Set(reports.map((report) => report.chunk));
  const chunks = Array.from({ length: Math.ceil(runs / CHUNK_QUERIES) }, (_, chunk) => chunk);
  const waiting = chunks.filter((chunk) => !done.has(chunk));
  const started = Date.now();
  const before = sum(reports, (report) => report.queries);
  const processes = Math.min(Number(options.processes), waiting.length);
  say(
    `seed ${seed}: ${runs.toLocaleString("en")} queries in ${processes} processes${done.size > 0 ? `, ${done.size} chunks done before` : ""}`,
  );
  const progress = setInterval(() => {
    const seconds = (Date.now() - started) / 1000;
    const rate = (sum(reports, (report) => report.queries) - before) / seconds;
    say(`${Math.round(seconds)} s: ${summary(reports)} (${rate.toFixed(0)} a second)`);
  }, PROGRESS_MS);

  const runOne = (): Promise<void> =>
    new Promise((resolve) => {
      const child: ChildProcess = fork(import.meta.filename, [...process.argv.slice(2), "--worker"]);
      let current: number | undefined;
      let watch: NodeJS.Timeout | undefined;
      const giveNext = (): void => {
        clearTimeout(watch);
        current = waiting.shift();
        if (current === undefined) {
          child.disconnect();
          return;
        }
        watch = setTimeout(() => child.kill("SIGKILL"), CHUNK_LIMIT_MS);
        const queries = Math.min(CHUNK_QUERIES, runs - current * CHUNK_QUERIES);
        child.send({ seed, chunk: current, queries } satisfies Order);
      };
      child.on("message", (message: "ready" | ChunkReport) => {
        if (message !== "ready") {
          reports.push(message);
          writeFileSync(file, JSON.stringify(reports));
          for (const { sql, difference, chunk, index } of message.found) {
            say(`DIFFERENCE (chunk ${chunk}, query ${index})\n  ${difference}\n  ${sql}`);
          }
        }
        giveNext();
      });
      child.on("exit", () => {
        clearTimeout(watch);
        if (current !== undefined) {
          process.exitCode = 1;
          say(`chunk ${current} did not end: its process died or hung`);
        }
        resolve();
      });
    });

  await Promise.all(Array.from({ length: processes }, runOne));
  clearInterval(progress);
  const refusals = merge(reports, (report) => report.refusals);
  const failures = merge(reports, (report) => report.failures);
  const duckdbFailures = merge(reports, (report) => report.duckdbFailures);
  say(`seed ${seed}, ${Math.round((Date.now() - started) / 1000)} s: ${summary(reports)}`);
  if (refusals.length > 0) say(`refused by name:\n${refusals.join("\n")}`);
  if (failures.length > 0) say(`refused by PostgreSQL and by Firn:\n${failures.join("\n")}`);
  if (duckdbFailures.length > 0) say(`refused by DuckDB:\n${duckdbFailures.join("\n")}`);
  if (sum(reports, (report) => report.differences) > 0) process.exitCode = 1;
  if (reports.length < chunks.length) {
    process.exitCode = 1;
    say(`${chunks.length - reports.length} chunks are left: go on with --seed ${seed} --resume`);
  }
}

await (options.worker ? work() : lead());
