// Twenty event queries over five million rows, in workerd, beside native DuckDB on one thread over the same files.
// Result cache off, metadata warm. Firn's time is the whole HTTP request; DuckDB's is the call.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { createFirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { connectDuckDB, duckdbRows } from "./duckdb.ts";
import { connectCatalog, createBenchTable, writeEventFiles } from "./events-table.ts";
import { interleave, timeMs, type BenchCase } from "./measure.ts";

const SHAPE = { rows: Number(process.env["BENCH_ROWS"] ?? 5_000_000), days: 10, filesPerDay: 1, users: 100_000 };
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
    await duckdb.run(
      `CREATE VIEW events AS SELECT * FROM read_parquet([${table.localPaths.map((path) => `'${path}'`).join(", ")}])`,
    );
    const client = createFirnClient(firn.url, firn.tokens);
    const cases: BenchCase[] = [];
    for (const [name, sql] of Object.entries(EVENT_QUERIES)) {
      const reply = await client.query(sql, { cache: "bypass" });
      checkAnswer(name, reply.rows, await duckdbRows(duckdb, sql));
      const figures = await interleave({
        firn: () => timeMs(() => client.query(sql, { cache: "bypass" })),
        duckdb: () => timeMs(() => duckdb.runAndReadAll(sql)),
      });
      cases.push({
        name,
        unit: "ms",
        firn: figures["firn"] ?? Number.NaN,
        peers: { duckdb: figures["duckdb"] ?? Number.NaN },
      });
      console.log(`  ${name}: firn ${figures["firn"]?.toFixed(1)} ms, duckdb ${figures["duckdb"]?.toFixed(1)} ms`);
    }
    return cases;
  } finally {
    await firn.stop();
  }
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
