// The measured process of the benchmark `memory`: arguments are a directory for its files and the file for its cases.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BATCH_ROWS, vectorFromScalars, type Batch } from "#columnar";
import { systemClock } from "#core";
import { executeQuery } from "#query";
import type { ObjectStore } from "#storage";
import { createDiskStore } from "../support/disk-store.ts";
import { createQueryLake, type QueryLake } from "../support/query-lake.ts";
import type { BenchCase } from "./measure.ts";

const MEGABYTE = 1024 * 1024;
const BUDGET_MB = Number(process.env["BENCH_BUDGET_MB"] ?? 96);
const TIMES_BUDGET = Number(process.env["BENCH_TIMES"] ?? 10);
/** A row in memory: a number and three texts of 14, 30 and 34 bytes with their places. */
const ROW_BYTES = 98;
const ROWS = Math.ceil((BUDGET_MB * MEGABYTE * TIMES_BUDGET) / ROW_BYTES);
const FILE_ROWS = 500_000;
/** What an isolate of Workers has. */
const ISOLATE_MB = 128;
/** What the query Worker's isolate holds after its first query: V8's own figure in workerd 1.20261102. */
const IDLE_MB = 12;
/** Garbage is collected no more often than this, milliseconds. */
const PERIOD_MS = 1000;

/** Rows of the sort that keeps only the first. */
const TOP_ROWS = Math.floor(ROWS / 100);

const WIDE = "id, account, name, note";

/** Each over all rows, which are all different; and the rows that must come out. */
const QUERIES: Readonly<Record<string, readonly [sql: string, rows: number]>> = {
  "wide scan": ["SELECT count(*) AS n FROM t WHERE length(name) + length(note) + length(account) > 9", 1],
  "big result": [`SELECT ${WIDE} FROM t`, ROWS],
  filter: [`SELECT ${WIDE} FROM t WHERE name || note <> 'none' AND id >= 0`, ROWS],
  sort: [`SELECT ${WIDE} FROM t ORDER BY name`, ROWS],
  "top n": [`SELECT ${WIDE} FROM t ORDER BY note DESC LIMIT ${TOP_ROWS}`, TOP_ROWS],
  aggregate: [`SELECT ${WIDE}, count(*) AS n FROM t GROUP BY ${WIDE}`, ROWS],
  distinct: [`SELECT DISTINCT ${WIDE} FROM t`, ROWS],
  join: ["SELECT a.id, b.account, b.name, b.note FROM t AS a JOIN t AS b ON a.name = b.name", ROWS],
  "count distinct": ["SELECT count(DISTINCT name) AS n FROM t", 1],
  window: [`SELECT ${WIDE}, row_number() OVER (PARTITION BY account ORDER BY name) AS n FROM t`, ROWS],
  "one partition": [`SELECT ${WIDE}, sum(id) OVER (ORDER BY name) AS n FROM t`, ROWS],
  percentile: ["SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) AS n FROM t", 1],
  "grouping sets": [
    "SELECT name, note, count(*) AS n FROM t GROUP BY GROUPING SETS ((name, note), (account), ())",
    ROWS + Math.min(ROWS, 100_000) + 1,
  ],
  "set operation": [`SELECT ${WIDE} FROM t EXCEPT SELECT ${WIDE} FROM t WHERE id < 0`, ROWS],
};

function* makeBatches(first: number, end: number): Generator<Batch> {
  for (let start = first; start < end; start += BATCH_ROWS) {
    const rowCount = Math.min(BATCH_ROWS, end - start);
    const ids = Array.from({ length: rowCount }, (_, i) => start + i);
    const mixed = ids.map((id) => Math.imul(id, 0x9e37_79b1) >>> 0);
    const text = (make: (value: number) => string): Batch["columns"][number] =>
      vectorFromScalars({ kind: "string" }, mixed.map(make));
    yield {
      rowCount,
      columns: [
        vectorFromScalars({ kind: "int64" }, ids),
        text((value) => `account-${String(value % 100_000).padStart(6, "0")}`),
        text((value) => `the-name-of-number-${String(value).padStart(11, "0")}`),
        text((value) => `${value.toString(16).padStart(8, "0")}-a-note-that-differs-too`),
      ],
    };
  }
}

