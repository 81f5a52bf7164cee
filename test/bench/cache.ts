// What the cache saves: dashboards over five million rows, asked again, and asked after one percent of new data arrived.
// The peer is Firn itself with the cache off, in the same run. Times are those of whole HTTP requests over an open
// connection, past wrangler's own proxy; what of them is the request alone is printed first. BENCH_ROWS: other sizes.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { median } from "../../scripts/lib/statistics.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { connectCatalog, createBenchTable, writeEventFiles } from "./events-table.ts";
import { openConnection, type Send } from "./keep-alive.ts";
import { roundsFor, timeMs, type BenchCase } from "./measure.ts";
import { runtimeUrl } from "./runtime-url.ts";

const OLD_DAYS = 100;
const ROWS = Number(process.env["BENCH_ROWS"] ?? 5_000_000);
/** Each new day is one percent of the old ones. */
const NEW_DAYS = ROWS > 10_000_000 ? 2 : 5;
const DAYS = OLD_DAYS + NEW_DAYS;
const SHAPE = { rows: (ROWS / OLD_DAYS) * DAYS, days: DAYS, filesPerDay: 1, users: 100_000 };
/** What is computed over all rows may take longer than queries usually may. */
const LIMITS = { timeMs: 300_000 };
/** Requests until the runtime has compiled what a repeat runs, and requests that are then timed. */
const WARM_REPEATS = 300;
const REPEATS = 100;
const DIRECTORY = join(ROOT, ".cache", "bench-cache");

const DASHBOARDS: Readonly<Record<string, string>> = {
  "events by type": "SELECT event_type, count(*) AS n, max(timestamp) AS newest FROM events GROUP BY 1 ORDER BY 1",
  // By day they would be answered from metadata, cached or not.
  "events by hour": "SELECT date_trunc('hour', timestamp) AS h, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
  "purchases of a window":
    "SELECT date_trunc('day', timestamp) AS d, count(*) AS n, avg((properties ->> 'amount')::numeric) AS mean FROM events WHERE event_type = 'purchase' AND timestamp >= '2024-01-15' GROUP BY 1 ORDER BY 1",
};

interface Reply {
  readonly rows: readonly unknown[];
  readonly cache: string;
  readonly profile: { readonly stats: { readonly bytes_scanned: number } };
}

interface Figures {
  readonly repeatMs: number;
  readonly withinAgeMs: number;
  readonly coldMs: number;
  readonly grown: {
    readonly ms: number;
    readonly bytes: number;
    readonly coldMs: number;
    readonly coldBytes: number;
  }[];
}

/** Asks one question over the connection. */
type Ask = (question: Readonly<Record<string, unknown>>) => Promise<string>;

/** Measures repeats and growth; throws when a cached answer differs from a computed one. */
export async function run(): Promise<readonly BenchCase[]> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
  const { send, close } = openConnection(await runtimeUrl(firn));
  try {
    const catalog = connectCatalog(firn);
    console.log(`writing ${ROWS.toLocaleString("en-US")} events and ${NEW_DAYS} times one percent more…`);
    const { files, bytes } = await writeEventFiles(firn, catalog, SHAPE);
    await createBenchTable(catalog, "events", files.slice(0, OLD_DAYS));
    console.log(`${(bytes / 1e6).toFixed(0)} MB of Parquet`);
    const ask: Ask = (question) => send("POST", "/v1/query", firn.tokens.QUERY_TOKEN, { ...question, limits: LIMITS });
    console.log(`a request that does nothing (/healthz): ${(await timeEmpty(send)).toFixed(2)} ms`);
    const measured: [string, Figures][] = [];
    for (const [name, sql] of Object.entries(DASHBOARDS)) {
      const figures = await measureRepeats(ask, sql);
      const { coldMs, repeatMs, withinAgeMs } = figures;
      const times = (ms: number): string => `${ms.toFixed(2)} ms, ${(coldMs / ms).toFixed(0)} × faster`;
      console.log(`  ${name}: ${coldMs.toFixed(0)} ms; again ${times(repeatMs)}; within maxAge ${times(withinAgeMs)}`);
      measured.push([name, figures]);
    }
    for (let day = OLD_DAYS; day < DAYS; day++) {
      await createBenchTable(catalog, "events", files.slice(day, day + 1));
      for (const [name, { grown }] of measured) grown.push(await measureGrown(ask, DASHBOARDS[name] ?? ""));
    }
    return measured.flatMap(([name, figures]) => toCases(name, figures));
  } finally {
    close();
    await firn.stop();
  }
}

async function timeEmpty(send: Send): Promise<number> {
  const figures: number[] = [];
  for (let i = 0; i < WARM_REPEATS; i++) figures.push(await timeMs(() => send("GET", "/healthz")));
  return median(figures.slice(-REPEATS));
}

async function timeProfile(ask: Ask, sql: string, cache: "use" | "bypass"): Promise<{ reply: Reply; ms: number }> {
  let text = "";
  const ms = await timeMs(async () => {
    text = await ask({ sql, cache, profile: true });
  });
  return { reply: JSON.parse(text) as Reply, ms };
}

async function measureRepeats(ask: Ask, sql: string): Promise<Figures> {
  const bypassed = (): Promise<number> => timeMs(() => ask({ sql, cache: "bypass" }));
  await bypassed();
  const cold = [await bypassed()];
  for (const rounds = Math.min(5, roundsFor(cold[0] ?? 0)); cold.length < rounds;) cold.push(await bypassed());
  const repeated = async (question: Readonly<Record<string, unknown>>): Promise<number> => {
    const figures: number[] = [];
    for (let round = 0; round < WARM_REPEATS + REPEATS; round++) figures.push(await timeMs(() => ask(question)));
    return median(figures.slice(-REPEATS));
  };
  return {
    repeatMs: await repeated({ sql }),
    withinAgeMs: await repeated({ sql, maxAge: 300 }),
    coldMs: median(cold),
    grown: [],
  };
}

async function measureGrown(ask: Ask, sql: string): Promise<Figures["grown"][number]> {
  const cached = await timeProfile(ask, sql, "use");
  const cold = await timeProfile(ask, sql, "bypass");
  if (cached.reply.cache !== "partial") throw new Error(`answered from ${cached.reply.cache}: ${sql}`);
  if (JSON.stringify(cached.reply.rows) !== JSON.stringify(cold.reply.rows)) throw new Error(`answers differ: ${sql}`);
  return {
    ms: cached.ms,
    bytes: cached.reply.profile.stats.bytes_scanned,
    coldMs: cold.ms,
    coldBytes: cold.reply.profile.stats.bytes_scanned,
  };
}

function toCases(name: string, { repeatMs, withinAgeMs, coldMs, grown }: Figures): BenchCase[] {
  const middle = (pick: (figures: Figures["grown"][number]) => number): number => median(grown.map(pick));
  return [
    { name: `${name}, again`, unit: "ms", firn: repeatMs, peers: { uncached: coldMs } },
    { name: `${name}, within maxAge`, unit: "ms", firn: withinAgeMs, peers: { uncached: coldMs } },
    {
      name: `${name}, 1 % more`,
      unit: "ms",
      firn: middle(({ ms }) => ms),
      peers: { uncached: middle((f) => f.coldMs) },
    },
    {
      name: `${name}, 1 % more, read`,
      unit: "bytes",
      firn: middle(({ bytes }) => bytes),
      peers: { uncached: middle((f) => f.coldBytes) },
    },
  ];
}
