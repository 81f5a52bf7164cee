// `npm run demo`: the whole loop on real events. Two hundred thousand real flights become events over HTTP, land in an
// Iceberg table, are queried cold and cached, compacted, watched, and repaired by the optimizer. Every answer is
// checked against the source file; any wrong step ends the demo with a non-zero exit.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { createFirnClient, type FirnClient, type Job } from "./lib/firn-client.ts";
import { flightEvents } from "./lib/flights.ts";
import { createTokens, freePort, startLocalFirn, type LocalFirn } from "./lib/local-firn.ts";
import { ROOT } from "./lib/worker-configs.ts";
import { median } from "./lib/statistics.ts";

const FLIGHTS = Number(process.env["DEMO_FLIGHTS"] ?? 200_000);
const BATCH = 1_000;
/** Flushing this often is what a quiet day does to a table: many small files. */
const EVENTS_PER_FLUSH = 10_000;
const REPEATS = 5;
const DIRECTORY = join(ROOT, ".wrangler", "demo");

const DASHBOARD_SQL = `
  SELECT date_trunc('day', timestamp) AS day, event_type, count(*) AS flights
  FROM events WHERE timestamp >= '2001-01-03' AND timestamp < '2001-01-10'
  GROUP BY 1, 2 ORDER BY 1, 2`;
const QUERIES: Readonly<Record<string, string>> = {
  "flights by outcome": "SELECT event_type, count(*) AS flights FROM events GROUP BY 1 ORDER BY 1",
  "a week by day": DASHBOARD_SQL,
  "one airport": "SELECT count(*) AS flights FROM events WHERE user_id = 'SEA' AND timestamp < '2001-01-05'",
  "busiest routes":
    "SELECT session_id AS route, count(*) AS flights FROM events GROUP BY 1 ORDER BY flights DESC, route LIMIT 5",
};
/** What the optimizer watches in the demo: the same thresholds as in production over seconds instead of hours. */
const DEMO_THRESHOLDS = {
  baseline_window_seconds: 600,
  baseline_refresh_seconds: 0,
  min_samples: 8,
  alert_min_increase_ms: 5,
  small_files_min: 30,
  table_cooldown_seconds: 0,
  verify_min_samples: 3,
};

/** Executions of the dashboard query the optimizer judges at a time; above its min_samples. */
const DASHBOARD_RUNS = 20;
const WINDOW_MARGIN_MS = 2000;

/** Counts made from the source file while sending: what every answer is checked against. */
interface Truth {
  readonly byType: Map<string, number>;
  readonly byRoute: Map<string, number>;
  seattleBefore5th: number;
  total: number;
}

interface TableInfo {
  readonly files: number;
  readonly bytes: number;
}

const problems: string[] = [];

function check(what: string, isRight: boolean, detail: unknown = ""): void {
  if (!isRight) problems.push(what);
  console.log(`  ${isRight ? "✓" : "✗"} ${what}${isRight ? "" : `  ${JSON.stringify(detail)}`}`);
}

function heading(text: string): void {
  console.log(`\n${text}`);
}

