// Twenty event queries over five million rows, in workerd, beside native DuckDB on one thread over the same files.
// Result cache off, metadata and code warm. Firn's time is the whole HTTP request, past wrangler's own proxy; DuckDB's is
// the call. Bytes read are those of column chunks: Firn's by its statistics, DuckDB's by its log of file reads.
// Two more peers run in Node, each query once: duckdb-wasm over tables in its memory, since it has no Parquet reader as
// shipped, and hyparquet with squirreling over the first tenth of the rows; "—" is what they cannot do in their time.
// BENCH_ROWS: other sizes. BENCH_PEERS=0: DuckDB alone.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { createFirnClient, type FirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { median } from "../../scripts/lib/statistics.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { connectDuckDB, createEventsView, createReadCounter, duckdbRows } from "./duckdb.ts";
import { connectCatalog, createBenchTable, writeEventFiles } from "./events-table.ts";
import { interleave, roundsFor, timeMs, type BenchCase } from "./measure.ts";
import { openQueryPeer, type QueryPeer } from "./query-peers.ts";
import { runtimeUrl } from "./runtime-url.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 5_000_000);
/** Files of about a million rows, as compaction leaves them where a day has that many. */
const SHAPE = { rows: ROWS, days: 10, filesPerDay: Math.max(1, Math.round(ROWS / 10 / 1_000_000)), users: 100_000 };
/** The peers in Node get this long; with all queries timed out the whole run still ends within minutes. */
const WASM_LIMITS = { openMs: 120_000, queryMs: 10_000 };
const SCRIPT_LIMITS = { openMs: 20_000, queryMs: 4_000 };
const WARM_REQUESTS = 60;
const DIRECTORY = join(ROOT, ".cache", "bench-query");

/** FROM is written as `events`; both engines have a table or view of that name. Answers must be equal. */
export const EVENT_QUERIES: Readonly<Record<string, string>> = {
  "count all": "SELECT count(*) AS n FROM events",
  "group by type": "SELECT event_type, count(*) AS n FROM events GROUP BY event_type ORDER BY event_type",
  "group by hour": "SELECT date_trunc('hour', timestamp) AS h, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
  "one day by type":
    "SELECT event_type, count(*) AS n FROM events WHERE timestamp >= '2024-01-03' AND timestamp < '2024-01-04' GROUP BY 1 ORDER BY 1",
  "one user":
    "SELECT event_type, timestamp FROM events WHERE user_id = 'user-4242' ORDER BY timestamp, event_type LIMIT 20",
  "distinct users": "SELECT count(DISTINCT user_id) AS users FROM events",
  "distinct users by day":
    "SELECT date_trunc('day', timestamp) AS d, count(DISTINCT user_id) AS users FROM events GROUP BY 1 ORDER BY 1",
  "top users": "SELECT user_id, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC, user_id LIMIT 10",
  "filtered funnel":
    "SELECT count(*) FILTER (WHERE event_type = 'page_view') AS views, count(*) FILTER (WHERE event_type = 'purchase') AS purchases FROM events",
  "two keys":
    "SELECT date_trunc('day', timestamp) AS d, event_type, count(*) AS n, min(timestamp) AS first FROM events GROUP BY 1, 2 ORDER BY 1, 2",
  "newest rows": "SELECT timestamp, event_id, user_id FROM events ORDER BY timestamp DESC, event_id LIMIT 10",
  "first and last": "SELECT min(timestamp) AS first, max(timestamp) AS last FROM events",
  "users like": "SELECT count(*) AS n FROM events WHERE user_id LIKE 'user-42%'",
  "case buckets":
    "SELECT CASE WHEN event_type IN ('checkout', 'purchase') THEN 'buys' WHEN event_type LIKE '%log%' THEN 'account' ELSE 'visits' END AS kind, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
  "hours of the day":
    "SELECT extract(hour FROM timestamp) AS h, count(*) AS n, count(*) FILTER (WHERE event_type = 'error') AS errors FROM events GROUP BY 1 ORDER BY 1",
  "events a user":
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS half, percentile_cont(0.99) WITHIN GROUP (ORDER BY n) AS most FROM (SELECT user_id, count(*) AS n FROM events GROUP BY 1) AS users",
  "running total":
    "SELECT h, sum(n) OVER (ORDER BY h) AS total FROM (SELECT date_trunc('hour', timestamp) AS h, count(*) AS n FROM events WHERE event_type = 'purchase' GROUP BY 1) AS hours ORDER BY h",
  "best buyers by day":
    "SELECT d, user_id, n FROM (SELECT d, user_id, n, row_number() OVER (PARTITION BY d ORDER BY n DESC, user_id) AS place FROM (SELECT date_trunc('day', timestamp) AS d, user_id, count(*) AS n FROM events WHERE event_type = 'purchase' GROUP BY 1, 2) AS days) AS ranked WHERE place <= 3 ORDER BY d, place",
  "buyers who return":
    "SELECT count(*) AS n FROM (SELECT DISTINCT user_id FROM events WHERE event_type = 'purchase' AND timestamp < '2024-01-02') AS a JOIN (SELECT user_id, count(*) AS events FROM events WHERE timestamp >= '2024-01-05' AND timestamp < '2024-01-06' GROUP BY 1) AS b ON a.user_id = b.user_id",
  "events of buyers":
    "SELECT event_type, count(*) AS n FROM events WHERE timestamp >= '2024-01-04' AND timestamp < '2024-01-06' AND user_id IN (SELECT user_id FROM events WHERE event_type = 'purchase' AND timestamp >= '2024-01-04' AND timestamp < '2024-01-04 01:00:00') GROUP BY 1 ORDER BY 1",
};