let before = 0;
let peak = 0;
let lookedMs = 0;

function usedBytes(): number {
  // The first leaves buffers it found free to a thread that sweeps them later; the second waits for it.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function look(): void {
  const now = performance.now();
  if (now - lookedMs < PERIOD_MS) return;
  peak = Math.max(peak, usedBytes() - before);
  lookedMs = performance.now();
}

/** The store, looked at when a request begins and when it has its answer. */
function watched(store: ObjectStore): ObjectStore {
  return {
    ...store,
    async getRange(...args) {
      look();
      const bytes = await store.getRange(...args);
      look();
      return bytes;
    },
    async put(...args) {
      look();
      return store.put(...args);
    },
  };
}

async function countRows(lake: QueryLake, sql: string): Promise<{ rows: number; accounted: number }> {
  const reply = await executeQuery(
    { ...lake.deps(), clock: systemClock },
    {
      sql,
      format: "arrow",
      cache: "bypass",
      limits: { rows: 1e9, resultBytes: 1e11, scannedBytes: 1e11, memoryBytes: BUDGET_MB * MEGABYTE, timeMs: 300_000 },
    },
    { queryId: "q", userId: "u" },
  );
  if (!reply.ok) throw new Error(`${reply.problem.code}: ${reply.problem.detail}`);
  if (reply.body instanceof Uint8Array) return counts(reply.stats);
  const reader = reply.body.getReader();
  while (!(await reader.read()).done) look();
  const report = await reply.finished?.();
  if (report === undefined || report.problem !== undefined) throw new Error(report?.problem?.detail ?? "no report");
  return counts(report.stats);
}

function counts(stats: { readonly rows_returned: number; readonly memory_peak_bytes: number }): {
  rows: number;
  accounted: number;
} {
  return { rows: stats.rows_returned, accounted: stats.memory_peak_bytes };
}

const [directory = "", output = ""] = process.argv.slice(2);
const lake = await createQueryLake(watched(createDiskStore(join(directory, "lake"))));
await lake.createTable("t", [
  ["id", "long"],
  ["account", "string"],
  ["name", "string"],
  ["note", "string"],
]);
const writingMs = performance.now();
for (let first = 0; first < ROWS; first += FILE_ROWS) {
  await lake.appendBatches("t", [...makeBatches(first, Math.min(ROWS, first + FILE_ROWS))]);
}
console.log(
  `${ROWS.toLocaleString("en-US")} rows, ${TIMES_BUDGET} × a budget of ${BUDGET_MB} MB, ` +
    `written in ${((performance.now() - writingMs) / 1000).toFixed(0)} s`,
);
await countRows(lake, "SELECT count(*) AS n FROM t WHERE name < 'the-name-of-number-1'");
before = usedBytes();
const only = process.env["BENCH_ONLY"]?.split(",");
const cases: BenchCase[] = [];
for (const [name, [sql, rows]] of Object.entries(QUERIES)) {
  if (only !== undefined && !only.includes(name)) continue;
  peak = 0;
  const start = performance.now();
  const cpu = process.cpuUsage();
  try {
    const found = await countRows(lake, sql);
    await lake.settle();
    if (found.rows !== rows) throw new Error(`${found.rows} rows of ${rows}`);
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const held = peak / MEGABYTE;
    console.log(
      `  ${name}: ${rows} rows in ${seconds.toFixed(0)} s, CPU ${((user + system) / 1e6).toFixed(0)} s, accounted ${(found.accounted / MEGABYTE).toFixed(0)} MB, ` +
        `held ${held.toFixed(0)} MB, an isolate ${(held + IDLE_MB).toFixed(0)} MB`,
    );
    cases.push({ name, unit: "MB", firn: held + IDLE_MB, peers: { isolate: ISOLATE_MB } });
  } catch (error) {
    console.log(`  ${name}: FAILED: ${String(error).slice(0, 300)}`);
  }
}
writeFileSync(output, JSON.stringify(cases));