function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r  ${text}\u001B[K`);
}

function endProgress(): void {
  if (process.stdout.isTTY) process.stdout.write("\r\u001B[K");
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

async function sendFlights(client: FirnClient): Promise<Truth> {
  const truth: Truth = { byType: new Map(), byRoute: new Map(), seattleBefore5th: 0, total: 0 };
  const startMs = performance.now();
  for await (const batch of flightEvents(FLIGHTS, BATCH)) {
    for (const event of batch) {
      increment(truth.byType, event.event_type);
      increment(truth.byRoute, event.session_id);
      if (event.user_id === "SEA" && event.timestamp < "2001-01-05") truth.seattleBefore5th += 1;
    }
    await client.ingest(batch);
    truth.total += batch.length;
    if (truth.total % EVENTS_PER_FLUSH === 0) await client.flush();
    progress(`${truth.total.toLocaleString("en-US")} of ${FLIGHTS.toLocaleString("en-US")} flights sent`);
  }
  await client.flush();
  endProgress();
  const seconds = (performance.now() - startMs) / 1000;
  console.log(
    `  ${truth.total.toLocaleString("en-US")} flights acknowledged and flushed in ${seconds.toFixed(1)} s` +
      ` (${Math.round(truth.total / seconds).toLocaleString("en-US")} events/s, one client, batches of ${BATCH})`,
  );
  return truth;
}

async function tableInfo(client: FirnClient): Promise<TableInfo> {
  const table = await client.request<Record<string, unknown>>("GET", "/v1/tables/default/events", "QUERY_TOKEN");
  return { files: Number(table["files"]), bytes: Number(table["bytes"]) };
}

async function timedQuery(
  client: FirnClient,
  sql: string,
  options: Readonly<Record<string, unknown>>,
): Promise<{ ms: number; rows: string; cache: string }> {
  const start = performance.now();
  const reply = await client.query(sql, options);
  return { ms: performance.now() - start, rows: JSON.stringify(reply.rows), cache: String(reply.cache) };
}

/** Median uncached and cached latency of every query; answers must agree. */
async function measureQueries(
  client: FirnClient,
): Promise<Map<string, { cold: number; cached: number; rows: string }>> {
  const measured = new Map<string, { cold: number; cached: number; rows: string }>();
  for (const [name, sql] of Object.entries(QUERIES)) {
    const cold = [];
    for (let i = 0; i < REPEATS; i++) cold.push(await timedQuery(client, sql, { cache: "bypass" }));
    await client.query(sql);
    const cached = [];
    for (let i = 0; i < REPEATS; i++) cached.push(await timedQuery(client, sql, {}));
    const rows = cold[0]?.rows ?? "";
    check(
      `${name}: every repeat answers alike, from the cache too`,
      [...cold, ...cached].every((answer) => answer.rows === rows) &&
        cached.every(({ cache }) => cache === "memory" || cache === "kv"),
      cached.map(({ cache }) => cache),
    );
    measured.set(name, { cold: median(cold.map(({ ms }) => ms)), cached: median(cached.map(({ ms }) => ms)), rows });
  }
  return measured;
}

function checkAgainstSource(truth: Truth, answers: ReadonlyMap<string, { rows: string }>): void {
  const rowsOf = (name: string): Record<string, unknown>[] =>
    JSON.parse(answers.get(name)?.rows ?? "[]") as Record<string, unknown>[];
  const byType = Object.fromEntries(
    rowsOf("flights by outcome").map((row) => [String(row["event_type"]), Number(row["flights"])]),
  );
  check(
    "flights by outcome equal the source file",
    JSON.stringify(byType) ===
      JSON.stringify(Object.fromEntries([...truth.byType].toSorted(([a], [b]) => (a < b ? -1 : 1)))),
    byType,
  );
  check(
    "one airport equals the source file",
    Number(rowsOf("one airport")[0]?.["flights"]) === truth.seattleBefore5th,
    rowsOf("one airport"),
  );
  const busiest = [...truth.byRoute].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, 5);
  check(
    "busiest routes equal the source file",
    JSON.stringify(rowsOf("busiest routes").map((row) => [row["route"], Number(row["flights"])])) ===
      JSON.stringify(busiest),
    busiest,
  );
}

async function compactWithProgress(client: FirnClient): Promise<Job> {
  const job = await client.runJob("/admin/compact", { aggressive: true, minFileSize: "50MB" }, ({ progress: done }) =>
    progress(`compacting: ${(done["percent"] ?? 0).toFixed(0)} % of ${done["files_total"]} files`),
  );
  endProgress();
  return job;
}

interface DashboardRun {
  /** Codes of the alerts that are active after the cron ran. */
  readonly alerts: readonly string[];
  readonly p95: number;
}

/**
 * Runs the dashboard query a fixed number of times, tells the optimizer that this span is its evaluation window, and
 * lets its cron run: what it judges does not depend on how fast the machine is.
 */
async function runDashboard(client: FirnClient, firn: LocalFirn): Promise<DashboardRun> {
  const latencies: number[] = [];
  // The window is counted in whole seconds back from the cron's run: nothing from before may fall into it.
  await new Promise((resolve) => setTimeout(resolve, WINDOW_MARGIN_MS));
  const startMs = Date.now();
  while (latencies.length < DASHBOARD_RUNS) {
    latencies.push((await timedQuery(client, DASHBOARD_SQL, { cache: "bypass" })).ms);
    progress(`dashboard query runs: ${latencies.length}`);
  }
  await client.request("PUT", "/admin/optimizer/config", "ADMIN_TOKEN", {
    evaluation_window_seconds: Math.ceil((Date.now() - startMs + WINDOW_MARGIN_MS / 2) / 1000),
  });
  await firn.tick();
  endProgress();
  const { alerts } = await client.request<{ alerts: readonly { code: string }[] }>(
    "GET",
    "/admin/optimizer/alerts?active=true",
    "ADMIN_TOKEN",
  );
  return {
    alerts: alerts.map(({ code }) => code).toSorted((x, y) => (x < y ? -1 : 1)),
    p95: latencies.toSorted((x, y) => x - y)[Math.floor(latencies.length * 0.95)] ?? Number.NaN,
  };
}

/** A second week of flights in tiny flushes, as from many quiet hours: the regression the optimizer must repair. */
async function snowstorm(client: FirnClient): Promise<number> {
  const flushes = 60;
  for (let i = 0; i < flushes; i++) {
    const events = Array.from({ length: 14 }, (_, j) => ({
      event_id: `late-${i}-${j}`,
      event_type: "late_report",
      timestamp: new Date(Date.UTC(2001, 0, 3 + (j % 7), 12, i)).toISOString(),
      user_id: "SEA",
    }));
    await client.ingest(events);
    await client.flush();
    progress(`${i + 1} of ${flushes} small flushes`);
  }
  endProgress();
  return flushes * 14;
}

async function demo(firn: LocalFirn): Promise<void> {
  const client = createFirnClient(firn.url, firn.tokens);

  heading(`1. Ingest: ${FLIGHTS.toLocaleString("en-US")} real flights with their true departure times, over HTTP`);
  const truth = await sendFlights(client);
  const { rows: counted } = await client.query("SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM events");
  check(
    "every flight is in the table once",
    Number(counted[0]?.["n"]) === truth.total && Number(counted[0]?.["ids"]) === truth.total,
    counted,
  );
  for await (const batch of flightEvents(BATCH, BATCH)) {
    const again = await client.ingest(batch);
    check(
      "a batch sent again is recognised as duplicates",
      again.duplicates === batch.length && again.accepted === 0,
      again,
    );
  }
  await client.ingest([{ event_id: "fresh", event_type: "fresh", timestamp: "2001-01-04T00:00:00Z" }]);
  const fresh = await client.query("SELECT count(*) AS n FROM events WHERE event_type = 'fresh'");
  check("an acknowledged event is in the very next query", Number(fresh.rows[0]?.["n"]) === 1, fresh.rows);
  await client.flush();
  truth.byType.set("fresh", 1);

  heading("2. Query: cold (cache bypassed) and cached");
  const before = await measureQueries(client);
  checkAgainstSource(truth, before);
  truth.byType.delete("fresh");

  heading("3. Compaction, while every answer stays the same");
  const filesBefore = await tableInfo(client);
  const job = await compactWithProgress(client);
  const filesAfter = await tableInfo(client);
  const after = await measureQueries(client);
  for (const name of Object.keys(QUERIES))
    check(`${name}: same answer after`, before.get(name)?.rows === after.get(name)?.rows);
  check("fewer files", filesAfter.files < filesBefore.files, { filesBefore, filesAfter });

  heading("4. The optimizer: a baseline, a regression, an alert, a repair, all clear");
  await client.request("PUT", "/admin/optimizer/config", "ADMIN_TOKEN", { ...DEMO_THRESHOLDS, enabled: false });
  await runDashboard(client, firn);
  const calm = await runDashboard(client, firn);
  check("with the compacted table there is no alert", calm.alerts.length === 0, calm);
  const late = await snowstorm(client);
  const slow = await runDashboard(client, firn);
  check(
    "small files slow the dashboard: the alert is raised",
    slow.alerts.includes("QueryPerformanceDegradation"),
    slow,
  );
  check(
    "and TooManySmallFiles, because the optimizer may not act yet",
    slow.alerts.includes("TooManySmallFiles"),
    slow,
  );
  await client.request("PUT", "/admin/optimizer/config", "ADMIN_TOKEN", { enabled: true });
  await firn.tick();
  const action = await waitForAction(client, firn);
  check("the optimizer, switched on, compacts the table by itself", action !== undefined, action);
  const repaired = await runDashboard(client, firn);
  check("both alerts are resolved", repaired.alerts.length === 0, repaired);
  const { rows: all } = await client.query("SELECT count(*) AS n FROM events", { cache: "bypass" });
  check("nothing was lost or doubled on the way", Number(all[0]?.["n"]) === truth.total + 1 + late, all);

  heading("5. The same, as the engine's own query_logs tell it");
  const logged = await client.query(
    `SELECT cache, count(*) AS queries, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY latency)::numeric, 1)::float8 AS p50_ms,
            round(percentile_cont(0.95) WITHIN GROUP (ORDER BY latency)::numeric, 1)::float8 AS p95_ms,
            round(avg(files_scanned), 1)::float8 AS files, sum(bytes_scanned) AS bytes
     FROM query_logs WHERE success AND timestamp > now() - interval '1 hour' GROUP BY cache ORDER BY cache`,
  );
  console.table(logged.rows);
  check(
    "query_logs has the demo's queries",
    logged.rows.reduce((sum, row) => sum + Number(row["queries"]), 0) > 50,
    logged.rows,
  );

  heading("Report");
  console.log(
    `  compaction: ${filesBefore.files} → ${filesAfter.files} files, ${mb(filesBefore.bytes)} → ${mb(filesAfter.bytes)}, ${milliseconds(Number(job.result?.["duration_ms"]))}`,
  );
  console.table(
    Object.fromEntries(
      Object.keys(QUERIES).map((name) => [
        name,
        {
          "cold before": milliseconds(before.get(name)?.cold ?? Number.NaN),
          "cold after compaction": milliseconds(after.get(name)?.cold ?? Number.NaN),
          cached: milliseconds(after.get(name)?.cached ?? Number.NaN),
        },
      ]),
    ),
  );
  console.log(
    `  optimizer: dashboard p95 ${milliseconds(calm.p95)} normal, ${milliseconds(slow.p95)} with small files, ${milliseconds(repaired.p95)} repaired` +
      (action === undefined ? "" : `; expected ${action.expected.files_before} → ${action.expected.files_after} files`),
  );
}

interface Action {
  readonly table: string;
  readonly state: string;
  readonly expected: { readonly files_before: number; readonly files_after: number };
}

/** Ticks until the optimizer's action on the events table has left `running`; undefined when it never does well. */
async function waitForAction(client: FirnClient, firn: LocalFirn): Promise<Action | undefined> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline;) {
    const { actions } = await client.request<{ actions: readonly Action[] }>(
      "GET",
      "/admin/optimizer/actions",
      "ADMIN_TOKEN",
    );
    const action = actions.find(({ table }) => table === "default.events");
    if (action?.state === "failed") return undefined;
    if (action !== undefined && action.state !== "running") return action;
    progress("the optimizer's compaction runs");
    await new Promise((resolve) => setTimeout(resolve, 500));
    await firn.tick();
  }
  return undefined;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

rmSync(DIRECTORY, { recursive: true, force: true });
console.log("Starting five Workers locally…");
const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
console.log(`Firn runs at ${firn.url}`);
try {
  await demo(firn);
} catch (error) {
  problems.push(String(error));
  console.error(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
} finally {
  await firn.stop();
}
console.log(
  problems.length === 0
    ? "\nEvery step gave the right result."
    : `\n${problems.length} step(s) went wrong:\n  ${problems.join("\n  ")}`,
);
process.exit(problems.length === 0 ? 0 : 1);