/** Measures every query; throws when an answer differs from DuckDB's row count or counts. */
export async function run(): Promise<readonly BenchCase[]> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
  try {
    const catalog = connectCatalog(firn);
    console.log(`writing ${SHAPE.rows.toLocaleString("en-US")} events in ${SHAPE.days * SHAPE.filesPerDay} files…`);
    const table = await writeEventFiles(firn, catalog, SHAPE, join(DIRECTORY, "files"));
    await createBenchTable(catalog, "events", table.files);
    console.log(`${(table.bytes / 1e6).toFixed(0)} MB of Parquet`);
    const duckdb = await connectDuckDB();
    await createEventsView(duckdb, table.localPaths);
    const readByDuckdb = await createReadCounter(table.localPaths);
    const peers = await openPeers(table.localPaths);
    const url = await runtimeUrl(firn);
    const client = createFirnClient(url, firn.tokens);
    await warmUp(url, client);
    const cases: BenchCase[] = [];
    for (const [name, sql] of Object.entries(EVENT_QUERIES)) {
      const first = await client.query(sql, { cache: "bypass", profile: true });
      const firstMs = Math.max(
        await timeMs(async () => checkAnswer(name, first.rows, await duckdbRows(duckdb, sql))),
        1,
      );
      const slowestMs = Math.max(firstMs, await timeMs(() => client.query(sql, { cache: "bypass" })));
      const figures = await interleave(
        {
          firn: () => timeMs(() => client.query(sql, { cache: "bypass" })),
          duckdb: () => timeMs(() => duckdb.runAndReadAll(sql)),
        },
        roundsFor(slowestMs),
      );
      const others: Record<string, number> = {};
      for (const [name, peer] of Object.entries(peers)) {
        const ms = await peer.time(sql);
        if (ms !== undefined) others[name] = ms;
      }
      const { stats } = first["profile"] as { readonly stats: { readonly bytes_scanned: number } };
      cases.push({
        name,
        unit: "ms",
        firn: figures["firn"] ?? Number.NaN,
        peers: { duckdb: figures["duckdb"] ?? Number.NaN, ...others },
        read: { firn: stats.bytes_scanned, peer: await readByDuckdb(sql) },
      });
      const all = Object.entries({ ...figures, ...others }).map(([engine, ms]) => `${engine} ${ms.toFixed(1)} ms`);
      console.log(`  ${name}: ${all.join(", ")}`);
    }
    await Promise.all(Object.values(peers).map((peer) => peer.close()));
    return cases;
  } finally {
    await firn.stop();
  }
}

async function openPeers(paths: readonly string[]): Promise<Readonly<Record<string, QueryPeer>>> {
  if (process.env["BENCH_PEERS"] === "0") return {};
  // Its memory ends at 4 GiB.
  const wasm = ROWS > 10_000_000 ? undefined : await openQueryPeer("duckdb-wasm", paths, WASM_LIMITS);
  const tenth = paths.slice(0, SHAPE.filesPerDay);
  const script = ROWS > 10_000_000 ? undefined : await openQueryPeer("squirreling", tenth, SCRIPT_LIMITS);
  return {
    ...(wasm === undefined ? {} : { "duckdb-wasm": wasm }),
    ...(script === undefined ? {} : { "squirreling, 1/10 of rows": script }),
  };
}

/** Lets the runtime compile what every request runs, and says what a request costs that does nothing. */
async function warmUp(url: string, client: FirnClient): Promise<void> {
  for (let i = 0; i < WARM_REQUESTS; i++) await client.query("SELECT count(*) AS n FROM events", { cache: "bypass" });
  const empty: number[] = [];
  for (let i = 0; i < WARM_REQUESTS; i++) {
    empty.push(await timeMs(async () => (await fetch(`${url}/healthz`)).arrayBuffer()));
  }
  console.log(`a request that does nothing (/healthz): ${median(empty).toFixed(1)} ms`);
}

/** Numbers, times and text in one form: the two engines print times and 64-bit integers differently. */
function normalize(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (/^-?\d+$/.test(value)) return Number(value);
  return /^\d{4}-\d\d-\d\d[ T]/.test(value) ? Date.parse(value.replace(" ", "T").replace(/\+00$/, "Z")) : value;
}

/** Throws when the answers differ. */
function checkAnswer(
  name: string,
  firn: readonly Readonly<Record<string, unknown>>[],
  duckdb: readonly (readonly unknown[])[],
): void {
  const left = JSON.stringify(firn.map((row) => Object.values(row).map(normalize)));
  const right = JSON.stringify(duckdb.map((row) => row.map(normalize)));
  if (left !== right)
    throw new Error(`${name}: answers differ\n firn   ${left.slice(0, 400)}\n duckdb ${right.slice(0, 400)}`);
}
